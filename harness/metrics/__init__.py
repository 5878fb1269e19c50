"""One number a file: a mean over samples (`per_sample`) or a measure of the whole table; `summarise` makes the Results.

Example: summarise(table, ceval, "9f3c…") -> accuracy 0.262 [0.240, 0.286] n=1346 by "macro", the same by "micro", one
per subject and category, then every health metric. A health metric is one with a LIMIT: it guards a score and is
left out where it does not apply (no text, no letters). Trap: a mean hides what is missing, so n counts only values.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness import plugins, stats
from harness.records import Result, Task

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Interval = tuple[float, float]

PACKAGE = "harness.metrics"
DRAWS = 1000  # of the bootstrap of measures
SEED = 20261


@dataclass(frozen=True, slots=True)
class Limit:
    """When a health metric is alarming: above `max` or worse than before by more than allowed; None = not asked."""

    max: float | None = None  # in the metric's unit
    max_increase: float | None = None
    min_ratio: float | None = None  # after / before
    max_ratio: float | None = None


def names() -> list[str]:
    return plugins.names(PACKAGE)


def find(name: str) -> ModuleType:
    return plugins.find(PACKAGE, name)


def health() -> list[str]:
    """Metrics that guard a score, in the order of their names."""
    return [name for name in names() if getattr(find(name), "LIMIT", None) is not None]


def texts(table: pd.DataFrame) -> list[str | None]:
    """The replies; None where nothing was generated: option log-probabilities, or an engine's error."""
    rows = zip(*(table[name].tolist() for name in ("text", "logprobs", "stop")), strict=True)
    return [
        None if stop == "error" or isinstance(logprobs, tuple | list) else text if isinstance(text, str) else ""
        for text, logprobs, stop in rows
    ]


def outcome_is(table: pd.DataFrame, outcome: str) -> Floats:
    """1.0 where a generated reply came to this outcome, NaN where none was generated or graded."""
    rows = zip(texts(table), table["outcome"].tolist(), strict=True)
    return np.array([np.nan if t is None or not isinstance(o, str) else float(o == outcome) for t, o in rows])


# -- results ------------------------------------------------------------------------------------------------


def summarise(table: pd.DataFrame, task: Task, run_id: str) -> list[Result]:
    """The headline metric with all its slices, then the task's other metrics and the health metrics, whole only."""
    samples = _Samples.of(table)
    headline = task.metrics[0] if task.metrics else "accuracy"
    results = list(_headline(headline, table, samples, task, run_id))
    for name in dict.fromkeys((*task.metrics[1:], *health())):
        if name == headline:
            continue
        whole = _whole(name, table, samples, run_id)
        if whole.value is not None or name in task.metrics:
            results.append(whole)
    return results


@dataclass(frozen=True, slots=True)
class _Samples:
    """What the rows of a table belong to: one entry per sample in exam order, and each row's sample."""

    row: NDArray[np.int64]
    subjects: list[str]
    categories: list[tuple[str, ...]]
    clusters: list[Hashable] | None  # None: every sample is its own
    once: bool  # one repeat each

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Samples:
        positions, first, row = np.unique(
            np.asarray(table["position"], dtype=np.int64), return_index=True, return_inverse=True
        )
        column = {name: table[name].tolist() for name in ("subject", "categories", "cluster")}
        clusters: list[Hashable] = [column["cluster"][i] or "" for i in first]
        return cls(
            row=row,
            subjects=[column["subject"][i] or "" for i in first],
            categories=[tuple(column["categories"][i] or ()) for i in first],
            clusters=clusters if any(clusters) else None,
            once=len(positions) == len(row),
        )

    def averaged(self, values: Floats) -> Floats:
        """Mean over the repeats of each sample that have a value; NaN where none has."""
        there = ~np.isnan(values)
        counts = np.bincount(self.row[there], minlength=len(self.subjects))
        sums = np.bincount(self.row[there], weights=values[there], minlength=len(self.subjects))
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def pick(self, chosen: NDArray[np.int64]) -> tuple[list[str], list[Hashable] | None]:
        clusters = None if self.clusters is None else [self.clusters[i] for i in chosen]
        return [self.subjects[i] for i in chosen], clusters


def _headline(name: str, table: pd.DataFrame, samples: _Samples, task: Task, run_id: str) -> Iterator[Result]:
    module = find(name) if name in names() else find("accuracy")  # a stock task's own metric is the mean grade
    if not hasattr(module, "per_sample"):
        yield _whole(name, table, samples, run_id)
        return
    values = samples.averaged(module.per_sample(table))
    everything = np.flatnonzero(~np.isnan(values))

    def result(label: str, chosen: NDArray[np.int64], average: str) -> Result:
        return _mean(name, module.VERSION, label, values[chosen], samples, chosen, average, run_id)

    yield result("", everything, task.average)
    yield result("micro", everything, "micro")
    yield result("macro", everything, "macro")
    for subject, chosen in _groups(((samples.subjects[i],) for i in everything), everything):
        yield result(f"subject:{subject}", chosen, "micro")
    for category, chosen in _groups((samples.categories[i] for i in everything), everything):
        yield result(f"category:{category}", chosen, task.average)


