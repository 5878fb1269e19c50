"""Overalls for every checkpoint of a made store: right answers, tokens and bytes over its first four tasks.

Example: `score_all(store)` of 1,000 checkpoints takes about 20 CPU seconds. Trap: an Overall is filed under what it was
made of, so it comes last, when no answer comes any more.
"""

from __future__ import annotations

from harness import composites
from harness.records import Run
from harness.store import read, register
from harness.store.open import Store
from harness.verdicts import composite, profile
from leaderboard.cells import Entry
from leaderboard.entries import read_board
from leaderboard.sides import Sides

TASKS = 4
RULES = {
    "name": "made",
    "title": "Made: 0.6 AS + 0.3 ES + 0.1 MLS",
    "part": [
        {"name": "AS", "kind": "accuracy", "weight": 0.6},
        {"name": "ES", "kind": "tokens", "weight": 0.3},
        {"name": "MLS", "kind": "bytes", "weight": 0.1, "bytes_low": 2**28, "bytes_high": 2**36},
    ],
}


def score_all(store: Store) -> int:
    """How many were scored; a checkpoint that lacks one of the tasks is left out."""
    board = read_board(store)
    tasks = sorted({entry.task.key for entry in board.entries})[:TASKS]
    rules = profile.of(RULES | {"task": {task: {"tokens_low": 64, "tokens_high": 4096} for task in tasks}})
    mine: dict[str, list[Entry]] = {}
    for entry in board.entries:
        if entry.task.key in tasks and entry.complete:
            mine.setdefault(entry.checkpoint.id, []).append(entry)
    mine = {
        checkpoint: sorted(found, key=lambda e: e.task.key)
        for checkpoint, found in mine.items()
        if len(found) == len(tasks)
    }
    scoring = {run: row for run, (row, _) in read.scorers(store).items()}
    sides = Sides(store, scoring).of(mine, rules, "own", "rule")
    runs: list[list[Run]] = [[entry.run for entry in found] for found in mine.values()]
    keys = composites.keys_of(store, [(some, "own", "rule") for some in runs])
    made = [composite.overall(sides[checkpoint], rules, draws=400) for checkpoint in mine]
    with store.transaction() as conn:
        for overall, key in zip(made, keys, strict=True):
            register.overall(conn, overall, key, composites.text(rules))
    return len(made)
