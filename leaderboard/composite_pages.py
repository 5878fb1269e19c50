"""What the page of a checkpoint says of its composites: every part with what it means, or why it is missing.

Example: `Composites(board.columns, t).lines(checkpoint.id)[0]["rows"]` -> '<tr><th scope="row"><bdi>AS</bdi></th><td class="num">0.4…'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from harness.records import Part
from leaderboard import charts
from leaderboard.cells import Cell, Column
from leaderboard.charts import Scale
from leaderboard.words import DASH, Words, count, inline, size, tenth

POINTS = Scale(0.0, 100.0)


class Composites:
    """The composite columns of a board; what a part means is written once a site."""

    def __init__(self, columns: Iterable[Column], t: Words) -> None:
        self._columns = [column for column in columns if column.composite]
        self._t, self._chart = t, charts.Row(POINTS, None, 1.0)
        self._meant: dict[tuple[str, str], Markup] = {}

    def lines(self, checkpoint_id: str) -> list[dict[str, Any]]:
        """The scores of one checkpoint."""
        found = []
        for column in self._columns:
            cell = column.cells.get(checkpoint_id)
            if cell is not None and cell.overall is not None:
                found.append(
                    {
                        "column": column,
                        "cell": cell,
                        "of": column.ranked,
                        "scale": POINTS,
                        "tokens_right": cell.overall.beside.get("tokens_per_right_answer"),
                        "thinking": cell.overall.beside.get("thinking_share"),
                        "rows": self._rows(column, cell),
                    }
                )
        return found

    def _rows(self, column: Column, cell: Cell) -> Markup:
        assert column.composite is not None and cell.overall is not None
        plans = {plan.name: plan for plan in column.composite.profile.part}
        rows = []
        for part in cell.overall.parts:
            plan = plans[part.name]
            interval = DASH if part.low is None else f"{tenth(part.low)}–{tenth(part.high)}"
            chart = self._chart(part.value, part.low, part.high, False)
            rows.append(
                f'<tr{" class=pending" if part.value is None else ""}><th scope="row">{inline(part.name)}</th>'
                f'<td class="num">{part.weight}</td><td class="num value">{tenth(part.value)}</td><td class="num soft">{interval}</td>'
                f'<td>{chart}</td><td class="num">{count(part.n) if part.n else DASH}</td>'
                f'<td class="said">{self._said(part, plan.meaning, plan.kind)}</td></tr>'
            )
        return Markup("\n".join(rows))

    def _said(self, part: Part, meaning: str, kind: str) -> str:
        if part.value is None:
            return self._t("why_none", why=inline(part.why))
        if (meaning, kind) not in self._meant:
            plain: Mapping[str, str] = {name: self._t.plain(f"part_{kind}", name) for name in ("en", "zh")}
            self._meant[meaning, kind] = self._t.pair({"en": meaning or plain["en"], "zh": plain["zh"]})
        said = str(self._meant[meaning, kind])
        if part.detail.get("bytes") is not None:
            said += f" · {size(part.detail['bytes'])}"
            said += f' <span class="mark">{self._t("declared")}</span>' if part.detail.get("declared") else ""
        return said
