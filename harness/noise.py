"""Where the second answers of an A/A check lie, and what they say of a run: a store of their own beside the store.

Example: results/bench.db's second answers are in results/bench.db.aa, so that no name, board or gate ever takes the second
attempt for the run: asking again until it is green is what a gate must not make easy.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import UserError
from harness.records import Outcomes, Run, Verdict
from harness.store import read
from harness.store.open import Store, open_store
from harness.verdicts import noise


def place(store: Path) -> Path:
    """The file of the second answers to a store's runs."""
    return store.with_name(f"{store.name}.aa")


def known(store: Path, first: Outcomes) -> noise.Noise | None:
    """The engine's own flips on these very questions, asked of this checkpoint; None where `bench gate aa` never ran."""
    path = place(store)
    if not path.exists() or not first.run:
        return None
    with open_store(path, mode="ro") as aside:
        return _known(aside, first)


def said(store: Path, verdict: Verdict) -> list[str]:
    """What part of each task's flips the engine makes by itself, in sentences; nothing where it was never measured."""
    path = place(store)
    if not path.exists() or not store.exists():
        return []
    lines = []
    try:
        with open_store(path, mode="ro") as aside, open_store(store, mode="ro") as opened:
            for judged in verdict.tasks:
                sides = verdict.sides.get(judged.task)
                if sides is None or judged.change is None or not judged.change.lost + judged.change.gained:
                    continue
                runs = [str(sides[side]["run"]) for side in ("before", "after")]
                firsts = [read.outcomes(opened, run) for run in runs if run and read.list_runs(opened, run=run)]
                found = next((n for first in firsts if (n := _known(aside, first))), None)
                lines += [noise.within(found, judged.change)] if found else []
    except UserError:  # a remark that can't be made changes no verdict
        return []
    return lines


def _known(aside: Store, first: Outcomes) -> noise.Noise | None:
    found = [run for run in read.list_runs(aside, checkpoint=first.checkpoint) if _same(run, first)]
    return noise.noise(first, read.outcomes(aside, found[0].id, first.metric)) if found else None


def _same(run: Run, first: Outcomes) -> bool:
    return run.status == "done" and run.exam == first.fingerprint.get("must", {}).get("exam")
