"""The doctor on adapters: does this adapter belong to this base?

Trap: PEFT puts a four-layer adapter on a two-layer base, and any adapter on other weights of the same shape, without an
error or a warning. So shapes are compared here, and the base's id with the one that was written down at training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.checkpoints._doctor_weights import Heads, all_zero, embedding_rows, layers_of
from harness.checkpoints._findings import refuse, some, warn
from harness.checkpoints._folder import table
from harness.checkpoints._resized import resized
from harness.records import Checkpoint, Finding

PART = re.compile(
    r"^base_model\.model\.(?P<module>.+?)\.(?P<part>lora_(?:embedding_)?[AB])(?:\.default)?(?:\.weight)?$"
)
WRAPPERS = re.compile(r"^(?:(?:model|language_model|transformer)\.)+")
PASS_BASE = "pass the base that it was trained on with --base PATH"


def examine(checkpoint: Checkpoint, folder: Path, adapter: Heads, base: Heads) -> Iterator[Finding]:
    """Lineage, modules and shapes of an adapter against its base; nothing where a head can't be read."""
    parent = checkpoint.lineage.parent if checkpoint.lineage else None
    if parent and checkpoint.base and parent != checkpoint.base:
        yield refuse(
            "the adapter was trained on another base",
            f"trained on {parent}, given {checkpoint.base}",
            PASS_BASE,
        )
    if not adapter or not base:
        return
    settings = table(folder / "adapter_config.json")
    yield from _fits(settings, adapter, base)
    rows = embedding_rows(base)
    tied = table(Path(checkpoint.base_path or "") / "config.json").get("tie_word_embeddings") is True
    other = None if rows is None else resized({n: tensor for n, (_, tensor) in adapter.items()}, rows, tied)
    if other and other.problem:
        yield refuse(
            "the adapter's embedding is not the base's",
            other.problem,
            'train with modules_to_save=["embed_tokens", "lm_head"] after adding tokens, or save the merged model',
        )
    if all_zero(adapter, "lora_B.weight"):
        yield warn(
            "the adapter changes nothing",
            "every lora_B is zero",
            "it was saved before training, or the training did not run",
        )


def _fits(settings: Mapping[str, Any], adapter: Heads, base: Heads) -> Iterator[Finding]:
    places = {_plain(name): tensor for name, (_, tensor) in base.items()}
    modules = {name.rpartition(".")[0] for name in places}  # a packed base has q_proj.qweight, no q_proj.weight
    absent, other = set(), set()
    for name, (_, tensor) in adapter.items():
        match = PART.match(name)
        if match is None:
            continue
        module, part = _plain(match["module"]), match["part"]
        weight = places.get(f"{module}.weight")
        if module not in modules:
            if ".experts" not in module and not settings.get("target_parameters"):  # stored apart, fused when loaded
                absent.add(match["module"])
        elif weight is not None and weight.floating and len(weight.shape) == len(tensor.shape) == 2:
            turned = "embedding" in part or settings.get("fan_in_fan_out") is True
            if not _matches(part, tensor.shape, weight.shape[::-1] if turned else weight.shape):
                other.add(f"{match['module']} is {list(weight.shape)}, {part} {list(tensor.shape)}")
    if absent:
        count = f"{len(absent)} modules of the adapter are not in the base"
        yield refuse(count, some(sorted(absent)), PASS_BASE)
    if other:
        yield refuse("the adapter's shapes are not the base's", some(sorted(other), 1), PASS_BASE)
    if not absent and not other and _for_all_layers(settings):
        trained, there = layers_of(set(adapter)), layers_of(base)
        if 0 < trained < there:
            why = "it was trained for every layer of its base"
            yield refuse(f"the adapter has {trained} layers, the base {there}", why, PASS_BASE)


def _matches(part: str, shape: tuple[int, ...], base: tuple[int, ...]) -> bool:
    """lora_A is [rank, in], lora_B [out, rank], on a base of [out, in]."""
    return shape[1] == base[1] if part.endswith("A") else shape[0] == base[0]


def _for_all_layers(settings: Mapping[str, Any]) -> bool:
    """Whether the targets are names like q_proj, which mean every layer, and no layers were picked."""
    targets = settings.get("target_modules")
    named = isinstance(targets, list) and all(isinstance(t, str) and not re.search(r"\.\d+\.", t) for t in targets)
    return named and settings.get("layers_to_transform") is None and not settings.get("layers_pattern")


def _plain(name: str) -> str:
    """Without the wrappers that differ between a model saved bare and one saved with its head."""
    return WRAPPERS.sub("", name)
