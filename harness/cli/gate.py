"""`bench gate`: judge a checkpoint against a baseline; exit 3 when, and only when, it got worse."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.cli._more import WithMore

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("gate", cls=WithMore)
@click.argument("candidate")
@click.option(
    "--baseline",
    help="NAME, NAME@TAG, run:ID, tag:TAG, branch:NAME, model:REF or file:PATH. Default: `gate.baseline` of bench.toml.",
)
@click.option("--anchor", help="A second, fixed baseline against slow drift. Default: `gate.anchor`.")
@click.option("--tasks", default="", metavar="T,…", help="Only these. Default: all of the baseline but variants.")
@click.option("--strict", is_flag=True, help="Inconclusive fails too (exit 6), and so does another engine (exit 4).")
@click.option("--warn-only", is_flag=True, help="Say it, but exit 0 where it would be 3 or 6.")
@click.option(
    "--fail-fast", type=click.IntRange(1), metavar="N",
    help="Also look at the first N questions, where a catastrophe fails (exit 3) and nothing passes: finish the run.",
)  # fmt: skip
@click.option("--config", "config_path", type=FILE, help="Default: bench.toml above the current folder.")
@click.option("--md", type=FILE, help="Also write the verdict as Markdown.")
@click.option("--junit", type=FILE, help="Also write it as JUnit XML.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    candidate: str, baseline: str | None, anchor: str | None, tasks: str, strict: bool, warn_only: bool,
    fail_fast: int | None, config_path: Path | None, md: Path | None, junit: Path | None, store: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Judge a checkpoint against a baseline.

    A task regresses only when the drop is statistically real and at least the tolerance. `bench gate init` writes a
    bench.toml with every rule; CANDIDATE is a name, NAME@TAG, run:ID or file:PATH.

    \b
    Exit: 0 pass · 3 regressed or guard breached · 4 not comparable · 5 nothing to compare · 6 inconclusive
          under --strict · 2 a mistake in the call · 1 a crash
    Example: bench gate ckpt --baseline base
             bench gate ckpt --baseline file:results/baselines/release.json --md summary.md
    """
    from harness import gating, lookup, noise
    from harness.cli import _gating, _packed

    policy, place = _gating.rules(config_path, strict=strict, fail_fast=fail_fast)
    baseline = baseline or _gating.lying(place, policy.baseline)
    anchor = anchor or _gating.lying(place, policy.anchor)
    if not baseline:
        from harness.errors import NothingToCompare

        raise NothingToCompare("no baseline: pass --baseline NAME, or write `baseline` under [gate] in bench.toml")
    more = ("--store", str(store)) if store else ()
    specs = [spec for spec in (candidate, baseline, anchor) if spec]
    path = _options.store_path(store)
    with _packed.store_for(path, *specs) as opened:
        verdict = gating.judge(
            opened, candidate, baseline, policy, anchor=anchor, today=date.today(),
            tasks=lookup.tasks(_options.names(tasks)), more=more,
        )  # fmt: skip
        kept = opened is not None
    if kept:
        _gating.keep(path, verdict)
    code = _gating.report(
        verdict, place, as_json=as_json, md=md, junit=junit, warn_only=warn_only, more=more if kept else None
    )
    for line in noise.said(path, verdict) if kept else ():  # of `bench gate aa`; beside the verdict, never in it
        echo(f"note: {line}", err=True)
    return code
