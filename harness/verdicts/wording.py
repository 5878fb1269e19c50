"""Numbers and verdicts in words, said once for all reports: points, intervals, the one sentence.

Example: "Worse: -3.1 points on demo_math (90 % interval -4.8 to -1.4), and answers shrank to 0.16x; 1 of 2 tasks
regressed." Written for a tired person at midnight: the conclusion first, no word that needs a statistics course.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from harness.records import Change, Finding, Judged
from harness.words import listed as joined
from harness.words import say

# an answer is at most one of them
UNREAD = {"unparsed_rate": say("unparsed"), "truncated_rate": say("cut off"), "empty_rate": say("empty")}
SHARES = ("", "share")  # units of outcomes that are spoken of in points
SURE = 0.10  # Benjamini-Hochberg's q below which a subject is named


def printable(text: str) -> str:
    """Names come from files and models: no escape sequences, no text that turns the line around."""
    tame = (" " if c.isspace() else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)
    return "".join(tame)


def in_points(change: Change) -> bool:
    """Shares (0..1) are spoken of in points of 100; other units as they are."""
    return is_share(change.unit, change.before, change.after)


def is_share(unit: str, *values: float | None) -> bool:
    """By the unit or, of a metric that names none, by what was measured."""
    return unit == "share" if unit else all(v is None or 0 <= v <= 1 for v in values)


def unit_of(change: Change) -> str:
    """What a change is counted in: points of a share or of a composite, else the metric by its name."""
    return say("points") if in_points(change) or change.unit == "points" else change.metric


def number(value: float | None, points: bool, signed: bool = False, digits: int = 1) -> str:
    if value is None:
        return "–"
    scaled = 100 * value if points else value
    if not points and 0 < abs(value) < 10:  # bits per byte 1.70 and 1.72 are not one number
        digits = 2 if abs(value) >= 1 else 3
    text = f"{scaled:+.{digits}f}" if signed else f"{scaled:.{digits}f}"
    return text.replace("-0.0", "0.0") if text in ("-0.0", "-0.00", "-0.000") else text


def size(count: float) -> str:
    """Bytes in binary units, the ones that profiles and the board speak."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    if p < 0.0005:
        return "<.001"
    return "1" if p >= 0.9995 else f"{p:.3f}".lstrip("0")


def interval(change: Change) -> str:
    """'-3.1 [-4.8, -1.4]'."""
    points = in_points(change)
    what, low, high = (number(v, points, signed=True) for v in (change.change, change.low, change.high))
    return f"{what} [{low}, {high}]"


def moved_by(change: Change) -> str:
    """'-3.1 points on ceval (90 % interval -4.8 to -1.4)'."""
    points = in_points(change)
    what, low, high = (number(v, points, signed=True) for v in (change.change, change.low, change.high))
    return say(
        "{what} {unit} on {task} (90 % interval {low} to {high})",
        what=what, unit=unit_of(change), task=change.task, low=low, high=high,
    )  # fmt: skip


def listed(findings: Sequence[Finding], shown: int = 2) -> str:
    first = joined(f.what for f in findings[:shown])
    return say("{first} and {n} more", first=first, n=len(findings) - shown) if len(findings) > shown else first


def sentence(status: str, tasks: Sequence[Judged], breached: Sequence[Finding], excused: Sequence[Finding] = ()) -> str:
    """The verdict in one sentence; `excused`: alarms that are waived today."""
    if status == "nothing":
        whys = joined((t.why for t in tasks[:2]), "; ") or say("no task was run on both sides")
        return say("Nothing to compare: {whys}.", whys=whys)
    by = {
        j: [t for t in tasks if t.judgement == j] for j in ("not_comparable", "regressed", "inconclusive", "improved")
    }
    if status == "not_comparable":
        whys = joined((t.why for t in by["not_comparable"][:2]), "; ")
        also = say("; besides, {worst}", worst=_worst(by["regressed"])) if by["regressed"] else ""
        return say("Not comparable: {whys}{also}.", whys=whys, also=also)
    if status == "fail":
        return _failed([t for t in by["regressed"] if not t.waived], breached, tasks)
    if status == "inconclusive":
        return _undecided(by["inconclusive"], len(tasks))
    if waived := [t for t in tasks if t.waived]:
        template = "Passed only because a regression is waived {until}; {worst}."
        return say(template, until=waived[0].waived, worst=_worst(waived))
    if excused:
        return say("Passed only because a guard is waived: {guards}.", guards=listed(excused))
    if by["improved"]:
        return _better(by["improved"], tasks)
    return _unharmed(tasks)


