"""How a command that brought runs to their end shows them: one JSON object for scripts, or a table and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _options, _tables
from harness.cli._echo import echo
from harness.errors import UserError
from harness.words import listed, say

if TYPE_CHECKING:
    from harness.evaluate import Job
    from harness.records import Change, Run
    from harness.store.open import Store

# one object of `--json`; scripts rely on these names; unparsed and truncated count answers; beside them `remarks`
JSON = ("run", "checkpoint", "task", "metric", "value", "low", "high", "n", "micro", "macro", "unparsed", "truncated")

CLEAR = 0.98  # share of answers read; below it the score's other bound is told


def report(
    store: Store, runs: Sequence[Run], as_json: bool, path: Path, changes: Sequence[Change] | None = None
) -> None:
    """Show the runs; UserError (exit 2) where every answer of one failed, since that is no score but a mistake."""
    from harness.store import read

    rows = [read.board_row(store, run.id) for run in runs]
    counts = [read.outcome_counts(store, run.id) for run in runs]
    said = [remarks(store, run.id) for run in runs]
    if as_json:
        shown: dict[str, Any] = {
            "runs": [{key: row[key] for key in JSON} | more for row, more in zip(rows, said, strict=True)]
        }
        if changes is not None:
            shown["changes"] = [asdict(change) for change in changes]
        _options.print_json(shown)
    else:
        echo(_tables.scores([{**row, "empty": n.get("empty", 0)} for row, n in zip(rows, counts, strict=True)]))
        for line in _means(rows):
            echo(line)
    for row, outcomes, more in zip(rows, counts, said, strict=True):
        name = f"{row['checkpoint']} × {row['task']}"
        for line in spoken(more):
            echo(say("{name}: {said}", name=name, said=line), err=True)
        if sum(outcomes.values()) == outcomes.get("error", 0) > 0:
            raise UserError(f"{name}: every answer failed, so there is no score ({more['first_error']})")
    if not as_json:
        for run, row in zip(runs, rows, strict=True):
            if row["value"] is None and not read.get_task(store, run.exam).labelled:
                export = f"bench export {row['checkpoint']} --task {row['task']} -o FILE"
                template = "{task} has no public labels, so no score; `{command}` writes what is handed in"
                echo(say(template, task=row["task"], command=export))
        template = (
            "stored in {path}; `bench leaderboard --open` ranks them, `bench show NAME --wrong` reads the answers"
        )
        echo(say(template, path=path))


def bindings(store: Store, jobs: Sequence[Job]) -> list[str]:
    """What letters hide, of each checkpoint that was asked for the letters and for the texts of the same options."""
    from harness.store import read
    from harness.verdicts import binding

    asked = {job.exam.task.key: job for job in jobs if job.exam.task.ask == "letters"}
    texts = {binding.texts_of(key) for key in asked} & {job.exam.task.key for job in jobs}
    sides = [j for j in jobs if j.exam.task.key in texts or binding.texts_of(j.exam.task.key) in texts]
    outcomes = [read.outcomes(store, job.run.id) for job in sides]
    return binding.sentences(outcomes, {key: job.exam.task.chance for key, job in asked.items()})


def remarks(store: Store, run_id: str) -> dict[str, Any]:
    """What must be known beside the score: questions not asked, answers not graded, and by which ways it was answered."""
    from harness.store import read

    unasked, why = read.unasked(store, run_id)
    whole = {result.metric: result.value for result in read.results(store, run_id) if not result.slice}
    errors = read.outcome_counts(store, run_id).get("error", 0)
    return {
        "unasked": unasked,
        "ungraded": max(0, errors - unasked),
        "first_error": why or (read.first_error(store, run_id) if errors else None),
        "notes": read.notes(store, run_id),
        # format compliance, and the score's other bound: if the unread answers were guesses; None where that is no other
        "answered": whole.get("answered_rate"),
        "guessed": whole.get("accuracy_guessed") if whole.get("accuracy_guessed") != whole.get("accuracy") else None,
    }


def spoken(said: Mapping[str, Any]) -> list[str]:
    """The same as lines: "3 questions could not be asked and count as wrong: …", "notes: left_truncated (3)"."""
    lines: list[str] = []
    if many := said["unasked"]:
        template = (
            "{n:,} questions could not be asked and count as wrong"
            if many > 1
            else "1 question could not be asked and counts as wrong"
        )
        lines.append(say(template, n=many))
    if many := said["ungraded"]:
        template = (
            "{n:,} answers could not be graded and count as wrong"
            if many > 1
            else "1 answer could not be graded and counts as wrong"
        )
        lines.append(say(template, n=many))
    if lines:  # there is one text, of the first
        lines[0] = say("{said}; the first: {error}", said=lines[0], error=said["first_error"])
    if said["answered"] is not None and said["answered"] < CLEAR:
        line = say("{n} % of the answers could not be read and count as wrong", n=_tables.percent(1 - said["answered"]))
        if said["guessed"] is not None:
            guessed = _tables.percent(said["guessed"])
            line = say("{said}; guessed at chance they make it {guessed}", said=line, guessed=guessed)
        lines.append(line)
    if said["notes"]:
        notes = " · ".join(f"{note} ({count:,})" for note, count in said["notes"].items())
        lines.append(say("notes: {notes}", notes=notes))
    return lines


def _means(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The plain mean of every group all of whose members a checkpoint answered here; members stand above."""
    from harness.questions import catalogue

    lines: list[str] = []
    for name in dict.fromkeys(row["checkpoint"] for row in rows):
        mine = {row["task"]: row for row in rows if row["checkpoint"] == name and row["value"] is not None}
        for group in catalogue.groups():
            if len(group.members) < 2 or not set(group.members) <= set(mine):
                continue
            members = [mine[task] for task in group.members]
            mean = _tables.percent(sum(member["value"] for member in members) / len(members))
            span = _span(members, [1.0] * len(members))
            template = "{name}: {group} {mean} ({span}), the mean of {members}"
            lines.append(
                say(template, name=name, group=group.name, mean=mean, span=span, members=listed(group.members))
            )
        lines += _stock_means(name, mine)
    return lines


def _stock_means(name: str, mine: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """lm-eval's own mean of each of its groups that is here whole; most weigh a task by its questions."""
    from harness.questions import catalogue, stock

    stocked = frozenset(key.removeprefix(catalogue.STOCK) for key in mine if key.startswith(catalogue.STOCK))
    lines = []
    for group in stock.means(stocked) if len(stocked) > 1 else ():
        members = [mine[catalogue.STOCK + task] for task in group.members]
        sizes = [member["n"] if group.by_size else 1 for member in members]
        weights = [len(members) * size / sum(sizes) for size in sizes]
        span = _span(members, weights)
        mean = _tables.percent(sum(w * m["value"] for w, m in zip(weights, members, strict=True)) / len(members))
        how = "weighted by questions" if group.by_size else "each counting the same"
        lines.append(
            f"{name}: {catalogue.STOCK}{group.name} {mean} ({span}), lm-eval's mean of {len(members)} tasks, {how}"
        )
    return lines


def _span(members: Sequence[Mapping[str, Any]], weights: Sequence[float]) -> str:
    """The interval of the members' weighted mean; "–" where one of them has none."""
    from harness import stats

    if any(member["low"] is None or member["high"] is None for member in members):
        return _tables.interval(None, None)
    values, lows, highs = (
        [w * m[key] for w, m in zip(weights, members, strict=True)] for key in ("value", "low", "high")
    )
    return _tables.interval(*stats.mover(values, lows, highs))
