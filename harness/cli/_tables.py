"""Tables for a terminal: plain aligned text, so that they survive a pipe, a log and a narrow window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

from harness.verdicts.wording import printable
from harness.words import heads, told

TEXTS = ("checkpoint", "task", "run", "status", "tags")  # an id of digits alone is no number


def scores(rows: Sequence[Mapping[str, Any]]) -> str:
    """Runs with score, 95 % interval, n, and beside it what share was empty, could not be read or was cut off."""
    lines = [heads("checkpoint", "task", "score", "95 % interval", "n", "empty", "unparsed", "truncated", "run")]
    lines += [
        [
            str(row["checkpoint"]), str(row["task"]), score(row["value"], row["metric"]),
            interval(row["low"], row["high"], row["metric"]), number(row["n"]), share(row["empty"], row["graded"]),
            share(row["unparsed"], row["graded"]), share(row["truncated"], row["graded"]), str(row["run"])[:8],
        ]
        for row in rows
    ]  # fmt: skip
    return table(lines)


def table(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first one the head; numbers to the right, a rule under the head. Cells are made printable."""
    cells = [[printable(told(cell)) for cell in line] for line in lines]
    widths = [max(width(line[i]) for line in cells) for i in range(len(cells[0]))]
    right = [head not in TEXTS and all(_is_number(line[i]) for line in cells[1:]) for i, head in enumerate(lines[0])]
    drawn = ["  ".join(_cell(c, w, r) for c, w, r in zip(line, widths, right, strict=True)).rstrip() for line in cells]
    return "\n".join([drawn[0], "─" * width(max(drawn, key=width)), *drawn[1:]])


def block(text: str) -> str:
    """Model output and questions as lines that can't move the cursor or colour the terminal."""
    return "\n".join(printable(line) for line in text.split("\n"))


def width(text: str) -> int:
    """Columns a text takes: a Chinese character takes two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def interval(low: float | None, high: float | None, metric: str = "accuracy") -> str:
    return "–" if low is None or high is None else f"{score(low, metric)} – {score(high, metric)}"


def score(value: float | None, metric: str) -> str:
    """A share in percent, a number in a unit of its own as it is: RMSE 3.2 is not 320.0."""
    from harness import metrics

    shares = not metrics.known(metric) or metrics.find(metric).UNIT == "share"
    return percent(value) if shares or value is None else f"{value:.4g}"


def number(value: int | None) -> str:
    return "–" if value is None else str(value)


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
