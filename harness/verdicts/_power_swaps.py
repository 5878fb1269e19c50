"""The smallest drop of a metric that is no mean (F1, BLEU, AUC) that its own test catches: by its own swaps, simulated.

Example: macro-F1 of 500 answers. Swapped at random the two sides' F1 differ by so and so much: the line. Swapped by an
unfair coin they drop; the drop at which 8 of 10 draws lie below the line is the smallest. The formula of flips, made for
shares of right answers, says another number here.
"""

from __future__ import annotations

import numpy as np

from harness import metrics, stats
from harness.records import Outcomes
from harness.stats import measures
from harness.stats.intervals import Floats
from harness.verdicts import measured

DRAWS = 2_000
WORK = 60_000_000  # weights in all; 14,000 samples get 2,000 draws
STEPS = 9  # of bisection; to a five-hundredth of all flips


def smallest(before: Outcomes, after: Outcomes, tolerance: float, alpha: float, power: float = 0.8) -> float | None:
    """In the metric's unit; None where even all flips turned to losses wouldn't be caught so often."""
    swaps = _Swaps(before, after)
    rng = np.random.default_rng(0)
    still = swaps.changes(rng, 0.0)
    line = min(float(np.quantile(np.concatenate([still, -still]), alpha)), -tolerance)

    def caught(tilt: float) -> tuple[float, float]:
        drawn = swaps.changes(np.random.default_rng(1), tilt)
        return float((drawn <= line).mean()), -float(drawn.mean())

    low, high = 0.0, 1.0
    if caught(high)[0] < power:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if caught(middle)[0] >= power else (middle, high)
    return caught(high)[1]


class _Swaps:
    def __init__(self, before: Outcomes, after: Outcomes) -> None:
        self.of = metrics.quick(metrics.find(after.metric))
        left = {s: i for i, (s, there) in enumerate(zip(before.samples, measured.there(before), strict=True)) if there}
        right = {s: i for i, (s, there) in enumerate(zip(after.samples, measured.there(after), strict=True)) if there}
        ids = sorted(left.keys() & right.keys())
        self.n = len(ids)
        a = {k: np.array(v, float)[[left[s] for s in ids]] for k, v in before.statistics.items()}
        b = {k: np.array(v, float)[[right[s] for s in ids]] for k, v in after.statistics.items()}
        nothing = np.zeros(self.n)
        names = dict.fromkeys((*a, *b))
        self.both = {k: np.concatenate([a.get(k, nothing), b.get(k, nothing)]) for k in names}
        self.sign = 1.0 if after.higher_is_better else -1.0
        clusters = tuple(before.clusters[left[s]] for s in ids) if any(before.clusters) else None
        self.units, self.count = measures.units_of(clusters, self.n)
        self.pulls = np.bincount(self.units, self.sign * stats.contributions(a, b, self.of), minlength=self.count)

    def changes(self, rng: np.random.Generator, tilt: float) -> Floats:
        """Changes to the better, one per draw; `tilt` 0 is a fair coin, 1 turns every unit to its worse side."""
        draws = max(200, min(DRAWS, WORK // (2 * self.n)))
        step = max(1, 4_000_000 // (2 * self.n))
        found = []
        for start in range(0, draws, step):
            down = rng.random((min(step, draws - start), self.count)) < (1 + tilt) / 2
            stay = np.where(self.pulls <= 0, down, ~down).astype(float)[:, self.units]
            here = self.of(self.both, np.hstack([stay, 1 - stay]))
            there = self.of(self.both, np.hstack([1 - stay, stay]))
            found.append(self.sign * (there - here))
        drawn = np.concatenate(found)
        return np.asarray(drawn[~np.isnan(drawn)], float)
