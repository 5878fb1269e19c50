"""What part of the generated tokens was thinking: sum of thinking tokens / sum of all, over the answers of a run.

Example: 1,319 answers of 820 tokens of which 700 stand in <think> -> 0.854. An engine that doesn't split them off counts
0; answers whose tokens nobody counted are left out. Trap: the mean of each answer's share would let short answers weigh
as much as long ones, which is not what a server is paid for.
"""

import math

import numpy as np

from harness.metrics import Columns, Floats, Table

VERSION = 1
NEEDS = ("output_tokens", "thinking_tokens")
UNIT = "share"
HIGHER_IS_BETTER = False
LIMIT = None


def measure(table: Table) -> float:
    """NaN where nobody counted."""
    columns = {name: np.array([np.nansum(column)]) for name, column in statistics(table).items()}
    return float(of(columns)[0]) if columns["tokens"][0] else math.nan


def statistics(table: Table) -> dict[str, Floats]:
    tokens = table["output_tokens"].to_numpy(dtype=float)
    thinking = table["thinking_tokens"].to_numpy(dtype=float)
    counted = (tokens > 0) & (thinking >= 0)
    return {"tokens": np.where(counted, tokens, np.nan), "thinking": np.where(counted, thinking, np.nan)}


def of(sums: Columns) -> Floats:
    """[draw]"""
    return sums["thinking"] / sums["tokens"]
