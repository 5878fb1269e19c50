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
from harness.verdicts import audit, wording
from harness.verdicts.compare import Paired, change_of, pair

Verdict = Literal["worse", "better", "alike", "not separable"]
ALPHA = 0.05  # of either direction, over all lines
SAME = 0.01  # shares whose whole interval lies within a point are alike
BESIDE = ("unparsed_rate", "truncated_rate", "empty_rate")
TOO_MANY = 20  # times the questions asked: nobody will ask so many more
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

    @property
    def p(self) -> float:
        """In the direction that is seen."""
        return min(self.p_worse, self.p_better)


def compare_all(
    pairs: Sequence[tuple[Outcomes, Outcomes]],
) -> tuple[list[Line], list[NotComparable | NothingToCompare]]:
    """A line per pair that can be compared, in the order given, and why the others can't."""
    tested: list[tuple[Paired, Change, Outcomes, Outcomes]] = []
    refused: list[NotComparable | NothingToCompare] = []
    for before, after in pairs:
        try:
            found = audit.of(before, after)
            audit.refuse(after.task, found)
            paired = pair(before, after)
            tested.append((paired, change_of(paired, before, after, found), before, after))
        except (NotComparable, NothingToCompare) as error:
            refused.append(error)
    worse = stats.holm([c.p if c.p is not None else 1.0 for _, c, _, _ in tested])
    better = stats.holm([c.p_better if c.p_better is not None else 1.0 for _, c, _, _ in tested])
    first = ALPHA / max(1, len(tested))
    lines = []
    for (paired, change, before, after), down, up in zip(tested, worse, better, strict=True):
        verdict = _verdict(change, down, up)
        more = _more(paired, change.change or 0.0, first) if verdict == "not separable" else None
        shown = dataclasses.replace(change, mde=paired.mde(first))
        rates = {name: (_mean(before, name), _mean(after, name)) for name in BESIDE}
        beside = {name: both for name, both in rates.items() if any(both)}
        name = after.name or "the candidate"
        lines.append(Line(shown, name, verdict, down, up, more, audit.variables(before, after), beside))
    return lines, refused


def _verdict(change: Change, worse: float, better: float) -> Verdict:
    if worse <= ALPHA:
        return "worse"
    if better <= ALPHA:
        return "better"
    ends = (change.low, change.high)
    share = wording.in_points(change)
    return "alike" if share and all(v is not None and abs(v) <= SAME for v in ends) else "not separable"


def _more(paired: Paired, change: float, alpha: float) -> int | None:
    """Further questions, to two digits, that would catch the change that was seen 8 times of 10."""
    needed = paired.needed(change, alpha)
    if needed > TOO_MANY * paired.n:
        return None
    more = max(1.0, needed - paired.n)
    digits = max(0, math.floor(math.log10(more)) - 1)
    return int(math.ceil(more / 10**digits) * 10**digits)


def _mean(side: Outcomes, name: str) -> float | None:
    values = [v for v in side.measures.get(name, ()) if v is not None]
    return math.fsum(values) / len(values) if values else None


# -- in words -----------------------------------------------------------------------------------------------------


def sentence(lines: Sequence[Line]) -> str:
    """All tasks of one checkpoint in one sentence: what is sure first, then what is not and what it would take."""
    if not lines:
        return "Nothing could be compared."
    by = {v: [x for x in lines if x.verdict == v] for v in ("worse", "better", "alike", "not separable")}
    sure = {v: sorted(by[v], key=_sized, reverse=True) for v in ("worse", "better")}
    parts: list[str] = []
    if sure["worse"] and sure["better"]:
        worst, best = sure["worse"][0], sure["better"][0]
        parts.append(f"Mixed: {wording.moved_by(worst.change)}, {wording.moved_by(best.change)}")
    elif sure["worse"] or sure["better"]:
        (kind,) = (v for v in ("worse", "better") if sure[v])
        parts.append(f"{kind.capitalize()}: {wording.moved_by(sure[kind][0].change)}")
    for kind in ("worse", "better"):
        if rest := sure[kind][1:]:
            parts.append(f"also {kind}: {_several(rest)}")
    if not parts:
        return _unsure(by["alike"], by["not separable"])
    if by["alike"]:
        parts.append(f"{_names(by['alike'])} the same within a point")
    return "; ".join(parts + _open(by["not separable"])) + "."


def _unsure(alike: Sequence[Line], open_: Sequence[Line]) -> str:
    if not open_:
        widest = max(alike, key=lambda x: max(abs(x.change.low or 0.0), abs(x.change.high or 0.0)))
        return f"The same within a point: {wording.moved_by(widest.change)}{_others(len(alike))}."
    if len(open_) + len(alike) == 1:
        return f"No clear difference: {wording.moved_by(open_[0].change)}, {_needs(open_[0])}."
    same = [f"{_names(alike)} the same within a point"] if alike else []
    return f"No clear difference: {'; '.join(same + _open(open_))}."


def _open(lines: Sequence[Line]) -> list[str]:
    """'medical not separable, needs about 900 more questions'."""
    told = [f"{x.change.task} not separable, {_needs(x)}" for x in lines[:NAMED]]
    return [*told, *([f"{len(lines) - NAMED} more tasks not separable"] if len(lines) > NAMED else [])]


def _needs(line: Line) -> str:
    if line.more is not None:
        return f"needs about {line.more:,} more question{'s' if line.more > 1 else ''}"
    points = wording.in_points(line.change)
    unit = "points" if points else line.change.metric
    return f"a drop below {wording.number(line.change.mde, points)} {unit} would often go unseen"


def _several(lines: Sequence[Line]) -> str:
    told = [
        f"{x.change.task} {wording.number(x.change.change, wording.in_points(x.change), signed=True)}"
        for x in lines[:NAMED]
    ]
    return ", ".join(told) + (f" and {len(lines) - NAMED} more" if len(lines) > NAMED else "")


def _names(lines: Iterable[Line]) -> str:
    names = [x.change.task for x in lines]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _others(count: int) -> str:
    return f", and all {count} tasks" if count > 2 else ", and so is the other task" if count == 2 else ""


def _sized(line: Line) -> float:
    """How large a change is, in what could have been seen, so that other units don't outshout shares."""
    return abs(line.change.change or 0.0) / (line.change.mde or 1.0)
