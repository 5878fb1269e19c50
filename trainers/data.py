"""Rows to learn from, as the model will see them: read, cleaned, selected, mixed, tokenised by the parent's own template.

Example: an Alpaca row {"instruction": "3+5=?", "output": "<think>…</think>8"} becomes the ids of the ChatML prompt that
`bench run` would ask, followed by those of "8<|im_end|>", of which only the latter are learnt.
Trap: a row cut at a maximal length has lost its end mark, and a model trained on such rows never stops; long rows are dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import UserError
from trainers import _data_mix as mixing
from trainers._data_clean import Cleaner
from trainers._data_count import Ledger, listing
from trainers._data_load import Loaded, check, load
from trainers._data_tokens import Tokens
from trainers._data_told import counts, sources, warnings
from trainers.recipe import Recipe
from trainers.rows import Example, Prepared, Row

__all__ = ["Example", "Prepared", "Row", "prepare"]

Answered = Callable[[Sequence[Row]], Sequence[Row]]


def prepare(
    recipe: Recipe,
    folder: Path,
    tokenizer: Any,
    *,
    data: Path | None = None,
    hub: str = "huggingface",
    answered: Answered | None = None,
) -> Prepared:
    """Everything that a training reads. `folder`: of the recipe, to which its paths are relative.

    `answered` puts a teacher's replies into the rows to be trained on (seqkd); without one those rows only ask.
    """
    check(recipe)
    loaded = load(recipe, folder, data, hub)
    ledgers = {one.ledger.name: one.ledger for one in loaded}
    tasks = {one.ledger.name for one in loaded if one.source.task is not None}
    tokens = Tokens(tokenizer, recipe.clean, ledgers, tasks)
    examples = list(tokens.examples([row for one in loaded for row in one.rows]))
    for one in loaded:
        one.ledger.check(recipe.clean.max_dropped)
    trained, held_out = mixing.held_out(examples, recipe.watch.held_out)
    trained = _limited(trained, loaded, recipe.seed)
    if recipe.method == "seqkd":
        trained = list(tokens.examples(_taught([example.row for example in trained], recipe, ledgers, answered)))
    if not trained:
        said = "; ".join(f"{one.ledger.name}: {listing(one.ledger.dropped) or 'no rows'}" for one in loaded)
        raise UserError(f"no rows are left to train on ({said})")
    phases = mixing.phases(trained, recipe.mix, recipe.seed)
    used = Counter(example.row.source for phase in phases for example in phase)
    for name, n in Counter(example.row.source for example in trained).items():
        if n > used[name]:
            ledgers[name].drop("outside the mix", 0, "", n - used[name])
    return Prepared(
        phases=phases,
        held_out=tuple(held_out),
        sources=sources(loaded, phases, held_out),
        counts=counts(loaded, phases, held_out),
        dropped=tuple(example for one in loaded for example in one.ledger.examples if example["number"]),
        warnings=tuple(warnings(loaded, recipe, held_out)),
    )


def _limited(examples: Sequence[Example], loaded: Iterable[Loaded], seed: int) -> list[Example]:
    limits = {one.ledger.name: one.source.limit for one in loaded if one.source.limit is not None}
    if not limits:
        return list(examples)
    ledgers = {one.ledger.name: one.ledger for one in loaded}
    room = dict(limits)
    kept: list[Example] = []
    for example in mixing.ordered(examples, seed):
        name = example.row.source
        if name in room:
            if room[name] == 0:
                ledgers[name].drop("over the limit", 0, "")
                continue
            room[name] -= 1
        kept.append(example)
    return kept


def _taught(rows: list[Row], recipe: Recipe, ledgers: Mapping[str, Ledger], answered: Answered | None) -> list[Row]:
    """With a teacher's replies, which are cleaned like those of a file."""
    if answered is None:
        return [replace(row, reply="") for row in rows]
    given = answered(rows)
    cleaners = {name: Cleaner(recipe.clean, ledger, "", True) for name, ledger in ledgers.items()}
    taught = [kept for row in given if (kept := cleaners[row.source].reply(row))]
    missing = Counter(row.source for row in rows)
    missing.subtract(Counter(source for source, _ in {(row.source, row.number) for row in given}))
    for name, n in missing.items():
        if n > 0:
            ledgers[name].drop("no answer of the teacher", 0, "", n)
    return taught
