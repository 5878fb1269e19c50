"""The ranking of a task, row by row: best first, then under a line who can't be ranked.

Example: `rows(view, column, t)` is the body of a table; a thousand rows of it take some ten milliseconds.
Trap: what is put between the tags is escaped here, by hand: names come from stores, and a store is anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from harness.records import Checkpoint
from leaderboard import written
from leaderboard.cells import MARKED_SHARE, Cell, Column
from leaderboard.entries import order_of
from leaderboard.pages import View
from leaderboard.words import Words, attribute, count, decimal, inline, points

COLUMNS = 9  # those that every ranking has; `extras` come on top


@dataclass
class Rows:
    """Writes the rows of all tasks of a site; what belongs to a checkpoint or to no row is written once."""

    view: View
    t: Words
    _heads: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._marks = written.Marks(self.t)
        self._said: Mapping[str, Markup] = {
            key: self.t(key) for key in ("read", "against_first", "no_interval", "unranked")
        }

    def extras(self, column: Column) -> tuple[str, ...]:
        """Columns that say something here: the other average where subjects make it differ, tokens where they are known."""
        other = "micro" if column.average == "macro" else "macro"
        found = [(cell.value, cell.entry) for cell in column.cells.values() if cell.entry]
        differs = any(entry.value(column.metric, other) not in (value, None) for value, entry in found)
        counted = any(entry.value("answer_tokens") is not None for _, entry in found)
        return ("other",) * differs + ("tokens",) * counted

    def of(self, column: Column) -> Markup:
        by_id = self.view.board.by_id
        ordered = sorted(
            column.cells.items(), key=lambda item: (order_of(column, item[1]), by_id[item[0]].name, item[0])
        )
        return Markup("\n".join(self._rows(column, ordered)))

    def _rows(self, column: Column, ordered: list[tuple[str, Cell]]) -> Iterator[str]:
        scores, above = self.view.board.written.of(column), True
        other = "micro" if column.average == "macro" else "macro"
        best, extras = self.view.where.slug(ordered[0][0]), self.extras(column)
        for checkpoint, cell in ordered:
            entry = cell.entry
            assert entry is not None  # a task's column holds runs, only a group's holds means
            if above and not cell.ranked:
                above = False
                yield f'<tr class="apart"><th scope="row" colspan="{COLUMNS + len(extras)}">{self._said["unranked"]}</th></tr>'
            second, tokens = entry.value(column.metric, other), entry.value("answer_tokens")
            more = {
                "other": f'<td class="num" data-v="{_exact(second)}">{written.number(column, second)}</td>',
                "tokens": f'<td class="num" data-v="{_exact(tokens)}">{decimal(tokens)}</td>',
            }
            value, interval, chart = scores[checkpoint]
            yield (
                f'<tr{"" if cell.ranked else " class=pending"}><td class="num" data-v="{cell.rank or ""}">{written.rank(cell)}</td>'
                f"{self._head(entry.checkpoint)}{self._marks(cell)}</th>"
                f'<td class="num value" data-v="{_exact(cell.value)}">{value}</td>'
                f'<td class="num soft">{interval or self._said["no_interval"]}</td><td>{chart}</td>'
                f'<td class="num" data-v="{cell.n}">{count(cell.n)}</td>'
                f"{more['other'] if 'other' in extras else ''}{_doubt(cell.unparsed)}{_doubt(cell.truncated)}"
                f"{more['tokens'] if 'tokens' in extras else ''}"
                f"<td>{self._links(checkpoint, column, best, bool(entry.run.done))}</td></tr>"
            )

    def _head(self, checkpoint: Checkpoint) -> str:
        """The cell of the name, left open for badges."""
        if checkpoint.id not in self._heads:
            href = escape(f"../{self.view.where.checkpoints[checkpoint.id]}")
            name = inline(checkpoint.name)
            sort = escape(attribute(checkpoint.name))
            self._heads[checkpoint.id] = f'<th scope="row" data-v="{sort}"><a href="{href}">{name}</a>'
        return self._heads[checkpoint.id]

    def _links(self, checkpoint: str, column: Column, best: str, answered: bool) -> str:
        """To the answers, and to those held against the first one's; slugs need no escaping."""
        mine = self.view.where.slug(checkpoint)
        read = f'<a href="../samples.html#c={mine}&amp;t={column.slug}">{self._said["read"]}</a>' if answered else "–"
        if mine == best:
            return read
        return f'{read} · <a href="../compare.html#a={best}&amp;b={mine}&amp;t={column.slug}">{self._said["against_first"]}</a>'


def _exact(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _doubt(share: float | None) -> str:
    flag = " flag" if share and share > MARKED_SHARE else ""
    return f'<td class="num{flag}" data-v="{_exact(share)}">{points(share)}</td>'
