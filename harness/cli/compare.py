"""`bench compare`: compare two or more checkpoints on the questions that they all answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import say

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from harness.errors import UserError
    from harness.pairs import Lacking, Pair
    from harness.store.open import Store
    from harness.verdicts.comparison import Line
    from harness.verdicts.recipes import Recipes


@click.command("compare")
@click.argument("before")
@click.argument("after", nargs=-1, required=True)
@click.option("--tasks", default="", metavar="T,…", help="Only these. Default: all that both have.")
@click.option(
    "--run", "run", is_flag=True, help="First run what is missing, with the lines that are suggested otherwise."
)
@click.option("--lost", is_flag=True, help="List questions that became wrong, with both answers.")
@click.option("--gained", is_flag=True, help="List questions that became right, with both answers.")
@click.option("-n", "count", type=click.IntRange(1), default=5, show_default=True, help="Questions to list.")
@_options.data_option
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    before: str,
    after: tuple[str, ...],
    tasks: str,
    run: bool,
    lost: bool,
    gained: bool,
    count: int,
    data: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Compare checkpoints with the first one, on the questions that both answered.

    BEFORE and AFTER are names, folders, NAME@TAG, run:ID, tag:TAG, branch:NAME or file:BASELINE. Both sides are taken
    in one prompt form: in each that both have. One sentence first, then the numbers, then in how many settings the two
    differ: one, and it explains the change; more, and nothing can be attributed. `bench gate` judges, this only tells.
    Exit 4 when they were not asked the same way: what differs is named, with the line that mends it.

    \b
    Example: bench compare base ckpt
             bench compare base ckpt --tasks ceval --lost
             bench compare qwen/ out/checkpoint-500 out/checkpoint-1000 --tasks ceval,mathcot --run
    """
    from harness import lookup
    from harness.cli import _compare_run, _compare_samples
    from harness.store.open import open_store

    names = list(lookup.tasks(_options.names(tasks)))
    more = (*(("--data", str(data)) if data else ()), *(("--store", str(store)) if store else ()))
    if run:
        _compare_run.missing(_options.store_path(store), before, after, names, more, {*_options.names(tasks)})
    with open_store(_options.store_path(store), mode="ro") as opened:
        found = _gather(opened, before, after, names, more, {*_options.names(tasks)})
        listed: list[dict[str, Any]] = []
        for sign in [sign for sign, asked in ((-1, lost), (+1, gained)) if asked]:
            listed += _compare_samples.moved(opened, [pair for pair, _ in found.lines], sign, count)
        if as_json and found.lines:
            _options.print_json(_object(found, listed if lost or gained else None))
        elif found.lines:
            _print(found)
            _compare_samples.show(listed)
        if found.refused:  # after what could be compared
            raise type(found.refused[0])("; ".join(dict.fromkeys(map(str, found.refused))))


@dataclass
class _Found:
    before: str
    lines: list[tuple[Pair, Line]] = field(default_factory=list)
    recipes: list[Recipes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[UserError] = field(default_factory=list)


def _gather(
    store: Store, before: str, after: Sequence[str], tasks: Sequence[str], more: Sequence[str], typed: Container[str]
) -> _Found:
    """All lines of the table; NothingToCompare where not one pair has a task in common.

    Of a task that was typed it is an error that a side lacks it; of a group's member, whose data may be elsewhere, a note.
    """
    from harness import pairs, replicates
    from harness.errors import NotComparable, NothingToCompare
    from harness.verdicts import comparison, recipes

    found = _Found(before)
    paired: list[Pair] = []
    for spec in dict.fromkeys(after):
        absent = [gap for gap in pairs.lacking(store, before, spec, tasks=tasks, more=more) if gap.absent]
        there = [task for task in tasks if task not in {gap.task for gap in absent}]
        mine, refused = pairs.find(store, before, spec, tasks=there or tasks, more=more)
        paired += mine
        found.refused += map(NotComparable, refused)
        found.refused += [NothingToCompare(_told(gap)) for gap in absent if gap.task in typed]
        found.notes += [_told(gap) for gap in absent if gap.task not in typed]
    found.notes += [pair.note for pair in paired if pair.note]
    for pair, line in zip(paired, comparison.compare_all([(p.before, p.after) for p in paired]), strict=True):
        if isinstance(line, comparison.Line):
            found.lines.append((pair, line))
            seeds = [replicates.of(store, side) for side in (pair.before, pair.after)]
            found.recipes += [r for r in [recipes.recipes(*seeds)] if r]
        else:
            found.refused.append(line)
    found.before = next((p.before.name for p in paired if p.before.name), before)
    return found


def _told(gap: Lacking) -> str:
    return say("{why}; `{command}` runs it, or --run", why=gap.why, command=gap.line) if gap.line else gap.why


def _print(found: _Found) -> None:
    from harness.reports import change
    from harness.verdicts import recipes

    forms = Counter((line.name, line.change.task) for _, line in found.lines)
    shown = [
        replace(line, change=replace(line.change, task=f"{line.change.task} ({pair.form})"))
        if forms[line.name, line.change.task] > 1
        else line
        for pair, line in found.lines
    ]
    notes = list(dict.fromkeys([*map(recipes.sentence, found.recipes), *found.notes]))
    echo(change.render(found.before, shown, notes).rstrip("\n"))


def _object(found: _Found, listed: list[dict[str, Any]] | None) -> dict[str, Any]:
    from harness.verdicts import comparison

    names = list(dict.fromkeys(line.name for _, line in found.lines))
    made: dict[str, Any] = {
        "before": found.before,
        "sentences": {n: comparison.sentence([line for _, line in found.lines if line.name == n]) for n in names},
        "changes": [
            {**asdict(line.change), "name": line.name, "verdict": line.verdict, "p_holm": line.p_worse,
             "p_better_holm": line.p_better, "more": line.more, "beside": line.beside, "length": line.length,
             "variables": asdict(line.variables), "form": pair.form._asdict()}
            for pair, line in found.lines
        ],
        "recipes": [asdict(recipe) for recipe in found.recipes],
        "notes": found.notes,
        "refused": [str(error) for error in found.refused],
    }  # fmt: skip
    return made if listed is None else {**made, "samples": listed}
