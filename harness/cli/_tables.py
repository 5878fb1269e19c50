"""Tables for a terminal: plain aligned text, so that they survive a pipe, a log and a narrow window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width


def scores(rows: Sequence[Mapping[str, Any]]) -> str:
    """Runs with score, 95 % interval, n, and beside it what share could not be read or was cut off."""
    lines = [["checkpoint", "task", "score", "95 % interval", "n", "unparsed", "truncated", "run"]]
    lines += [
        [
            str(row["checkpoint"]), str(row["task"]), percent(row["value"]),
            f"{percent(row['low'])} – {percent(row['high'])}", str(row["n"]),
            share(row["unparsed"], row["graded"]), share(row["truncated"], row["graded"]), str(row["run"])[:8],
        ]
        for row in rows
    ]  # fmt: skip
    return table(lines)


def table(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first one the head; numbers to the right, a rule under the head."""
    widths = [max(width(line[i]) for line in lines) for i in range(len(lines[0]))]
    numeric = [all(_is_number(line[i]) for line in lines[1:]) for i in range(len(lines[0]))]
    drawn = [
        "  ".join(_cell(c, w, right) for c, w, right in zip(line, widths, numeric, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([drawn[0], "─" * width(max(drawn, key=width)), *drawn[1:]])


def width(text: str) -> int:
    """Columns a text takes: a Chinese character takes two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def share(count: int | None, n: int | None) -> str:
    """What part of n graded answers, "–" where there are none."""
    return "–" if count is None or not n else f"{100 * count / n:.1f} %"


def _cell(text: str, columns: int, right: bool) -> str:
    pad = " " * (columns - width(text))
    return pad + text if right else text + pad


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace(" %", "").lstrip("-+").isdigit() or text == "–"
