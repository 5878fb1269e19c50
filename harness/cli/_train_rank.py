"""What was trained, run on tasks and ranked: score, change against the parent, and of an ablation what moved between arms.

Example: "lora-r4 -> lora-r8: these two differ in 1 setting (LoRA rank 4 -> 8)", and below it what that did. Trap: of several
seeds the first stands for its arm when single checkpoints are compared; what a recipe does is told by the mean over them.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _tables
from harness.cli._echo import echo
from harness.words import heads, listed, say

if TYPE_CHECKING:
    from harness.records import Outcomes
    from harness.store.open import Store
    from harness.verdicts.comparison import Line
    from harness.verdicts.recipes import Recipes

ALL_PAIRS = 4  # arms up to which every pair is told; of more, neighbours


@dataclass(frozen=True)
class Entry:
    """A checkpoint to be ranked. `arm`: the name that replicates share; "" for the parent and for an epoch's."""

    name: str
    folder: str
    id: str
    arm: str = ""
    moved: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    entry: Entry
    task: str
    score: Mapping[str, Any]  # as the board has it: value, low, high, metric, n
    line: Line | None  # against the parent
    outcomes: Outcomes


@dataclass
class Ranked:
    parent: Entry
    rows: list[Row] = field(default_factory=list)  # by task, the best first
    pairs: list[tuple[Entry, Entry, list[Line]]] = field(default_factory=list)
    recipes: list[tuple[str, str, Recipes]] = field(default_factory=list)  # before, after
    notes: list[str] = field(default_factory=list)


def run(entries: Sequence[Entry], tasks: str, more: Sequence[str]) -> None:
    """`bench run` on all of them, shown as it could be typed; its table is left out, since ours says the same and more."""
    from harness.cli import run

    models = [word for entry in entries for word in ("--model", entry.folder)]
    words = [*models, "--tasks", tasks, *more]
    click.secho(f"\n$ bench run {shlex.join(words)}", bold=True, err=True)
    with contextlib.redirect_stdout(io.StringIO()):
        run.command.main(args=words, prog_name="bench run", standalone_mode=False)


def rank(store: Store, parent: Entry, entries: Sequence[Entry], tasks: Sequence[str]) -> Ranked:
    """From the store: the newest run of each, against the parent's and, of an ablation's arms, against each other's."""
    from harness import lookup
    from harness.store import read

    ranked = Ranked(parent)
    order = {task: i for i, task in enumerate(lookup.tasks(tasks))}
    wanted = set(order)
    against = {
        (line.change.task, entry.id): line for entry, line in _against(store, parent, entries, wanted, ranked.notes)
    }
    for entry in (parent, *entries):
        for run in lookup.runs(store, entry.id):
            row, task = read.board_row(store, run.id), read.get_task(store, run.exam).key
            if task in wanted:
                found = read.outcomes(store, run.id)
                ranked.rows.append(Row(entry, task, row, against.get((task, entry.id)), found))
    ranked.rows.sort(key=lambda row: (order[row.task], row.score["value"] is None, -(row.score["value"] or 0.0)))
    first = {entry.arm: entry for entry in reversed(entries) if entry.moved and entry.arm}
    arms = [first[arm] for arm in dict.fromkeys(entry.arm for entry in entries) if arm in first]
    close = itertools.combinations(arms, 2) if len(arms) <= ALL_PAIRS else itertools.pairwise(arms)
    for before, after in close:
        lines = [line for _, line in _against(store, before, [after], wanted, ranked.notes)]
        if lines:
            ranked.pairs.append((before, after, lines))
    ranked.recipes = list(_recipes(ranked))
    ranked.notes += _seen(store, ranked)
    return ranked


def _seen(store: Store, ranked: Ranked) -> Iterator[str]:
    """Whose score on a task counts for little, since the training had its test or its scorer."""
    from harness.store import read
    from harness.verdicts import trained

    for entry in dict.fromkeys(row.entry.id for row in ranked.rows):
        mine = [row for row in ranked.rows if row.entry.id == entry]
        found = read.find_checkpoint(store, entry)
        if found is None or found.lineage is None:
            continue
        tasks = {row.task: read.get_task(store, read.get_run(store, row.score["run"]).exam) for row in mine}
        metric = [key for key, task in tasks.items() if trained.on_metric(found.lineage, task.scorer)]
        test = [key for key in tasks if trained.on_test(found.lineage, key)]
        if metric:
            said = say("! trained on the metric of {tasks}", tasks=listed(metric))
            yield say("{name}: {said}", name=mine[0].entry.name, said=said)
        if test:
            said = say("! trained on the test of {tasks}", tasks=listed(test))
            yield say("{name}: {said}", name=mine[0].entry.name, said=said)


