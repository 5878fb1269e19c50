"""`bench rescore`: grade stored answers with the scorers of today, or count another metric of them; costs no tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import heads, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.records import Run
    from harness.store.open import Store


@click.command("rescore")
@click.argument("specs", nargs=-1, metavar="[RUN]...")
@click.option("--metric", "wanted", multiple=True, metavar="SPEC", help="Also count this, e.g. f1_macro. Repeatable.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(specs: tuple[str, ...], wanted: tuple[str, ...], store: Path | None, as_json: bool) -> None:
    """Grade stored answers with today's scorers, or count another metric of them.

    Old scores stay under their version; no token is spent. A metric that is added is counted of every run of these
    exams, now and later; `bench tasks --metrics` lists what there is. Corrected golds reach stored answers with the
    next `bench run` of their task, which asks nothing that is stored.

    \b
    Example: bench rescore            every run
             bench rescore ckpt@release
             bench rescore ckpt --metric f1_macro --metric "sensitivity(yes)"
    """
    from harness import evaluate, lookup
    from harness.store import read
    from harness.store.open import open_store

    with open_store(_options.store_path(store)) as opened:
        found = [run for spec in specs for run in lookup.runs(opened, spec)] if specs else read.list_runs(opened)
        runs = list({run.id: run for run in found}.values())
        notes = _add(opened, runs, wanted) if wanted else []
        every = [run for exam in dict.fromkeys(run.exam for run in runs) for run in read.list_runs(opened, exam=exam)]
        added = evaluate.rescore(every if wanted else runs, opened)
        counted = [row for run in runs for row in _counted(opened, run, wanted)]
    if as_json:
        _options.print_json({"runs": len(runs), "scores": added, "metrics": counted})
        return
    template = "{n} answers graded anew in {runs} runs" if added else "everything was graded already"
    echo(say(template, n=added, runs=len(runs)))
    for note in notes:
        echo(f"note: {note}", err=True)
    if counted:
        _show(counted)


def _add(store: Store, runs: Sequence[Run], wanted: Sequence[str]) -> list[str]:
    """Write the metrics into the cards of the runs' exams; why they don't fit some. UserError where they fit none."""
    from harness import metrics
    from harness.errors import UserError
    from harness.store import read
    from harness.store.write import Writer

    specs = [metrics.find(spec).spec for spec in wanted]
    misfits: list[str] = []
    fitting: dict[str, list[str]] = {}
    for exam_id in dict.fromkeys(run.exam for run in runs):
        exam = read.get_exam(store, exam_id)
        for spec in specs:
            try:
                metrics.check(exam.task, exam.samples, [spec])
            except UserError as error:
                misfits.append(str(error))
            else:
                fitting.setdefault(exam_id, []).append(spec)
    if misfits and not fitting:
        raise UserError(misfits[0])
    with Writer(store) as writer:
        for exam_id, some in fitting.items():
            writer.add_metrics(exam_id, some)
    return misfits


def _counted(store: Store, run: Run, wanted: Sequence[str]) -> list[dict[str, Any]]:
    from harness import metrics
    from harness.store import read

    specs = [metrics.find(spec).spec for spec in wanted]
    task, checkpoint = read.get_task(store, run.exam), read.find_checkpoint(store, run.checkpoint)
    return [
        {"run": run.id, "checkpoint": checkpoint.name if checkpoint else "", "task": task.key, "metric": result.metric,
         "version": result.version, "value": result.value, "low": result.low, "high": result.high, "n": result.n,
         "method": result.method}
        for result in read.results(store, run.id) if result.metric in specs and result.slice == ""
    ]  # fmt: skip


def _show(counted: Sequence[dict[str, Any]]) -> None:
    from harness.cli import _tables

    rows = [heads("checkpoint", "task", "metric", "value", "95 % interval", "n", "by")]
    for row in counted:
        metric = row["metric"]
        ends = _tables.interval(row["low"], row["high"], metric)
        value = _tables.score(row["value"], metric)
        rows.append([row["checkpoint"], row["task"], metric, value, ends, str(row["n"]), row["method"]])
    echo(_tables.table(rows))
