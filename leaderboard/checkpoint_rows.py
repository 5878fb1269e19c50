"""The tables of a checkpoint's runs, every row written out here: sixty tasks on a thousand pages are sixty thousand rows.

Example: `Rows(view, t).scores(entries, edge).rows` -> '<tr><th scope=row><a href="…">C-Eval</a> …<td>2–4 …'.
On a site of thousands of runs (`View.lean`) a row says its task by name, its way of asking by a letter that the caption
explains, the verdict by a sign, and rows.js makes its links to answers; elsewhere each says all in words.
What belongs to a column is escaped once a site; what is put together here is either that or a number.
Trap: a page lies in checkpoint/, so every address begins with "../".
"""

from __future__ import annotations

import collections
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from leaderboard import shown, written
from leaderboard.cells import Cell, Column, Entry
from leaderboard.columns import cell_of
from leaderboard.pages import View
from leaderboard.parents import Against, Line
from leaderboard.words import DASH, Words, alone, count, inline, visible

MINUS = "\u2212"
SIGNS = {"worse": "↓", "better": "↑", "alike": "=", "not separable": "~"}


@dataclass(frozen=True)
class Head:
    """What all cells of a column share."""

    column: Column
    title: Markup
    name: Markup
    link: Markup
    first: str  # the row's head, up to the marks
    form: Markup
    of: str
    factor: float
    divided: bool  # into subjects
    cells: Mapping[str, Cell]
    scores: Mapping[str, written.Score]


@dataclass(frozen=True)
class Scores:
    """A table of scores: its rows, whether two averages differ in some, and what its letters stand for."""

    rows: Markup
    of: int  # how many most tasks rank; 0 where each row says it
    averages: bool
    ways: Sequence[tuple[str, Markup]]  # letter, how it was asked; one without a letter holds for all


