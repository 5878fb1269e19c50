"""An adapter merged into its base for engines that serve whole models: in float32, into a folder of its own.

Example: `with merged(checkpoint) as folder:` holds model.safetensors, config and tokenizer, gone afterwards.
Traps: merged in bfloat16 the same adapter changes 1.4–4 % of a model's likeliest tokens, in float32 none; and where
head and embedding are one matrix, merging what was trained on the one changes the other too.
"""

from __future__ import annotations

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
    _untie(adapted)
    model = adapted.merge_and_unload()
    _say_whether_tied(model)
    return model


def _untie(model: Any) -> None:
    """Give the head a matrix of its own where it shares the embedding's."""
    head, embedding = (_plain(m) for m in (model.get_output_embeddings(), model.get_input_embeddings()))
    if head is not None and embedding is not None and head.weight is embedding.weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)


def _plain(module: Any) -> Any:
    """The layer under PEFT's wrappers."""
    for name in ("original_module", "base_layer"):
        module = getattr(module, name, module)
    return module


def _say_whether_tied(model: Any) -> None:
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    inner = getattr(model.config, "text_config", None) or model.config
    if not (model.config.tie_word_embeddings or inner.tie_word_embeddings) or head is None:
        return
    if torch.equal(head.weight, embedding.weight):
        head.weight = embedding.weight
        return
    model.config.tie_word_embeddings = inner.tie_word_embeddings = False
