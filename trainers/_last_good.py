"""The trained weights as they were when all was still well: where the loss is no number any more, they are put back.

Example: keep(model, 200) at step 200, confirm() when the next losses are numbers, restore(model) -> 200.
Trap: a loss that isn't a number is computed with weights that are already wrong, so the copy that counts is not that of
the step before, but the last one with which a later loss was still a number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

IN_MEMORY_BYTES = 1 << 30  # of trained weights: an adapter, or a small model; what is larger goes to disk


class LastGood:
    """One copy that is known to be good and one that is yet to be, in memory, or on disk where `folder` is given."""

    def __init__(self, folder: Path | None, in_memory_bytes: int = IN_MEMORY_BYTES) -> None:
        self._folder, self._limit = folder, in_memory_bytes
        self._kept: tuple[int, dict[str, torch.Tensor] | Path] | None = None
        self._waiting: tuple[int, dict[str, torch.Tensor] | Path] | None = None

    @property
    def step(self) -> int | None:
        return None if self._kept is None else self._kept[0]

    @property
    def waiting(self) -> int | None:
        """The step of a copy that nobody knows yet to be good."""
        return None if self._waiting is None else self._waiting[0]

    def keep(self, model: Any, step: int, on_disk: bool = True) -> None:
        """Copy the weights after this step; they count once `confirm` is called. `on_disk`: large ones too."""
        trained = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
        size = sum(t.numel() * t.element_size() for t in trained.values())
        self._drop(self._waiting)
        self._waiting = None
        if size <= self._limit or self._folder is None:
            self._waiting = step, {name: t.to("cpu", copy=True) for name, t in trained.items()}
        elif on_disk:
            self._waiting = step, _written(trained, self._folder / f"good-{step}.safetensors")

    def confirm(self) -> None:
        """A loss was computed with the latest copy's weights, and was a number."""
        if self._waiting is not None:
            self._drop(self._kept)
            self._kept, self._waiting = self._waiting, None

    def restore(self, model: Any) -> int | None:
        """Put the good weights back; the step that they are of, None where there are none."""
        if self._kept is None:
            return None
        step, where = self._kept
        weights = _read(where) if isinstance(where, Path) else where
        parameters = dict(model.named_parameters())
        with torch.no_grad():
            for name, tensor in weights.items():
                parameters[name].copy_(tensor)
        return step

    def clear(self) -> None:
        """Forget all copies; those of a process that was killed, too."""
        self._kept = self._waiting = None
        for path in self._folder.glob("*good-*.safetensors") if self._folder else ():
            path.unlink(missing_ok=True)

    @staticmethod
    def _drop(copy: tuple[int, dict[str, torch.Tensor] | Path] | None) -> None:
        if copy is not None and isinstance(copy[1], Path):
            copy[1].unlink(missing_ok=True)


def _written(weights: dict[str, torch.Tensor], path: Path) -> Path:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    save_file({name: t.cpu().contiguous() for name, t in weights.items()}, aside)
    return aside.replace(path)


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    weights: dict[str, torch.Tensor] = load_file(path)
    return weights
