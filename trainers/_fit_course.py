"""The course of a training: which row each optimiser step sees, fixed before the first step, so that a killed one goes on.

Example: course((300, 700), optim(epochs=2, batch=16), seed=0) -> 125 steps: the 300 rows of the first phase twice, each
time in another order, then the 700 of the second; the same numbers on every machine. Epochs follow each other without a
gap: a step may hold the last rows of one epoch and the first of the next, and only the very last step may be smaller.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UserError
from trainers.recipe import Optim


@dataclass(frozen=True, slots=True)
class Course:
    """`rows`: numbers of rows, over all phases, in the order in which they are seen."""

    rows: tuple[int, ...]
    steps: int
    epochs: float  # how often the whole of the data is seen
    epoch_steps: tuple[int, ...]  # after which steps an epoch ends


def course(phases: Sequence[int], optim: Optim, seed: int, batch: int | None = None) -> Course:
    """`phases`: how many rows each has; `batch` where a step takes other than optim.batch of them."""
    size, total = batch or optim.batch, sum(phases)
    if not total:
        raise UserError("no row is left to train on; loosen [clean], or give more data")
    wanted = optim.steps * size if optim.steps else round(optim.epochs * total)
    if wanted < 1:
        raise UserError(
            f"optim.epochs {optim.epochs:g} of {total} rows is not one row; give more epochs or optim.steps"
        )
    chance = random.Random(seed)
    rows: list[int] = []
    first = share = 0
    for phase in phases:
        share += phase
        rows += _repeated(range(first, first + phase), wanted * share // total - len(rows), chance)
        first += phase
    steps = math.ceil(len(rows) / size)
    epochs = len(rows) / total
    # of a progressive schedule an epoch is as many rows as there are: its phases repeat one after the other
    ends = [math.ceil(epoch * total / size) for epoch in range(1, math.floor(epochs + 1e-9) + 1)]
    return Course(tuple(rows), steps, epochs, tuple(dict.fromkeys(ends)))


def _repeated(rows: range, count: int, chance: random.Random) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += chance.sample(rows, len(rows))[: count - len(found)]
    return found
