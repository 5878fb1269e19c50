"""Which columns the board has, in what order, which of them the page itself holds, and what the head of each says for all.

Example: 12 checkpoints get ten columns of scores in the page; a thousand get the leading one and sizes, and the others
come as data scripts, the usual ones at once and the rest when they are picked: a big board opens as fast as a small one.
Trap: a head may only say what all its cells share; the prompt form is such (columns.py sees to it), n is not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leaderboard.cells import Cell, Column
from leaderboard.charts import Scale
from leaderboard.entries import Board

MOST = 10  # columns of scores that a board opens with
FEWEST = 3
CELLS = 4_000  # of scores that it opens with
# bytes, compressed, of a name, of a cell of scores (neighbours are alike in the leading column), of a composite's part in it
ROW, SCORE, LEAD, PART = 22, 22, 16, 7
FACTS = {"parent": 38, "tokens": 18, "size": 4}  # the same of what is said of a checkpoint beside its scores
SPOKEN = 0.1  # of the rows that must have a fact, or its column is mostly dashes
PAGE = 42_000  # bytes, compressed, that the rows of a page may take


@dataclass(frozen=True)
class Shown:
    """A column as the board shows it."""

    column: Column
    lead: bool
    scale: Scale
    parts: tuple[str, ...] = ()  # names of a composite's parts, for its head
    health: bool = True  # some answers of it could go unparsed or be cut off
    badges: tuple[str, ...] = ()  # that all its cells have: stale, trained
    groups: tuple[str, ...] = ()  # slugs of the means that it is a member of, for the picker's presets
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.column.slug

    @property
    def factor(self) -> float:
        return 100.0 if self.column.percent else 1.0


def shown(board: Board) -> list[Shown]:
    """All columns of a board: what orders it, composites, means of groups, tasks; those that its rows mostly lack stand last."""
    lead = {checkpoint for c in board.columns if c.key == board.lead for checkpoint in c.cells}
    ordered = sorted(board.columns, key=lambda c: _place(c, board.lead, len(lead & c.cells.keys()), len(lead)))
    groups: dict[str, list[str]] = {}
    for column in board.columns:
        for member in column.members:
            groups.setdefault(member, []).append(column.slug)
    return [_shown(c, c.key == board.lead, tuple(groups.get(c.key, ()))) for c in ordered]


def _place(column: Column, lead: str, common: int, of: int) -> tuple[int, int, int]:
    kind = 0 if column.key == lead else 1 if column.composite else 2 if column.members else 3
    return (0, 0, kind) if _mostly(common, of) else (1, of - common, kind)


def _mostly(common: int, of: int) -> bool:
    return 2 * common >= of


@dataclass(frozen=True)
class Place:
    """A column of scores or a fact in the order of the table."""

    key: str  # slug of a column or name of a fact
    score: Shown | None
    here: bool  # part of the page itself
    usual: bool  # shown before the reader picks


def places(columns: Sequence[Shown], facts: Mapping[str, int], rows: int) -> list[Place]:
    """What orders the rows and composites, then facts, then the other scores; `facts`: how many of the rows have each."""
    front = [*itertools.takewhile(lambda c: c.lead or c.column.composite, columns)]
    ordered: list[tuple[str, Shown | None]] = [(c.slug, c) for c in front]
    ordered += [(fact, None) for fact in facts]
    ordered += [(c.slug, c) for c in columns if c not in front]
    most = max(FEWEST, min(MOST, CELLS // max(rows, 1)))
    found: list[Place] = []
    left, scores = PAGE - ROW * rows, 0
    for key, score in ordered:
        scores += score is not None
        usual = scores <= most if score else facts[key] >= SPOKEN * rows
        cost = rows * (_cost(score) if score else FACTS[key])
        here = usual and (cost <= left or (score is not None and score.lead))
        left -= cost if here else 0
        found.append(Place(key, score, here, usual))
    return found


def _cost(score: Shown) -> int:
    return (LEAD if score.lead else SCORE) + PART * len(score.parts)


def _shown(column: Column, lead: bool, groups: tuple[str, ...]) -> Shown:
    cells = column.cells.values()
    overalls = [cell.overall for cell in cells if cell.overall]
    parts = tuple(part.name for part in overalls[0].parts) if overalls else ()
    health = any(cell.unparsed is not None or cell.truncated is not None for cell in cells)
    each = [cell.badges for cell in cells]
    badges = tuple(badge for badge in (each[0] if each else ()) if all(badge in mine for mine in each))
    return Shown(column, lead, column.scale, parts, health, badges, groups, column.cells)
