"""The checkpoints of `bench train` made one after the other, what is said of each, and what follows from all of them.

Example: of three learning rates the largest loses its loss: the two others are trained and ranked all the same, and the exit
code is 1. Trap: a training may take hours, so the store is opened only where something is written to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from harness import config
from harness.cli import _options, _train_plan, _train_rank
from harness.cli._echo import echo
from harness.cli._pace import duration
from harness.cli._packed import short
from harness.cli._train_rank import Entry
from harness.errors import UserError
from harness.verdicts.wording import size
from harness.words import listed, say

if TYPE_CHECKING:
    from harness.contamination import Check
    from harness.records import Checkpoint, Exam, Lineage
    from trainers.recipe_file import Planned

NO_NUMBER = "no number"  # in what a lineage says of a loss that was lost
LOST, INTERRUPTED = 1, 130


@dataclass(frozen=True)
class Made:
    planned: Planned
    folder: Path
    checkpoint: Checkpoint

    @property
    def lineage(self) -> Lineage:
        from harness.records import Lineage

        return self.checkpoint.lineage or Lineage()


@dataclass
class Done:
    """What became of all that was planned."""

    made: list[Made] = field(default_factory=list)
    failed: dict[str, UserError] = field(default_factory=dict)  # by name
    overlaps: dict[str, dict[str, Any]] = field(default_factory=dict)  # by training file


def place(given: Path | None) -> Path:
    return Path(short(given or config.root() / "results" / "train"))


def make(planned: Sequence[Planned], given: Mapping[str, Any]) -> int:
    exams = _exams(given)  # a misspelt task is told before hours of training
    done = Done()
    try:
        _train(planned, given, exams, done)
    except KeyboardInterrupt:
        echo(say("bench: stopped; the same command goes on behind the last step that was kept"), err=True)
        return INTERRUPTED
    if not done.made:
        raise next(iter(done.failed.values()))
    ranked = _ranked(done, given) if given["tasks"] else None
    if given["json"]:
        _options.print_json(_plain(done) | (_train_rank.plain(ranked) if ranked else {}))
    elif ranked:
        _train_rank.show(ranked)
    _next(done, given)
    lost = [one.planned.name for one in done.made if NO_NUMBER in (one.lineage.ended or "")]
    for name, error in done.failed.items():
        echo(f"bench: {name}: {error}", err=True)
    if lost:
        template = "bench: the loss of {names} was lost on the way; what is kept are the last good weights"
        echo(say(template, names=listed(lost)), err=True)
    return LOST if lost else next((error.exit_code for error in done.failed.values()), 0)


def _train(planned: Sequence[Planned], given: Mapping[str, Any], exams: Sequence[Exam], done: Done) -> None:
    from harness.cli import _train_watch
    from trainers.train import train

    if not given["json"]:
        _train_plan.hint(planned)
    for number, one in enumerate(planned):
        folder = given["out"] / one.name
        _train_plan.headline(planned, number, err=True)
        recipe = one.recipe
        names = {"method": recipe.method, "parent": _parent(one), "folder": folder}
        echo(say("{method} from {parent}, to {folder}", **names), err=True)
        with _train_watch.choose(quiet=given["json"]) as watch:
            try:
                checkpoint = train(
                    one.recipe, one.folder, folder, watch, data=given["data"], hub=given["hub"], exams=exams,
                    again=given["again"], keep=lambda check: _keep(check, given["store"], done),
                )  # fmt: skip
            except UserError as error:
                if len(planned) == 1:
                    raise
                done.failed[one.name] = error  # another value may do better
                echo(say("{name}: {said}", name=one.name, said=str(error)), err=True)
                continue
        done.made.append(Made(one, folder, checkpoint))
        for line in _told(done.made[-1]):
            echo(line, err=True)


# -- exams that the rows are looked through for ---------------------------------------------------------------------


def _exams(given: Mapping[str, Any]) -> list[Exam]:
    """Those of --tasks, else all that the store has asked."""
    from harness.cli import _exams
    from harness.questions import catalogue

    if names := _options.names(given["tasks"]):
        catalogue.find(names)
        return _exams.gather(names, given["data"], given["hub"])
    if not given["store"].is_file():
        return []
    from harness.store import read
    from harness.store.open import open_store

    with open_store(given["store"], mode="ro") as store:
        newest = {read.get_task(store, run.exam).key: run.exam for run in reversed(read.list_runs(store))}
        found = [read.get_exam(store, exam) for exam in newest.values()]
    return [exam for exam in found if exam.samples and exam.task.labelled]


def _keep(check: Check, path: Path, done: Done) -> None:
    from harness import contamination
    from harness.store.open import open_store

    with open_store(path) as store:
        contamination.keep(store, check)
    done.overlaps[check.file] = {
        one.exam.task.key: {level: one.count(level) for level in ("exact", "near", "partial")} for one in check.exams
    }


# -- what is told of a checkpoint -----------------------------------------------------------------------------------


def _told(made: Made) -> Iterator[str]:
    """results/train/lora: 60 steps in 12 s, loss 1.931 -> 0.412, 78.1 KiB to serve"""
    told, checkpoint = made.lineage, made.checkpoint
    facts = [say("{n:,} steps in {time}", n=told.steps or 0, time=duration(told.seconds or 0.0))]
    if len(told.loss) > 1 and told.method != "grpo":  # whose loss says nothing
        facts.append(say("loss {first:.3f} -> {last:.3f}", first=told.loss[0][1], last=told.loss[-1][1]))
    scores = [look["score"] for look in told.looks if isinstance(look.get("score"), float)]
    if len(scores) > 1:
        facts.append(say("held out {first:.1%} -> {last:.1%} right", first=scores[0], last=scores[-1]))
    if checkpoint.bytes:
        facts.append(say("{size} to serve", size=size(checkpoint.bytes)))
    yield say("{name}: {facts}", name=made.folder, facts=listed(facts))
    if told.merge:
        drift = told.merge.get("kl_nats")
        if isinstance(drift, int | float):
            yield say("merged weights drift from the adapter by {n:.2g} nats a token", n=drift)
    if told.ended:
        yield say("warning: {name} ended early: {why}", name=made.planned.name, why=told.ended)


def _next(done: Done, given: Mapping[str, Any]) -> None:
    first = done.made[0]
    if given["json"]:
        return
    if given["tasks"]:
        echo(say("stored in {path}; `bench leaderboard --open` ranks them with all others", path=short(given["store"])))
    else:
        models = " ".join(f"--model {quote(str(one.folder))}" for one in done.made)
        command = f"bench run {models} --tasks T,… --vs {quote(_parent(first.planned))}"
        echo(say("rank it: `{command}`", command=command), err=True)


def _plain(done: Done) -> dict[str, Any]:
    """For scripts; names of the keys are kept."""
    return {
        "checkpoints": [
            {
                "name": one.planned.name, "arm": one.planned.arm, "moved": dict(one.planned.moved),
                "folder": str(one.folder), "id": one.checkpoint.id, "epochs": [str(p) for p in _train_rank.epochs(one.folder)],
                "lineage": dataclasses.asdict(one.lineage),
            }
            for one in done.made
        ],
        "failed": {name: str(error) for name, error in done.failed.items()},
        "overlaps": done.overlaps,
    }  # fmt: skip


# -- ranked ---------------------------------------------------------------------------------------------------------


def _ranked(done: Done, given: Mapping[str, Any]) -> _train_rank.Ranked:
    from harness.checkpoints import read
    from harness.store.open import open_store

    parents = [(named, read.read(named)) for named in dict.fromkeys(_parent(one.planned) for one in done.made)]
    parent, *others = [Entry(found.name, named, found.id) for named, found in parents]
    for one in done.made:
        own = one.planned
        entry = Entry(own.name, str(one.folder), one.checkpoint.id, own.arm, own.moved)
        others.append(entry)
        for folder in _train_rank.epochs(one.folder):
            others.append(Entry(folder.name, str(folder), read.read(folder).id))
    more = ["--store", short(given["store"])]
    more += ["--engine", given["engine"]] if given["engine"] != "auto" else []
    more += ["--hub", given["hub"]] if given["hub"] != "huggingface" else []
    more += ["--data", str(given["data"])] if given["data"] else []
    _train_rank.run([parent, *others], given["tasks"], more)
    with open_store(given["store"], mode="ro") as store:
        return _train_rank.rank(store, parent, others, _options.names(given["tasks"]))


def _parent(planned: Planned) -> str:
    """The parent as a command takes it: a folder from here, or a hub id."""
    from trainers.parent import placed

    named = placed(planned.recipe.parent, planned.folder)
    return short(Path(named)) if Path(named).exists() else named
