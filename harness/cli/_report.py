"""How a command that brought runs to their end shows them: one JSON object for scripts, or a table and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _options, _tables
from harness.cli._echo import echo
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.records import Change, Run
    from harness.store.open import Store

# one object of `--json`; scripts rely on these names; unparsed and truncated count answers
JSON = ("run", "checkpoint", "task", "metric", "value", "low", "high", "n", "micro", "macro", "unparsed", "truncated")


def report(
    store: Store, runs: Sequence[Run], as_json: bool, path: Path, changes: Sequence[Change] | None = None
) -> None:
    """Show the runs; UserError (exit 2) where every answer of one failed, since that is no score but a mistake."""
    from harness.store import read

    rows = [read.board_row(store, run.id) for run in runs]
    counts = [read.outcome_counts(store, run.id) for run in runs]
    if as_json:
        shown: dict[str, Any] = {"runs": [{key: row[key] for key in JSON} for row in rows]}
        if changes is not None:
            shown["changes"] = [asdict(change) for change in changes]
        _options.print_json(shown)
    else:
        echo(_tables.scores([{**row, "empty": n.get("empty", 0)} for row, n in zip(rows, counts, strict=True)]))
        for line in _means(rows):
            echo(line)
    for row, outcomes in zip(rows, counts, strict=True):
        errors = outcomes.get("error", 0)
        if not errors:
            continue
        why = read.first_error(store, row["run"])
        what = f"{row['checkpoint']} × {row['task']}: {errors} of {sum(outcomes.values())} answers failed"
        if errors == sum(outcomes.values()):
            raise UserError(f"{what}, so there is no score ({why})")
        echo(f"note: {what} and count as wrong; the first: {why}", err=True)
    if not as_json:
        echo(f"stored in {path}; `bench leaderboard --open` ranks them, `bench show NAME --wrong` reads the answers")


def _means(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The plain mean of every group all of whose members a checkpoint answered here; members stand above."""
    from harness import stats
    from harness.questions import catalogue

    lines = []
    for name in dict.fromkeys(row["checkpoint"] for row in rows):
        mine = {row["task"]: row for row in rows if row["checkpoint"] == name and row["value"] is not None}
        for group in catalogue.groups():
            if len(group.members) < 2 or not set(group.members) <= set(mine):
                continue
            members = [mine[task] for task in group.members]
            values, lows, highs = ([member[key] for member in members] for key in ("value", "low", "high"))
            low, high = stats.mover(values, lows, highs)
            mean = _tables.percent(sum(values) / len(values))
            span = _tables.interval(low, high)
            lines.append(f"{name}: {group.name} {mean} ({span}), the mean of {', '.join(group.members)}")
    return lines
