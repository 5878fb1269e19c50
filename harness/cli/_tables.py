"""Tables for a terminal: plain aligned text, so that they survive a pipe, a log and a narrow window."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

from harness.verdicts.wording import printable
from harness.words import heads, say, told

WIDTH = 100  # of a terminal that nobody has widened, and of most logs
LEAST = 24  # columns of a folded text, whatever stands beside it
EAST = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
# a word with its space, or one Chinese character with the punctuation that no line may end or begin with
WORD = re.compile(rf"[（「“]*[{EAST}][，。；：、）」”]*\s*|[^\s{EAST}]+\s*|\s+")
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


def table(lines: Sequence[Sequence[str]], fold: int | None = None) -> str:
    """Rows of cells, the first one the head; numbers to the right, a rule under the head. Cells are made printable.

    `fold`: the column whose texts go on in further lines, so that the whole fits 100 columns.
    """
    cells = [[printable(told(cell)) for cell in line] for line in lines]
    widths = [max(width(line[i]) for line in cells) for i in range(len(cells[0]))]
    right = [head not in TEXTS and all(_is_number(line[i]) for line in cells[1:]) for i, head in enumerate(lines[0])]
    if fold is not None:
        room = max(LEAST, WIDTH - sum(widths) + widths[fold] - 2 * (len(widths) - 1))
        cells = [row for line in cells for row in _rows(line, fold, room)]
        widths[fold] = min(widths[fold], room)
    drawn = ["  ".join(_cell(c, w, r) for c, w, r in zip(line, widths, right, strict=True)).rstrip() for line in cells]
    return "\n".join([drawn[0], "─" * width(max(drawn, key=width)), *drawn[1:]])


def _rows(line: Sequence[str], fold: int, room: int) -> Iterator[list[str]]:
    for i, piece in enumerate(folded(line[fold], room)):
        yield [piece if k == fold else "" if i else cell for k, cell in enumerate(line)]


def folded(text: str, columns: int) -> list[str]:
    """Lines no wider than that: broken at spaces, and between Chinese characters; a longer word is broken anywhere."""
    lines = [""]
    for word in WORD.findall(text):
        while width(word) > columns:
            head = word[: next(i for i in range(len(word), 0, -1) if width(word[:i]) <= columns)]
            lines, word = [*lines, head], word[len(head) :]
        if width(lines[-1] + word.rstrip()) > columns:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines if line.strip()] or [""]


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
    return "–" if count is None or not n else say("{n} %", n=f"{100 * count / n:.1f}")


def _cell(text: str, columns: int, right: bool) -> str:
    pad = " " * (columns - width(text))
    return pad + text if right else text + pad


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removesuffix("%").rstrip().lstrip("-+").isdigit() or text == "–"
