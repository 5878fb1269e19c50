"""What a gate can see before anybody trusts it: the smallest drop it catches and the questions a smaller one needs.

Example: C-Eval val (1,346 questions) with 15 % flips catches 2.6 points 8 times of 10; 2 points need 2,317 questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness import stats
from harness.records import Outcomes
from harness.verdicts.compare import pair
from harness.verdicts.policy import Policy

DROPS = (0.01, 0.02, 0.03, 0.05)


@dataclass(frozen=True, slots=True)
class TaskPower:
    task: str
    n: int
    flipped: float  # share of questions whose verdict changed (graded: mean squared difference)
    mde: float  # at the family's first Holm step
    needed: tuple[tuple[float, int], ...]  # (true drop, questions that catch it 8 times of 10)


def power(pairs: Sequence[tuple[Outcomes, Outcomes]], policy: Policy | None = None) -> list[TaskPower]:
    """Power of each task in the family that `judge` would form of these pairs."""
    alpha = (policy or Policy()).alpha
    family = len(pairs) + (1 if len(pairs) > 1 else 0)
    found = []
    for before, after in sorted(pairs, key=lambda p: p[1].task):
        paired = pair(before, after)
        n, moment = paired.effective
        needed = tuple((d, stats.needed_n(d, moment, alpha / family) or 0) for d in DROPS)
        found.append(TaskPower(after.task, paired.n, moment, stats.mde(n, moment, alpha / family), needed))
    return found
