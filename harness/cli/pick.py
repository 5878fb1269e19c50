"""`bench pick`: which checkpoint to ship: who is tied with the best, and what may be reported."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.records import Checkpoint, Run
    from harness.store.open import Store
    from harness.verdicts.pick import Entrant, Picked


LITTLE = 0.0005  # of a share: shown as 0.0 points


@click.command("pick")
@click.argument("checkpoints", nargs=-1, required=True)
@click.option(
    "--on", "tasks", required=True, metavar="T,…", help="Tasks to choose by; those without golds are only shown."
)
@click.option("--confirm", metavar="T", help="A task with other questions, whose score is the one to report.")
@_options.data_option
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    checkpoints: tuple[str, ...], tasks: str, confirm: str | None, data: Path | None, store: Path | None, as_json: bool
) -> None:
    """Which of these checkpoints to ship, from runs that are stored.

    CHECKPOINTS are names, folders, or quoted globs of either. The best score of several is flattered: it was looked
    for. So those that can't be told from the best are tied with it, the smallest of them is advised, of equally small
    ones the earliest, and its score on --confirm, whose questions had no part in the choice, is the one to report.

    \b
    Example: bench pick 'out/checkpoint-*' --on ceval,chat --confirm ceval:test
             bench pick med-r8 med-r16 med-r32 --on medqa,mathcot
    """
    from harness import lookup
    from harness.store import read
    from harness.store.open import open_store
    from harness.verdicts import pick

    more = (*(("--data", str(data)) if data else ()), *(("--store", str(store)) if store else ()))
    with open_store(_options.store_path(store), mode="ro") as opened:
        on = list(dict.fromkeys(lookup.tasks(_options.names(tasks))))
        found = {c.id: c for name in checkpoints for c in lookup.checkpoints(opened, name)}
        known = {run.exam for c in found.values() for run in read.list_runs(opened, checkpoint=c.id, status="done")}
        there = {read.get_task(opened, exam).key for exam in known}
        typed = _options.names(tasks)
        asked = [t for t in on if t in there or t in typed] or on  # of a group, what any of them was asked
        chosen, notes = _entrants(opened, list(found.values()), asked, more)
        picked = pick.pick([entrant for entrant, _ in chosen])
        names = {entrant.name: runs for entrant, runs in chosen}
        confirmed = _confirm(opened, confirm, picked, names, more) if confirm else None
    if as_json:
        _options.print_json({**asdict(picked), "confirmed": asdict(confirmed) if confirmed else None, "notes": notes})
        return
    from harness.reports import choice

    echo(choice.render_choice(picked, _sentence(picked, confirmed)).rstrip("\n"))
    for note in notes:
        echo(note)


# -- what is chosen from -----------------------------------------------------------------------------------------


def _entrants(
    store: Store, found: Sequence[Checkpoint], tasks: Sequence[str], more: Sequence[str]
) -> tuple[list[tuple[Entrant, list[Run]]], list[str]]:
    """Checkpoints with a run of every task, asked as most of them were; and the line that would bring in each other one."""
    from harness import lookup, pairs
    from harness.errors import NothingToCompare
    from harness.store import read
    from harness.verdicts.pick import Entrant

    runs = {c.id: {t: _runs(store, c, t) for t in tasks} for c in found}
    ways = {t: _common_way([runs[c.id][t] for c in found]) for t in tasks}
    chosen: list[tuple[Entrant, list[Run]]] = []
    notes: list[str] = []
    for age, checkpoint in enumerate(found):
        mine = {t: next((r for r in runs[checkpoint.id][t] if _way(r) == ways[t]), None) for t in tasks}
        lacking = [t for t, run in mine.items() if run is None]
        if lacking:
            like = next((r for c in found for t in lacking for r in runs[c.id][t] if _way(r) == ways[t]), None)
            own = next((r for r in lookup.matching(store, checkpoint.id)), None)
            line = pairs.again(store, replace(like, checkpoint=checkpoint.id), lacking, more) if like and own else ""
            what = f"{checkpoint.name} is left out: it lacks {', '.join(lacking)}, asked as of the others"
            notes.append(what + (f"; `{line}`" if line else ""))
            continue
        kept = [run for run in mine.values() if run]
        outcomes = {t: read.outcomes(store, run.id) for t, run in zip(tasks, kept, strict=True)}
        steps = checkpoint.lineage.steps if checkpoint.lineage else None
        chosen.append((Entrant(checkpoint.name, outcomes, checkpoint.bytes, steps, age), kept))
    if len(chosen) < 2:
        told = f": {notes[0]}" if notes else ""
        if len(found) == 1 and chosen:
            raise NothingToCompare(
                f"{found[0].name} is the only checkpoint named, so there is nothing to choose; name two"
            )
        raise NothingToCompare(f"only {len(chosen)} of {len(found)} checkpoints have runs of {', '.join(tasks)}{told}")
    return chosen, notes


def _runs(store: Store, checkpoint: Checkpoint, task: str) -> list[Run]:
    from harness.store import read

    return read.list_runs(store, checkpoint=checkpoint.id, task=task, status="done")


def _way(run: Run) -> tuple[Any, ...]:
    """What runs must share before they are ranked together."""
    from harness import identity

    return run.exam, identity.canonical(identity.settings_fields(run.settings)), run.expected, run.repeats


def _common_way(sides: Sequence[Sequence[Run]]) -> tuple[Any, ...] | None:
    """The way in which most checkpoints were asked; of equally common ones the newest."""
    counts: dict[tuple[Any, ...], tuple[int, str]] = {}
    for side in sides:
        for way in dict.fromkeys(map(_way, side)):
            newest = max((run.started or "" for run in side if _way(run) == way), default="")
            many, latest = counts.get(way, (0, ""))
            counts[way] = (many + 1, max(latest, newest))
    return max(counts, key=lambda way: counts[way]) if counts else None


# -- what may be reported ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Confirmed:
    """The advised checkpoint on questions that had no part in the choice; `line` where it was not run on them."""

    task: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    line: str = ""
    points: bool = True


def _confirm(store: Store, typed: str, picked: Picked, runs: dict[str, list[Run]], more: Sequence[str]) -> _Confirmed:
    from harness import metrics, pairs
    from harness.errors import UserError
    from harness.store import read

    task = _task(typed)
    used = runs[picked.advised]
    asked = {s for run in used for s in _samples(store, run)}
    for run in read.list_runs(store, checkpoint=used[0].checkpoint, task=task, status="done"):
        if run.exam in {r.exam for r in used} or asked & set(_samples(store, run)):
            raise UserError(
                f"--confirm {typed} asks the questions that were chosen by; give a task or split with others"
            )
        if run.settings.chat == used[0].settings.chat or run.settings.asked != "here":
            row = read.board_row(store, run.id)
            points = metrics.find(row["metric"]).UNIT == "share" if metrics.known(row["metric"]) else True
            return _Confirmed(task, row["value"], row["low"], row["high"], row["n"], points=points)
    if used[0].settings.asked != "here":
        return _Confirmed(task, line=f"bench import FILE --task {task} --run {picked.advised}=FIELD")
    whole = replace(used[0], expected=len(read.get_exam(store, used[0].exam).samples) * used[0].repeats)
    return _Confirmed(task, line=pairs.again(store, whole, [task], more))


def _samples(store: Store, run: Run) -> set[str]:
    from harness.store import read

    return {sample.id for sample in read.get_exam(store, run.exam).samples}


def _task(typed: str) -> str:
    """`ceval@test` for `ceval:test`: a split is a form here, but what stands after @ is what people say."""
    from harness import lookup
    from harness.questions import catalogue

    name, at, split = typed.partition("@")
    if at and f"{name}:{split}" in {task.key for task in catalogue.tasks()}:
        return f"{name}:{split}"
    return lookup.tasks([typed])[0]


def _sentence(picked: Picked, confirmed: _Confirmed | None) -> str:
    """What to do, and why; then what to report."""
    from harness.verdicts import wording

    best = picked.places[0]
    shown = wording.number(best.score, picked.points)
    much = wording.number(picked.inflation, picked.points)
    template = "its {score} is flattered by about {much}, the best of {n}"
    if picked.points:
        template = "its {score} is flattered by about {much} points, the best of {n}"
    if picked.inflation < LITTLE:
        template = "its {score} is hardly flattered"
    flattered = say(template, score=shown, much=much, n=len(picked.places))
    template = "Ship {advised}: {why} (best: {best}, but {flattered})"
    if picked.advised == best.name:
        template = "Ship {advised}: {why}; {flattered}"
    lead = say(template, advised=picked.advised, why=picked.why, best=best.name, flattered=flattered)
    if confirmed is None:
        return say("{lead}. Don't report a score that was chosen by: --confirm a task with other questions.", lead=lead)
    if confirmed.value is None and confirmed.line:
        return say("{lead}. Not confirmed yet: run `{command}`.", lead=lead, command=confirmed.line)
    if confirmed.value is None:
        return say("{lead}. Not confirmed yet: it has no score on {task}.", lead=lead, task=confirmed.task)
    score, low, high = (wording.number(v, confirmed.points) for v in (confirmed.value, confirmed.low, confirmed.high))
    template = "{lead}. Report {score} on {task} (95 % interval {low} to {high}, {n:,} questions)."
    return say(template, lead=lead, score=score, task=confirmed.task, low=low, high=high, n=confirmed.n)
