"""An ablation: a list where one value belongs makes one checkpoint per value, with one variable that moves.

Example: `[lora] r = [4, 8, 16]`, or `[ablate] "lora.r" = [4, 8, 16]`, makes NAME-r4, NAME-r8, NAME-r16. Parts of the data:
`[ablate] data = [["a.jsonl"], ["a.jsonl", "b.jsonl"]]` by name or number, or "leave-one-out": all, and all but each one.
Trap: fewer rows are fewer steps, a second variable; `optim.steps` gives all arms the same. Two lists at once explain
nothing, so they need `--grid`.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from harness.errors import UserError
from harness.plugins import nearest
from trainers import _recipe_keys as keys
from trainers.recipe import Recipe

TOO_MANY = 1000  # checkpoints of one recipe
TABLE = "ablate"
EACH = "leave-one-out"
SINGLE = {  # keys that make no arms, and what to say instead
    "seed": "say seeds = 3 for replicates of one recipe",
    "seeds": "give one number",
    "name": "give one; the arms are named after what moves",
    "note": "give one",
}
LONGEST = 32  # characters of a value in a name
MOST = 60  # of all values: a folder's name has 255 bytes


@dataclass(frozen=True)
class Arm:
    """One recipe of an ablation, as a table of the file's keys; `moved`: what sets it apart."""

    table: dict[str, Any]
    moved: Mapping[str, Any]
    suffix: str  # of its name: "-r16"; "" where nothing moves


def arms(table: dict[str, Any], where: str, grid: bool = False) -> list[Arm]:
    """One arm per value of the one list, or the recipe itself; with `grid` one per combination of several lists."""
    base = copy.deepcopy(table)
    extra = base.pop(TABLE, {})
    axes: dict[str, list[Any]] = dict(_lists(base, Recipe, ""))
    axes |= _asked(extra, base, where)
    for key, values in axes.items():
        if key in SINGLE:
            raise UserError(f"{where}: '{key}' holds several values; {SINGLE[key]}")
        if not values:
            raise UserError(f"{where}: '{key}' is an empty list; give one value, or several to compare them")
        if len(values) > TOO_MANY:
            raise UserError(f"{where}: '{key}' holds {len(values):,} values; nobody trains more than {TOO_MANY:,}")
        if twins := [v for i, v in enumerate(values) if v in values[:i]]:
            twin = ", ".join(_labels(twins[0])) if key == "data" else repr(twins[0])
            raise UserError(f"{where}: '{key}' holds {twin} twice; every value makes one checkpoint")
    count = math.prod(len(values) for values in axes.values())
    if len(axes) > 1 and not grid:
        names = " and ".join(axes)
        raise UserError(
            f"{where}: {names} hold several values, and with two variables at once no change can be explained; "
            f"keep one list, or pass --grid for all {count} combinations"
        )
    if count > TOO_MANY:
        raise UserError(f"{where} asks for {count:,} checkpoints; nobody trains more than {TOO_MANY:,}")
    made = [_arm(base, dict(zip(axes, values, strict=True)), where) for values in itertools.product(*axes.values())]
    if len({arm.suffix for arm in made}) < len(made):  # two values are spelt alike in a name
        made = [dataclasses.replace(arm, suffix=f"{arm.suffix}-{i}") for i, arm in enumerate(made)]
    if any(len(arm.suffix) > MOST for arm in made):
        made = [dataclasses.replace(arm, suffix=f"{arm.suffix[:LONGEST]}-{i}") for i, arm in enumerate(made)]
    return made


def _arm(base: dict[str, Any], moved: dict[str, Any], where: str) -> Arm:
    made = copy.deepcopy(base)
    for key, value in moved.items():
        keys.put(made, key, copy.deepcopy(value), where)
        if key == "method" and value == "full":
            made.pop("lora", None)  # else the arm would be refused for what the others need
    told = {key: _labels(value) if key == "data" else value for key, value in moved.items()}
    return Arm(made, told, "".join(f"-{_short(key)}{_value(value)}" for key, value in told.items()))


# -- which lists are several values ---------------------------------------------------------------------------------


