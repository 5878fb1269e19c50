"""Two runs' questions side by side, found once for a pair: the score's test and every guard walk the same rows.

Example: 1,000,000 questions are sorted by id once (a second), not once per measure; `rows(before, after)` are the places
of each common question in both runs, in the order of the ids, so that no order of asking changes a bit of a verdict.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.records import Outcomes

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]


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


def numbers(column: Sequence[float | None]) -> Floats:
    """A column of Outcomes as numbers; NaN where there is none, which no verdict may show."""
    return np.array(column, float)
