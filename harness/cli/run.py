"""`bench run`: checkpoints × tasks -> stored answers and scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.evaluate import Job
    from harness.records import Checkpoint, EngineInfo, Exam, Run
    from harness.store.open import Store

ENGINES = ("auto", "hf", "vllm")
# one object of `--json`; scripts rely on these names; unparsed and truncated count answers
JSON = ("run", "checkpoint", "task", "metric", "value", "low", "high", "n", "micro", "macro", "unparsed", "truncated")


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
@click.option("--tasks", required=True, metavar="T,…", help="Tasks or groups, comma-separated; see `bench tasks`.")
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
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="auto: vllm where CUDA and vLLM are, else hf.",
)
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    default="auto",
    show_default=True,
    help="auto: the checkpoint's own on a GPU, float32 on a CPU.",
)
@click.option("--batch-size", type=click.IntRange(1), help="Prompts at a time (hf). Changes speed, not answers.")
@click.option(
    "--max-model-len",
    type=click.IntRange(1),
    help="Window in tokens. Default: the checkpoint's own; smaller takes less memory.",
)
@_options.store_option
@click.option("--name", help="Name on the board; for a single checkpoint.")
@click.option("--tag", "tags", multiple=True, help="Label on the runs, for `NAME@TAG` and `tag:TAG`. Repeatable.")
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
    """
    from harness import engines, evaluate
    from harness.cli import _watch
    from harness.questions import catalogue, load
    from harness.store.open import open_store

    found = catalogue.find(_options.names(tasks))
    checkpoints = _checkpoints(given)
    asked = _asked(given)
    local = _options.data_path(data)
    exams = [load.load(task, local, hub=hub, options={"shots": given["shots"]}) for task in found]
    options = {key: given[key] for key in ("dtype", "batch_size", "max_model_len")}

    def describe(checkpoint: Checkpoint) -> EngineInfo:
        return engines.describe(given["engine"], [checkpoint], options)

    if given["dry_run"]:
        _dry_run(checkpoints, exams, asked, describe, given["limit"])
        return
    path = _options.store_path(store)
    with open_store(path) as opened:
        jobs = evaluate.plan(
            checkpoints, exams, asked, describe,
            limit=given["limit"], repeats=given["repeats"], tags=_tags(given["tags"]), one_form=given["vs"] is not None,
        )  # fmt: skip
        if given["again"]:
            jobs = [evaluate.another_attempt(job, opened) for job in jobs]
        watch = _watch.choose(quiet=as_json)
        runs = evaluate.evaluate(jobs, opened, watch, lambda info, members: engines.load(info, members, options))
        report(opened, runs, as_json, path)
        if given["vs"] and not as_json:
            _versus(opened, jobs)


def _checkpoints(given: dict[str, Any]) -> list[Checkpoint]:
    """Read and examined; what the doctor refuses, bench run refuses."""
    from harness import config
    from harness.checkpoints import doctor, read
    from harness.errors import UserError
    from harness.identity import load_cache, save_cache

    if not given["models"] and not given["adapters"]:
        raise UserError("nothing to run: pass --model CKPT or --adapter DIR")
    cache_path = config.cache() / "files.json"
    cache = load_cache(cache_path)
    given_paths = [*given["models"], *given["adapters"], *([given["vs"]] if given["vs"] else [])]  # --vs comes last
    found = [
        read.read(path, base=given["base"], cache=cache) for pattern in given_paths for path in read.expand(pattern)
    ]
    save_cache(cache_path, cache)
    unique = list({checkpoint.id: checkpoint for checkpoint in found}.values())
    if given["name"]:
        from dataclasses import replace

        if len(unique) != 1 + bool(given["vs"]):
            raise UserError(f"--name {given['name']} can't name {len(unique)} checkpoints; run them one by one")
        unique[0] = replace(unique[0], name=given["name"])
    for checkpoint in unique:
        for finding in doctor.examine(checkpoint):
            if finding.level == "refuse":
                raise UserError(f"{checkpoint.name}: {finding.what}; {finding.remedy}")
            if finding.level == "warn":
                click.echo(f"note: {checkpoint.name}: {finding.what}; {finding.remedy}", err=True)
    return unique


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Only what the user said; the rest is the task's and the checkpoint's."""
    asked = {key: given[key] for key in ("shots", "temperature", "top_p", "max_tokens", "seed", "system")}
    asked["chat"] = {"on": True, "off": False, "auto": None}[given["chat"]]
    asked["think"] = {"on": "on", "off": "off", "auto": None}[given["think"]]
    return {key: value for key, value in asked.items() if value is not None}


def _tags(given: Sequence[str]) -> list[str]:
    """The user's, and the git branch, so that a baseline can be `branch:main`."""
    from harness import environment

    branch = environment.git_branch(Path.cwd())
    return [*given, *([f"branch:{branch}"] if branch else [])]


def report(store: Store, runs: Sequence[Run], as_json: bool, path: Path) -> None:
    """The runs as the JSON object that scripts rely on, or as a table and where to look next."""
    from harness.cli import _tables
    from harness.store import read

    rows = [read.board_row(store, run.id) for run in runs]
    if as_json:
        _options.print_json({"runs": [{key: row[key] for key in JSON} for row in rows]})
        return
    click.echo(_tables.scores(rows))
    click.echo(f"stored in {path}; `bench leaderboard --open` ranks them, `bench show NAME --wrong` reads the answers")


def _versus(store: Store, jobs: Sequence[Job]) -> None:
    """The comparison's sentence for every candidate against the checkpoint of --vs, which came last."""
    from harness.reports import terminal
    from harness.store import read
    from harness.verdicts import compare

    candidates = list(dict.fromkeys(job.checkpoint.id for job in jobs))
    base = {job.exam.id: job for job in jobs if job.checkpoint.id == candidates[-1]}
    for job in jobs:
        if job.checkpoint.id == candidates[-1]:
            continue
        before = read.outcomes(store, base[job.exam.id].run.id)
        after = read.outcomes(store, job.run.id)
        change = compare.compare(before, after)
        click.echo(terminal.render_change(change, (before.name, after.name)))


def _dry_run(
    checkpoints: Sequence[Checkpoint], exams: Sequence[Exam], asked: dict[str, Any], describe: Any, limit: int | None
) -> None:
    from harness import estimate
    from harness.evaluate import plan

    for job in plan(checkpoints, exams, asked, describe, limit=limit):
        click.echo(estimate.describe(job))
