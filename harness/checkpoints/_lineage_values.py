"""Values from files of unknown makers: a number is finite and small enough to be kept, a text short, a list flat.

Example: number(float("nan")) and number(10**400) and number(True) are None, as is everything that isn't a number;
`plain({"a": [1]})` is None, since a recipe holds single values and short lists of them. Trap: json.loads takes NaN, and
an integer of 4,000 digits, which no float and no database can hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

LARGEST = 2**63
LONGEST = 200  # characters of a text
MEMBERS = 64  # of a list
LOSS_POINTS = 200


def number(value: Any) -> float | None:
    """Finite numbers, also those that somebody wrote as a text, such as YAML's `8e-5`."""
    if isinstance(value, str):
        try:
            value = float(value) if len(value) < 40 else None
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if (isinstance(value, int) or math.isfinite(value)) and abs(value) < LARGEST else None


def whole(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < LARGEST else None


def text(value: Any) -> str | None:
    """One short line without what can't be printed or stored."""
    if not isinstance(value, str):
        return None
    kept = "".join(c if c.isprintable() else " " for c in value[: LONGEST * 4]).strip()
    return kept if 0 < len(kept) <= LONGEST else None


def plain(value: Any) -> Any:
    """A single value or a short list of them; None for nothing, and for what is too much to be a setting."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        found = number(value)
        return None if found is None else int(found) if isinstance(value, int) else found
    if isinstance(value, str):
        said = text(value)
        return None if said is None else place(said)
    if isinstance(value, list | tuple) and 0 < len(value) <= MEMBERS:
        members = [plain(member) for member in value]
        return members if all(m is not None and not isinstance(m, list) for m in members) else None
    return None


def place(said: str) -> str:
    """Where a file lay on the trainer's machine is nobody's business: of an absolute path the last two parts."""
    windows = re.match(r"^[A-Za-z]:[\\/]", said)
    if not windows and not said.startswith(("/", "~", "file:")):
        return said
    parts = PurePosixPath(said.replace("\\", "/")).parts
    return "/".join(p for p in parts[-2:] if p not in ("/", "~", "file:", "..")) or "/"


def thin(loss: Sequence[tuple[int, float]], points: int = LOSS_POINTS) -> tuple[tuple[int, float], ...]:
    """At most `points` points of a loss curve, the first and the last among them; what isn't finite is left out."""
    kept = [(int(step), float(value)) for step, value in loss if math.isfinite(value)]
    if len(kept) <= points:
        return tuple(kept)
    stride = (len(kept) - 1) / (points - 1)
    return tuple(kept[round(i * stride)] for i in range(points))
