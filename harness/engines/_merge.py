"""An adapter merged into its base for engines that serve whole models: in float32, into a folder of its own.

Example: `with merged(checkpoint) as folder:` holds model.safetensors, config and tokenizer, gone afterwards.
Traps: merged in bfloat16 the same adapter changes 1.4–4 % of a model's likeliest tokens, in float32 none; and where
head and embedding are one matrix, merging what was trained on the one changes the other too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from harness.engines._folder import tokenizer_of
from harness.engines._hf_weights import weights_of, with_adapter
from harness.engines._temporary import temporary
from harness.records import Checkpoint


@contextmanager
def merged(checkpoint: Checkpoint) -> Iterator[Path]:
    with temporary("merged") as folder:
        model = merged_model(with_adapter(weights_of(checkpoint, torch.float32), checkpoint))
        model.save_pretrained(folder)
        tokenizer_of(checkpoint).save_pretrained(folder)
        yield folder


def merged_model(adapted: Any) -> Any:
    """The adapter's weights added to its base's, in place; adapter and base are gone afterwards."""
    tied = _untie(adapted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT tells that they are no longer tied, and says so in the config
        model = adapted.merge_and_unload()
    if tied:
        _tie_again(model)
    return model


def _untie(model: Any) -> bool:
    """Give the head a matrix of its own where it shares the embedding's; whether it did."""
    head, embedding = (_plain(m) for m in (model.get_output_embeddings(), model.get_input_embeddings()))
    if head is None or embedding is None or head.weight is not embedding.weight:
        return False
    head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
    return True


def _plain(module: Any) -> Any:
    """The layer under PEFT's wrappers."""
    for name in ("original_module", "base_layer"):
        module = getattr(module, name, module)
    return module


def _tie_again(model: Any) -> None:
    """One matrix where the adapter changed neither, as nearly always; two where it did, and the config says which."""
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    same = torch.equal(head.weight, embedding.weight)
    if same:
        head.weight = embedding.weight
    inner = getattr(model.config, "text_config", None) or model.config
    model.config.tie_word_embeddings = inner.tie_word_embeddings = same
