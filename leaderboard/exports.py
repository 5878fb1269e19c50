"""The board for other programs: one table of scores, as rows and as nested records of a fixed schema.

Example: `scores(board)["9f3c…"]["ceval-3f2a91c0"]` -> [0.273, 0.25, 0.298, 1346, 4, …], in the order of FIELDS: the end of
a row of `table`, and an entry of `records`. Names of fields and sixteen digits a number were two thirds of 17 MB.
Trap: a checkpoint may be named `=HYPERLINK(…)`; a CSV that a spreadsheet opens must not run it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.records import Checkpoint, Overall
from leaderboard import shown
from leaderboard.cells import Cell, Column
from leaderboard.entries import Board
from leaderboard.places import Places

SCHEMA = "board/2"  # of board.json; another meaning of a field is another number
FIELDS = (
    "value", "low", "high", "n", "rank", "rank_best", "rank_worst", "tied_with_first", "unparsed", "truncated", "tokens",
    "marks", "run",
)  # fmt: skip
PARTS = ("value", "low", "high", "weight")
_FORMULA = re.compile(r"[=+\-@\t\r]")

Scores = Mapping[str, Mapping[str, list[Any]]]  # checkpoint id -> slug of the column -> FIELDS


def scores(board: Board) -> Scores:
    """All cells; rank is the label that is shown, rank_best to rank_worst its 95 % interval."""
    found: dict[str, dict[str, list[Any]]] = {c.id: {} for c in board.checkpoints}
    for column in board.columns:
        slug = column.slug
        for checkpoint, cell in column.cells.items():
            found[checkpoint][slug] = _score(cell)
    return found


def _score(cell: Cell) -> list[Any]:
    entry = cell.entry
    return [
        _seven(cell.value), _seven(cell.low), _seven(cell.high), cell.n, cell.rank, cell.best, cell.worst,
        cell.tied if cell.rank else None, _seven(cell.unparsed), _seven(cell.truncated),
        _seven(entry.value("answer_tokens")) if entry else None, [*cell.marks, *cell.badges],
        entry.run.id if entry else None,
    ]  # fmt: skip


def _seven(value: float | None) -> float | None:
    """Seven digits: more than any score has."""
    return None if value is None else float(f"{value:.7g}")


def table(board: Board, told: Scores) -> str:
    """A row per checkpoint and column, in the order of the board; shares as fractions, missing as nothing.

    CSV with a byte order mark, because spreadsheets take Chinese names for Latin without one. What the rows of a
    checkpoint or a column share is quoted once; the rest is numbers, marks of ours and hexadecimal ids.
    """
    columns = [(column.slug, _line(_of_column(column))) for column in board.columns]
    written = [_line([*_OF_CHECKPOINT, *_OF_COLUMN, *FIELDS])] if any(told.values()) else []
    for checkpoint in board.checkpoints:
        first = _line(_of_checkpoint(board, checkpoint))
        mine = told[checkpoint.id]
        for slug, middle in columns:
            if slug in mine:
                *numbers, marks, run = mine[slug]
                last = _line([run]) if run and not run.isalnum() else run or ""
                numbers = ["" if value is None else str(value) for value in numbers]
                written.append(f"{first},{middle},{','.join(numbers)},{' '.join(marks)},{last}")
    return "\ufeff" + "".join([f"{line}\r\n" for line in written])


_OF_CHECKPOINT = ("checkpoint", "checkpoint_id", "kind", "base", "bytes", "bytes_declared", "parameters")
_OF_COLUMN = ("column", "task", "version", "metric", "form")


def _of_checkpoint(board: Board, checkpoint: Checkpoint) -> tuple[Any, ...]:
    base = shown.name(board, checkpoint.base) or None
    facts = checkpoint.bytes, checkpoint.bytes_declared, checkpoint.parameters
    return checkpoint.name, checkpoint.id, checkpoint.kind, base, *facts


def _of_column(column: Column) -> tuple[Any, ...]:
    version = column.task.version if column.task else None
    return column.slug, column.name, version, column.metric, _form(column)


def _line(values: Iterable[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([_safe(value) for value in values])
    return written.getvalue()


def records(board: Board, where: Places, told: Scores, title: str, store_uuid: str) -> dict[str, Any]:
    """All of the board by board.schema.json."""
    composites = [column for column in board.columns if column.composite]
    return {
        "schema": SCHEMA,
        "fields": FIELDS,
        "part_fields": PARTS,
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
                "scores": told[c.id],
                "parts": {
                    column.slug: _parts(overall)
                    for column in composites
                    if (cell := column.cells.get(c.id)) and (overall := cell.overall)
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


def _parts(overall: Overall) -> dict[str, list[float | None]]:
    return {p.name: [_seven(p.value), _seven(p.low), _seven(p.high), p.weight] for p in overall.parts}


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
