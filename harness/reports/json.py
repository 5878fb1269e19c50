"""The verdict as JSON: the contract that other programs read; the same two runs give the same bytes.

Example: {"schema_version": 1, "status": "fail", "exit_code": 3, "sentence": "Worse: …", "tasks": [{"task": "ceval", …
Numbers are cut to 12 significant digits: below that, processors differ in how they add.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.records import Verdict

DIGITS = 12


def render(verdict: Verdict) -> str:
    body = {"tool": "bench gate", **plain(asdict(verdict))}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Lists, dicts, strings and rounded floats, all the way down; `class_` is `class` outside Python."""
    if isinstance(value, Mapping):
        return {str(k).rstrip("_"): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value if value is None or isinstance(value, str | int | bool) else str(value)
