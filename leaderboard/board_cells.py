"""The cells of the board's columns, written here: sixty thousand of them are too many for a template.

Example: `Cells(board.written, t).of(one).write("9f3c…")` -> '<td role="cell"><div class="cell"><span class="value">71.2</span>…'.
A column that is not part of the page is sent as `packed`: the few shapes that its cells have, each once, and of every cell
the number of its shape with the figures that fill it; picker.js puts them together, so that nothing is written twice.
What is equal in many rows stands together and what is not comes last: a page of a thousand rows compresses by that.
Trap: nothing is escaped here but by Marks; all the rest is numbers, and no name may be put between these tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from leaderboard import charts, written
from leaderboard.board_columns import Shown
from leaderboard.cells import MARKED_SHARE, Cell
from leaderboard.contaminated import Seen, Splits
from leaderboard.words import DASH, Words, points, tenth

NOTHING = f'<td role="cell" class="none">{DASH}</td>'
Told = tuple[str, tuple[str, ...]]  # a shape with holes, and what fills them


class Cells:
    def __init__(self, scores: written.Scores, t: Words, splits: Splits) -> None:
        self._scores, self._marks, self._no_interval = scores, written.Marks(t), t("no_interval")
        self._seen = Seen(splits, t)
        self._made: dict[str, InColumn] = {}

    def of(self, one: Shown) -> InColumn:
        if one.slug not in self._made:
            self._made[one.slug] = InColumn(
                one, self._scores.of(one.column), self._marks, self._no_interval, self._seen
            )
        return self._made[one.slug]


class InColumn:
    """The cells of one column."""

    def __init__(
        self, one: Shown, scores: Mapping[str, written.Score], marks: written.Marks, none: str, seen: Seen
    ) -> None:
        self._one, self._scores, self._marks, self._no_interval, self._seen = one, scores, marks, none, seen
        self._chart = charts.Row(one.scale, one.column.chance, one.factor)
        self._shapes: dict[Any, str] = {}

    def write(self, checkpoint: str) -> str:
        shape, figures = self._told(checkpoint)
        return shape.format(*figures)

    def packed(self, checkpoints: Iterable[str]) -> dict[str, Any]:
        """{"shapes": [HTML with {0}, {1} …], "cells": ["0|52.9|31.0|…", …]}."""
        numbers: dict[str, int] = {}
        cells = []
        for checkpoint in checkpoints:
            shape, figures = self._told(checkpoint)
            cells.append("|".join((str(numbers.setdefault(shape, len(numbers))), *figures)))
        return {"shapes": list(numbers), "cells": cells}

    def _told(self, checkpoint: str) -> Told:
        cell = self._one.cells.get(checkpoint)
        if cell is None:
            return NOTHING, ()
        score = self._scores[checkpoint]
        among = (f"{cell.best}–{cell.worst}" if cell.best != cell.worst else "") if cell.tied else score.rank
        figures = [score.value, score.low, score.high, score.n, points(cell.unparsed), points(cell.truncated), among]
        drawn = self._one.column.percent and score.low != ""
        if not drawn:
            figures.append(self._chart(cell.value, cell.low, cell.high, not cell.ranked))
        parts = cell.overall.parts if cell.overall else ()
        figures += [tenth(part.value) for part in parts]
        signs = tuple("†" if part.value is not None and part.detail.get("declared") else "" for part in parts)
        marks = self._marks(cell, self._one.badges) if cell.marks or cell.badges else ""
        if "contaminated" in cell.badges and (apart := self._seen.figures(self._one.column, checkpoint)):
            marks += self._seen.words.format(len(figures), len(figures) + 1)
            figures += apart
        doubts = (cell.unparsed or 0) > MARKED_SHARE, (cell.truncated or 0) > MARKED_SHARE
        key = cell.ranked, drawn, score.low == "", cell.tied, among == "", doubts, signs, marks
        if key not in self._shapes:
            self._shapes[key] = self._shape(cell, drawn, score.low != "", among != "", doubts, signs, marks)
        return self._shapes[key], tuple(figures)

    def _shape(
        self, cell: Cell, drawn: bool, known: bool, among: bool, doubts: tuple[bool, bool], signs: tuple[str, ...], marks: str
    ) -> str:  # fmt: skip
        """The picture of a percentage is drawn with the very digits of its text."""
        chart = self._chart.drawn("{0}", "{1}", "{2}", not cell.ranked) if drawn else "{7}"
        interval = "{1}–{2}" if known else self._no_interval
        small = "<span>{3}</span>"
        if self._one.health:
            flags = [' class="flag"' if doubt else "" for doubt in doubts]
            small += f"<span{flags[0]}>{{4}}</span><span{flags[1]}>{{5}}</span>"
        each = "".join(f"<span>{{{i}}}{sign}</span>" for i, sign in enumerate(signs, 7 if drawn else 8))
        above = f'<span class="small">{each}</span>' if cell.overall else ""
        rank = '<span class="rank">{6}</span>'
        if cell.tied:
            band = "<i>{6}</i>" if among else ""
            rank = f'<span class="rank tied">1={band}</span>'
        return (
            f'<td role="cell"><div class="cell{"" if cell.ranked else " pending"}"><span class="value">{{0}}</span>'
            f'<span class="interval">{interval}</span>{chart}{above}<span class="small">{small}</span>{marks}{rank}</div></td>'
        )
