"""How much of a score hangs on how it was asked: clean against variants of the same questions, every figure with an interval.

Example: ceval 62.0, ~circular 58.4, ~noise 60.9: mean 59.7, worst 58.4, spread 3.6 points, drop rate 3.8 %, the same answer
in 81 % of pairs. What is drawn and compared is the question: all its rotations and wordings move together.
Trap: several scores spread by chance alone, the more so the fewer questions, so the spread comes with the one that 95 of
100 deals of each question's answers to the sides stay below, and with its p-value; under that, wording made no difference.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.errors import NothingToCompare
from harness.stats.intervals import Floats

OfScores = Callable[[Floats], Floats]  # [draw, side] -> [draw]
Average = Literal["micro", "macro"]
SCORE, CHANGE = 0.95, 0.90  # confidence of a score's interval, and of a change's, as everywhere
DRAWS = 2000
DEALS = 500
BLOCK = 100  # draws at once: 12,342 questions then take 10 MB
SEED = 20264


@dataclass(frozen=True, slots=True)
class Asked:
    """One asked question of a run. `answer`: what was said, options by their texts, since letters move; None = nothing read."""

    origin: str  # Sample.id of the clean question
    value: float | None  # 0..1
    answer: str | None = None
    subject: str = ""
    cluster: str = ""
    unchanged: bool = (
        False  # asked word for word as in the clean run: circular's first rotation, a question without a slip
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its interval; None where there is nothing to compute it from."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One variant against clean, on the same questions; shares in 0..1."""

    variant: str
    changed: int  # questions asked otherwise than before
    score: Figure  # 95 %; the mean over a question's rotations first
    change: Figure  # score - clean, paired, 90 %
    drop_rate: Figure  # 1 - score / clean, 95 %
    flips: Figure  # of the answers that were right, how many became wrong, 95 %
    same: Figure  # answered as before, 95 %
    every: Figure | None = None  # right in every rotation, 95 %; where a question was asked more than once


@dataclass(frozen=True, slots=True)
class Robustness:
    """Shares in 0..1 over the questions that all runs answered."""

    n: int
    dropped: int  # questions of some runs only
    average: Average
    clean: Figure
    lines: tuple[Line, ...]
    mean: Figure  # of the variants' scores
    worst: Figure  # the lowest variant's
    worst_variant: str
    spread: Figure  # highest - lowest score, clean among them
    spread_by_chance: float  # what 95 % of spreads stay below if it doesn't matter how a question is asked
    spread_p: float  # how often chance alone spreads so far
    drop_rate: Figure  # 1 - mean / clean
    consistency: Figure  # pairs of answers to a question that are the same, mean over questions (SCORE's CR)


def judge(clean: Sequence[Asked], variants: Mapping[str, Sequence[Asked]], average: Average = "micro") -> Robustness:
    """All figures; NothingToCompare without a variant or without a question that all answered.

    Sources: consistency as mean pairwise agreement, SCORE (Nalbandyan et al. 2025); drop rate, PromptBench (Zhu et al.
    2023); spread between formats, FormatSpread (Sclar et al. 2023). An answer that can't be read agrees with none.
    """
    if not variants:
        raise NothingToCompare("there is no run of a variant to compare with")
    sides = {"": _by_question(clean)} | {name: _by_question(asked) for name, asked in variants.items()}
    common = [q for q in sides[""] if all(q in side for side in sides.values())]
    if not common:
        raise NothingToCompare("no question was answered in the clean run and in every variant")
    table = _Table.of(sides, common, average)
    lines = tuple(_line(table, name, sides) for name in variants)
    scores = table.scores(table.weights)
    worst = 1 + int(np.argmin(scores[1:]))
    by_chance, p = table.spread_by_chance()
    return Robustness(
        n=len(common),
        dropped=len(set().union(*sides.values())) - len(common),
        average=average,
        clean=table.score(table.values[:, 0]),
        lines=lines,
        mean=table.score(table.values[:, 1:].mean(axis=1)),
        worst=table.drawn(lambda s: s[..., 1:].min(axis=-1)),
        worst_variant=list(variants)[worst - 1],
        spread=table.drawn(_spread),
        spread_by_chance=by_chance,
        spread_p=p,
        drop_rate=table.drawn(_drop_rate, -math.inf),
        consistency=table.score(np.array([_agreement(_answers(sides, q)) for q in common])),
    )


def _by_question(asked: Sequence[Asked]) -> dict[str, list[Asked]]:
    """Questions with at least one graded answer, in the order they were asked."""
    found: dict[str, list[Asked]] = {}
    for one in asked:
        if one.value is not None:
            found.setdefault(one.origin, []).append(one)
    return found


def _line(table: _Table, name: str, sides: Mapping[str, Mapping[str, Sequence[Asked]]]) -> Line:
    column = 1 + [side for side in sides if side].index(name)
    before, after = table.values[:, 0], table.values[:, column]
    asked = [sides[name][question] for question in table.questions]
    right = before == 1.0
    same = [
        _share([_alike(sides[""][q][0].answer, one.answer) for one in mine if not one.unchanged or len(mine) == 1])
        for q, mine in zip(table.questions, asked, strict=True)
    ]
    every = None
    if any(len(mine) > 1 for mine in asked):
        every = table.score(np.array([float(all(one.value == 1.0 for one in mine)) for mine in asked]))
    pair = [0, column]
    return Line(
        variant=name,
        changed=sum(any(not one.unchanged for one in mine) for mine in asked),
        score=table.score(after),
        change=table.change(after - before),
        drop_rate=table.drawn(lambda s: _drop_rate(s[..., pair]), -math.inf),
        flips=table.plain(1.0 - after[right], right) if right.any() else Figure(None),
        same=table.score(np.array(same)),
        every=every,
    )


