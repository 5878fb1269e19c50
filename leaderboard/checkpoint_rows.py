"""The tables of a checkpoint's runs, every row written out here: sixty tasks on a thousand pages are sixty thousand rows.

Example: `Rows(view).scores(entries, edge)` -> '<tr><th scope="row" …>C-Eval</th><td class="num">2–4</td>…</tr>…'.
What belongs to a column (its title, its form, its address) is escaped once a site; what is put together here is either
that or a number. Trap: a page lies in checkpoint/, so every address begins with "../".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from leaderboard import charts, shown, written
from leaderboard.cells import MARKED_SHARE, Cell, Column, Entry, Form
from leaderboard.charts import Scale
from leaderboard.columns import cell_of
from leaderboard.pages import View
from leaderboard.parents import Against, Line
from leaderboard.words import DASH, Words, attribute, count, decimal, inline, points, visible


class Quick(Words):
    """Words that remember what they said: a thousand pages say the same hundred things."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[Any, Markup] = {}  # a name with what is filled in, or a name alone

    def __call__(self, key: str, /, **values: Any) -> Markup:
        said = (key, *values.items()) if values else key
        if said not in self._said:
            self._said[said] = super().__call__(key, **values)
        return self._said[said]


@dataclass(frozen=True)
class Head:
    """What all cells of a column share."""

    column: Column
    title: Markup
    name: Markup
    link: Markup
    first: Markup  # the row's head, up to the marks
    form: Markup
    of: str
    slug: str
    scale: Scale
    factor: float
    divided: bool  # into subjects
    chart: charts.Row
    scores: Mapping[str, written.Score]


