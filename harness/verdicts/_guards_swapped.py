"""The paired test of a guard that is no mean of answers: how far the letters are from the key, tokens per second.

Example: letters chosen 500 times before and after; each question's two answers change sides at random, both sides' total
variation is counted anew, 10,000 times. Questions whose two answers differ alike (B before, A after) are drawn together
as one binomial, so a million questions of five letters cost no more than 25 draws each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import plugins
from harness.errors import UserError
from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import _aligned

DRAWS = 10_000
KINDS = 1_000  # different differences; above it their sum is drawn as the normal that it nearly is
PART = ":"


@dataclass(frozen=True, slots=True)
class Swapped:
    """A measure of the same answers on both sides; one-sided p-values of its rise and of its fall."""

    before: float
    after: float
    rose: float
    fell: float
    n: int
    parts_after: Mapping[str, float]  # sums of what it is made of


def names(outcomes: Outcomes) -> set[str]:
    """Measures that are there in parts: `choice_skew:A` and `choice_skew:n` are choice_skew."""
    return {name.partition(PART)[0] for name in outcomes.measures if PART in name}


def read(
    before: Outcomes, after: Outcomes, name: str, wanted: Callable[[float, float], object] = lambda was, now: True
) -> Swapped | None:
    """None without a common answer that counts. `wanted(before, after)`: whether it is worth the draws of a test."""
    of = _function(name)
    parts_a, parts_b = _parts(before, name), _parts(after, name)
    rows = _common(before, after, parts_a, parts_b)
    if of is None or not rows[0].size:
        return None
    parts = sorted(parts_a.keys() | parts_b.keys())
    nothing = np.zeros(rows[0].size)
    a, b = (
        np.column_stack([side[part][chosen] if part in side else nothing for part in parts])
        for side, chosen in zip((parts_a, parts_b), rows, strict=True)
    )
    sums_a, sums_b = a.sum(axis=0), b.sum(axis=0)
    was, now = (float(_value(of, parts, sums[None, :])[0]) for sums in (sums_a, sums_b))
    if np.isnan(was) or np.isnan(now):
        return None
    rose = fell = 1.0
    if wanted(was, now):
        names = [before.clusters[i] or before.samples[i] for i in rows[0]] if any(before.clusters) else None
        drawn = _drawn(_units(b - a, names))
        middle = (sums_a + sums_b) / 2
        changes = _value(of, parts, middle + drawn / 2) - _value(of, parts, middle - drawn / 2)
        rose, fell = _tails(changes[~np.isnan(changes)], now - was)
    return Swapped(was, now, rose, fell, int(rows[0].size), dict(zip(parts, sums_b.tolist(), strict=True)))


def _common(
    before: Outcomes, after: Outcomes, parts_a: Mapping[str, Floats], parts_b: Mapping[str, Floats]
) -> tuple[_aligned.Rows, _aligned.Rows]:
    """Rows of both sides that are the same sample and have all parts, in order of their ids."""
    in_left, in_right = _aligned.rows(before, after)
    both = _there(parts_a, in_left) & _there(parts_b, in_right)
    return in_left[both], in_right[both]


def _function(name: str) -> Callable[[Mapping[str, Floats]], Floats] | None:
    try:
        found: Callable[[Mapping[str, Floats]], Floats] | None = getattr(
            plugins.find("harness.metrics", name), "of", None
        )
    except UserError:
        return None
    return found


def _parts(side: Outcomes, name: str) -> dict[str, Floats]:
    prefix = name + PART
    return {
        full.removeprefix(prefix): _aligned.numbers(c) for full, c in side.measures.items() if full.startswith(prefix)
    }


def _there(parts: Mapping[str, Floats], rows: _aligned.Rows) -> NDArray[np.bool_]:
    """Whether all parts are in a row."""
    if not parts:
        return np.zeros(rows.size, bool)
    return np.array(~np.isnan(np.column_stack(list(parts.values()))[rows]).any(axis=1), bool)


def _value(of: Callable[[Mapping[str, Floats]], Floats], parts: Sequence[str], sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(of({part: sums[:, k] for k, part in enumerate(parts)}), float)


def _units(differences: Floats, groups: Sequence[str] | None) -> Floats:
    """Differences of whole clusters, which change sides together."""
    sums = differences
    if groups is not None:
        places: dict[str, int] = {}
        where = np.array([places.setdefault(group, len(places)) for group in groups])
        sums = np.zeros((len(places), differences.shape[1]))
        np.add.at(sums, where, differences)
    kept: Floats = sums[np.abs(sums).max(axis=1) > 1e-12]
    return kept


def _drawn(units: Floats) -> Floats:
    """[draw, part]: the difference of the sides' sums when each unit's side is a coin; with their mirror images."""
    rng = np.random.default_rng(0)
    half = DRAWS // 2
    if not len(units):
        return np.zeros((DRAWS, units.shape[1]))
    first = units[np.arange(len(units)), np.argmax(np.abs(units) > 1e-12, axis=1)]
    kinds, counts = np.unique(np.round(units * np.sign(first)[:, None], 9), axis=0, return_counts=True)
    if len(kinds) > KINDS:
        spread, axes = np.linalg.eigh(units.T @ units)
        sums = rng.standard_normal((half, len(spread))) @ (axes * np.sqrt(np.maximum(spread, 0.0))).T
    else:
        sums = (2.0 * rng.binomial(counts, 0.5, (half, len(counts))) - counts) @ kinds
    return np.concatenate([sums, -sums])


def _tails(changes: Floats, observed: float) -> tuple[float, float]:
    """(p of a rise, p of a fall); ties count half, no p is zero (Phipson & Smyth 2010)."""
    slack = 1e-9 * max(1e-3, abs(observed))
    more, less = int((changes > observed + slack).sum()), int((changes < observed - slack).sum())
    ties = (changes.size - more - less) / 2 + 0.5
    return (more + ties) / (changes.size + 1), (less + ties) / (changes.size + 1)
