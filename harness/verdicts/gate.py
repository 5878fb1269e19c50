"""Pairs of runs and a policy -> one verdict; fails only on a drop that is both real and large enough to matter.

Example: at 12,342 questions a slip of one point is certain and harmless; at 50 a fall of three points is usually luck.
"Fail if the score fell by a point" cries wolf on 17 to 45 % of no-change comparisons; two keys keep it under 5 %.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Literal

from harness.records import Finding, Judged, Outcomes, Verdict
from harness.verdicts import (
    _gate_composite,
    _gate_family,
    _gate_floors,
    _gate_looks,
    _gate_pairs,
    _gate_waivers,
    guards,
    wording,
)
from harness.verdicts._gate_pairs import Pairs
from harness.verdicts.policy import Policy, policy
from harness.words import listed, say

__all__ = ["Policy", "against_anchor", "alone", "judge", "policy"]

Status = Literal["pass", "fail", "not_comparable", "nothing", "inconclusive"]
EXIT = {"pass": 0, "fail": 3, "not_comparable": 4, "nothing": 5, "inconclusive": 0}
EXIT_INCONCLUSIVE_STRICT = 6
WORST_FIRST = (4, 5, 3, 6, 0)  # what can't be judged outranks what got worse, so that --warn-only never hides it


def judge(
    pairs: Pairs,
    policy: Policy | None = None,
    missing: Sequence[str] = (),
    today: datetime.date | None = None,
    refused: Mapping[str, str] | None = None,
) -> Verdict:
    """The verdict over (before, after) pairs; `missing` are tasks of the baseline that the candidate lacks.

    `refused`: task -> why its two sides can't be paired at all. A pure function: `today` is only held against the dates of waivers, which are not applied without it.
    """
    policy = policy or Policy()
    lacking: dict[str, str] = {
        task: say("{task} is in the baseline but was not run on the candidate", task=task) for task in missing
    }
    lacking.update(refused or {})
    if not policy.fail_fast:
        return _verdict(pairs, policy, lacking, today)
    count = policy.fail_fast
    look, rest = _gate_looks.split(policy)
    early = _verdict(_gate_looks.first(pairs, count), look, {}, today, looking=True)
    whole = _verdict(pairs, rest, lacking, today)
    seen = {j.task: j for j in early.tasks if j.judgement == "regressed" and not j.waived}
    if early.status == "fail" and whole.status == "not_comparable":  # the rest need not be asked
        said = say("{sentence} That is seen at the first {n:,} questions.", sentence=early.sentence, n=count)
        return dataclasses.replace(early, sentence=said, first_look=count)
    note = "" if seen else _calm(count, bool(early.tasks), whole.status)
    if seen and whole.exit_code in (0, 6):
        alarms = [
            Finding("first look", "refuse", wording.moved_by(j.change), f"p {wording.p_value(j.p_holm)}", task=j.task)
            for j in seen.values()
            if j.change
        ]
        sentence = wording.sentence("fail", whole.tasks, alarms)
        guards_ = (*alarms, *whole.guards)
        whole = dataclasses.replace(whole, status="fail", exit_code=EXIT["fail"], sentence=sentence, guards=guards_)
    notes = (*whole.notes, note) if note else whole.notes
    return dataclasses.replace(whole, notes=notes, first_look=count)


def _calm(count: int, looked: bool, status: str) -> str:
    if not looked:
        return say("no task has {n:,} common questions for a first look yet", n=count)
    if status == "not_comparable":
        return say("the first {n:,} questions show no catastrophe, which is no pass: it takes all of them", n=count)
    return say("the first {n:,} questions show no catastrophe", n=count)


def _verdict(
    pairs: Pairs, policy: Policy, lacking: Mapping[str, str], today: datetime.date | None, looking: bool = False
) -> Verdict:
    """`looking`: of a part of the questions, at which only the tasks are judged."""
    pairs = sorted(pairs, key=lambda p: p[1].task)
    compared = _gate_pairs.compared(pairs, policy)
    compared.refused.update({task: _gate_pairs.refusal(task, why) for task, why in sorted(lacking.items())})
    comparable = [p for p in pairs if p[1].task not in compared.refused]
    composite = _gate_composite.judge(comparable, policy)
    waived = _gate_waivers.tasks(policy, today)
    family = _gate_family.judge(compared.tested, composite.tested, policy, waived)
    judged = sorted([*family.judged, *compared.refused.values(), *composite.refused], key=lambda j: j.task)
    alarms, notes = _gate_family.pooled_alarm(family, len(compared.tested.keys() - waived), policy, waived)
    if not looking:
        scores = {task: t.change.after for task, t in compared.tested.items()}
        alarms += [*_gate_floors.judge([after for _, after in pairs], scores, policy), *composite.floors]
        alarms += guards.judge(comparable, policy)
    judged, alarms, waivers = _gate_waivers.apply(policy, today, judged, alarms)
    status = _status(judged, compared.empty, alarms)
    undecided = status == "inconclusive" and policy.strict
    breached = [f for f in alarms if f.level == "refuse"]
    notes = [*compared.notes, *notes, *waivers, *_gate_family.threshold_note(judged), *composite.notes]
    return Verdict(
        status=status,
        exit_code=EXIT_INCONCLUSIVE_STRICT if undecided else EXIT[status],
        sentence=wording.sentence(status, judged, breached, _gate_waivers.excused(alarms)),
        tasks=tuple(judged),
        guards=tuple(alarms),
        pooled_p=family.pooled.p if family.pooled else None,
        notes=(*notes, *_gate_pairs.notes(compared.tested, policy)),
        policy_sha=policy.sha,
        alpha=policy.alpha,
        holm=family.order,
        sides=_gate_pairs.sides(pairs),
        before=", ".join(sorted({b.name or b.checkpoint for b, _ in pairs})),
        after=", ".join(sorted({a.name or a.checkpoint for _, a in pairs})),
    )


def _status(judged: Sequence[Judged], empty: set[str], alarms: Sequence[Finding]) -> Status:
    refused = {j.task for j in judged if j.judgement == "not_comparable"}
    if refused <= empty and len(refused) == len(judged) and not any(a.evidence for a in alarms):
        return "nothing"
    if refused:
        return "not_comparable"
    if any(a.level == "refuse" for a in alarms) or any(j.judgement == "regressed" and not j.waived for j in judged):
        return "fail"
    return "inconclusive" if any(j.judgement == "inconclusive" for j in judged) else "pass"


def alone(candidates: Sequence[Outcomes], policy: Policy, why: str, today: datetime.date | None = None) -> Verdict:
    """Without a baseline: floors are judged, nothing else can be; `on_missing_baseline` says what that is worth."""
    floors = _gate_floors.judge(candidates, {}, policy)
    _, floors, waivers = _gate_waivers.apply(policy, today, (), floors)
    breached = [f for f in floors if f.level == "refuse"]
    warned = policy.on_missing_baseline == "warn"
    lead = say("No baseline, so nothing says whether it got worse ({why})", why=why)
    held = say("; every floor holds ({n})", n=len(floors)) if floors and not breached else ""
    fails = say("; and {alarms}", alarms=wording.listed(breached)) if breached else ""
    return Verdict(
        status="fail" if breached and warned else "nothing",
        exit_code=EXIT["fail"] if breached and warned else 0 if warned else EXIT["nothing"],
        sentence=say("{lead}{held}{fails}.", lead=lead, held=held, fails=fails),
        tasks=(),
        guards=tuple(floors),
        notes=tuple(waivers),
        policy_sha=policy.sha,
        alpha=policy.alpha,
        after=", ".join(sorted({o.name or o.checkpoint for o in candidates})),
    )


def against_anchor(verdict: Verdict, anchor: Verdict) -> Verdict:
    """One verdict of two comparisons: the worse of them decides; a slow drift shows only against what stays fixed."""
    name = anchor.before or say("the anchor")
    against = say("Against the anchor {name}: {sentence}", name=name, sentence=anchor.sentence)
    if WORST_FIRST.index(anchor.exit_code) >= WORST_FIRST.index(verdict.exit_code):
        both = verdict.sentence if anchor.status == "pass" else listed([verdict.sentence, against], " ")
        return dataclasses.replace(verdict, sentence=both, anchor=anchor)
    before = verdict.before or say("the baseline")
    own = say("Against {name}: {sentence}", name=before, sentence=verdict.sentence)
    return dataclasses.replace(
        verdict,
        status=anchor.status,
        exit_code=anchor.exit_code,
        sentence=listed([against, own], " "),
        anchor=anchor,
    )