def _against(
    store: Store, base: Entry, entries: Sequence[Entry], tasks: set[str], notes: list[str]
) -> list[tuple[Entry, Line]]:
    """Each against one, Holm over all; why what can't be compared can't goes into the notes."""
    from harness import pairs
    from harness.errors import UserError
    from harness.verdicts import comparison

    found = []
    for entry in entries:
        try:
            mine, refused = pairs.find(store, base.id, entry.id)
        except UserError as error:
            mine, refused = [], [str(error)]
        found += [(entry, pair) for pair in mine if pair.after.task in tasks]
        notes += [text for text in refused if text not in notes]
    lines = comparison.compare_all([(pair.before, pair.after) for _, pair in found])
    told = []
    for (entry, _), line in zip(found, lines, strict=True):
        if isinstance(line, comparison.Line):
            told.append((entry, line))
        else:
            notes.append(str(line))
    return told


def _recipes(ranked: Ranked) -> Iterator[tuple[str, str, Recipes]]:
    """Arms with three seeds or more against the parent, and against each other."""
    from harness.verdicts import recipes

    for task in dict.fromkeys(row.task for row in ranked.rows):
        arms = _arms(ranked, task)
        parent = [row.outcomes for row in ranked.rows if row.task == task and row.entry is ranked.parent]
        sides = [(ranked.parent.name, parent), *((arm, [r.outcomes for r in rows]) for arm, rows in arms.items())]
        for (before, left), (after, right) in itertools.combinations([side for side in sides if side[1]], 2):
            if found := recipes.recipes(left, right):
                yield before, after, found


def _arms(ranked: Ranked, task: str) -> dict[str, list[Row]]:
    """The replicates of each arm that has several."""
    arms: dict[str, list[Row]] = {}
    for row in ranked.rows:
        if row.task == task and row.entry.arm and row.score["value"] is not None:
            arms.setdefault(row.entry.arm, []).append(row)
    return {arm: rows for arm, rows in arms.items() if len(rows) > 1}


# -- shown ----------------------------------------------------------------------------------------------------------


def show(ranked: Ranked) -> None:
    from harness.reports.change import VERDICTS
    from harness.verdicts import comparison, recipes, wording

    echo()
    against = say("against {parent} [90 % interval]", parent=ranked.parent.name)
    lines = [[*heads("task", "checkpoint", "score", "95 % interval", "n"), against, say("verdict")]]
    above = ""
    for row in ranked.rows:
        score, line = row.score, row.line
        change = [wording.interval(line.change), VERDICTS[line.verdict]] if line else ["–", ""]
        lines.append(
            [
                row.task if row.task != above else "", row.entry.name, _tables.score(score["value"], score["metric"]),
                _tables.interval(score["low"], score["high"], score["metric"]), _tables.number(score["n"]), *change,
            ]
        )  # fmt: skip
        above = row.task
    echo(_tables.table(lines))
    _show_seeds(ranked)
    for before, after, changed in ranked.recipes:
        echo(say("{before} -> {after}: {said}", before=before, after=after, said=recipes.sentence(changed)))
    for one, other, pair in ranked.pairs:
        said = say("{before} -> {after}: {said}", before=one.name, after=other.name, said=pair[0].variables.sentence)
        echo(said)
        echo(say("  {said}", said=comparison.sentence(pair)))
    for note in dict.fromkeys(ranked.notes):
        echo(say("note: {note}", note=note))


def _show_seeds(ranked: Ranked) -> None:
    lines = [heads("task", "recipe", "seeds", "mean", "lowest – highest")]
    for task in dict.fromkeys(row.task for row in ranked.rows):
        for arm, rows in _arms(ranked, task).items():
            values, metric = [row.score["value"] for row in rows], rows[0].score["metric"]
            mean = _tables.score(sum(values) / len(values), metric)
            lines.append([task, arm, str(len(rows)), mean, _tables.interval(min(values), max(values), metric)])
    if len(lines) > 1:
        echo()
        echo(_tables.table(lines))


def plain(ranked: Ranked) -> dict[str, Any]:
    """For scripts; names of the keys are kept."""
    return {
        "ranking": [
            {"task": row.task, "checkpoint": row.entry.name, "arm": row.entry.arm or None, "id": row.entry.id}
            | {key: row.score[key] for key in ("run", "metric", "value", "low", "high", "n")}
            | {"change": _line(row.line) if row.line else None}
            for row in ranked.rows
        ],
        "pairs": [
            {"before": before.name, "after": after.name, "variables": asdict(lines[0].variables)}
            | {"changes": [_line(line) for line in lines]}
            for before, after, lines in ranked.pairs
        ],
        "recipes": [{"names": [b, a], **asdict(changed)} for b, a, changed in ranked.recipes],
        "notes": list(dict.fromkeys(ranked.notes)),
    }


def _line(line: Line) -> dict[str, Any]:
    fields = ("task", "metric", "before", "after", "change", "low", "high", "n", "lost", "gained")
    return {key: getattr(line.change, key) for key in fields} | {"verdict": line.verdict}


def epochs(folder: Path) -> list[Path]:
    """NAME-epoch-1, NAME-epoch-2 … beside a checkpoint."""
    found = [p for p in folder.parent.glob(f"{_literal(folder.name)}-epoch-*") if p.is_dir()]
    numbered = [(int(tail), p) for p in found if (tail := p.name.rpartition("-")[2]).isdigit()]
    return [p for _, p in sorted(numbered)]


def _literal(name: str) -> str:
    from glob import escape

    return escape(name)
