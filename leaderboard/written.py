"""A score in letters, as tables write it: where sixty thousand rows are printed, Python writes them and no template.

Example: `rank(cell)` -> "2–4", `Scores().of(column)[checkpoint]` -> Score(value="71.2", low="69.9", high="72.5", first="<td>71.2…");
`Marks(t)(cell)` -> badges in both languages. Cells of long tables have neither classes nor end tags, which HTML lets one
leave out: `.figures` in site.css knows each by its place. Nothing but numbers may be put between them unescaped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from leaderboard import charts
from leaderboard.cells import MARKED_SHARE, Cell, Column, Form
from leaderboard.words import DASH, Words, count, decimal, inline, points, tenth

OWN_COLUMN = ("unparsed", "truncated")  # marks that stand as shares in columns of their own
QUIET = ("subset", "ungraded")  # nothing is wrong with these


def number(column: Column, value: float | None) -> str:
    """A value in the unit of its column."""
    return _spelling(column)(value)


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


def signed(column: Column, value: float | None) -> str:
    """A change: +1.2 or −3.1, the minus as wide as the plus."""
    if value is None:
        return DASH
    text = f"{100 * value:+.1f}" if column.percent else f"{value:+.3g}"
    zero = not any(sign in "123456789" for sign in text)
    return text[1:] if zero else text.replace("-", "\u2212")


def form(t: Words, asked: Form, short: bool = False) -> Markup:
    """How a column was asked: "5-shot · raw", of answers from elsewhere who gave them; `short` leaves the extras out."""
    extras = [] if short else [inline(extra) for extra in asked.extras]
    if asked.asked != "here":
        parts = [t("elsewhere"), *([] if short else [inline(asked.elsewhere)])]
    else:
        shots = Markup(", ").join(t("shots", n=n) for n in asked.shots)
        parts = [shots, t("chat" if asked.chat else "raw")]
        parts += [t(f"think_{asked.think}")] if asked.think != "default" else []
    return Markup(" · ").join([*parts, *extras])


class Score(NamedTuple):
    """What stands of a cell on the board, on its checkpoint's page and on its task's page: written once for the three."""

    rank: str
    value: str
    low: str  # empty: there is no interval
    high: str
    n: str
    other: str  # by the average that is not the column's own
    tokens: str  # an answer
    first: str  # the cells of value, interval and whisker
    doubts: str  # the cells of what could not be read and of what was cut off


class Scores:
    """Of the columns of a board, each written when a page first shows it."""

    def __init__(self) -> None:
        self._written: dict[str, Mapping[str, Score]] = {}
        self._no_interval = Words()("no_interval")
        self._doubts = functools.cache(lambda unparsed, truncated: _doubt(unparsed) + _doubt(truncated))
        self._same: dict[str, str] = {}  # a board says few different figures, so each is kept once

    def of(self, column: Column) -> Mapping[str, Score]:
        """Checkpoint id -> its score in letters."""
        if column.key not in self._written:
            write = self.writer(column)
            self._written[column.key] = {checkpoint: write(cell) for checkpoint, cell in column.cells.items()}
        return self._written[column.key]

    def writer(self, column: Column) -> Callable[[Cell], Score]:
        """For cells of a column, also those of runs that a later one has taken the place of."""
        other = column.metric, "micro" if column.average == "macro" else "macro"
        draw, spell = charts.Pixels(column.scale, column.chance), _spelling(column)
        no_interval, doubts, tokens = self._no_interval, self._doubts, ("answer_tokens", "")
        kept = self._same

        def write(cell: Cell) -> Score:
            value, low, high = spell(cell.value), "", ""
            said: str = no_interval
            if cell.low is not None and cell.high is not None:
                low, high = spell(cell.low), spell(cell.high)
                said = f"{low}–{high}"
            second = spent = DASH
            if cell.entry is not None:
                results = cell.entry.results
                second, spent = spell(results.value(other)), decimal(results.value(tokens))
            first = f"<td>{value}<td>{said}<td>{draw(cell.value, cell.low, cell.high)}"
            figures = rank(cell), value, low, high, f"{cell.n:,}", second, spent
            return Score._make((*map(kept.setdefault, figures, figures), first, doubts(cell.unparsed, cell.truncated)))

        return write


def _spelling(column: Column) -> Callable[[float | None], str]:
    """`number` of one column, which needs no look at it any more."""
    return points if column.percent else tenth if column.composite else decimal


def _doubt(share: float | None) -> str:
    return f"<td{' class=flag' if (share or 0) > MARKED_SHARE else ''}>{points(share)}"


class Marks:
    """Badges of a cell, but for those that are `said` elsewhere; each distinct one is written once a site."""

    def __init__(self, t: Words) -> None:
        self._badge = functools.cache(functools.partial(badge, t))
        self._rows: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}

    def row(self, cell: Cell) -> str:
        """The badges one after the other, without a frame, for the name in a row."""
        if "partial" in cell.marks:
            return " ".join(self.each(cell))
        key = cell.marks, cell.badges
        if key not in self._rows:
            self._rows[key] = " ".join(self.each(cell))
        return self._rows[key]

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


def badge(t: Words, mark: str, done: int = 0, expected: int = 0) -> Markup:
    """One mark in both languages; `done` of `expected` answers are what "partial" says."""
    said = t(f"mark_{mark}", done=count(done), expected=count(expected))
    return Markup('<span class="mark{}" data-m="{}">{}</span>').format("" if mark in QUIET else " odd", mark, said)
