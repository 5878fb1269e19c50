"""What surrounds a composite, in words: what changed, where the order flips, who is dominated, what would help, faults."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.cli import _tables
from harness.cli._score_words import number
from harness.verdicts import wording
from harness.words import heads, listed, say, told

if TYPE_CHECKING:
    from harness.records import Change, Dominated
    from harness.verdicts.composite import Flip, WhatIf


def changes(found: Sequence[Change], names: tuple[str, str]) -> Iterator[str]:
    """Paired, on the same questions: Overall first, then its parts."""
    template = "{after} against {before}, on the same questions (90 % intervals, paired):"
    yield say(template, after=names[1], before=names[0])
    for change in found:
        if change.change is None:
            yield f"  {change.metric:8} –"
            continue
        ends = ""
        if change.low is not None and change.high is not None:
            ends = say(" ({low:+.1f} to {high:+.1f})", low=change.low, high=change.high)
        moved = f"{change.metric:8} {number(change.before)} -> {number(change.after)}  {change.change:+.1f}"
        yield say("  {moved} points{ends}{verdict}", moved=moved, ends=ends, verdict=_verdict(change))


def _verdict(change: Change) -> str:
    if change.low is None or change.high is None:
        return ""
    if change.low == change.high == 0:
        return say("  the same")
    return say("  better") if change.low > 0 else say("  worse") if change.high < 0 else say("  no clear difference")


def dominated(found: Sequence[Dominated]) -> Iterator[str]:
    """Accuracy x tokens x bytes: who is on the front, who is beaten by whom."""
    lines = [[*heads("checkpoint", "right %", "tokens", "size"), ""]]
    for one in found:
        right, tokens, count = one.point
        beaten = say("dominated by {names}", names=listed(one.by)) if one.by else say("on the front")
        lines.append([one.name, number(right), number(tokens), wording.size(count), beaten])
    yield say("Accuracy x tokens per answer x bytes; dominated: another is no worse in all three and better in one.")
    yield _tables.table(lines)


def spread_of(shares: Mapping[str, float]) -> Iterator[str]:
    """Which part the order comes from."""
    if shares:
        parts = listed(say("{name} {n} %", name=name, n=f"{100 * share:.0f}") for name, share in shares.items())
        yield ""
        template = "What tells these Overalls apart: {parts}."
        if min(shares.values()) < -0.005:
            template = "What tells these Overalls apart: {parts}; a negative share pulled against the order."
        yield say(template, parts=parts)


def flips(found: Sequence[Flip], before: str, after: str) -> Iterator[str]:
    """At which weight the order of two would be another."""
    if not found:
        return
    turning = [f for f in found if f.at is not None]
    if not turning:
        template = "  No weight of a single part, 0 to 1, would turn the order of {before} and {after}."
        yield say(template, before=before, after=after)
    for flip in turning:
        yield say(
            "  The order flips where {part} weighs {at:.2f} instead of {weight:g} (the others in proportion); above it "
            "{ahead} leads.",
            part=flip.part, at=flip.at, weight=flip.weight, ahead=flip.ahead,
        )  # fmt: skip


GAIN_COLUMN = 36
CAUSES = {
    "truncated": say("cut off at the length limit and not right"),
    "unparsed": say("without an answer that can be read (not boxed, no cue)"),
    "thinking": say("right, with tokens spent on thinking"),
}


def what_if(name: str, found: WhatIf, places: Mapping[tuple[str, str], int], count: int) -> Iterator[str]:
    """What would bring points, and the stored answers that cost most; `places`: (task, sample) -> number of the question."""
    yield say("What would help {name}, in points of Overall, all else as it is:", name=name)
    for what, gain in (
        (say("10 % fewer tokens in every answer"), found.fewer_tokens),
        (say("one more right answer in a hundred"), found.one_more_right),
        (say("half the bytes"), found.half_the_bytes),
    ):
        gap = " " * (GAIN_COLUMN - _tables.width(told(what)))
        yield say("  {what}{gap} {gain}", what=what, gap=gap, gain="–" if gain is None else f"{gain:+.2f}")
    for cause, (answers, points) in found.causes.items():
        template = "  {n:,} answer {cause}: at most {points:.2f} points"
        if answers != 1:
            template = "  {n:,} answers {cause}: at most {points:.2f} points"
        yield say(template, n=answers, cause=CAUSES.get(cause, cause), points=points)
        worst = [c for c in found.costly if c.cause == cause][:count]
        named = [
            say("{question} of {task}", question=places.get((c.task, c.sample), c.sample), task=c.task) for c in worst
        ]
        yield say("    most at question {questions}", questions=listed(named))
    if found.causes:
        yield say("  `bench show {name} --wrong` reads such answers.", name=name)


def faults(name: str, found: Mapping[str, Any], count: int) -> Iterator[str]:
    """Lines that don't hold, as the model wrote them."""
    if not found["chains"]:
        yield say("{name}: no stored chain to read", name=name)
        return
    template = "{name}: {n:,} of {of:,} chains have a line that doesn't hold"
    yield say(template, name=name, n=found["faulty"], of=found["chains"])
    for what, often in found["often"][:3]:
        yield say("  {n} times: {what}", n=often, what=what)
    for line in found["lines"][:count]:
        template = "  {task} question {question}: {line}   ({what})"
        yield say(template, **{**line, "line": _tables.block(line["line"])})


WIDE, TALL = 56, 12


def picture(points: Sequence[tuple[str, float, float, bool]]) -> Iterator[str]:
    """Right answers upwards, tokens to the left on a log scale: better is up and left. (name, right, tokens, on front)"""
    if len(points) < 2:
        return
    xs, ys = [math.log(max(t, 1.0)) for _, _, t, _ in points], [right for _, right, _, _ in points]
    sheet = [[" "] * WIDE for _ in range(TALL)]
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        column = round((x - min(xs)) / ((max(xs) - min(xs)) or 1.0) * (WIDE - 1))
        row = round((max(ys) - y) / ((max(ys) - min(ys)) or 1.0) * (TALL - 1))
        sheet[row][column] = _letter(i)
    yield ""
    for number_, row_ in enumerate(sheet):
        edge = f"{max(ys):5.1f}" if not number_ else f"{min(ys):5.1f}" if number_ == TALL - 1 else " " * 5
        yield f"{edge} │{''.join(row_).rstrip()}"
    low, high = (f"{math.exp(x):,.0f}" for x in (min(xs), max(xs)))
    yield f"      └{'─' * WIDE}"
    axis = told(say("tokens per answer"))
    yield f"       {low}{axis:^{WIDE - len(low) - len(high) - _tables.width(axis) + len(axis)}}{high}"
    named = [
        f"{_letter(i)} {name}" if front else say("{letter} {name} (dominated)", letter=_letter(i), name=name)
        for i, (name, _, _, front) in enumerate(points)
    ]
    yield listed(named, "  ")


def _letter(i: int) -> str:
    return chr(ord("a") + i) if i < 26 else "+"
