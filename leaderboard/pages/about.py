"""What the numbers mean and where the questions come from."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard import shown
from leaderboard.pages import Page, View

NAV = (90, "about")
PATH = "about.html"


def pages(view: View) -> Iterator[Page]:
    yield Page(PATH, "about.html.j2", {"page": "about", "tasks": shown.tasks(view.board, view.where)})
