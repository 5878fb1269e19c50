"""Ranks of composites as intervals: every side is computed from the same drawn questions, as in a change.

Example: Overall 61.3 and 60.9 on 1,319 questions share `1=`; one at 52 is 3-4 in 95 % of the draws. Trap: overlapping
intervals of two Overalls are no test, because both move with the same questions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness import stats
from harness.records import Outcomes, Part
from harness.stats.intervals import Floats
from harness.verdicts._composite_parts import entrant, lay
from harness.verdicts._composite_table import computed, summed
from harness.verdicts.profile import Profile
from harness.verdicts.ranking import RankInterval, draws_for, intervals


def rank(
    sides: Mapping[str, Sequence[Outcomes]],
    profile: Profile,
    counter: str,
    cqs: str,
    draws: int | None = None,
    seed: int = 0,
) -> dict[str, RankInterval]:
    """Rank of each checkpoint's Overall with its 95 % interval; all must have every part and the same questions.

    The tie band: two-sided p against the leader from the draws, Holm over the others, 5 %.
    """
    names = list(sides)
    draws = draws or draws_for(len(names))
    found = [entrant(sides[name], profile, counter, cqs) for name in names]
    if not found:
        return {}
    asked = [[(task, one.samples) for task, one in side.heads.items()] for side in found]
    if any(one != asked[0] for one in asked):
        raise ValueError("ranks need the same questions of every checkpoint, in one order")
    laid = [lay(side) for side in found]
    table = computed(laid, found[0].heads, draws, seed)
    values, drawn = [], []
    for side, points, often in zip(laid, table.values, table.draws, strict=True):
        parts = [
            Part(one.plan.name, one.plan.weight, value, None, None) for one, value in zip(side, points, strict=True)
        ]
        if any(part.value is None for part in parts):
            raise ValueError("ranks need every part of every checkpoint")
        values.append(math.fsum(part.weight * (part.value or 0.0) for part in parts))
        every = summed(parts, often)
        drawn.append(np.full(draws, values[-1]) if every is None else every)
    return dict(zip(names, _ranks(np.array(values), np.stack(drawn)), strict=True))


def _ranks(values: Floats, drawn: Floats) -> list[RankInterval]:
    """`drawn` is [checkpoint, draw]."""
    each = stats.ordered(drawn.T, slack=1e-9)
    return intervals(np.round(values, 9), each, lambda others, leader: [_p(drawn[leader] - drawn[i]) for i in others])


def _p(ahead: Floats) -> float:
    """Two-sided: how often the draws put the other side ahead; a tie counts half."""
    if not np.ptp(ahead) > 1e-9:
        return 0.0 if abs(float(ahead[0])) > 1e-9 else 1.0
    ties = float((ahead == 0).sum()) / 2
    fewer = min(float((side < 0).sum()) for side in (ahead, -ahead))
    return min(1.0, 2 * (fewer + ties + 1) / (ahead.size + 1))
