"""The family of tests behind one verdict: tasks, composite and the pooled test share one budget of false alarms.

Example: ten tasks tested at 5 % each fail 40 % of no-change gates; Holm's order keeps the ten, and one pooled test that
sees "everything got a bit worse", at 5 % together. A task fails by two keys: the drop is real, and it is large enough.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness import stats
from harness.records import Change, Finding, Judged, Judgement
from harness.stats.intervals import Floats
from harness.verdicts import _aligned, wording
from harness.verdicts.compare import Paired
from harness.verdicts.policy import Policy
from harness.words import listed, say

POWER = 0.8
POOLED = "pooled"
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Tested:
    """A comparable member on its way to a judgement; the composite comes without a pair, tested as a whole."""

    change: Change
    tolerance: float
    paired: Paired | None = None
    sign: float = 1.0
    rates: Mapping[str, tuple[float | None, float | None]] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pooled:
    """All tasks together: the mean of change / tolerance, which sees that everything got a bit worse."""

    change: float
    low: float
    p: float


@dataclass(frozen=True, slots=True)
class Family:
    """`order`: every member with its p and Holm's, the surest first, as a verdict stores it."""

    judged: tuple[Judged, ...]
    order: tuple[tuple[str, float, float], ...]
    pooled: Pooled | None
    p_pooled: float  # adjusted; 1 where there is no pooled test


def judge(
    tasks: Mapping[str, Tested], composite: Mapping[str, Tested], policy: Policy, waived: Collection[str] = ()
) -> Family:
    """Holm over tasks, composite and the pooled test of what is not waived; improvements in a family of their own."""
    pooled = _pool({name: t for name, t in tasks.items() if name not in waived})
    members = {**tasks, **composite}
    worse = [1.0 if t.change.p is None else t.change.p for t in members.values()]
    better = stats.holm([1.0 if t.change.p_better is None else t.change.p_better for t in members.values()])
    names = [*members, *([POOLED] if pooled else [])]
    ps = [*worse, *([pooled.p] if pooled else [])]
    adjusted = stats.holm(ps)
    first = policy.alpha / len(names) if names else policy.alpha
    judged = [
        _judge_one(t, adjusted[i], better[i], policy, first, rule=policy.rule_of(name))
        for i, (name, t) in enumerate(members.items())
    ]
    order = sorted(zip(names, ps, adjusted, strict=True), key=lambda member: (member[1], member[0]))
    return Family(tuple(judged), tuple(order), pooled, adjusted[-1] if pooled else 1.0)


def _pool(tested: Mapping[str, Tested]) -> Pooled | None:
    """One sign-flip test of the mean of change / tolerance, equal weight per task; none for a single task."""
    if len(tested) < 2:
        return None
    worse, _ = stats.sign_flip(_units(tested))
    ratios, lows, highs = [], [], []
    for t in tested.values():
        ends = sorted(t.sign * (v or 0.0) / t.tolerance for v in (t.change.low, t.change.high))
        ratios.append(t.sign * (t.change.change or 0.0) / t.tolerance)
        lows.append(min(ends[0], ratios[-1]))
        highs.append(max(ends[1], ratios[-1]))
    return Pooled(math.fsum(ratios) / len(ratios), stats.mover(ratios, lows, highs)[0], worse)


def _units(tested: Mapping[str, Tested]) -> Floats:
    """What flips as one, in tolerances: a question, or a case, of all the forms in which one task was asked.

    `ceval`, `ceval:texts` and `ceval~circular` ask the same questions; three such as if they were others failed 9 % of
    gates without a change.
    """
    forms: dict[str, list[tuple[Paired, float]]] = {}
    for name, t in tested.items():
        if t.paired:
            forms.setdefault(_aligned.questions(name), []).append((t.paired, t.tolerance))
    units = []
    for asked in forms.values():
        if len(asked) == 1:
            units.append(asked[0][0].units / asked[0][1])
            continue
        each = np.concatenate([p.better * p.weights / tolerance for p, tolerance in asked])
        names = [c or s for p, _ in asked for c, s in zip(p.clusters or p.samples, p.samples, strict=True)]
        units.append(stats.cluster_sums(each, names))
    return np.concatenate(units)


