"""What people wrote beside their runs: why something was asked, why it was blessed.

Example: `record(store, "run", "rank 16, since 8 underfits", ["5a0e…"])`; `notes(store)[-1].checkpoints` -> ("c0ffee…",).
The same command given twice, as after an interruption, leaves one note. Trap: a checkpoint's own note, written when it was
trained, lies in its lineage, where it travels with the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.store import rows, runs, texts
from harness.store.open import Store

Kind = Literal["run", "bless"]


@dataclass(frozen=True, slots=True)
class Note:
    at: str  # ISO 8601, UTC
    kind: str  # run | bless
    text: str
    about: str  # name of the baseline that was blessed; "" of runs
    runs: tuple[str, ...]
    checkpoints: tuple[str, ...]


def record(store: Store, kind: Kind, text: str, run_ids: Sequence[str], about: str = "") -> bool:
    """Keep a note beside those of the runs that the store has; whether it is new."""
    said = texts.readable(text)
    with store.transaction() as conn:
        marks = ", ".join("?" for _ in run_ids)
        found = conn.execute(f"SELECT id FROM runs WHERE uid IN ({marks}) ORDER BY id", [*run_ids]).fetchall()
        numbers = [number for (number,) in found]
        if not numbers and kind == "run":  # nothing was begun
            return False
        known = conn.execute(
            "SELECT id FROM notes WHERE kind = ? AND text = ? AND about = ?", [kind, said, texts.readable(about)]
        ).fetchall()
        for (note,) in known:
            old = conn.execute("SELECT run FROM note_runs WHERE note = ? ORDER BY run", [note]).fetchall()
            if [number for (number,) in old] == numbers:
                return False
        note = conn.execute(
            "INSERT INTO notes (at, kind, text, about) VALUES (?, ?, ?, ?)",
            [rows.now(), kind, said, texts.readable(about)],
        ).lastrowid
        conn.executemany("INSERT INTO note_runs (note, run) VALUES (?, ?)", [(note, number) for number in numbers])
    return True


def notes(store: Store) -> list[Note]:
    """All of them, in the order they were written."""
    sql = """SELECT n.id AS id, n.at AS at, n.kind AS kind, n.text AS text, n.about AS about, r.uid AS run, c.uid AS checkpoint
        FROM notes n LEFT JOIN note_runs x ON x.note = n.id LEFT JOIN runs r ON r.id = x.run
        LEFT JOIN checkpoints c ON c.id = r.checkpoint ORDER BY n.at, n.id, r.id"""
    found: dict[int, list[runs.Row]] = {}
    for row in runs.query(store, sql):
        found.setdefault(row["id"], []).append(row)
    return [
        Note(
            mine[0]["at"], mine[0]["kind"], mine[0]["text"], mine[0]["about"],
            tuple(row["run"] for row in mine if row["run"]),
            tuple(dict.fromkeys(row["checkpoint"] for row in mine if row["checkpoint"])),
        )
        for mine in found.values()
    ]  # fmt: skip
