"""Overall of a checkpoint under a profile, with an interval that holds because all parts move with the same questions.

Example: 0.4 AS + 0.3 CQS + 0.2 ES + 0.1 MLS = 68.9 (66.9 to 70.9) on GSM8K's 1,319 questions. A part that can't be had is
None with its remedy and Overall is None with it: no silent re-weighting. Who is not above guessing is shown, unranked.
Trap: the plain mean over tasks is taken in every part, so ES can never pass AS, and 5,000 easy questions don't drown 30
hard ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from harness import identity
from harness.records import Outcomes, Overall, Part
from harness.verdicts._composite_advice import Costly, WhatIf, what_if
from harness.verdicts._composite_beside import beside
from harness.verdicts._composite_between import Flip, explained, sensitivity
from harness.verdicts._composite_change import change
from harness.verdicts._composite_counter import Counter, counter
from harness.verdicts._composite_draws import DRAWS
from harness.verdicts._composite_parts import Entrant, entrant, lay
from harness.verdicts._composite_table import computed, part_of, total
from harness.verdicts.profile import Profile

__all__ = [
    "Costly",
    "Counter",
    "Flip",
    "WhatIf",
    "change",
    "counter",
    "explained",
    "overall",
    "sensitivity",
    "what_if",
]


def overall(
    outcomes: Sequence[Outcomes],
    profile: Profile,
    *,
    counter: str = "own",
    cqs: str = "rule",
    draws: int = DRAWS,
    seed: int = 0,
) -> Overall:
    """The score of one checkpoint from its outcomes; tasks that the profile doesn't know are left out."""
    found = entrant(outcomes, profile, counter, cqs)
    laid = lay(found)
    table = computed([laid], found.heads, draws, seed)
    parts = tuple(map(part_of, laid, table.values[0], table.draws[0]))
    first = next(iter(found.heads.values()))
    value, low, high = total(parts, table.draws[0])
    status, why = _status(found, parts)
    return Overall(
        profile=profile.name,
        profile_sha=profile.sha,
        checkpoint=first.checkpoint,
        name=first.name,
        value=value,
        low=low,
        high=high,
        status=status,
        why=why,
        parts=parts,
        tasks=tuple(found.heads),
        counter=counter,
        cqs=cqs,
        runs=tuple(sorted({one.run for one in found.others.values() if one.run})),
        beside=beside(found, parts),
        peers=_peers(found),
    )


def _status(found: Entrant, parts: Sequence[Part]) -> tuple[Literal["ok", "partial", "below_chance"], str]:
    missing = "; ".join(f"{part.name}: {part.why}" for part in parts if part.value is None)
    if missing:
        return "partial", missing
    if found.profile.above_chance:
        for part, plan in zip(parts, found.profile.part, strict=True):
            if plan.kind != "accuracy":
                continue
            tasks = part.detail["tasks"]
            chance = 100 * math.fsum(found.heads[task].chance or 0.0 for task in tasks) / len(tasks)
            if part.low is None:
                return "below_chance", f"{part.name} of one question can't be told from guessing; run more of them"
            if part.low <= chance:
                return "below_chance", (
                    f"{part.name} {part.value:.1f} (95 % interval from {part.low:.1f}) is not above what guessing gets, "
                    f"{chance:.1f}; shown, not ranked"
                )
    return "ok", ""


def _peers(found: Entrant) -> str:
    """What must agree before two scores stand in one ranking; how a checkpoint was asked is its own affair."""
    kinds = {plan.kind for plan in found.profile.part}
    tasks = []
    for (task, metric), one in sorted(found.others.items()):
        if one is found.heads[task] or any(plan.metric == metric for plan in found.profile.part):
            must = one.fingerprint.get("must", {})
            beside = sorted((one.fingerprint.get("beside") or {}).items())
            tasks.append(
                [task, *(must.get(key) for key in ("exam", "key", "scorer", "metric")), beside, sorted(one.samples)]
            )
    counted = [found.counter if "tokens" in kinds else "", found.cqs if "cot" in kinds else ""]
    if counted[0] == "own":  # ids of two tokenizers are no measure of each other, and an unknown one is its own
        heads = found.heads.values()
        own = {one.fingerprint.get("own", {}).get("tokenizer") or f"unknown, of {one.checkpoint}" for one in heads}
        counted += sorted(own)
    return identity.digest([found.profile.sha, counted, tasks])
