"""`bench gate`: judge a checkpoint against a baseline; exit 3 when, and only when, it got worse."""

from __future__ import annotations

import importlib
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options, first_line
from harness.cli._echo import echo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.records import Outcomes, Verdict


class Gate(click.Command):
    """Judges, unless the first word is the name of a file `_gate_NAME.py` beside this one: `bench gate power …`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in _more():
            command = importlib.import_module(f"harness.cli._gate_{args[0]}").command
            assert isinstance(command, click.Command)
            return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if rows := [(name, first_line(path)) for name, path in _more().items()]:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _more() -> dict[str, Path]:
    """Name -> file of what `bench gate` can do beside judging; a checkpoint of such a name is `./NAME`."""
    files = sorted(Path(__file__).parent.glob("_gate_*.py"))
    return {file.stem.removeprefix("_gate_"): file for file in files}


@click.command("gate", cls=Gate)
@click.argument("candidate")
@click.option(
    "--baseline",
    help="NAME, NAME@TAG, run:ID, tag:TAG, branch:NAME or file:PATH. Default: `gate.baseline` of bench.toml.",
)
@click.option("--tasks", default="", metavar="T,…", help="Only these. Default: all of the baseline.")
@click.option("--strict", is_flag=True, help="Inconclusive fails too (exit 6).")
@click.option("--warn-only", is_flag=True, help="Say it, but exit 0 where it would be 3 or 6.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: bench.toml above the current folder.",
)
@click.option("--md", type=click.Path(path_type=Path, dir_okay=False), help="Also write the verdict as Markdown.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Also write it as JUnit XML.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    candidate: str, baseline: str | None, tasks: str, strict: bool, warn_only: bool, config_path: Path | None,
    md: Path | None, junit: Path | None, store: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Judge a checkpoint against a baseline.

    A task regresses only when the drop is statistically real and at least the tolerance.

    \b
    Exit: 0 pass · 3 regressed or guard breached · 4 not comparable · 5 nothing to compare · 6 inconclusive
          under --strict · 2 a mistake in the call · 1 a crash
    Example: bench gate ckpt --baseline base
             bench gate ckpt --baseline file:results/baselines/release.json --md summary.md
    """
    from harness import config, lookup
    from harness.errors import NothingToCompare
    from harness.reports import json, markdown, terminal
    from harness.reports import junit as junit_report
    from harness.store.open import open_store
    from harness.verdicts import gate

    settings = config.read(config_path, config.Bench) if config_path else config.bench()
    baseline = baseline or settings.gate.get("baseline")
    if not baseline:
        raise NothingToCompare("no baseline: pass --baseline NAME, or write `baseline` under [gate] in bench.toml")
    policy = gate.policy(settings.gate, str(config_path or "bench.toml"), strict=strict)
    wanted = lookup.tasks(_options.names(tasks))
    with open_store(_options.store_path(store), mode="ro") as opened:
        after = lookup.outcomes(candidate, opened, tasks=wanted)
        own = {outcomes.run for outcomes in after}  # a run compared with itself passes and says nothing
        before = lookup.outcomes(baseline, opened, tasks=wanted, without=own)
    _known(policy.task, before, after, wanted)
    pairs, missing = _pair(before, after)
    verdict = gate.judge(pairs, policy, missing, today=date.today())
    if as_json:
        click.echo(json.render(verdict))
    else:
        echo(terminal.render(verdict))
    _write(md, markdown.render(verdict))
    _write(junit, junit_report.render(verdict))
    _github(verdict, config_path or config.root() / "bench.toml")
    return _exit_code(verdict, warn_only)


def _pair(before: list[Outcomes], after: list[Outcomes]) -> tuple[list[tuple[Outcomes, Outcomes]], list[str]]:
    """Pairs by task, and the baseline's tasks that the candidate lacks: a task that vanished is not a pass."""
    by_task = {outcomes.task: outcomes for outcomes in after}
    pairs = [(outcomes, by_task[outcomes.task]) for outcomes in before if outcomes.task in by_task]
    scored = [o for o in before if o.labelled or any(v is not None for v in o.values)]  # others have nothing to lose
    return pairs, [outcomes.task for outcomes in scored if outcomes.task not in by_task]


def _github(verdict: Verdict, place: Path) -> None:
    """Job summary and annotations; a runner that can't take them must not change the verdict."""
    from harness.reports import github, markdown

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return
    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown.render(verdict))
        lines = github.places(place.read_text("utf-8")) if place.is_file() else {}
    except OSError as error:
        echo(f"note: the job summary could not be written: {error}", err=True)
        return
    echo(github.render(verdict, lines, str(place)), err=True)


def _known(configured: Iterable[str], before: list[Outcomes], after: list[Outcomes], wanted: tuple[str, ...]) -> None:
    """A misspelt task in the configuration would otherwise be gated by defaults, or not at all."""
    from harness.errors import UserError
    from harness.plugins import nearest

    tasks = {outcomes.task for outcomes in (*before, *after)}
    for task in configured:
        if task not in tasks and not wanted:
            raise UserError(f"[gate.task.{task}] is about a task that neither side has; {nearest(task, tasks)}")


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _exit_code(verdict: Verdict, warn_only: bool) -> int:
    if warn_only and verdict.exit_code in (3, 6):
        echo(f"--warn-only: exit 0 instead of {verdict.exit_code}", err=True)
        return 0
    return verdict.exit_code
