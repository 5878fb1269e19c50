"""A score on the questions that a training file holds, and on the others: does it know, or has it seen?

Example: split(outcomes, dirty) -> clean 41.2 % of 1,301, dirty 88.9 % of 45, 47.7 points apart (38.0 to 55.1). Trap: dirty
questions may simply be easier; where the checkpoint it was trained from was asked the same, the change on either part tells.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness import stats
from harness.records import Outcomes


@dataclass(frozen=True, slots=True)
class Part:
    n: int
    value: float | None = None
    low: float | None = None  # 95 %
    high: float | None = None
    change: float | None = None  # against the parent, on the same questions
    change_low: float | None = None  # 90 %
    change_high: float | None = None
    paired: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    task: str
    metric: str
    run: str
    clean: Part
    dirty: Part
    difference: float | None = None  # dirty - clean
    low: float | None = None  # 95 %
    high: float | None = None
    parent: str = ""


def split(outcomes: Outcomes, dirty: Collection[str], parent: Outcomes | None = None) -> Split:
    before = dict(zip(parent.samples, parent.values, strict=True)) if parent else {}
    parts = {}
    for side in (False, True):
        mine = [
            (v, before.get(s)) for s, v in zip(outcomes.samples, outcomes.values, strict=True) if (s in dirty) == side
        ]
        values = [v for v, _ in mine if v is not None]
        parts[side] = _part(values, [v - b for v, b in mine if v is not None and b is not None])
    clean, seen = parts[False], parts[True]
    apart = _apart(seen, clean)
    name = parent.name if parent else ""
    return Split(outcomes.task, outcomes.metric, outcomes.run, clean, seen, *apart, parent=name)


def _part(values: list[float], differences: list[float]) -> Part:
    n = len(values)
    if not n:
        return Part(0)
    low: float | None
    high: float | None
    if set(values) <= {0.0, 1.0}:
        low, high = stats.wilson(sum(values), n)
    else:
        low, high = stats.mean_t(values) if n > 1 else (None, None)
    change = stats.mean(differences) if differences else None
    least, most = stats.paired_interval(differences) if len(differences) > 1 else (None, None)
    return Part(n, stats.mean(values), low, high, change, least, most, len(differences))


def _apart(seen: Part, clean: Part) -> tuple[float | None, float | None, float | None]:
    """Difference of two independent shares from their own intervals."""
    if seen.value is None or clean.value is None:
        return None, None, None
    ends = (seen.low, seen.high, clean.low, clean.high)
    if any(end is None for end in ends):
        return seen.value - clean.value, None, None
    low, high = stats.mover([seen.value, -clean.value], [ends[0], -ends[3]], [ends[1], -ends[2]])  # type: ignore[list-item, operator]
    return seen.value - clean.value, 2 * low, 2 * high