def _answers(sides: Mapping[str, Mapping[str, Sequence[Asked]]], question: str) -> list[str | None]:
    """The clean answer and those of all variants; one asked in the very words of the clean run is no second opinion."""
    return [one.answer for name, side in sides.items() for one in side[question] if not name or not one.unchanged]


def _agreement(answers: Sequence[str | None]) -> float:
    """Share of the pairs that are the same answer; 1 for one answer alone."""
    return _share([_alike(a, b) for a, b in itertools.combinations(answers, 2)])


def _alike(one: str | None, other: str | None) -> bool:
    return one is not None and one == other


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 1.0


def _spread(scores: Floats) -> Floats:
    widest: Floats = scores.max(axis=-1) - scores.min(axis=-1)
    return widest


def _drop_rate(scores: Floats) -> Floats:
    """1 - mean of the variants / clean, NaN where clean is 0."""
    clean = scores[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Floats = np.where(clean > 0, 1.0 - scores[..., 1:].mean(axis=-1) / clean, np.nan)
    return rate


# -- scores of all sides on the same questions ----------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """values[question, side], clean first; a question's rotations and repeats are averaged before."""

    questions: list[str]
    values: Floats
    subjects: list[str] | None  # where the score is their plain mean
    clusters: list[str] | None
    weights: Floats

    @classmethod
    def of(cls, sides: Mapping[str, Mapping[str, Sequence[Asked]]], questions: list[str], average: Average) -> _Table:
        values = np.array([[np.mean([one.value for one in side[q]]) for side in sides.values()] for q in questions])
        first = [sides[""][q][0] for q in questions]
        subjects = [one.subject for one in first] if average == "macro" else None
        clusters = [one.cluster for one in first] if any(one.cluster for one in first) else None
        return cls(questions, values, subjects, clusters, stats.weights(subjects, len(questions)))

    def score(self, values: Floats) -> Figure:
        """A mean over all questions, weighted as the task's headline."""
        if self.subjects and len(set(self.subjects)) > 1:
            return Figure(float(self.weights @ values), *stats.macro(values, self.subjects, SCORE, self.clusters))
        return self.plain(values, np.ones(len(values), bool))

    def plain(self, values: Floats, chosen: NDArray[np.bool_]) -> Figure:
        """An unweighted mean over the chosen questions, whole clusters varying."""
        mean = float(values.mean())
        clusters = [c for c, inside in zip(self.clusters, chosen, strict=True) if inside] if self.clusters else None
        units = len({c or i for i, c in enumerate(clusters)}) if clusters else len(values)
        low, high = stats.mean_t(values, SCORE, clusters)
        if math.isclose(low, high) or (not clusters and np.isin(values, (0.0, 1.0)).all()):
            low, high = stats.wilson(mean * units, units, SCORE)
        return Figure(mean, max(low, 0.0), min(high, 1.0))

    def change(self, differences: Floats) -> Figure:
        if not self.subjects and not self.clusters and np.isin(differences, (-1.0, 0.0, 1.0)).all():
            lost, gained = int((differences < 0).sum()), int((differences > 0).sum())
            low, high = stats.tango(lost, gained, len(differences), CHANGE)
        else:
            low, high = stats.paired_interval(differences, self.subjects, self.clusters, CHANGE)
        return Figure(float(self.weights @ differences), low, high)

    def scores(self, weights: Floats) -> Floats:
        """[draw, side], or [side] for one set of weights."""
        total: Floats = weights @ self.values / weights.sum(axis=-1, keepdims=True)
        return total

    def drawn(self, figure: OfScores, least: float = 0.0) -> Figure:
        """A figure of all scores together, with the interval of a bootstrap over questions (whole clusters).

        Not within subjects: of one question per subject each draw would be the same, and the interval no wider than 0.
        """
        value = float(figure(self.scores(self.weights)))
        if math.isnan(value):
            return Figure(None)
        found = figure(self._resampled)
        found = found[~np.isnan(found)]
        if not found.size:
            return Figure(value)
        low, high = np.quantile(found, (0.025, 0.975)) - (found.mean() - value)
        if math.isclose(low, high):  # nothing varied: as wide as that of so many questions without a flip, never "±0"
            wide = stats.tango(0, 0, self._units()[1], SCORE)[1]
            low, high = value - wide, value + wide
        return Figure(value, max(float(low), least), min(float(high), 1.0))

    @functools.cached_property
    def _resampled(self) -> Floats:
        """[draw, side]: the scores of the same draws, for all figures."""
        unit, count = self._units()
        chance = np.random.default_rng(SEED)
        even = np.full(count, 1 / count)
        blocks = (chance.multinomial(count, even, BLOCK)[:, unit] * self.weights for _ in range(0, DRAWS, BLOCK))
        return np.concatenate([self.scores(block) for block in blocks])

    def spread_by_chance(self) -> tuple[float, float]:
        """(95 % quantile, p) of the spread when each question's answers are dealt to the sides anew, whole clusters alike."""
        unit, count = self._units()
        chance = np.random.default_rng(SEED)
        spreads = np.empty(DEALS)
        for deal in range(DEALS):
            order = chance.random((count, self.values.shape[1])).argsort(axis=1)[unit]
            spreads[deal] = _spread(self.weights @ np.take_along_axis(self.values, order, axis=1))
        as_wide = int((spreads >= float(_spread(self.scores(self.weights))) - 1e-12).sum())
        return float(np.quantile(spreads, 0.95)), (1 + as_wide) / (1 + DEALS)

    def _units(self) -> tuple[NDArray[np.int64], int]:
        """The cluster's number of each question, and how many there are."""
        names = [c or f"\x1f{i}" for i, c in enumerate(self.clusters)] if self.clusters else self.questions
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64), len(numbers)
