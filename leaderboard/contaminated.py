"""A score on the questions that stand in the training data, and on the others: known, or seen?

Example: `Splits(board).of(column, checkpoint)` -> Split(clean=41.2 % of 1,301, dirty=88.9 % of 45, …), with the
change against the parent on either part. Trap: questions that were seen may simply be easier, which the parent's change
on them tells and their score alone doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from markupsafe import Markup

from harness.contamination import Part, Split, split
from harness.records import Outcomes
from leaderboard import written
from leaderboard.cells import Column
from leaderboard.entries import Board
from leaderboard.parents import parent_of
from leaderboard.words import Words, count

SEEN = ("exact", "near")


class Headed(Protocol):
    """What a page knows of a column."""

    @property
    def column(self) -> Column: ...
    @property
    def name(self) -> Markup: ...


@dataclass
class Splits:
    """Made of the values that the board has read; each cell once."""

    board: Board
    known: dict[tuple[str, str], Split | None] = field(default_factory=dict)

    def of(self, column: Column, checkpoint_id: str) -> Split | None:
        """None where no question of the column is known to be in its training data, and of what is no mean."""
        cell = column.cells.get(checkpoint_id)
        if cell is None or cell.entry is None or "contaminated" not in cell.badges:
            return None
        key = column.key, checkpoint_id
        if key not in self.known:
            self.known[key] = self._made(column, checkpoint_id)
        return self.known[key]

    def _made(self, column: Column, checkpoint_id: str) -> Split | None:
        values = self.board.values(column.key)
        levels = self.board.overlapping.levels(self.board.by_id[checkpoint_id])
        if values is None or not values.is_mean or not levels:
            return None
        dirty = {sample for sample in values.samples if levels.get(sample) in SEEN}
        parent = parent_of(self.board, self.board.by_id[checkpoint_id])
        before = self._outcomes(column, parent) if parent is not None and parent in values.places else None
        return split(self._outcomes(column, checkpoint_id), dirty, before)

    def _outcomes(self, column: Column, checkpoint_id: str) -> Outcomes:
        values = self.board.values(column.key)
        assert values is not None
        row = values.matrix[values.places[checkpoint_id]]
        found = tuple(None if np.isnan(value) else float(value) for value in row)
        name = self.board.by_id[checkpoint_id].name
        return Outcomes(column.key, column.metric, checkpoint_id, {}, values.samples, found, name=name)

    def rows(self, checkpoint_id: str, heads: Mapping[str, Headed]) -> list[dict[str, Any]]:
        """One a column: both parts with their intervals, how far apart they are, and each against the parent."""
        found = []
        for head in heads.values():
            if one := self.of(head.column, checkpoint_id):
                column = head.column
                found.append({
                    "title": head.name, "seen": _part(column, one.dirty), "rest": _part(column, one.clean),
                    "apart": written.signed(column, one.difference), "apart_interval": _between(column, one.low, one.high),
                })  # fmt: skip
        return found


def _part(column: Column, part: Part) -> dict[str, str]:
    ends = (
        ""
        if part.low is None or part.high is None
        else "–".join(written.number(column, v) for v in (part.low, part.high))
    )
    changed = part.paired > 0
    return {
        "n": count(part.n), "value": written.number(column, part.value), "interval": ends,
        "change": written.signed(column, part.change) if changed else "",
        "change_interval": _between(column, part.change_low, part.change_high) if changed else "",
    }  # fmt: skip


def _between(column: Column, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{written.signed(column, low)}, {written.signed(column, high)}]"


class Seen:
    """Both parts of a score in the few letters that a cell of the board has room for."""

    def __init__(self, splits: Splits, t: Words) -> None:
        self._splits = splits
        self.words = Markup(
            '<span class="seen"><span>{} {{{{{{}}}}}}</span><span>{} {{{{{{}}}}}}</span></span>'
        ).format(t("board_unseen"), t("board_seen"))

    def figures(self, column: Column, checkpoint_id: str) -> list[str]:
        one = self._splits.of(column, checkpoint_id)
        return [] if one is None else [written.number(column, part.value) for part in (one.clean, one.dirty)]
