"""Pairs of Outcomes on their way into a verdict: compared, refused with the reason, or left out and said so.

Example: a task of which the candidate has no answer is refused, never passed over; a split without public labels is left
out with a note, because there is nothing that could have got worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import NotComparable, NothingToCompare, UserError
from harness.records import Change, Difference, Judged, Outcomes
from harness.verdicts import _aligned, audit, measured
from harness.verdicts._gate_family import Tested
from harness.verdicts.compare import change_of, pair
from harness.verdicts.policy import Policy
from harness.words import listed, say

Pairs = Sequence[tuple[Outcomes, Outcomes]]
RATES = ("unparsed_rate", "truncated_rate")  # shown beside every score: a fall of either kind is no lack of knowledge


@dataclass(slots=True)
class Compared:
    tested: dict[str, Tested] = field(default_factory=dict)
    refused: dict[str, Judged] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)  # of the refused: those that simply have no answers
    notes: list[str] = field(default_factory=list)


def compared(pairs: Pairs, policy: Policy) -> Compared:
    out = Compared()
    if len({after.task for _, after in pairs}) < len(pairs):
        raise ValueError("one pair of Outcomes per task")
    for before, after in pairs:
        task, asked = after.task, policy.task.get(after.task)
        if asked and asked.metric and asked.metric != after.metric:
            raise UserError(
                f"bench.toml gates {task} by '{asked.metric}' but the run holds '{after.metric}'; correct one of them"
            )
        found = audit.promote(audit.of(before, after), policy.strict, policy.same)
        try:
            if _empty(before) != _empty(after):  # says so before anything else: who was not graded has no scorer either
                pair(before, after)
            audit.refuse(task, found)
            if _has_no_gold(before) and _has_no_gold(after):
                out.notes.append(say("{task} has no gold answers; only its guards are judged", task=task))
                continue
            if _handed_in(before) and _handed_in(after) and not all(_handed_in(b) for b, _ in pairs):
                template = "{task} has no public labels, so it is left out; `bench export` hands its answers in"
                out.notes.append(say(template, task=task))
                continue
            paired = pair(before, after)
            change = change_of(paired, before, after, found)
        except (NotComparable, NothingToCompare) as error:
            out.refused[task] = refusal(task, str(error), after.metric, found)
            if isinstance(error, NothingToCompare):
                out.empty.add(task)
            continue
        rates = {name: (_aligned.rate(before, name), _aligned.rate(after, name)) for name in RATES}
        out.tested[task] = Tested(change, policy.tolerance(change), paired, paired.sign, rates)
    return out


def _empty(side: Outcomes) -> bool:
    return all(v is None for v in side.values) if side.is_mean else not any(measured.there(side))


def _has_no_gold(side: Outcomes) -> bool:
    """Answers with health measures but no value: a task without labels, not an empty run."""
    return bool(side.measures) and _empty(side) and side.is_mean and bool(side.samples)


def _handed_in(side: Outcomes) -> bool:
    """Answers to a split without public labels; numbers that were measured elsewhere have no labels, but values."""
    return not side.labelled and _empty(side)


def refusal(task: str, why: str, metric: str = "", found: Sequence[Difference] = ()) -> Judged:
    change = Change(task, metric, None, None, None, None, None, 0, differences=tuple(found)) if found else None
    return Judged(task, metric, "not_comparable", 0.0, None, None, change, why)


def sides(pairs: Pairs) -> dict[str, dict[str, Any]]:
    """What was compared, per task: both runs with everything that had to match."""
    return {
        after.task: {
            side: {"run": o.run, "checkpoint": o.checkpoint, "name": o.name, "fingerprint": o.fingerprint}
            for side, o in (("before", before), ("after", after))
        }
        for before, after in pairs
    }


def notes(tested: Mapping[str, Tested], policy: Policy) -> list[str]:
    """What a reader must know beside the numbers: other engines, other templates, parts of the policy that fit nothing."""
    found: dict[str, list[str]] = {}
    for task, t in tested.items():
        for d in t.change.differences:
            if d.class_ == "should":
                before, after = audit.shown(d.before), audit.shown(d.after)
                text = say(
                    "{field} should match: {before} before, {after} after", field=d.field, before=before, after=after
                )
                found.setdefault(text, []).append(task)
            elif d.class_ == "own":
                found.setdefault(say("{field} changed with the checkpoint", field=d.field), []).append(task)
        if "; " in t.change.method:
            found.setdefault(t.change.method.split("; ", 1)[1], []).append(task)
        asked = policy.task.get(task)
        if asked and asked.cluster and t.paired and t.paired.clusters is None:
            text = say("cluster '{name}' was asked for but no two questions share one", name=asked.cluster)
            found.setdefault(text, []).append(task)
    lines = [
        text if len(t) == len(tested) > 1 else say("{tasks}: {text}", tasks=listed(t), text=text)
        for text, t in found.items()
    ]
    unused = [name for name in policy.task if name not in tested]
    return lines + [say("[gate.task.{name}] fits no task compared here", name=name) for name in unused]
