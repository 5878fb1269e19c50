"""What the numbers mean, by which formulas, under which licences, and what other weights would say of a composite.

Example: `_weights(column, …)` -> {"slug": "demo-1f2a…", "parts": [["AS", 0.4], …], "rows": [["distilled", "checkpoint/…", [93, …], 1]]}.
Trap: with other weights there is no interval and no tie band, so the page calls that order a what-if and no ranking.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness import identity
from leaderboard import shown
from leaderboard.cells import Column
from leaderboard.pages import Data, Page, View

NAV = (90, "about")
PATH = "about.html"


def pages(view: View) -> Iterator[Page | Data]:
    composites = [column for column in view.board.columns if column.composite]
    payload = [_weights(view, column) for column in composites]
    yield Page(
        PATH,
        "about.html.j2",
        {
            "page": "about",
            "tasks": shown.tasks(view.board, view.where),
            "composites": [{"column": column, "parts": _parts(column)} for column in composites],
            "engines": sorted({entry.engine for entry in view.board.entries if entry.engine}),
            "database": view.options.database,
            "samples": view.options.samples,
        },
    )
    if payload:
        yield Data("data/weights.js", identity.digest(payload), lambda: ("weights", payload))


def _parts(column: Column) -> list[dict[str, Any]]:
    assert column.composite is not None
    kinds = ("accuracy", "cot", "tokens", "bytes")
    return [
        {
            "name": plan.name,
            "weight": plan.weight,
            "meaning": plan.meaning,
            "kind": plan.kind if plan.kind in kinds else "metric",
            "anchors": _anchors(column, plan.kind, plan.bytes_low, plan.bytes_high),
        }
        for plan in column.composite.profile.part
    ]


def _anchors(column: Column, kind: str, bytes_low: float | None, bytes_high: float | None) -> list[dict[str, Any]]:
    """Where a part's scale ends: full points at or below `low`, none at or above `high`."""
    assert column.composite is not None
    if kind == "bytes":
        return [{"of": "", "low": bytes_low, "high": bytes_high, "bytes": True}]
    if kind != "tokens":
        return []
    known = column.composite.profile.task
    return [
        {"of": task, "low": known[task].tokens_low, "high": known[task].tokens_high, "bytes": False}
        for task in column.composite.tasks
        if task in known
    ]


def _weights(view: View, column: Column) -> dict[str, Any]:
    """What the sliders need: the parts of everyone who is ranked, in the order of the board's own weights."""
    assert column.composite is not None
    parts = [(plan.name, plan.weight) for plan in column.composite.profile.part]
    rows: list[list[Any]] = []
    for checkpoint_id, cell in column.cells.items():
        if cell.ranked and cell.overall:
            values = {part.name: part.value for part in cell.overall.parts}
            rows.append(
                [
                    view.board.by_id[checkpoint_id].name,
                    view.where.checkpoints[checkpoint_id],
                    [values[name] for name, _ in parts],
                    cell.value,
                ]
            )
    rows.sort(key=lambda row: (-(row[3] or 0.0), row[0], row[1]))
    return {"slug": column.slug, "parts": parts, "rows": rows}
