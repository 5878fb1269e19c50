"""`bench runs`: list stored runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import heads, say

if TYPE_CHECKING:
    from harness.records import Run

STATUS = {
    "done": say("done"), "running": say("running"), "stopped": say("stopped"), "interrupted": say("interrupted"),
    "failed": say("failed"),
}  # fmt: skip
SILENT_SECONDS = 60.0  # a writer gives a sign of life every two seconds while answers come


@click.command("runs")
@click.argument("spec", required=False)
@_options.store_option
@_options.include_option
@_options.json_option
def command(spec: str | None, store: Path | None, as_json: bool) -> None:
    """List stored runs.

    All of them, or those that a name, NAME@TAG, tag:TAG, branch:NAME or run:ID means.

    \b
    Example: bench runs
             bench runs tag:release --json
    """
    from harness import lookup
    from harness.cli import _tables
    from harness.store import read
    from harness.store.open import open_store

    with open_store(_options.store_path(store), mode="ro") as opened:
        runs = lookup.runs(opened, spec) if spec else read.list_runs(opened)
        rows = [read.board_row(opened, run.id) for run in runs]
        if as_json:
            _options.print_json({"runs": rows})
            return
        if not rows:
            echo(say("the store is empty; `bench run` fills it"))
            return
        head = heads(
            "run", "checkpoint", "task", "score", "95 % interval", "n", "unparsed", "truncated", "answers", "form"
        )
        head += heads("status", "tags")
        echo(_tables.table([head, *(_line(run, row) for run, row in zip(runs, rows, strict=True))]))


def _line(run: Run, row: dict[str, Any]) -> list[str]:
    from harness.cli import _tables, _watch

    n = _tables.number(row["n"])
    if row["n"] not in (None, 0, row["questions"]):
        n = say("{n} of {of}", n=row["n"], of=row["questions"])
    return [
        row["run"][:8], row["checkpoint"], row["task"], _tables.score(row["value"], row["metric"]),
        _tables.interval(row["low"], row["high"], row["metric"]), n,
        _tables.share(row["unparsed"], row["graded"]), _tables.share(row["truncated"], row["graded"]),
        f"{run.done}/{run.expected}", _watch.form(run.settings),
        STATUS[_status(run, row)], " ".join(t for t in run.tags if not t.startswith("commit:")),
    ]  # fmt: skip


def _status(run: Run, row: dict[str, Any]) -> str:
    """A run whose process was killed still says `running` in the store."""
    if run.status == "running" and time.time() - (row["heartbeat"] or 0) > SILENT_SECONDS:
        return "stopped"
    return run.status
