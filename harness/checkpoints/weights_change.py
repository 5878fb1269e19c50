"""How far a checkpoint's weights are from its parent's: equal byte for byte, moved by a share of their norm, or B = 0.

Example: change(read("out/merged"), read("base")) -> WeightsMoved(kind="full", tensors=290, equal=290, relative=0.0): the merge
did nothing. Read by memory maps, at most READ_BYTES of each side: of larger checkpoints evenly spaced parts of every tensor,
so a 15 GB folder takes as long as one of 1 GB. Trap: bfloat16 has no numpy type; its bits are float32's upper half.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from harness.checkpoints import _safetensors
from harness.checkpoints._folder import Weights, adapter_weights, table, weights
from harness.checkpoints._safetensors import Tensor
from harness.records import Checkpoint
from harness.verdicts.diagnose import WeightsMoved

READ_BYTES = 1_000_000_000
SLICES = 16  # of a tensor that is not read whole
CHUNK = 1 << 22  # elements at a time
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
A, B = ".lora_A.", ".lora_B."
Placed = dict[str, tuple[Path, Tensor]]


class Unseen(ValueError):
    """Why the weights can't be held against the parent's, in words for the report."""


def change(child: Checkpoint, parent: Checkpoint | None, read_bytes: int = READ_BYTES) -> WeightsMoved:
    """Unseen where a folder is gone, pickled, broken, or of another architecture."""
    folder = _folder(child)
    if child.kind == "adapter":
        return _adapter(folder, Path(child.base_path) if child.base_path else None)
    if parent is None:
        raise Unseen("the parent's folder is not known")
    return _full(_placed(weights(folder)), _placed(weights(_folder(parent))), read_bytes)


def _folder(checkpoint: Checkpoint) -> Path:
    if checkpoint.path is None or checkpoint.kind in ("endpoint", "outputs"):
        raise Unseen(f"{checkpoint.name} is known by its answers alone")
    folder = Path(checkpoint.path)
    if not folder.is_dir():
        raise Unseen(f"{checkpoint.path} is gone")
    return folder


def _placed(found: Weights) -> Placed:
    if found.format != "safetensors" or found.missing or not found.files:
        raise Unseen("the weights are not safetensors" if found.files else "the folder has no weights")
    placed: Placed = {}
    for file in found.files:
        try:
            placed |= {name: (file, tensor) for name, tensor in _safetensors.header(file).items()}
        except (_safetensors.Malformed, OSError) as error:
            raise Unseen(f"{file.name} {error}") from None
    return placed


# -- full weights ----------------------------------------------------------------------------------------------------


def _full(child: Placed, parent: Placed, read_bytes: int) -> WeightsMoved:
    names = sorted(n for n in child.keys() & parent.keys() if _alike(child[n][1], parent[n][1]))
    if not names:
        raise Unseen("no tensor has the name and shape of one of the parent's")
    widest = sum(max(child[n][1].end - child[n][1].begin, parent[n][1].end - parent[n][1].begin) for n in names)
    share = min(1.0, read_bytes / max(widest, 1))
    equal, moved, whole, most, largest = 0, 0.0, 0.0, 0.0, ""
    for name in names:
        difference, norm = _squares(child[name], parent[name], share)
        equal += difference == 0.0 and share == 1.0
        moved, whole = moved + difference, whole + norm
        if norm > 0 and difference / norm > most:
            most, largest = difference / norm, name
    dtypes = {(child[n][1].dtype, parent[n][1].dtype) for n in names}
    return WeightsMoved(
        kind="full",
        tensors=len(names),
        equal=equal,
        relative=math.sqrt(moved / whole) if whole > 0 and math.isfinite(moved / whole) else None,
        rounding=any(one != other for one, other in dtypes),
        sampled=share < 1.0,
        largest=largest,
        other=len(child.keys() ^ parent.keys()) + len(child.keys() & parent.keys()) - len(names),
    )


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype in TYPES and other.dtype in TYPES and one.elements > 0


def _squares(one: tuple[Path, Tensor], other: tuple[Path, Tensor], share: float) -> tuple[float, float]:
    """(squared norm of the difference, of the parent's), over the same evenly spaced elements; 0, 0 where none is finite."""
    left, right = _mapped(*one), _mapped(*other)
    moved = whole = 0.0
    for first, last in _spans(left.size, share):
        for start in range(first, last, CHUNK):
            stop = min(last, start + CHUNK)
            if one[1].dtype == other[1].dtype and np.array_equal(left[start:stop], right[start:stop]):
                b = _numbers(right[start:stop], other[1].dtype)
                whole += float(b @ b)
                continue
            a, b = _numbers(left[start:stop], one[1].dtype), _numbers(right[start:stop], other[1].dtype)
            a, b = _rounded(a, one[1].dtype, other[1].dtype), _rounded(b, other[1].dtype, one[1].dtype)
            moved, whole = moved + float((a - b) @ (a - b)), whole + float(b @ b)
    return (moved, whole) if math.isfinite(moved + whole) else (0.0 if moved == 0 else math.inf, whole)


def _spans(size: int, share: float) -> list[tuple[int, int]]:
    if share >= 1.0 or size <= SLICES * 64:
        return [(0, size)]
    each = max(64, int(size * share / SLICES))
    starts = [round(i * (size - each) / (SLICES - 1)) for i in range(SLICES)]
    return [(start, start + each) for start in starts]


def _mapped(path: Path, tensor: Tensor) -> Any:
    """The bits of a tensor as they lie in the file."""
    kind = TYPES[tensor.dtype].replace("f", "u")
    raw = np.memmap(path, np.uint8, "r", offset=tensor.begin, shape=(tensor.end - tensor.begin,))
    return raw.view(kind)


def _numbers(bits: Any, dtype: str) -> Any:
    """Bits as float32 (F64 as it is)."""
    bits = np.ascontiguousarray(bits)
    if dtype == "BF16":
        return (bits.astype(np.uint32) << 16).view(np.float32)
    found = bits.view(TYPES[dtype])
    return found if dtype == "F64" else found.astype(np.float32)


def _rounded(numbers: Any, own: str, other: str) -> Any:
    """As the other side stores them, where that is coarser: a float32 save of bfloat16 weights has learnt nothing."""
    if other == "BF16" and own in ("F32", "F64"):
        bits = numbers.astype(np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    if other == "F16" and own in ("F32", "F64"):
        return numbers.astype(np.float16).astype(np.float32)
    return numbers.astype(np.float32) if own == "F64" else numbers


# -- an adapter -------------------------------------------------------------------------------------------------------


def _adapter(folder: Path, base: Path | None) -> WeightsMoved:
    """All B matrices zero is as before training; else the norm of scale · B · A against that of the weights it is added to."""
    own = _placed(adapter_weights(folder))
    pairs = [(n.replace(B, A), n) for n in sorted(own) if B in n and n.replace(B, A) in own]
    pairs = [(a, b) for a, b in pairs if all(own[n][1].dtype in TYPES and len(own[n][1].shape) == 2 for n in (a, b))]
    if not pairs:
        raise Unseen("the adapter is no LoRA with A and B matrices")
    config = table(folder / "adapter_config.json")
    under = {}
    if base is not None and base.is_dir():
        try:
            under = _placed(weights(base))
        except Unseen:
            under = {}
    zeros, moved, whole, most, largest = 0, 0.0, 0.0, 0.0, ""
    for a_name, b_name in pairs:
        a, b = (_matrix(own[name]) for name in (a_name, b_name))
        zeros += not b.any()
        target = under.get(_target(b_name))
        if target is None or target[1].dtype not in TYPES or a.shape[0] != b.shape[1]:
            continue
        added = _scale(config, b.shape[1]) * _scale(config, b.shape[1]) * float(np.sum((b.T @ b) * (a @ a.T)))
        share = min(1.0, READ_BYTES / len(pairs) / max(1, target[1].end - target[1].begin))
        read = sum(last - first for first, last in _spans(target[1].elements, share))
        norm = _squares(target, target, share)[1] * (target[1].elements / max(1, read))
        moved, whole = moved + added, whole + norm
        if norm > 0 and added / norm > most:
            most, largest = added / norm, b_name
    relative = math.sqrt(moved / whole) if whole > 0 and math.isfinite(moved / whole) else None
    return WeightsMoved("adapter", len(pairs), zeros, relative, largest=largest)


def _matrix(place: tuple[Path, Tensor]) -> Any:
    path, tensor = place
    return _numbers(_mapped(path, tensor), tensor.dtype).reshape(tensor.shape).astype(np.float64)


def _target(name: str) -> str:
    """base_model.model.model.layers.0.mlp.up_proj.lora_B.weight -> model.layers.0.mlp.up_proj.weight"""
    return name.removeprefix("base_model.model.").replace(".lora_B.default", "").replace(".lora_B", "")


def _scale(config: dict[str, Any], rank: int) -> float:
    alpha = config.get("lora_alpha")
    alpha = float(alpha) if isinstance(alpha, int | float) and not isinstance(alpha, bool) else float(rank)
    return alpha / math.sqrt(rank) if config.get("use_rslora") is True else alpha / max(rank, 1)
