"""Grades question by question, of all checkpoints of a column at once: what ranks, verdicts and the hardest questions are read from.

Example: `board.values(column.key).matrix[:, 11].mean()` is how many got question 12 right. NaN is no grade: not asked,
not answered, or nothing to hold it against. Trap: a mean metric's values are per question, those of F1 or BLEU are only
the grades, to be looked at: no mean of them is the score.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.stats.intervals import Floats
from harness.store import grid
from harness.store.open import Store
from leaderboard.cells import Column

KEPT_BYTES = 96_000_000  # of matrices; the rest is read again


@dataclass(frozen=True, eq=False)
class Values:
    """Rows are the checkpoints of a column, the partial ones too; columns are the questions of its exam in order."""

    checkpoints: tuple[str, ...]
    samples: tuple[str, ...]
    subjects: tuple[str, ...]
    clusters: tuple[str, ...]
    matrix: Floats  # [checkpoint, sample]
    is_mean: bool = True

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Checkpoint id -> its row."""
        return {checkpoint: row for row, checkpoint in enumerate(self.checkpoints)}

    @property
    def strata(self) -> list[Hashable]:
        return list(self.subjects)


class Matrices:
    """Reads the values of columns and remembers those read last."""

    def __init__(self, store: Store, scoring: Mapping[str, int]) -> None:
        self._store, self._scoring = store, scoring
        self._kept: OrderedDict[str, Values] = OrderedDict()

    def of(self, column: Column) -> Values | None:
        """None for a column that is no task's: a group's mean, a composite."""
        if column.task is None or column.exam is None:
            return None
        if column.key not in self._kept:
            self._kept[column.key] = self._read(column)
            while len(self._kept) > 1 and sum(v.matrix.nbytes for v in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(column.key)
        return self._kept[column.key]

    def _read(self, column: Column) -> Values:
        from harness import metrics

        assert column.task is not None and column.exam is not None
        runs = {id_: cell.entry.run.id for id_, cell in column.cells.items() if cell.entry is not None}
        scoring = {run: self._scoring.get(run) for run in runs.values()}
        matrix = grid.values(self._store, column.exam.id, column.task, column.metric, scoring)
        asked = column.exam.samples
        return Values(
            tuple(runs),
            tuple(sample.id for sample in asked),
            tuple(sample.subject for sample in asked),
            tuple(sample.cluster for sample in asked),
            matrix,
            metrics.of(column.task, column.metric).IS_MEAN,
        )
