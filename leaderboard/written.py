"""A score in letters, as tables write it: where sixty thousand rows are printed, Python writes them and no template.

Example: `rank(cell)` -> "2–4" and `interval(column, cell)` -> "69.9–72.5"; `Marks(t)(cell)` -> badges in both languages.
"""

from __future__ import annotations

import functools

from markupsafe import Markup

from leaderboard.cells import Cell, Column
from leaderboard.words import DASH, Words, count, decimal, points, tenth

OWN_COLUMN = ("unparsed", "truncated")  # marks that stand as shares in columns of their own
QUIET = ("subset", "ungraded")  # nothing is wrong with these


def number(column: Column, value: float | None) -> str:
    """A value in the unit of its column."""
    return points(value) if column.percent else tenth(value) if column.composite else decimal(value)


def interval(column: Column, cell: Cell) -> str:
    """The ends of the 95 % interval; nothing where there is none."""
    if cell.low is None or cell.high is None:
        return ""
    return f"{number(column, cell.low)}–{number(column, cell.high)}"


def rank(cell: Cell) -> str:
    """One label for all that can't be told from the first; the range of ranks of the others."""
    if not cell.rank:
        return DASH
    if cell.tied:
        return "1="
    return str(cell.rank) if cell.best == cell.worst or cell.rank == 1 else f"{cell.best}–{cell.worst}"


class Marks:
    """Badges of a cell; each distinct one is written once a site."""

    def __init__(self, t: Words) -> None:
        self._badge = functools.cache(functools.partial(_badge, t))

    def __call__(self, cell: Cell) -> Markup:
        shown = [mark for mark in (*cell.marks, *cell.badges) if mark not in OWN_COLUMN]
        badges = [
            self._badge(mark, cell.done if mark == "partial" else 0, cell.expected if mark == "partial" else 0)
            for mark in shown
        ]
        return Markup('<span class="marks">{}</span>').format(Markup(" ").join(badges)) if badges else Markup("")


def _badge(t: Words, mark: str, done: int, expected: int) -> Markup:
    said = t(f"mark_{mark}", done=count(done), expected=count(expected))
    return Markup('<span class="mark{}" data-m="{}">{}</span>').format("" if mark in QUIET else " odd", mark, said)
