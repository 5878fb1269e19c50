"""Everything that is read from a store, in one place to import from; nothing here ever writes.

Example: `read.table(store, read.list_runs(store, task="ceval")[0].id).groupby("subject").value.mean()`.
Records come from runs.py, answers from answers.py, pandas tables and Outcomes from tables.py, the board from board.py.
"""

from harness.store.answers import (
    first_error,
    missing,
    notes,
    outcome_counts,
    response_count,
    responses,
    sample_rows,
    unasked,
    unscored,
)
from harness.store.board import board, board_row
from harness.store.runs import (
    checkpoints,
    environment,
    find_checkpoint,
    get_engine,
    get_exam,
    get_run,
    get_task,
    list_runs,
    results,
    scorer,
    scorers,
)
from harness.store.secondary import grades, judge, judged_by, judges, overall, overalls, profiles, state, states
from harness.store.tables import outcomes, table

__all__ = [
    "board",
    "board_row",
    "checkpoints",
    "environment",
    "find_checkpoint",
    "first_error",
    "get_engine",
    "get_exam",
    "get_run",
    "get_task",
    "grades",
    "judge",
    "judged_by",
    "judges",
    "list_runs",
    "missing",
    "notes",
    "outcome_counts",
    "outcomes",
    "overall",
    "overalls",
    "profiles",
    "response_count",
    "responses",
    "results",
    "sample_rows",
    "scorer",
    "scorers",
    "state",
    "states",
    "table",
    "unasked",
    "unscored",
]
