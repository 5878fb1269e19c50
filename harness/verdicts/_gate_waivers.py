"""Waivers: what fails knowingly, until when and why; shown in every report, applied until their last day.

Example: `task = "mathcot"` waives its score and its guards; `guard = "answer_tokens"` waives one guard, and with `task`
beside it only there. One that has run out is said as well: else nobody learns why the gate is red today.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from harness.records import Finding, Judged
from harness.verdicts.policy import Policy, Waive
from harness.words import listed, say


def apply(
    policy: Policy, today: datetime.date | None, judged: Sequence[Judged], alarms: Sequence[Finding]
) -> tuple[list[Judged], list[Finding], list[str]]:
    """The same lines with what is waived marked so, a waived alarm as a warning; and a note for every waiver."""
    live = _live(policy, today)
    notes: list[str] = [
        say(
            "{what}: {state}, until {until}: {reason}",
            what=w.what,
            state=_state(w, today),
            until=w.until,
            reason=w.reason,
        )
        for w in policy.waive
    ]
    tasks = [
        dataclasses.replace(j, waived=_said(w))
        if j.judgement == "regressed" and (w := next((w for w in live if not w.guard and w.task == j.task), None))
        else j
        for j in judged
    ]
    findings = [
        dataclasses.replace(
            f, level="warn", evidence=listed(filter(None, (say("waived {until}", until=_said(w)), f.evidence)), "; ")
        )
        if f.level == "refuse" and (w := next((w for w in live if _covers(w, f)), None))
        else f
        for f in alarms
    ]
    return tasks, findings, notes


def tasks(policy: Policy, today: datetime.date | None) -> set[str]:
    """Those whose score is waived today: what fails knowingly neither speaks for the others nor drags them down."""
    return {w.task for w in _live(policy, today) if w.task and not w.guard}


def _live(policy: Policy, today: datetime.date | None) -> list[Waive]:
    return [w for w in policy.waive if w.live(today)]


def excused(alarms: Sequence[Finding]) -> list[Finding]:
    """Those that `apply` made warnings of."""
    return [f for f in alarms if f.level == "warn" and f.evidence.startswith("waived until")]


def _covers(waive: Waive, finding: Finding) -> bool:
    if waive.guard and waive.guard != finding.source:
        return False
    return not waive.task or waive.task == finding.task


def _said(waive: Waive) -> str:
    return say("until {until}: {reason}", until=waive.until, reason=waive.reason)


def _state(waive: Waive, today: datetime.date | None) -> str:
    if today is None:
        return say("waiver not applied (no date given)")
    return say("waived") if waive.live(today) else say("waiver expired")
