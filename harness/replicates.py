"""The other training seeds of a checkpoint: stored runs of the same recipe but the seed, asked in the same way.

Example: `of(store, outcomes)` of med-r16-s0 finds med-r16-s1 and med-r16-s2, whose bench_lineage.json differ in the seed only.
"""

from __future__ import annotations

from harness.records import Outcomes
from harness.store import read
from harness.store.open import Store
from harness.verdicts import audit


def of(store: Store, outcomes: Outcomes) -> list[Outcomes]:
    """This run and one of each other seed; itself alone where how it was trained is not recorded."""
    found = [outcomes]
    seeds = {_seed(outcomes)}
    if not outcomes.run or None in seeds:
        return found
    own = read.get_run(store, outcomes.run)
    trained = {c.id for c in read.checkpoints(store) if c.lineage and c.lineage.recipe and c.id != own.checkpoint}
    for run in read.list_runs(store, exam=own.exam, status="done"):
        if run.checkpoint not in trained or run.settings != own.settings or run.expected != own.expected:
            continue
        other = read.outcomes(store, run.id, outcomes.metric)
        if _seed(other) not in seeds and audit.variables(outcomes, other).kind == "replicate":
            seeds.add(_seed(other))
            found.append(other)
    return found


def _seed(outcomes: Outcomes) -> int | None:
    recipe = outcomes.fingerprint.get("recipe") or {}
    seed = recipe.get("seed", (recipe.get("recipe") or {}).get("seed"))
    return seed if isinstance(seed, int) else None
