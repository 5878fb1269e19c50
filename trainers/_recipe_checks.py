"""What a recipe's types can't say: numbers in their range, keys that need or exclude each other; one sentence each.

Example: `[lora] r = 0` -> "lora.toml: 'lora.r' is 0; at least 1". Whether files exist and rows suffice is seen with the data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from harness import plugins
from harness.errors import UserError
from trainers import _recipe_keys as keys
from trainers.recipe import Recipe, Source

AT_LEAST = {
    "seed": 0, "seeds": 1, "data.limit": 1, "data.per_subject": 1, "data.keep": 1, "clean.min_tokens": 0,
    "clean.max_tokens": 2, "clean.max_dropped": 0, "teacher.samples": 1, "teacher.temperature": 0, "teacher.max_tokens": 1,
    "teacher.paraphrases": 0, "lora.r": 1, "lora.dropout": 0, "optim.steps": 1, "optim.batch": 1, "optim.per_device": 1,
    "optim.warmup": 0, "optim.weight_decay": 0, "distil.lmbda": 0, "distil.beta": 0, "grpo.generations": 2,
    "grpo.max_tokens": 1, "grpo.beta": 0, "watch.held_out": 0, "watch.every": 1, "watch.max_tokens": 1, "watch.patience": 1,
}  # fmt: skip
ABOVE = {
    "teacher.top_p": 0, "lora.alpha": 0, "optim.learning_rate": 0, "optim.epochs": 0, "optim.max_grad_norm": 0,
    "distil.temperature": 0, "grpo.temperature": 0,
}  # fmt: skip
AT_MOST = {
    "clean.max_dropped": 1,
    "teacher.top_p": 1,
    "distil.lmbda": 1,
    "distil.beta": 1,
    "seed": 2**31,
    "seeds": 1000,
    "lora.r": 4096,  # no matrix of a model of this size has a higher rank to learn
}
BELOW = {"lora.dropout": 1, "optim.warmup": 1}
TAUGHT = ("seqkd", "logitkd")
UNFIT = set('/\\:*?"<>|\0')  # in a folder's name, here or where it is copied to
MOST_DIGITS = 15  # of a whole number


def check(recipe: Recipe, where: str) -> None:
    """UserError with the first thing that is wrong."""
    for key, value in _flat(dataclasses.asdict(recipe)):
        _in_range(key, value, where)
    for wrong in _wrong(recipe):
        raise UserError(f"{where}: {wrong}")


def _in_range(key: str, value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    name = keys.plain(key)
    if not math.isfinite(value) if isinstance(value, float) else len(str(abs(value))) > MOST_DIGITS:
        raise UserError(f"{where}: '{key}' is {value}; give a number that can be counted with")
    wanted = [
        *(f"at least {AT_LEAST[name]}" for _ in range(name in AT_LEAST and value < AT_LEAST[name])),
        *(f"more than {ABOVE[name]}" for _ in range(name in ABOVE and value <= ABOVE[name])),
        *(f"at most {AT_MOST[name]}" for _ in range(name in AT_MOST and value > AT_MOST[name])),
        *(f"less than {BELOW[name]}" for _ in range(name in BELOW and value >= BELOW[name])),
    ]
    if wanted:
        raise UserError(f"{where}: '{key}' is {value:g}; it must be {wanted[0]}")


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _flat(item, f"{prefix}[{i}]")
    else:
        yield prefix, value


def _wrong(recipe: Recipe) -> Iterator[str]:
    if not recipe.parent.strip():
        yield "'parent' is empty; name the folder or the hub id of the checkpoint to start from"
    name = recipe.name
    if name is not None and (
        not name.strip(". ") or UNFIT & set(name) or not name.isprintable() or len(name.encode()) > 100
    ):
        yield f"'name' is {name!r}, which can't be a folder's name; use letters, digits, - and _"
    if not recipe.data:
        yield "'data' is empty; name at least one source: [[data]] with a path or a task"
    for i, source in enumerate(recipe.data):
        yield from _source(source, f"data[{i}]")
    yield from _mix(recipe)
    yield from _clean(recipe)
    yield from _method(recipe)
    yield from _teacher(recipe)
    yield from _optim(recipe)


def _source(source: Source, key: str) -> Iterator[str]:
    if not source.path and not source.task:
        yield f"'{key}' names no rows; give it a path (a file) or a task"
    if source.path and source.task:
        yield f"'{key}' has a path and a task; make them two sources"
    if source.path and source.split != "train":
        yield f"'{key}.split' is about a task's splits, and {source.path} is a file; leave it out"
    if source.task and source.format != "auto":
        yield f"'{key}.format' is about files, and {source.task} is a task; leave it out"
    if source.keep is not None and source.like is None:
        yield f"'{key}.keep' needs '{key}.like', the task whose relatives are kept"
    if source.like is not None and source.keep is None:
        yield f"'{key}.like' needs '{key}.keep', how many rows are kept"
    if source.per_subject is not None and source.path and not source.subjects:
        yield f"'{key}.per_subject' needs '{key}.subjects', since a file's rows have none of their own"


def _mix(recipe: Recipe) -> Iterator[str]:
    mix, roles = recipe.mix, {source.role for source in recipe.data}
    if mix.ratio is not None:
        sides = mix.ratio.replace("：", ":").split(":")
        if len(sides) != 2 or not all(_weight(side) for side in sides):
            yield f"'mix.ratio' is {mix.ratio!r}; write domain : general in numbers above 0, such as \"7:3\""
    for key, asked in (("mix.ratio", mix.ratio is not None), ("mix.schedule", mix.schedule == "progressive")):
        for role in ("domain", "general"):
            if asked and recipe.data and role not in roles:
                yield f"'{key}' needs data of both roles, and none of these has role = \"{role}\""


def _weight(text: str) -> bool:
    try:
        return 0 < float(text) < 1e6
    except ValueError:
        return False


def _clean(recipe: Recipe) -> Iterator[str]:
    clean = recipe.clean
    if clean.min_tokens > clean.max_tokens:
        yield f"'clean.min_tokens' ({clean.min_tokens}) is above 'clean.max_tokens' ({clean.max_tokens}): no row is left"
    if not clean.system.strip():
        yield "'clean.system' is empty; say keep, none, by_language, or the text itself"


def _method(recipe: Recipe) -> Iterator[str]:
    if recipe.method == "full" and recipe.lora is not None:
        yield '\'method\' is "full", which trains all weights; leave out [lora], or say method = "lora"'
    adapter = recipe.lora is not None or recipe.method == "lora"
    if recipe.export.merge and not adapter:
        yield "'export.merge' is for adapters, and this trains all weights: what is written is whole already"
    if recipe.lora is not None and not recipe.lora.targets:
        yield "'lora.targets' is empty; name modules, or say \"all-linear\""
    grpo = recipe.grpo
    if recipe.method == "grpo":
        if not grpo.rewards and any(source.path for source in recipe.data):
            yield "'grpo.rewards' is empty, and rows of a file have no scorer of their own; name one, such as [\"number\"]"
        known = plugins.names("harness.scorers")
        for reward in grpo.rewards:
            if reward not in known:
                yield f"'grpo.rewards' names {reward!r}, which is no scorer; {plugins.nearest(reward, known)}"
        if grpo.weights and len(grpo.weights) != len(grpo.rewards):
            yield f"'grpo.weights' are {len(grpo.weights)} and 'grpo.rewards' {len(grpo.rewards)}; give one weight each"


def _teacher(recipe: Recipe) -> Iterator[str]:
    teacher = recipe.teacher
    if teacher is None:
        if recipe.method in TAUGHT:
            yield f"'method' is \"{recipe.method}\", which needs a [teacher]: model = a folder or a hub id"
        return
    if recipe.method not in TAUGHT:
        yield f"[teacher] is for seqkd and logitkd, and 'method' is \"{recipe.method}\"; leave one of the two out"
    given = [key for key in ("model", "endpoint", "answers") if getattr(teacher, key)]
    if len(given) != 1:
        some = "none" if not given else " and ".join(given)
        yield f"[teacher] needs one of model, endpoint and answers, and has {some}"
    if recipe.method == "logitkd" and given != ["model"]:
        yield "'teacher.model' is needed: logit distillation reads the teacher's probabilities, which only a checkpoint has"
    if teacher.endpoint and not teacher.served_model:
        yield "'teacher.served_model' is missing: the endpoint serves models by name"
    if teacher.samples > 1 and teacher.temperature == 0 and not teacher.answers:
        yield "'teacher.samples' above 1 needs 'teacher.temperature' above 0: greedy answers are all the same"


def _optim(recipe: Recipe) -> Iterator[str]:
    optim = recipe.optim
    if optim.per_device is not None and optim.batch % optim.per_device:
        yield f"'optim.per_device' ({optim.per_device}) must divide 'optim.batch' ({optim.batch})"
