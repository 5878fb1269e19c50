"""The whole log of a training as JSON lines, kept beside its working state, and with the checkpoint when it is done.

Example: {"step": 20, "loss": 1.93, "learning_rate": 7.9e-05, "tokens": 18204, "seconds": 31.2, …}
         {"look": {"step": 20, "n": 64, "score": 0.41, "loss": 1.2, …}}
Trap: a training that was killed and goes on from step 100 must not keep what it had logged of steps 101 to 130.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "log.jsonl"
KEPT = "training_log.jsonl"  # its name in a checkpoint folder


def entries(path: Path) -> list[dict[str, Any]]:
    """What was logged; a line that a kill cut short is none."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def step_of(entry: Mapping[str, Any]) -> int:
    inner = entry.get("look")
    step = (inner if isinstance(inner, Mapping) else entry).get("step")
    return step if type(step) is int else 0


class Log:
    """Appended to line by line, so that a kill loses nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.entries: list[dict[str, Any]] = []

    def resume(self, step: int) -> None:
        """Go on behind this step: what was logged of later ones will happen again; at step 0 all of it will."""
        kept = entries(self._path) if self._path is not None and step else []
        self.entries = [e for e in kept if step_of(e) <= step]
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        aside.write_text("".join(map(_line, self.entries)), "utf-8")
        aside.replace(self._path)

    def add(self, entry: Mapping[str, Any]) -> None:
        self.entries.append(finite(entry))
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(self.entries[-1]))


def finite(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without NaN and infinity, which JSON lacks: such a value is null, and its name stands under `not_finite`."""
    plain = {key: value.item() if hasattr(value, "item") else value for key, value in entry.items()}
    wrong = sorted(k for k, v in plain.items() if isinstance(v, float) and not math.isfinite(v))
    return {k: None if k in wrong else v for k, v in plain.items()} | ({"not_finite": wrong} if wrong else {})


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, allow_nan=False, default=str) + "\n"
