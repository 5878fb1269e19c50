"""`bench score`: the composite of checkpoints, with intervals, every part explained and who is dominated by whom."""

from __future__ import annotations

import os
from pathlib import Path

import click

from harness.cli import _options
from harness.cli._echo import echo


@click.command("score")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--profile", "wanted", default="distill-v1", show_default=True, metavar="P", help="A name, or a .toml file."
)
@click.option("--tasks", default="", metavar="T,…", help="Only these of the profile's. Default: all that a name has.")
@click.option("--cqs", default="rule", show_default=True, metavar="rule|judge:ID", help="Who grades the chains.")
@click.option(
    "--counter",
    type=click.Choice(["auto", "own", "neutral"]),
    default="auto",
    show_default=True,
    help="Whose tokens: auto takes their own where all have one tokenizer, else o200k_base.",
)
@click.option("--vs", metavar="NAME", help="What changed from NAME to each of the others, paired.")
@click.option("--pareto", is_flag=True, help="Accuracy x tokens x bytes: who is dominated, and by whom.")
@click.option("--what-if", "what_if", is_flag=True, help="What fewer tokens, right answers, fewer bytes would bring.")
@click.option("--faults", is_flag=True, help="The lines of chains that don't hold.")
@click.option("-n", "count", type=click.IntRange(1), default=10, show_default=True, help="Faults and answers to list.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    names: tuple[str, ...], wanted: str, tasks: str, cqs: str, counter: str, vs: str | None, pareto: bool, what_if: bool,
    faults: bool, count: int, store: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """The composite of checkpoints under a profile: 0.4 AS + 0.3 CQS + 0.2 ES + 0.1 MLS for distill-v1.

    Chains and token counts of stored answers are graded once and kept; nothing is asked of a model. A part that can't
    be had leaves Overall empty and says what to do. Two names, or --vs, show what changed and at which weight the order
    would flip.

    \b
    Example: bench score qwen-sft
             bench score base lora distilled --pareto
             bench score lora --vs base --what-if
             bench score lora --profile mine.toml --json
    """
    from harness.cli import _score, _score_report
    from harness.store.open import open_store
    from harness.verdicts import profile

    rules = profile.read(wanted)
    path = _options.store_path(store)
    with open_store(path, mode="rw" if os.access(path, os.W_OK) else "ro") as opened:  # a published store is only read
        specs = [*names, *([vs] if vs and vs not in names else [])]
        asked = _score.Asked(rules, _score.judge_of(opened, cqs), counter, _options.names(tasks))
        found, counted = _score.entrants(opened, specs, asked, quiet=as_json)
        base = next((one for one in found if one.spec == vs), found[0] if len(found) == 2 else None)
        report = _score_report.Report(opened, asked, found, counted, base, count)
        if as_json:
            _options.print_json(report.plain(pareto, what_if, faults))
            return
        for line in report.lines(pareto, what_if, faults):
            echo(line)
