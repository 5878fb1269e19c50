"""What a run stands on, written once each: checkpoint, exam, engine, environment, scorer, and the run itself.

Example: `register.exam(conn, exam)` answers True when a known exam comes back with corrected golds; the old scores
stay under the old key, the cached results go. Each function runs inside a transaction of the caller.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness import identity
from harness.records import Checkpoint, EngineInfo, Exam, Overall, Run
from harness.store import rows, texts

ALIVE_SECONDS = 60.0  # without a sign of life from another machine for so long, its run is taken over
LOADING_SECONDS = 900.0  # on this machine its pid tells; loading 15 GB of weights is silent


def checkpoint(conn: sqlite3.Connection, c: Checkpoint) -> None:
    """Upsert; what the newcomer does not know (a lineage, a path) keeps its old value."""
    values = rows.checkpoint_values(c)
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    refresh = ", ".join(f"{n} = coalesce(excluded.{n}, {n})" for n in values if n not in ("uid", "added"))
    conn.execute(
        f"INSERT INTO checkpoints ({names}) VALUES ({marks}) ON CONFLICT (uid) DO UPDATE SET {refresh}",
        values,
    )
    number = conn.execute("SELECT id FROM checkpoints WHERE uid = ?", [c.id]).fetchone()[0]
    parents = [(number, parent, role) for role, parent in _parents(c) if parent != c.id]
    conn.executemany("INSERT INTO parents (child, parent, role) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", parents)


def _parents(c: Checkpoint) -> list[tuple[str, str]]:
    found = [("base", c.base)]
    if c.lineage:
        found += [
            ("merged" if c.kind == "merged" else "base", c.lineage.parent),
            ("teacher", c.lineage.teacher),
        ]
    return [(role, texts.readable(parent)) for role, parent in found if parent]


def exam(conn: sqlite3.Connection, e: Exam) -> bool:
    """True when the golds of a known exam changed, or what is counted of them: its runs then want grading anew."""
    known = conn.execute("SELECT id, key, card FROM exams WHERE uid = ?", [e.id]).fetchone()
    task = e.task if known is None else replace(e.task, added=rows.task(known[2]).added)
    card = rows.dump(task)
    headline = e.task.metrics[0] if e.task.metrics else "accuracy"
    if known and known[1:] == (e.key, card):
        return False
    if known is None:
        number = conn.execute(
            "INSERT INTO exams (uid, key, task, scorer, metric, card, n, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [e.id, e.key, e.task.key, e.task.scorer, headline, card, len(e.samples), rows.now()],
        ).lastrowid
        assert number is not None
        conn.executemany(_SAMPLE, [rows.sample_values(number, s) for s in e.samples])
        return False
    number = known[0]
    conn.execute(
        "UPDATE exams SET key = ?, task = ?, scorer = ?, metric = ?, card = ? WHERE id = ?",
        [e.key, e.task.key, e.task.scorer, headline, card, number],
    )
    before = rows.task(known[2])
    same_grades = (before.scorer, before.metrics, before.average) == (e.task.scorer, e.task.metrics, e.task.average)
    if known[1] == e.key and same_grades:
        return False
    conn.executemany(_SAMPLE + _REFRESH, [rows.sample_values(number, s) for s in e.samples])
    conn.execute("DELETE FROM results WHERE run IN (SELECT id FROM runs WHERE exam = ?)", [number])
    return True


def metrics(conn: sqlite3.Connection, exam_id: str, specs: Sequence[str]) -> None:
    """Count these too of every run of an exam, from now on; a card that comes back with the next run keeps them."""
    number, card = conn.execute("SELECT id, card FROM exams WHERE uid = ?", [exam_id]).fetchone()
    task = rows.task(card)
    more = [spec for spec in dict.fromkeys((*task.added, *specs)) if spec not in task.metrics]
    conn.execute("UPDATE exams SET card = ? WHERE id = ?", [rows.dump(replace(task, added=tuple(more))), number])


def engine(conn: sqlite3.Connection, info: EngineInfo) -> None:
    conn.execute(
        """INSERT INTO engines (uid, name, version, dtype, quantization, device, options)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING""",
        [
            info.id,
            info.name,
            info.version,
            info.dtype,
            info.quantization,
            info.device,
            rows.dump(info.options),
        ],
    )


def environment(conn: sqlite3.Connection, versions: Mapping[str, str]) -> str:
    sha = identity.digest(dict(versions))
    conn.execute(
        "INSERT INTO environments (sha, versions) VALUES (?, ?) ON CONFLICT (sha) DO NOTHING",
        [sha, rows.dump(dict(versions))],
    )
    return sha


def scorer(conn: sqlite3.Connection, name: str, version: int | str, key: str) -> int:
    """The row of a scorer at a version under the golds `key`."""
    conn.execute(
        "INSERT INTO scorers (name, version, params) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [name, version, key],
    )
    found = conn.execute(
        "SELECT id FROM scorers WHERE name = ? AND version = ? AND params = ?", [name, version, key]
    ).fetchone()
    return int(found[0])


def overall(conn: sqlite3.Connection, o: Overall, key: str, text: str) -> None:
    """The text of its profile once, the score under what it was made of."""
    conn.execute(
        "INSERT INTO profiles (sha, name, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [o.profile_sha, o.profile, texts.readable(text)],
    )
    conn.execute(
        """INSERT INTO overalls (checkpoint, profile, runs, value, low, high, parts, status, at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (checkpoint, profile, runs) DO UPDATE SET value = excluded.value, low = excluded.low,
               high = excluded.high, parts = excluded.parts, status = excluded.status""",
        [
            _number(conn, "checkpoints", "uid", o.checkpoint), o.profile_sha, key,
            *map(rows.number, (o.value, o.low, o.high)), rows.dump(o), o.status, rows.now(),
        ],
    )  # fmt: skip


def run(conn: sqlite3.Connection, r: Run, host: str, pid: int, heartbeat: float) -> int:
    """Insert, or set running again under a new owner; what was asked for before is still expected."""
    values = {
        "uid": r.id,
        "checkpoint": _number(conn, "checkpoints", "uid", r.checkpoint),
        "exam": _number(conn, "exams", "uid", r.exam),
        "engine": _number(conn, "engines", "uid", r.engine),
        "environment": None if r.environment is None else _number(conn, "environments", "sha", r.environment),
        "settings": texts.readable(rows.dump(r.settings)),
        "settings_sha": identity.digest(identity.settings_fields(r.settings)),
        "form": "chat" if r.settings.chat else "raw",
        "shots": r.settings.shots,
        "attempt": r.attempt,
        "repeats": r.repeats,
        "expected": r.expected,
        "status": "running",
        "started": r.started or rows.now(),
        "heartbeat": heartbeat,
        "host": host,
        "pid": pid,
    }
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    conn.execute(
        f"""INSERT INTO runs ({names}) VALUES ({marks}) ON CONFLICT (uid) DO UPDATE SET status = 'running',
            heartbeat = excluded.heartbeat, host = excluded.host, pid = excluded.pid,
            environment = coalesce(excluded.environment, environment),
            repeats = max(repeats, excluded.repeats), expected = max(expected, excluded.expected)""",
        values,
    )
    return _number(conn, "runs", "uid", r.id)


def at_work(conn: sqlite3.Connection, run_id: str, here: str, me: int) -> str:
    """Who else is at work on the run, in words; "" for nobody. Here we can look, elsewhere the heartbeat tells."""
    found = conn.execute("SELECT status, heartbeat, host, pid FROM runs WHERE uid = ?", [run_id]).fetchone()
    if found is None:
        return ""
    status, heartbeat, host, pid = found
    if status != "running" or heartbeat is None or (host, pid) == (here, me):
        return ""
    silent = time.time() - heartbeat
    alive = silent < LOADING_SECONDS and _exists(pid) if host == here else silent < ALIVE_SECONDS
    return f"process {pid} on {host} (last sign of life {silent:.0f} s ago)" if alive else ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _number(conn: sqlite3.Connection, table: str, column: str, uid: str) -> int:
    found = conn.execute(f"SELECT id FROM {table} WHERE {column} = ?", [uid]).fetchone()
    if found is None:
        raise LookupError(f"{uid} is not in {table}: it is added before the run that stands on it")
    return int(found[0])


_SAMPLE = """INSERT INTO samples (exam, position, uid, subject, categories, cluster, language, question, choices,
    target, fields, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_REFRESH = """ ON CONFLICT (exam, uid) DO UPDATE SET target = excluded.target, categories = excluded.categories,
    cluster = excluded.cluster, fields = excluded.fields, origin = excluded.origin"""