def _lists(table: Mapping[str, Any], into: type[Any], prefix: str) -> Iterator[tuple[str, list[Any]]]:
    """Keys of a dataclass whose list is no value of theirs; where they take lists, a list of lists."""
    hints = typing.get_type_hints(into)
    for name, value in table.items():
        options = _options(hints[name]) if name in hints else []  # what is unknown is told when the recipe is filled
        many = next((o for o in options if typing.get_origin(o) is tuple), None)
        inner = next((o for o in options if dataclasses.is_dataclass(o)), None)
        if isinstance(value, dict) and inner is not None:
            yield from _lists(value, typing.cast(type[Any], inner), f"{prefix}{name}.")
        elif isinstance(value, list) and many is not None:
            of = typing.get_args(many)[0]
            if any(isinstance(item, list) for item in value):
                yield f"{prefix}{name}", value
            elif dataclasses.is_dataclass(of):
                for i, row in enumerate(value):
                    if isinstance(row, dict):
                        yield from _lists(row, typing.cast(type[Any], of), f"{prefix}{name}[{i}].")
        elif isinstance(value, list) and options and inner is None:
            yield f"{prefix}{name}", value


def _options(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return [option for option in typing.get_args(hint) if option is not type(None)]
    return [hint]


def _asked(extra: Any, base: Mapping[str, Any], where: str) -> dict[str, list[Any]]:
    """The lists of `[ablate]`, whose keys may be quoted (`"lora.r"`) or not (`lora.r`)."""
    if not isinstance(extra, dict):
        raise UserError(f'{where}: [{TABLE}] must be a table of lists, such as "lora.r" = [4, 8, 16]')
    found: dict[str, list[Any]] = {}
    for key, values in _flat(extra):
        if key == "data":
            found[key] = _subsets(values, base.get("data"), where)
        elif isinstance(values, list):
            found[key] = values
        else:
            raise UserError(f"{where}: '{TABLE}.{key}' must be a list of the values to compare, not {values!r}")
    return found


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# -- parts of the data ----------------------------------------------------------------------------------------------


def _subsets(wanted: Any, data: Any, where: str) -> list[Any]:
    rows = data if isinstance(data, list) and all(isinstance(row, dict) for row in data) else []
    if wanted == EACH:
        if len(rows) < 2:
            raise UserError(
                f"{where}: '{TABLE}.data' leaves one source out at a time, and there are {len(rows)} of them"
            )
        return [rows, *([row for row in rows if row is not out] for out in rows)]
    if not isinstance(wanted, list) or not all(isinstance(part, list) and part for part in wanted):
        raise UserError(f"{where}: '{TABLE}.data' must be lists of sources, such as [[0], [0, 1]], or \"{EACH}\"")
    return [[_row(one, rows, where) for one in part] for part in wanted]


def _row(one: Any, rows: Sequence[Mapping[str, Any]], where: str) -> Mapping[str, Any]:
    """A source by its number or by its name: the file's or the task's."""
    if isinstance(one, int) and not isinstance(one, bool):
        if 0 <= one < len(rows):
            return rows[one]
        raise UserError(f"{where}: '{TABLE}.data' names source {one}, and they go from 0 to {len(rows) - 1}")
    names = [_label(row) for row in rows]
    stems = [PurePath(name).name.partition(".")[0] for name in names]
    for known in (names, stems):
        if known.count(one) == 1:
            return rows[known.index(one)]
    if one in names or one in stems:
        raise UserError(f"{where}: '{TABLE}.data' names {one!r}, and several sources are called so; use their numbers")
    raise UserError(f"{where}: '{TABLE}.data' names {one!r}, which is no source; {nearest(str(one), {*names, *stems})}")


def _label(row: Any) -> str:
    """What a source is called: a file by its name, a task by its own."""
    if not isinstance(row, Mapping):
        return "?"
    return PurePath(str(row.get("path") or "")).name or str(row.get("task") or "?")


def _labels(rows: Any) -> tuple[str, ...]:
    return tuple(_label(row) for row in rows) if isinstance(rows, list) else ()


# -- names ----------------------------------------------------------------------------------------------------------


def _short(key: str) -> str:
    """`lora.r` -> r, `optim.learning_rate` -> lr"""
    words = keys.plain(key).rpartition(".")[2].split("_")
    return words[0] if len(words) == 1 else "".join(word[:1] for word in words)


def _value(value: Any) -> str:
    """A value as part of a folder's name: 16, 1e-4, -on, -math+cmath."""
    if isinstance(value, bool):
        return "-on" if value else "-off"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    texts = [PurePath(str(v)).name.partition(".")[0] for v in value] if isinstance(value, list | tuple) else []
    text = "+".join(texts) or PurePath(str(value)).name or str(value)
    return "-" + (re.sub(r"[^\w.+-]+", "-", text).strip("-.")[:LONGEST] or "x")


def _number(value: float) -> str:
    """The shorter one of 0.05 and 5e-2."""
    digits, _, power = f"{value:.5e}".partition("e")
    short = f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    return min(f"{value:.6g}".replace("e-0", "e-"), short, key=len)
