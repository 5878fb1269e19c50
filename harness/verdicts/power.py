"""What a gate can see before anybody trusts it: false alarms, the smallest drop it catches, the questions it needs.

Example: C-Eval val (1,346 questions) with 15 % flips catches 2.6 points 8 times of 10; 2 points need 2,317 questions.
Trap: a drop that is not above the tolerance passes however many questions prove it, and one exactly at it fails half of
the time: the tolerance is the middle, the printed drop the promise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness import stats
from harness.records import Judged, Outcomes, Verdict
from harness.verdicts import _power_draws, _power_swaps, gate
from harness.verdicts._power_draws import assumed
from harness.verdicts.compare import Paired, pair
from harness.verdicts.policy import Policy
from harness.verdicts.wording import SHARES, number
from harness.words import listed, say

__all__ = ["Simulated", "TaskPower", "assumed", "power", "sentence", "simulate"]

DROPS = (0.01, 0.02, 0.03, 0.05)
POWER = 0.8


@dataclass(frozen=True, slots=True)
class TaskPower:
    task: str
    n: int
    flipped: float  # share of questions with another value
    mde: float  # smallest drop that the gate as a whole catches 8 times of 10, in the metric's unit
    needed: tuple[tuple[float, int], ...]  # (true drop, questions that prove it 8 times of 10)
    metric: str = ""
    unit: str = ""
    tolerance: float = 0.0
    method: str = ""  # flips | squares | swaps


@dataclass(frozen=True, slots=True)
class Simulated:
    """How often the gate fails when nothing has changed, or when one task has dropped; by the gate itself."""

    draws: int
    failed: float
    by_scores: float  # a task or all tasks together regressed
    by_guards: float  # only a guard did it
    caught: tuple[tuple[str, float], ...] = ()  # task -> share of draws in which it regressed


def power(pairs: Sequence[tuple[Outcomes, Outcomes]], policy: Policy | None = None) -> list[TaskPower]:
    """Power of each comparable task in the family that `judge` forms of these pairs, by the pair's own discordance."""
    policy = _alone(policy or Policy())
    verdict = gate.judge(pairs, policy)
    sides = {after.task: (before, after) for before, after in pairs}
    judged = [j for j in verdict.tasks if j.task in sides and j.change and j.change.p is not None]
    alpha = policy.alpha / (len(judged) + (1 if len(judged) > 1 else 0) or 1)
    return [_of_task(*sides[j.task], j, alpha) for j in judged]


def _of_task(before: Outcomes, after: Outcomes, judged: Judged, alpha: float) -> TaskPower:
    paired = pair(before, after)
    flipped = float((paired.better != 0).mean())
    change = judged.change
    mde = (change.mde if change else None) or 1.0
    if paired.measured:
        mde = _power_swaps.smallest(before, after, judged.tolerance, alpha) or mde
        method = "swaps"
    else:
        method = "flips" if _binary(paired) else "squares"
    needed = tuple((drop, _needed(paired, drop, alpha, mde)) for drop in DROPS)
    return TaskPower(after.task, paired.n, flipped, mde, needed, after.metric, after.unit, judged.tolerance, method)


def _needed(paired: Paired, drop: float, alpha: float, mde: float) -> int:
    """Questions like these that prove a true drop 8 times of 10."""
    n, moment = paired.effective
    if paired.measured:  # its error falls with the root of the questions, as every smooth measure's does
        return math.ceil(paired.n * (mde / drop) ** 2)
    if _binary(paired):
        found = stats.needed_n(drop, moment, alpha, POWER) or 0
    else:
        normal = NormalDist()
        found = math.ceil(moment * ((normal.inv_cdf(1 - alpha) + normal.inv_cdf(POWER)) / drop) ** 2)
    return math.ceil(found * paired.n / n - 1e-9)  # macro: small subjects cost questions


def _binary(paired: Paired) -> bool:
    return bool(np.isin(paired.better, (-1.0, 0.0, 1.0)).all())


def simulate(
    pairs: Sequence[tuple[Outcomes, Outcomes]],
    policy: Policy | None = None,
    draws: int = 400,
    seed: int = 0,
    drops: dict[str, float] | None = None,
    watch: Callable[[int], None] = lambda done: None,
) -> Simulated:
    """The gate itself on resampled questions whose two answers change sides at random: no change but the pair's flips.

    `drops`: task -> a true drop in the metric's unit; so many of its flips, and no more than it takes, become losses.
    Floors, waivers and the composite stay out: the first are no comparison, the others no test of these answers.
    """
    policy = _alone(policy or Policy())
    rng = np.random.default_rng(seed)
    drawers = [_power_draws.Drawer(before, after) for before, after in sorted(pairs, key=lambda p: p[1].task)]
    failed = scores = 0
    caught = {d.task: 0 for d in drawers}
    for done in range(draws):
        verdict = gate.judge([d.draw(rng, (drops or {}).get(d.task, 0.0)) for d in drawers], policy)
        regressed = [j.task for j in verdict.tasks if j.judgement == "regressed"]
        for task in regressed:
            caught[task] += 1
        failed += verdict.exit_code == 3
        scores += verdict.exit_code == 3 and bool(regressed or _pooled(verdict))
        watch(done + 1)
    shares = tuple((task, count / draws) for task, count in caught.items())
    return Simulated(draws, failed / draws, scores / draws, (failed - scores) / draws, shares)


def _pooled(verdict: Verdict) -> bool:
    return any(f.source == "pooled" and f.level == "refuse" for f in verdict.guards)


def _alone(policy: Policy) -> Policy:
    """The policy's tests, without what doesn't compare these answers."""
    tasks = {name: dataclasses.replace(task, min=None) for name, task in policy.task.items()}
    policy = policy.shared if policy.anchor else policy
    return dataclasses.replace(policy, task=tasks, waive=(), composite=None, fail_fast=None, anchor="")


def sentence(tasks: Sequence[TaskPower], simulated: Simulated | None) -> str:
    """One sentence for somebody who has to decide whether to trust it."""
    if not tasks:
        return say("No task can be compared, so the gate can't see anything.")
    caught = listed((say("{drop} on {task}", drop=_drop(t, t.mde), task=t.task) for t in tasks), " and ")
    finest = min(tasks, key=lambda t: (_relative(t), t.task))
    more = next(((d, n) for d, n in finest.needed if d < finest.mde and n > finest.n and d > finest.tolerance), None)
    tail: str = ""
    if more:
        template = "; {drop} on {task} would need {n:,} questions"
        tail = say(template, drop=_drop(finest, more[0]), task=finest.task, n=more[1])
    if simulated is None:
        return say("This gate catches a drop of {caught} 8 times of 10{tail}.", caught=caught, tail=tail)
    template = (
        "This gate fails {alarms:.1f} % of no-change comparisons and catches a drop of {caught} 8 times of 10{tail}."
    )
    return say(template, alarms=100 * simulated.failed, caught=caught, tail=tail)


def _relative(t: TaskPower) -> float:
    return t.mde / (t.tolerance or 1.0)


def _drop(t: TaskPower, drop: float) -> str:
    points = t.unit in SHARES
    return say("{n} points", n=number(drop, True)) if points else f"{drop:.3g} {t.metric}"
