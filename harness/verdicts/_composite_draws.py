"""The joint bootstrap: questions are drawn once, and every part of every side is computed from the same draw.

Example: a question that is right, short and well argued moves AS, ES and CQS together, so the interval of Overall is
wider than one made of three independent intervals would be. Tasks are strata, and so are the subjects of a task whose
score is their plain mean; the questions of one case (cluster) are drawn together. Source: Efron & Tibshirani 1993, §8
and §13; clusters: Davison & Hinkley 1997, §3.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.stats.intervals import Floats, t_of, z_of
from harness.stats.measures import Columns, units_of

DRAWS = 10_000
CONFIDENCE = 0.90  # at which the draws of few questions are widened; that of the tests of a change
BLOCK = 4_000_000  # numbers held at once
Of = Callable[[Columns, Floats], Floats]


@dataclass(frozen=True, eq=False)
class Sheet:
    """One task's questions: a column per mean that is wanted, and measures that are no means."""

    task: str
    strata: tuple[str, ...] | None
    clusters: tuple[str, ...] | None
    means: Floats  # [question, column]
    measures: tuple[tuple[Columns, Of], ...] = ()

    @property
    def width(self) -> int:
        return int(self.means.shape[1]) + len(self.measures)


def point(sheet: Sheet) -> Floats:
    """The value of each column: its mean over questions, or over the means of subjects; then each measure."""
    n = len(sheet.means)
    every = np.ones((1, n))
    measured = [float(of(columns, every)[0]) for columns, of in sheet.measures]
    share = stats.weights(sheet.strata, n)[:, None] * sheet.means
    means = [math.fsum(column) for column in share.T.tolist()]  # the same whatever the order of the questions
    return np.array([*means, *measured])


def drawn(sheets: Sequence[Sheet], draws: int = DRAWS, seed: int = 0) -> list[Floats]:
    """Per sheet the values of its columns in each draw, [draw, column]; the same numbers for the same input."""
    return [_of_sheet(sheet, draws, np.random.default_rng([seed, i])) for i, sheet in enumerate(sheets)]


@dataclass(frozen=True, eq=False)
class _Stratum:
    rows: NDArray[np.int64]
    units: NDArray[np.int64]  # of each row
    sums: Floats  # [unit, column]
    sizes: Floats  # questions of each unit
    share: float  # of the task's score


def _of_sheet(sheet: Sheet, draws: int, rng: np.random.Generator) -> Floats:
    n, columns = sheet.means.shape
    strata = list(_strata(sheet))
    values = np.zeros((draws, sheet.width))
    if sum(stratum.sizes.size for stratum in strata) < 2:
        return values * np.nan  # one question, or one case, tells no spread
    kept = np.zeros((draws, n), np.uint16) if sheet.measures else None
    for stratum in strata:
        start = 0
        for counts in _counts(rng, stratum.sizes.size, draws):
            rows = slice(start, start + len(counts))
            values[rows, :columns] += stratum.share * (counts @ stratum.sums) / (counts @ stratum.sizes)[:, None]
            if kept is not None:
                kept[rows, stratum.rows] = counts[:, stratum.units]
            start += len(counts)
    if kept is not None:
        step = max(1, BLOCK // n)
        for start in range(0, draws, step):
            weights = kept[start : start + step].astype(float)
            for i, (statistics, of) in enumerate(sheet.measures):
                values[start : start + step, columns + i] = of(statistics, weights)
    return _widened(values, point(sheet), sum(stratum.sizes.size - 1 for stratum in strata))


def _widened(values: Floats, centre: Floats, degrees: int) -> Floats:
    """Draws as far apart as Student's t has it: of five questions the percentiles would be a quarter too narrow."""
    values -= centre
    values *= t_of(CONFIDENCE, degrees) / z_of(CONFIDENCE)
    values += centre
    return values


def _strata(sheet: Sheet) -> Iterator[_Stratum]:
    """What is drawn from; subjects of one question vary as a stratum of such subjects, or they would not vary at all."""
    n, columns = sheet.means.shape
    groups = stats.strata_of(sheet.strata)[1] if sheet.strata else np.zeros(n, np.int64)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    single: list[NDArray[np.int64]] = []
    for inside in members:
        units, count = units_of([sheet.clusters[i] for i in inside] if sheet.clusters else None, inside.size)
        if count == 1 and len(members) > 1:
            single.append(inside)
            continue
        sums = np.zeros((count, columns))
        np.add.at(sums, units, sheet.means[inside])
        yield _Stratum(inside, units, sums, np.bincount(units, minlength=count).astype(float), 1 / len(members))
    if single:
        rows = np.concatenate(single)
        units = np.repeat(np.arange(len(single)), [inside.size for inside in single])
        means = np.stack([sheet.means[inside].mean(axis=0) for inside in single])
        yield _Stratum(rows, units, means, np.ones(len(single)), len(single) / len(members))


def _counts(rng: np.random.Generator, count: int, draws: int) -> Iterator[Floats]:
    """How often each unit is drawn, [draw, unit], a block at a time.

    One fewer than there are: then the spread is unbiased also in strata of a few (McCarthy & Snowden 1985).
    """
    size = max(1, count - 1)
    step = max(1, BLOCK // count)
    for start in range(0, draws, step):
        many = min(draws, start + step) - start
        picked = rng.integers(0, count, size=(many, size), dtype=np.int32)
        picked += np.arange(many, dtype=np.int32)[:, None] * count
        yield np.bincount(picked.ravel(), minlength=many * count).reshape(many, count).astype(float)
