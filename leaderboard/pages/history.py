"""Scores by training step or by date, per family and column, with the line under which the gate would look.

Example: of a family base -> sft at steps 100, 200, 300 the page draws one chart a task; of two hundred families the first
twelve charts stand in the page, and every other is drawn from data/history/FAMILY.js when it is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leaderboard import history_chart, history_series
from leaderboard.family import Kin
from leaderboard.history_series import Series
from leaderboard.pages import File, Page, View
from leaderboard.places import Places
from leaderboard.press import script
from leaderboard.words import LANGUAGES, Words

NAV = (50, "history")
PATH = "history.html"
SHOWN = 12  # charts in the page
OFFERED = 300  # families to choose from


def present(view: View) -> bool:
    return len(view.board.by_id) > 1


def pages(view: View) -> Iterator[Page | File]:
    kin, t = Kin(view), Words()
    families: dict[str, list[Series]] = {}
    for series in history_series.series(kin):
        families.setdefault(series.root.id, []).append(series)
    many = sum(len(found) for found in families.values())
    first = list(_first(families))
    content: dict[str, Any] = {
        "page": "history",
        "figures": [history_chart.figure(one, t, view.where, dict(kin.against)) for one in first],
        "many": many,
        "families": [],
    }
    if many > len(first):
        offered = dict(list(families.items())[:OFFERED])
        content["columns"] = _columns(offered)
        places = {column["slug"]: i for i, column in enumerate(content["columns"])}
        content["families"] = [_family(found, view.where, places) for found in offered.values()]
        for root, found in offered.items():
            payload = _payload(found, kin, view.where)
            path = f"data/history/{view.where.slug(root)}.js"
            yield File(path, script(f"history/{root}", payload))
    yield Page(PATH, "history.html.j2", content)


def _first(families: Mapping[str, list[Series]]) -> Iterator[Series]:
    """One chart of each family in turn, so that no family fills the page alone; in the families' own order."""
    chosen: list[tuple[int, int]] = []
    lists = list(families.values())
    for turn in range(max((len(found) for found in lists), default=0)):
        chosen += [(place, turn) for place, found in enumerate(lists) if turn < len(found)]
        if len(chosen) >= SHOWN:
            break
    for place, turn in sorted(chosen[:SHOWN]):
        yield lists[place][turn]


def _family(found: list[Series], where: Places, places: Mapping[str, int]) -> dict[str, Any]:
    """`columns`: the places of its columns among those to choose from; empty: it has them all."""
    root = found[0].root
    mine = [str(places[one.column.slug]) for one in found]
    columns = " ".join(mine) if len(mine) < len(places) else ""
    return {"slug": where.slug(root.id), "id": root.id, "name": root.name, "columns": columns}


def _columns(offered: Mapping[str, list[Series]]) -> list[dict[str, Any]]:
    columns = {one.column.key: one.column for found in offered.values() for one in found}
    return [
        {
            "slug": column.slug,
            "title": {language: column.title.get(language) or column.name for language in LANGUAGES},
            "metric": column.metric,
            "percent": column.percent,
        }
        for column in columns.values()
    ]


def _payload(found: list[Series], kin: Kin, where: Places) -> dict[str, Any]:
    members = sorted({p.checkpoint.id for one in found for p in one.points})
    places = {member: i for i, member in enumerate(members)}
    by_id = kin.view.board.by_id
    against = dict(kin.against)
    return {
        "by": found[0].by,
        "members": [[by_id[member].name, where.checkpoints[member]] for member in members],
        "columns": {one.column.slug: history_chart.numbers(one, against, places) for one in found},
    }
