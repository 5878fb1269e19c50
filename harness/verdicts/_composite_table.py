"""Parts of one or two sides -> their points and the points in every draw, all from the same drawn questions.

Example: computed([lay(a), lay(b)], heads) gives AS of both sides per draw, so the interval of their difference is paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.records import Outcomes, Part
from harness.stats.intervals import Floats
from harness.stats.measures import Columns
from harness.verdicts import _composite_draws as bootstrap
from harness.verdicts._composite_draws import DRAWS, Of, Sheet
from harness.verdicts._composite_parts import Laid
from harness.verdicts._composite_worth import strata

Side = Sequence[Laid]


@dataclass(frozen=True, eq=False)
class Computed:
    """Of each side and part, 0..100: the value and its draws; None where the part is missing. Constants have no draws."""

    values: list[list[float | None]]
    draws: list[list[Floats | None]]


def computed(sides: Sequence[Side], heads: Mapping[str, Outcomes], draws: int = DRAWS, seed: int = 0) -> Computed:
    """`heads` say how each task's questions are resampled; both sides' columns are in the same order of questions."""
    sheets, places = _sheets(sides, heads)
    points = [bootstrap.point(sheet)[None, :] for sheet in sheets]
    drawn = bootstrap.drawn(sheets, draws, seed) if draws else []
    values: list[list[float | None]] = []
    often: list[list[Floats | None]] = []
    for s, side in enumerate(sides):
        values.append([])
        often.append([])
        for p, part in enumerate(side):
            where = places.get((s, p), [])
            values[-1].append(part.constant if not part.columns else float(_part(part, where, points)[0]))
            often[-1].append(_part(part, where, drawn) if part.columns and draws else None)
    return Computed(values, often)


def _sheets(
    sides: Sequence[Side], heads: Mapping[str, Outcomes]
) -> tuple[list[Sheet], dict[tuple[int, int], list[tuple[str, int, int]]]]:
    """A sheet per task, and where each part's columns lie: (task, sheet, column)."""
    sheets = []
    places: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
    for number, (task, head) in enumerate(heads.items()):
        means: list[Floats] = []
        measures: list[tuple[Columns, Of]] = []
        late = []
        for s, side in enumerate(sides):
            for p, part in enumerate(side):
                column = part.columns.get(task)
                if column is None:
                    continue
                if column.measure is None:
                    assert column.values is not None
                    places.setdefault((s, p), []).append((task, number, len(means)))
                    means.append(column.values)
                else:
                    late.append(((s, p), len(measures)))
                    measures.append(column.measure)
        for key, index in late:
            places.setdefault(key, []).append((task, number, len(means) + index))
        stacked = np.stack(means, axis=1) if means else np.zeros((len(head.samples), 0))
        clusters = head.clusters if any(head.clusters) else None
        sheets.append(Sheet(task, strata(head), clusters, stacked, tuple(measures)))
    return sheets, places


def _part(part: Laid, where: Sequence[tuple[str, int, int]], tables: Sequence[Floats]) -> Floats:
    """The plain mean over the part's tasks, in points."""
    points = np.zeros(len(tables[0]))
    for task, sheet, column in where:
        scale = part.columns[task].scale
        values = tables[sheet][:, column]
        points += values if scale is None else scale(values)
    found: Floats = 100 * points / len(where)
    return found


# -- parts and their sum ------------------------------------------------------------------------------------------


def part_of(laid: Laid, value: float | None, drawn: Floats | None) -> Part:
    low, high = _points(ends(value, drawn, 0.95))
    plan = laid.plan
    return Part(plan.name, plan.weight, value, low, high, laid.n, laid.why, laid.detail)


def total(parts: Sequence[Part], draws: Sequence[Floats | None]) -> tuple[float | None, float | None, float | None]:
    """Overall with its interval; None where any part is."""
    if any(part.value is None for part in parts):
        return None, None, None
    value = math.fsum(part.weight * (part.value or 0.0) for part in parts)
    return value, *_points(ends(value, summed(parts, draws), 0.95))


def _points(ends_: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    """No bar of few questions reaches beyond 0 and 100."""
    low, high = (None if end is None else min(100.0, max(0.0, end)) for end in ends_)
    return low, high


def summed(parts: Sequence[Part], draws: Sequence[Floats | None]) -> Floats | None:
    """Overall in every draw; a constant part moves all draws alike."""
    constant = math.fsum(p.weight * (p.value or 0.0) for p, d in zip(parts, draws, strict=True) if d is None)
    moving = [part.weight * drawn for part, drawn in zip(parts, draws, strict=True) if drawn is not None]
    found: Floats | None = constant + np.sum(moving, axis=0) if moving else None
    return found


def ends(value: float | None, drawn: Floats | None, confidence: float) -> tuple[float | None, float | None]:
    """Percentiles of the draws; they hold the value, also where draws of a measure are biased. None without spread to see."""
    if value is None or drawn is None:
        return None, None
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return min(float(low), value), max(float(high), value)
