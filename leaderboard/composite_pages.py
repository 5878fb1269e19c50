"""What the page of a checkpoint says of its composites: every part with what it means, or why it is missing.

Example: `lines(board.columns, checkpoint.id)[0]["parts"][0]["part"]` -> Part(name="AS", weight=0.4, value=71.5, …).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard.cells import Column
from leaderboard.charts import Scale

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
                "of": column.ranked,
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
