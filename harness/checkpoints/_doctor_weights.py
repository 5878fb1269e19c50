"""The doctor on weights: shards that are absent or short, names that don't belong, ties that lose a head, NaN.

Heads cost a tenth of a millisecond a file. The scan for NaN and infinity reads everything (about 1 GB a second), so large
checkpoints get it only with --deep. Trap: `tie_word_embeddings: true` beside a different lm_head.weight loads without a
word, and the trained head is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.checkpoints import _facts, _safetensors
from harness.checkpoints._findings import refuse, some, warn
from harness.checkpoints._folder import NOT_WEIGHTS, SHARD, Weights, table
from harness.checkpoints._safetensors import Tensor
from harness.records import Finding

Heads = dict[str, tuple[Path, Tensor]]  # tensor name -> its file and place
EMBEDDING = re.compile(r"(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|embedding)\.weight$")
HEAD = re.compile(r"(lm_head|embed_out|output)\.weight$")
LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
LEFTOVERS = re.compile(r"(\.lora_|\.base_layer\.|\.modules_to_save\.|^base_model\.model\.)")
# bits of the exponent; all of them set means NaN or infinity
EXPONENTS = {
    "F64": ("<u8", 0x7FF << 52),
    "F32": ("<u4", 0xFF << 23),
    "F16": ("<u2", 0x1F << 10),
    "BF16": ("<u2", 0xFF << 7),
}
CHUNK_BYTES = 64 << 20
SAVE_AGAIN = "copy or save the folder again; the transfer or the disk cut it short"


def heads(weights: Weights) -> tuple[Heads, list[Finding]]:
    """All tensors of the readable files, and a finding for each file that isn't."""
    found: Heads = {}
    findings = []
    if weights.missing:
        count = f"{len(weights.missing)} of {len(weights.missing) + len(weights.files)} shards are missing"
        findings.append(refuse(count, some(weights.missing), "copy the missing files into the folder"))
    for file in weights.files:
        if file.stat().st_size == 0:
            findings.append(refuse(f"{file.name} is empty", "0 bytes", SAVE_AGAIN))
        elif weights.format == "safetensors":
            try:
                found |= {name: (file, tensor) for name, tensor in _safetensors.header(file).items()}
            except _safetensors.Malformed as error:
                findings.append(refuse(f"{file.name} {error}", "", SAVE_AGAIN))
    return found, findings


def examine(folder: Path, weights: Weights, found: Heads) -> Iterator[Finding]:
    """Full weights against their index and config."""
    config = table(folder / "config.json")
    if weights.format == "bin":
        yield warn(
            "the weights are pickles, which run code when loaded",
            some([f.name for f in weights.files]),
            "save them with save_pretrained(…, safe_serialization=True)",
        )
    leftovers = sorted(name for name in found if LEFTOVERS.search(name))
    if leftovers:
        yield refuse(
            "the weights still hold adapter names, so they were not merged",
            some(leftovers),
            "merge with PEFT's merge_and_unload() before saving",
        )
    if not found or weights.missing or len({f for f, _ in found.values()}) < len(weights.files):
        return  # the rest would only repeat that files are missing
    yield from _indexed(weights, found)
    yield from _sizes(config, found)
    yield from _tied(config, found)
    stored, declared = _facts.counted(weights)[1], _facts.config_dtype(config)
    if stored and declared and stored != declared and "quantization_config" not in config:
        yield warn(
            f"the weights are {stored} and config.json says {declared}",
            "engines convert them on loading",
            "set the dtype in config.json to what was trained, or pass the engine's dtype",
        )


def strays(folder: Path, weights: Weights) -> Iterator[Finding]:
    """Other weights beside those that count."""
    kept = {file.name for file in weights.files}
    suffix = {"safetensors": ".safetensors", "bin": ".bin"}.get(weights.format)
    names = sorted(f.name for f in folder.iterdir() if f.suffix == suffix and f.is_file() and f.name not in kept)
    other = [n for n in names if not NOT_WEIGHTS.match(n)]
    if other:
        yield warn(
            "other weights lie beside those that count",
            f"{some(other)}; only {some(sorted(kept))} is ranked",
            "move them elsewhere: some tools would load them too, over the others",
        )


def _indexed(weights: Weights, found: Heads) -> Iterator[Finding]:
    if weights.index is not None:
        promised = table(weights.index).get("weight_map", {})
        absent = sorted(n for n, f in promised.items() if n not in found or found[n][0].name != f)
        if absent:
            yield refuse("shards lack tensors that the index promises", some(absent), SAVE_AGAIN)
    elif any(SHARD.match(file.name) for file in weights.files) and len(weights.files) > 1:
        yield warn(
            "shards without an index",
            some([f.name for f in weights.files]),
            "copy model.safetensors.index.json into the folder too",
        )


