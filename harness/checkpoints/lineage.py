"""How a checkpoint came to be: bench_lineage.json, ours; or what other trainers leave behind (see _lineage_foreign).

The file's keys are the fields of records.Lineage; unknown keys are ignored, a broken file is no lineage (and a
warning of the doctor), never a crash. Example:
{"method": "lora", "parent": "07ab…", "seed": 0, "steps": 200, "loss": [[1, 2.9], [200, 0.4]], "data": [{"name": "gold", "rows": 300}]}
Trap: training_args.bin is a pickle and would run code; it is never opened.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.checkpoints import _lineage_foreign
from harness.checkpoints._folder import Unreadable, load_json
from harness.checkpoints._lineage_values import LARGEST, number, thin
from harness.records import Lineage

__all__ = ["FILE", "parent_place", "problem", "read", "thin", "write"]

FILE = "bench_lineage.json"
TEXTS = ("method", "recipe_sha", "parent", "teacher", "template_sha", "ended", "note")
COUNTS = ("seed", "steps", "tokens", "peak_bytes")


def read(folder: Path) -> Lineage | None:
    """The lineage of a checkpoint folder; None when there is none or it is broken (see `problem`)."""
    try:
        raw = load_json(folder / FILE)
        return _parse(raw) if raw is not None else _lineage_foreign.read(folder)
    except ValueError:
        return None


def parent_place(folder: Path) -> str | None:
    """Path or hub id that another trainer's files name as the beginning; None where ours tell the parent, or nothing does."""
    return None if (folder / FILE).exists() else _lineage_foreign.parent_place(folder)


def problem(folder: Path) -> str | None:
    """Why a bench_lineage.json that is there can't be used; None when all is well."""
    try:
        raw = load_json(folder / FILE)
        if raw is not None:
            _parse(raw)
    except Unreadable as error:
        return str(error)
    except ValueError as error:
        return f"{FILE}: {error}"
    return None


def write(folder: Path, lineage: Lineage) -> Path:
    """Put the lineage into a checkpoint folder, replacing an older one whole."""
    fields = asdict(lineage) | {"loss": thin(lineage.loss)}
    fields |= {"trained_on": list(lineage.trained_on), "on_test": list(lineage.on_test)}
    aside = folder / f".{FILE}.{os.getpid()}"
    aside.write_text(json.dumps(fields, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")
    return aside.replace(folder / FILE)


def _parse(raw: Mapping[str, Any]) -> Lineage:
    values: dict[str, Any] = {}
    for name in TEXTS:
        values[name] = _typed(raw, name, (str,))
    for name in COUNTS:
        values[name] = _typed(raw, name, (int,))
    for name in ("seconds", "epochs"):
        values[name] = _typed(raw, name, (int, float))
    for name in ("recipe", "merge", "stop_ids"):
        values[name] = _typed(raw, name, (dict,))
    values["versions"] = {str(k): str(v) for k, v in (_typed(raw, "versions", (dict,)) or {}).items()}
    values["data"] = tuple(_rows(raw, "data", dict))
    values["looks"] = tuple(_rows(raw, "looks", dict))
    for name in ("trained_on", "on_test"):
        values[name] = tuple(_rows(raw, name, str))
    values["loss"] = thin([_point(p) for p in _rows(raw, "loss", list)])
    return Lineage(**values)


def _typed(raw: Mapping[str, Any], name: str, types: tuple[type, ...]) -> Any:
    value = raw.get(name)
    if value is not None and (not isinstance(value, types) or isinstance(value, bool)):
        raise ValueError(f"{name!r} can't be {str(value)[:40]!r}")
    if isinstance(value, int | float) and not abs(value) < LARGEST:  # NaN too: no database and no page can hold them
        raise ValueError(f"{name!r} is no usable number")
    return value


def _rows(raw: Mapping[str, Any], name: str, type_: type) -> list[Any]:
    value = raw.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, type_) for v in value):
        raise ValueError(f"{name!r} must be a list of {type_.__name__}")
    return value


def _point(value: list[Any]) -> tuple[int, float]:
    if len(value) != 2 or not all(isinstance(v, int | float) for v in value) or number(value[0]) is None:
        raise ValueError("'loss' must be pairs of step and loss")
    loss = number(value[1])
    return int(value[0]), math.nan if loss is None else loss
