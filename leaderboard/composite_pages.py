"""What pages say of composites: the parts of one checkpoint, the Pareto front as a chart and as data.

Example: `pareto_data(fronts(board.columns), board.by_id)` -> [{"profile": "distill-v1", "points": [{"accuracy": 56.3, …}]}].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.records import Checkpoint
from leaderboard.cells import Column
from leaderboard.charts import Dot, Scale, scatter
from leaderboard.composites import Front
from leaderboard.words import attribute

POINTS = Scale(0.0, 100.0)


def lines(columns: Sequence[Column], checkpoint_id: str) -> list[dict[str, Any]]:
    """The composite scores of one checkpoint, every part with what it means or why it is missing."""
    found = []
    for column in columns:
        cell, how = column.cells.get(checkpoint_id), column.composite
        if cell is None or cell.overall is None or how is None:
            continue
        plans = {plan.name: plan for plan in how.profile.part}
        found.append(
            {
                "column": column,
                "cell": cell,
                "of": sum(c.ranked for c in column.cells.values()),
                "scale": POINTS,
                "tokens_right": cell.overall.beside.get("tokens_per_right_answer"),
                "thinking": cell.overall.beside.get("thinking_share"),
                "parts": [
                    {
                        "part": part,
                        "meaning": plans[part.name].meaning,
                        "kind": plans[part.name].kind,
                        "bytes": part.detail.get("bytes"),
                        "declared": bool(part.detail.get("declared")),
                    }
                    for part in cell.overall.parts
                ],
            }
        )
    return found


def front(found: Front, by_id: Mapping[str, Checkpoint], hrefs: Mapping[str, str]) -> dict[str, Any]:
    """A front for its page: best first, with a chart whose dots carry the numbers of the rows."""
    ordered = sorted(found.points, key=lambda p: (bool(p.by), -p.point[0], p.point[1], p.point[2], p.name))
    dots = [Dot(str(i), p.point[1], p.point[0], p.point[2], not p.by) for i, p in enumerate(ordered, 1)]
    points = [
        {
            "name": by_id[p.name].name, "href": hrefs[p.name], "right": p.point[0], "tokens": p.point[1],
            "bytes": int(p.point[2]), "declared": by_id[p.name].bytes_declared, "by": [by_id[c].name for c in p.by],
        }
        for p in ordered
    ]  # fmt: skip
    return {
        "column": found.column,
        "points": points,
        "lacking": sorted(by_id[c].name for c in found.lacking),
        "chart": scatter(dots, attribute(found.column.name)),
    }


def pareto_data(found: Sequence[Front], by_id: Mapping[str, Checkpoint]) -> list[dict[str, Any]]:
    """All fronts for other programs: accuracy in points of 100, tokens per answer, bytes; checkpoints by id."""
    made = []
    for one in found:
        how = one.column.composite
        assert how is not None  # a front is of a composite's column
        points = [
            {
                "checkpoint": p.name, "name": by_id[p.name].name, "accuracy": p.point[0], "tokens": p.point[1],
                "bytes": int(p.point[2]), "bytes_declared": by_id[p.name].bytes_declared, "dominated_by": list(p.by),
            }
            for p in one.points
        ]  # fmt: skip
        made.append(
            {
                "profile": how.profile.name, "profile_sha": how.sha, "tasks": list(how.tasks), "counter": how.counter,
                "points": points, "lacking": list(one.lacking),
            }
        )  # fmt: skip
    return made
