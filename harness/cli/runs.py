"""`bench runs`: what is in the store."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import _options


@click.command("runs")
@click.argument("spec", required=False)
@_options.store_option
@_options.json_option
def command(spec: str | None, store: Path | None, as_json: bool) -> None:
    """List stored runs.

    All of them, or those that a name, NAME@TAG, tag:TAG, branch:NAME or run:ID means.

    \b
    Example: bench runs
             bench runs tag:release --json
    """
    from harness import lookup
    from harness.cli import _tables, _watch
    from harness.store import read
    from harness.store.open import open_store

    with open_store(_options.store_path(store), mode="ro") as opened:
        runs = lookup.runs(opened, spec) if spec else read.list_runs(opened)
        rows = [read.board_row(opened, run.id) for run in runs]
        if as_json:
            _options.print_json({"runs": rows})
            return
        if not rows:
            click.echo("the store is empty; `bench run` fills it")
            return
        head = ["run", "checkpoint", "task", "score", "95 % interval", "n", "answers", "form", "status", "tags"]
        lines = [
            [
                row["run"][:8], row["checkpoint"], row["task"], _tables.percent(row["value"]),
                f"{_tables.percent(row['low'])} – {_tables.percent(row['high'])}", str(row["n"]),
                f"{run.done}/{run.expected}", _watch.form(run.settings),
                run.status, " ".join(run.tags),
            ]
            for run, row in zip(runs, rows, strict=True)
        ]  # fmt: skip
        click.echo(_tables.table([head, *lines]))
