"""`bench rescore`: grade stored answers with the scorers of today; costs no tokens."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import _options
from harness.cli._echo import echo


@click.command("rescore")
@click.argument("spec", required=False)
@_options.store_option
@_options.include_option
@_options.json_option
def command(spec: str | None, store: Path | None, as_json: bool) -> None:
    """Grade stored answers with today's scorers.

    Old scores stay under their version; no token is spent. Corrected golds reach stored answers with the next
    `bench run` of their task, which asks nothing that is stored.

    \b
    Example: bench rescore            every run
             bench rescore ckpt@release
    """
    from harness import evaluate, lookup
    from harness.store import read
    from harness.store.open import open_store

    with open_store(_options.store_path(store)) as opened:
        runs = lookup.runs(opened, spec) if spec else read.list_runs(opened)
        added = evaluate.rescore(runs, opened)
    if as_json:
        _options.print_json({"runs": len(runs), "scores": added})
    else:
        echo(f"{added} answers graded anew in {len(runs)} runs" if added else "everything was graded already")
