"""The cells of the board's columns, written here: sixty thousand of them are too many for a template.

Example: `Cells(board.written, t).write(one, cell, "9f3c…")` -> '<td role="cell"><div class="cell"><span class="value">71.2</span>…'.
What is equal in many rows stands together and what is not comes last: a page of a thousand rows compresses by that.
Trap: nothing is escaped here but by Marks; all the rest is numbers, and no name may be put between these tags.
"""

from __future__ import annotations

import functools

from leaderboard import written
from leaderboard.board_columns import Shown
from leaderboard.cells import MARKED_SHARE, Cell
from leaderboard.words import DASH, Words, count, points, tenth


class Cells:
    def __init__(self, scores: written.Scores, t: Words) -> None:
        self._scores, self._marks, self._no_interval = scores, written.Marks(t), t("no_interval")
        self._doubt = functools.cache(_doubt)

    def write(self, one: Shown, cell: Cell | None, checkpoint: str) -> str:
        if cell is None:
            return f'<td role="cell" class="none">{DASH}</td>'
        value, interval, chart = self._scores.of(one.column)[checkpoint]
        health = self._doubt(cell.unparsed) + self._doubt(cell.truncated) if one.health else ""
        marks = self._marks(cell, one.badges) if cell.marks or cell.badges else ""
        return (
            f'<td role="cell"><div class="cell{"" if cell.ranked else " pending"}"><span class="value">{value}</span>'
            f'<span class="interval">{interval or self._no_interval}</span>{chart}{_parts(cell) if cell.overall else ""}'
            f'<span class="small"><span>{count(cell.n)}</span>{health}</span>{marks}{_rank(cell)}</div></td>'
        )


def _doubt(share: float | None) -> str:
    flag = ' class="flag"' if share and share > MARKED_SHARE else ""
    return f"<span{flag}>{points(share)}</span>"


def _parts(cell: Cell) -> str:
    parts = cell.overall.parts if cell.overall else ()
    signs = ["†" if part.value is not None and part.detail.get("declared") else "" for part in parts]
    each = "".join(f"<span>{tenth(part.value)}{sign}</span>" for part, sign in zip(parts, signs, strict=True))
    return f'<span class="small">{each}</span>'


def _rank(cell: Cell) -> str:
    if not cell.tied:
        return f'<span class="rank">{written.rank(cell)}</span>'
    among = f"<i>{cell.best}–{cell.worst}</i>" if cell.best != cell.worst else ""
    return f'<span class="rank tied">1={among}</span>'
