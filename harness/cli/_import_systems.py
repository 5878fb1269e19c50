"""Which systems a file of answers holds, and what is declared of them: their sizes, and what they come from.

Example: in rows like {"model": "a-7b", "id": 3, "prediction": "B"} every system has rows of its own: `--map system=model`
with `--run '*=prediction'` imports them all, `--run a-7b=prediction` one.
Trap: a base is kept by its id, so a name must become one, also where that system's answers come with a later file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import imports
from harness.errors import UserError
from harness.imports import Row
from harness.plugins import nearest
from harness.records import Checkpoint
from harness.store import read
from harness.store.open import open_store

EVERY = "*"
UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


def named(given: Sequence[str]) -> dict[str, str]:
    """`--run NAME=FIELD`, each name once."""
    pairs = [pair(run, "--run NAME=FIELD") for run in given]
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise UserError(f"--run names '{twice[0]}' twice; give each system its own name")
    return dict(pairs)


def pair(text: str, form: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise UserError(f"'{text}' is not of the form {form}")
    return left, right


def groups(
    rows: Sequence[Row], systems: Mapping[str, str], path: str | None
) -> list[tuple[Sequence[Row], dict[str, str]]]:
    """The rows, with the systems that they have answers of; where `path` names a row's system, each has its own rows."""
    if path is None:
        if EVERY in systems:
            raise UserError(f"--run '{EVERY}=FIELD' needs the field that names a row's system; pass --map system=PATH")
        return [(rows, dict(systems))]
    imports.refuse_lacking(rows, path)
    mine: dict[str, list[Row]] = {}
    for row in rows:
        if (name := imports.string(row, path)) is not None:
            mine.setdefault(name, []).append(row)
    for name in systems:
        if name not in (EVERY, *mine):
            raise UserError(f"no row has the system '{name}' in '{path}'; {nearest(name, mine)}")
    fields = {name: systems.get(name) or systems.get(EVERY) for name in mine}
    return [(mine[name], {name: field}) for name, field in fields.items() if field]


def questions(groups: Sequence[tuple[Sequence[Row], object]], path: str | None) -> list[Row]:
    """The rows to make a task of: those of the system with most questions, of several the one with fewest repeats."""
    asked = [({imports.string(row, path) for row in rows}, rows) for rows, _ in groups]
    return list(max(asked, key=lambda one: (len(one[0]), -len(one[1])))[1])


def sizes(given: Sequence[str], systems: Sequence[str]) -> dict[str, int]:
    """--model-bytes 15.2GB for all, or NAME=15.2GB for one."""
    found: dict[str, int] = {}
    for text in given:
        name, equals, size = text.rpartition("=")
        read_ = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", size)
        if not read_ or read_[2].upper() not in UNITS:
            raise UserError(f"--model-bytes {text}: give a size such as 15.2GB")
        if equals and systems and name not in systems:
            raise UserError(f"--model-bytes {text}: no --run is named '{name}'; {nearest(name, systems)}")
        for system in [name] if equals else systems or [""]:  # "": all systems of a folder
            found[system] = round(float(read_[1]) * UNITS[read_[2].upper()])
    return found


def bases(given: Sequence[str], systems: Sequence[str], path: Path) -> dict[str, Checkpoint]:
    """`--base BASE` for all, `NAME=BASE` for one: the store's checkpoint of that name, else one known by its name alone."""
    chosen: dict[str, str] = {}
    for text in sorted(given, key=lambda text: "=" in text):  # one for all first, so that one of its own holds
        system, equals, base = text.rpartition("=")
        if not base or (equals and system not in systems):
            raise UserError(f"--base {text}: no --run is named '{system}'; {nearest(system, systems)}")
        chosen |= dict.fromkeys([system] if equals else systems, base)
    known: dict[str, Checkpoint] = {}
    if chosen and path.is_file():
        with open_store(path, mode="ro") as opened:
            known = {checkpoint.name: checkpoint for checkpoint in reversed(read.checkpoints(opened))}
    # a base that is named for all is not its own
    return {system: known.get(base) or imports.checkpoint(base) for system, base in chosen.items() if base != system}
