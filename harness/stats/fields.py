"""A field of many checkpoints at once: ranks in every resampling, and paired tests of all against one.

Example: `against(values, leader)` of 1,000 rows of 17 grades of 0 or 1 holds some hundred different (lost, gained), each
tested once. Trap: comparing each with each in every draw is a thousand million comparisons; ordering each draw is not.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.intervals import Floats, strata_of
from harness.stats.paired import NORMAL_ABOVE, mid_p_mcnemar, sign_flip, weights

BLOCK = 4_000_000  # numbers held at once
LEVELS = 4096  # scores are counted rather than ordered where a field can only take so many
CLASSES = 64  # of weights; more different ones make hardly any two checkpoints alike


def bootstrap_ranks(
    values: ArrayLike, strata: Sequence[Hashable] | None = None, draws: int = 2_000, seed: int = 0
) -> NDArray[np.integer]:
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
    once = math.lcm(*sizes.astype(int).tolist())  # in a common fraction, right answers are whole numbers of points
    levels = sizes.size * once
    whole = levels < LEVELS and bool(np.isin(x, (0.0, 1.0)).all())
    rng = np.random.default_rng(seed)
    ranks = np.empty((draws, x.shape[0]), dtype=np.int16 if x.shape[0] < 32_000 else np.int64)
    step = max(1, BLOCK // max(n, x.shape[0]))
    for start in range(0, draws, step):
        rows = min(draws, start + step) - start
        counts = np.empty((rows, n))
        for where in members:
            counts[:, where] = rng.multinomial(where.size, np.full(where.size, 1.0 / where.size), size=rows)
        if whole:
            points = (counts * (once // sizes[groups])) @ x.T
            ranks[start : start + rows] = _counted(points.astype(np.intp), levels)
        else:  # equal means must tie whatever the order of summation
            ranks[start : start + rows] = ordered(np.round((counts * share) @ x.T, 12))
    return ranks


def _counted(points: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Ranks of each row of points 0..most: one more than how many have a larger number of them."""
    points += np.arange(len(points))[:, None] * (most + 1)
    have = np.bincount(points.ravel(), minlength=len(points) * (most + 1)).reshape(len(points), most + 1)
    above = have.sum(axis=1, keepdims=True) - np.cumsum(have, axis=1)
    found: NDArray[np.intp] = np.take(1 + above, points)
    return found


def ordered(values: Floats, slack: float = 0.0) -> NDArray[np.int64]:
    """Ranks (1 = largest) in each row of `values`: one more than how many are larger by more than `slack`."""
    order = np.argsort(-values, axis=1, kind="stable")
    falling = np.take_along_axis(values, order, axis=1)
    place = np.arange(values.shape[1])
    if slack:
        first = np.stack([np.searchsorted(-row, -row - slack, side="left") for row in falling])
    else:
        new = np.diff(falling, axis=1, prepend=np.inf) != 0
        first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, first + 1, axis=1)
    return ranks


def against(
    values: Floats, one: Floats, strata: Sequence[Hashable] | None = None, surely: float = 0.0
) -> NDArray[np.float64]:
    """Two-sided p of each row of `values` [checkpoint, sample] against `one`: that of sign_flip, alike ones tested once.

    Where Hoeffding's bound (1963) of the p is below `surely`, the bound itself stands in for it.
    """
    differences = np.asarray(values, float) - one
    n = differences.shape[1]
    share = weights(strata, n)
    p = np.ones(len(differences))
    open_ = np.ones(len(differences), bool)
    if surely > 0:
        spread = (differences**2) @ (share**2)
        bound = 2 * np.exp(-((differences @ share) ** 2) / (2 * np.where(spread > 0, spread, np.inf)))
        open_ = bound >= surely
        p[~open_] = bound[~open_]
    sizes, classes = np.unique(share, return_inverse=True)
    todo = np.flatnonzero(open_)
    if not todo.size:
        return p
    if sizes.size > CLASSES or not np.isin(differences[todo], (-1.0, 0.0, 1.0)).all():
        p[todo] = [_two_sided(sign_flip(differences[i], strata)) for i in todo]
        return p
    of_class = (classes[:, None] == np.arange(sizes.size)).astype(float)
    flips = np.hstack([(differences[todo] < 0) @ of_class, (differences[todo] > 0) @ of_class]).astype(np.int64)
    kinds, first, kind = np.unique(flips, axis=0, return_index=True, return_inverse=True)
    if sizes.size == 1 and n <= NORMAL_ABOVE:
        found = [_two_sided(mid_p_mcnemar(int(lost), int(gained))) for lost, gained in kinds]
    else:
        found = [_two_sided(sign_flip(differences[todo[i]], strata)) for i in first]
    p[todo] = np.array(found)[kind.ravel()]
    return p


def _two_sided(sides: tuple[float, float]) -> float:
    return min(1.0, 2 * min(sides))


def middle(drawn: NDArray[np.integer], share: float = 0.95) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Of ranks [draw, checkpoint], the ends between which at least `share` of the draws of each checkpoint lie."""
    tail = (1 - share) / 2
    last = len(drawn) - 1
    low, high = math.floor(round(tail * last, 9)), math.ceil(round((1 - tail) * last, 9))
    rising = np.sort(np.ascontiguousarray(drawn.T), axis=1, kind="stable")  # of 16-bit numbers quicker than a partition
    return rising[:, low], rising[:, high]
