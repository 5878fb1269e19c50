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
    """How many answers each checkpoint gave to each task, in whatever form it was asked."""
    board, where = view.board, view.where
    names = list(dict.fromkeys(column.name for column in board.columns if column.task))[:TASKS]
    rows = []
    for checkpoint in board.checkpoints[:ROWS]:
        done: dict[str, int] = {}
        for run in asked.get(where.slug(checkpoint.id), ()):
            done[run.column.name] = done.get(run.column.name, 0) + run.entry.run.done
        row = {"name": checkpoint.name, "href": where.checkpoints[checkpoint.id]}
        rows.append(row | {"done": [done.get(name) for name in names]})
    more = len(board.checkpoints) - len(rows)
    return {"names": [(name, where.tasks[name]) for name in names], "rows": rows, "more": more}
