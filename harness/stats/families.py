"""Many numbers together: corrections for many tests, the mean of several tasks, ranks of many checkpoints.

Example: ten no-change tasks tested at 5 % each cry wolf in 40 % of suites; with `holm` in 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def bootstrap_ranks(
    values: ArrayLike, draws: int = 2_000, seed: int = 0, weights: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Ranks (1 = best mean) of each checkpoint in each draw: [draw, checkpoint], the same resampled questions for all.

    `values` is [checkpoint, sample]; ties share the better rank. Resampling by multinomial counts is the bootstrap
    of Efron 1979 without building the samples; pairing is kept because every checkpoint sees the same counts.
    """
    x = np.asarray(values, float)
    n = x.shape[1]
    share = np.full(n, 1.0 / n) if weights is None else np.asarray(weights, float)
    rng = np.random.default_rng(seed)
    ranks = np.empty((draws, x.shape[0]), dtype=np.int64)
    step = max(1, 4_000_000 // n)
    for start in range(0, draws, step):
        stop = min(draws, start + step)
        counts = rng.multinomial(n, np.full(n, 1.0 / n), size=stop - start)
        means = np.round((counts * share) @ x.T, 12)  # equal means must tie whatever the order of summation
        ranks[start:stop] = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)
    return ranks
