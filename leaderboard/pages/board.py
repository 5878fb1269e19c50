"""The board: one row a checkpoint, one column a task as it was asked; ranks are intervals.

Example: the row of a LoRA says "adapter · on base", its rank "2–4", 71.2 with its 95 % interval, n, and what went unread.
A big board opens with few columns; every other one is `data/columns/SLUG.js`, its cells made by the same template.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from markupsafe import Markup

from harness import identity
from leaderboard import board_columns, board_rows, charts, press, shown, words, written
from leaderboard.board_cells import Cells
from leaderboard.board_columns import Place, Shown
from leaderboard.board_rows import Row
from leaderboard.cells import MARKED_SHARE, Column
from leaderboard.pages import Data, Page, View

NAV = (10, "board")
PATH = "index.html"
LEGEND = (
    "partial", "subset", "chance", "below", "empty", "guessing", "lacking", "uncounted", "ungraded", "stale",
    "rewarded", "trained",
    "contaminated",
)  # fmt: skip


def pages(view: View) -> Iterator[Page | Data]:
    board = view.board
    columns = board_columns.shown(board)
    rows = board_rows.rows(view, columns)
    having = {fact: sum(row.has(fact) for row in rows) for fact in board_columns.FACTS}
    facts = {fact: n for fact, n in having.items() if n}
    places = board_columns.places(columns, facts, len(rows))
    facets = board_rows.facets(board) if rows else {}
    basis = board_rows.basis(columns)
    cells = Cells(board.written, words.Words(), view.splits)
    content = _content(view, columns, rows, places) | _narrowing(facets) | {"basis": basis}
    yield Page(PATH, "index.html.j2", content | {"cells": functools.partial(_cell, cells)})
    yield Data("data/board.js", identity.digest(facets), lambda: ("board", facets))
    template = functools.cache(_macros)
    for place in places:
        if not place.here:
            made_of, make = _column(place, rows, basis, template, cells)
            yield Data(f"data/columns/{place.key}.js", identity.digest(made_of), make)


def _content(view: View, columns: Sequence[Shown], rows: Sequence[Row], places: Sequence[Place]) -> dict[str, Any]:
    marks = {mark for c in columns for cell in c.cells.values() for mark in (*cell.marks, *cell.badges)}
    marks |= {"stale" for row in rows if row.stale}
    here = [place for place in places if place.here]
    return {
        "page": "board",
        "rows": rows,
        "columns": columns,
        "places": places,
        "here": here,
        "shown": sum(place.score is not None for place in here),
        "presets": [c for c in columns if c.column.members],
        "composites": [c for c in columns if c.column.composite],
        "parts": sorted(
            {(p.name, p.kind) for c in columns if c.column.composite for p in c.column.composite.profile.part}
        ),
        "legend": [mark for mark in LEGEND if mark in marks],
        "checked": view.board.overlapping.any,
        "adapters": any(row.checkpoint.kind == "adapter" for row in rows),
        "runs": len(view.board.entries),
        "tasks": shown.tasks(view.board, view.where),
    }


def _narrowing(facets: dict[str, Any]) -> dict[str, Any]:
    """Short lists stand in the page, in both languages; long ones are filled in by the script that needs them."""
    return {
        "facets": {name: sorted(set(facets[name])) for name in ("kind", "method") if name in facets},
        "by": [name for name in ("base", "tag", "bytes", "date") if name in facets],
    }


def _cell(cells: Cells, one: Shown, checkpoint: str) -> Markup:
    return Markup(cells.of(one).write(checkpoint))


def _column(
    place: Place, rows: Sequence[Row], basis: Sequence[Column], template: Callable[[], Any], cells: Cells
) -> tuple[Any, Callable[[], tuple[str, Any]]]:
    """What the script of a column is made of, and how: of scores the figures, of facts the HTML that the page would hold."""
    name, one = f"columns/{place.key}", place.score
    order = [row.checkpoint.id for row in rows]
    if one is None:
        facts = [[row.said(place.key) for row in rows], [column.name for column in basis]]
        return [order, facts], lambda: (name, _facts(place.key, rows, basis, template()))
    packed = cells.of(one).packed(order)
    shared = [one.column.key, dict(one.column.title), one.badges, one.parts]
    return [order, shared, packed], lambda: (name, {"head": str(template().head(one)), **packed})


def _facts(key: str, rows: Sequence[Row], basis: Sequence[Column], made: Any) -> dict[str, Any]:
    return {"head": str(made.fact_head(key, basis)), "cells": [str(made.fact(key, row)) for row in rows]}


def _macros() -> Any:
    """The macros of _score.html.j2, for columns that are not part of a page."""
    known = {
        "t": words.Words(),
        "marked_share": MARKED_SHARE,
        "whisker": charts.whisker,
        "axis": charts.axis,
        "written": written,
        "language": "en",
    }
    names = ("visible", "inline", "attribute", "points", "decimal", "tenth", "count", "size", "parameters")
    environment = press.of_templates("", known, {name: getattr(words, name) for name in names})
    return environment.get_template("_score.html.j2").module
