"""The changes of many pairs of checkpoints in one column, tested as harness.verdicts.compare tests one pair.

Example: of 1,000 pairs with 0/1 values the (lost, gained, n) of all are counted at once and each distinct one is tested
once; sign flips are drawn only where subjects weigh alike, cases hang together or grades are between 0 and 1.
Trap: a question with a value on one side only may have been asked of the other in vain, which counts as wrong, or not
at all, which doesn't: only the run itself tells, so these pairs are read as Outcomes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import identity, stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Change, Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import compare
from leaderboard.cells import Column, Entry
from leaderboard.values import Values

CELLS = 2_000_000  # values of either side held at once
Pair = tuple[str, str]  # child, parent


@dataclass(frozen=True, slots=True)
class Tested:
    """A change in the column's unit with its 90 % interval; p one-sided, before Holm."""

    before: float
    after: float
    change: float
    low: float
    high: float
    n: int
    lost: int
    gained: int
    worse: float
    better: float


def tested(
    column: Column, values: Values | None, pairs: Sequence[Pair], outcomes: Callable[[Entry], Outcomes]
) -> Iterator[tuple[str, Tested]]:
    """(child, its change) of all pairs that can be compared."""
    alike = [pair for pair in pairs if _asked_alike(column, pair)]
    rows = values.places if values and values.is_mean and not _of_hardware(column) else {}
    quick = [pair for pair in alike if pair[0] in rows and pair[1] in rows]
    slow = [pair for pair in alike if pair[0] not in rows or pair[1] not in rows]
    step = max(1, CELLS // max(1, len(values.samples))) if values else 1
    for start in range(0, len(quick), step):
        chosen = quick[start : start + step]
        assert values is not None  # else nothing is quick
        after, before = (values.matrix[[rows[pair[side]] for pair in chosen]] for side in (0, 1))
        for pair, found in zip(chosen, _block(column, values, before, after), strict=True):
            if isinstance(found, Tested):
                yield pair[0], found
            elif found:
                slow.append(pair)
    for pair in slow:
        if change := _slowly(column, pair, outcomes):
            yield pair[0], change


def _asked_alike(column: Column, pair: Pair) -> bool:
    """A column is lenient where a setting can't change an answer; a verdict on a change is not."""
    child, parent = (_entry(column, c) for c in pair)
    asked, before = child.run.settings, parent.run.settings
    if asked != before and identity.settings_fields(asked) != identity.settings_fields(before):
        return False
    drawn = bool(asked.temperature) and asked.asked == "here"
    return not child.ungraded and (child.run.repeats == parent.run.repeats or not drawn)


def _entry(column: Column, checkpoint_id: str) -> Entry:
    entry = column.cells[checkpoint_id].entry
    assert entry is not None  # a task's column holds runs
    return entry


def _of_hardware(column: Column) -> bool:
    """Whether the machine is a part of what must match."""
    from harness import metrics

    return metrics.known(column.metric) and bool(getattr(metrics.find(column.metric), "HARDWARE", False))


def _slowly(column: Column, pair: Pair, outcomes: Callable[[Entry], Outcomes]) -> Tested | None:
    try:
        child, parent = (outcomes(_entry(column, c)) for c in pair)
        change = compare.compare(parent, child)
    except (NotComparable, NothingToCompare):
        return None
    return _of_change(change)


def _of_change(change: Change) -> Tested | None:
    known = [change.before, change.after, change.change, change.low, change.high]
    before, after, moved, low, high = (math.nan if x is None else x for x in known)
    if math.isnan(before + after + moved + low + high):
        return None
    worse, better = (1.0 if p is None else p for p in (change.p, change.p_better))
    return Tested(before, after, moved, low, high, change.n, change.lost, change.gained, worse, better)


# -- many pairs at once ------------------------------------------------------------------------------------------


def _block(column: Column, values: Values, before: Floats, after: Floats) -> Iterator[Tested | bool]:
    """Of each pair the change; False: nothing to compare; True: only the runs themselves can tell."""
    there, answered = ~np.isnan(before), ~np.isnan(after)
    n = (there & answered).sum(axis=1)
    open_ = (there != answered).any(axis=1)
    a, b = np.where(there, before, 0.0), np.where(answered, after, 0.0)
    better = (b - a) * (1.0 if column.better_high else -1.0)
    lost, gained = (better < 0).sum(axis=1), (better > 0).sum(axis=1)
    plain = ((a == 0) | (a == 1)).all(axis=1) & ((b == 0) | (b == 1)).all(axis=1)
    macro = column.average == "macro" and any(values.subjects)
    means = [x.sum(axis=1) / np.maximum(n, 1) for x in (a, b)]
    whole = np.atleast_1d(there.all(axis=1))
    grouped = _Grouped.of(values, macro, better) if (whole & plain & ~open_).any() else None
    for i in range(len(a)):
        if open_[i]:
            yield True
        elif not n[i] or (n[i] == 1 and column.metric.startswith("given")):
            yield False
        elif plain[i] and not macro and not any(values.clusters):
            counts = int(lost[i]), int(gained[i]), int(n[i])
            yield _counted(*counts, float(means[0][i]), float(means[1][i]), column.better_high)
        elif grouped and whole[i] and plain[i]:
            yield grouped.tested(i, a[i], b[i], column.better_high)
        else:
            yield _drawn(column, values, a[i], b[i], np.flatnonzero(there[i]))


class _Grouped:
    """Pairs of right and wrong answers to every question, whose subjects weigh alike or whose cases hang together: counted
    at once. The same as `_drawn` makes of each."""

    def __init__(self, names: Sequence[Hashable], macro: bool, better: Floats) -> None:
        numbers: dict[Hashable, int] = {}
        self._of = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.intp)
        member = (self._of[:, None] == np.arange(len(numbers))).astype(float)
        self._sizes = member.sum(axis=0).astype(int).tolist()
        self._lost, self._gained = (((x @ member).astype(int)).tolist() for x in (better < 0, better > 0))
        self._share = stats.weights(list(names) if macro else None, len(names))
        self._macro = macro

    @classmethod
    def of(cls, values: Values, macro: bool, better: Floats) -> _Grouped | None:
        """None where both or neither hold."""
        cases = _clusters(values.clusters, np.arange(len(values.samples)))
        if macro == (cases is not None):
            return None
        return cls(values.subjects if macro else [name or i for i, name in enumerate(cases or ())], macro, better)

    def tested(self, i: int, a: Floats, b: Floats, better_high: bool) -> Tested:
        lost, gained = self._lost[i], self._gained[i]
        groups = tuple(sorted(zip(self._sizes, lost, gained, strict=True)))
        worse, improved, low, high = _of_groups(groups, self._macro)
        low, high = (low, high) if better_high else (-high, -low)
        before, after, change = (math.fsum((self._share * x).tolist()) for x in (a, b, b - a))
        return Tested(before, after, change, low, high, len(a), sum(lost), sum(gained), worse, improved)


