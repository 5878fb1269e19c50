"""The ranking of a task, row by row: best first, then under a line who can't be ranked.

Example: `Rows(view, t).of(column)` is the body of a table; a thousand rows of it take some three milliseconds.
Trap: what is put between the tags is escaped here, by hand: names come from stores, and a store is anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from harness.records import Checkpoint
from leaderboard import written
from leaderboard.cells import Cell, Column
from leaderboard.entries import order_of
from leaderboard.pages import View
from leaderboard.words import DASH, Words, alone

COLUMNS = 8  # those that every ranking has; `extras` and the links to answers come on top
LONG = 150  # rows; in a longer table rows.js makes the links to answers and comparisons, of what each row says anyhow


def is_long(column: Column) -> bool:
    return len(column.cells) > LONG


@dataclass
class Rows:
    """Writes the rows of all tasks of a site; what belongs to a checkpoint or to no row is written once."""

    view: View
    t: Words
    _heads: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._marks = written.Marks(self.t)
        self._said: Mapping[str, Markup] = {key: self.t(key) for key in ("read", "against_first", "unranked")}

    def extras(self, column: Column) -> tuple[str, ...]:
        """Columns that say something here: the other average where subjects make it differ, tokens where they are known."""
        scores = self.view.board.written.of(column).values()
        differs = any(score.other not in (score.value, DASH) for score in scores)
        return ("other",) * differs + ("tokens",) * any(score.tokens != DASH for score in scores)

    def best(self, column: Column) -> str:
        """Slug of the checkpoint in the first row."""
        return self.view.where.slug(min(column.cells.items(), key=lambda item: self._order(column, item))[0])

    def _order(self, column: Column, item: tuple[str, Cell]) -> tuple[tuple[int, float], str, str]:
        return order_of(column, item[1]), self.view.board.by_id[item[0]].name, item[0]

    def of(self, column: Column) -> Markup:
        ordered = sorted(column.cells.items(), key=lambda item: self._order(column, item))
        return Markup("\n".join(self._rows(column, ordered)))

    def _rows(self, column: Column, ordered: list[tuple[str, Cell]]) -> Iterator[str]:
        scores, above, long = self.view.board.written.of(column), True, is_long(column)
        extras = self.extras(column)
        other, tokens = "other" in extras, "tokens" in extras
        best = self.view.where.slug(ordered[0][0])
        for checkpoint, cell in ordered:
            entry = cell.entry
            assert entry is not None  # a task's column holds runs, only a group's holds means
            if above and not cell.ranked:
                above = False
                wide = COLUMNS + len(extras) + (not long)
                yield f'<tr class="apart"><th scope="row" colspan="{wide}">{self._said["unranked"]}'
            score = scores[checkpoint]
            marks = self._marks(cell) if cell.marks or cell.badges else ""
            yield (
                f"<tr{'' if cell.ranked else ' class=pending'}><td>{score.rank}{self._head(entry.checkpoint)}{marks}{score.first}"
                f"<td>{score.n}{f'<td>{score.other}' if other else ''}{score.doubts}{f'<td>{score.tokens}' if tokens else ''}"
                f"{'' if long else self._links(checkpoint, column, best, bool(entry.run.done))}"
            )

    def _head(self, checkpoint: Checkpoint) -> str:
        """The cell of the name, left open for badges."""
        if checkpoint.id not in self._heads:
            href = escape(f"../{self.view.where.checkpoints[checkpoint.id]}")
            self._heads[checkpoint.id] = f'<th><a href="{href}">{alone(checkpoint.name)}</a>'
        return self._heads[checkpoint.id]

    def _links(self, checkpoint: str, column: Column, best: str, answered: bool) -> str:
        """To the answers, and to those held against the first one's; slugs need no escaping."""
        mine = self.view.where.slug(checkpoint)
        read = f'<a href="../samples.html#c={mine}&amp;t={column.slug}">{self._said["read"]}</a>' if answered else DASH
        if mine == best:
            return f"<td>{read}"
        return f'<td>{read} · <a href="../compare.html#a={best}&amp;b={mine}&amp;t={column.slug}">{self._said["against_first"]}</a>'
