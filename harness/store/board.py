"""The leaderboard's rows: the view v_latest as a table, with the checkpoint's and the task's own facts beside each score.

Example: `board(store).query("task == 'ceval' and status == 'done'")`. Partial runs are there, marked by `partial`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.store import rows, runs
from harness.store.open import Store

if TYPE_CHECKING:
    import pandas as pd


def board(store: Store) -> pd.DataFrame:
    """One row per checkpoint × exam × settings: the latest done attempt, or the latest partial one."""
    import pandas as pd

    tags: dict[str, list[str]] = {}
    for row in runs.query(store, "SELECT r.uid, t.tag FROM run_tags t JOIN runs r ON r.id = t.run"):
        tags.setdefault(row["uid"], []).append(row["tag"])
    found = runs.query(store, "SELECT * FROM v_latest ORDER BY task, checkpoint, run")
    names = [column["name"] for column in runs.query(store, "PRAGMA table_info(v_latest)")]
    made = pd.DataFrame(found, columns=names, dtype="object").drop(columns="place")
    made["tags"] = [tuple(sorted(tags.get(run, ()))) for run in made["run"]]
    made["partial"] = [status != "done" for status in made["status"]]
    cards = {row["uid"]: rows.task(row["card"]) for row in runs.query(store, "SELECT uid, card FROM exams")}
    made["chance"] = [cards[exam].chance for exam in made["exam"]]
    made["average"] = [cards[exam].average for exam in made["exam"]]
    for name in ("value", "low", "high", "micro", "macro", "chance", "n"):
        made[name] = pd.to_numeric(made[name], errors="coerce").astype("float64")
    return made


def board_row(store: Store, run_id: str) -> dict[str, Any]:
    """A run's row of v_board as plain values; `unparsed` and `truncated` count answers."""
    found = runs.query(store, "SELECT * FROM v_board WHERE run = ?", [run_id])
    if not found:
        raise UserError(f"no run {run_id} in {store.path}; `bench runs` lists them")
    return dict(found[0])


def uuid(store: Store) -> str:
    """What tells this store from every other, wherever it is copied; "" of a file that was made without one."""
    found = store.db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()
    return str(found[0]) if found else ""
