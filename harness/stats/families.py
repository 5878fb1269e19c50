"""Many numbers together: corrections for many tests, the mean of several tasks.

Example: ten no-change tasks tested at 5 % each cry wolf in 40 % of suites; with `holm` in 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.stats.intervals import Interval


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given; the chance of any false rejection stays at alpha (Holm 1979)."""
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = highest
    return adjusted


def bh(ps: Sequence[float]) -> list[float]:
    """q-values in the order given; the share of false discoveries stays at q (Benjamini & Hochberg 1995)."""
    adjusted, lowest = [0.0] * len(ps), 1.0
    order = sorted(range(len(ps)), key=lambda i: ps[i], reverse=True)
    for position, i in enumerate(order):
        lowest = min(lowest, ps[i] * len(ps) / (len(ps) - position))
        adjusted[i] = lowest
    return adjusted


def mover(values: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> Interval:
    """Interval of the plain mean of independent estimates from their own intervals (Zou & Donner 2008).

    Keeps each member's asymmetry: a group of tasks near 100 % gets no bar that reaches above it.
    """
    if not values:
        raise ValueError("an interval of no values does not exist")
    k = len(values)
    mean = math.fsum(values) / k
    down = math.sqrt(math.fsum((v - low) ** 2 for v, low in zip(values, lows, strict=True))) / k
    up = math.sqrt(math.fsum((high - v) ** 2 for v, high in zip(values, highs, strict=True))) / k
    return mean - down, mean + up
