"""Places in a recipe by dotted keys: `optim.learning_rate`, `data[0].path` (or `data.0.path`), one past the end adds a row.

Example: put({"data": [{"path": "a.jsonl"}]}, "data[1].path", "b.jsonl", "--set") makes it two sources.
"""

from __future__ import annotations

import re
from typing import Any

from harness.errors import UserError

PART = re.compile(r"^([A-Za-z_][\w-]{0,60})((?:\[\d{1,4}\])*)$")
INDEX = re.compile(r"\[(\d{1,4})\]")


def split(key: str, where: str) -> list[str | int]:
    """`data[0].path` -> ["data", 0, "path"]."""
    parts: list[str | int] = []
    for piece in key.split("."):
        if piece.isdigit() and len(piece) <= 4 and parts:
            parts.append(int(piece))
        elif found := PART.match(piece):
            parts += [found[1], *map(int, INDEX.findall(found[2]))]
        else:
            raise UserError(f"{where}: '{key}' is no key; write it as optim.learning_rate or data[0].path")
    return parts


def put(table: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Set the value at a dotted key; tables on the way are made, rows of a list only one past its end."""
    parts = split(key, where)
    at: Any = table
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if isinstance(part, int):
            if not isinstance(at, list):
                raise UserError(f"{where}: '{key}' can't be set, since {spelt(parts[:i])} is no list")
            if part > len(at):
                raise UserError(f"{where}: '{key}' can't be set, since {spelt(parts[:i])} has {len(at)} of them")
            if part == len(at):
                at.append({})
        else:
            if not isinstance(at, dict):
                raise UserError(f"{where}: '{key}' can't be set, since {spelt(parts[:i])} is no table")
            if not last:
                at.setdefault(part, [] if isinstance(parts[i + 1], int) else {})
        if last:
            at[part] = value
        else:
            at = at[part]


def drop(table: dict[str, Any], key: str, where: str) -> None:
    """Take a dotted key out, so that its default holds; UserError where it does not stand."""
    parts = split(key, where)
    at: Any = table
    for part in parts[:-1]:
        at = at.get(part) if isinstance(at, dict) else at[part] if _in(at, part) else None
    if (isinstance(at, dict) and parts[-1] in at) or _in(at, parts[-1]):
        del at[parts[-1]]
    else:
        raise UserError(f"{where}: '{key}' does not stand in the recipe, so it can't be taken out")


def _in(at: Any, part: str | int) -> bool:
    return isinstance(at, list) and isinstance(part, int) and part < len(at)


def spelt(parts: list[str | int]) -> str:
    """["data", 0, "path"] -> data[0].path"""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return f"'{words.removeprefix('.')}'"


def plain(key: str) -> str:
    """Without the numbers of rows: `data[0].limit` and `data.1.limit` are both `data.limit`."""
    return ".".join(part for part in INDEX.sub("", key).split(".") if not part.isdigit())
