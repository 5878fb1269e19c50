"""Each checkpoint against the one it was made from, in every column that both stand in: what `bench compare` would say.

Example: `against(board, store)["9f3c…"].lines[column.key]` -> Line(change=-0.031, low=-0.048, high=-0.014, lost=57, gained=14,
n=1346, verdict="worse", …). Right and wrong alone need no test drawn at random: a change is settled by (lost, gained,
n), and a thousand checkpoints share few of those.
Trap: Holm's family is all lines of one checkpoint, so one more task may turn a "worse" into "not separable".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness import stats
from harness.records import Checkpoint, Outcomes
from harness.store import read
from harness.store.open import Store
from harness.verdicts import comparison, wording
from leaderboard import paired
from leaderboard.cells import Entry
from leaderboard.entries import Board

Whole = Literal["worse", "better", "mixed", "alike", "not separable", "unknown"]


@dataclass(frozen=True, slots=True)
class Line:
    """One column, in its own unit; `p_worse` and `p_better` are Holm-adjusted over the child's lines."""

    before: float
    after: float
    change: float
    low: float  # 90 %
    high: float
    n: int
    lost: int
    gained: int
    p_worse: float
    p_better: float
    verdict: comparison.Verdict

    @property
    def p(self) -> float:
        """In the direction that is seen."""
        return min(self.p_worse, self.p_better)

    @property
    def size(self) -> float:
        """How large a change is beside what is uncertain about it, so that units can be compared."""
        return abs(self.change) / ((self.high - self.low) or 1.0)


@dataclass(frozen=True, slots=True)
class Against:
    """A child and its parent; `word` of all lines together, `refused`: columns of both that can't be compared."""

    child: str
    parent: str
    lines: Mapping[str, Line]  # by the key of the column
    refused: tuple[str, ...] = ()
    word: Whole = "unknown"

    @property
    def first(self) -> str:
        """The column that the word speaks of: of the lines that are sure the largest, else the largest of all; "" of none."""
        sure = {key: x for key, x in self.lines.items() if x.verdict in ("worse", "better")}
        worse = {key: x for key, x in sure.items() if x.verdict == "worse"}
        chosen = worse or sure or self.lines
        return max(chosen, key=lambda key: (chosen[key].size, key), default="")


def parent_of(board: Board, checkpoint: Checkpoint) -> str | None:
    """Id of what a checkpoint was made from, by its lineage, else what an adapter stands on. A teacher is no parent."""
    told = checkpoint.lineage.parent if checkpoint.lineage else None
    found = _known(board, told) if told else None
    found = found or (_known(board, checkpoint.base) if checkpoint.base else None)
    return found if found != checkpoint.id else None


def _known(board: Board, told: str) -> str | None:
    """A lineage written by hand may name its parent instead of giving the id."""
    if told in board.by_id:
        return told
    named = [c.id for c in board.by_id.values() if c.name == told]
    return named[0] if len(named) == 1 else None


def against(board: Board, store: Store) -> Mapping[str, Against]:
    """Child id -> how it stands to its parent, for every child whose parent the board knows.

    `store`: for what the board's own values can't settle, measures that are no mean and unanswered questions.
    """
    pairs = {c.id: p for c in board.by_id.values() if (p := parent_of(board, c))}
    raw: dict[str, dict[str, paired.Tested]] = {child: {} for child in pairs}
    refused: dict[str, list[str]] = {child: [] for child in pairs}
    for column in board.columns:
        both = [(c, p) for c, p in pairs.items() if c in column.cells and p in column.cells]
        if column.task is None or not both:
            continue
        found = dict(paired.tested(column, board.values(column.key), both, functools.partial(_outcomes, store)))
        for child, _ in both:
            if child in found:
                raw[child][column.key] = found[child]
            else:
                refused[child].append(column.key)
    units = {column.key: column.unit for column in board.columns}
    return {c: _against(c, p, raw[c], tuple(refused[c]), units) for c, p in pairs.items()}


def _outcomes(store: Store, entry: Entry) -> Outcomes:
    return read.outcomes(store, entry.run.id)


def _against(
    child: str, parent: str, raw: Mapping[str, paired.Tested], refused: tuple[str, ...], units: Mapping[str, str]
) -> Against:
    worse = stats.holm([x.worse for x in raw.values()])
    better = stats.holm([x.better for x in raw.values()])
    lines = {
        key: Line(
            x.before,
            x.after,
            x.change,
            x.low,
            x.high,
            x.n,
            x.lost,
            x.gained,
            p,
            q,
            comparison.verdict(p, q, x.low, x.high, wording.is_share(units[key], x.before, x.after)),
        )
        for (key, x), p, q in zip(raw.items(), worse, better, strict=True)
    }
    return Against(child, parent, lines, refused, _whole({x.verdict for x in lines.values()}))


def _whole(verdicts: set[comparison.Verdict]) -> Whole:
    if not verdicts:
        return "unknown"
    if "worse" in verdicts:
        return "mixed" if "better" in verdicts else "worse"
    if "better" in verdicts:
        return "better"
    return "alike" if verdicts == {"alike"} else "not separable"
