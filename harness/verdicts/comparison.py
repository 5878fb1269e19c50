"""Several tasks, or several checkpoints against one -> a verdict each, and the one sentence that stands first.

Example: "Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); medical not separable, needs about 900 more questions."
Holm over all lines that are shown together: of ten comparisons that nothing has changed in, one is "worse" at 5 % alone.
Nothing is judged here: there is no tolerance, so a certain fall of half a point is called worse; `bench gate` judges.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness import stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Change, Outcomes
from harness.verdicts import _aligned, audit, wording
from harness.verdicts.compare import Paired, change_of, pair
from harness.words import listed, say

Verdict = Literal["worse", "better", "alike", "not separable"]
ALPHA = 0.05  # of either direction, over all lines
LENGTH = "answer_tokens"
SAME = 0.01  # shares whose whole interval lies within a point are alike
TOO_MANY = 20  # times the questions asked: nobody will ask so many more
UNREAD = 0.05  # a change of the share of unread answers that is worth a word
NAMED = 3  # tasks of one kind in the sentence


@dataclass(frozen=True, slots=True)
class Line:
    """One task of one checkpoint against the first one."""

    change: Change  # its mde is that of the first Holm step
    name: str
    verdict: Verdict
    p_worse: float  # Holm-adjusted over all lines
    p_better: float
    more: int | None  # questions that would make the change seen certain; None: none needed, or no number that helps
    variables: audit.Variables
    beside: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)  # rates before and after
    length: float | None = None  # of the answers: geometric mean of after / before, in tokens

    @property
    def p(self) -> float:
        """In the direction that is seen."""
        return min(self.p_worse, self.p_better)


def compare_all(pairs: Sequence[tuple[Outcomes, Outcomes]]) -> list[Line | NotComparable | NothingToCompare]:
    """A line per pair in the order given, or why that pair can't be compared."""
    tested: dict[int, tuple[Paired, Change]] = {}
    refused: dict[int, NotComparable | NothingToCompare] = {}
    for i, (before, after) in enumerate(pairs):
        try:
            found = audit.of(before, after)
            audit.refuse(after.task, found)
            paired = pair(before, after)
            tested[i] = paired, change_of(paired, before, after, found)
        except (NotComparable, NothingToCompare) as error:
            refused[i] = error
    changes = [change for _, change in tested.values()]
    worse = dict(zip(tested, stats.holm([1.0 if c.p is None else c.p for c in changes]), strict=True))
    better = dict(zip(tested, stats.holm([1.0 if c.p_better is None else c.p_better for c in changes]), strict=True))
    alpha = ALPHA / max(1, len(tested))  # of the first step
    return [
        refused[i] if i in refused else _line(*tested[i], before, after, (worse[i], better[i]), alpha)
        for i, (before, after) in enumerate(pairs)
    ]


def _line(
    paired: Paired, change: Change, before: Outcomes, after: Outcomes, ps: tuple[float, float], alpha: float
) -> Line:
    said = verdict(*ps, change.low, change.high, wording.in_points(change))
    rates = {name: (_aligned.rate(before, name), _aligned.rate(after, name)) for name in wording.UNREAD}
    return Line(
        change=dataclasses.replace(change, mde=paired.mde(alpha)),
        name=after.name or "the candidate",
        verdict=said,
        p_worse=ps[0],
        p_better=ps[1],
        more=_more(paired, change.change or 0.0, alpha) if said == "not separable" else None,
        variables=audit.variables(before, after),
        beside={name: both for name, both in rates.items() if any(both)},
        length=_length(before, after),
    )


def verdict(worse: float, better: float, low: float | None, high: float | None, share: bool) -> Verdict:
    """Of p-values after Holm and a 90 % interval; only shares can be called alike, since other units have no "small"."""
    if worse <= ALPHA:
        return "worse"
    if better <= ALPHA:
        return "better"
    return "alike" if share and all(v is not None and abs(v) <= SAME for v in (low, high)) else "not separable"


def _more(paired: Paired, change: float, alpha: float) -> int | None:
    """Further questions, to two digits, that would catch the change that was seen 8 times of 10."""
    needed = paired.needed(change, alpha)
    if needed > TOO_MANY * paired.n:
        return None
    more = max(1.0, needed - paired.n)
    digits = max(0, math.floor(math.log10(more)) - 1)
    return int(math.ceil(more / 10**digits - 1e-9) * 10**digits)  # 1,500.0000000000002 are no 1,600


def _length(before: Outcomes, after: Outcomes) -> float | None:
    """The typical ratio: one answer that runs away moves a mean of lengths, not a mean of their logarithms."""
    sides = [dict(zip(o.samples, o.measures.get(LENGTH, ()), strict=False)) for o in (before, after)]
    both = [(sides[0].get(s), v) for s, v in sides[1].items()]
    logs = [math.log(b / a) for a, b in both if a and b]
    return math.exp(math.fsum(logs) / len(logs)) if logs else None


