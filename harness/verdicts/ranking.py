"""Ranks as intervals, who can't be told from the leader, and the Pareto front: paired, as marginal error bars are no test.

Example: on 41 models × 724 questions, paired Holm separates the leader from all 40 others where the overlap of single
intervals separates 36; 95 % rank intervals are 7 places wide instead of 14.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness import stats
from harness.records import Dominated
from harness.stats.intervals import Floats

DRAWS, FEWEST_DRAWS = 2_000, 400
DRAWN = 400_000  # ranks, over all checkpoints


@dataclass(frozen=True, slots=True)
class RankInterval:
    rank: int  # 1 = best mean; equal means share it
    low: int  # best and worst rank in 95 % of resamplings; best is 1 for all of the tie band, since it can't be ruled out
    high: int
    tie_band: bool  # can't be told from the leader


def rank(
    values: ArrayLike,
    strata: Sequence[Hashable] | None = None,
    alpha: float = 0.05,
    draws: int | None = None,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
) -> list[RankInterval]:
    """Rank of each row of `values` [checkpoint, sample]; every row must have answered every sample.

    The tie band: two-sided paired tests against the leader, Holm over the others. It misses a checkpoint that is as good
    as the best in at most one board of forty; of ten equal ones somebody is left out in one of seven, because the leader
    is the luckiest of them.
    """
    x = np.asarray(values, float)
    if x.size == 0:
        return []
    if not np.isfinite(x).all():
        raise ValueError("ranks need every checkpoint's value for every sample")
    x, strata = together(x, strata, clusters)
    means = np.round(x @ stats.weights(strata, x.shape[1]), 12)
    drawn = stats.bootstrap_ranks(x, strata, draws or draws_for(len(x)), seed)
    surely = alpha / len(x)  # below it nothing that Holm does with the others makes a tie
    return intervals(means, drawn, lambda others, leader: stats.against(x[others], x[leader], strata, surely), alpha)


def together(
    x: Floats, strata: Sequence[Hashable] | None, clusters: Sequence[Hashable] | None
) -> tuple[Floats, Sequence[Hashable] | None]:
    """A column per cluster, with the same scores: a case's questions are drawn and swapped together, as in a change.

    No name, "" or None, is a cluster of its own. Clusters that reach over strata are drawn from one pot.
    """
    named = [c for c in clusters or () if c]
    if not clusters or len(set(named)) == len(named):
        return x, strata
    share = stats.weights(strata, x.shape[1])
    units = [c if c else ("", i) for i, c in enumerate(clusters)]
    numbers = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    where = np.array([numbers[unit] for unit in units], np.intp)
    order, starts = np.argsort(where, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(where))[:-1]])
    sums = np.add.reduceat((x * share)[:, order], starts, axis=1)
    homes = dict(zip(units, strata or (), strict=False))
    if not strata or any(homes[unit] != stratum for unit, stratum in zip(units, strata, strict=True)):
        return sums * len(numbers), None
    inside = [homes[unit] for unit in numbers]
    return sums / stats.weights(inside, len(inside)), inside


def draws_for(checkpoints: int) -> int:
    """Resamplings: 2,000, fewer for a field so wide that a place more or less in the interval says nothing."""
    return max(FEWEST_DRAWS, min(DRAWS, DRAWN // max(1, checkpoints)))


def intervals(
    values: Floats,
    drawn: NDArray[np.integer],
    p: Callable[[NDArray[np.intp], int], Sequence[float] | Floats],
    alpha: float = 0.05,
) -> list[RankInterval]:
    """Of `drawn`, ranks [draw, checkpoint], the 95 % in the middle; `p(others, leader)` is two-sided, Holm over the others."""
    ranks = stats.ordered(values[None, :])[0]
    lows, highs = stats.middle(drawn)
    leader = int(np.argmax(values))
    others = np.flatnonzero(np.arange(len(values)) != leader)
    found = stats.holm([float(one) for one in p(others, leader)]) if others.size else []
    tied = {leader, *others[np.array(found) > alpha].tolist()} if found else {leader}
    spans = zip(ranks.tolist(), np.minimum(lows, ranks).tolist(), np.maximum(highs, ranks).tolist(), strict=True)
    return [RankInterval(rank, 1 if i in tied else low, high, i in tied) for i, (rank, low, high) in enumerate(spans)]


def pareto(points: Mapping[str, tuple[float, ...]], higher: tuple[bool, ...]) -> list[Dominated]:
    """Who is beaten by whom, in the order given; `higher` says per coordinate whether more is better.

    `by` names those of the front only: whoever is dominated is dominated by one of them. Equal points share the front.
    """
    names = list(points)
    x = np.array([points[name] for name in names], float).reshape(len(names), len(higher))
    if np.isnan(x).any():
        raise ValueError("a point without a coordinate can't be compared; leave it out and say so")
    x = np.where(higher, x, -x)
    beats, more = np.ones((len(names), len(names)), bool), np.zeros((len(names), len(names)), bool)
    for axis in x.T:
        beats &= axis[:, None] >= axis
        more |= axis[:, None] > axis
    beats &= more
    front = np.flatnonzero(~beats.any(axis=0))
    above = np.ascontiguousarray(beats[front].T)
    leading = [names[i] for i in front.tolist()]
    return [
        Dominated(name, points[name], tuple(leading[i] for i in np.flatnonzero(by).tolist()))
        for (name, by) in zip(names, above, strict=True)
    ]
