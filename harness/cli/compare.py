"""`bench compare`: compare two checkpoints on the questions that both answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import _options
from harness.cli._echo import echo

if TYPE_CHECKING:
    from harness.records import Change, Outcomes
    from harness.store.open import Store


@click.command("compare")
@click.argument("before")
@click.argument("after")
@click.option("--tasks", default="", metavar="T,…", help="Only these. Default: all that both have.")
@click.option("--lost", is_flag=True, help="List questions that became wrong, with both answers.")
@click.option("--gained", is_flag=True, help="List questions that became right, with both answers.")
@click.option("-n", "count", type=click.IntRange(1), default=5, show_default=True, help="Questions to list.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    before: str, after: str, tasks: str, lost: bool, gained: bool, count: int, store: Path | None, as_json: bool
) -> None:
    """Compare two checkpoints on the questions that both answered.

    BEFORE and AFTER are names, NAME@TAG, run:ID, tag:TAG, branch:NAME or file:BASELINE. Both sides are taken in
    one prompt form: in each that both have. Exit 4 when they were not asked the same way: what differs is named.

    \b
    Example: bench compare base ckpt
             bench compare base ckpt --tasks ceval --lost
    """
    from dataclasses import asdict

    from harness import lookup, pairs
    from harness.errors import NotComparable, NothingToCompare
    from harness.reports import change as change_report
    from harness.store.open import open_store
    from harness.verdicts import compare

    with open_store(_options.store_path(store), mode="ro") as opened:
        more = ("--store", str(store)) if store else ()
        found, refused = pairs.find(opened, before, after, tasks=lookup.tasks(_options.names(tasks)), more=more)
        changes: list[tuple[pairs.Pair, Change]] = []
        for pair in found:
            try:
                changes.append((pair, compare.compare(pair.before, pair.after)))
            except (NotComparable, NothingToCompare) as error:  # one task of several; the others are told
                if len(found) == 1:
                    raise
                refused.append(str(error))
        if as_json and changes:
            _options.print_json({"changes": [{**asdict(c), "form": pair.form._asdict()} for pair, c in changes]})
        for pair, change in () if as_json else changes:
            a, b = pair.before, pair.after
            if pair.note:
                echo(pair.note)
            echo(change_report.render_change(change, (a.name or before, b.name or after)))
            if lost:
                _list(opened, a, b, change, -1, count)
            if gained:
                _list(opened, a, b, change, +1, count)
        if refused:  # after what could be compared
            raise NotComparable("; ".join(refused))


def _list(store: Store, before: Outcomes, after: Outcomes, change: Change, sign: int, count: int) -> None:
    """Questions whose value fell (sign -1) or rose (+1), with both answers."""
    from harness.cli import _tables
    from harness.cli.show import answer, question
    from harness.store import read

    if not before.run or not after.run:
        echo("answers can be listed only for runs in the store, not for baseline files", err=True)
        return
    values = dict(zip(before.samples, before.values, strict=True))
    moved = {
        sample for sample, value in zip(after.samples, after.values, strict=True)
        if value is not None and (old := values.get(sample)) is not None and (value - old) * sign > 0
    }  # fmt: skip
    old_rows = {row["sample"]: row for row in read.sample_rows(store, before.run) if row["sample"] in moved}
    echo(f"\n{'lost' if sign < 0 else 'gained'}: {len(moved)} questions")
    shown = 0
    for row in read.sample_rows(store, after.run):
        was = old_rows.get(row["sample"])
        if was is not None and shown < count:
            shown += 1
            echo(f"\n── {row['subject']} {row['sample'][:8]}   gold {row['target']}\n{_tables.block(question(row))}")
            echo(f"before ({was['answer']}): {_tables.block(answer(was))}")
            echo(f"after  ({row['answer']}): {_tables.block(answer(row))}")
