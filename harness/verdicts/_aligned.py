"""Two runs' questions side by side, found once for a pair: the score's test and every guard walk the same rows.

Example: 1,000,000 questions are sorted by id once (a second), not once per measure; `rows(before, after)` are the places
of each common question in both runs, in the order of the ids, so that no order of asking changes a bit of a verdict.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.records import Outcomes
from harness.stats.intervals import Floats

Rows = NDArray[np.intp]
T = TypeVar("T")


def questions(task: str) -> str:
    """The name under which a task's questions go, whatever the form: `ceval` of `ceval:texts` and `ceval~circular`."""
    return re.split("[:~@]", task.removeprefix("lm-eval:"))[0]


def rows(before: Outcomes, after: Outcomes) -> tuple[Rows, Rows]:
    """Places of the questions that both sides list, in order of their ids."""
    return _rows(before.samples, after.samples)


@functools.lru_cache(maxsize=2)  # a pair is asked for once per measure, one after the other
def _rows(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[Rows, Rows]:
    order = np.array(sorted(range(len(left)), key=left.__getitem__), np.intp)
    if left == right:
        return order, order
    places = {sample: i for i, sample in enumerate(right)}
    found = np.fromiter((places.get(left[i], -1) for i in order.tolist()), np.intp, order.size)
    return order[found >= 0], found[found >= 0]


def cut(side: Outcomes, kept: Sequence[int]) -> Outcomes:
    """The outcomes of these rows, in this order."""

    def pick(column: Sequence[T]) -> tuple[T, ...]:
        return tuple(column[i] for i in kept) if column else ()

    def each(columns: Mapping[str, Sequence[T]]) -> dict[str, tuple[T, ...]]:
        return {name: pick(column) for name, column in columns.items()}

    return dataclasses.replace(
        side,
        samples=pick(side.samples),
        values=pick(side.values),
        subjects=pick(side.subjects),
        clusters=pick(side.clusters),
        measures=each(side.measures),
        statistics=each(side.statistics),
    )


def rate(side: Outcomes, name: str) -> float | None:
    """Mean of a health measure over the answers that have it."""
    values = numbers(side.measures.get(name, ()))
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None


def numbers(column: Sequence[float | None]) -> Floats:
    """A column of Outcomes as numbers; NaN where there is none, which no verdict may show."""
    return np.array(column, float)
