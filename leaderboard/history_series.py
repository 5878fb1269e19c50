"""Scores over time: of each family and column the points in order, and the line under which a gate would look.

Example: family "base" on ceval -> Series(points=[step 100: 41.2, step 200: 43.0, …], by="steps", threshold=39.4).
A family is all that was made from one root. Its axis is the training step where one recipe was saved at several steps,
else the day of the run; and where the days tell nothing (all runs imported or made within an hour, or a child's before
its parent's) the order of descent, so that no line leads back from child to parent. The threshold is the root's score minus the policy's default tolerance: a line to look at, since
the gate tests paired answers and needs a drop to be both real and large.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from harness import identity
from harness.records import Change, Checkpoint, Lineage
from harness.verdicts.policy import Policy
from leaderboard.cells import Cell, Column, Entry
from leaderboard.entries import Board
from leaderboard.family import Kin

LEAST = 2  # points that make a line
APART = 1 / 24  # days between the first run and the last, below which dates are no order
Axis = Literal["steps", "date", "made"]


@dataclass(frozen=True)
class Point:
    checkpoint: Checkpoint
    cell: Cell
    x: float  # step, days since 1970, or the place in the order of descent
    label: str  # 300, or 2026-01-02, or the trainings since the root
    value: float


@dataclass(frozen=True)
class Series:
    """One column of one family, in order of x."""

    root: Checkpoint
    column: Column
    by: Axis
    points: Sequence[Point]
    start: Point | None  # the root's own score
    threshold: float | None
    tolerance: float = 0.0
    edges: Sequence[tuple[int, int]] = ()  # places of two points that a line joins


def joined(kin: Kin, points: Sequence[Point], trained: Mapping[str, str]) -> list[tuple[int, int]]:
    """Each point with the step before it of the same training, else with its parent."""
    places = {point.checkpoint.id: i for i, point in enumerate(points)}
    before: dict[str, int] = {}
    found = []
    for i, point in enumerate(points):
        recipe, parent = trained[point.checkpoint.id], kin.parent.get(point.checkpoint.id)
        key = recipe and f"{parent} {recipe}"
        if key in before:
            found.append((before[key], i))
        elif parent in places:
            found.append((places[parent], i))
        if key:
            before[key] = i
    return found


def families(kin: Kin) -> dict[str, list[str]]:
    """Root -> all that was made from it, itself first; families of one are left out."""
    found: dict[str, list[str]] = {}
    for checkpoint in sorted(kin.view.board.by_id.values(), key=lambda c: (c.name, c.id)):
        above = kin.ancestors(checkpoint.id)
        root = above[0] if above else checkpoint.id
        found.setdefault(root, []).append(checkpoint.id)
    return {root: members for root, members in found.items() if len(members) >= LEAST}


def series(kin: Kin) -> Iterator[Series]:
    """Every family and column with two points or more, the largest family first."""
    board, trained = kin.view.board, recipes(kin.view.board)
    grouped = sorted(families(kin).items(), key=lambda item: (-len(item[1]), board.by_id[item[0]].name, item[0]))
    for root, members in grouped:
        by: Axis = "steps" if _stepped(board, members, trained) else "date" if _dated(kin, members) else "made"
        for column in board.columns:
            found = _of(kin, root, members, column, by, trained) if column.task is not None else None
            if found:
                yield found


def _of(
    kin: Kin, root: str, members: Sequence[str], column: Column, by: Axis, trained: Mapping[str, str]
) -> Series | None:
    board = kin.view.board
    cells = [(board.by_id[m], column.cells[m]) for m in members if m in column.cells]
    points = [p for checkpoint, cell in cells if (p := _point(kin, checkpoint, cell, by))]
    if len(points) < LEAST:
        return None
    points.sort(key=lambda p: (p.x, p.checkpoint.name, p.checkpoint.id))
    if by == "made":
        points = [replace(point, x=float(place)) for place, point in enumerate(points)]
    start = next((p for p in points if p.checkpoint.id == root), None)
    if start is None and (cell := column.cells.get(root)) and cell.ranked and cell.value is not None:
        start = Point(board.by_id[root], cell, 0.0, "", cell.value)
    allowed = tolerance(column, start) if start else 0.0
    sign = 1 if column.better_high else -1
    line = start.value - sign * allowed if start else None
    return Series(board.by_id[root], column, by, points, start, line, allowed, joined(kin, points, trained))


def tolerance(column: Column, start: Point) -> float:
    """The smallest drop that the gate cares about, without a bench.toml; of a small exam half its interval stands in.

    Below a thousand questions the gate takes what it could have seen, which only a pair of runs tells.
    """
    low, high = start.cell.low, start.cell.high
    half = (high - low) / 2 if low is not None and high is not None else None
    change = Change(
        column.name, column.metric, start.value, start.value, 0.0, None, None, start.cell.n, mde=half, unit=column.unit
    )
    return Policy().tolerance(change)


def recipes(board: Board) -> dict[str, str]:
    """Checkpoint id -> what several steps of one training share; "" where it isn't told."""
    return {checkpoint.id: _recipe(checkpoint.lineage) for checkpoint in board.by_id.values()}


def _recipe(lineage: Lineage | None) -> str:
    if lineage is None or lineage.steps is None:
        return ""
    return lineage.recipe_sha or identity.digest([lineage.method, lineage.recipe or {}, lineage.parent])


def _stepped(board: Board, members: Sequence[str], trained: Mapping[str, str]) -> bool:
    """Whether one recipe was saved at several steps."""
    steps: dict[str, set[int]] = {}
    for member in members:
        if recipe := trained[member]:
            steps.setdefault(recipe, set()).add(board.by_id[member].lineage.steps or 0)  # type: ignore[union-attr]
    return any(len(found) >= LEAST for found in steps.values())


def _dated(kin: Kin, members: Sequence[str]) -> bool:
    """Whether the days of the runs can stand for the order in which these were made."""
    for column in kin.view.board.columns:
        entries = {m: column.cells[m].entry for m in members if m in column.cells} if column.task is not None else {}
        at = {m: day for m, entry in entries.items() if entry and (day := days(entry)) is not None}
        if len(at) >= LEAST and max(at.values()) - min(at.values()) < APART:
            return False
        if any(day < at.get(kin.parent.get(m, ""), day) for m, day in at.items()):
            return False
    return True


def _steps(kin: Kin, checkpoint_id: str) -> int | None:
    """Steps since the root, those of every training on the way; None where one of them isn't told."""
    total = 0
    for one in [*kin.ancestors(checkpoint_id), checkpoint_id][1:]:
        lineage = kin.view.board.by_id[one].lineage
        if lineage is None or lineage.steps is None:
            return None
        total += lineage.steps
    return total


def _point(kin: Kin, checkpoint: Checkpoint, cell: Cell, by: Axis) -> Point | None:
    if cell.value is None or cell.entry is None or not cell.ranked:  # partial, of fewer questions, a mere length
        return None
    at: float | None
    if by == "made":
        at = len(kin.ancestors(checkpoint.id))
    else:
        at = _steps(kin, checkpoint.id) if by == "steps" else days(cell.entry)
    if at is None:
        return None
    label = (cell.entry.run.started or "")[:16].replace("T", " ") if by == "date" else f"{at:,.0f}"
    return Point(checkpoint, cell, float(at), label, cell.value)


def days(entry: Entry) -> float | None:
    """Days since 1970 of the run's start; None where it isn't known or isn't readable."""
    return _days(entry.run.started or "")


@functools.lru_cache(maxsize=100_000)
def _days(started: str) -> float | None:
    try:
        read = datetime.fromisoformat(started.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() / 86_400
