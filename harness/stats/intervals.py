"""Intervals of one score and of one paired change; never Wald, which claims ±0.0 where nothing varied.

Example: `wilson(26, 26)` -> (0.871, 1.0): 26 of 26 right is no proof of 100 %.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]


def mean(values: Iterable[float | None]) -> float | None:
    """Of the values that are there; None where none is, for then nothing was measured."""
    there = [v for v in values if v is not None]
    return math.fsum(there) / len(there) if there else None


def z_of(confidence: float) -> float:
    """The normal quantile of a two-sided interval."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def t_of(confidence: float, degrees: float) -> float:
    """Student's quantile of a two-sided interval; the widest finite one for less than one degree of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(max(degrees, 1.0), 0.5 + confidence / 2))


def wilson(k: float, n: float, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927). `k` and `n` may be fractional: effective sizes."""
    if n <= 0:
        return 0.0, 1.0
    z2 = z_of(confidence) ** 2
    p = k / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if k <= 0 else max(0.0, centre - half)
    return low, 1.0 if k >= n else min(1.0, centre + half)


def mean_t(values: ArrayLike, confidence: float = 0.95, clusters: Sequence[Hashable] | None = None) -> Interval:
    """Student's interval of a plain mean; with `clusters`, whole clusters vary and there are clusters - 1 degrees.

    Source: Miller 2024, "Adding error bars to evals" (cluster-robust standard error), with t instead of z.
    One value alone has no spread: the interval is then the point twice; say n beside it.
    """
    x = np.asarray(values, float)
    if x.size == 0:
        raise ValueError("an interval of no values does not exist")
    mean = float(x.mean())
    units = cluster_sums((x - mean) / x.size, clusters)
    if units.size < 2:
        return mean, mean
    spread = math.sqrt(float(units @ units) * units.size / (units.size - 1))
    half = t_of(confidence, units.size - 1) * spread
    return mean - half, mean + half


def cluster_sums(values: Floats, clusters: Sequence[Hashable] | None) -> Floats:
    """Sums by cluster; an empty or missing cluster name is a cluster of its own."""
    if not clusters or not any(clusters):
        return values
    where, many = _numbered(tuple(clusters))
    sums: Floats = np.bincount(where, weights=values, minlength=many).astype(np.float64)
    return sums


@functools.lru_cache(maxsize=2)  # one pair's clusters are summed for the test, its power and each guard
def _numbered(clusters: tuple[Hashable, ...]) -> tuple[NDArray[np.intp], int]:
    names = clusters if all(clusters) else [c if c else ("", i) for i, c in enumerate(clusters)]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.intp), len(numbers)


def macro(
    values: ArrayLike,
    strata: Sequence[Hashable],
    confidence: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """Interval of the plain mean of stratum means; strata are fixed (C-Eval's 52 subjects are not a sample).

    The stratified variance is turned into an effective number of questions, at which Wilson's interval is taken
    (Dean & Pagano 2015 for the idea); values outside 0..1 get the normal interval. Each stratum's variance is
    shrunk by one question's weight to the overall one, so a subject of one question has a variance too. With
    `clusters` (a case's questions, a question's rotations) whole clusters vary: four copies of each tell no more.
    """
    x = np.asarray(values, float)
    if x.size == 0:
        raise ValueError("an interval of no values does not exist")
    sizes, groups = strata_of(strata)
    share = 1.0 / (sizes.size * sizes[groups])
    estimate = math.fsum((share * x).tolist())
    design_n = 1.0 / float(share @ share)
    bounded = bool(((x >= 0) & (x <= 1)).all())
    overall = estimate * (1 - estimate) if bounded else float(x.var())
    variance = stratified_variance(x, groups, sizes, overall)
    if clusters and any(clusters):
        variance = _clustered_variance(x, groups, sizes, overall, clusters)
        design_n = 1.0 / float((cluster_sums(share, clusters) ** 2).sum())
    if not bounded:
        half = z_of(confidence) * math.sqrt(variance)
        return estimate - half, estimate + half
    n = overall / variance if overall > 1e-9 else design_n  # all right or all wrong, give or take rounding
    return wilson(estimate * n, n, confidence)


def strata_of(strata: Sequence[Hashable]) -> tuple[Floats, NDArray[np.int64]]:
    """Size of each stratum, and the stratum's number of each value."""
    numbers = {stratum: i for i, stratum in enumerate(dict.fromkeys(strata))}
    groups = np.array([numbers[s] for s in strata], dtype=np.int64)
    return np.bincount(groups).astype(float), groups


def stratified_variance(x: Floats, groups: NDArray[np.int64], sizes: Floats, overall: float) -> float:
    """Variance of the plain mean of stratum means, each stratum's variance shrunk to `overall` by one value."""
    means = np.bincount(groups, weights=x) / sizes
    squares = np.bincount(groups, weights=(x - means[groups]) ** 2)
    within = (squares + overall) / sizes
    return float((within / sizes).sum()) / sizes.size**2


def _clustered_variance(
    x: Floats, groups: NDArray[np.int64], sizes: Floats, overall: float, clusters: Sequence[Hashable]
) -> float:
    """The same where whole clusters vary, shrunk by one cluster."""
    means = np.bincount(groups, weights=x) / sizes
    units = cluster_sums((x - means[groups]) / (sizes.size * sizes[groups]), clusters)
    within = {(group, c if c else ("", i)) for i, (group, c) in enumerate(zip(groups.tolist(), clusters, strict=True))}
    counts = np.bincount([group for group, _ in within]).astype(float)
    return float(units @ units) + overall * float((counts**-2).sum()) / sizes.size**2


def tango(lost: float, gained: float, n: float, confidence: float = 0.90) -> Interval:
    """Score interval of the paired change (gained - lost) / n (Tango 1998); counts may be fractional.

    Keeps its level from 26 questions on and is never of zero width, unlike Wald and the bootstrap (Tango 1998,
    Statistics in Medicine 17, 891; q from the constrained likelihood's quadratic).
    """
    if n <= 0:
        return -1.0, 1.0
    z = z_of(confidence)
    change = (gained - lost) / n

    def score(delta: float) -> float:
        if abs(delta) >= 1:
            return -math.copysign(math.inf, delta) if change != delta else 0.0
        b = (2 * n - gained + lost) * delta - gained - lost
        c = -lost * delta * (1 - delta)
        q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        distance = gained - lost - n * delta
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    low = -1.0 if change <= -1 else bisect(lambda d: score(d) - z, -1.0, change)
    high = 1.0 if change >= 1 else bisect(lambda d: score(d) + z, change, 1.0)
    return low, high


def bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    """The zero of a falling function between two ends; 60 halvings are below float resolution."""
    for _ in range(60):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
