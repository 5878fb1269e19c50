"""`[gate.composite]`: Overall as a member of the gate's family, and its accuracy part beside it.

Example: Overall +0.4 (ok) with AS -4.1 (regressed) fails: efficiency that is bought with accuracy is a trade to be waived
by name (`task = "composite AS"`), never one to be averaged away.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from harness.errors import NotComparable, NothingToCompare
from harness.records import Change, Finding, Judged
from harness.verdicts import _gate_floors, composite, profile, wording
from harness.verdicts._gate_family import Tested
from harness.verdicts._gate_pairs import Pairs, refusal
from harness.verdicts.policy import CompositePolicy, Policy
from harness.words import listed, say

NAME = "composite"


@dataclass(slots=True)
class Composite:
    tested: dict[str, Tested] = field(default_factory=dict)
    refused: list[Judged] = field(default_factory=list)
    floors: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(pairs: Pairs, policy: Policy) -> Composite:
    """Overall and the accuracy parts as members to be tested, the other parts as a note; nothing where none is asked."""
    asked, out = policy.composite, Composite()
    if asked is None:
        return out
    rules = profile.read(asked.profile)
    try:
        changes = composite.change(
            [b for b, _ in pairs], [a for _, a in pairs], rules, counter=asked.counter, cqs=asked.cqs
        )
    except (NotComparable, NothingToCompare) as error:
        out.refused.append(refusal(NAME, str(error), "Overall"))
        return out
    accuracy = {part.name for part in rules.part if part.kind == "accuracy"}
    beside = []
    for i, change in enumerate(changes):
        if i and change.metric not in accuracy:
            beside.append(_beside(change))
            continue
        task = f"{NAME} {change.metric}" if i else NAME
        if change.change is None or change.p is None:
            why = say("{task} can't be judged: {why}", task=task, why=change.method)
            out.refused.append(refusal(task, why, change.metric))
        else:
            out.tested[task] = Tested(dataclasses.replace(change, task=task), asked.points or change.mde or 1.0)
    template = "composite by profile {name} ({sha}): {beside}"
    said = listed(beside) or say("no other part")
    out.notes.append(say(template, name=rules.name, sha=rules.sha[:8], beside=said))
    out.floors += _floor(asked, changes[0])
    return out


def _floor(asked: CompositePolicy, overall: Change) -> list[Finding]:
    """Overall's `min`; the interval is that of the change, so none is said."""
    if asked.floor is None:
        return []
    return [_gate_floors.finding(NAME, "Overall", overall.after, None, None, asked.floor, False)]


def _beside(change: Change) -> str:
    if change.change is None:
        return say("{part} without a value", part=change.metric)
    before, after = (wording.number(v, False, digits=1) for v in (change.before, change.after))
    return f"{change.metric} {before} -> {after}"