def _sizes(config: Mapping[str, Any], found: Heads) -> Iterator[Finding]:
    inner = config.get("text_config")
    config = inner if isinstance(inner, dict) else config
    rows, said = embedding_rows(found), config.get("vocab_size")
    if rows is not None and type(said) is int and said != rows and "quantization_config" not in config:
        yield refuse(
            f"the embedding has {rows} rows and config.json says vocab_size {said}",
            "no engine loads that",
            "take config.json from the save that wrote these weights",
        )
    layers, said = layers_of(found), config.get("num_hidden_layers")
    if type(said) is int and 0 < layers < said:
        yield refuse(
            f"the weights hold {layers} layers and config.json says {said}",
            "the missing ones would be random",
            "copy the missing weight files, or take the right config.json",
        )


def _tied(config: Mapping[str, Any], found: Heads) -> Iterator[Finding]:
    embedding = next((n for n in sorted(found) if n.endswith("embed_tokens.weight")), None)
    head = next((n for n in sorted(found) if HEAD.search(n)), None)
    tied = config.get("tie_word_embeddings")
    if embedding is None:
        return
    if tied is True and head is not None and not _same(found[embedding], found[head]):
        yield refuse(
            f"tie_word_embeddings is true, but a different {head} is stored and would be lost",
            f"{embedding} and {head} differ",
            'set "tie_word_embeddings": false in config.json if the head was trained',
        )
    if tied is False and head is None and (_facts.first(config.get("architectures")) or "").endswith("ForCausalLM"):
        yield refuse(
            "tie_word_embeddings is false, but no lm_head is stored: it would be random",
            f"{len(found)} tensors, none of them lm_head.weight",
            'set "tie_word_embeddings": true in config.json if the head is the embedding',
        )


def _same(one: tuple[Path, Tensor], other: tuple[Path, Tensor]) -> bool:
    (path, a), (other_path, b) = one, other
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    with path.open("rb") as left, other_path.open("rb") as right:
        left.seek(a.begin)
        right.seek(b.begin)
        rest = a.end - a.begin
        while rest > 0:
            take = min(rest, CHUNK_BYTES)
            if left.read(take) != right.read(take):
                return False
            rest -= take
    return True


def embedding_rows(found: Heads) -> int | None:
    """Rows of the token embedding; None where it has an unknown name or is packed."""
    for name, (_, tensor) in sorted(found.items()):
        if (
            EMBEDDING.search(name)
            and len(tensor.shape) == 2
            and tensor.floating
            and "position" not in name
            and "visual" not in name
        ):
            return tensor.shape[0]
    return None


def layers_of(names: Heads | set[str]) -> int:
    return len({m[1] for m in map(LAYER.search, names) if m})


def not_finite(found: Heads) -> Iterator[Finding]:
    """Tensors with NaN or infinity, by a bit test on the memory-mapped files."""
    bad = [f"{name} ({count} of {tensor.elements})" for name, tensor, count in _scan(found) if count]
    if bad:
        yield refuse(
            "the weights hold NaN or infinity",
            some(bad),
            "train again with a lower rate or in bfloat16; such a model answers nonsense",
        )


def _scan(found: Heads) -> Iterator[tuple[str, Tensor, int]]:
    import numpy as np

    for name, (path, tensor) in found.items():
        if tensor.dtype not in EXPONENTS or tensor.end == tensor.begin:
            continue
        width, exponent = EXPONENTS[tensor.dtype]
        content = np.memmap(path, np.uint8, "r", offset=tensor.begin, shape=(tensor.end - tensor.begin,))
        count = 0
        for first in range(0, len(content), CHUNK_BYTES):
            bits = np.asarray(content[first : first + CHUNK_BYTES]).view(width)
            count += int(np.count_nonzero((bits & bits.dtype.type(exponent)) == exponent))
        yield name, tensor, count


def all_zero(found: Heads, ending: str) -> bool:
    """Whether all tensors with this ending hold nothing but zeros (and there is one)."""
    import numpy as np

    chosen = [place for name, place in found.items() if name.endswith(ending)]
    return bool(chosen) and not any(
        np.memmap(path, np.uint8, "r", offset=t.begin, shape=(t.end - t.begin,)).any()
        for path, t in chosen
        if t.end > t.begin
    )
