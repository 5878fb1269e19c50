"""A score on the questions that stand in the training data, and on the others: known, or seen?

Example: `Splits(board).means(column)` -> {"9f3c…": (0.412, 0.889)}: 41.2 % of the questions not seen, 88.9 % of those seen.
Trap: questions that were seen may simply be easier, which the change against the parent on them tells and their score
alone doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from harness.contamination import Part, split
from harness.records import Outcomes
from leaderboard import written
from leaderboard.cells import Column
from leaderboard.entries import Board
from leaderboard.parents import parent_of
from leaderboard.values import Values
from leaderboard.words import Words, count

SEEN = ("exact", "near")
Mask = NDArray[np.bool_]
SHOWN = 8  # tasks on a checkpoint's page


class Headed(Protocol):
    """What a page knows of a column."""

    @property
    def column(self) -> Column: ...
    @property
    def name(self) -> Markup: ...


@dataclass
class Splits:
    """Made of the values that the board has read, a column at a time, since it can't hold all of them at once."""

    board: Board
    masks: dict[tuple[int, str], Mask | None] = field(default_factory=dict)

    def means(self, column: Column) -> dict[str, tuple[float, float]]:
        """Checkpoint -> score on the questions not seen, and on those seen; none where one of the two has no answer."""
        seen = {c: mask for c in column.cells if (mask := self.mask(column, c)) is not None}
        values = self.board.values(column.key) if seen else None
        if values is None or not values.is_mean:
            return {}
        found = {}
        for checkpoint, mask in seen.items():
            row = values.matrix[values.places[checkpoint]]
            known = ~np.isnan(row)
            if (known & mask).any() and (known & ~mask).any():
                found[checkpoint] = float(row[known & ~mask].mean()), float(row[known & mask].mean())
        return found

    def tables(self, heads: Mapping[str, Headed]) -> dict[str, Table]:
        """Checkpoint -> the columns with most seen questions: both parts, how far apart they are, each against the parent."""
        counted: dict[str, list[tuple[int, str]]] = {}
        for key, head in heads.items():
            for checkpoint in head.column.cells:
                if (mask := self.mask(head.column, checkpoint)) is not None:
                    counted.setdefault(checkpoint, []).append((-int(mask.sum()), key))
        chosen = {checkpoint: [key for _, key in sorted(mine)[:SHOWN]] for checkpoint, mine in counted.items()}
        made = {
            (checkpoint, key): row
            for key, head in heads.items()
            for checkpoint, keys in chosen.items()
            if key in keys and (row := self._row(head, checkpoint))
        }
        return {
            checkpoint: Table([made[checkpoint, key] for key in keys if (checkpoint, key) in made], len(counted[checkpoint]) - len(keys))
            for checkpoint, keys in chosen.items()
        }  # fmt: skip

    def mask(self, column: Column, checkpoint_id: str) -> Mask | None:
        """Which questions of the column stand in the checkpoint's training data; None where none is known to."""
        cell = column.cells[checkpoint_id]
        if cell.entry is None or column.exam is None or "contaminated" not in cell.badges:
            return None
        levels = self.board.overlapping.levels(self.board.by_id[checkpoint_id])
        key = id(levels), column.key  # the board keeps them, so that an id stays one's own
        if key not in self.masks:
            mask = np.array([levels.get(sample.id) in SEEN for sample in column.exam.samples], bool)
            self.masks[key] = mask if mask.any() else None
        return self.masks[key]

    def _row(self, head: Headed, checkpoint_id: str) -> dict[str, Any] | None:
        column, values = head.column, self.board.values(head.column.key)
        mask = self.mask(column, checkpoint_id)
        if values is None or mask is None or not values.is_mean:
            return None
        dirty = {sample for sample, seen in zip(values.samples, mask.tolist(), strict=True) if seen}
        parent = parent_of(self.board, self.board.by_id[checkpoint_id])
        before = self._outcomes(column, values, parent) if parent is not None and parent in values.places else None
        one = split(self._outcomes(column, values, checkpoint_id), dirty, before)
        return {
            "title": head.name, "seen": _part(column, one.dirty), "rest": _part(column, one.clean),
            "apart": written.signed(column, one.difference), "apart_interval": _between(column, one.low, one.high),
        }  # fmt: skip

    def _outcomes(self, column: Column, values: Values, checkpoint_id: str) -> Outcomes:
        row = values.matrix[values.places[checkpoint_id]]
        found = tuple(None if np.isnan(value) else float(value) for value in row)
        name = self.board.by_id[checkpoint_id].name
        return Outcomes(column.key, column.metric, checkpoint_id, {}, values.samples, found, name=name)


@dataclass(frozen=True)
class Table:
    """Of one checkpoint; `left`: tasks that have seen questions too, and fewer."""

    rows: list[dict[str, Any]]
    left: int

    @property
    def parent(self) -> bool:
        return any(row[part]["change"] for row in self.rows for part in ("seen", "rest"))


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
        self._known: dict[str, dict[str, list[str]]] = {}
        self.words = Markup(
            '<span class="seen"><span>{} {{{{{{}}}}}}</span><span>{} {{{{{{}}}}}}</span></span>'
        ).format(t("board_unseen"), t("board_seen"))

    def figures(self, column: Column, checkpoint_id: str) -> list[str]:
        if column.key not in self._known:
            self._known[column.key] = {
                checkpoint: [written.number(column, value) for value in both]
                for checkpoint, both in self._splits.means(column).items()
            }
        return self._known[column.key].get(checkpoint_id, [])
