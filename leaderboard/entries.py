"""Everything a site needs out of a store, read once: runs with their results, columns, and the order of rows.

Example: `board = read_board(store); board.columns[0].cells[checkpoint.id].value`.
Trap: the store drops a run's cached results as soon as an answer is added, so a run killed in the middle has answers
but no numbers; they are counted here and the run is marked as partial, instead of missing from the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.questions import catalogue
from harness.records import Checkpoint, Exam, Outcomes, Result, Run
from harness.store import read
from harness.store.open import Store
from leaderboard import composites
from leaderboard.cells import Cell, Column, Entry
from leaderboard.columns import alike, columns
from leaderboard.ranks import ranked

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

    def column(self, key: str) -> Column:
        return next(c for c in self.columns if c.key == key)


def read_board(store: Store) -> Board:
    by_id = {c.id: c for c in read.checkpoints(store)}
    exams: dict[str, Exam] = {}
    engines: dict[str, str] = {}
    entries = []
    for run in sorted(read.list_runs(store), key=lambda run: run.id):
        if run.exam not in exams:
            exams[run.exam] = read.get_exam(store, run.exam)
        if run.engine not in engines:
            info = read.get_engine(store, run.engine)
            engines[run.engine] = f"{info.name} {info.version}".strip()
        results = _results(store, run, exams[run.exam])
        entries.append(
            Entry(run, by_id[run.checkpoint], exams[run.exam], results, engines[run.engine], read.scorer(store, run.id))
        )
    known: dict[tuple[str, str], Outcomes] = {}

    def outcomes(entry: Entry, metric: str) -> Outcomes:
        if (entry.run.id, metric) not in known:
            known[entry.run.id, metric] = read.outcomes(store, entry.run.id, metric)
        return known[entry.run.id, metric]

    found = ranked(columns(entries, catalogue.groups()), lambda entry: outcomes(entry, entry.metric))
    found = _with_composites(found, composites.columns(store, entries, outcomes))
    lead = _lead(found)
    runs_of: dict[str, list[Entry]] = {}
    for entry in entries:
        runs_of.setdefault(entry.checkpoint.id, []).append(entry)
    ordered = sorted((by_id[c] for c in runs_of), key=lambda c: _order(c, found, lead))
    place = {entry.run.id: alike(entry) for entry in entries}
    return Board(entries, found, ordered, by_id, lead.key if lead else "", place, runs_of)


def _results(store: Store, run: Run, exam: Exam) -> dict[tuple[str, str], Result]:
    results = read.results(store, run.id)
    if not results and run.done:
        from harness import metrics  # brings in pandas, which a store with all its results does not need

        results = metrics.summarise(read.table(store, run.id), exam.task, run.id)
    return {(result.metric, result.slice): result for result in results}


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
