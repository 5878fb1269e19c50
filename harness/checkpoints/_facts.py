"""Facts about a checkpoint that its config and the heads of its weights tell: parameters, dtype, context, quantization."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.checkpoints import _safetensors
from harness.checkpoints._folder import Weights, weight_files

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length")
DTYPES = {
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


def counted(found: Weights) -> tuple[int | None, str | None]:
    """Parameters and the dtype that most of them have, from the headers; None where these can't tell."""
    if found.format != "safetensors" or found.missing:
        return None, None
    elements: Counter[str] = Counter()
    try:
        for file in found.files:
            for tensor in _safetensors.header(file).values():
                elements[tensor.dtype] += tensor.elements
    except _safetensors.Malformed:
        return None, None
    floating = {d: n for d, n in elements.items() if "F" in d}
    if not floating:
        return None, None
    most = max(floating, key=lambda d: (floating[d], d))
    packed = sum(n for d, n in elements.items() if d in ("U8", "I8", "I32", "U32"))
    # packed 4-bit weights are eight to an I32: their number of elements is not a number of parameters
    return None if packed > sum(floating.values()) else sum(floating.values()), DTYPES.get(most, most.lower())


def bytes_beside(folder: Path, found: Weights) -> int:
    """Of weights beside those that count, with tensors that these lack: some engines load them too, so they serve.

    Else a model.safetensors of one tensor would be light, and what vLLM serves from the files next to it would be free.
    """
    if found.format != "safetensors":
        return 0
    files = [f for f in weight_files(folder, (".safetensors",)) if f not in found.files]
    held = set().union(*map(_names, found.files)) if files else set()
    return sum(file.stat().st_size for file in files if _names(file) - held)


def _names(file: Path) -> set[str]:
    try:
        return set(_safetensors.header(file))
    except _safetensors.Malformed:
        return set()


def quantization(config: Mapping[str, Any], found: Weights) -> str | None:
    if found.format == "gguf":
        return "gguf"
    table_ = config.get("quantization_config")
    return (text(table_.get("quant_method")) or "unknown") if isinstance(table_, dict) else None


MOST_TOKENS = 1 << 31  # a config is hostile input, and a store keeps 64 bits


def context(config: Mapping[str, Any]) -> int | None:
    inner = config.get("text_config")
    for source in (config, inner if isinstance(inner, dict) else {}):
        for key in CONTEXT_KEYS:
            if type(source.get(key)) is int and 0 < source[key] < MOST_TOKENS:
                return int(source[key])
    return None


def config_dtype(config: Mapping[str, Any]) -> str | None:
    return text(config.get("dtype")) or text(config.get("torch_dtype"))


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def first(value: Any) -> str | None:
    return text(value[0]) if isinstance(value, list) and value else None
