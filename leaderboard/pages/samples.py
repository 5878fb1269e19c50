"""The answers of any checkpoint to any task, read lazily by the page itself from data scripts."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.pages import Page, View

PATH = "samples.html"


def pages(view: View) -> Iterator[Page]:
    yield Page(PATH, "samples.html.j2", {"heading": "samples"})
