"""Which checkpoint to ship: who can't be told from the best, which of them to take, and how much the best is flattered.

Example: eight checkpoints of one training on C-Eval val: the best shows 46.2, five can't be told from it, and it is
flattered by about a point, because the luckiest of eight was looked for. So the earliest of the five is advised, and its
score on questions that had no part in the choice is the one to report.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import _aligned, _pick_health, audit, wording
from harness.verdicts.compare import COVERAGE
from harness.words import say

ALPHA = 0.05  # of the tie band, over all comparisons with the leader
DRAWS = 2_000
BLOCK = 4_000_000  # weights in memory at once
ALIKE = 0.01  # sizes within a percent of each other are one size


@dataclass(frozen=True, slots=True)
class Entrant:
    """A checkpoint with its runs by task; `age` orders checkpoints of one training, the earliest lowest."""

    name: str
    outcomes: Mapping[str, Outcomes]
    bytes: int | None = None
    steps: int | None = None
    age: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """One line, best first."""

    name: str
    score: float  # the plain mean of its tasks
    scores: Mapping[str, float]
    behind: float  # the best one's score less this
    p: float | None  # two-sided, Holm over all comparisons with the best; None for the best itself
    tied: bool
    bytes: int | None
    steps: int | None
    health: Mapping[str, Mapping[str, float | None]]  # task -> measure -> mean


@dataclass(frozen=True, slots=True)
class Picked:
    places: tuple[Place, ...]
    advised: str
    why: str
    inflation: float  # how much the best score is expected to be above what it would show on other questions
    points: bool  # shares, spoken of in points of 100
    n: Mapping[str, int]
    warnings: tuple[str, ...] = ()


def pick(entrants: Sequence[Entrant], draws: int = DRAWS, seed: int = 0) -> Picked:
    """The choice among two or more checkpoints that all ran the same tasks in the same way.

    Tasks without golds are not ranked by: their answers' health is shown. NotComparable where runs differ in what must
    match, NothingToCompare without a task that has a score per question.
    """
    if len(entrants) < 2:
        raise NothingToCompare("a choice needs two checkpoints or more")
    tasks = list(entrants[0].outcomes)
    ranked = [t for t in tasks if not any(_pick_health.unranked(e.outcomes[t]) for e in entrants)]
    if not ranked:
        raise NothingToCompare(f"{', '.join(tasks)} has no gold answers to choose by; add a task that has")
    first = entrants[0].outcomes
    odd = [t for t in ranked if not first[t].higher_is_better or first[t].unit not in wording.SHARES]
    if odd and len(ranked) > 1:
        other = next(t for t in ranked if t != odd[0])
        raise NotComparable(
            f"{odd[0]} is scored by {first[odd[0]].metric}, which has no mean with {other}; choose by one of them"
        )
    sign = 1.0 if first[ranked[0]].higher_is_better else -1.0
    table = _Table.of(entrants, ranked)
    scores = table.scores
    best = int(np.argmax(np.round(scores, 12)))  # the earliest of equals
    others = [i for i in range(len(entrants)) if i != best]
    ps = dict(zip(others, stats.holm([table.p(i, best) for i in others]), strict=True))
    health = [_pick_health.health(e.outcomes) for e in entrants]
    places = [
        Place(
            name=e.name,
            score=sign * float(scores[i]),
            scores={t: sign * float(v) for t, v in zip(ranked, table.by_task[i], strict=True)},
            behind=float(scores[best] - scores[i]),
            p=ps.get(i),
            tied=i == best or ps[i] > ALPHA,
            bytes=e.bytes,
            steps=e.steps,
            health=health[i],
        )
        for i, e in enumerate(entrants)
    ]
    tied = [i for i, place in enumerate(places) if place.tied]
    advised, why = _advised([entrants[i] for i in tied], entrants[best])
    order = sorted(range(len(places)), key=lambda i: (round(places[i].behind, 12), entrants[i].age))
    return Picked(
        places=tuple(places[i] for i in order),
        advised=advised.name,
        why=why,
        inflation=inflation(table.units, table.strata, draws, seed),
        points=not odd or first[odd[0]].unit in wording.SHARES,
        n=dict(zip(ranked, table.counts, strict=True)),
        warnings=tuple(_pick_health.warnings({place.name: place.health for place in places})),
    )


def inflation(units: Floats, strata: NDArray[np.int64], draws: int = DRAWS, seed: int = 0) -> float:
    """How much the best of `units` [checkpoint, unit] is expected to shine by luck; scores are sums over units.

    In each draw of a bootstrap over questions the winner is picked anew, and what it shows is compared with its own
    centre. The centres are the observed scores drawn together until their variance is what remains when the questions'
    noise is taken off: scattered as observed, they would count that noise twice, and 8 equal checkpoints would seem a
    third less flattered than they are. Source: Efron 2011, "Tweedie's formula and selection bias", for the shrinkage.
    """
    scores = units.sum(axis=1)
    drawn = _resampled(units, strata, draws, seed) - scores
    apart = drawn - drawn.mean(axis=1, keepdims=True)
    noise = float((apart**2).sum()) / draws / (len(scores) - 1)
    spread = float(scores.var(ddof=1))
    kept = max(0.0, 1.0 - noise / spread) if spread > 0 else 0.0
    centres = scores.mean() + np.sqrt(kept) * (scores - scores.mean())
    shown = centres + drawn
    winner = shown.argmax(axis=1)
    return max(0.0, float((shown[np.arange(draws), winner] - centres[winner]).mean()))


def _resampled(units: Floats, strata: NDArray[np.int64], draws: int, seed: int) -> Floats:
    """Scores [draw, checkpoint] when units are drawn anew within their stratum, the same ones for every checkpoint."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    found = np.empty((draws, len(units)))
    step = max(1, BLOCK // max(1, units.shape[1]))
    for start in range(0, draws, step):
        rows = min(draws, start + step) - start
        counts = np.empty((rows, units.shape[1]))
        for where in members:
            counts[:, where] = rng.multinomial(where.size, np.full(where.size, 1.0 / where.size), size=rows)
        found[start : start + rows] = counts @ units.T
    return found


# -- what is ranked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """units[checkpoint, unit]: what a question (or whole cluster) adds to the mean of the tasks."""

    units: Floats
    strata: NDArray[np.int64]
    by_task: Floats  # [checkpoint, task], as the task's headline
    counts: list[int]

    @property
    def scores(self) -> Floats:
        total: Floats = self.units.sum(axis=1)
        return total

    def p(self, one: int, other: int) -> float:
        """Two-sided, by sign flips of whole units."""
        apart = (self.units[one] - self.units[other]) * self.units.shape[1]
        return min(1.0, 2 * min(stats.sign_flip(apart)))

    @classmethod
    def of(cls, entrants: Sequence[Entrant], tasks: Sequence[str]) -> _Table:
        """Forms of one task ask the same questions, which are one unit of all of them."""
        known: dict[tuple[str, Hashable], int] = {}
        strata: list[int] = []
        blocks, heads, counts, last = [], [], [], 0
        for task in tasks:
            units, groups, names, n = _of_task([e.outcomes[task] for e in entrants], [e.name for e in entrants])
            base = _aligned.questions(task)
            where = [known.setdefault((base, name), len(known)) for name in names]
            strata += [int(g) + last for place, g in zip(where, groups, strict=True) if place >= len(strata)]
            heads.append(units.sum(axis=1))
            blocks.append((where, units / len(tasks)))
            counts.append(n)
            last += int(groups.max()) + 1
        summed = np.zeros((len(entrants), len(known)))
        for where, units in blocks:
            summed[:, where] += units
        return cls(summed, np.array(strata, np.int64), np.array(heads).T, counts)


def _of_task(sides: Sequence[Outcomes], names: Sequence[str]) -> tuple[Floats, NDArray[np.int64], list[Hashable], int]:
    """(units, their strata, their names, questions) of one task: questions that all answered, each weighted as in the headline."""
    first = sides[0]
    for side, name in zip(sides[1:], names[1:], strict=True):
        try:
            audit.refuse(first.task, audit.of(first, side))
        except NotComparable as error:
            raise NotComparable(f"{names[0]} and {name}: {error}") from None
    if not first.is_mean:
        raise NothingToCompare(
            f"{first.task} is scored by {first.metric}, which has no value per question; choose by another task"
        )
    answered = [{s: v for s, v in zip(o.samples, o.values, strict=True) if v is not None} for o in sides]
    common = set.intersection(*(set(found) for found in answered))
    for found, name in zip(answered, names, strict=True):
        if not common or len(common) < COVERAGE * len(found):
            raise NotComparable(
                f"{first.task}: only {len(common):,} of {name}'s {len(found):,} answered questions were answered by all; "
                "finish the runs, or use the same --limit"
            )
    ids = sorted(common)
    place = {s: i for i, s in enumerate(first.samples)}
    at = [place[s] for s in ids]
    values = np.array([[found[s] for s in ids] for found in answered], float)
    subjects = [first.subjects[i] for i in at] if first.average == "macro" and first.subjects else None
    clusters = [first.clusters[i] for i in at] if any(first.clusters) else [""] * len(at)
    weighted = values * stats.weights(subjects, len(ids)) * (1.0 if first.higher_is_better else -1.0)
    groups: list[Hashable] = [c or (s,) for s, c in zip(ids, clusters, strict=True)]
    numbers: dict[Hashable, int] = {}
    unit = np.array([numbers.setdefault(g, len(numbers)) for g in groups], np.int64)
    summed = np.zeros((len(sides), len(numbers)))
    np.add.at(summed.T, unit, weighted.T)
    known: dict[str, int] = {}
    stratum = np.zeros(len(numbers), np.int64)
    for i, subject in zip(unit, subjects or [""] * len(at), strict=True):
        stratum[i] = known.setdefault(subject, len(known))
    return summed, stratum, list(numbers), len(ids)


# -- what is advised ----------------------------------------------------------------------------------------------


def _advised(tied: Sequence[Entrant], best: Entrant) -> tuple[Entrant, str]:
    """The smallest of the tie band, the earliest of equally small ones; why, in a few words."""
    if len(tied) == 1:
        return best, say("it is better than every other one")
    sizes = [e.bytes for e in tied]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes) and max(known) > (1 + ALIKE) * min(known):
        small = [e for e, size in zip(tied, known, strict=True) if size <= (1 + ALIKE) * min(known)]
        chosen = min(small, key=_age)
        template = "the smallest of {n} that can't be told apart"
    else:
        chosen = min(tied, key=_age)
        template = "the first named of {n} that can't be told apart"
        if _in_a_row(tied):
            template = "the earliest of {n} that can't be told apart"
    what = say(template, n=len(tied))
    return chosen, what if chosen.name != best.name else say("{what}, and the best", what=what)


def _in_a_row(entrants: Sequence[Entrant]) -> bool:
    """Whether they are of one training: steps are known, or the names differ in their numbers only."""
    plain = {re.sub(r"\d+", "", e.name) for e in entrants}
    return len(plain) == 1 or all(e.steps is not None for e in entrants)


def _age(entrant: Entrant) -> tuple[float, int]:
    return (float("inf") if entrant.steps is None else entrant.steps, entrant.age)
