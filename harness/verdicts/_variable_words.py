"""Differences of two trainings in plain words: `lora.r` is the LoRA rank, 8e-05 is 8e-5, a data set is added or left out.

Example: counted([Difference("recipe.lora.r", 8, 16, "recipe")]) -> "1 setting (LoRA rank 8 -> 16)"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.records import Difference
from harness.verdicts._fields import shown

SPOKEN = 4  # differences named in a sentence
ROOMS = ("settings", "engine", "environment", "optim", "train", "training")  # say nothing that the key doesn't
WORDS = {
    "engine.name": "engine", "engine.version": "engine version",
    "lora.r": "LoRA rank", "rank": "LoRA rank", "lora_r": "LoRA rank", "lora_rank": "LoRA rank",
    "lora.alpha": "LoRA alpha", "lora_alpha": "LoRA alpha", "lora.dropout": "LoRA dropout", "lora_dropout": "LoRA dropout",
    "target_modules": "LoRA target modules", "lora.targets": "LoRA target modules",
    "lr": "learning rate", "learning_rate": "learning rate", "rate": "learning rate", "num_train_epochs": "epochs",
    "warmup": "warm-up", "warmup_steps": "warm-up", "weight_decay": "weight decay", "lr_scheduler_type": "learning-rate schedule",
    "batch": "batch size", "per_device_train_batch_size": "batch size", "max_length": "longest training sample",
    "method": "training method", "parent": "parent", "steps": "optimiser steps", "max_steps": "optimiser steps",
    "tokens": "tokens trained on", "template": "chat template", "tokenizer": "tokenizer", "exam": "questions", "key": "golds",
    "generation": "generation config", "config": "model config", "mix": "data mix",
}  # fmt: skip


def counted(found: Sequence[Difference]) -> str:
    return f"{len(found)} setting{'s' if len(found) > 1 else ''} ({spoken(found)})"


def spoken(found: Sequence[Difference]) -> str:
    words = [f"{_words(d)} {change(d)}" for d in found[:SPOKEN]]
    return ", ".join(words) + (f" and {len(found) - SPOKEN} more" if len(found) > SPOKEN else "")


def _words(difference: Difference) -> str:
    """The field's plain word: `lora.r` is the LoRA rank; what has no word of its own is told by its name."""
    if difference.field == "data":
        added, gone = difference.before is None, difference.after is None
        return "data set added:" if added else "data set left out:" if gone else "data set"
    parts = difference.field.split(".")
    word = WORDS.get(".".join(parts[-2:])) or WORDS.get(parts[-1])
    return word or ".".join(parts[1:] if parts[0] in ROOMS else parts).replace("_", " ")


def change(difference: Difference) -> str:
    if difference.field == "data" and None in (difference.before, difference.after):
        return shown(difference.after if difference.before is None else difference.before)
    return f"{_value(difference.before)} -> {_value(difference.after)}"


def _value(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, int) or value.is_integer():
            return f"{value:,.0f}"
        return f"{value:.6g}".replace("e-0", "e-")
    return shown(value)
