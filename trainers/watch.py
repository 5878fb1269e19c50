"""What a training tells whoever looks on: steps as they are taken, and looks at held-out answers between them.

Example: Look(step=200, score=0.41, n=64, answer_tokens=33.1, …) after Look(step=100, …, answer_tokens=36.0): all is well;
answer_tokens 8.2 with the same score is the collapse that short-answer fine-tuning brings, and stops the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the training's log."""

    step: int
    steps: int  # in all
    loss: float | None
    learning_rate: float | None
    tokens: int  # seen so far
    seconds: float  # since the training began
    peak_bytes: int | None  # of GPU memory, of the process's on a CPU
    epoch: float | None = None
    extra: dict[str, float] | None = None  # what the method tells beside: reward, completion length, divergence


@dataclass(frozen=True, slots=True)
class Look:
    """The held-out slice answered at one step; None what can't be said (rows without a gold have no score)."""

    step: int
    n: int
    score: float | None  # share right, 0..1
    loss: float | None  # on the held-out replies, nats per token
    answer_tokens: float | None  # mean
    empty: float | None  # share
    cut: float | None  # share that ran into the limit
    collapsed: str | None = None  # why it counts as a collapse
    roles: Mapping[str, float] | None = None  # the loss of domain and of general rows, where both are held out


def table(look: Look) -> dict[str, Any]:
    """A look as log and lineage keep it: what could not be said is left out."""
    return {name: value for name, value in asdict(look).items() if value is not None}


def look_of(kept: Mapping[str, Any]) -> Look:
    """The look that `table` kept."""
    names = (field.name for field in fields(Look))
    return Look(**{name: kept.get(name, 0 if name in ("step", "n") else None) for name in names})


class Watch(Protocol):
    """Called in order: (said | step | looked)*."""

    def said(self, sentence: str) -> None: ...
    def step(self, step: Step) -> None: ...
    def looked(self, look: Look) -> None: ...
