"""Accuracy x tokens x bytes: who is beaten in all three by another, as charts, a table and data.

Example: distilled, with 71.5 right at 30 tokens and 1.2 MiB, beats damaged in all three; teacher stays for its accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.records import Dominated
from leaderboard.charts_plane import Point, plane
from leaderboard.fronts import Front, any_front, fronts
from leaderboard.pages import File, Page, View
from leaderboard.words import attribute

NAV = (40, "pareto")
PATH = "pareto.html"
DRAWN = 60  # dots in a chart; of more, the front and the best of the others
LISTED = 100  # rows of a table, chosen alike
OPEN = 6  # fronts that stand open; the others fold


def present(view: View) -> bool:
    return any_front(view.board)


def pages(view: View) -> Iterator[Page | File]:
    found = fronts(view.board)
    content = {"page": "pareto", "fronts": [_shown(front, view) for front in found], "open": OPEN}
    yield Page(PATH, "pareto.html.j2", content)
    yield File(
        "pareto.json", (json.dumps(data(found, view), separators=(",", ":"), allow_nan=False) + "\n").encode("ascii")
    )


def _shown(front: Front, view: View) -> dict[str, Any]:
    """Best first, those on the front before the others."""
    by_id, hrefs = view.board.by_id, view.where.checkpoints
    ordered = sorted(front.points, key=lambda p: (bool(p.by), -p.point[0], p.point[1], p.point[2], p.name))
    rows = [
        {
            "name": by_id[p.name].name,
            "href": hrefs[p.name],
            "right": p.point[0],
            "interval": front.intervals.get(p.name),
            "tokens": p.point[1],
            "bytes": int(p.point[2]),
            "declared": by_id[p.name].bytes_declared,
            "by": [{"name": by_id[c].name, "href": hrefs[c]} for c in p.by],
        }
        for p in ordered[:LISTED]
    ]
    return {
        "column": front.column,
        "points": rows,
        "all": len(ordered),
        "drawn": min(len(ordered), DRAWN),
        "lacking": sorted(by_id[c].name for c in front.lacking),
        "charts": [(kind, _chart(front, ordered, axis, kind, view)) for axis, kind in ((1, "tokens"), (2, "bytes"))],
    }


def _chart(front: Front, ordered: Sequence[Dominated], axis: int, kind: str, view: View) -> Any:
    points = []
    for p in ordered[:DRAWN]:
        low, high = front.intervals.get(p.name) or (None, None)
        name, href = view.board.by_id[p.name].name, view.where.checkpoints[p.name]
        points.append(Point(name, href, max(p.point[axis], 1.0), p.point[0], low, high, not p.by))
    return plane(points, kind, f"{attribute(front.column.name)}: {kind}")


def data(found: Sequence[Front], view: View) -> list[dict[str, Any]]:
    """All fronts for other programs: accuracy in points of 100, tokens per answer, bytes; checkpoints by id."""
    return [_rules(front) | {"points": _points(front, view), "lacking": list(front.lacking)} for front in found]


def _rules(front: Front) -> dict[str, Any]:
    how = front.column.composite
    if how is None:
        return {
            "profile": None,
            "profile_sha": None,
            "tasks": [front.column.name],
            "counter": "own",
            "column": front.column.slug,
        }
    return {
        "profile": how.profile.name, "profile_sha": how.sha, "tasks": list(how.tasks), "counter": how.counter,
        "column": front.column.slug,
    }  # fmt: skip


def _points(front: Front, view: View) -> list[dict[str, Any]]:
    by_id = view.board.by_id
    return [
        {
            "checkpoint": p.name, "name": by_id[p.name].name, "accuracy": p.point[0], "tokens": p.point[1],
            "bytes": int(p.point[2]), "bytes_declared": by_id[p.name].bytes_declared, "dominated_by": list(p.by),
        }
        for p in front.points
    ]  # fmt: skip
