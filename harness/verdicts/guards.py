"""Cheap alarms beside the score: answers got short, empty, cut off, unreadable, or all of one letter.

Example: medical SFT left the score at -0.8 points but answers at 0.57x of their tokens: the trouble that the score
shows a week later. Like a score, a measure fails only when it moved beyond its limit and the paired test agrees. Each
limit is the metric's own LIMIT, the same for board, gate, diagnose and early stop. Trap: bytes and speed are choices as
often as faults, so without a limit in bench.toml they are told and never fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness import plugins, stats
from harness.errors import UserError
from harness.records import Finding, Level, Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import _aligned, _guards_swapped
from harness.verdicts._guards_words import BYTES, SPEED, WORDS, beyond, held, said, size, verb
from harness.verdicts.policy import GuardPolicy, Policy
from harness.verdicts.wording import UNREAD, p_value
from harness.words import say

SHARE = 0.2  # of the gate's alpha: scores and guards must not both cry wolf, and a collapse is proved all the same
ADVICE = {BYTES: GuardPolicy(max_ratio=1.05), SPEED: GuardPolicy(min_ratio=0.7)}  # told, never failed by default
ENGINE = ("name", "version", "dtype", "quantization", "device")


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure of one task, before against after; `p` only where a limit was crossed."""

    task: str
    measure: str
    before: float
    after: float
    ratio: bool
    crossed: str  # the limit in words, "" where none was crossed
    limit: str
    p: float
    n: int
    detail: str = ""  # what the number is made of
    why_not: str = ""  # it is told but can't be judged
    advice: bool = False  # of a default that never fails


def judge(pairs: Sequence[tuple[Outcomes, Outcomes]], policy: Policy) -> list[Finding]:
    """Every guard with a limit, breached ones at level `refuse`; a configured guard nobody measured is a warning."""
    readings = [reading for before, after in pairs for reading in readings_of(before, after, policy)]
    adjusted = stats.holm([r.p for r in readings])
    findings = [finding(r, p, policy.alpha * SHARE) for r, p in zip(readings, adjusted, strict=True)]
    findings += _bytes(pairs, policy)
    seen = {f.source for f in findings}
    for name in sorted(set(policy.guard) - seen):
        findings.append(
            Finding(name, "warn", say("guard {name} was asked for but not measured on both sides", name=name))
        )
    return findings


def readings_of(before: Outcomes, after: Outcomes, policy: Policy) -> list[Reading]:
    """All measures of a pair that both sides have and somebody limits, by name."""
    found = []
    more = _more_unread(before, after)
    for name in sorted(before.measures.keys() & after.measures.keys()):
        limit = policy.guard.get(name) or default_limit(name)
        reading = read(before, after, name, limit) if limit and ":" not in name else None
        if reading and reading.crossed and name in UNREAD and not more:
            reading = replace(reading, why_not=say("not judged: fewer answers than before are unread in all"))
        found.append(reading)
    for name in sorted(_guards_swapped.names(before) & _guards_swapped.names(after)):
        limit = policy.guard.get(name) or default_limit(name) or ADVICE.get(name)
        found.append(_whole(before, after, name, limit, name not in policy.guard and name in ADVICE) if limit else None)
    return [reading for reading in found if reading]


def _more_unread(before: Outcomes, after: Outcomes) -> bool:
    """Whether more answers are unread for any reason: empty ones that became unreadable are no new fault."""
    known = [name for name in UNREAD if name in before.measures and name in after.measures]
    rates = []
    for side in (before, after) if known else ():
        columns = np.stack([_aligned.numbers(side.measures[name]) for name in known])
        worst = np.fmax.reduce(columns)  # of what is known about an answer
        rates.append(float(np.nan_to_num(worst[~np.isnan(worst)]).mean()) if (~np.isnan(worst)).any() else 0.0)
    return bool(known) and rates[1] > rates[0]


def default_limit(name: str) -> GuardPolicy | None:
    """The LIMIT that the metric itself declares, the same one that training watches."""
    try:
        limit: Any = getattr(plugins.find("harness.metrics", name), "LIMIT", None)
    except UserError:
        return None
    if limit is None or limit == type(limit)():  # counted, judged by nobody: speed is the machine's as much
        return None
    return GuardPolicy(limit.max, limit.max_increase, limit.min_ratio, limit.max_ratio)


# -- one measure ------------------------------------------------------------------------------------------------


def read(before: Outcomes, after: Outcomes, name: str, limit: GuardPolicy) -> Reading | None:
    """The measure on the samples that both sides answered, in order of their ids; None where there are none."""
    in_left, in_right = _aligned.rows(before, after)
    a, b = _aligned.numbers(before.measures[name])[in_left], _aligned.numbers(after.measures[name])[in_right]
    there = ~(np.isnan(a) | np.isnan(b))
    asked = int(there.sum())
    if name.startswith("answer_") and "empty_rate" in before.measures.keys() & after.measures.keys():
        there &= _spoken(before, in_left) & _spoken(after, in_right)
    if not there.any():
        return None
    a, b = a[there], b[there]
    groups = np.array(before.clusters, object)[in_left[there]].tolist() if any(before.clusters) else None
    if limit.min_ratio is not None or limit.max_ratio is not None:
        found = _ratio(after.task, name, a, b, limit, groups)
        few = say("not judged: only {n:,} of {of:,} questions have an answer on both sides", n=len(a), of=asked)
        return replace(found, why_not=few) if 2 * len(a) < asked else found
    mean_a, mean_b = float(a.mean()), float(b.mean())
    crossed, allowed = held(mean_a, mean_b, name, limit)
    p = stats.sign_flip(a - b, None, groups)[0] if crossed else 1.0
    return Reading(after.task, name, mean_a, mean_b, False, crossed, allowed, p, len(a))


