"""Absolute floors: `min = 45` fails a score below 45 of 100, whatever the baseline had, and without a baseline too.

Example: ten releases that each slipped within their tolerance are all green and 12 points down; a floor is red at last.
A floor is a limit on the number that is reported, so it has one key: 44.9 fails. The interval is said beside it, because a
checkpoint that is truly at the floor falls below it every other time; who wants a margin writes it into the floor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness import stats
from harness.errors import UserError
from harness.records import Finding, Outcomes
from harness.verdicts import wording
from harness.verdicts._gate_family import ROUNDING
from harness.verdicts.policy import Policy
from harness.words import say

SOURCE = "min"


def judge(candidates: Sequence[Outcomes], scores: Mapping[str, float | None], policy: Policy) -> list[Finding]:
    """A finding per task with a floor; `scores`: the table's, which counts unanswered questions as wrong."""
    found = []
    for side in sorted(candidates, key=lambda o: o.task):
        shares = side.unit in wording.SHARES
        floor = policy.floor(side.task, shares)
        if floor is None:
            continue
        if not side.higher_is_better:
            raise UserError(f"[gate.task.{side.task}] has a `min`, but lower is better for {side.metric}; leave it out")
        value, low, high = score(side) if side.is_mean else (None, None, None)
        value = scores.get(side.task, value)
        found.append(finding(side.task, side.metric, value, low, high, floor, shares))
    return found


def finding(
    task: str, metric: str, value: float | None, low: float | None, high: float | None, floor: float, shares: bool
) -> Finding:
    least = wording.number(floor, shares)
    if value is None:
        what = say("{task} has no {metric} to hold against its floor of {least}", task=task, metric=metric, least=least)
        return Finding(SOURCE, "refuse", what, remedy=say("run it, or take the floor out"), task=task)
    says = wording.number(value, shares)
    if value >= floor - ROUNDING:
        held = say("{task} is at {says}, at least {least} was asked for", task=task, says=says, least=least)
        return Finding(SOURCE, "info", held, task=task)
    if says == least:  # 44.96 and 45.0
        says = wording.number(value, shares, digits=3)
    what = say("{task} is at {says}, below its floor of {least}", task=task, says=says, least=least)
    remedy = say("a floor asks for no baseline: lower it only on purpose")
    if low is None:
        return Finding(SOURCE, "refuse", what, "", remedy, task)
    template = "95 % interval {low} to {high}"
    if high is not None and high >= floor:
        template = "95 % interval {low} to {high}, so other questions might have passed"
    ends = say(template, low=wording.number(low, shares), high=wording.number(high, shares))
    return Finding(SOURCE, "refuse", what, ends, remedy, task)


def score(side: Outcomes) -> tuple[float | None, float | None, float | None]:
    """The candidate's own headline with its 95 % interval, over all that it answered."""
    rows = [i for i, v in enumerate(side.values) if v is not None]
    if not rows:
        return None, None, None
    values = np.array([side.values[i] for i in rows], float)
    clusters = [side.clusters[i] for i in rows] if any(side.clusters) else None
    if side.average == "macro" and any(side.subjects):
        strata = [side.subjects[i] for i in rows]
        return math.fsum((stats.weights(strata, len(rows)) * values).tolist()), *stats.macro(
            values, strata, 0.95, clusters
        )
    mean = math.fsum(values.tolist()) / len(rows)
    if clusters is None and np.isin(values, (0.0, 1.0)).all():
        return mean, *stats.wilson(float(values.sum()), len(rows))
    return mean, *stats.mean_t(values, 0.95, clusters)
