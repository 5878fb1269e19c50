"""Records out of the store: runs, checkpoints, exams, engines, results.

Example: `list_runs(store, checkpoint="qwen3-0.6b-med", task="ceval", status="done")[0]` is the newest such run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from harness.errors import UserError
from harness.records import Checkpoint, EngineInfo, Exam, Result, Run, Task
from harness.store import rows
from harness.store.open import Store

Row = dict[str, Any]
ROWS = 5_000  # fetched at once


def query(store: Store, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
    """All rows at once: a cursor left open holds its snapshot, and a write after it fails when another commits.

    Of two columns with one name the later wins, so `r.*, c.uid AS checkpoint` gives the uid.
    """
    cursor = store.db.conn.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_JOINED = """runs r JOIN checkpoints c ON c.id = r.checkpoint JOIN exams e ON e.id = r.exam
    JOIN engines n ON n.id = r.engine LEFT JOIN environments v ON v.id = r.environment"""
# fields of a Run that have no column of their name
_SAME = {
    "id": "r.uid",
    "checkpoint": "c.uid",
    "exam": "e.uid",
    "engine": "n.uid",
    "environment": "v.sha",
    "tags": "(SELECT json_group_array(tag) FROM run_tags WHERE run = r.id)",
}


def get_run(store: Store, run_id: str) -> Run:
    found = list_runs(store, run=run_id)
    if not found:
        raise UserError(f"no run {run_id} in {store.path}; `bench runs` lists them")
    return found[0]


def list_runs(
    store: Store,
    *,
    checkpoint: str | None = None,
    task: str | None = None,
    tag: str | None = None,
    status: str | None = None,
    exam: str | None = None,
    run: str | None = None,
) -> list[Run]:
    """Runs that match all that is given, newest first; `checkpoint` is an id or a name, `task` a Task.key."""
    wanted = {
        "(c.uid = :checkpoint OR c.name = :checkpoint)": checkpoint,
        "e.task = :task": task,
        "EXISTS (SELECT 1 FROM run_tags t WHERE t.run = r.id AND t.tag = :tag)": tag,
        "r.status = :status": status,
        "e.uid = :exam": exam,
        "r.uid = :run": run,
    }
    where = " AND ".join(["1", *(condition for condition, value in wanted.items() if value is not None)])
    values = {"checkpoint": checkpoint, "task": task, "tag": tag, "status": status, "exam": exam, "run": run}
    names = ", ".join(f"{_SAME.get(f.name, f'r.{f.name}')} AS {f.name}" for f in fields(Run))
    sql = f"SELECT {names} FROM {_JOINED} WHERE {where} ORDER BY r.started DESC, r.id DESC"
    cursor = store.db.conn.execute(sql, values)
    return list(rows.runs(row for some in iter(lambda: cursor.fetchmany(ROWS), []) for row in some))


def find_checkpoint(store: Store, checkpoint_id: str) -> Checkpoint | None:
    found = query(store, "SELECT * FROM checkpoints WHERE uid = ?", [checkpoint_id])
    return rows.checkpoint(found[0]) if found else None


def checkpoints(store: Store) -> list[Checkpoint]:
    """All of them, newest first."""
    return [rows.checkpoint(r) for r in query(store, "SELECT * FROM checkpoints ORDER BY id DESC")]


def get_exam(store: Store, exam_id: str) -> Exam:
    """The exam with the golds in force now; its solved examples are not stored, only their prompts."""
    found = _exam_row(store, exam_id)
    samples = query(store, "SELECT * FROM samples WHERE exam = ? ORDER BY position", [found["id"]])
    return rows.exam(found, samples)


def get_task(store: Store, exam_id: str) -> Task:
    """The card alone, without reading the samples."""
    return rows.task(_exam_row(store, exam_id)["card"])


def _exam_row(store: Store, exam_id: str) -> Row:
    found = query(store, "SELECT * FROM exams WHERE uid = ?", [exam_id])
    if not found:
        raise UserError(f"no exam {exam_id} in {store.path}; `bench runs` lists what was asked")
    return found[0]


def get_engine(store: Store, engine_id: str) -> EngineInfo:
    found = query(store, "SELECT * FROM engines WHERE uid = ?", [engine_id])
    if not found:
        raise UserError(f"no engine {engine_id} in {store.path}")
    return rows.engine(found[0])


def environment(store: Store, sha: str | None) -> dict[str, str]:
    """Versions by name; empty for a run that does not know where it ran."""
    found = query(store, "SELECT versions FROM environments WHERE sha = ?", [sha])
    return dict(json.loads(found[0]["versions"])) if found else {}


def results(store: Store, run_id: str) -> list[Result]:
    """The cached numbers of a run: the headline with its slices first."""
    found = query(
        store,
        """SELECT h.*, r.uid AS run FROM results h JOIN runs r ON r.id = h.run JOIN exams e ON e.id = r.exam
           WHERE r.uid = ? ORDER BY h.metric = e.metric DESC, h.metric, h.slice""",
        [run_id],
    )
    return [Result(**rows.known(Result, r)) for r in found]


def scoring(store: Store, run_id: str) -> tuple[int | None, str, int | str | None]:
    """(row, name, version) of the scorer whose grades count for a run now; row None while nothing is graded."""
    found = query(
        store,
        """SELECT g.scorer, c.name, c.version FROM runs r JOIN v_scoring g ON g.run = r.id
           JOIN scorers c ON c.id = g.scorer WHERE r.uid = ?""",
        [run_id],
    )
    if not found:
        return None, "", None
    return found[0]["scorer"], found[0]["name"], found[0]["version"]


def scorer(store: Store, run_id: str) -> str:
    """`name@version` of the scorer whose grades count for a run now, "" while nothing is graded."""
    _, name, version = scoring(store, run_id)
    return f"{name}@{version}" if name else ""


def scorers(store: Store) -> dict[str, tuple[int, str]]:
    """Run -> row and `name@version` of the scorer whose grades count for it now, of all that are graded: as v_scoring has it."""
    names = store.db.conn.execute("SELECT id, name || '@' || version FROM scorers").fetchall()
    known = {row: (row, name) for row, name in names}
    found = store.db.conn.execute(
        """SELECT r.uid, c.name = e.scorer, g.graded,
               CASE typeof(c.version) WHEN 'integer' THEN c.version ELSE 0 END, c.id
           FROM run_scorers g JOIN scorers c ON c.id = g.scorer JOIN runs r ON r.id = g.run JOIN exams e ON e.id = r.exam
           WHERE c.params = e.key ORDER BY g.run"""
    )
    best: dict[str, tuple[int, str]] = {}
    last, standing = "", (-1, -1, -1, -1)
    for run, *mine in iter(found.fetchone, None):
        if run != last or tuple(mine) > standing:
            last, standing = run, tuple(mine)
            best[run] = known[mine[-1]]
    return best
