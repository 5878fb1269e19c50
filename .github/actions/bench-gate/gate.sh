#!/usr/bin/env bash
# `bench gate` with the action's inputs. The exit code is the gate's own; job summary and annotations are written by bench.
set -uo pipefail
call=(bench gate)
[ -n "${BENCH_BASELINE:-}" ] && call+=(--baseline "$BENCH_BASELINE")
[ -n "${BENCH_CONFIG:-}" ] && call+=(--config "$BENCH_CONFIG")
[ -n "${BENCH_STORE:-}" ] && call+=(--store "$BENCH_STORE")
read -r -a more <<<"${BENCH_ARGS:-}"
call+=(${more[@]+"${more[@]}"} -- "${BENCH_CANDIDATE:?say which candidate}")

summary=${GITHUB_STEP_SUMMARY:-/dev/null}
size() { if [ -f "$summary" ]; then wc -c <"$summary"; else echo 0; fi; }
before=$(size)
"${call[@]}"
code=$?
if [ "$code" != 0 ] && [ "$(size)" = "$before" ]; then
  # a call that gave no verdict must not look like a checkpoint that got worse
  case "$code" in
    2) what="a mistake in the call or in bench.toml" ;;
    4) what="the two sides can't be compared" ;;
    5) what="there was nothing to compare" ;;
    *) what="bench itself failed" ;;
  esac
  printf '**bench gate gave no verdict** (exit %s: %s); the log of this step says why.\n' "$code" "$what" >>"$summary"
  printf '::error title=bench gate gave no verdict::exit %s: %s\n' "$code" "$what"
fi
printf 'exit-code=%s\n' "$code" >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"
