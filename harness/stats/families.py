"""Many numbers together: corrections for many tests, the mean of several tasks, ranks of many checkpoints.

Example: ten no-change tasks tested at 5 % each cry wolf in 40 % of suites; with `holm` in 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.intervals import Interval, strata_of


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


def bootstrap_ranks(
    values: ArrayLike, strata: Sequence[Hashable] | None = None, draws: int = 2_000, seed: int = 0
) -> NDArray[np.int64]:
    """Ranks (1 = best) of each checkpoint in each draw, [draw, checkpoint]; all see the same resampled questions.

    `values` is [checkpoint, sample]; equal means share the better rank. With `strata` the score is the plain mean of
    stratum means, and questions are drawn within their stratum. Multinomial counts are Efron's bootstrap (1979)
    without building the samples; Mogstad et al. 2024 on why ranks need intervals of their own.
    """
    x = np.asarray(values, float)
    n = x.shape[1]
    sizes, groups = strata_of(strata) if strata is not None else (np.array([float(n)]), np.zeros(n, np.int64))
    share = 1.0 / (sizes.size * sizes[groups])
    members = [np.flatnonzero(groups == g) for g in range(sizes.size)]
    rng = np.random.default_rng(seed)
    ranks = np.empty((draws, x.shape[0]), dtype=np.int64)
    step = max(1, 4_000_000 // max(n, x.shape[0] ** 2))
    for start in range(0, draws, step):
        rows = min(draws, start + step) - start
        counts = np.empty((rows, n))
        for where in members:
            counts[:, where] = rng.multinomial(where.size, np.full(where.size, 1.0 / where.size), size=rows)
        means = np.round((counts * share) @ x.T, 12)  # equal means must tie whatever the order of summation
        ranks[start : start + rows] = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)
    return ranks
