"""The score table of a checkpoint, every cell written out here: sixty tasks on a thousand pages are sixty thousand rows.

Example: `Rows(view, t).row(entry, line)` -> {"title": "C-Eval", "rank": "2–4", "value": "71.2", "interval": "69.9–72.5", …}.
What belongs to a column is written once a site: its title, its form, its address.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from harness.records import Run, Settings
from leaderboard import charts, shown
from leaderboard.cells import MARKED_SHARE, Cell, Column, Entry, Form
from leaderboard.charts import Scale
from leaderboard.columns import cell_of
from leaderboard.pages import View
from leaderboard.parents import Line
from leaderboard.words import DASH, Words, attribute, count, decimal, inline, points, tenth

OPEN_MARKS = ("unparsed", "truncated")  # stand in columns of their own


@dataclass(frozen=True)
class Head:
    """What all cells of a column share."""

    column: Column
    title: Markup
    form: Markup
    href: str
    of: int
    scale: Scale
    factor: float
    sort: str
    divided: bool  # into subjects


@dataclass
class Rows:
    view: View
    t: Words
    heads: dict[str, Head] = field(default_factory=dict)
    _settings: dict[Settings, Markup] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column in self.view.board.columns:
            if column.task is not None:
                self.heads[column.key] = self._head(column)
        self.said = functools.cache(self.t.__call__)

    def _head(self, column: Column) -> Head:
        title = self.t.pair(column.title) if any(column.title.values()) else inline(column.name)
        unit = ", %" if column.percent else ""
        form = Markup("{}{} · {}").format(inline(column.metric), unit, form_words(self.t, column.form))
        of = sum(cell.ranked for cell in column.cells.values())
        divided = column.exam is not None and any(sample.subject for sample in column.exam.samples)
        factor = 100.0 if column.percent else 1.0
        href = self.view.where.tasks[column.name]
        return Head(column, title, form, href, of, column.scale, factor, attribute(column.name), divided)

    def row(self, entry: Entry, line: Line | None, parent: str) -> dict[str, Any]:
        """`line`: its change against the parent, whose id is `parent`."""
        head = self.heads[self.view.board.place[entry.run.id]]
        column, cell = head.column, head.column.cells[entry.checkpoint.id]
        older = cell.entry is not entry
        if older:
            cell, line = cell_of(entry, column), None
        where = self.view.where
        return {
            "head": head,
            "engine": entry.engine,
            "repeats": self.said("repeats", n=entry.run.repeats) if entry.run.repeats > 1 else "",
            "marks": self._marks(cell, older),
            "ranked": cell.ranked,
            "sort": (cell.rank or "", "" if cell.value is None else cell.value, "" if line is None else line.change),
            "rank": rank(cell),
            "of": head.of if cell.rank else "",
            "value": number(column, cell.value),
            "interval": self._interval(column, cell),
            "chart": charts.whisker(
                head.scale, cell.value, cell.low, cell.high, column.chance, head.factor, not cell.ranked
            ),
            "line": self._line(column, line),
            "compare": where.compare(parent, entry.checkpoint.id, column) if line else "",
            "n": count(cell.n),
            "micro": number(column, entry.value(column.metric, "micro")),
            "macro": number(column, entry.value(column.metric, "macro")),
            "unparsed": points(cell.unparsed),
            "cut": points(cell.truncated),
            "flags": ((cell.unparsed or 0) > MARKED_SHARE, (cell.truncated or 0) > MARKED_SHARE),
            "tokens": decimal(entry.value("answer_tokens")),
            "samples": where.answers(entry.checkpoint.id, column) if entry.run.done and not older else "",
            "run": entry.run,
            "status": self.said(f"status_{entry.run.status}"),
            "settings": self._setting(entry.run),
        }

    def _setting(self, run: Run) -> Markup:
        if run.settings not in self._settings:
            self._settings[run.settings] = inline(shown.settings_line(run))
        return self._settings[run.settings]

    def _marks(self, cell: Cell, older: bool) -> Markup:
        found = [
            Markup('<span class="mark{}">{}</span>').format("" if mark in ("subset", "ungraded") else " odd", self._mark(mark, cell))
            for mark in cell.marks
            if mark not in OPEN_MARKS
        ]  # fmt: skip
        found += [Markup('<span class="mark">{}</span>').format(self.said("older"))] if older else []
        return Markup(" ").join(found)

    def _mark(self, mark: str, cell: Cell) -> Markup:
        if mark != "partial":
            return self.said(f"mark_{mark}")
        return self.t("mark_partial", done=count(cell.done), expected=count(cell.expected))

    def _interval(self, column: Column, cell: Cell) -> str | Markup:
        if cell.low is None or cell.high is None:
            return self.said("no_interval")
        return f"{number(column, cell.low)}–{number(column, cell.high)}"

    def _line(self, column: Column, line: Line | None) -> dict[str, Any] | None:
        if line is None:
            return None
        word = line.verdict.replace(" ", "_")
        ends = f"{signed(column, line.low)} … {signed(column, line.high)}"
        return {"change": signed(column, line.change), "word": word, "said": self.said(f"c_turn_{word}"), "ends": ends}


def number(column: Column, value: float | None) -> str:
    """As _score.html.j2 writes it."""
    return points(value) if column.percent else tenth(value) if column.composite else decimal(value)


def signed(column: Column, value: float | None) -> str:
    """A change: +1.2 or −3.1, the minus as wide as the plus."""
    if value is None:
        return DASH
    text = f"{100 * value:+.1f}" if column.percent else f"{value:+.3g}"
    zero = not any(sign in "123456789" for sign in text)
    return text[1:] if zero else text.replace("-", "\u2212")


def rank(cell: Cell) -> str:
    if not cell.rank:
        return DASH
    if cell.tied:
        return "1="
    return str(cell.rank) if cell.best == cell.worst or cell.rank == 1 else f"{cell.best}–{cell.worst}"


def form_words(t: Words, form: Form) -> Markup:
    """As _score.html.j2 writes it, once a column."""
    extras = [inline(extra) for extra in form.extras]
    if form.asked != "here":
        parts = [t("elsewhere"), inline(form.elsewhere)]
    else:
        shots = Markup(", ").join(t("shots", n=n) for n in form.shots)
        parts = [shots, t("chat" if form.chat else "raw")]
        parts += [t(f"think_{form.think}")] if form.think != "default" else []
    return Markup(" · ").join([*parts, *extras])