def _groups(labels: Iterator[tuple[str, ...]], chosen: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Members of each label in order of first appearance; a sample may have several labels (STEM, Hard) or none."""
    members: dict[str, list[int]] = {}
    for index, some in zip(chosen.tolist(), labels, strict=True):
        for label in some:
            if label:
                members.setdefault(label, []).append(index)
    yield from ((label, np.array(indices, dtype=np.int64)) for label, indices in members.items())


def _mean(
    name: str,
    version: int,
    label: str,
    values: Floats,
    samples: _Samples,
    chosen: NDArray[np.int64],
    average: str,
    run_id: str,
) -> Result:
    if not values.size:
        return Result(run_id, name, version, label, None, None, None, 0, "none")
    subjects, clusters = samples.pick(chosen)
    if average == "macro" and len(set(subjects)) > 1:
        sizes, groups = stats.intervals.strata_of(subjects)
        value = float(np.mean(np.bincount(groups, weights=values) / sizes))
        low, high = stats.macro(values, subjects)
        return Result(run_id, name, version, label, value, low, high, len(values), "stratified")
    value = float(values.mean())
    low, high, method = _plain_interval(values, samples.once, clusters)
    return Result(run_id, name, version, label, value, low, high, len(values), method)


def _plain_interval(values: Floats, once: bool, clusters: Sequence[Hashable] | None) -> tuple[float, float, str]:
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    if binary and once and clusters is None:
        return *stats.wilson(float(values.sum()), len(values)), "wilson"
    shares = bool(((values >= 0) & (values <= 1)).all())
    low, high = stats.mean_t(values, clusters=clusters)
    if shares:
        if math.isclose(low, high):  # nothing varied: Wilson on what there is, never "±0"
            units = len(set(clusters)) if clusters else len(values)
            return *stats.wilson(float(values.mean()) * units, units), "wilson"
        low, high = max(low, 0.0), min(high, 1.0)
    return low, high, "t"


def _whole(name: str, table: pd.DataFrame, samples: _Samples, run_id: str) -> Result:
    """A metric over all samples: a plain mean, or a measure with a seeded bootstrap over samples."""
    module = find(name)
    if hasattr(module, "per_sample"):
        values = samples.averaged(module.per_sample(table))
        there = np.flatnonzero(~np.isnan(values))
        return _mean(name, module.VERSION, "", values[there], samples, there, "micro", run_id)
    value = module.measure(table) if len(table) else math.nan
    if math.isnan(value):
        return Result(run_id, name, module.VERSION, "", None, None, None, 0, "none")
    low, high = _bootstrap(module, table, samples)
    return Result(run_id, name, module.VERSION, "", float(value), low, high, len(samples.subjects), "bootstrap")


def _bootstrap(module: ModuleType, table: pd.DataFrame, samples: _Samples) -> Interval:
    """Percentile interval over resampled samples (whole clusters, all repeats), its centre moved to the estimate.

    A module may offer `measures(table, weights)`, all draws at once; otherwise `measure` runs on each resampled table.
    """
    units = samples.clusters or list(range(len(samples.subjects)))
    numbers: dict[Hashable, int] = {}
    unit_of_sample = [numbers.setdefault(u if u != "" else ("", i), len(numbers)) for i, u in enumerate(units)]
    unit_of_row = np.array(unit_of_sample)[samples.row]
    many = hasattr(module, "measures")
    drawn_units = len(numbers), DRAWS if many else DRAWS // 5
    picked = np.random.default_rng(SEED).integers(0, drawn_units[0], size=drawn_units[::-1])
    picked += np.arange(drawn_units[1])[:, None] * drawn_units[0]  # one range of numbers per draw
    counts = np.bincount(picked.ravel(), minlength=math.prod(drawn_units)).reshape(drawn_units[::-1])
    weights = counts[:, unit_of_row]
    if many:
        drawn: Floats = module.measures(table, weights.astype(np.float64))
    else:
        drawn = np.array([module.measure(table.iloc[np.repeat(np.arange(len(w)), w)]) for w in weights])
    drawn = drawn[~np.isnan(drawn)]
    value = float(module.measure(table))
    if not drawn.size:
        return value, value
    low, high = np.quantile(drawn, (0.025, 0.975)) - (drawn.mean() - value)
    if module.UNIT == "share":
        low, high = np.clip((low, high), 0.0, 1.0)
    return float(low), float(high)
