"""How much a training will write, said before it begins: disks fill up at the merge, hours after the start.

Example: a LoRA on 7.6 billion weights with merge = true needs 15.3 GB for the merged weights and half a gigabyte for the
adapter and the states to go on from; full training of the same keeps 180 GB of states.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.checkpoints import _doctor_weights
from harness.checkpoints._folder import weights
from harness.errors import UserError
from harness.records import Checkpoint
from trainers.recipe import Lora, Recipe

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
STATES = 3  # to go on from: two are kept, and a third is written before the oldest goes
STATE_BYTES = 12  # of a trained weight in a state: itself and two moments of Adam in float32
MARGIN = 1.05
PROJECTION = re.compile(r"(embed|wte|wpe|lm_head|norm|router)")


def check(recipe: Recipe, checkpoint: Checkpoint, out: Path, *, dtype: str) -> int:
    """Bytes that this training may write; UserError where the disk lacks them."""
    parts = needed(recipe, checkpoint, dtype=dtype)
    total = int(sum(parts.values()) * MARGIN)
    place = next(p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(place).free
    if total > free:
        each = ", ".join(f"{_size(n)} for {what}" for what, n in parts.items() if n)
        less = "set export.merge = false, " if recipe.merges else ""
        raise UserError(
            f"{place} has {_size(free)} free and this training needs about {_size(total)} ({each}); {less}free some space, or "
            "choose another folder with --out"
        )
    return total


def needed(recipe: Recipe, checkpoint: Checkpoint, *, dtype: str) -> Mapping[str, int]:
    """What for -> bytes."""
    whole = checkpoint.parameters or (checkpoint.bytes or 0) // 2
    trained = adapter_parameters(checkpoint, recipe.adapter) if recipe.adapter else whole
    stored = trained * 4 if recipe.adapter else whole * BYTES[dtype]
    times = 1 + (math.ceil(recipe.optim.epochs) if recipe.export.each_epoch else 0)
    return {
        "the adapter" if recipe.adapter else "the weights": stored * times,
        "merged weights": whole * BYTES[dtype] * times if recipe.merges else 0,
        # a copy of the last good weights is kept as well
        "states to go on from": trained * (STATE_BYTES * STATES + 8),
    }


def adapter_parameters(checkpoint: Checkpoint, lora: Lora) -> int:
    """Of an adapter on this checkpoint: r * (in + out) of each matrix that is adapted."""
    heads, _ = _doctor_weights.heads(weights(Path(checkpoint.path or "")))
    wanted = lora.targets
    count = 0
    for name, (_, tensor) in heads.items():
        module = name.removesuffix(".weight")
        if len(tensor.shape) != 2 or PROJECTION.search(name):
            continue
        if isinstance(wanted, tuple) and not any(module == t or module.endswith(f".{t}") for t in wanted):
            continue
        count += lora.r * sum(tensor.shape)
    return count


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
