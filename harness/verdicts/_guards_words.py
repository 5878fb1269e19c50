"""A guard's reading in words: what moved, from where to where, and what is allowed.

Example: `answers shrank to 0.16x on demo_math (212 -> 34 tokens, limit 0.7x)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import plugins
from harness.errors import UserError
from harness.verdicts.policy import GuardPolicy, plain
from harness.words import listed, say

if TYPE_CHECKING:
    from harness.verdicts.guards import Reading

BYTES, SPEED = "model_bytes", "tokens_per_second"
WORDS = {
    "answer_tokens": say("answers"),
    "answer_characters": say("answers"),
    "empty_rate": say("empty answers"),
    "unparsed_rate": say("answers that can't be read"),
    "truncated_rate": say("answers cut off"),
    "repetition": say("answers that go in circles"),
    "wrong_language": say("answers in the wrong language"),
    "refusal_rate": say("refusals"),
    "choice_skew": say("choice of letters away from the key"),
    BYTES: say("bytes of the model"),
    SPEED: say("tokens per second"),
}
COUNTED = {"answer_tokens": say(" tokens"), "answer_characters": say(" characters")}


def said(r: Reading) -> str:
    """What moved from where to where, and what is allowed."""
    noun, limit = WORDS.get(r.measure, r.measure), r.crossed or say("allowed {limit}", limit=r.limit)
    limit = say("{detail}; {limit}", detail=r.detail, limit=limit) if r.detail and r.crossed else limit
    if r.ratio:
        numbers = say("{a:,.0f} -> {b:,.0f}{unit}", a=r.before, b=r.after, unit=COUNTED.get(r.measure, ""))
        ratio, moved = r.after / r.before, verb(r.before, r.after) if r.crossed else say("at")
        template = "{noun} {verb} {ratio:.2f}x on {task} ({numbers}, {limit})"
        return say(template, noun=noun, verb=moved, ratio=ratio, task=r.task, numbers=numbers, limit=limit)
    before, after = amount(r.before, r.measure), amount(r.after, r.measure)
    if r.after == r.before:
        template = "{noun} stayed at {after} on {task} ({limit})"
        return say(template, noun=noun, after=after, task=r.task, limit=limit)
    template = "{noun} fell from {before} to {after} on {task} ({limit})"
    if r.after > r.before:
        template = "{noun} rose from {before} to {after} on {task} ({limit})"
    return say(template, noun=noun, before=before, after=after, task=r.task, limit=limit)


def verb(before: float, after: float) -> str:
    return say("shrank to") if after < before else say("grew to") if after > before else say("stayed at")


def held(before: float, after: float, name: str, limit: GuardPolicy) -> tuple[str, str]:
    """(the limit that was crossed, all limits)."""
    top, rise = plain(limit.max), plain(limit.max_increase)
    crossed = ""
    if rise is not None and after - before > rise:
        crossed = say("limit {end}", end=_rise(rise, name))
    elif top is not None and after > top and after > before:
        crossed = say("limit {end}", end=amount(top, name))
    limits = [say("at most {end}", end=amount(top, name))] if top is not None else []
    limits += [say("at most {end}", end=_rise(rise, name))] if rise is not None else []
    return crossed, listed(limits)


def beyond(ratio: float, limit: GuardPolicy) -> tuple[str, str]:
    """The same for a ratio."""
    low, high = limit.min_ratio, limit.max_ratio
    crossed = ""
    if low is not None and ratio < low:
        crossed = say("limit {end:g}x", end=low)
    elif high is not None and ratio > high:
        crossed = say("limit {end:g}x", end=high)
    if low is not None and high is not None:
        return crossed, say("{low:g}x to {high:g}x", low=low, high=high)
    if high is None:
        return crossed, "" if low is None else say("at least {end:g}x", end=low)
    return crossed, say("at most {end:g}x", end=high)


def _rise(value: float, measure: str) -> str:
    return say("+{amount}", amount=amount(value, measure, change=True))


def size(count: float) -> str:
    step = next((k for k in (3, 2, 1) if count >= 1000**k), 0)
    return f"{count / 1000**step:.4g} {('B', 'kB', 'MB', 'GB')[step]}"


def amount(value: float | None, measure: str, change: bool = False) -> str:
    """A measure's value in its unit: shares in percent, their changes in points."""
    if value is None:
        return "–"
    if measure == BYTES:
        return size(value)
    try:
        unit = str(plugins.find("harness.metrics", measure).UNIT)
    except UserError:  # of a metric that is gone: a share is likeliest
        unit = "share" if abs(value) <= 1 else ""
    if unit != "share":
        return f"{value:.4g} {unit}".strip()
    return say("{n} points" if change else "{n} %", n=f"{100 * value:.1f}")
