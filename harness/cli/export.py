"""`bench export`: write a run's outcomes for a gate elsewhere, or its answers as a benchmark's own server takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import _options, _packed
from harness.cli._echo import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from harness.records import Run, Sample, Task
    from harness.store.open import Store


@click.command("export")
@click.argument("spec", metavar="CKPT|RUN")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option(
    "--tasks", default="", metavar="T,…", help="Outcomes of these only. Default: of all its tasks with golds."
)
@click.option("--task", metavar="T", help="Instead: the answers of this task, to be handed in.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(spec: str, out: Path, tasks: str, task: str | None, store: Path | None, as_json: bool) -> None:
    """Write a run's outcomes for a gate elsewhere, or its answers to be handed in.

    Outcomes are the small file that `bench gate file:FILE` judges where there is no GPU and no store: fingerprints and
    per-question values, the same file as a baseline but for the reason. They hold no question and no answer.

    With --task, or where the checkpoint has only runs of a split whose labels are kept by the authors: the answers in
    the form of their own server. Every question must then have been answered; a run made with --limit is refused.

    \b
    Example: bench export ckpt -o cand.json
             bench gate file:cand.json --baseline file:results/baselines/release.json
             bench export ckpt --task ceval:submission -o ckpt.json
    """
    from harness import lookup
    from harness.errors import UserError
    from harness.store import read
    from harness.store.open import open_store

    if task and tasks:
        raise UserError("--task hands answers in, --tasks is about outcomes; leave one of the two out")
    with open_store(_options.store_path(store), mode="ro") as opened:
        if not task:
            found = lookup.runs(opened, spec, tasks=lookup.tasks(_options.names(tasks)))
            cards = {run.id: read.get_task(opened, run.exam) for run in found}
            if scored := [run for run in found if cards[run.id].labelled]:
                left = [cards[run.id].key for run in found if not cards[run.id].labelled]
                _outcomes(opened, scored, out, as_json)
                for key in left:
                    echo(f"note: {key} has no public labels and is left out; --task {key} hands it in", err=True)
                return
        run, card, submission = _chosen(opened, spec, task)
        answers = _answers(opened, run, card)
    made = submission(answers)
    text = made if isinstance(made, str) else json.dumps(made, ensure_ascii=False, indent=4) + "\n"
    _packed.write(out, text)
    lacking = sum(answer is None for _, answer in answers)
    if as_json:
        _options.print_json({"file": str(out), "task": card.key, "answers": len(answers), "unread": lacking})
        return
    unread = f"; {lacking} of them have no answer that could be read and count as wrong there" if lacking else ""
    echo(f"{out}: {len(answers)} answers of {card.key}{unread}")


def _outcomes(store: Store, runs: Sequence[Run], out: Path, as_json: bool) -> None:
    """The same runs give the same bytes: no date and nobody's name is in the file."""
    from harness.store import read
    from harness.verdicts import baseline

    outcomes = [read.outcomes(store, run.id) for run in runs]
    name = ", ".join(sorted({o.name or o.checkpoint for o in outcomes}))
    text = baseline.dump(outcomes, name, "", "", "", orders=_packed.orders(store, outcomes))
    _packed.write(out, text)
    for run in runs:
        if run.status != "done":
            echo(f"note: run {run.id[:8]} is {run.status}: {run.done:,} of {run.expected:,} answers", err=True)
    if as_json:
        tasks = [{"task": o.task, "run": o.run, "n": len(o.samples)} for o in outcomes]
        _options.print_json({"file": str(out), "bytes": len(text.encode()), "tasks": tasks})
        return
    counts = ", ".join(f"{o.task} ({len(o.samples):,})" for o in outcomes)
    echo(f"{out}: outcomes of {name} on {counts}, {len(text.encode()):,} bytes; judge them anywhere:")
    echo(f"  bench gate file:{out} --baseline file:BASELINE.json")


def _chosen(
    store: Store, spec: str, name: str | None
) -> tuple[Run, Task, Callable[[Sequence[tuple[Sample, str | None]]], Any]]:
    """The run that is meant, its card, and what makes the file; UserError where none or several can be handed in."""
    from harness import dialect, lookup
    from harness.errors import UserError
    from harness.store import read

    found = []
    for run in lookup.runs(store, spec, tasks=[name] if name else []):
        card = read.get_task(store, run.exam)
        submission = dialect.asker(card).submission if card.kind == "ours" else None
        if submission is not None and card.variant:
            if name:
                raise UserError(
                    f"{card.key} asks changed questions, which nobody takes in; export the run without ~{card.variant}"
                )
        elif submission is not None and (name or not card.labelled):  # labelled questions are handed in by name only
            found.append((run, card, submission))
        elif name:
            raise UserError(f"{card.key} has nobody to hand answers in to: its module has no submission(answers)")
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            f"'{spec}' has no run of a task whose answers are handed in; `bench runs {spec}` lists its runs"
        )
    raise UserError(
        f"'{spec}' has several runs to hand in; pass --task {' or --task '.join(c.key for _, c, _ in found)}"
    )


def _answers(store: Store, run: Run, card: Task) -> list[tuple[Sample, str | None]]:
    """Every question of the split in its order with the first answer given; UserError where one was not asked."""
    from harness.errors import UserError
    from harness.store import read

    samples = read.get_exam(store, run.exam).samples
    table = read.table(store, run.id)
    first = table[table["repeat"] == 0]
    said = dict(zip(first["sample"], first["answer"], strict=True))
    failed = int((first["stop"] == "error").sum())
    lacking = len(samples) - len(said)
    again = f"run `bench run --tasks {card.key}` without --limit to its end, then export"
    if lacking or run.status != "done":
        raise UserError(
            f"run {run.id[:8]} has answers to {len(said)} of {len(samples)} questions ({run.status}); {again}"
        )
    if failed:
        raise UserError(
            f"the engine failed on {failed} of {len(samples)} questions of run {run.id[:8]}; {again} with --again"
        )
    if card.n is not None and len(samples) < card.n:
        raise UserError(
            f"run {run.id[:8]} was asked from a copy with {len(samples)} of {card.n} questions; use a whole one"
        )
    return [(sample, said[sample.id] or None) for sample in samples]
