"""`bench diagnose`: say what is wrong with a fine-tuned checkpoint beside its parent, and what fits it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import listed, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.diagnosis import Diagnosed, Example
    from harness.verdicts.diagnose import Symptom

CLIP = 400  # characters of an answer that is shown
MARKS = {"refuse": say("FAULT"), "warn": say("CARE "), "info": say("NOTE ")}


@click.command("diagnose")
@click.argument("child")
@click.option("--parent", metavar="BASE", help="What it was trained from. Default: what its lineage or adapter names.")
@click.option(
    "--domain",
    default="",
    metavar="T,…",
    help="Tasks or groups the training was for; the others are general. Default: by the lineage's data, else the group of tasks that rose.",
)
@click.option("--tasks", default="", metavar="T,…", help="Only these. Default: all that both have.")
@click.option(
    "--samples/--no-samples", default=True, show_default=True, help="End with answers that show the worst finding."
)
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    child: str, parent: str | None, domain: str, tasks: str, samples: bool, store: Path | None, as_json: bool
) -> None:
    """Say what is wrong with a fine-tuned checkpoint beside its parent.

    Reads stored runs of both, their folders where they still are, and the lineage: shorter answers, forgetting, format
    or knowledge, lost stop tokens, repetition, language, letters, refusals, nothing learnt. Each finding comes with its
    evidence and the remedy that fits it. CHILD and BASE are names, NAME@TAG or run:ID. Exit 0 whatever is found: `bench
    gate` judges.

    \b
    Example: bench diagnose med-sft --parent Qwen2.5-1.5B --domain medqa
             bench diagnose damaged --store results/demo/bench.db
    """
    from harness import diagnosis, lookup
    from harness.store.open import open_store

    with open_store(_options.store_path(store), mode="ro") as opened:
        more = ("--store", str(store)) if store else ()
        found = diagnosis.of(
            opened, child, parent, domain=_options.names(domain), tasks=lookup.tasks(_options.names(tasks)), more=more
        )
    if as_json:
        _options.print_json(_plain(found))
    else:
        _show(found, samples)


def _show(found: Diagnosed, samples: bool) -> None:
    told = found.diagnosis
    echo(told.sentence)
    seen: set[str] = set()
    for symptom in told.symptoms:
        echo("")
        _finding(symptom, seen)
    echo("")
    if told.unproven:
        echo(say("seen, not proven:"))
        for text in told.unproven[:8]:
            echo(say("  {said}", said=text))
    if told.fine:
        echo(say("looked at and fine: {what}", what=listed(told.fine)))
    for line in told.unchecked:
        why = say("{why}; `{command}`", why=line.why, command=line.command) if line.command else line.why
        echo(say("not looked at: {what}: {why}", what=line.what, why=why))
    for example in found.examples if samples else ():
        _example(example, found)


def _finding(symptom: Symptom, seen: set[str]) -> None:
    """Evidence that stands above is not said twice: two faults of one task share its fall."""
    echo(say("{mark}  {said}", mark=MARKS[symptom.level], said=symptom.what))
    for line in symptom.evidence:
        if line not in seen:
            echo(say("       - {said}", said=line))
    seen.update(line for line in symptom.evidence if not line.startswith("p "))
    if symptom.remedy:
        echo(say("       → {said}", said=symptom.remedy))


def _example(example: Example, found: Diagnosed) -> None:
    from harness.cli import _tables
    from harness.cli.show import question

    gold = "" if example.gold is None else say("   gold {gold}", gold=_clip(example.gold))
    where = f"{example.task} {example.subject} {example.sample[:8]}"
    echo(say("\n── {where}{gold}", where=where, gold=gold))
    echo(_tables.block(_clip(question(example.after))))
    for name, row in ((found.parent, example.before), (found.child, example.after)):
        said = _tables.block(_clip(_answer(row)))
        echo(say("{name}{outcome}: {said}", name=name, outcome=_read(row), said=said))


def _read(row: Mapping[str, Any]) -> str:
    from harness.cli.show import OUTCOMES

    outcome = row["outcome"]
    return say(" ({outcome})", outcome=OUTCOMES.get(outcome, outcome)) if outcome and outcome != "ungraded" else ""


def _answer(row: Mapping[str, Any]) -> str:
    from harness.cli.show import answer

    return answer(row)


def _clip(text: str) -> str:
    return text if len(text) <= CLIP else f"{text[: CLIP * 3 // 4]} … {text[-CLIP // 4 :]} ({len(text):,} characters)"


def _plain(found: Diagnosed) -> dict[str, Any]:
    from dataclasses import asdict

    told = found.diagnosis
    return {
        "schema_version": told.schema_version,
        "child": found.child,
        "parent": found.parent,
        "sentence": told.sentence,
        "findings": [asdict(symptom) for symptom in told.symptoms],
        "unproven": list(told.unproven),
        "fine": list(told.fine),
        "unchecked": [asdict(line) for line in told.unchecked],
        "domain": {"tasks": list(told.domain), "from": told.domain_from},
        "changes": [asdict(change) for change in told.changes],
        "examples": [
            {
                "task": one.task,
                "sample": one.sample,
                "question": one.question,
                "gold": one.gold,
                "parent": _answer(one.before),
                "child": _answer(one.after),
            }
            for one in found.examples
        ],
    }
