"""A look before the end: a checkpoint that lost twenty points is stopped after 200 questions; it can never pass there.

Example: alpha 0.05 is spent as 0.001 on the first 200 common questions and 0.049 on all of them, so that looking twice
costs nothing that is seen. The first are those whose ids hash lowest: no order of asking or of subjects favours any.
"""

from __future__ import annotations

import dataclasses
import hashlib

from harness.records import Outcomes
from harness.verdicts import _aligned, measured
from harness.verdicts._gate_pairs import Pairs
from harness.verdicts.policy import FIRST_LOOK_ALPHA, Policy


def split(policy: Policy) -> tuple[Policy, Policy]:
    """The policy of the look and that of everything: alpha shared between them; the look has no other alarms.

    A look asks for proof also where the whole needs none: of 200 questions two are lost by luck in every other run.
    """
    first = min(FIRST_LOOK_ALPHA, policy.alpha / 2)
    tasks = {name: dataclasses.replace(task, rule="two-key") for name, task in policy.task.items()}
    look = dataclasses.replace(
        policy, alpha=first, fail_fast=None, composite=None, guard={}, rule="two-key", task=tasks
    )
    return look, dataclasses.replace(policy, alpha=policy.alpha - first, fail_fast=None)


def first(pairs: Pairs, count: int) -> list[tuple[Outcomes, Outcomes]]:
    """Each pair cut to its first `count` common questions in hash order; those with fewer are not looked at yet."""
    found = []
    for before, after in pairs:
        common = _answered(before) & _answered(after)
        if len(common) >= count:
            chosen = set(sorted(common, key=_hash)[:count])
            both = ([i for i, sample in enumerate(side.samples) if sample in chosen] for side in (before, after))
            cut = [_aligned.cut(side, rows) for side, rows in zip((before, after), both, strict=True)]
            found.append((cut[0], cut[1]))
    return found


def _answered(side: Outcomes) -> set[str]:
    return {s for s, there in zip(side.samples, measured.there(side), strict=True) if there}


def _hash(sample: str) -> bytes:
    return hashlib.sha256(sample.encode("utf-8", "surrogatepass")).digest()
