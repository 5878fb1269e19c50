"""Accuracy x tokens x bytes: who is beaten in all three by another, as a chart, a table and data."""

from __future__ import annotations

import json
from collections.abc import Iterator

from leaderboard import composite_pages, composites
from leaderboard.pages import File, Page, View

NAV = (40, "pareto")
PATH = "pareto.html"


def present(view: View) -> bool:
    return bool(composites.fronts(view.board.columns))


def pages(view: View) -> Iterator[Page | File]:
    board, found = view.board, composites.fronts(view.board.columns)
    fronts = [composite_pages.front(front, board.by_id, view.where.checkpoints) for front in found]
    yield Page(PATH, "pareto.html.j2", {"page": "pareto", "fronts": fronts})
    data = json.dumps(composite_pages.pareto_data(found, board.by_id), indent=1, allow_nan=False) + "\n"
    yield File("pareto.json", data.encode("ascii"))
