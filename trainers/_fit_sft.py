"""Supervised fine-tuning by TRL, of an adapter or of all weights, on token ids that are ours.

Example: row(Example(ids=(1, 2, 3, 4), prompt=2, …)) -> {"input_ids": [1, 2, 3, 4], "labels": [-100, -100, 3, 4]}. With
labels and skip_prepare_dataset no template, truncation or end rule of TRL touches them, and max_length is None besides.
Packing is TRL's padding_free: the rows of a batch stand behind one another, each seeing itself alone, and a step still sees
the same rows. Trap: its `packing` puts the largest rows first, whatever order they come in, and cuts what overflows.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from trainers import _fit_run
from trainers._fit_run import Fit, Fitted
from trainers.rows import Example

IGNORED = -100
OURS: dict[str, Any] = {
    "max_length": None,
    "train_sampling_strategy": "sequential",
    "dataset_kwargs": {"skip_prepare_dataset": True},
}


def fit(asked: Fit, model: Any) -> Fitted:
    return _fit_run.run(asked, lambda fit, callbacks: trainer(fit, model, callbacks))


def trainer(fit: Fit, model: Any, callbacks: Sequence[Any]) -> SFTTrainer:
    packed = fit.recipe.optim.packing
    if packed and fit.chosen.bfloat16 and fit.chosen.device == "cuda" and find_spec("flash_attn"):
        model.set_attn_implementation(
            "flash_attention_2"
        )  # others compute what rows must not see of each other, and mask it
    whole, config = _fit_run.adapted(fit, model)
    return SFTTrainer(
        model=whole,
        args=_fit_run.one_card(SFTConfig(**_fit_run.arguments(fit), **OURS, padding_free=packed)),
        train_dataset=rows(fit.examples).select(fit.course.rows),
        processing_class=fit.parent.tokenizer,
        peft_config=config,
        callbacks=list(callbacks),
        optimizers=_fit_run.optimizers(fit, whole),
    )


def row(example: Example) -> dict[str, list[int]]:
    ids = list(example.ids)
    return {"input_ids": ids, "labels": [IGNORED] * example.prompt + ids[example.prompt :]}


def rows(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_list([row(example) for example in examples])
