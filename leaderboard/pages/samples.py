"""The answers of any checkpoint to any task, read lazily by the page itself from data scripts."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard import answers
from leaderboard.answers_runs import GLYPHS
from leaderboard.pages import Data, Page, View

PATH = "samples.html"


def pages(view: View) -> Iterator[Page | Data]:
    yield Page(PATH, "samples.html.j2", {"heading": "samples", "outcomes": tuple(GLYPHS)})
    yield from answers.data(view)
