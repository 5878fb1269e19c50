"""The engine's own flips: the same checkpoint asked the same questions twice, in another order, and nothing else changed.

Example: 19 of C-Eval val's 1,346 answers turned over in vLLM at temperature 0, because other questions shared the batch. Of
212 flips between two checkpoints about 19 are then the engine's. The paired test needs no correction, since such flips go
both ways as often; what it ends is the belief that equal weights mean equal scores.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness import stats
from harness.records import Change, Outcomes
from harness.verdicts import audit
from harness.verdicts.compare import pair


@dataclass(frozen=True, slots=True)
class Noise:
    """`rate`: share of questions that flip when nothing changes, with its 95 % interval (Wilson)."""

    task: str
    metric: str
    n: int
    flipped: int
    lost: int
    gained: int
    rate: float
    low: float
    high: float
    change: float  # of the score, in the metric's unit
    first: str = ""  # run ids
    second: str = ""


def noise(first: Outcomes, second: Outcomes) -> Noise:
    """Of two attempts; NotComparable where anything but the attempt differs in what must match."""
    audit.refuse(second.task, audit.of(first, second))
    paired = pair(first, second)
    better = paired.better
    lost, gained = int((better < 0).sum()), int((better > 0).sum())
    low, high = stats.wilson(lost + gained, paired.n)
    change = float((paired.weights * (paired.after - paired.before)).sum())
    return Noise(
        first.task, first.metric, paired.n, lost + gained, lost, gained, (lost + gained) / paired.n, low, high, change,
        first.run, second.run,
    )  # fmt: skip


def within(found: Noise, change: Change) -> str:
    """What part of a comparison's flips the engine makes by itself, in a sentence for its report."""
    flips = change.lost + change.gained
    own = min(flips, round(found.rate * change.n))
    return (
        f"{change.task}: about {own} of {flips} flips are within engine noise "
        f"({100 * found.rate:.1f} % of {found.n:,} answers flip when nothing changes)"
    )