def _counted(lost: int, gained: int, n: int, before: float, after: float, better_high: bool) -> Tested:
    worse, better, low, high = _of_counts(lost, gained, n)
    low, high = (low, high) if better_high else (-high, -low)
    change = (gained - lost) / n * (1 if better_high else -1)
    return Tested(before, after, change, low, high, n, lost, gained, worse, better)


@functools.lru_cache(maxsize=200_000)
def _of_counts(lost: int, gained: int, n: int) -> tuple[float, float, float, float]:
    return (*stats.mid_p_mcnemar(lost, gained), *stats.tango(lost, gained, n, compare.CONFIDENCE))


def _drawn(column: Column, values: Values, a: Floats, b: Floats, kept: NDArray[np.intp]) -> Tested | bool:
    """By sign flips, of whole clusters, weighted by subject; in the order of the ids, as one pair alone would be."""
    kept = kept[_order(values.samples)[kept].argsort()]
    a, b = a[kept], b[kept]
    if max(np.abs(a).max(), np.abs(b).max()) >= compare.LARGEST:
        return False
    subjects = [values.subjects[i] for i in kept.tolist()] if any(values.subjects) else None
    strata = subjects if column.average == "macro" else None
    clusters = _clusters(values.clusters, kept)
    sign = 1.0 if column.better_high else -1.0
    better = (b - a) * sign
    lost, gained = int((better < 0).sum()), int((better > 0).sum())
    plain = all(((x == 0) | (x == 1)).all() for x in (a, b))
    if plain and strata is None and clusters is None:
        return _counted(lost, gained, len(kept), float(a.mean()), float(b.mean()), column.better_high)
    if plain and (strata is None or clusters is None):
        worse, improved, low, high = _of_groups(_groups(better, strata, clusters), strata is not None)
    else:
        worse, improved = stats.sign_flip(better, strata, clusters)
        low, high = stats.paired_interval(better, strata, clusters, compare.CONFIDENCE)
    low, high = (low, high) if sign > 0 else (-high, -low)
    share = stats.weights(strata, len(kept))
    means = [math.fsum((share * x).tolist()) for x in (a, b)]
    change = math.fsum((share * (b - a)).tolist())
    return Tested(means[0], means[1], change, low, high, len(kept), lost, gained, worse, improved)


def _groups(
    better: Floats, subjects: Sequence[str] | None, cases: Sequence[str] | None
) -> tuple[tuple[int, int, int], ...]:
    """(size, lost, gained) of each subject or case, whichever has which; a nameless question is a case of its own."""
    names: Sequence[str | int] = subjects or [name or i for i, name in enumerate(cases or ())]
    numbers: dict[str | int, int] = {}
    where = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.intp)
    counts = [np.bincount(where[chosen], minlength=len(numbers)).tolist() for chosen in (..., better < 0, better > 0)]
    return tuple(sorted(zip(*counts, strict=True)))


@functools.lru_cache(maxsize=50_000)
def _of_groups(groups: tuple[tuple[int, int, int], ...], subjects: bool) -> tuple[float, float, float, float]:
    """No test asks which subject it was, so equal counts are tested once."""
    better = [v for size, lost, won in groups for v in [-1.0] * lost + [1.0] * won + [0.0] * (size - lost - won)]
    names = tuple(f"{i}" for i, (size, _, _) in enumerate(groups) for _ in range(size))
    subject, case = (names, None) if subjects else (None, names)
    interval = stats.paired_interval(better, subject, case, compare.CONFIDENCE)
    return (*stats.sign_flip(better, subject, case), *interval)


@functools.lru_cache(maxsize=2)
def _order(samples: tuple[str, ...]) -> NDArray[np.intp]:
    """Place of each sample among the sorted ids."""
    return np.argsort(np.array(sorted(range(len(samples)), key=samples.__getitem__), np.intp))


def _clusters(names: Sequence[str], kept: NDArray[np.intp]) -> tuple[str, ...] | None:
    """Cluster names, or None where no two questions share one."""
    found = tuple(names[i] for i in kept.tolist()) if any(names) else ()
    filled = [name for name in found if name]
    return found if len(set(filled)) < len(filled) else None
