"""Everything a site needs out of a store, read once: runs with their results, columns, and the order of rows.

Example: `board = read_board(store); board.columns[0].cells[checkpoint.id].value`.
Trap: the store drops a run's cached results as soon as an answer is added, so a run killed in the middle has answers
but no numbers; they are counted here and the run is marked as partial, instead of missing from the page.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.questions import catalogue
from harness.records import Checkpoint
from harness.store import read
from harness.store.open import Store
from harness.store.shelf import Results, Shelf
from leaderboard import composites
from leaderboard.badges import badges
from leaderboard.cells import Cell, Column, Entry
from leaderboard.columns import columns, places
from leaderboard.overlapping import Overlapping
from leaderboard.ranks import ranked
from leaderboard.sides import Sides
from leaderboard.values import Matrices, Values
from leaderboard.written import Scores

LEAD_SHARE = 0.8


@dataclass(frozen=True)
class Board:
    entries: Sequence[Entry]
    columns: Sequence[Column]
    checkpoints: Sequence[Checkpoint]  # in the order of the rows
    by_id: Mapping[str, Checkpoint]
    lead: str  # key of the column that orders the rows
    place: Mapping[str, str]  # run id -> key of its column
    runs_of: Mapping[str, Sequence[Entry]]  # checkpoint id -> its runs

    matrices: Matrices
    stale: Mapping[str, tuple[str, ...]]  # checkpoint id -> profiles whose score is older than the answers: not shown
    overlapping: Overlapping

    @cached_property
    def written(self) -> Scores:
        """The scores in letters."""
        return Scores()

    @cached_property
    def _by_key(self) -> Mapping[str, Column]:
        return {column.key: column for column in self.columns}

    def column(self, key: str) -> Column:
        return self._by_key[key]

    def values(self, key: str) -> Values | None:
        """Grades of a task's column question by question; None for a group's mean and a composite."""
        return self.matrices.of(self.column(key))

    def results(self, run_id: str) -> Results:
        """All results of a run by (metric, slice)."""
        return self._runs[run_id].results

    @cached_property
    def _runs(self) -> Mapping[str, Entry]:
        return {entry.run.id: entry for entry in self.entries}


def read_board(store: Store) -> Board:
    """Everything at once; the collector of cycles waits, for of a million small records none is one."""
    waiting = gc.isenabled()
    gc.disable()
    try:
        return _read_board(store)
    finally:
        if waiting:
            gc.enable()


def _read_board(store: Store) -> Board:
    scorers = read.scorers(store)
    by_id = {c.id: c for c in read.checkpoints(store)}
    overlapping = Overlapping(store)
    entries = list(_entries(store, by_id, scorers, overlapping))
    scoring = {run: row for run, (row, _) in scorers.items()}
    matrices = Matrices(store, scoring)
    place = places(entries)
    found = ranked(columns(entries, place, catalogue.groups()), matrices.of)
    made, stale = composites.columns(store, entries, Sides(store, scoring))
    found = _with_composites(found, made)
    lead = _lead(found)
    runs_of: dict[str, list[Entry]] = {}
    for entry in entries:
        runs_of.setdefault(entry.checkpoint.id, []).append(entry)
    ordered = sorted((by_id[c] for c in runs_of), key=lambda c: _order(c, found, lead))
    key = lead.key if lead else ""
    return Board(entries, found, ordered, by_id, key, place, runs_of, matrices, stale, overlapping)


def _entries(
    store: Store, by_id: Mapping[str, Checkpoint], scorers: Mapping[str, tuple[int, str]], overlapping: Overlapping
) -> Iterator[Entry]:
    """One per run, by its id."""
    runs = sorted(read.list_runs(store), key=lambda run: run.id)
    exams = {exam: read.get_exam(store, exam) for exam in sorted({run.exam for run in runs})}
    engines = {engine: read.get_engine(store, engine) for engine in {run.engine for run in runs}}
    named = {engine: f"{info.name} {info.version}".strip() for engine, info in engines.items()}
    scorer = {run: name for run, (_, name) in scorers.items()}
    badge = badges(((run, exams[run.exam].task, scorer.get(run.id, "")) for run in runs), by_id)
    shelf = Shelf(store)
    lacking = frozenset(shelf.lacking())
    for run in runs:
        exam, graded_by = exams[run.exam], scorer.get(run.id, "")
        if run.id in lacking:
            from harness import metrics  # brings in pandas, which a store with all its results does not need

            shelf.put(run.id, metrics.summarise(read.table(store, run.id), exam.task, run.id))
        beside = badge(run, exam.task, graded_by)
        overlap = overlapping.of(by_id[run.checkpoint], exam)
        beside = (*beside, "contaminated") if overlap and overlap.seen else beside
        yield Entry(run, by_id[run.checkpoint], exam, shelf.of(run.id), named[run.engine], graded_by, beside)


def _with_composites(found: list[Column], made: list[Column]) -> list[Column]:
    """A composite that is made of every task on the board leads it; another stands behind the tasks."""
    tasks = {column.name for column in found if column.task}
    leading = [c for c in made if c.composite and tasks <= set(c.composite.tasks)]
    return [*leading, *found, *(c for c in made if c not in leading)]


def _lead(found: Sequence[Column]) -> Column | None:
    """The first column that nearly every checkpoint is in."""
    most = max((len(c.cells) for c in found), default=0)
    return next((c for c in found if len(c.cells) >= LEAD_SHARE * most), None)


def _order(checkpoint: Checkpoint, found: Sequence[Column], lead: Column | None) -> list[tuple[int, float] | str]:
    """By the leading column, then by the others, what is missing last; names settle the rest."""
    keys: list[tuple[int, float] | str] = []
    for column in ([lead] if lead else []) + [c for c in found if c is not lead]:
        cell = column.cells.get(checkpoint.id)
        keys.append(order_of(column, cell) if cell else (2, 0.0))
    return [*keys, checkpoint.name, checkpoint.id]


def order_of(column: Column, cell: Cell) -> tuple[int, float]:
    """Ranked before unranked, then the better score first."""
    value = cell.value if cell.value is not None else float("-inf")
    return 0 if cell.ranked else 1, -value if column.better_high else value
