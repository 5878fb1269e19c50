"""What may be said of a recipe, not only of one checkpoint: the mean over its training seeds, with their own spread.

Example: three seeds of each recipe score 43.1 43.9 42.6 and 46.2 45.1 46.0: "this recipe: -2.6 points on ceval (90 %
interval -4.4 to -0.8), 3 training seeds against 3; seeds alone move a score by 0.6". Another seed often moves a score by
more than other questions do, so one checkpoint of each proves nothing about the two recipes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness import stats
from harness.records import Outcomes
from harness.stats.intervals import Floats, t_of, z_of
from harness.verdicts import wording
from harness.words import say

LEAST = 3  # training seeds from which a spread is worth the name
CONFIDENCE = 0.90


@dataclass(frozen=True, slots=True)
class Recipes:
    """One task: the means over training seeds. A spread is the standard deviation of scores between seeds."""

    task: str
    metric: str
    unit: str
    before: float
    after: float
    low: float  # 90 % interval of the change, over other seeds and other questions
    high: float
    seeds: tuple[int, int]
    spreads: tuple[float | None, float | None]
    n: int

    @property
    def change(self) -> float:
        return self.after - self.before


def recipes(before: Sequence[Outcomes], after: Sequence[Outcomes]) -> Recipes | None:
    """Every seed of one recipe against every seed of another, or against one checkpoint; None below three seeds.

    The variance is the sum of that between seeds and that between questions, with Satterthwaite's degrees of freedom
    (Satterthwaite 1946). Both hold some of what seeds do to single questions, so the interval is a little too wide.
    """
    if len(after) < LEAST or (1 < len(before) < LEAST) or not all(o.is_mean for o in (*before, *after)):
        return None
    kept = [{s: v for s, v in zip(o.samples, o.values, strict=True) if v is not None} for o in (*before, *after)]
    ids = sorted(set.intersection(*(set(side) for side in kept)))
    if len(ids) < 2:
        return None
    place = {s: i for i, s in enumerate(before[0].samples)}
    subjects = (
        [before[0].subjects[place[s]] for s in ids] if before[0].average == "macro" and before[0].subjects else None
    )
    clusters = [before[0].clusters[place[s]] for s in ids] if any(before[0].clusters) else None
    values = np.array([[side[s] for s in ids] for side in kept], float)
    left, right = values[: len(before)], values[len(before) :]
    weights = stats.weights(subjects, len(ids))
    low, high = stats.paired_interval(right.mean(axis=0) - left.mean(axis=0), subjects, clusters, CONFIDENCE)
    questions = ((high - low) / 2 / z_of(CONFIDENCE)) ** 2
    spreads = [_spread(side @ weights) for side in (left, right)]
    parts = [(s * s / k, k - 1) for s, k in zip(spreads, (len(left), len(right)), strict=True) if s is not None]
    whole = questions + math.fsum(v for v, _ in parts)
    loose = math.fsum(v * v / free for v, free in parts)
    half = (t_of(CONFIDENCE, whole * whole / loose) if loose else z_of(CONFIDENCE)) * math.sqrt(whole)
    means = (float((left @ weights).mean()), float((right @ weights).mean()))
    change = means[1] - means[0]
    return Recipes(
        task=after[0].task,
        metric=after[0].metric,
        unit=after[0].unit,
        before=means[0],
        after=means[1],
        low=change - half,
        high=change + half,
        seeds=(len(left), len(right)),
        spreads=(spreads[0], spreads[1]),
        n=len(ids),
    )


def _spread(scores: Floats) -> float | None:
    return float(scores.std(ddof=1)) if scores.size >= LEAST else None


def sentence(found: Recipes) -> str:
    """'this recipe: -2.6 points on ceval (90 % interval -4.4 to -0.8), 3 training seeds against 3; …'."""
    points = found.unit in wording.SHARES
    unit = say("points") if points else found.metric
    change, low, high = (wording.number(v, points, signed=True) for v in (found.change, found.low, found.high))
    widest = max(s for s in found.spreads if s is not None)
    moved = say(
        "{what} {unit} on {task} (90 % interval {low} to {high})",
        what=change, unit=unit, task=found.task, low=low, high=high,
    )  # fmt: skip
    template = "this recipe: {moved}, {n} training seeds against {of}; seeds alone move a score by {spread}"
    if found.seeds[0] == 1:
        template = (
            "this recipe: {moved}, {n} training seeds against one checkpoint; seeds alone move a score by {spread}"
        )
    spread = wording.number(widest, points)
    return say(template, moved=moved, n=found.seeds[1], of=found.seeds[0], spread=spread)
