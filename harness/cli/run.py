"""`bench run`: ask checkpoints, keep every answer, score."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _engine, _options
from harness.cli._echo import echo
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.errors import NotComparable, NothingToCompare
    from harness.evaluate import Job
    from harness.records import Checkpoint
    from harness.store.open import Store
    from harness.verdicts.comparison import Line


@click.command("run")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="CKPT",
    help="Checkpoint or adapter folder, hub id, or a quoted glob. Repeatable.",
)
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="DIR",
    help="Adapter folder; its base is looked for in --base, its config, local caches. Repeatable.",
)
@click.option("--base", metavar="CKPT", help="The base of the adapters.")
@click.option("--tasks", default="", metavar="T,…", help="Tasks or groups, comma-separated; see `bench tasks`.")
@click.option(
    "--prompts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Your own open prompts, no golds: lines of text, or rows with a prompt or turns. Repeatable.",
)
@_options.data_option
@_options.hub_option
@click.option("--limit", type=click.IntRange(1), help="Questions per task, spread over its subjects.")
@click.option("--shots", type=click.IntRange(0), help="Solved examples before each question. Default: the task's.")
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Answers per question; needs --temperature above 0 to differ.",
)
@click.option("--temperature", type=click.FloatRange(0), help="0 = greedy. Default: the task's, mostly 0.")
@click.option("--top-p", type=click.FloatRange(0, 1), help="Nucleus sampling.")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer, thinking included. Default: the task's.")
@click.option("--seed", type=int, help="Of sampling; without --temperature it changes nothing.")
@click.option(
    "--chat-template",
    "chat",
    type=click.Choice(["on", "off", "auto"]),
    default="auto",
    show_default=True,
    help="auto: on when the checkpoint has one and the task generates.",
)
@click.option("--system", help="System prompt.")
@click.option(
    "--think",
    type=click.Choice(["on", "off", "auto"]),
    default="auto",
    show_default=True,
    help="Switch of the chat template, where it has one.",
)
@_engine.engine_option
@_options.store_option
@click.option("--name", help="Name on the board; for a single checkpoint.")
@click.option("--tag", "tags", multiple=True, help="Label on the runs, for `NAME@TAG` and `tag:TAG`. Repeatable.")
@click.option("--note", metavar="TEXT", help="Why this was run, in a line; `bench log` shows it.")
@click.option("--again", is_flag=True, help="Ask anew what is finished, as a new attempt.")
@click.option("--vs", metavar="BASE", help="Also run BASE under the same prompt form and end with the comparison.")
@click.option("--dry-run", is_flag=True, help="Show two real prompts per task and what a run would cost; ask nothing.")
@_options.include_option
@_options.json_option
def command(tasks: str, data: Path | None, hub: str, store: Path | None, as_json: bool, **given: Any) -> None:
    """Ask checkpoints, keep every answer, score.

    A finished run is shown, not asked again; a stopped one goes on where it was. Exit 0 whatever the score:
    `bench gate` judges.

    \b
    Example: bench run --model out/checkpoint-500 --tasks ceval,mathcot --data data/
             bench run --adapter lora/ --base Qwen/Qwen2.5-0.5B --tasks medqa --limit 200 --vs Qwen/Qwen2.5-0.5B
             bench run --endpoint http://127.0.0.1:8000/v1 --served-model qwen --tasks ceval --data data/
             bench run --model out/r16 --tasks ceval --note "rank 16, since 8 underfits"
    """
    from harness import evaluate
    from harness.cli import _checkpoints, _exams, _form, _report, _score, _watch
    from harness.questions import catalogue
    from harness.reports import change
    from harness.store.open import open_store

    if given["dry_run"] and as_json:
        raise UserError("--dry-run prints prompts for people; leave out --json, or write them with `bench prompts`")
    note = _options.note(given["note"])
    answering = _engine.chosen(given)
    if not tasks and not given["prompts"]:
        raise UserError("nothing to ask; name --tasks (see `bench tasks`), or give your own --prompts FILE")
    catalogue.find(_options.names(tasks) or [_exams.OPEN_TASK])  # a misspelt name is told before checkpoints are read
    examined = _checkpoints.gather(given)
    asked = _asked(given, examined.checkpoints)
    exams = [_exams.own_prompts(path) for path in given["prompts"]]
    exams += _exams.gather(_options.names(tasks), _options.data_path(data), hub, {"shots": given["shots"]})
    jobs = evaluate.plan(
        examined.checkpoints, exams, asked, answering.describe,
        limit=given["limit"], repeats=given["repeats"], tags=_tags(given["tags"]), one_form=examined.base is not None,
        scores=answering.scores,
    )  # fmt: skip
    if given["dry_run"]:
        _dry_run(jobs, asked, examined.base)
        return
    path = _options.store_path(store)
    with open_store(path) as opened:
        jobs = _checkpoints.named(jobs, given["name"], opened)
        if given["again"]:
            jobs = [evaluate.another_attempt(job, opened) for job in jobs]
        _form.announce(jobs, asked, examined.base)
        watch = _watch.choose(quiet=as_json)
        with _noted(opened, note, jobs):
            runs = evaluate.evaluate(jobs, opened, watch, answering.load, examined.confirm)
        lines, refused = _against(opened, jobs, examined.base)
        _report.report(opened, runs, as_json, path, [line.change for line in lines] if examined.base else None)
        if not as_json:
            for sentence in _report.bindings(opened, jobs):
                echo(sentence)
            if examined.base and lines:
                echo(f"\n{change.render(examined.base.name, lines)}".rstrip("\n"))
        _score.after(opened, runs, quiet=as_json)
        if refused:
            raise type(refused[0])("; ".join(dict.fromkeys(map(str, refused))))


@contextmanager
def _noted(store: Store, note: str | None, jobs: Sequence[Job]) -> Iterator[None]:
    """The note stands beside the runs also where they were interrupted."""
    from harness.store import notes

    try:
        yield
    finally:
        if note:
            notes.record(store, "run", note, [job.run.id for job in jobs])


def _asked(given: dict[str, Any], checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """Only what the user said; the rest is the task's and the checkpoint's."""
    from harness.checkpoints import template

    asked = {key: given[key] for key in ("shots", "temperature", "top_p", "max_tokens", "seed", "system")}
    asked["chat"] = {"on": True, "off": False, "auto": _engine.form_of(given)}[given["chat"]]
    asked["think"] = {"on": "on", "off": "off", "auto": None}[given["think"]]
    if asked["think"]:
        for checkpoint in checkpoints:
            # an endpoint hides its template: the engine sends the switch, and says so when the server refuses it
            if checkpoint.kind != "endpoint" and not template.thinking_switch(checkpoint):
                raise UserError(f"the chat template of {checkpoint.name} has no thinking switch; leave out --think")
    return {key: value for key, value in asked.items() if value is not None}


def _tags(given: Sequence[str]) -> list[str]:
    """The user's, and the git branch and commit, so that a baseline can be `branch:main`, of a commit before this one."""
    from harness import commits

    known = {"branch": commits.branch(Path.cwd()), "commit": commits.head(Path.cwd())}
    return [*given, *(f"{name}:{value}" for name, value in known.items() if value)]


def _against(
    store: Store, jobs: Sequence[Job], base: Checkpoint | None
) -> tuple[list[Line], list[NotComparable | NothingToCompare]]:
    """Every checkpoint against that of --vs, as `bench compare` has it; what can't be compared is told after the rest."""
    from harness.store import read
    from harness.verdicts import comparison

    first = {job.exam.task.key: job.run.id for job in jobs if base and job.checkpoint.id == base.id}
    others = [job for job in jobs if base and job.checkpoint.id != base.id]
    pairs = [(read.outcomes(store, first[job.exam.task.key]), read.outcomes(store, job.run.id)) for job in others]
    found = comparison.compare_all(pairs)
    lines = [one for one in found if isinstance(one, comparison.Line)]
    return lines, [one for one in found if not isinstance(one, comparison.Line)]


def _dry_run(jobs: Sequence[Job], asked: dict[str, Any], base: Checkpoint | None) -> None:
    from harness import estimate
    from harness.cli import _form

    _form.announce(jobs, asked, base)
    for job in jobs:
        echo(estimate.describe(job))
