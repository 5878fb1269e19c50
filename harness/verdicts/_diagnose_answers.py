"""Diagnose, what the answers look like: length, ends, format, circles, language, refusals, letters.

Example: answer_tokens 33 -> 8 on demo_math is "short", at the guards' own limit and test. Trap: a longer answer is no
collapse and by itself no fault, so it is told with both means and the typical ratio, and gets no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from harness import stats
from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import _aligned, _guards_words, guards
from harness.verdicts._diagnose_facts import Test
from harness.verdicts.policy import GuardPolicy, Policy
from harness.words import say

KINDS = {
    "empty_rate": "empty",
    "unparsed_rate": "format",
    "truncated_rate": "cut",
    "repetition": "circles",
    "wrong_language": "language",
    "refusal_rate": "refusal",
    "choice_skew": "letters",
}
FEWEST = 10  # answers that a ratio is taken over
LENGTHS = ("answer_tokens", "answer_characters")
# measured for diagnose alone, from the stored texts
CUT, RUNS_ON, SAME = "cut_at_the_limit", "runs_on", "same_as_others"
BREAKS_OFF, ENDED_BY_A_MARK = "breaks_off", "ended_by_a_mark"
EXTRA = {
    CUT: ("eos", GuardPolicy(max_increase=0.05)),
    RUNS_ON: ("run_on", GuardPolicy(max_increase=0.03)),
    SAME: ("same", GuardPolicy(max_increase=0.05)),
}
SAID = {
    "short": say("answer length"),
    "long": say("answer length"),
    "empty": say("empty answers"),
    "format": say("answers that can be read"),
    "cut": say("answers cut off"),
    "eos": say("answers that end by themselves"),
    "run_on": say("stopping after the answer"),
    "marks": say("stopping after the answer"),
    "same": say("different answers to different questions"),
    "circles": say("repetition"),
    "language": say("language"),
    "refusal": say("refusals"),
    "letters": say("spread of the letters"),
}


def tests(before: Outcomes, after: Outcomes) -> Iterator[Test]:
    """One test per measure that both sides have."""
    graded = any(value is not None for value in after.values)
    for reading in guards.readings_of(before, after, Policy()):
        if reading.measure in LENGTHS:
            yield from _length(before, after, reading.measure)
        elif reading.measure in KINDS and not _blind(reading, after, graded):
            risen = _lettered if reading.measure == "choice_skew" else _risen
            samples = risen(before, after, reading.measure)
            size = 100 * (reading.after - reading.before)
            kind, what = KINDS[reading.measure], _guards_words.said(reading)
            if kind == "format":
                kind, what = _why_unread(after, what, samples)
            yield _of(kind, reading, what, size, samples)
    for name, (kind, limit) in EXTRA.items():
        if name in before.measures and name in after.measures:
            extra = guards.read(before, after, name, limit)
            samples = _risen(before, after, name)
            if kind == "run_on" and 2 * _share(after, ENDED_BY_A_MARK, samples) >= 1:
                kind = "marks"
            if extra:
                yield _of(kind, extra, _extra(extra), 100 * (extra.after - extra.before), samples)


def _why_unread(after: Outcomes, what: str, samples: tuple[str, ...]) -> tuple[str, str]:
    """Answers that broke off or went in circles before they came to one have another fault than their form."""
    for kind, name, words in (
        ("circles", "repetition", say("go in circles")),
        ("cut", BREAKS_OFF, say("break off in a sentence")),
    ):
        share = _share(after, name, samples)
        if 2 * share >= 1:
            return kind, say("{what}: {n:.0f} % of the new ones {how}", what=what, n=100 * share, how=words)
    return "format", what


def _share(side: Outcomes, name: str, samples: tuple[str, ...]) -> float:
    """Of some samples, those that show a measure; 0 where it is not known."""
    if not samples or name not in side.measures:
        return 0.0
    shown = {s for s, value in zip(side.samples, side.measures[name], strict=True) if value}
    return len(shown & set(samples)) / len(samples)


def _blind(reading: guards.Reading, after: Outcomes, graded: bool) -> bool:
    """A rate of nothing that nobody could have counted: imports don't know how they ended, ungraded text is not read."""
    unknown = (reading.measure == "truncated_rate" and CUT not in after.measures) or (
        reading.measure == "unparsed_rate" and not graded
    )
    return unknown and reading.before == reading.after == 0


def _of(kind: str, reading: guards.Reading, what: str, size: float, samples: tuple[str, ...]) -> Test:
    beyond = bool(reading.crossed) and not reading.why_not
    return Test(kind, reading.task, reading.p if beyond else 1.0, beyond, what, size, samples, reading.n)


