"""Intervals, paired tests and families of tests: pure numpy/scipy, seeded, every function names its source.

Example: 118 answers lost and 76 gained on 1,346 questions is -3.1 points; `mid_p_mcnemar(118, 76)` -> p_worse 0.0013,
`tango(118, 76, 1346, 0.90)` -> (-0.0484, -0.0143). Two overlapping intervals of single scores are no test.
"""

from harness.stats.families import bh, holm, mover
from harness.stats.fields import against, bootstrap_ranks, middle, ordered
from harness.stats.intervals import cluster_sums, macro, mean, mean_t, strata_of, tango, wilson
from harness.stats.measures import Swapped, contributions, swap_test
from harness.stats.paired import mde, mid_p_mcnemar, needed_n, paired_interval, sign_flip, weights

__all__ = [
    "Swapped",
    "against",
    "bh",
    "bootstrap_ranks",
    "cluster_sums",
    "contributions",
    "holm",
    "macro",
    "mde",
    "mean",
    "mean_t",
    "mid_p_mcnemar",
    "middle",
    "mover",
    "needed_n",
    "ordered",
    "paired_interval",
    "sign_flip",
    "strata_of",
    "swap_test",
    "tango",
    "weights",
    "wilson",
]