@dataclass
class Rows:
    view: View
    t: Words
    heads: dict[str, Head] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lean = self.view.lean
        for column in self.view.board.columns:
            if column.task is not None:
                self.heads[column.key] = self._head(column)
        self._read = self.t("read")
        self._badges = written.Marks(self.t)
        self._turns = {word: self.t(f"c_turn_{word.replace(' ', '_')}") for word in SIGNS}
        self._settings: dict[tuple[str, int], Markup] = {}

    def _head(self, column: Column) -> Head:
        title = self.t.pair(column.title) if any(column.title.values()) else inline(column.name)
        unit = ", %" if column.percent else ""
        said = alone(column.name) if self._lean else title
        link = Markup('<a href="../{}">{}</a>').format(self.view.where.tasks[column.name], said)
        first = Markup("<th>{} ").format(link)
        form = Markup("{}{} · {}").format(visible(column.metric), unit, written.form(self.t, column.form))
        of = f" / {column.ranked}" if self._lean else f' <small class="soft">/ {column.ranked}</small>'
        divided = column.exam is not None and any(sample.subject for sample in column.exam.samples)
        factor = 100.0 if column.percent else 1.0
        scores = self.view.board.written.of(column)
        return Head(
            column, title, alone(column.name), link, str(first), form, of, factor, divided, column.cells, scores,
        )  # fmt: skip

    def head(self, entry: Entry) -> Head:
        return self.heads[self.view.board.place[entry.run.id]]

    def scores(self, entries: Sequence[Entry], edge: Against | None) -> Scores:
        told = [self._told(entry) for entry in entries]
        averages = any(score.other not in (score.value, DASH) for _, _, score, _ in told)
        ranked = collections.Counter(head.column.ranked for head, _, _, _ in told) if self._lean else None
        of = ranked.most_common(1)[0][0] if ranked else 0
        forms = list(dict.fromkeys(head.form for head, _, _, _ in told))
        letters = dict(zip(forms, _letters(len(forms)), strict=True)) if self._lean else {}
        own = f"../samples.html#c={self.view.where.slug(entries[0].checkpoint.id)}&amp;t=" if entries else ""
        pair = f"../{escape(self.view.where.compare(edge.parent, edge.child))}&amp;t=" if edge else ""
        rows = []
        for entry, (head, cell, score, older) in zip(entries, told, strict=True):
            change = (
                ""
                if edge is None
                else self._change(head.column, None if older else edge.lines.get(head.column.key), pair)
            )
            rows.append(
                f"<tr{'' if cell.ranked else ' class=pending'}{f' id={head.column.slug}' if self._lean and not older else ''}>{head.first}"
                f"{self._marks(cell, older) if older or cell.marks or cell.badges else ''}{self._way(entry, head, letters)}<td>{score.rank}"
                f"{head.of if cell.rank and head.column.ranked != of else ''}{score.first}{change}<td>{score.n}"
                f"{_averages(head.column, score) if averages else ''}{score.doubts}<td>{score.tokens}"
                f"{'' if self._lean else self._answers(entry, head, older, own)}"
            )
        return Scores(Markup("\n".join(rows)), of, averages, [(letter, form) for form, letter in letters.items()])

    def _told(self, entry: Entry) -> tuple[Head, Cell, written.Score, bool]:
        """A run's column, its cell and that in letters; and whether a later run has taken its place."""
        head, checkpoint = self.head(entry), entry.checkpoint.id
        cell = head.cells[checkpoint]
        if cell.entry is entry:
            return head, cell, head.scores[checkpoint], False
        cell = cell_of(entry, head.column)
        return head, cell, self.view.board.written.writer(head.column)(cell), True

    def _way(self, entry: Entry, head: Head, letters: Mapping[Markup, str]) -> str:
        repeats = f" · {self.t('repeats', n=entry.run.repeats)}" if entry.run.repeats > 1 else ""
        if not self._lean:
            return f'<br><small class="soft">{head.form}{repeats}</small>'
        letter = letters[head.form]
        return f"<sup>{letter}</sup><small>{repeats}</small>" if letter or repeats else ""

    def _answers(self, entry: Entry, head: Head, older: bool, own: str) -> str:
        read = f'<a href="{own}{head.column.slug}">{self._read}</a>' if entry.run.done and not older else DASH
        return f"<td>{read}"

    def _change(self, column: Column, line: Line | None, pair: str) -> str:
        """`pair`: the address of the comparison, up to the column."""
        if line is None:
            return f"<td>{DASH}"
        if self._lean:
            return _briefly(column, line)
        by, low, high = (written.signed(column, value) for value in (line.change, line.low, line.high))
        return (
            f'<td><a href="{pair}{column.slug}">{by}</a> <small class="word {line.verdict.replace(" ", "_")}">'
            f'{self._turns[line.verdict]}</small><br><small class="soft">[{low}, {high}]</small>'
        )  # fmt: skip

    def _marks(self, cell: Cell, older: bool) -> str:
        return (
            f'{self._badges.row(cell)} <span class="mark">{self.t("older")}</span>' if older else self._badges.row(cell)
        )

    # -- runs -----------------------------------------------------------------------------------------------------

    def runs(self, entries: Sequence[Entry]) -> list[tuple[Markup, Markup]]:
        """(engine and settings, the rows of the runs that were asked so)."""
        found: dict[Markup, list[Entry]] = {}
        for entry in entries:
            found.setdefault(self._asked(entry), []).append(entry)
        write = self._together if self._lean else self._apart
        return [(settings, Markup(write(mine))) for settings, mine in found.items()]

    def _apart(self, entries: Sequence[Entry]) -> str:
        return "\n".join(self._run(entry) for entry in entries)

    def _together(self, entries: Sequence[Entry]) -> str:
        """Finished runs that began on one day as one list; any other stands alone, for something may be wrong with it."""
        days: dict[str, list[Entry]] = {}
        others: list[str] = []
        for entry in entries:
            if entry.complete:
                days.setdefault((entry.run.started or DASH)[:10], []).append(entry)
            else:
                others.append(self._run(entry))
        return "\n".join([*(self._day(day, mine) for day, mine in days.items()), *others])

    def _day(self, day: str, entries: Sequence[Entry]) -> str:
        named = "; ".join([f"{self.head(entry).name} {escape(entry.run.id)}" for entry in entries])
        times = [(entry.run.started or "")[11:19] for entry in entries]
        when = escape(f"{day} {min(times)}–{max(times)}" if len(times) > 1 else f"{day} {times[0]}")
        return f"<tr><td colspan=2 class=mono>{named}<td>{self.t('status_done')}<td>{when}"

    def _run(self, entry: Entry) -> str:
        run = entry.run
        return (
            f'<tr><th scope="row" class="mono">{escape(run.id)}</th><td>{self.head(entry).name}</td><td>{self.t("status_" + run.status)} '
            f"{count(run.done)} / {count(run.expected)}</td><td>{escape((run.started or DASH)[:19])}</td></tr>"
        )  # fmt: skip

    def _asked(self, entry: Entry) -> Markup:
        """By what engine and with what settings, which the runs of a board share."""
        key = entry.engine, id(entry.run.settings)
        if key not in self._settings:
            line = shown.settings_line(entry.run.settings, self.view.options.samples != "none")
            self._settings[key] = inline(entry.engine) + " · " + inline(line)
        return self._settings[key]


def _briefly(column: Column, line: Line) -> str:
    """The same in signs: −3.1 ↓ [−4.8, −1.4]."""
    by, low, high = line.change, line.low, line.high
    sure = f" class={line.verdict}" if line.verdict in ("worse", "better") else ""
    if column.percent:
        said = f"<td{sure}>{100 * by:+.1f} {SIGNS[line.verdict]} [{100 * low:+.1f}, {100 * high:+.1f}]"
        return said.replace("+0.0", "0.0").replace("-0.0", "0.0").replace("-", MINUS)
    return f"<td{sure}>{written.signed(column, by)} {SIGNS[line.verdict]} [{written.signed(column, low)}, {written.signed(column, high)}]"


def _averages(column: Column, score: written.Score) -> str:
    """Micro, then macro; neither where only one is known."""
    if score.other == DASH:
        return f"<td>{DASH}<td>{DASH}"
    both = (score.other, score.value) if column.average == "macro" else (score.value, score.other)
    return f"<td>{both[0]}<td>{both[1]}"


def _letters(many: int) -> list[str]:
    """a, b, c … aa, ab …; none where there is nothing to tell apart."""
    if many <= 1:
        return [""] * many
    names = string.ascii_lowercase
    return [(names[i // 26 - 1] if i >= 26 else "") + names[i % 26] for i in range(many)]