@dataclass
class Rows:
    view: View
    t: Quick
    heads: dict[str, Head] = field(default_factory=dict)
    _averaged: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column in self.view.board.columns:
            if column.task is not None:
                self.heads[column.key] = self._head(column)
        self._read, self._no_interval = self.t("read"), self.t("no_interval")
        self._doubt = functools.cache(_doubt)
        self._badges = written.Marks(self.t)
        self._turns = {word: self.t(f"c_turn_{word}") for word in ("worse", "better", "alike", "not_separable")}
        self._settings = functools.cache(lambda engine, settings: inline(engine) + " · " + self._line(settings))

    def _head(self, column: Column) -> Head:
        title = self.t.pair(column.title) if any(column.title.values()) else inline(column.name)
        unit = ", %" if column.percent else ""
        link = Markup('<a href="../{}">{}</a>').format(self.view.where.tasks[column.name], title)
        first = Markup('<th scope="row" data-v="{}">{} ').format(attribute(column.name), link)
        form = Markup('<br><small class="soft">{}{} · {}').format(
            visible(column.metric), unit, form_words(self.t, column.form)
        )
        of = f' <small class="soft">/ {column.ranked}</small>'
        divided = column.exam is not None and any(sample.subject for sample in column.exam.samples)
        factor = 100.0 if column.percent else 1.0
        chart = charts.Row(column.scale, column.chance, factor)
        return Head(
            column, title, inline(column.name), link, first, form, of, column.slug, column.scale, factor, divided, chart,
            self.view.board.written.of(column),
        )  # fmt: skip

    def head(self, entry: Entry) -> Head:
        return self.heads[self.view.board.place[entry.run.id]]

    def averaged(self, entries: Sequence[Entry]) -> bool:
        """Whether some score differs by how it is averaged."""
        of = entries[0].checkpoint.id if entries else ""
        if of not in self._averaged:
            self._averaged[of] = self._differs(entries)
        return self._averaged[of]

    @staticmethod
    def _differs(entries: Sequence[Entry]) -> bool:
        for entry in entries:
            micro, macro = (entry.value(entry.metric, name) for name in ("micro", "macro"))
            if micro is not None and macro is not None and points(micro) != points(macro):
                return True
        return False

    def scores(self, entries: Sequence[Entry], edge: Against | None) -> Markup:
        averages = self.averaged(entries)
        own = f"../samples.html#c={self.view.where.slug(entries[0].checkpoint.id)}&amp;t=" if entries else ""
        pair = f"../{escape(self.view.where.compare(edge.parent, edge.child))}&amp;t=" if edge else ""
        return Markup("\n".join([self._score(entry, edge, averages, own, pair) for entry in entries]))

    def _score(self, entry: Entry, edge: Against | None, averages: bool, own: str, pair: str) -> str:
        """`own` and `pair`: the addresses of its answers and of the comparison, up to the column."""
        head = self.head(entry)
        column, cell = head.column, head.column.cells[entry.checkpoint.id]
        older = cell.entry is not entry
        if older:
            cell = cell_of(entry, column)
            value, interval = written.number(column, cell.value), written.interval(column, cell)
            chart = head.chart(cell.value, cell.low, cell.high, not cell.ranked)
        else:
            value, interval, chart = head.scores[entry.checkpoint.id]
        repeats = f" · {self.t('repeats', n=entry.run.repeats)}" if entry.run.repeats > 1 else ""
        exact = "" if cell.value is None else cell.value
        parts = [
            f'<tr{"" if cell.ranked else " class=pending"}>{head.first}{self._marks(cell, older)}{head.form}{repeats}</small></th>'
            f'<td class="num" data-v="{cell.rank or ""}">{written.rank(cell)}{head.of if cell.rank else ""}</td>'
            f'<td class="num value" data-v="{exact}">{value}</td><td class="num soft">{interval or self._no_interval}</td><td>{chart}</td>'
        ]  # fmt: skip
        if edge is not None:
            parts.append(self._change(column, None if older else edge.lines.get(column.key), pair + head.slug))
        parts.append(f'<td class="num">{count(cell.n)}</td>')
        if averages:
            both = (written.number(column, entry.value(column.metric, name)) for name in ("micro", "macro"))
            parts += [f'<td class="num">{text}</td>' for text in both]
        read = f'<a href="{own}{head.slug}">{self._read}</a>' if entry.run.done and not older else DASH
        parts.append(
            f"{self._doubt(cell.unparsed)}{self._doubt(cell.truncated)}"
            f'<td class="num">{decimal(entry.value("answer_tokens"))}</td><td>{read}</td></tr>'
        )
        return "".join(parts)

    def _change(self, column: Column, line: Line | None, href: str) -> str:
        if line is None:
            return f'<td class="num" data-v="">{DASH}</td>'
        word = line.verdict.replace(" ", "_")
        ends = f"[{signed(column, line.low)}, {signed(column, line.high)}]"
        return (
            f'<td class="num" data-v="{line.change}"><a href="{href}">{signed(column, line.change)}</a> <small class="word {word}">'
            f'{self._turns[word]}</small><br><small class="soft">{ends}</small></td>'
        )  # fmt: skip

    def _marks(self, cell: Cell, older: bool) -> Markup:
        found = self._badges.each(cell)
        found += [Markup('<span class="mark">{}</span>').format(self.t("older"))] if older else []
        return Markup(" ").join(found)

    # -- runs -----------------------------------------------------------------------------------------------------

    def runs(self, entries: Sequence[Entry]) -> list[tuple[Markup, Markup]]:
        """(engine and settings, the rows of the runs that were asked so)."""
        found: dict[Markup, list[str]] = {}
        for entry in entries:
            found.setdefault(self._settings(entry.engine, entry.run.settings), []).append(self._run(entry))
        return [(settings, Markup("\n".join(rows))) for settings, rows in found.items()]

    def _run(self, entry: Entry) -> str:
        run = entry.run
        return (
            f'<tr><th scope="row" class="mono">{escape(run.id)}</th><td>{self.head(entry).name}</td><td>{self.t("status_" + run.status)} '
            f"{count(run.done)} / {count(run.expected)}</td><td>{escape((run.started or DASH)[:19])}</td></tr>"
        )  # fmt: skip

    def _line(self, settings: Any) -> Markup:
        return inline(shown.settings_line(settings, self.view.options.samples != "none"))


def _doubt(share: float | None) -> str:
    return f'<td class="num{" flag" if (share or 0) > MARKED_SHARE else ""}">{points(share)}</td>'


def signed(column: Column, value: float | None) -> str:
    """A change: +1.2 or −3.1, the minus as wide as the plus."""
    if value is None:
        return DASH
    text = f"{100 * value:+.1f}" if column.percent else f"{value:+.3g}"
    zero = not any(sign in "123456789" for sign in text)
    return text[1:] if zero else text.replace("-", "\u2212")


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
