"""A checkpoint: its scores, its composite part by part, and where it comes from.

Example: `_lineage(board, checkpoint.lineage)["facts"]` -> [("method", "lora"), ("parent", "base"), ("steps", 90)].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.records import Checkpoint, Lineage
from leaderboard import composite_pages, shown
from leaderboard.cells import Entry
from leaderboard.charts import curve
from leaderboard.columns import cell_of
from leaderboard.entries import Board
from leaderboard.pages import Page, View
from leaderboard.places import Places
from leaderboard.words import size


def pages(view: View) -> Iterator[Page]:
    for checkpoint in view.board.by_id.values():
        content = _content(view.board, view.where, checkpoint)
        yield Page(view.where.checkpoints[checkpoint.id], "checkpoint.html.j2", content)


def _content(board: Board, where: Places, checkpoint: Checkpoint) -> dict[str, Any]:
    mine = sorted(board.runs_of.get(checkpoint.id, ()), key=lambda e: (e.task.key, e.run.started or "", e.run.id))
    children = sorted((c for c in board.by_id.values() if checkpoint.id in _parents(c)), key=lambda c: (c.name, c.id))
    return {
        "heading": checkpoint.name,
        "checkpoint": checkpoint,
        "base": shown.name(board, checkpoint.base),
        "runs": [_run_line(board, where, entry) for entry in mine],
        "composites": composite_pages.lines(board.columns, checkpoint.id),
        "lineage": _lineage(board, checkpoint.lineage),
        "children": [{"name": c.name, "href": where.checkpoints[c.id]} for c in children],
    }


def _parents(checkpoint: Checkpoint) -> set[str | None]:
    lineage = checkpoint.lineage
    return {checkpoint.base} | ({lineage.parent, lineage.teacher} if lineage else set())


def _run_line(board: Board, where: Places, entry: Entry) -> dict[str, Any]:
    column = board.column(board.place[entry.run.id])
    cell = column.cells[entry.checkpoint.id]
    older = cell.entry is not entry
    return {
        "run": entry.run,
        "column": column,
        "cell": cell_of(entry, column) if older else cell,
        "older": older,
        "of": sum(c.ranked for c in column.cells.values()),
        "engine": entry.engine,
        "repeats": entry.run.repeats,
        "micro": entry.value(column.metric, "micro"),
        "macro": entry.value(column.metric, "macro"),
        "tokens": entry.value("answer_tokens"),
        "task_href": where.tasks[entry.task.key],
        "samples": where.answers(entry.checkpoint.id, column) if entry.run.done and not older else "",
        "settings": shown.settings_line(entry.run),
    }


def _lineage(board: Board, lineage: Lineage | None) -> dict[str, Any] | None:
    if lineage is None:
        return None
    facts = {
        "method": lineage.method,
        "parent": shown.name(board, lineage.parent),
        "teacher": shown.name(board, lineage.teacher) if lineage.teacher in board.by_id else lineage.teacher,
        "seed": lineage.seed,
        "steps": lineage.steps,
        "train_tokens": f"{lineage.tokens:,}" if lineage.tokens is not None else None,
        "train_seconds": f"{lineage.seconds:,.0f} s" if lineage.seconds is not None else None,
        "peak": size(lineage.peak_bytes) if lineage.peak_bytes is not None else None,
        "trained_on": ", ".join(lineage.trained_on),
    }
    return {
        "facts": [(key, value) for key, value in facts.items() if value not in (None, "")],
        "data": [_source(source) for source in lineage.data],
        "recipe": "\n".join(f"{k} = {v}" for k, v in sorted((lineage.recipe or {}).items())),
        "curve": curve(lineage.loss, "loss"),
    }


def _source(source: Mapping[str, Any]) -> str:
    """`huatuo · rows 7000 · dropped 12`"""
    facts = [f"{key} {source[key]}" for key in ("rows", "dropped", "sha") if source.get(key) is not None]
    rest = [f"{key} {value}" for key, value in sorted(source.items()) if key not in ("name", "rows", "dropped", "sha")]
    return " · ".join([str(source.get("name", "?")), *facts, *rest])
