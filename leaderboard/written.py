"""A score in letters, as tables write it: where sixty thousand rows are printed, Python writes them and no template.

Example: `rank(cell)` -> "2–4", `Scores().of(column)[checkpoint]` -> Score(value="71.2", interval="69.9–72.5", chart="<svg…");
`Marks(t)(cell)` -> badges in both languages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from leaderboard import charts
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


class Score(NamedTuple):
    """What stands of a cell on the board, on its checkpoint's page and on its task's page: written once for the three."""

    value: str
    interval: str  # empty: there is none
    chart: str


class Scores:
    """Of the columns of a board, each written when a page first shows it."""

    def __init__(self) -> None:
        self._written: dict[str, Mapping[str, Score]] = {}

    def of(self, column: Column) -> Mapping[str, Score]:
        """Checkpoint id -> its score in letters."""
        if column.key not in self._written:
            write = _writer(column)
            self._written[column.key] = {checkpoint: write(cell) for checkpoint, cell in column.cells.items()}
        return self._written[column.key]


def _writer(column: Column) -> Callable[[Cell], Score]:
    row = charts.Row(column.scale, column.chance, 100.0 if column.percent else 1.0)

    def write(cell: Cell) -> Score:
        value, low, high = cell.value, cell.low, cell.high
        ranked = cell.ranked
        said = number(column, value)
        if low is None or high is None:
            return Score(said, "", row(value, low, high, not ranked))
        return Score(said, f"{number(column, low)}–{number(column, high)}", row(value, low, high, not ranked))

    def in_points(cell: Cell) -> Score:
        """The picture is drawn with the very digits of the text."""
        value, low, high = cell.value, cell.low, cell.high
        if value is None or low is None or high is None:
            return write(cell)
        said, start, end = f"{100 * value:.1f}", f"{100 * low:.1f}", f"{100 * high:.1f}"
        return Score(said, f"{start}–{end}", row.drawn(said, start, end, not cell.ranked))

    return in_points if column.percent else write


class Marks:
    """Badges of a cell, but for those that are `said` elsewhere; each distinct one is written once a site."""

    def __init__(self, t: Words) -> None:
        self._badge = functools.cache(functools.partial(_badge, t))

    def __call__(self, cell: Cell, said: Sequence[str] = ()) -> Markup:
        badges = self.each(cell, said)
        return Markup('<span class="marks">{}</span>').format(Markup(" ").join(badges)) if badges else Markup("")

    def each(self, cell: Cell, said: Sequence[str] = ()) -> list[Markup]:
        if not cell.marks and not cell.badges:
            return []
        shown = [mark for mark in (*cell.marks, *cell.badges) if mark not in OWN_COLUMN and mark not in said]
        return [
            self._badge(mark, cell.done if mark == "partial" else 0, cell.expected if mark == "partial" else 0)
            for mark in shown
        ]


def _badge(t: Words, mark: str, done: int, expected: int) -> Markup:
    said = t(f"mark_{mark}", done=count(done), expected=count(expected))
    return Markup('<span class="mark{}" data-m="{}">{}</span>').format("" if mark in QUIET else " odd", mark, said)
