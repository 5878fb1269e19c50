"""The board for other programs: one table of scores, as rows and as nested records of a fixed schema.

Example: `next(rows(board, where))` -> {"checkpoint": "base", "task": "ceval", "value": 0.273, "low": 0.25, "high": 0.298, …}.
Trap: a checkpoint may be named `=HYPERLINK(…)`; a CSV that a spreadsheet opens must not run it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from leaderboard import shown
from leaderboard.cells import Cell, Column
from leaderboard.entries import Board
from leaderboard.places import Places

SCHEMA = "board/1"  # of board.json; another meaning of a field is another number
_FORMULA = re.compile(r"[=+\-@\t\r]")


def rows(board: Board, where: Places) -> Iterator[dict[str, Any]]:
    """A row per checkpoint and column, in the order of the board; shares as fractions, missing as None."""
    for checkpoint in board.checkpoints:
        for column in board.columns:
            cell = column.cells.get(checkpoint.id)
            if cell:
                yield {
                    "checkpoint": checkpoint.name,
                    "checkpoint_id": checkpoint.id,
                    "kind": checkpoint.kind,
                    "base": shown.name(board, checkpoint.base) or None,
                    "bytes": checkpoint.bytes,
                    "bytes_declared": checkpoint.bytes_declared,
                    "parameters": checkpoint.parameters,
                    "column": column.slug,
                    "task": column.name,
                    "version": column.task.version if column.task else None,
                    "metric": column.metric,
                    "form": _form(column),
                    **score(cell),
                }


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
    """CSV with a byte order mark, because spreadsheets take Chinese names for Latin without one."""
    written = io.StringIO()
    out: Any = None
    for row in rows(board, where):
        row["marks"] = " ".join(row["marks"])
        if out is None:
            out = csv.DictWriter(written, list(row), lineterminator="\r\n")
            out.writeheader()
        out.writerow({key: _safe(value) for key, value in row.items()})
    return "\ufeff" + written.getvalue()


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
