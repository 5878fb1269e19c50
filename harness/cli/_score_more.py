"""What surrounds a composite, in words: what changed, where the order flips, who is dominated, what would help, faults."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.cli import _tables
from harness.cli._score_words import number
from harness.verdicts import wording

if TYPE_CHECKING:
    from harness.records import Change, Dominated
    from harness.verdicts.composite import Flip, WhatIf


def changes(found: Sequence[Change], names: tuple[str, str]) -> Iterator[str]:
    """Paired, on the same questions: Overall first, then its parts."""
    yield f"{names[1]} against {names[0]}, on the same questions (90 % intervals, paired):"
    for change in found:
        if change.change is None:
            yield f"  {change.metric:8} –"
            continue
        ends = "" if change.low is None or change.high is None else f" ({change.low:+.1f} to {change.high:+.1f})"
        yield (
            f"  {change.metric:8} {number(change.before)} -> {number(change.after)}  {change.change:+.1f} points{ends}"
            f"{_verdict(change)}"
        )


def _verdict(change: Change) -> str:
    if change.low is None or change.high is None:
        return ""
    if change.low == change.high == 0:
        return "  the same"
    return "  better" if change.low > 0 else "  worse" if change.high < 0 else "  no clear difference"


def dominated(found: Sequence[Dominated]) -> Iterator[str]:
    """Accuracy x tokens x bytes: who is on the front, who is beaten by whom."""
    lines = [["checkpoint", "right %", "tokens", "size", ""]]
    for one in found:
        right, tokens, count = one.point
        beaten = f"dominated by {', '.join(one.by)}" if one.by else "on the front"
        lines.append([one.name, number(right), number(tokens), wording.size(count), beaten])
    yield "Accuracy x tokens per answer x bytes; dominated: another is no worse in all three and better in one."
    yield _tables.table(lines)


def spread_of(shares: Mapping[str, float]) -> Iterator[str]:
    """Which part the order comes from."""
    if shares:
        parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        yield ""
        against = "; a negative share pulled against the order" if min(shares.values()) < -0.005 else ""
        yield f"What tells these Overalls apart: {parts}{against}."


def flips(found: Sequence[Flip], before: str, after: str) -> Iterator[str]:
    """At which weight the order of two would be another."""
    if not found:
        return
    turning = [f for f in found if f.at is not None]
    if not turning:
        yield f"  No weight of a single part, 0 to 1, would turn the order of {before} and {after}."
    for flip in turning:
        yield (
            f"  The order flips where {flip.part} weighs {flip.at:.2f} instead of {flip.weight:g} (the others in proportion); "
            f"above it {flip.ahead} leads."
        )


CAUSES = {
    "truncated": "cut off at the length limit and not right",
    "unparsed": "without an answer that can be read (not boxed, no cue)",
    "thinking": "right, with tokens spent on thinking",
}


def what_if(name: str, found: WhatIf, places: Mapping[tuple[str, str], int], count: int) -> Iterator[str]:
    """What would bring points, and the stored answers that cost most; `places`: (task, sample) -> number of the question."""
    yield f"What would help {name}, in points of Overall, all else as it is:"
    for what, gain in (
        ("10 % fewer tokens in every answer", found.fewer_tokens),
        ("one more right answer in a hundred", found.one_more_right),
        ("half the bytes", found.half_the_bytes),
    ):
        yield f"  {what:<36} {'–' if gain is None else f'{gain:+.2f}'}"
    for cause, (answers, points) in found.causes.items():
        yield f"  {answers:,} {'answer' if answers == 1 else 'answers'} {CAUSES.get(cause, cause)}: at most {points:.2f} points"
        worst = [c for c in found.costly if c.cause == cause][:count]
        yield "    most at question " + ", ".join(
            f"{places.get((c.task, c.sample), c.sample)} of {c.task}" for c in worst
        )
    if found.causes:
        yield f"  `bench show {name} --wrong` reads such answers."


def faults(name: str, found: Mapping[str, Any], count: int) -> Iterator[str]:
    """Lines that don't hold, as the model wrote them."""
    if not found["chains"]:
        yield f"{name}: no stored chain to read"
        return
    yield f"{name}: {found['faulty']:,} of {found['chains']:,} chains have a line that doesn't hold"
    for what, often in found["often"][:3]:
        yield f"  {often} times: {what}"
    for line in found["lines"][:count]:
        yield f"  {line['task']} question {line['question']}: {_tables.block(line['line'])}   ({line['what']})"


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
    yield f"       {low}{'tokens per answer':^{WIDE - len(low) - len(high)}}{high}"
    yield "  ".join(
        f"{_letter(i)} {name}{'' if front else ' (dominated)'}" for i, (name, _, _, front) in enumerate(points)
    )


def _letter(i: int) -> str:
    return chr(ord("a") + i) if i < 26 else "+"
