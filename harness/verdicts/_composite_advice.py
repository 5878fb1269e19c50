"""What a contestant asks next: where the order flips, what a saved token or byte brings, which answers cost most.

Example: what_if(...) on a 1.5B checkpoint: 10 % fewer tokens +0.21 points, one more right answer in a hundred +0.53, half
the bytes +1.25; 31 answers were cut off, worth up to 9.4. Trap: a sample's cost is what a right answer of the same length
would have brought, so it is the most that mending it can bring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts._composite_parts import Entrant, entrant
from harness.verdicts._composite_worth import (
    Missing,
    between,
    chain,
    measured,
    right,
    shortness,
    size_of,
    tokens,
    weights,
    writes,
)
from harness.verdicts.profile import Profile

SHOWN = 10  # samples per cause


@dataclass(frozen=True)
class Costly:
    """One stored answer that costs points of Overall, at most this many."""

    cause: str  # truncated | unparsed | thinking
    task: str
    sample: str
    points: float


@dataclass(frozen=True)
class WhatIf:
    """Points of Overall; None where the profile has no such part or its input is missing."""

    fewer_tokens: float | None  # 10 % fewer in every answer
    one_more_right: float | None  # in a hundred questions, as long as the wrong answers are now
    half_the_bytes: float | None
    causes: Mapping[str, tuple[int, float]]  # cause -> answers, points in all
    costly: tuple[Costly, ...]  # the worst of each cause


def what_if(outcomes: Sequence[Outcomes], profile: Profile, *, counter: str = "own", cqs: str = "rule") -> WhatIf:
    """What changes of one checkpoint would bring in points of Overall, each with all else as it is."""
    found = entrant(outcomes, profile, counter, cqs)
    causes, costly = _costs(found)
    return WhatIf(
        fewer_tokens=_or_none(_fewer_tokens, found),
        one_more_right=_or_none(_one_more_right, found),
        half_the_bytes=_or_none(_half_the_bytes, found),
        causes=causes,
        costly=costly,
    )


def _or_none(of: Callable[[Entrant], float | None], found: Entrant) -> float | None:
    try:
        return of(found)
    except Missing:
        return None


def _points(found: Entrant, kind: str, task: str) -> float:
    """Points of Overall that a task's mean of 1 brings in the parts of a kind; 0 where they leave the task out."""
    total = 0.0
    for plan in found.profile.part:
        if plan.kind != kind or (kind == "cot" and not plan.only_right):
            continue
        tasks = [t for t in plan.tasks or found.heads if t in found.heads]
        if kind in ("tokens", "cot"):
            tasks = [t for t in tasks if writes(found.heads[t])]
        if kind == "tokens":
            tasks = [t for t in tasks if found.profile.task[t].tokens_low is not None]
        total += 100 * plan.weight / len(tasks) if task in tasks else 0.0
    return total


def _has(found: Entrant, kind: str) -> bool:
    return any(plan.kind == kind for plan in found.profile.part)


def _fewer_tokens(found: Entrant) -> float | None:
    gain = 0.0
    for task, one in found.heads.items():
        if points := _points(found, "tokens", task):
            anchors = found.profile.task[task]
            now, then = (shortness(one, anchors, found.counter, factor) for factor in (1.0, 0.9))
            gain += points * float(weights(one) @ (right(one) * (then - now)))
    return gain if _has(found, "tokens") else None


def _one_more_right(found: Entrant) -> float | None:
    """One question in a hundred of every task from wrong to right, with the length and the chain of a wrong answer."""
    gain = 0.0
    for task, one in found.heads.items():
        wrong = weights(one) * (1 - right(one))
        if not wrong.sum():
            return None  # nothing is left to get right
        gain += float(wrong @ _if_right(found, one, task)) / float(wrong.sum()) / 100
    return gain if _has(found, "accuracy") else None


def _if_right(found: Entrant, one: Outcomes, task: str) -> Floats:
    """Per question: points of Overall if it became right as it is written, were it the whole task."""
    worth = np.full(len(one.samples), _points(found, "accuracy", task))
    if points := _points(found, "tokens", task):
        worth += points * shortness(one, found.profile.task[task], found.counter)
    if points := _points(found, "cot", task):
        worth += points * chain(one, found.cqs)
    return worth


def _half_the_bytes(found: Entrant) -> float | None:
    gain = 0.0
    for plan in found.profile.part:
        if plan.kind == "bytes" and plan.bytes_low and plan.bytes_high:
            size, _ = size_of(list(found.heads.values()))
            now, then = between(np.array([size, size / 2], float), plan.bytes_low, plan.bytes_high)
            gain += 100 * plan.weight * float(then - now)
    return gain if _has(found, "bytes") else None


def _costs(found: Entrant) -> tuple[dict[str, tuple[int, float]], tuple[Costly, ...]]:
    """What truncated, unparsed and thinking answers cost: in all by cause, and the worst of each."""
    every: list[Costly] = []
    for task, one in found.heads.items():
        for cause, points in _by_cause(found, one, task).items():
            each = points * weights(one)
            every += [Costly(cause, task, one.samples[i], float(each[i])) for i in np.flatnonzero(each > 1e-9)]
    every.sort(key=lambda costly: (-costly.points, costly.task, costly.sample))
    by = {cause: [c for c in every if c.cause == cause] for cause in ("truncated", "unparsed", "thinking")}
    causes = {cause: (len(some), math.fsum(c.points for c in some)) for cause, some in by.items() if some}
    return causes, tuple(costly for some in by.values() for costly in some[:SHOWN])


def _by_cause(found: Entrant, one: Outcomes, task: str) -> dict[str, Floats]:
    """Per question the points that a cause takes, were it the whole task; an answer cut off is not also unparsed."""
    costs: dict[str, Floats] = {}
    try:
        wrong = (1 - right(one)) * _if_right(found, one, task)
    except Missing:
        return costs
    cut = measured(one, "truncated_rate")
    costs["truncated"] = cut * wrong
    costs["unparsed"] = measured(one, "unparsed_rate") * (1 - cut) * wrong
    thought, own = measured(one, "thinking_tokens"), measured(one, "answer_tokens")
    points = _points(found, "tokens", task)
    if points and thought.any() and own.any():
        anchors = found.profile.task[task]
        counted = tokens(one, found.counter)
        share = np.clip(thought / np.maximum(own, 1.0), 0.0, 1.0)
        assert anchors.tokens_low and anchors.tokens_high  # else it would bring no points
        now, then = (
            between(np.maximum(counted * rest, 1.0), anchors.tokens_low, anchors.tokens_high)
            for rest in (1.0, 1 - share)
        )
        costs["thinking"] = points * right(one) * (then - now)
    return costs
