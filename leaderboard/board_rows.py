"""What the board says of a checkpoint beside its scores: tokens per answer, how it stands to its parent, what it is.

Example: `rows(view)[0].tokens` -> Tokens(value=212.4, low=198.0, high=226.9), on the tasks that `basis(columns)` names.
Trap: tokens of other tasks are no comparison, so one set of tasks is chosen for all rows, and a row that lacks one of
them has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import stats
from harness.records import Checkpoint
from leaderboard import parents, shown
from leaderboard.board_columns import Shown
from leaderboard.cells import Column, Entry
from leaderboard.entries import Board
from leaderboard.pages import View

COUNTED = "answer_tokens"
ORDER = ("worse", "mixed", "not separable", "alike", "better")  # of verdicts, for sorting
SHARE = 0.8  # of a column's checkpoints that must have tokens counted


@dataclass(frozen=True)
class Tokens:
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Stand:
    """Against the parent: the verdict of all common tasks, and the change that speaks for it."""

    parent: str  # name
    href: str  # the two side by side
    word: str
    place: int | None  # in ORDER
    column: Column | None
    change: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    checkpoint: Checkpoint
    href: str
    base: str  # name
    tokens: Tokens | None
    stand: Stand | None
    stale: str  # names of composites whose score is older than its answers
    first_apart: bool  # the line above the rows that the leading column does not rank

    def has(self, fact: str) -> bool:
        return self.said(fact) is not None

    def said(self, fact: str) -> Any:
        """All that the cell of a fact shows; None where there is nothing."""
        if fact == "parent":
            stand = self.stand
            column = stand.column.key if stand and stand.column else ""
            return stand and [stand.parent, stand.href, stand.word, column, stand.change, stand.low, stand.high]
        if fact == "tokens":
            return self.tokens and [self.tokens.value, self.tokens.low, self.tokens.high]
        size = self.checkpoint.bytes
        return None if size is None else [size, self.checkpoint.bytes_declared, self.checkpoint.parameters]


def basis(columns: Sequence[Shown]) -> list[Column]:
    """The tasks whose answers are counted: the generated ones of the first column that has such."""
    by_key = {c.column.key: c.column for c in columns}
    for one in columns:
        column = one.column
        members = [by_key[key] for key in column.members] or ([column] if column.task else [])
        counted = [m for m in members if _counted(m)]
        if counted:
            return counted
    return []


def _counted(column: Column) -> bool:
    cells = column.cells.values()
    having = sum(cell.entry is not None and _tokens_of(cell.entry) is not None for cell in cells)
    return having >= SHARE * len(cells) and having > 0


def _tokens_of(entry: Entry) -> Tokens | None:
    found = entry.results.get((COUNTED, ""))
    return Tokens(found.value, found.low, found.high) if found and found.value is not None else None


def rows(view: View, columns: Sequence[Shown]) -> list[Row]:
    board, where = view.board, view.where
    counted = basis(columns)
    lead = next((c.column for c in columns if c.lead), None)
    stands = _stands(view)
    found: list[Row] = []
    apart = False
    for checkpoint in board.checkpoints:
        cell = lead.cells.get(checkpoint.id) if lead else None
        unranked = cell is None or not cell.ranked
        base = shown.name(board, checkpoint.base)
        tokens, stand = _tokens(checkpoint, counted), stands.get(checkpoint.id)
        first = unranked and not apart and bool(found)
        stale = ", ".join(board.stale.get(checkpoint.id, ()))
        found.append(Row(checkpoint, where.checkpoints[checkpoint.id], base, tokens, stand, stale, first))
        apart = apart or unranked
    return found


def _tokens(checkpoint: Checkpoint, counted: Sequence[Column]) -> Tokens | None:
    """The mean over the tasks; MOVER joins the intervals of different questions."""
    cells = [column.cells.get(checkpoint.id) for column in counted]
    each = [_tokens_of(cell.entry) if cell and cell.entry else None for cell in cells]
    known = [t for t in each if t]
    if not known or len(known) < len(each):
        return None
    value = sum(t.value for t in known) / len(known)
    lows, highs = [t.low for t in known if t.low is not None], [t.high for t in known if t.high is not None]
    if len(lows) < len(known) or len(highs) < len(known):
        return Tokens(value, None, None)
    return Tokens(value, *stats.mover([t.value for t in known], lows, highs))


def _stands(view: View) -> Mapping[str, Stand]:
    board = view.board
    by_key = {column.key: column for column in board.columns}
    found = {}
    for child, against in view.against.items():
        line = against.lines.get(against.first)
        place = ORDER.index(against.word) if against.word in ORDER else None
        name, href = shown.name(board, against.parent), view.where.compare(against.parent, child)
        if line is None:
            found[child] = Stand(name, href, "unknown", None, None)
        else:
            column = by_key[against.first]
            found[child] = Stand(name, href, against.word, place, column, line.change, line.low, line.high)
    return found


def facets(board: Board) -> dict[str, Any]:
    """What rows may be filtered by, in the order of the rows; only what differs between them."""
    newest = {
        c: max((e.run.finished or e.run.started or "" for e in runs), default="")[:10]
        for c, runs in board.runs_of.items()
    }
    above = {c.id: parents.parent_of(board, c) for c in board.by_id.values()}
    each: dict[str, list[Any]] = {
        "kind": [c.kind for c in board.checkpoints],
        "method": [(c.lineage.method if c.lineage else None) or "" for c in board.checkpoints],
        "base": [shown.name(board, _root(c.id, above)) for c in board.checkpoints],
        "tag": [sorted({tag for e in board.runs_of[c.id] for tag in e.run.tags}) for c in board.checkpoints],
        "date": [newest[c.id] for c in board.checkpoints],
        "bytes": [c.bytes for c in board.checkpoints],
    }
    return {name: values for name, values in each.items() if any(v != values[0] for v in values)}


def _root(checkpoint: str, above: Mapping[str, str | None]) -> str:
    """The first ancestor; a ring of parents, which only a broken lineage has, ends where it began."""
    seen = [checkpoint]
    while (parent := above.get(seen[-1])) and parent not in seen:
        seen.append(parent)
    return seen[-1]
