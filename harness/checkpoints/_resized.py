"""Adapters trained with added tokens: they bring an embedding of their own, with other rows than the base's.

Example: six tokens added to Qwen2's 151,936 and modules_to_save=["embed_tokens", "lm_head"] -> Resized(rows=151942).
Trap: resizing the base invents rows, so whatever the adapter doesn't bring would be random and nobody would be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.checkpoints import _safetensors
from harness.checkpoints._safetensors import Tensor

SUFFIX = r"(?:\.(?:modules_to_save|original_module|base_layer)(?:\.default)?)?\.weight$"
EMBEDDING = re.compile(rf"\.(?:embed_tokens|wte|word_embeddings|embed_in){SUFFIX}")
HEAD = re.compile(rf"\.(?:lm_head|embed_out){SUFFIX}")


@dataclass(frozen=True, slots=True)
class Resized:
    rows: int  # that the base must be given
    problem: str | None  # why that would leave some to chance


def resized(adapter: Mapping[str, Tensor], base_rows: int, tied: bool) -> Resized | None:
    """None where the adapter brings no embedding or head of another size."""
    embedding, head = _rows(adapter, EMBEDDING), _rows(adapter, HEAD)
    rows = max(embedding | head, default=base_rows)
    if (embedding | head) <= {base_rows}:
        return None
    if len(embedding | head) > 1:
        return Resized(rows, f"its embedding and head have {sorted(embedding | head)} rows")
    if not embedding or (not head and not tied):
        absent = "embedding" if not embedding else "head"
        return Resized(rows, f"it has {rows} rows where the base has {base_rows}, and brings no {absent} of that size")
    return Resized(rows, None)


def of_folder(folder: Path, base_rows: int, tied: bool) -> Resized | None:
    try:
        return resized(_safetensors.header(folder / "adapter_model.safetensors"), base_rows, tied)
    except _safetensors.Malformed:
        return None


def _rows(tensors: Mapping[str, Tensor], names: re.Pattern[str]) -> set[int]:
    return {t.shape[0] for name, t in tensors.items() if names.search(name) and len(t.shape) == 2}