def _judge_one(t: Tested, p_worse: float, p_better: float, policy: Policy, first: float, rule: str) -> Judged:
    """`first`: alpha of this family's first Holm step, at which the smallest drop that is caught is promised."""
    change, tolerance = t.change, t.tolerance
    drop = -t.sign * (change.change or 0.0)
    low = (change.low if t.sign > 0 else -(change.high or 0.0)) or 0.0
    large = drop >= tolerance - ROUNDING
    judgement: Judgement
    if rule == "threshold":
        judgement = "regressed" if large else "improved" if p_better <= policy.alpha else "ok"
    elif p_worse <= policy.alpha:
        judgement = "regressed" if large else "slipped"
    elif p_better <= policy.alpha:
        judgement = "improved"
    else:
        judgement = "ok" if low > -tolerance else "inconclusive"
    caught, needs, alarm = change.mde, None, None
    deviation = _deviation(t)
    if deviation is not None:  # what the gate as a whole catches 8 times of 10: both keys
        proved = t.paired.mde(first) if t.paired else (_quantile(1 - first) + _quantile(POWER)) * deviation
        large_enough = tolerance + _quantile(POWER) * deviation
        caught = large_enough if rule == "threshold" else max(proved, large_enough)
    if t.paired and deviation is not None:
        if rule == "threshold":
            alarm = NormalDist().cdf(-_least(t.paired, tolerance) / deviation) if deviation else 0.0
        needs = _needed(t, t.paired, drop, low) if judgement == "inconclusive" else None
    return Judged(
        task=change.task,
        metric=change.metric,
        judgement=judgement,
        tolerance=tolerance,
        p_holm=p_worse,
        needs_n=needs,
        change=dataclasses.replace(change, mde=caught),
        rates=t.rates,
        false_alarm=alarm,
    )


def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)


def _deviation(t: Tested) -> float | None:
    """Of the change when nothing has changed; the composite's by the smallest drop that its own test catches at 5 %."""
    if t.paired:
        n, moment = t.paired.effective
        return math.sqrt(moment / n)
    return None if t.change.mde is None else t.change.mde / (_quantile(0.95) + _quantile(POWER))


def _least(paired: Paired, tolerance: float) -> float:
    """Where a normal curve is cut for drops of at least the tolerance: plain flips come whole, so half a one before."""
    if paired.strata or paired.clusters or not np.isin(paired.better, (-1.0, 0.0, 1.0)).all():
        return tolerance
    return (math.ceil(tolerance * paired.n - ROUNDING * paired.n) - 0.5) / paired.n


def _needed(tested: Tested, paired: Paired, drop: float, low: float) -> int:
    """Questions that would settle it: those that catch a drop of the tolerance, or that decide the drop seen.

    The latter by the interval that decides, which narrows with the root of their number.
    """
    planned = math.ceil(paired.needed(tested.tolerance))
    if planned > paired.n:
        return planned
    gap = max(tested.tolerance - drop, drop)
    return max(paired.n + 1, math.ceil(paired.n * ((-drop - low) / gap) ** 2))


def pooled_alarm(
    family: Family, tasks: int, policy: Policy, waived: Collection[str] = ()
) -> tuple[list[Finding], list[str]]:
    """The pooled member's own line, said only where the tasks don't say it already: (alarms, notes)."""
    pooled = family.pooled
    said = any(j.judgement == "regressed" and j.task not in waived for j in family.judged)
    if pooled is None or family.p_pooled > policy.alpha or said:
        return [], []
    template = "all {n} tasks together fell by {fall:.2f} of their tolerances"
    if waived:
        template = "all {n} other tasks together fell by {fall:.2f} of their tolerances"
    what = say(template, n=tasks, fall=-pooled.change)
    p = wording.p_value(family.p_pooled)
    if pooled.change > -1:
        return [], [say("{what} (p {p}): real, but within what you tolerate", what=what, p=p)]
    return [Finding(POOLED, "refuse", what, f"p {p}", "look at the largest falls first")], []


def threshold_note(judged: Sequence[Judged]) -> list[str]:
    """What the rule that other tools use costs, from the answers of these very runs."""
    alarms = {j.task: j.false_alarm for j in judged if j.false_alarm is not None}
    if not alarms:
        return []
    each = listed(f"{task} {100 * chance:.0f} %" for task, chance in alarms.items())
    together = 1 - math.prod(1 - chance for chance in alarms.values())
    whole = say("; one of them {n:.0f} %", n=100 * together) if len(alarms) > 1 else ""
    template = 'rule = "threshold" asks for no proof: without any change it fails {each}{whole} of the time'
    return [say(template, each=each, whole=whole)]
