#!/usr/bin/env bash
# Installs the bench that this action came with, unless one is there. Judging files takes seven small packages and no torch.
set -euo pipefail
if command -v bench >/dev/null || [ "${BENCH_INSTALL:-judge}" = none ]; then
  exit 0
fi
root=$(cd "$(dirname "$0")/../../.." && pwd)
case "${BENCH_INSTALL:-judge}" in
  judge)
    python -m pip install --quiet --disable-pip-version-check "click>=8.3.1" jinja2 numpy pyyaml rich scipy "sqlite-utils>=4.2,<5"
    python -m pip install --quiet --disable-pip-version-check --no-deps "$root"
    ;;
  all) python -m pip install --quiet --disable-pip-version-check "$root" ;;
  *)
    echo "install is '$BENCH_INSTALL'; judge, all or none" >&2
    exit 2
    ;;
esac
