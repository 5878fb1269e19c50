"""Outcomes of one checkpoint -> what each part of a profile is made of, or the sentence why it can't be had.

Example: four GSM8K systems whose answers were imported: AS and CQS are there, ES lacks own tokens ("import them with
--map tokens=FIELD"), MLS lacks a size ("import with --model-bytes"), so Overall is null and says so. Trap: an answer
that is missing is no reason to be scored on the rest only; up to 2 in a hundred count as wrong, more make the part null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness import metrics
from harness.errors import NotComparable, NothingToCompare, UserError
from harness.records import Outcomes
from harness.stats import measures
from harness.stats.intervals import Floats
from harness.verdicts._composite_draws import Of
from harness.verdicts._composite_worth import TOLERATED, Missing, between, chain, right, shortness, size_of, writes
from harness.verdicts.profile import Plan, Profile


@dataclass(frozen=True, eq=False)
class Column:
    """One part in one task: a value per question, or a measure and its statistics; times 100 it is points."""

    values: Floats | None
    measure: tuple[measures.Columns, Of] | None = None
    scale: Callable[[Floats], Floats] | None = None  # of the task's mean, None = as it is


@dataclass(frozen=True, eq=False)
class Laid:
    """A part laid out: columns by task, or a constant, or why neither."""

    plan: Plan
    columns: Mapping[str, Column] = field(default_factory=dict)
    constant: float | None = None  # 0..100
    why: str = ""
    n: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entrant:
    """One checkpoint under a profile: its headline outcomes by task, its other metrics, and how it is counted."""

    profile: Profile
    heads: Mapping[str, Outcomes]
    others: Mapping[tuple[str, str], Outcomes]
    counter: str
    cqs: str


def entrant(outcomes: Sequence[Outcomes], profile: Profile, counter: str, cqs: str) -> Entrant:
    """The tasks of the profile among the outcomes, sorted; the first of a task is its headline."""
    if counter not in ("own", "neutral"):
        raise UserError(f"tokens are counted as 'own' or 'neutral', not '{counter}'")
    if cqs != "rule" and not (cqs.startswith("judge:") and len(cqs) > len("judge:")):
        raise UserError(f"a chain is graded by 'rule' or 'judge:ID', not '{cqs}'")
    heads: dict[str, Outcomes] = {}
    others: dict[tuple[str, str], Outcomes] = {}
    for one in outcomes:
        if one.task not in profile.task or not one.samples:
            continue
        if (one.task, one.metric) in others:
            raise NotComparable(f"two runs of {one.task} were given for one score; name one of them as run:ID")
        others[one.task, one.metric] = one
        heads.setdefault(one.task, one)
    if len({one.checkpoint for one in heads.values()}) > 1:
        raise NotComparable("a score is of one checkpoint, and these outcomes are of several; name one of them")
    if not heads:
        wanted = ", ".join(list(profile.task)[:4]) + (" …" if len(profile.task) > 4 else "")
        raise NothingToCompare(f"profile {profile.name} scores {wanted}, and no answer to any of them is here; run one")
    return Entrant(profile, dict(sorted(heads.items())), others, counter, cqs)


def lay(found: Entrant) -> list[Laid]:
    """Every part of the profile, in its order."""
    kinds: dict[str, Callable[[Entrant, Plan], Laid]] = {
        "accuracy": _accuracy,
        "cot": _cot,
        "tokens": _tokens,
        "bytes": _bytes,
        "metric": _metric,
    }
    laid = []
    for plan in found.profile.part:
        try:
            laid.append(kinds[plan.kind](found, plan))
        except Missing as missing:
            laid.append(Laid(plan, why=str(missing), detail={"kind": plan.kind}))
    return laid


# -- the parts ----------------------------------------------------------------------------------------------------


def _accuracy(found: Entrant, plan: Plan) -> Laid:
    return _laid(plan, {task: right(one) for task, one in _of(found, plan).items()})


def _tokens(found: Entrant, plan: Plan) -> Laid:
    """Share of points per question: right, times where its length lies between the anchors, on a log scale."""
    columns = {
        task: right(one) * shortness(one, found.profile.task[task], found.counter)
        for task, one in _of(found, plan).items()
        if writes(one) and found.profile.task[task].tokens_low is not None
    }
    if not columns:
        raise Missing("none of its tasks writes answers that have a length; run one that generates, such as gsm8k")
    anchors = {t: [found.profile.task[t].tokens_low, found.profile.task[t].tokens_high] for t in columns}
    return _laid(plan, columns, counter=found.counter, anchors=anchors)


def _cot(found: Entrant, plan: Plan) -> Laid:
    columns = {
        task: chain(one, found.cqs) * (right(one) if plan.only_right else 1.0)
        for task, one in _of(found, plan).items()
        if writes(one)
    }
    if not columns:
        raise Missing("none of its tasks writes a chain of thought; run one that generates, such as gsm8k")
    return _laid(plan, columns, cqs=found.cqs, only_right=bool(plan.only_right))


def _bytes(found: Entrant, plan: Plan) -> Laid:
    assert plan.bytes_low and plan.bytes_high  # the profile was checked
    size, declared = size_of(list(found.heads.values()))
    ends = [plan.bytes_low, plan.bytes_high]
    detail = {"kind": plan.kind, "bytes": size, "declared": declared, "anchors": ends}
    points = 100 * float(between(np.array([size], float), plan.bytes_low, plan.bytes_high)[0])
    return Laid(plan, constant=points, detail=detail)


def _metric(found: Entrant, plan: Plan) -> Laid:
    """Any task's any metric, put between the two values that the profile names."""
    columns: dict[str, Column] = {}
    n = 0
    for task, head in _of(found, plan).items():
        one = found.others.get((task, plan.metric))
        if one is not None and one.samples != head.samples:
            raise Missing(f"{plan.metric} and {head.metric} of {task} are of other questions; give both of one run")
        columns[task] = _mean(head.measures, plan, task) if one is None else _measured(one, plan)
        n += len(head.samples)
    detail = {"kind": plan.kind, "metric": plan.metric, "tasks": list(columns), "ends": [plan.low, plan.high]}
    return Laid(plan, columns, n=n, detail=detail)