# -- in words -----------------------------------------------------------------------------------------------------


def sentence(lines: Sequence[Line]) -> str:
    """All tasks of one checkpoint in one sentence: what is sure first, then what is not and what it would take."""
    if not lines:
        return say("Nothing could be compared.")
    by = {v: [x for x in lines if x.verdict == v] for v in ("worse", "better", "alike", "not separable")}
    sure = {v: sorted(by[v], key=_sized, reverse=True) for v in ("worse", "better")}
    first = [mine[0] for mine in sure.values() if mine]
    if not first:
        return _unsure(by["alike"], by["not separable"])
    moved = [wording.moved_by(line.change) for line in first]
    if len(moved) > 1:
        lead = say("Mixed: {worst}, {best}", worst=moved[0], best=moved[1])
    else:
        lead = say("Worse: {moved}" if sure["worse"] else "Better: {moved}", moved=moved[0])
    parts: list[str] = [say("{said}{format}", said=lead, format=_format(first[0]))]
    if rest := sure["worse"][1:]:
        parts.append(say("also worse: {tasks}", tasks=_several(rest)))
    if rest := sure["better"][1:]:
        parts.append(say("also better: {tasks}", tasks=_several(rest)))
    if by["alike"]:
        parts.append(_same(by["alike"]))
    return _stopped(parts + _open(by["not separable"]))


def _stopped(parts: Sequence[str]) -> str:
    return say("{parts}.", parts=listed(parts, "; "))


def _same(lines: Sequence[Line]) -> str:
    return say("{tasks} the same within a point", tasks=_names(lines))


def _format(line: Line) -> str:
    """', while unread answers fell from 95.6 to 3.0 %' where that is most of the change: then the format moved, not knowledge."""
    unread = [math.fsum(rates[i] or 0.0 for rates in line.beside.values()) for i in (0, 1)]
    moved, change = unread[0] - unread[1], line.change.change or 0.0
    if not wording.in_points(line.change) or moved * change <= 0 or abs(moved) < max(UNREAD, abs(change) / 2):
        return ""
    before, after = (wording.number(share, True) for share in unread)
    if moved > 0:
        return say(", while unread answers fell from {before} to {after} %", before=before, after=after)
    return say(", while unread answers rose from {before} to {after} %", before=before, after=after)


def _unsure(alike: Sequence[Line], open_: Sequence[Line]) -> str:
    if not open_:
        widest = max(alike, key=lambda x: max(abs(x.change.low or 0.0), abs(x.change.high or 0.0)))
        moved, others = wording.moved_by(widest.change), _others(len(alike))
        return say("The same within a point: {moved}{others}.", moved=moved, others=others)
    if len(open_) + len(alike) == 1:
        moved, needs = wording.moved_by(open_[0].change), _needs(open_[0])
        return say("No clear difference: {moved}, {needs}.", moved=moved, needs=needs)
    same = [_same(alike)] if alike else []
    return say("No clear difference: {parts}", parts=_stopped(same + _open(open_)))


def _open(lines: Sequence[Line]) -> list[str]:
    """'medical not separable, needs about 900 more questions'."""
    told: list[str] = [say("{task} not separable, {needs}", task=x.change.task, needs=_needs(x)) for x in lines[:NAMED]]
    rest = [say("{n} more tasks not separable", n=len(lines) - NAMED)] if len(lines) > NAMED else []
    return [*told, *rest]


def _needs(line: Line) -> str:
    if line.more == 1:
        return say("needs about 1 more question")
    if line.more is not None:
        return say("needs about {n:,} more questions", n=line.more)
    points = wording.in_points(line.change)
    unit = say("points") if points else line.change.metric
    seen = wording.number(line.change.mde, points)
    return say("a change below {n} {unit} would often go unseen", n=seen, unit=unit)


def _several(lines: Sequence[Line]) -> str:
    return _first(
        f"{x.change.task} {wording.number(x.change.change, wording.in_points(x.change), signed=True)}" for x in lines
    )


def _names(lines: Iterable[Line]) -> str:
    return _first(x.change.task for x in lines)


def _first(told: Iterable[str]) -> str:
    first = list(told)
    named = listed(first[:NAMED])
    return say("{first} and {n} more", first=named, n=len(first) - NAMED) if len(first) > NAMED else named


def _others(count: int) -> str:
    if count > 2:
        return say(", and all {n} tasks", n=count)
    return say(", and so is the other task") if count == 2 else ""


def _sized(line: Line) -> float:
    """How large a change is, in what could have been seen, so that other units don't outshout shares."""
    return abs(line.change.change or 0.0) / (line.change.mde or 1.0)
