"""How far the chosen letters are from the key's: half the sum of differences of their shares (total variation), 0..1.

Example: a checkpoint that answers "A" to everything on a balanced four-letter key -> 0.75, at 25 % accuracy. Trap: on few
questions chance alone gives some skew (about 0.1 on 50), so the interval is shown with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics import Limit

if TYPE_CHECKING:
    import pandas as pd

    from harness.metrics import Floats

VERSION = 1
NEEDS = ("answer", "target")
UNIT = "share"
HIGHER_IS_BETTER = False
LIMIT = Limit(max=0.15)


def measure(table: pd.DataFrame) -> float:
    """NaN where the golds are no single letters or nothing was chosen."""
    return float(measures(table, np.ones((1, len(table))))[0])


def measures(table: pd.DataFrame, weights: Floats) -> Floats:
    """The measure once per row of `weights`, which say how often each row of the table counts."""
    answers, golds = table["answer"].tolist(), table["target"].tolist()
    rows = [
        i
        for i, (answer, gold) in enumerate(zip(answers, golds, strict=True))
        if isinstance(answer, str) and answer and isinstance(gold, str) and re.fullmatch("[A-Z]", gold)
    ]
    letters = sorted({letter for i in rows for letter in answers[i] + golds[i]})
    more_often = np.zeros((len(table), len(letters)))  # chosen minus key
    counts = np.zeros(len(table))
    for i in rows:
        counts[i] = 1
        more_often[i, letters.index(golds[i])] -= 1
        for letter in answers[i]:
            more_often[i, letters.index(letter)] += 1 / len(answers[i])
    with np.errstate(invalid="ignore"):
        skew: Floats = np.abs(weights @ more_often).sum(axis=1) / (2 * (weights @ counts))
    return skew