def _mean(beside: Mapping[str, tuple[float | None, ...]], plan: Plan, task: str) -> Column:
    if plan.metric not in beside:
        raise Missing(
            f"{task} has no {plan.metric} here; `bench rescore --metric {plan.metric}` counts it of stored answers"
        )
    return Column(_there(beside[plan.metric], task, plan.metric), scale=_scale(plan))


def _measured(one: Outcomes, plan: Plan) -> Column:
    """A mean, or a measure of the whole table such as F1, which is computed anew in every draw."""
    if one.is_mean:
        return Column(_there(one.values, one.task, plan.metric), scale=_scale(plan))
    if not one.statistics:
        raise Missing(
            f"{plan.metric} of {one.task} offers no statistics to resample; add statistics(table) to its file"
        )
    columns = {name: np.array(values, float) for name, values in one.statistics.items()}  # None becomes NaN
    there = measures.counted(columns)
    lacking = int((~there).sum())
    if lacking > TOLERATED * there.size or lacking == there.size:
        raise Missing(f"{lacking:,} of {there.size:,} answers to {one.task} have no {plan.metric}; finish the run")
    of = metrics.quick(metrics.find(one.metric))
    kept = {name: column[there] for name, column in columns.items()}
    return Column(None, (kept, lambda columns, often: of(columns, often[:, there])), _scale(plan))


def _there(values: Sequence[float | None], task: str, metric: str) -> Floats:
    """No value may be missing here: of a metric in its own unit nobody knows what nothing is worth."""
    lacking = sum(v is None for v in values)
    if lacking:
        raise Missing(f"{lacking:,} of {len(values):,} answers to {task} have no {metric}; finish the run")
    return np.array(values, float)


def _scale(plan: Plan) -> Callable[[Floats], Floats]:
    assert plan.low is not None and plan.high is not None
    low, high = plan.low, plan.high
    if plan.scale == "log":
        return lambda x: np.clip((np.log(np.maximum(x, 1e-300)) - math.log(low)) / math.log(high / low), 0.0, 1.0)
    return lambda x: np.clip((x - low) / (high - low), 0.0, 1.0)


def _of(found: Entrant, plan: Plan) -> dict[str, Outcomes]:
    """The tasks that a part is made of."""
    lacking = [task for task in plan.tasks if task not in found.heads]
    if lacking:
        raise Missing(f"{', '.join(lacking)} was not run; `bench run … --tasks {','.join(lacking)}`")
    return {task: found.heads[task] for task in sorted(plan.tasks) or found.heads}


def _laid(plan: Plan, columns: Mapping[str, Floats], **detail: Any) -> Laid:
    n = sum(len(values) for values in columns.values())
    made = {task: Column(values) for task, values in columns.items()}
    return Laid(plan, made, n=n, detail={"kind": plan.kind, "tasks": list(columns), **detail})
