"""`bench gate aa`: the engine's own flip rate: ask a run's checkpoint again, and compare it with itself."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _engine, _options
from harness.cli._echo import echo
from harness.words import heads, say

if TYPE_CHECKING:
    from harness.cli._checkpoints import Asked
    from harness.evaluate import Job
    from harness.records import Checkpoint, EngineInfo, Exam, Run
    from harness.store.open import Store
    from harness.verdicts.noise import Noise

ATTEMPT = 1


@click.command("aa")
@click.argument("spec", metavar="CKPT|RUN")
@click.option("--tasks", default="", metavar="T,…", help="Only these.")
@_options.data_option
@_options.hub_option
@_engine.engine_option
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    spec: str, tasks: str, data: Path | None, hub: str, store: Path | None, as_json: bool, **given: Any
) -> None:
    """Measure the engine's own flip rate.

    The questions of a finished run are asked again of the same checkpoint by the same engine, in another order, and the
    two are compared. The second answers are kept in a store of their own beside the store (bench.db.aa), so they never
    stand for the run; a second call goes on or shows what is there. Exit 0.

    \b
    Example: bench gate aa base --data data/
    """
    from harness import evaluate, lookup, noise
    from harness.cli import _watch
    from harness.store import read
    from harness.store.open import open_store
    from harness.verdicts import noise as verdict

    path = _options.store_path(store)
    with open_store(path, mode="ro") as opened:
        runs = lookup.runs(opened, spec, tasks=lookup.tasks(_options.names(tasks)))
        runs = [run for run in runs if read.get_task(opened, run.exam).labelled]
        asked = _checkpoint(opened, runs, given)
        jobs = [_job(opened, run, asked.checkpoints[0], given, data, hub) for run in runs]
        first = [read.outcomes(opened, run.id) for run in runs]
    answering = _engines(asked.checkpoints[0], given, jobs[0].engine)
    with open_store(noise.place(path)) as aside:
        evaluate.evaluate(jobs, aside, _watch.choose(quiet=as_json), answering.load, asked.confirm)
        second = [read.outcomes(aside, job.run.id) for job in jobs]
    found = [verdict.noise(a, b) for a, b in zip(first, second, strict=True)]
    if as_json:
        _options.print_json({"schema_version": 1, "checkpoint": asked.checkpoints[0].name, "store": str(noise.place(path)),
                             "tasks": [dataclasses.asdict(n) for n in found]})  # fmt: skip
        return
    _show(found)
    if runs[0].settings.temperature:
        template = "sampled at temperature {t:g}: most of these flips are the sampling's"
        echo(say(template, t=runs[0].settings.temperature))
    template = "kept in {path}; the paired test of `bench gate` needs no correction: such flips go both ways"
    echo(say(template, path=noise.place(path)))


def _checkpoint(store: Store, runs: Sequence[Run], given: dict[str, Any]) -> Asked:
    """The very checkpoint of the runs; UserError where it is gone, changed, or never was here."""
    from harness.cli import _checkpoints
    from harness.errors import NothingToCompare, UserError
    from harness.store import read

    if not runs:
        raise NothingToCompare("no run with golds to ask again; `bench runs` lists what there is")
    ids = {run.checkpoint for run in runs}
    if len(ids) > 1:
        raise UserError("these are runs of several checkpoints; an A/A check is about one: name it")
    known = read.find_checkpoint(store, ids.pop())
    assert known is not None  # a foreign key holds it
    if runs[0].settings.asked != "here" or known.kind == "outputs":
        raise UserError(f"{known.name} was imported: its answers exist without a model, so it can't be asked again")
    if known.kind != "endpoint" and not (known.path and Path(known.path).is_dir()):
        raise UserError(f"{known.name} was at {known.path}, which is no folder now; put it back and ask again")
    if known.kind == "endpoint" and not given["endpoint"]:
        raise UserError(f"{known.name} is behind a server: add --endpoint URL --served-model NAME")
    adapter = known.kind == "adapter"
    here = known.kind != "endpoint"
    where = {
        "models": (known.path,) if here and not adapter else (), "adapters": (known.path,) if here and adapter else (),
        "base": known.base_path, "vs": None, "name": None,
    }  # fmt: skip
    asked = _checkpoints.gather({**given, **where})
    if asked.checkpoints[0].id != known.id:
        raise UserError(f"{known.path} is not what was run: its weights, config or template have changed")
    named = dataclasses.replace(asked.checkpoints[0], name=known.name)
    return dataclasses.replace(asked, checkpoints=(named,))


def _engines(checkpoint: Checkpoint, given: dict[str, Any], info: EngineInfo) -> _engine.Engines:
    """The engine of the run, with its number type, unless the user says otherwise."""
    here = checkpoint.kind != "endpoint"
    options = {**given, "models": (checkpoint.path,) if here else (), "adapters": (), "vs": None}
    if here:
        options["engine"] = info.name if given["engine"] == "auto" else given["engine"]
        options["dtype"] = given["dtype"] or info.dtype
    return _engine.chosen(options)


def _job(store: Store, run: Run, checkpoint: Checkpoint, given: dict[str, Any], data: Path | None, hub: str) -> Job:
    """The same questions in another order, as the second attempt of the same run."""
    from harness import evaluate, identity
    from harness.errors import NothingToCompare, UserError
    from harness.store import read

    if run.status != "done":
        raise NothingToCompare(f"run {run.id[:8]} is {run.status}; finish it first by the same `bench run`")
    info = read.get_engine(store, run.engine)
    described = _engines(checkpoint, given, info).describe(checkpoint)
    if described.id != info.id:
        fields = [
            f.name
            for f in dataclasses.fields(info)
            if f.name != "id" and getattr(info, f.name) != getattr(described, f.name)
        ]
        was, now = (", ".join(f"{name} {getattr(e, name)!r}" for name in fields) for e in (info, described))
        raise UserError(
            f"run {run.id[:8]} was answered with {was}, here it would be {now}; give the options it was made with"
        )
    exam = _exam(store, run, data, hub)
    there = set(read.table(store, run.id)["sample"])
    samples = [sample for sample in exam.samples if sample.id in there]
    random.Random(run.id).shuffle(samples)
    again = dataclasses.replace(
        run, id=identity.run_id(checkpoint.id, exam.id, run.settings, info.id, ATTEMPT), attempt=ATTEMPT,
        expected=len(samples) * run.repeats, done=0, status="running", started=None, finished=None, peak_bytes=None,
    )  # fmt: skip
    return evaluate.Job(again, checkpoint, exam, info, tuple(samples))


def _exam(store: Store, run: Run, data: Path | None, hub: str) -> Exam:
    """Read anew, since a store holds no solved examples; it must be the one that was asked."""
    from harness.cli import _exams
    from harness.errors import UserError
    from harness.store import read

    task = read.get_task(store, run.exam)
    for exam in _exams.gather([task.key], _options.data_path(data), hub, {"shots": run.settings.shots}):
        if exam.id == run.exam:
            return exam
    raise UserError(
        f"the questions of {task.key} are no longer those of run {run.id[:8]}; pass the --data it was asked from"
    )


def _show(found: Sequence[Noise]) -> None:
    from harness.cli import _tables

    lines = [heads("task", "n", "flipped", "rate", "95 % interval", "lost", "gained", "score moved")]
    for n in found:
        ends = f"{100 * n.low:.2f} – {100 * n.high:.2f}"
        lines.append([n.task, f"{n.n:,}", str(n.flipped), f"{100 * n.rate:.2f} %", ends, str(n.lost), str(n.gained),
                      f"{100 * n.change:+.1f}"])  # fmt: skip
    echo(_tables.table(lines))
