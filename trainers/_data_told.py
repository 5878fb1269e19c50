"""What is said of prepared data: a lineage's entry for each source, counts over all of it, and warnings.

Example: {"name": "sft.jsonl", "sha": "9c1f…", "role": "domain", "read": 1000, "rows": 938, "dropped": {"empty reply": 5, …}, …}.
Trap: what was held out or left out by choice is no dirt, and is counted apart from what cleaning dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.words import listed, say
from trainers._data_clean import PLACEHOLDER, SYSTEM_ADDED
from trainers._data_load import Loaded
from trainers._data_mix import SIDES
from trainers._data_tokens import REWRITTEN
from trainers.recipe import Recipe
from trainers.rows import Example


def sources(
    loaded: Iterable[Loaded], phases: Iterable[Sequence[Example]], held_out: Iterable[Example]
) -> tuple[Mapping[str, Any], ...]:
    trained = [example for phase in phases for example in phase]
    rows, apart = Counter(e.row.source for e in trained), Counter(e.row.source for e in held_out)
    tokens: Counter[str] = Counter()
    for example in trained:
        tokens[example.row.source] += len(example.ids)
    return tuple(
        {
            "name": one.ledger.name,
            "sha": one.sha,
            "role": one.source.role,
            "read": one.ledger.read,
            "rows": rows[one.ledger.name],
            "held_out": apart[one.ledger.name],
            "tokens": tokens[one.ledger.name],
            "dropped": one.ledger.dropped,
            "changed": dict(one.ledger.counts["changed"].most_common()),
            "noticed": dict(one.ledger.counts["noticed"].most_common()),
        }
        for one in loaded
    )


def counts(
    loaded: Iterable[Loaded], phases: Sequence[Sequence[Example]], held_out: Sequence[Example]
) -> dict[str, int]:
    trained = [example for phase in phases for example in phase]
    found = {
        "read": sum(one.ledger.read for one in loaded),
        "dropped": sum(sum(one.ledger.dropped.values()) for one in loaded),
        "rows": len(trained),
        "held_out": len(held_out),
        "tokens": sum(len(example.ids) for example in trained),
        "learnt_tokens": sum(len(example.ids) - example.prompt for example in trained),
        "longest": max((len(example.ids) for example in trained), default=0),
    }
    for side in SIDES:
        mine = [example for example in trained if example.row.role == side]
        found |= {f"{side}_rows": len(mine), f"{side}_tokens": sum(len(example.ids) for example in mine)}
    return found


def warnings(loaded: Sequence[Loaded], recipe: Recipe, held_out: Sequence[Example]) -> Iterable[str]:
    spoken_to = sum(one.ledger.counts["changed"][SYSTEM_ADDED] for one in loaded)
    if spoken_to:
        tasks = [one.ledger.name for one in loaded if one.source.task is not None]
        template = (
            "a system prompt was put before {n:,} rows{others}; `bench run` asks without one unless --system gives it"
        )
        others = say(", not before those of {names}, which are asked as the task asks them", names=listed(tasks))
        yield say(template, n=spoken_to, others=others if tasks else "")
    for one in loaded:
        noticed, name = one.ledger.counts["noticed"], one.ledger.name
        where = {
            what: ", ".join(str(e["number"]) for e in one.ledger.examples if e["reason"] == what) for what in noticed
        }
        if n := noticed[PLACEHOLDER]:
            yield say(
                "{name}: {n:,} texts hold a place to be filled in, such as {{{{name}}}} (row {rows}); the model will learn to "
                "write it as it stands",
                name=name, n=n, rows=where[PLACEHOLDER],
            )  # fmt: skip
        if n := noticed[REWRITTEN]:
            yield say(
                "{name}: of {n:,} rows the parent's chat template leaves something out or writes it otherwise (row {rows}); "
                "look at them with --dry-run",
                name=name, n=n, rows=where[REWRITTEN],
            )  # fmt: skip
    if len(held_out) < recipe.watch.held_out:
        yield say(
            "{n:,} rows are held out and not the {wanted:,} of watch.held_out: at most a tenth of the data is",
            n=len(held_out), wanted=recipe.watch.held_out,
        )  # fmt: skip