def _worst(tasks: Sequence[Judged]) -> str:
    worst = max(tasks, key=lambda t: abs(t.change.change or 0) / (t.tolerance or 1) if t.change else 0)
    return moved_by(worst.change) if worst.change else worst.task


def _better(improved: Sequence[Judged], tasks: Sequence[Judged]) -> str:
    best = max(improved, key=lambda t: abs(t.change.change or 0) if t.change else 0)
    slips = sum(t.judgement == "slipped" for t in tasks)
    others = say("{n} slipped within tolerance", n=slips) if slips else say("none regressed")
    count = say("; {n} of {of} tasks improved, {others}", n=len(improved), of=len(tasks), others=others)
    moved = moved_by(best.change) if best.change else best.task
    return say("Better: {moved}{count}.", moved=moved, count=count if len(tasks) > 1 else "")


def _failed(regressed: Sequence[Judged], breached: Sequence[Finding], tasks: Sequence[Judged]) -> str:
    alarms = listed(breached)
    sources = {f.source for f in breached}
    if not regressed and "pooled" in sources:
        return say("Worse: no single task proves it, but {alarms}.", alarms=alarms)
    if not regressed and "first look" in sources:
        return say("Worse by the first look alone, which counts: {alarms}.", alarms=alarms)
    if not regressed and sources == {"min"}:
        return say("Too low, whatever the baseline had: {alarms}.", alarms=alarms)
    if not regressed:
        return say("Failed by a guard, not by a score: {alarms}.", alarms=alarms)
    also = say(", and {alarms}", alarms=alarms) if alarms else ""
    count = say("; {n} of {of} tasks regressed", n=len(regressed), of=len(tasks)) if len(tasks) > 1 else ""
    overall = next((t for t in tasks if t.metric == "Overall"), None)
    if overall and overall.judgement in ("ok", "improved") and regressed[0].task.startswith(f"{overall.task} "):
        count = say("{count}; Overall holds, but what it gained elsewhere was bought with accuracy", count=count)
    return say("Worse: {worst}{also}{count}.", worst=_worst(regressed), also=also, count=count)


def _undecided(undecided: Sequence[Judged], total: int) -> str:
    widest = max(undecided, key=lambda t: (t.change.mde or 0) if t.change else 0)
    if widest.change is None:
        return say("Cannot tell: {why}.", why=widest.why)
    settle = say("; about {n:,} questions would settle it", n=widest.needs_n) if widest.needs_n else ""
    count = say(" ({n} of {of} tasks undecided)", n=len(undecided), of=total) if total > 1 else ""
    return say(
        "Cannot tell: {moved} does not rule out {drop}{settle}{count}.",
        moved=moved_by(widest.change), drop=_drop(widest, widest.change), settle=settle, count=count,
    )  # fmt: skip


def _drop(judged: Judged, change: Change) -> str:
    """The fall that counts: 'a drop of 3.0 points'."""
    return say("a drop of {n} {unit}", n=number(judged.tolerance, in_points(change)), unit=unit_of(change))


def _unharmed(tasks: Sequence[Judged]) -> str:
    with_change = [t for t in tasks if t.change]
    if not with_change:
        return say("Passed: no task has gold answers; no guard was breached.")
    slipped = [t for t in with_change if t.judgement == "slipped"]
    if slipped:
        worst = slipped[0]
        points = in_points(worst.change) if worst.change else True
        template = "Slightly worse, within what you tolerate: {worst}, tolerance {tolerance}."
        return say(template, worst=_worst(slipped), tolerance=number(worst.tolerance, points))
    worst = min(with_change, key=lambda t: (t.change.low or 0) / (t.tolerance or 1) if t.change else 0)
    if worst.change is None:
        return say("Not worse.")
    moved, drop = moved_by(worst.change), _drop(worst, worst.change)
    if len(with_change) > 1:
        template = "Not worse on any of {n} tasks; nearest to it is {moved}, where {drop} would fail."
        return say(template, n=len(with_change), moved=moved, drop=drop)
    if worst.false_alarm is not None:
        return say("Not worse by its threshold: {moved}, {drop} would fail.", moved=moved, drop=drop)
    return say("Not worse: {moved}, which rules out {drop}.", moved=moved, drop=drop)
