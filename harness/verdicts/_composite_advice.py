"""What a contestant asks next: where the order flips, what a saved token or byte brings, which answers cost most.

Example: what_if(...) on a 1.5B checkpoint: 10 % fewer tokens +0.21 points, one more right answer in a hundred +0.53, half
the bytes +1.25; 31 answers were cut off, worth up to 9.4. Trap: a sample's cost is what a right answer of the same length
would have brought, so it is the most that mending it can bring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts._composite_parts import Entrant, entrant
from harness.verdicts._composite_worth import (
    Missing,
    between,
    chain,
    right,
    shortness,
    size_of,
    tokens,
    weights,
    writes,
)
from harness.verdicts.profile import Plan, Profile

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
    plans = {plan.kind: plan for plan in profile.part}
    causes, costly = _costs(found, plans)
    return WhatIf(
        fewer_tokens=_fewer_tokens(found, plans.get("tokens")),
        one_more_right=_one_more_right(found, plans),
        half_the_bytes=_half_the_bytes(found, plans.get("bytes")),
        causes=causes,
        costly=costly,
    )


def _weight_of(found: Entrant, plan: Plan, task: str, length: bool = False) -> float:
    """Points of Overall that a task's mean of 1 brings in this part; 0 where the part leaves the task out."""
    tasks = [t for t in plan.tasks or found.heads if t in found.heads]
    if length:
        tasks = [t for t in tasks if writes(found.heads[t]) and found.profile.task[t].tokens_low is not None]
    return 100 * plan.weight / len(tasks) if task in tasks else 0.0


def _fewer_tokens(found: Entrant, plan: Plan | None) -> float | None:
    if plan is None:
        return None
    gain = 0.0
    try:
        for task, one in found.heads.items():
            points = _weight_of(found, plan, task, length=True)
            if points:
                anchors = found.profile.task[task]
                now, then = (shortness(one, anchors, found.counter, factor) for factor in (1.0, 0.9))
                gain += points * float(weights(one) @ (right(one) * (then - now)))
    except Missing:
        return None
    return gain


def _one_more_right(found: Entrant, plans: Mapping[str, Plan]) -> float | None:
    """One question in a hundred of every task from wrong to right, with the length and the chain of a wrong answer."""
    if "accuracy" not in plans:
        return None
    gain = plans["accuracy"].weight
    try:
        for task, one in found.heads.items():
            wrong = weights(one) * (1 - right(one))
            if not wrong.sum():
                return None  # nothing is left to get right
            gain += float(wrong @ _bonus(found, plans, one, task)) / float(wrong.sum()) / 100
    except Missing:
        return None
    return gain


def _bonus(found: Entrant, plans: Mapping[str, Plan], one: Outcomes, task: str) -> Floats:
    """Per question: points of Overall, beside AS, if it became right, were it the whole task."""
    bonus = np.zeros(len(one.samples))
    if "tokens" in plans and (points := _weight_of(found, plans["tokens"], task, length=True)):
        bonus += points * shortness(one, found.profile.task[task], found.counter)
    if "cot" in plans and plans["cot"].only_right and writes(one):
        bonus += _weight_of(found, plans["cot"], task) * chain(one, found.cqs)
    return bonus


def _half_the_bytes(found: Entrant, plan: Plan | None) -> float | None:
    if plan is None or plan.bytes_low is None or plan.bytes_high is None:
        return None
    try:
        size, _ = size_of(list(found.heads.values()))
    except Missing:
        return None
    now, then = between(np.array([size, size / 2], float), plan.bytes_low, plan.bytes_high)
    return 100 * plan.weight * float(then - now)


def _costs(found: Entrant, plans: Mapping[str, Plan]) -> tuple[dict[str, tuple[int, float]], tuple[Costly, ...]]:
    """What truncated, unparsed and thinking answers cost: in all by cause, and the worst of each."""
    every: list[Costly] = []
    for task, one in found.heads.items():
        for cause, points in _by_cause(found, plans, one, task).items():
            each = points * weights(one)
            every += [Costly(cause, task, one.samples[i], float(each[i])) for i in np.flatnonzero(each > 1e-9)]
    every.sort(key=lambda costly: (-costly.points, costly.task, costly.sample))
    by = {cause: [c for c in every if c.cause == cause] for cause in ("truncated", "unparsed", "thinking")}
    causes = {cause: (len(found), math.fsum(c.points for c in found)) for cause, found in by.items() if found}
    return causes, tuple(costly for found in by.values() for costly in found[:SHOWN])


def _by_cause(found: Entrant, plans: Mapping[str, Plan], one: Outcomes, task: str) -> dict[str, Floats]:
    """Per question the points that a cause takes, were it the whole task; an answer cut off is not also unparsed."""
    costs: dict[str, Floats] = {}
    try:
        correct = right(one)
        worth = _bonus(found, plans, one, task)
        if "accuracy" in plans:
            worth = worth + _weight_of(found, plans["accuracy"], task)
    except Missing:
        return costs
    cut = _flag(one, "truncated_rate")
    costs["truncated"] = cut * (1 - correct) * worth
    costs["unparsed"] = _flag(one, "unparsed_rate") * (1 - cut) * (1 - correct) * worth
    thought, own = _flag(one, "thinking_tokens"), _flag(one, "answer_tokens")
    points = _weight_of(found, plans["tokens"], task, length=True) if "tokens" in plans else 0.0
    if points and thought.any() and own.any():
        anchors = found.profile.task[task]
        counted = tokens(one, found.counter)
        share = np.clip(thought / np.maximum(own, 1.0), 0.0, 1.0)
        assert anchors.tokens_low and anchors.tokens_high
        now, then = (
            between(np.maximum(counted * rest, 1.0), anchors.tokens_low, anchors.tokens_high)
            for rest in (1.0, 1 - share)
        )
        costs["thinking"] = points * correct * (then - now)
    return costs


def _flag(one: Outcomes, name: str) -> Floats:
    values = one.measures.get(name)
    if values is None:
        return np.zeros(len(one.samples))
    return np.array([0.0 if value is None else value for value in values], float)
