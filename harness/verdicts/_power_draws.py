"""New runs of a pair in which nothing has changed, or in which one drop is known: what the gate is tried on.

Example: 1,346 questions with 15 % flips are drawn anew with replacement, and each question's two answers change sides by
the throw of a coin: the flips stay, their direction is luck. Thrown with an unfair coin, the same flips make a drop of 2.6
points. Health measures travel with the answers they belong to, so guards are tried as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import _aligned, measured
from harness.verdicts.compare import pair

Column = tuple[Floats, Floats]  # of the baseline, of the candidate


class Drawer:
    """A pair's common questions, ready to be drawn from."""

    def __init__(self, before: Outcomes, after: Outcomes) -> None:
        left = {s: i for i, (s, there) in enumerate(zip(before.samples, measured.there(before), strict=True)) if there}
        right = {s: i for i, s in enumerate(after.samples)}
        ids = sorted(left.keys() & right.keys())
        self.rows = [left[s] for s in ids], [right[s] for s in ids]
        self.before, self.after, self.task = before, after, after.task
        self.paired = pair(_picked(before, self.rows[0]), _picked(after, self.rows[1]))
        self.values = _both(before.values, after.values, self.rows)
        if before.is_mean:
            np.nan_to_num(self.values[1], copy=False)  # asked and not answered: wrong
        self.measures = _columns(before.measures, after.measures, self.rows)
        self.statistics = _columns(before.statistics, after.statistics, self.rows)
        self.subjects = self.paired.subjects if before.average == "macro" else None  # others are only looked at
        self.unit = _numbers(self.paired.clusters, len(ids))
        self.stratum = _numbers(self.subjects, len(ids)) if self.subjects else np.zeros(len(ids), int)
        self.pulls = np.bincount(self.unit, self.paired.better * self.paired.weights)  # of each unit, to the better

    def draw(self, rng: np.random.Generator, drop: float = 0.0) -> tuple[Outcomes, Outcomes]:
        """Two runs of as many questions; `drop`: how much worse the second truly is, in the metric's unit."""
        rows, units = self._resampled(rng)
        reach = float(np.abs(self.pulls).sum())
        tilt = min(1.0, drop / reach) if reach else 0.0
        down = rng.random(int(units.max()) + 1) < (1 + tilt) / 2
        kept = np.where(self.pulls[self.unit[rows]] <= 0, down[units], ~down[units])
        before, after = (self._side(kept if side else ~kept, rows) for side in (0, 1))
        if drop > reach:
            self._lose(rng, after, drop - reach)
        samples = tuple(f"{i:08d}" for i in range(rows.size))
        names = tuple(self.subjects[i] for i in rows) if self.subjects else ()
        clusters = tuple(map(str, units.tolist())) if self.paired.clusters else ()
        return tuple(
            replace(
                side, samples=samples, subjects=names, clusters=clusters, values=_plain(made["values"]),
                measures={n: _plain(made["m", n]) for n in self.measures},
                statistics={n: _plain(made["s", n]) for n in self.statistics},
            )
            for side, made in ((self.before, before), (self.after, after))
        )  # type: ignore[return-value]  # of two  # fmt: skip

    def _resampled(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(rows, the unit each belongs to in this draw): questions within their subject, or whole clusters."""
        if self.paired.clusters:
            picked = rng.integers(0, self.pulls.size, self.pulls.size)
            members = [np.flatnonzero(self.unit == u) for u in picked]
            return np.concatenate(members), np.repeat(np.arange(picked.size), [m.size for m in members])
        rows = np.empty(self.unit.size, int)
        for stratum in range(int(self.stratum.max()) + 1):
            inside = np.flatnonzero(self.stratum == stratum)
            rows[inside] = rng.choice(inside, inside.size)
        return rows, np.arange(rows.size)

    def _side(self, second: NDArray[np.bool_], rows: NDArray[np.int64]) -> dict[Any, Floats]:
        """One side's columns; `second`: which questions have the candidate's own answer there."""
        columns: dict[Any, Column] = {"values": self.values}
        columns |= {("m", name): column for name, column in self.measures.items()}
        columns |= {("s", name): column for name, column in self.statistics.items()}
        return {name: np.where(second, b[rows], a[rows]) for name, (a, b) in columns.items()}

    def _lose(self, rng: np.random.Generator, after: dict[Any, Floats], more: float) -> None:
        """A drop larger than all flips are: right answers are lost as well."""
        values = after["values"]
        worth = float(self.paired.weights @ values) if self.subjects else float(values.mean())
        if self.before.is_mean and self.paired.sign > 0 and worth > 0:
            values[rng.random(values.size) < more / worth] = 0.0


def assumed(run: Outcomes, flips: float) -> Outcomes | None:
    """A candidate that differs from a run by that share of flips, as many gained as lost; None where values aren't 0/1."""
    values = np.array(run.values, float)
    if not run.is_mean or not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        return None
    rng = np.random.default_rng(0)
    right, wrong = (rng.permutation(np.flatnonzero(values == v)) for v in (1.0, 0.0))
    each = round(flips * (right.size + wrong.size) / 2)
    each = min(each, right.size, wrong.size)
    values[right[:each]], values[wrong[:each]] = 0.0, 1.0
    return replace(run, values=_plain(values))


def _picked(side: Outcomes, rows: Sequence[int]) -> Outcomes:
    """The common questions under neutral names, so that one order serves all columns."""
    cut = _aligned.cut(replace(side, measures={}), rows)
    return replace(cut, samples=tuple(f"{i:08d}" for i in range(len(rows))))


def _both(left: Sequence[float | None], right: Sequence[float | None], rows: tuple[list[int], list[int]]) -> Column:
    return np.array(left, float)[rows[0]], np.array(right, float)[rows[1]]  # None becomes NaN


def _columns(
    left: Mapping[str, Sequence[float | None]],
    right: Mapping[str, Sequence[float | None]],
    rows: tuple[list[int], list[int]],
) -> dict[str, Column]:
    """Those that both sides have: what only one has would tell the sides apart."""
    return {name: _both(left[name], right[name], rows) for name in sorted(left.keys() & right.keys())}


def _plain(values: Floats) -> tuple[float | None, ...]:
    return tuple(None if v != v else v for v in values.tolist())


def _numbers(names: Sequence[str] | None, n: int) -> NDArray[np.int64]:
    """Each row's number among the names; an empty name is one of its own."""
    if not names:
        return np.arange(n)
    known: dict[object, int] = {}
    return np.array([known.setdefault(name or ("", i), len(known)) for i, name in enumerate(names)], int)
