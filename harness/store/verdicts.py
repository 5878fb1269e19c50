"""What gates have said: a history of verdicts. Only `branch:` baselines read it: a run that failed its gate is none.

Example: `standing(store)` -> {"5a0e…": 0, "9f3c…": 3}: the exit code of the newest verdict about each run. Judging the same
again adds nothing, so a gate that is run every minute doesn't fill the store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.records import Verdict
from harness.store import rows, runs
from harness.store.open import Store
from harness.store.write import Writer


def standing(store: Store) -> dict[str, int]:
    """Candidate run -> exit code of its newest verdict."""
    found: dict[str, int] = {}
    for row in runs.query(store, "SELECT exit_code, after FROM verdicts ORDER BY id"):
        for run in json.loads(row["after"]):
            found[run] = row["exit_code"]
    return found


def history(store: Store) -> list[tuple[str, tuple[str, ...], Mapping[str, Any]]]:
    """Every verdict in the order it came: when (UTC), the candidate's runs, and what was said, as plain values."""
    found = runs.query(store, "SELECT at, after, verdict FROM verdicts ORDER BY id")
    return [(row["at"], tuple(json.loads(row["after"])), json.loads(row["verdict"])) for row in found]


def record(store: Store, verdict: Verdict, before: Sequence[str], after: Sequence[str]) -> bool:
    """Add the verdict, unless it says what the newest one about these runs says; whether it was added."""
    last = runs.query(
        store,
        "SELECT verdict FROM verdicts WHERE before = ? AND after = ? ORDER BY id DESC LIMIT 1",
        [rows.dump([*before]), rows.dump([*after])],
    )
    if last and last[0]["verdict"] == rows.dump(verdict):
        return False
    with Writer(store) as writer:
        writer.put_verdict(verdict, before, after)
    return True
