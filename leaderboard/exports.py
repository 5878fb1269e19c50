"""The board for other programs: one table of scores, as rows and as nested records of a fixed schema.

Example: `score(cell)` -> {"value": 0.273, "low": 0.25, "high": 0.298, "n": 1346, "rank": 4, …}, the end of a row of `table`.
Trap: a checkpoint may be named `=HYPERLINK(…)`; a CSV that a spreadsheet opens must not run it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from harness.records import Checkpoint
from leaderboard import shown
from leaderboard.cells import Cell, Column
from leaderboard.entries import Board
from leaderboard.places import Places

SCHEMA = "board/1"  # of board.json; another meaning of a field is another number
_FORMULA = re.compile(r"[=+\-@\t\r]")


def score(cell: Cell) -> dict[str, Any]:
    """One cell: rank is the label that is shown, rank_best to rank_worst its 95 % interval."""
    return {
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "n": cell.n,
        "rank": cell.rank,
        "rank_best": cell.best,
        "rank_worst": cell.worst,
        "tied_with_first": cell.tied if cell.rank else None,
        "unparsed": cell.unparsed,
        "truncated": cell.truncated,
        "tokens": cell.entry.value("answer_tokens") if cell.entry else None,
        "marks": [*cell.marks, *cell.badges],
        "run": cell.entry.run.id if cell.entry else None,
    }


def table(board: Board, where: Places) -> str:
    """A row per checkpoint and column, in the order of the board; shares as fractions, missing as nothing.

    CSV with a byte order mark, because spreadsheets take Chinese names for Latin without one. What the rows of a
    checkpoint or a column share is quoted once; the rest is numbers, marks of ours and hexadecimal ids.
    """
    columns = [(column, _line(_of_column(column).values())) for column in board.columns]
    written: list[str] = []
    for checkpoint in board.checkpoints:
        first = _line(_of_checkpoint(board, checkpoint).values())
        for column, middle in columns:
            cell = column.cells.get(checkpoint.id)
            if cell:
                told = score(cell)
                told["marks"] = " ".join(told["marks"])
                if not written:
                    written.append(_line([*_of_checkpoint(board, checkpoint), *_of_column(column), *told]))
                run = told.pop("run")
                last = _line([run]) if run and not run.isalnum() else run or ""
                numbers = ",".join(["" if value is None else str(value) for value in told.values()])
                written.append(f"{first},{middle},{numbers},{last}")
    return "\ufeff" + "".join([f"{line}\r\n" for line in written])


def _of_checkpoint(board: Board, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "checkpoint": checkpoint.name,
        "checkpoint_id": checkpoint.id,
        "kind": checkpoint.kind,
        "base": shown.name(board, checkpoint.base) or None,
        "bytes": checkpoint.bytes,
        "bytes_declared": checkpoint.bytes_declared,
        "parameters": checkpoint.parameters,
    }


def _of_column(column: Column) -> dict[str, Any]:
    return {
        "column": column.slug,
        "task": column.name,
        "version": column.task.version if column.task else None,
        "metric": column.metric,
        "form": _form(column),
    }


def _line(values: Iterable[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([_safe(value) for value in values])
    return written.getvalue()


def records(board: Board, where: Places, title: str, store_uuid: str) -> dict[str, Any]:
    """All of the board by board.schema.json."""
    return {
        "schema": SCHEMA,
        "title": title or None,
        "store": store_uuid or None,
        "lead": board.column(board.lead).slug if board.lead else None,
        "columns": [_column(board, column) for column in board.columns],
        "checkpoints": [
            {
                "id": c.id,
                "slug": where.slug(c.id),
                "name": c.name,
                "kind": c.kind,
                "base": c.base,
                "parent": c.lineage.parent if c.lineage else None,
                "bytes": c.bytes,
                "bytes_declared": c.bytes_declared,
                "parameters": c.parameters,
                "stale": list(board.stale.get(c.id, ())),
                "scores": {
                    column.slug: score(column.cells[c.id]) | _parts(column.cells[c.id])
                    for column in board.columns
                    if c.id in column.cells
                },
            }
            for c in board.checkpoints
        ],
    }


def _column(board: Board, column: Column) -> dict[str, Any]:
    how = column.composite
    return {
        "slug": column.slug,
        "task": column.name,
        "version": column.task.version if column.task else None,
        "title": dict(column.title),
        "metric": column.metric,
        "unit": column.unit,
        "average": column.average,
        "higher_is_better": column.better_high,
        "chance": column.chance,
        "form": _form(column),
        "members": [board.column(key).slug for key in column.members],
        "composite": {
            "profile": how.profile.name,
            "profile_sha": how.sha,
            "tasks": list(how.tasks),
            "counter": how.counter,
            "cqs": how.cqs,
        }
        if how
        else None,
    }


def _parts(cell: Cell) -> dict[str, Any]:
    if cell.overall is None:
        return {}
    parts = cell.overall.parts
    return {"parts": {p.name: {"value": p.value, "low": p.low, "high": p.high, "weight": p.weight} for p in parts}}


def _form(column: Column) -> str | None:
    """`5-shot raw`, `0-shot chat think=off max_tokens 256`, `elsewhere: contest`; a composite has none of its own."""
    form = column.form
    if column.composite:
        return None
    if form.elsewhere:
        return f"elsewhere: {form.elsewhere}"
    shots = "+".join(f"{n}-shot" for n in form.shots)
    thinking = [] if form.think == "default" else [f"think={form.think}"]
    return " ".join(filter(None, [shots, "chat" if form.chat else "raw", *thinking, *form.extras]))


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