def _spoken(side: Outcomes, at: Any) -> Any:
    """Rows with some answer: an empty one is a fault of its own and has no length, or 33 grew 28-fold beside 467 that came back."""
    return np.nan_to_num(_aligned.numbers(side.measures["empty_rate"])[at]) == 0


def _ratio(task: str, name: str, a: Floats, b: Floats, limit: GuardPolicy, groups: Sequence[str] | None) -> Reading:
    """Geometric-mean ratio, tested on paired logs: run-away generations would drown a plain mean.

    At 200 samples it sees a +10 % change 72 % of the time, the raw mean 26 %, at the same false alarms.
    """
    logs = np.log(np.maximum(b, 1.0)) - np.log(np.maximum(a, 1.0))  # an empty answer counts as one token
    typical_a, typical_b = (math.exp(float(np.log(np.maximum(x, 1.0)).mean())) for x in (a, b))
    crossed, allowed = beyond(math.exp(float(logs.mean())), limit)
    p = min(1.0, 2 * min(stats.sign_flip(logs, None, groups))) if crossed else 1.0
    return Reading(task, name, typical_a, typical_b, True, crossed, allowed, p, len(logs))


def _whole(before: Outcomes, after: Outcomes, name: str, limit: GuardPolicy, advice: bool) -> Reading | None:
    """A measure that is no mean, tested by swapping each question's two answers."""
    why_not = _other_machine(before, after) if name == SPEED else ""
    ratio = limit.min_ratio is not None or limit.max_ratio is not None

    def ends(was: float, now: float) -> tuple[str, str]:
        return beyond(now / was if was > 0 else 1.0, limit) if ratio else held(was, now, name, limit)

    found = _guards_swapped.read(before, after, name, lambda was, now: ends(was, now)[0] and not why_not)
    if found is None:
        return None
    crossed, allowed = ends(found.before, found.after)
    p = found.rose if found.after > found.before else found.fell
    detail = _most(found) if name == "choice_skew" else ""
    return Reading(
        after.task, name, found.before, found.after, ratio, crossed, allowed, p, found.n, detail, why_not, advice
    )


def _most(found: _guards_swapped.Swapped) -> str:
    """`A 72 points more often than the key has it`."""
    letters = {letter: sum_ for letter, sum_ in found.parts_after.items() if letter != "n"}
    letter = max(sorted(letters), key=lambda name: letters[name])
    points = 100 * letters[letter] / found.n
    return say("{letter} is chosen {points:+.0f} points above the key", letter=letter, points=points)


def _other_machine(before: Outcomes, after: Outcomes) -> str:
    """Why two speeds don't compare; "" where device and engine are the same. A CPU's name says nothing of its speed."""
    one, other = (side.fingerprint.get("should", {}).get("engine") or {} for side in (before, after))
    for field in ENGINE:
        if one.get(field) != other.get(field):
            template = "not judged: {field} was {before} before and is {after} now"
            return say(template, field=field, before=one.get(field), after=other.get(field))
    known = one.get("device") and one.get("device") not in ("cpu", "unknown")
    return "" if known else say("not judged: a device without a name may be another one")


def _bytes(pairs: Sequence[tuple[Outcomes, Outcomes]], policy: Policy) -> list[Finding]:
    """Deterministic, so a plain limit; one finding per two checkpoints, whatever the tasks."""
    limit = policy.guard.get(BYTES)
    sides = {(b.checkpoint, a.checkpoint): (b, a) for b, a in pairs if b.bytes and a.bytes}
    found = []
    for before, after in sides.values():
        was, now = float(before.bytes or 0), float(after.bytes or 0)
        to = limit or ADVICE[BYTES]
        absolute = to.min_ratio is None and to.max_ratio is None
        crossed, allowed = held(was, now, BYTES, to) if absolute else beyond(now / was, to)
        what = say(
            "{noun} {verb} {ratio:.2f}x ({before} -> {after}{declared}, {limit})",
            noun=WORDS[BYTES], verb=verb(was, now), ratio=now / was, before=size(was), after=size(now),
            declared=say(" (declared)") if before.bytes_declared or after.bytes_declared else "",
            limit=crossed or say("allowed {limit}", limit=allowed),
        )  # fmt: skip
        level: Level = "info" if not crossed else "refuse" if limit else "warn"
        remedy = say("save in the parent's dtype, or set the limit that you want in [gate.guard] model_bytes")
        found.append(Finding(BYTES, level, what, "", remedy if crossed else ""))
    return found


# -- in words ----------------------------------------------------------------------------------------------------


def finding(reading: Reading, p: float, alpha: float) -> Finding:
    """A reading in words: `answers shrank to 0.16x on demo_math (212 -> 34 tokens, limit 0.7x)`."""
    r = reading
    breached = bool(r.crossed) and p <= alpha and not r.why_not
    evidence, remedy = say("1 answer") if r.n == 1 else say("{n:,} paired answers", n=r.n), ""
    if breached:
        evidence = say("p {p} over {answers}", p=p_value(p), answers=evidence)
        remedy = say("read some of these answers before trusting the score")
    elif r.why_not:
        evidence = say("{answers}; {why}", answers=evidence, why=r.why_not)
    elif r.crossed:
        evidence = say("beyond the limit, but {answers} don't prove it (p {p})", answers=evidence, p=p_value(p))
    level: Level = "refuse" if breached and not r.advice else "warn" if r.crossed and not r.why_not else "info"
    return Finding(r.measure, level, said(r), evidence, remedy, r.task)
