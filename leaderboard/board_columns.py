"""Which columns the board opens with, in what order, and what the head of each says once for all of its cells.

Example: 12 checkpoints get ten columns of scores in the page, a thousand get two: the rest are data scripts that the
column picker asks for, so that a big board opens as fast as a small one.
Trap: a head may only say what all its cells share; the prompt form is such (columns.py sees to it), n is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness import identity, plugins
from leaderboard.cells import Cell, Column
from leaderboard.charts import Scale
from leaderboard.entries import Board

MOST = 10  # columns of scores in a page
FEWEST = 2
CELLS = 2_000  # of scores in a page: about 16 bytes each once compressed


@dataclass(frozen=True)
class Shown:
    """A column as the board shows it."""

    column: Column
    lead: bool
    scale: Scale
    parts: tuple[str, ...] = ()  # names of a composite's parts, for its head
    health: bool = True  # some answers of it could go unparsed or be cut off
    stale: bool = False  # graded by an older version of its scorer
    groups: tuple[str, ...] = ()  # slugs of the means that it is a member of, for the picker's presets
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.column.slug

    @property
    def factor(self) -> float:
        return 100.0 if self.column.percent else 1.0


def shown(board: Board) -> list[Shown]:
    """All columns of a board: what orders it, composites, means of groups, then tasks."""
    ordered = sorted(board.columns, key=lambda c: _place(c, board.lead))
    groups: dict[str, list[str]] = {}
    for column in board.columns:
        for member in column.members:
            groups.setdefault(member, []).append(column.slug)
    versions = _Versions()
    return [_shown(c, c.key == board.lead, tuple(groups.get(c.key, ())), versions) for c in ordered]


def _place(column: Column, lead: str) -> int:
    return 0 if column.key == lead else 1 if column.composite else 2 if column.members else 3


def fitting(columns: Sequence[Shown], rows: int) -> list[Shown]:
    """Those in the page itself."""
    return list(columns[: max(FEWEST, min(MOST, CELLS // max(rows, 1)))])


def made_of(column: Column) -> str:
    """Digest of all that its cells show, for the key of its data script."""
    cells = [
        [c, x.value, x.low, x.high, x.n, x.unparsed, x.truncated, x.marks, x.done, x.expected, x.best, x.worst, x.tied,
         x.rank, [(p.name, p.value, p.low, p.high) for p in x.overall.parts] if x.overall else None]
        for c, x in column.cells.items()
    ]  # fmt: skip
    return identity.digest(
        [column.key, dict(column.title), column.chance, sorted(cells, key=lambda cell: str(cell[0]))]
    )


def _shown(column: Column, lead: bool, groups: tuple[str, ...], versions: _Versions) -> Shown:
    cells = column.cells.values()
    overalls = [cell.overall for cell in cells if cell.overall]
    parts = tuple(part.name for part in overalls[0].parts) if overalls else ()
    health = any(cell.unparsed is not None or cell.truncated is not None for cell in cells)
    graders = {cell.entry.scorer for cell in cells if cell.entry}
    stale = any(versions.old(grader) for grader in graders)
    return Shown(column, lead, column.scale, parts, health, stale, groups, column.cells)


class _Versions:
    """Is a grade by `number@1` out of date? Each scorer is asked once; one that is not here is not judged."""

    def __init__(self) -> None:
        self._known: dict[str, int | None] = {}

    def old(self, grader: str) -> bool:
        name, _, version = grader.partition("@")
        if name not in self._known:
            there = name in plugins.names("harness.scorers")
            self._known[name] = int(plugins.find("harness.scorers", name).VERSION) if there else None
        now = self._known[name]
        return now is not None and version.isdigit() and int(version) < now