def _length(before: Outcomes, after: Outcomes, name: str) -> Iterator[Test]:
    """By the guards' limit and test, over questions that both sides gave some answer to: empty ones are another fault."""
    spoken = (_spoken(before, name), _spoken(after, name))
    limit, (ids, a, b) = guards.default_limit(name), _common(*spoken, name)
    reading = guards.read(*spoken, name, limit) if limit and len(ids) >= FEWEST else None
    if reading is None:
        return
    logs = np.log(np.maximum(b, 1.0)) - np.log(np.maximum(a, 1.0))
    low, high = (math.exp(v) for v in stats.paired_interval(logs, None, None, 0.90))
    typical, mean = reading.after / reading.before, float(b.mean() / max(a.mean(), 1e-9))
    shorter = typical < 1
    unit = _guards_words.COUNTED[name]
    means = say("{a:,.0f} -> {b:,.0f}{unit} on average, {times}", a=a.mean(), b=b.mean(), unit=unit, times=_times(mean))
    one = say("a typical answer is {times} its parent's", times=_times(typical))
    alarm = reading.limit
    if reading.crossed and limit:
        end = limit.min_ratio if shorter else limit.max_ratio
        alarm = say("below {end:g}x", end=end) if shorter else say("above {end:g}x", end=end)
    template = "{one} (90 % interval {low} to {high}; alarm {alarm})"
    evidence = say(template, one=one, low=_times(low), high=_times(high), alarm=alarm)
    if (mean < 1) != shorter:  # a few run-away answers make the mean
        means, evidence = one, say("{means}, made by a few; {evidence}", means=means, evidence=evidence)
    template = "answers became shorter on {task}: {means}" if shorter else "answers became longer on {task}: {means}"
    what = say(template, task=reading.task, means=means)
    if 2 * len(ids) < len(after.samples):
        what = say("{what}, of the {n:,} questions that both gave some answer to", what=what, n=len(ids))
    order = sorted(zip(logs.tolist() if shorter else (-logs).tolist(), ids, strict=True))
    far = abs(math.log(limit.min_ratio or 1.0) if shorter else math.log(limit.max_ratio or 1.0)) if limit else 0.0
    samples = tuple(sample for log, sample in order if log <= -far)
    kind = "short" if shorter else "long"
    size = 10 * abs(math.log2(typical))
    yield Test(kind, reading.task, reading.p, bool(reading.crossed), what, size, samples, reading.n, evidence)


def _spoken(side: Outcomes, name: str) -> Outcomes:
    """The lengths of answers that say something."""
    empty = side.measures.get("empty_rate") or (None,) * len(side.samples)
    column = tuple(None if none else value for value, none in zip(side.measures[name], empty, strict=True))
    return replace(side, measures={name: column})


def _times(ratio: float) -> str:
    digits = 0 if ratio >= 10 else 1 if ratio >= 1.05 else 2
    return say("{n}x", n=f"{ratio:,.{digits}f}" if ratio >= 0.01 else f"{ratio:.1g}")


def _extra(reading: guards.Reading) -> str:
    was, now = (say("{n} %", n=f"{100 * value:.1f}") for value in (reading.before, reading.after))
    if reading.measure == CUT:
        was, now = (say("{n} %", n=f"{100 * (1 - value):.1f}") for value in (reading.before, reading.after))
        template = "answers that end by themselves went from {before} to {after} on {task}"
    elif reading.measure == SAME:
        template = "answers that are word for word another question's went from {before} to {after} on {task}"
    else:
        template = (
            "answers that run on into a next question or show template marks went from {before} to {after} on {task}"
        )
    return say(template, before=was, after=now, task=reading.task)


def _common(before: Outcomes, after: Outcomes, name: str) -> tuple[list[str], Floats, Floats]:
    """The samples that have the measure on both sides, in order of their ids, with both values."""
    in_left, in_right = _aligned.rows(before, after)
    a, b = _aligned.numbers(before.measures[name])[in_left], _aligned.numbers(after.measures[name])[in_right]
    there = ~(np.isnan(a) | np.isnan(b))
    return [before.samples[i] for i in in_left[there].tolist()], a[there], b[there]


def _risen(before: Outcomes, after: Outcomes, name: str) -> tuple[str, ...]:
    """Samples where a rate went up most; those of the most chosen letter for letters."""
    if name in before.measures and name in after.measures:
        ids, a, b = _common(before, after, name)
        rows = sorted(zip(ids, (a - b).tolist(), strict=True), key=lambda row: (row[1], row[0]))
        return tuple(sample for sample, change in rows if change < 0)
    return ()


def _lettered(before: Outcomes, after: Outcomes, name: str) -> tuple[str, ...]:
    """Questions where the letter that is chosen too often is chosen against the key, and wasn't by the parent."""
    parts = {
        full: column for full, column in after.measures.items() if full.startswith(f"{name}:") and full[-2:] != ":n"
    }
    most = max(sorted(parts), key=lambda full: math.fsum(v for v in parts[full] if v is not None))
    left = dict(zip(before.samples, before.measures.get(most, ()), strict=False))
    found = (s for s, v in zip(after.samples, parts[most], strict=True) if v and v > 0 and (left.get(s) or 0) <= 0)
    return tuple(sorted(found))
