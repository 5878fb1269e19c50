"""The answers of any checkpoint to any task, read lazily by the page itself from data scripts.

Without JavaScript the page is a table of who answered how many questions of what; with `--samples none` it stays that,
with marks and counts, since no text is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leaderboard import answers
from leaderboard.answers_runs import GLYPHS, Asked, asked_of
from leaderboard.pages import Data, Page, View

NAV = (30, "answers")
PATH = "samples.html"
ROWS, TASKS = 200, 12  # of the table that stands in for the page


def pages(view: View) -> Iterator[Page | Data]:
    asked = asked_of(view)
    content = {
        "page": "answers",
        "heading": "samples",
        "outcomes": tuple(GLYPHS),
        "glyphs": {outcome: sign for outcome, sign in GLYPHS.items() if outcome != "none"},
        "samples": view.options.samples,
        "kinds": sorted({f"kind_{checkpoint.kind}" for checkpoint in view.board.checkpoints}),
        **_table(view, asked),
    }
    yield Page(PATH, "samples.html.j2", content)
    yield from answers.data(view, asked)


def _table(view: View, asked: Mapping[str, Sequence[Asked]]) -> dict[str, Any]:
    """How many answers each checkpoint gave to each task."""
    board, where = view.board, view.where
    columns = [column for column in board.columns if column.task][:TASKS]
    rows = []
    for checkpoint in board.checkpoints[:ROWS]:
        done = {run.column.key: run.entry.run.done for run in asked.get(where.slug(checkpoint.id), ())}
        row = {"name": checkpoint.name, "href": where.checkpoints[checkpoint.id]}
        rows.append(row | {"done": [done.get(column.key) for column in columns]})
    more = len(board.checkpoints) - len(rows)
    return {"columns": columns, "rows": rows, "more": more, "tasks": where.tasks}
