"""What training files have in common with exams: a level per file and question, those with nothing too.

Example: `levels(store, ["3fa9c0…"])` -> {"07ab…": "exact", "19cd…": "none", …}, by Sample.id, so that forms of a task that
ask the same questions share it. Trap: no entry means not looked for; only `none` means not found.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from harness.records import Exam
from harness.store import register, runs, texts
from harness.store.open import Store

LEVELS = ("exact", "near", "partial", "none")  # the worst first
SHOWN = 16  # characters of a hash that lineages agree on


class Found(NamedTuple):
    sample: str
    level: str
    coverage: float
    longest: int
    renumbered: bool
    answered: bool
    line: int | None


def record(store: Store, sha: str, name: str, rows: int, exam: Exam, found: Iterable[Found]) -> None:
    """Keep a check; an earlier one of the same file and exam is replaced whole."""
    with store.transaction() as conn:
        if not conn.execute("SELECT 1 FROM exams WHERE uid = ?", [exam.id]).fetchone():
            register.exam(conn, exam)
        number = conn.execute("SELECT id FROM exams WHERE uid = ?", [exam.id]).fetchone()[0]
        samples = dict(conn.execute("SELECT uid, id FROM samples WHERE exam = ?", [number]).fetchall())
        conn.execute(
            "INSERT INTO train_files VALUES (?, ?, ?) ON CONFLICT (sha) DO UPDATE SET name = excluded.name",
            [sha[:SHOWN], texts.readable(name), rows],
        )
        conn.execute("DELETE FROM overlaps WHERE train = ? AND exam = ?", [sha[:SHOWN], number])
        conn.executemany(
            "INSERT INTO overlaps (train, exam, sample, level, coverage, longest, renumbered, answered, line)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (sha[:SHOWN], number, samples[f.sample], *f[1:4], int(f.renumbered), int(f.answered), f.line)
                for f in found
            ],
        )


def levels(store: Store, shas: Sequence[str]) -> dict[str, str]:
    """Sample.id -> the worst level that any of these files has."""
    found: dict[str, str] = {}
    for sha in shas:
        sql = "SELECT DISTINCT s.uid AS uid, o.level AS level FROM overlaps o JOIN samples s ON s.id = o.sample"
        for row in runs.query(store, f"{sql} WHERE o.train = ?", [sha[:SHOWN]]):
            known = found.get(row["uid"], "none")
            found[row["uid"]] = min(known, row["level"], key=LEVELS.index)
    return found


def looked_through(source: Mapping[str, Any], checked: Container[str]) -> str | None:
    """Which check tells of a lineage's source: that of the very rows it gave, else that of the whole file.

    Two trainings take 24 rows and 2,000 of one file: what the 24 hold says nothing of the 2,000.
    """
    shas = (str(source.get(key) or "")[:SHOWN] for key in ("trained_sha", "sha"))
    return next((sha for sha in shas if sha and sha in checked), None)


def train_files(store: Store) -> dict[str, str]:
    """sha -> name of every training file that was checked."""
    return {row["sha"]: row["name"] for row in runs.query(store, "SELECT sha, name FROM train_files ORDER BY sha")}
