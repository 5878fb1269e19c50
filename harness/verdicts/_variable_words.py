"""Differences of two trainings in plain words: `lora.r` is the LoRA rank, 8e-05 is 8e-5, a data set is added or left out.

Example: counted([Difference("recipe.lora.r", 8, 16, "recipe")]) -> "1 setting (LoRA rank 8 -> 16)"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from harness.records import Difference
from harness.verdicts._fields import shown
from harness.words import listed, say

SPOKEN = 4  # differences named in a sentence
LONGEST = 60  # characters of a name
ROOMS = ("settings", "engine", "environment", "optim", "train", "training")  # say nothing that the key doesn't
WORDS = {
    "engine.name": say("engine"), "engine.version": say("engine version"),
    "lora.r": say("LoRA rank"), "r": say("LoRA rank"), "rank": say("LoRA rank"), "lora_r": say("LoRA rank"), "lora_rank": say("LoRA rank"),
    "lora.alpha": say("LoRA alpha"), "lora_alpha": say("LoRA alpha"), "lora.dropout": say("LoRA dropout"), "lora_dropout": say("LoRA dropout"),
    "target_modules": say("LoRA target modules"), "lora.targets": say("LoRA target modules"),
    "lr": say("learning rate"), "learning_rate": say("learning rate"), "rate": say("learning rate"), "num_train_epochs": say("epochs"),
    "warmup": say("warm-up"), "warmup_steps": say("warm-up"), "weight_decay": say("weight decay"), "lr_scheduler_type": say("learning-rate schedule"),
    "batch": say("batch size"), "per_device_train_batch_size": say("batch size"), "max_length": say("longest training sample"),
    "method": say("training method"), "parent": say("parent"), "parent_name": say("parent"), "trainer": say("trainer"), "steps": say("optimiser steps"), "max_steps": say("optimiser steps"),
    "tokens": say("tokens trained on"), "template": say("chat template"), "tokenizer": say("tokenizer"), "exam": say("questions"), "key": say("golds"),
    "generation": say("generation config"), "config": say("model config"), "mix": say("data mix"),
}  # fmt: skip


def counted(found: Sequence[Difference]) -> str:
    template = "{n} settings ({what})" if len(found) > 1 else "{n} setting ({what})"
    return say(template, n=len(found), what=spoken(found))


def spoken(found: Sequence[Difference]) -> str:
    words = listed(say("{setting} {change}", setting=_words(d), change=change(d)) for d in found[:SPOKEN])
    return say("{first} and {n} more", first=words, n=len(found) - SPOKEN) if len(found) > SPOKEN else words


def _words(difference: Difference) -> str:
    """The field's plain word: `lora.r` is the LoRA rank; what has no word of its own is told by its name."""
    if difference.field == "data":
        added, gone = difference.before is None, difference.after is None
        return say("data set added:") if added else say("data set left out:") if gone else say("data set")
    parts = difference.field.split(".")
    word = WORDS.get(".".join(parts[-2:])) or WORDS.get(parts[-1])
    if word is None and parts[0] == "data" and len(parts) > 2:  # of a source, whose name is none of ours
        return shown(f"{parts[-1].replace('_', ' ')} of {'.'.join(parts[1:-1])}")[:LONGEST]
    return word or shown(".".join(parts[1:] if parts[0] in ROOMS else parts).replace("_", " "))[:LONGEST]


def one_word(found: Iterable[Difference]) -> list[Difference]:
    """Two recipes may call one setting `lora.r` and `lora_rank`: of each word that only one side has, one difference or none."""
    kept = list(found)
    for one in [d for d in kept if d.after is None]:
        other = next((d for d in kept if d.before is None and _words(d) == _words(one) and d.field != one.field), None)
        if other is not None:
            kept.remove(other)
            same = plain(one.before) == plain(other.after)
            at = kept.index(one)
            kept[at : at + 1] = [] if same else [replace(one, after=other.after)]
    return kept


def content(source: str) -> str:
    """What tells two data sets of one name apart: the start of the hash, or how many rows."""
    return source.partition(" of ")[0] if " rows of " in source else source[:8]


def change(difference: Difference) -> str:
    if difference.field == "data" and None in (difference.before, difference.after):
        return shown(difference.after if difference.before is None else difference.before)
    return say("{before} -> {after}", before=_value(difference.before), after=_value(difference.after))


def _value(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, int) or value.is_integer():
            return f"{value:,.0f}"
        return f"{value:.6g}".replace("e-0", "e-")
    return shown(value)


def plain(value: Any) -> Any:
    """Numbers as numbers: a recipe written by hand may hold '8e-5' where another holds 8e-05."""
    if isinstance(value, str) and len(value) < 24 and "_" not in value:
        try:
            return float(value)
        except ValueError:
            return value
    return value
