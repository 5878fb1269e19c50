"""Muon: momentum whose update is made orthogonal, for matrices; AdamW beside it for everything else.

Example: Muon([q_proj.weight, k_proj.weight], lr=0.01). Trap: torch.optim.Muon works in bfloat16, whose products crawl on a
CPU without bfloat16 units; the float32 Newton-Schulz below is four times as fast there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

OTHERS = 0.2  # of the rate: what vectors and embeddings learn at, by AdamW


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal (Jordan et al. 2024); matrices of one shape go through together."""

    def __init__(self, matrices: Sequence[torch.Tensor], lr: float, momentum: float = 0.95, decay: float = 0.0) -> None:
        by_shape: dict[tuple[int, ...], list[torch.Tensor]] = {}
        for matrix in matrices:
            by_shape.setdefault(tuple(matrix.shape), []).append(matrix)
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": decay}
        super().__init__([{"params": same} for same in by_shape.values()], defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # returns no loss: nobody passes a closure
        for group in self.param_groups:
            same: list[torch.Tensor] = group["params"]
            gradients = torch.stack([p.grad for p in same if p.grad is not None])
            state = self.state[same[0]]
            velocity = state.setdefault("velocity", torch.zeros_like(gradients))
            velocity.mul_(group["momentum"]).add_(gradients, alpha=1 - group["momentum"])
            update = orthogonal(gradients + group["momentum"] * (velocity - gradients))
            rows, columns = same[0].shape
            length = group["lr"] * max(1.0, rows / columns) ** 0.5
            for matrix, direction in zip(same, update, strict=True):
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=length)


def orthogonal(matrices: torch.Tensor, rounds: int = 4) -> torch.Tensor:
    """The nearest orthogonal matrices, roughly: Newton-Schulz with the quintic that lifts small singular values fast."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = 3.4445 * x + (2.0315 * gram @ gram - 4.7750 * gram) @ x
    nearest: torch.Tensor = x.mT if tall else x
    return nearest


class Together(torch.optim.Optimizer):
    """Several optimizers as one, which is what a trainer, its schedule and its checkpoints expect."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as above
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()

    def _share(self) -> None:
        """The groups are the parts' own, so that a schedule that writes a rate here writes it there."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def with_adamw(model: Any, rate: float, decay: float = 0.0) -> Together:
    """Muon for the matrices between embedding and head, AdamW for the rest of what is trained."""
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    matrices = [p for n, p in trained if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    chosen = {id(p) for p in matrices}
    others = [p for _, p in trained if id(p) not in chosen]
    parts: list[torch.optim.Optimizer] = [Muon(matrices, rate, decay=decay)] if matrices else []
    if others:
        parts.append(torch.optim.AdamW(others, lr=rate * OTHERS, betas=(0.9, 0.95), weight_decay=decay))
    return Together(parts)
