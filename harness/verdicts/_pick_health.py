"""How the answers to tasks without golds look, of several checkpoints side by side: shown, never ranked by.

Example: "checkpoint-2000: its chat answers are 0.31x as long as is usual here": the usual is the median of those chosen from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness import stats
from harness.records import Outcomes
from harness.verdicts import wording
from harness.words import say

Means = Mapping[str, Mapping[str, float | None]]  # task -> measure -> mean
SHORT, LONG = 0.7, 1.5  # of the median length of answers: worth a word
RATE = 0.05  # a share this far from the median on the wrong side: worth a word
HEALTH = ("ends_itself", "answer_tokens", "repetition")  # how answers look; says nothing of whether they are right


def unranked(side: Outcomes) -> bool:
    """Whether a task has no golds: then its headline, if any, is how the answers look."""
    return side.metric in HEALTH or all(v is None for v in side.values)


def health(sides: Mapping[str, Outcomes]) -> dict[str, dict[str, float | None]]:
    """Of tasks without golds, how the answers look."""
    found: dict[str, dict[str, float | None]] = {}
    for task, side in sides.items():
        if unranked(side):
            shown = {**side.measures, side.metric: side.values}
            found[task] = {name: stats.mean(shown[name]) for name in HEALTH if name in shown}
    return found


def warnings(found_of: Mapping[str, Means]) -> list[str]:
    """Answers that look unlike those of the others: shown, never ranked by."""
    found: list[str] = []
    for task in next(iter(found_of.values())):
        for name in HEALTH:
            there = {who: v for who, means in found_of.items() if (v := means[task].get(name)) is not None}
            usual = float(np.median(list(there.values()))) if len(there) > 1 else None
            for who, value in there.items() if usual is not None else ():
                if (odd := _odd(task, name, value, usual or 0.0)) is not None:
                    found.append(say("{name}: {said}", name=who, said=odd))
    return found


def _odd(task: str, name: str, value: float, usual: float) -> str | None:
    """What is unusual about a mean."""
    share, median = wording.number(value, True), wording.number(usual, True)
    if name == "answer_tokens":
        ratio = value / usual if usual else 1.0
        template = "its {task} answers are {ratio:.2f}x as long as is usual here"
        return None if SHORT <= ratio <= LONG else say(template, task=task, ratio=ratio)
    if name == "ends_itself" and value < usual - RATE:
        template = "only {share} % of its {task} answers end by themselves, {usual} % is usual here"
        return say(template, share=share, task=task, usual=median)
    if name == "repetition" and value > usual + RATE:
        template = "{share} % of its {task} answers go in circles, {usual} % is usual here"
        return say(template, share=share, task=task, usual=median)
    return None
