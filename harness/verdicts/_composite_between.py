"""Between checkpoints of one ranking: at which weight an order flips, and which part the spread comes from.

Example: distilled leads damaged at the contest's weights; only with ES above 0.93 would damaged, short and wrong, lead.
Over five checkpoints AS explains 61 % of Overall's spread and MLS 2 %: then nobody needs to argue about MLS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import NotComparable
from harness.records import Overall


@dataclass(frozen=True)
class Flip:
    """At weight `at` of this part, the others rescaled in proportion, both checkpoints tie; None: never."""

    part: str
    weight: float
    at: float | None
    ahead: str  # who leads with a larger weight of this part


def sensitivity(a: Overall, b: Overall) -> list[Flip]:
    """For each part's weight, where the order of two checkpoints flips; NotComparable unless they share a ranking."""
    if a.peers != b.peers or a.profile_sha != b.profile_sha:
        raise NotComparable(
            f"{a.name} and {b.name} are not scored alike (profile, tasks, questions or counter differ); score them together"
        )
    if a.value is None or b.value is None:
        lacks = a if a.value is None else b
        raise NotComparable(f"{lacks.name} has no Overall under {lacks.profile}: {lacks.why}")
    steps = [(x.value or 0.0) - (y.value or 0.0) for x, y in zip(a.parts, b.parts, strict=True)]
    found = []
    for i, part in enumerate(a.parts):
        others = [(p.weight, d) for j, (p, d) in enumerate(zip(a.parts, steps, strict=True)) if j != i]
        whole = math.fsum(w for w, _ in others)
        rest = math.fsum(w * d for w, d in others) / whole if whole else 0.0
        at = rest / (rest - steps[i]) if rest * steps[i] < 0 else None
        ahead = "" if steps[i] == rest else (a.name if steps[i] > rest else b.name)
        found.append(Flip(part.name, part.weight, at, ahead))
    return found


def explained(overalls: Sequence[Overall]) -> dict[str, float]:
    """Share of the variance of Overall over checkpoints that each part explains: cov(weight · part, Overall) / var(Overall).

    The shares sum to 1; a negative one pulled against the order. Empty below three checkpoints of one ranking, or where
    all are equal. Source: the covariance decomposition of a sum, Shorrocks 1982.
    """
    fields: dict[str, list[Overall]] = {}
    for one in overalls:
        if one.value is not None:
            fields.setdefault(one.peers, []).append(one)
    chosen = max(fields.values(), key=len, default=[])
    if len(chosen) < 3:
        return {}
    total = np.array([one.value for one in chosen], float)
    total -= total.mean()
    spread = float(total @ total)
    if spread < 1e-12:
        return {}
    found = {}
    for i, part in enumerate(chosen[0].parts):
        values = np.array([one.parts[i].value for one in chosen], float)
        found[part.name] = float(part.weight * (values - values.mean()) @ total) / spread
    return found
