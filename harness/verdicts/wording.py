"""Numbers and verdicts in words, said once for all reports: points, intervals, the one sentence.

Example: "Worse: -3.1 points on demo_math (90 % interval -4.8 to -1.4), and answers shrank to 0.16x; 1 of 2 tasks
regressed." Written for a tired person at midnight: the conclusion first, no word that needs a statistics course.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from harness.records import Change, Finding, Judged

UNREAD = {"unparsed_rate": "unparsed", "truncated_rate": "cut off", "empty_rate": "empty"}  # an answer is at most one
SHARES = ("", "share")  # units of outcomes that are spoken of in points
SURE = 0.10  # Benjamini-Hochberg's q below which a subject is named


def printable(text: str) -> str:
    """Names come from files and models: no escape sequences, no text that turns the line around."""
    tame = (" " if c.isspace() else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)
    return "".join(tame)


def in_points(change: Change) -> bool:
    """Shares (0..1) are spoken of in points of 100; other units as they are."""
    if change.unit:
        return change.unit == "share"
    ends = (change.before, change.after)
    return all(v is None or 0 <= v <= 1 for v in ends)


def unit_of(change: Change) -> str:
    """What a change is counted in: points of a share or of a composite, else the metric by its name."""
    return "points" if in_points(change) or change.unit == "points" else change.metric


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
    unit = unit_of(change)
    return f"{what} {unit} on {change.task} (90 % interval {low} to {high})"


def listed(findings: Sequence[Finding], shown: int = 2) -> str:
    more = f" and {len(findings) - shown} more" if len(findings) > shown else ""
    return ", ".join(f.what for f in findings[:shown]) + more


def sentence(status: str, tasks: Sequence[Judged], breached: Sequence[Finding], excused: Sequence[Finding] = ()) -> str:
    """The verdict in one sentence; `excused`: alarms that are waived today."""
    if status == "nothing":
        whys = "; ".join(t.why for t in tasks[:2]) or "no task was run on both sides"
        return f"Nothing to compare: {whys}."
    by = {
        j: [t for t in tasks if t.judgement == j] for j in ("not_comparable", "regressed", "inconclusive", "improved")
    }
    if status == "not_comparable":
        whys = "; ".join(t.why for t in by["not_comparable"][:2])
        also = f"; besides, {_worst(by['regressed'])}" if by["regressed"] else ""
        return f"Not comparable: {whys}{also}."
    if status == "fail":
        return _failed([t for t in by["regressed"] if not t.waived], breached, tasks)
    if status == "inconclusive":
        return _undecided(by["inconclusive"], len(tasks))
    if waived := [t for t in tasks if t.waived]:
        return f"Passed only because a regression is waived {waived[0].waived}; {_worst(waived)}."
    if excused:
        return f"Passed only because a guard is waived: {listed(excused)}."
    if by["improved"]:
        best = max(by["improved"], key=lambda t: abs(t.change.change or 0) if t.change else 0)
        slips = sum(t.judgement == "slipped" for t in tasks)
        others = f"{slips} slipped within tolerance" if slips else "none regressed"
        count = f"; {len(by['improved'])} of {len(tasks)} tasks improved, {others}" if len(tasks) > 1 else ""
        return f"Better: {moved_by(best.change) if best.change else best.task}{count}."
    return _unharmed(tasks)


def _worst(tasks: Sequence[Judged]) -> str:
    worst = max(tasks, key=lambda t: abs(t.change.change or 0) / (t.tolerance or 1) if t.change else 0)
    return moved_by(worst.change) if worst.change else worst.task


def _failed(regressed: Sequence[Judged], breached: Sequence[Finding], tasks: Sequence[Judged]) -> str:
    alarms = listed(breached)
    sources = {f.source for f in breached}
    if not regressed and "pooled" in sources:
        return f"Worse: no single task proves it, but {alarms}."
    if not regressed and "first look" in sources:
        return f"Worse by the first look alone, which counts: {alarms}."
    if not regressed:
        lead = "Too low, whatever the baseline had" if sources == {"min"} else "Failed by a guard, not by a score"
        return f"{lead}: {alarms}."
    also = f", and {alarms}" if alarms else ""
    count = f"; {len(regressed)} of {len(tasks)} tasks regressed" if len(tasks) > 1 else ""
    overall = next((t for t in tasks if t.metric == "Overall"), None)
    if overall and overall.judgement in ("ok", "improved") and regressed[0].task.startswith(f"{overall.task} "):
        count += "; Overall holds, but what it gained elsewhere was bought with accuracy"
    return f"Worse: {_worst(regressed)}{also}{count}."


def _undecided(undecided: Sequence[Judged], total: int) -> str:
    widest = max(undecided, key=lambda t: (t.change.mde or 0) if t.change else 0)
    if widest.change is None:
        return f"Cannot tell: {widest.why}."
    points = in_points(widest.change)
    unit = unit_of(widest.change)
    settle = f"; about {widest.needs_n:,} questions would settle it" if widest.needs_n else ""
    count = f" ({len(undecided)} of {total} tasks undecided)" if total > 1 else ""
    return (
        f"Cannot tell: {moved_by(widest.change)} does not rule out a drop of "
        f"{number(widest.tolerance, points)} {unit}{settle}{count}."
    )


def _unharmed(tasks: Sequence[Judged]) -> str:
    with_change = [t for t in tasks if t.change]
    if not with_change:
        return "Passed: no task has gold answers; no guard was breached."
    slipped = [t for t in with_change if t.judgement == "slipped"]
    if slipped:
        worst = slipped[0]
        points = in_points(worst.change) if worst.change else True
        tolerance = number(worst.tolerance, points)
        return f"Slightly worse, within what you tolerate: {_worst(slipped)}, tolerance {tolerance}."
    worst = min(with_change, key=lambda t: (t.change.low or 0) / (t.tolerance or 1) if t.change else 0)
    if worst.change is None:
        return "Not worse."
    limit = f"a drop of {number(worst.tolerance, in_points(worst.change))} {unit_of(worst.change)}"
    if len(with_change) > 1:
        moved = moved_by(worst.change)
        return f"Not worse on any of {len(with_change)} tasks; nearest to it is {moved}, where {limit} would fail."
    if worst.false_alarm is not None:
        return f"Not worse by its threshold: {moved_by(worst.change)}, {limit} would fail."
    return f"Not worse: {moved_by(worst.change)}, which rules out {limit}."
