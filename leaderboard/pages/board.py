"""The board: one row a checkpoint, one column a task as it was asked; ranks are intervals.

Example: the row of a LoRA says "adapter · on base", its rank "2–4", 71.2 with its 95 % interval, n, and what went unread.
A big board opens with few columns; every other one is `data/columns/SLUG.js`, its cells made by the same template.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from harness import identity
from leaderboard import board_columns, board_rows, charts, press, shown, words
from leaderboard.board_columns import Shown
from leaderboard.cells import MARKED_SHARE
from leaderboard.pages import Data, Page, View

NAV = (10, "board")
PATH = "index.html"
LEGEND = ("partial", "subset", "chance", "below", "guessing", "lacking", "uncounted", "ungraded")


def pages(view: View) -> Iterator[Page | Data]:
    board = view.board
    columns = board_columns.shown(board)
    here = board_columns.fitting(columns, len(board.checkpoints))
    facets = board_rows.facets(board) if board.checkpoints else {}
    yield Page(PATH, "index.html.j2", _content(view, columns, here, facets))
    yield Data("data/board.js", identity.digest(facets), lambda: ("board", facets))
    order = [c.id for c in board.checkpoints]
    template = functools.cache(_cells)
    for column in columns:
        if column not in here:
            make = functools.partial(_column, column, order, template)
            key = identity.digest([order, board_columns.made_of(column.column), column.stale, column.groups])
            yield Data(f"data/columns/{column.slug}.js", key, make)


def _content(view: View, columns: Sequence[Shown], here: Sequence[Shown], facets: dict[str, Any]) -> dict[str, Any]:
    board = view.board
    rows = board_rows.rows(view, columns)
    front = [c for c in here if c.lead or c.column.composite]
    marks = {mark for c in columns for cell in c.cells.values() for mark in cell.marks}
    facts = ["parent"] if any(row.stand for row in rows) else []
    facts += ["tokens"] if any(row.tokens for row in rows) else []
    facts += ["size"] if any(row.checkpoint.bytes is not None for row in rows) else []
    return {
        "page": "board",
        "rows": rows,
        "columns": columns,
        "front": front,
        "back": [c for c in here if c not in front],
        "facts": facts,
        "basis": board_rows.basis(columns),
        "presets": [c for c in columns if c.column.members],
        "facets": {name: sorted(set(facets[name])) for name in ("kind", "method") if name in facets},
        "by": [name for name in ("base", "tag", "bytes", "date") if name in facets],
        "legend": [mark for mark in LEGEND if mark in marks],
        "stale": any(c.stale for c in columns),
        "adapters": any(row.checkpoint.kind == "adapter" for row in rows),
        "rewarded": any(row.checkpoint.lineage and row.checkpoint.lineage.trained_on for row in rows),
        "runs": len(board.entries),
        "tasks": shown.tasks(board, view.where),
    }


def _column(column: Shown, order: Sequence[str], template: Any) -> tuple[str, Any]:
    made = template()
    cells = [str(made.cell(column, column.cells.get(checkpoint))) for checkpoint in order]
    return f"columns/{column.slug}", {"head": str(made.head(column)), "cells": cells}


def _cells() -> Any:
    """The macros of _score.html.j2, for columns that are not part of a page."""
    known = {
        "t": _Once(),
        "marked_share": MARKED_SHARE,
        "whisker": charts.whisker,
        "axis": charts.axis,
        "language": "en",
    }
    names = ("visible", "inline", "attribute", "points", "decimal", "tenth", "count", "size", "parameters")
    environment = press.of_templates("", known, {name: getattr(words, name) for name in names})
    return environment.get_template("_score.html.j2").module


class _Once(words.Words):
    """Sixty thousand cells say the same few words."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, Any] = {}

    def __call__(self, key: str, /, **values: Any) -> Any:
        if values:
            return super().__call__(key, **values)
        if key not in self._said:
            self._said[key] = super().__call__(key)
        return self._said[key]
