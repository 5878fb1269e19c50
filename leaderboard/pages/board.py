"""The board: one row a checkpoint, one column a task as it was asked; ranks are intervals.

Example: the row of a LoRA says "LoRA · on base", its rank "2–4", 71.2 with its 95 % interval, n, and what went unread.
"""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard import shown
from leaderboard.pages import Page, View

NAV = (10, "board")
PATH = "index.html"


def pages(view: View) -> Iterator[Page]:
    board, where = view.board, view.where
    rows = [
        {"checkpoint": c, "href": where.checkpoints[c.id], "base": shown.name(board, c.base)} for c in board.checkpoints
    ]
    yield Page(
        PATH,
        "index.html.j2",
        {
            "page": "board",
            "rows": rows,
            "columns": board.columns,
            "lead": board.lead,
            "composites": any(column.composite for column in board.columns),
            "runs": len(board.entries),
            "tasks": shown.tasks(board, where),
        },
    )
