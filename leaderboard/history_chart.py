"""A family's scores in a column as one figure: the chart, its table, and the same as numbers for the page's script.

Example: `figure(series, t, where)["rows"][0]` -> ("2026-01-02", link, "41.2", "38.9–43.5", "1,346", "").
The chart is for the eye and the pointer; the table beside it holds every number and every link.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape

from leaderboard import charts_lines
from leaderboard.charts_lines import BOTTOM, LEFT, RIGHT, TALL, WIDE, Frame
from leaderboard.history_series import Point, Series
from leaderboard.parents import Against
from leaderboard.places import Places
from leaderboard.words import LANGUAGES, Words, attribute, count, inline
from leaderboard.written import number, signed

MARKS = 3  # dates on the axis


def figure(series: Series, t: Words, where: Places, against: dict[str, Against]) -> dict[str, Any]:
    column = series.column
    return {
        "family": series.root.name,
        "family_href": where.checkpoints[series.root.id],
        "title": t.pair(column.title) if any(column.title.values()) else inline(column.name),
        "metric": column.metric,
        "percent": column.percent,
        "form": column.form,
        "href": where.tasks[column.name],
        "by": series.by,
        "chart": chart(series, t, where),
        "threshold": number(column, series.threshold) if series.threshold is not None else "",
        "tolerance": signed(column, series.tolerance).lstrip("+"),
        "rows": [_row(point, series, where, against.get(point.checkpoint.id)) for point in series.points],
    }


def _row(point: Point, series: Series, where: Places, edge: Against | None) -> dict[str, Any]:
    column, cell = series.column, point.cell
    line = edge.lines.get(column.key) if edge else None
    ends = cell.low is not None and cell.high is not None
    return {
        "label": point.label,
        "name": point.checkpoint.name,
        "href": where.checkpoints[point.checkpoint.id],
        "value": number(column, cell.value),
        "interval": f"{number(column, cell.low)}–{number(column, cell.high)}" if ends else "–",
        "n": count(cell.n),
        "below": under(series, point.value),
        "change": signed(column, line.change) if line else "–",
        "word": line.verdict.replace(" ", "_") if line else "",
    }


def under(series: Series, value: float) -> bool:
    if series.threshold is None:
        return False
    return value < series.threshold if series.column.better_high else value > series.threshold


def chart(series: Series, t: Words, where: Places) -> Markup:
    """Points with whiskers, joined along the lineage; the gate's line is dashed and says what it is."""
    column = series.column
    factor = 100.0 if column.percent else 1.0
    spans = [v for p in series.points for v in (p.value, p.cell.low, p.cell.high) if v is not None]
    frame = Frame.around(
        [p.x for p in series.points], [*spans, *([series.threshold] if series.threshold is not None else [])]
    )
    body = frame.drawn(_marks(series, frame), factor)
    if series.threshold is not None:
        y = frame.y(series.threshold)
        body += f'<path class="gate" d="M{LEFT} {y}H{WIDE - RIGHT}"/>'
        below = y + (12 if y + 14 < TALL - BOTTOM else -4)  # scores mostly lie above the line
        for language in LANGUAGES:
            said = t.plain("h_threshold", language).format(value=number(column, series.threshold))
            body += (
                f'<text class="{language[0]}" x="{WIDE - RIGHT}" y="{below}" text-anchor="end">{escape(said)}</text>'
            )
    places = [(frame.x(p.x), frame.y(p.value)) for p in series.points]
    body += "".join(
        f'<path class="edge" d="M{places[a][0]} {places[a][1]}L{places[b][0]} {places[b][1]}"/>'
        for a, b in series.edges
    )
    for point, (x, y) in zip(series.points, places, strict=True):
        if point.cell.low is not None and point.cell.high is not None:
            body += f'<path class="bar" d="M{x} {frame.y(point.cell.low)}V{frame.y(point.cell.high)}"/>'
        name = escape(f"{attribute(point.checkpoint.name)}: {number(column, point.value)}")
        kind = "dot below" if under(series, point.value) else "dot"
        body += (
            f'<a href="{escape(where.checkpoints[point.checkpoint.id])}" tabindex="-1"><title>{name}</title>'
            f'<circle class="reach" cx="{x}" cy="{y}" r="11"/><circle class="{kind}" cx="{x}" cy="{y}" r="4"/></a>'
        )
    return charts_lines.framed(body, "history")


def _marks(series: Series, frame: Frame) -> list[tuple[float, str]]:
    if series.by == "steps":
        return charts_lines.steps_marks(frame)
    if series.by == "made":
        firsts = {p.label: p.x for p in reversed(series.points)}  # where each generation begins
        return sorted((x, label) for label, x in firsts.items())
    short = series.points[-1].x - series.points[0].x < MARKS  # days
    chosen = {0: series.points[0], len(series.points) - 1: series.points[-1]}
    return [(p.x, p.label[5:] if short else p.label[:10]) for p in chosen.values()]


def numbers(series: Series, against: dict[str, Against], places: dict[str, int]) -> dict[str, Any]:
    """What history.js draws from: points as [place among the family's members, x, value, low, high, n, below]."""
    column = series.column
    factor = 100.0 if column.percent else 1.0

    def scaled(value: float | None) -> float | None:
        return None if value is None else float(f"{factor * value:.6g}")

    rows = [_row_numbers(p, series, against.get(p.checkpoint.id)) for p in series.points]
    return {
        "points": [
            [
                places[p.checkpoint.id],
                round(p.x, 4),
                scaled(p.value),
                scaled(p.cell.low),
                scaled(p.cell.high),
                p.label,
                *row,
            ]
            for p, row in zip(series.points, rows, strict=True)
        ],
        "edges": [list(edge) for edge in series.edges],
        "threshold": scaled(series.threshold),
        "texts": [number(column, series.threshold), signed(column, series.tolerance).lstrip("+")],
    }


def _row_numbers(point: Point, series: Series, edge: Against | None) -> list[Any]:
    line = edge.lines.get(series.column.key) if edge else None
    cell, column = point.cell, series.column
    ends = cell.low is not None and cell.high is not None
    return [
        number(column, cell.value),
        f"{number(column, cell.low)}–{number(column, cell.high)}" if ends else "–",
        count(cell.n),
        int(under(series, point.value)),
        signed(column, line.change) if line else "–",
        line.verdict.replace(" ", "_") if line else "",
    ]
