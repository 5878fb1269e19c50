"""Which questions of a task the checkpoints of a column fail, and how many tell them apart at all.

Example: `hardest(values)` -> Spread(asked=1319, all_right=212, none_right=41, rows=[Hard(number=7, share=0.0, n=12), …]).
Trap: a question that everybody misses is often one with a wrong gold, so it stands first and leads to the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.values import Values

SHOWN = 20
FEWEST = 3  # checkpoints; of two, "both missed it" says little


@dataclass(frozen=True, slots=True)
class Hard:
    index: int  # of the question among the samples of the values
    share: float  # mean score over those who answered it
    n: int


@dataclass(frozen=True, slots=True)
class Spread:
    asked: int
    all_right: int
    none_right: int
    apart: int  # questions that some got right and some did not
    rows: Sequence[Hard]


def hardest(values: Values | None) -> Spread | None:
    """None where fewer than three checkpoints answered the same questions, or where the values are no shares."""
    if values is None or len(values.checkpoints) < FEWEST or not len(values.samples):
        return None
    matrix = np.asarray(values.matrix, float)
    there = ~np.isnan(matrix)
    n = there.sum(axis=0)
    known = n >= FEWEST
    if not known.any() or np.nanmax(matrix) > 1 or np.nanmin(matrix) < 0:
        return None
    share = np.where(known, np.nansum(matrix, axis=0) / np.maximum(n, 1), np.inf)
    order = np.argsort(share, kind="stable")[: min(SHOWN, int(known.sum()))]
    rows = [Hard(int(i), float(share[i]), int(n[i])) for i in order if share[i] < 1]
    right, none = int((share[known] == 1).sum()), int((share[known] == 0).sum())
    return Spread(int(known.sum()), right, none, int(known.sum()) - right - none, rows)
