"""Where the second answers of an A/A check lie, and what they say of a run: a store of their own beside the store.

Example: results/bench.db's second answers are in results/bench.db.aa, so that no name, board or gate ever takes the second
attempt for the run: asking again until it is green is what a gate must not make easy.
"""

from __future__ import annotations

from pathlib import Path

from harness.records import Outcomes, Run
from harness.store import read
from harness.store.open import open_store
from harness.verdicts import noise


def place(store: Path) -> Path:
    """The file of the second answers to a store's runs."""
    return store.with_name(f"{store.name}.aa")


def known(store: Path, first: Outcomes) -> noise.Noise | None:
    """The engine's own flips on these very questions, asked of this checkpoint; None where `bench gate aa` never ran."""
    path = place(store)
    if not path.exists() or not first.run:
        return None
    with open_store(path, mode="ro") as opened:
        found = [run for run in read.list_runs(opened, checkpoint=first.checkpoint) if _same(run, first)]
        return noise.noise(first, read.outcomes(opened, found[0].id, first.metric)) if found else None


def _same(run: Run, first: Outcomes) -> bool:
    return run.status == "done" and run.exam == first.fingerprint.get("must", {}).get("exam")
