"""What can be said of a judge without labels: how often it could be read, contradicts itself, is swayed by praise.

Example: a judge that answers "step 3" whatever it reads never flips, but names another step when the chain is cut finer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.judge.asking import Reading
from harness.records import Score

FEWEST = 20  # right answers that a correlation needs


@dataclass(frozen=True)
class Figures:
    """Shares are None where there is nothing to share out."""

    faulty: float | None  # share of verdicts that name a wrong step, each chain weighing the same
    parse_rate: float | None  # of all replies
    pairs: int  # chains read in both forms
    flip_rate: float | None  # sound in one form, wrong in the other
    same_step: float | None
    canaries: int  # faults that praise could have hidden
    swayed: float | None  # share of them that it did
    redundant: float | None  # share of steps that add nothing
    cut: int  # replies that ran into the token limit


def figures(readings: Sequence[Reading]) -> Figures:
    replies = sum(len(r.verdicts) + (r.chain.canary) for r in readings)
    read_ = sum(len(r.read) + (r.canary is not None) for r in readings)
    failed = sum(len(r.errors) for r in readings)
    called = [r.called_faulty for r in readings if r.called_faulty is not None]
    flips = [r.flipped for r in readings if r.flipped is not None]
    swayed = [r.swayed for r in readings if r.swayed is not None]
    spare = [r for r in readings if r.redundant is not None]
    return Figures(
        faulty=sum(called) / len(called) if called else None,
        parse_rate=share(read_, replies - failed),
        pairs=len(flips),
        flip_rate=share(sum(flips), len(flips)),
        same_step=share(sum(bool(r.same) for r in readings), len(flips)),
        canaries=len(swayed),
        swayed=share(sum(swayed), len(swayed)),
        redundant=share(sum(r.redundant or 0 for r in spare), sum(len(r.chain.steps) for r in spare)),
        cut=sum(r.cut for r in readings),
    )


def share(count: int, of: int) -> float | None:
    return count / of if of else None


def by_length(rows: Iterable[Mapping[str, object]], grades: Mapping[tuple[str, int], Score]) -> float | None:
    """Spearman's correlation of quality and length among right answers: near 0, or the judge likes long (short) ones.

    `rows`: mappings with sample, repeat, value, output_tokens. None with fewer than 20 of them, or no variation.
    """
    from scipy.stats import spearmanr

    pairs = []
    for row in rows:
        score = grades.get((str(row["sample"]), int(str(row["repeat"]))))
        if score is not None and score.value is not None and row["value"] == 1 and row["output_tokens"] is not None:
            pairs.append((score.value, float(str(row["output_tokens"]))))
    if len(pairs) < FEWEST or any(len({p[i] for p in pairs}) < 2 for i in (0, 1)):
        return None
    found = float(spearmanr([p[0] for p in pairs], [p[1] for p in pairs]).statistic)
    return found if math.isfinite(found) else None
