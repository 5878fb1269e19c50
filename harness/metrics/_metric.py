"""What a metric is: a file of this folder with its argument bound, found by a spec like `accuracy` or `ndcg(10)`.

Example: find("sensitivity(yes)").measure(table) -> 0.82; find("ndcg") takes all ranks, since its argument is optional.
A metric's file declares VERSION, NEEDS, UNIT, HIGHER_IS_BETTER and LIMIT, and offers either
`per_sample(table[, arg])`, the values whose mean it is, or `measure(table[, arg])`, one number of the whole table.
A measure may also offer `statistics(table[, arg])`, named columns of numbers per row (NaN = not counted), and
`of(sums[, arg])`, the measure from their sums; or, where sums can't say it, `of_rows(columns[, arg])`, each column
[draw, row]. With either it gets an interval in milliseconds and a paired test. `fits(task[, arg])` says in one sentence
why it means nothing for a task. What several files have in common stands once, in a private module or in the first of
them, and is declared by its name: `fits = _fits.classes`.
Trap: `macro F1` of an average over questions does not exist; it is a measure.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

from harness import plugins
from harness.errors import UserError
from harness.metrics import _classes
from harness.records import Sample, Task

PACKAGE = "harness.metrics"
SCORERS = "harness.scorers"
_SPEC = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*(?:\(\s*(?P<arg>[^()]{1,60}?)\s*\))?\s*")


@dataclass(frozen=True, slots=True)
class Limit:
    """When a health metric is alarming: above `max` or worse than before by more than allowed; None = not asked."""

    max: float | None = None  # in the metric's unit
    max_increase: float | None = None
    min_ratio: float | None = None  # after / before
    max_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's file with its argument: what the file declares and offers is had by its name, `metric.UNIT`."""

    spec: str  # as written into results: `accuracy`, `sensitivity(yes)`
    arg: str | None
    module: ModuleType

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        return partial(found, arg=self.arg) if _argument(found) is not None and self.arg is not None else found

    @property
    def IS_MEAN(self) -> bool:
        """Whether it is the mean of a value per sample, and so has subjects, paired tests and power of its own."""
        return hasattr(self.module, "per_sample")


@dataclass(frozen=True, slots=True)
class MetricCard:
    """A line of the catalogue."""

    name: str
    argument: str  # "" takes none, "ARG" needs one, "[ARG]" may have one
    is_mean: bool
    unit: str
    higher_is_better: bool
    health: bool
    version: int
    what: str  # the first line of its file


def names() -> list[str]:
    return plugins.names(PACKAGE)


@lru_cache(maxsize=4)
def _walked(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The names again only where --include added a folder: walking sixty files sixty times a run is slow."""
    return tuple(names())


def _names() -> tuple[str, ...]:
    return _walked(tuple(importlib.import_module(PACKAGE).__path__))


def _modules() -> dict[str, ModuleType]:
    return {name: plugins.find(PACKAGE, name) for name in _names()}


def find(spec: str) -> Metric:
    """The metric of a spec; UserError for a name that isn't there, or an argument that lacks or doesn't belong."""
    parts = _SPEC.fullmatch(str(spec))  # a YAML may hold anything
    if not parts:
        raise UserError(f"no metric '{str(spec)[:80]}'; write NAME or NAME(ARG), like accuracy or ndcg(10)")
    name, arg = parts["name"], parts["arg"]
    module = plugins.find(PACKAGE, name)
    if not hasattr(module, "per_sample") and not hasattr(module, "measure"):
        raise UserError(f"metric {name} ({module.__file__}) has neither per_sample(table) nor measure(table)")
    wanted = _argument(_main(module))
    if wanted is None and arg is not None:
        raise UserError(f"metric {name} takes no argument; write {name} instead of {spec.strip()}")
    if wanted == "ARG" and arg is None:
        raise UserError(f"metric {name} needs an argument, like {getattr(module, 'LIKE', f'{name}(A)')}")
    return Metric(name if arg is None else f"{name}({arg})", arg, module)


def known(spec: str) -> bool:
    """Whether a spec names a file of ours or of an --include folder."""
    parts = _SPEC.fullmatch(str(spec))
    return parts is not None and parts["name"] in _names()


def of(task: Task, spec: str) -> Metric:
    """The metric that a task means by a name.

    Tasks graded elsewhere (lm-eval's own, imported ones) call their metric as they like, `exact_match` or `bleu`: of
    theirs only the grade per question is here, so the mean grade is shown under that name.
    """
    if spec == headline(task) != "accuracy" and not (known(spec) and task.scorer in plugins.names(SCORERS)):
        return Metric(spec, None, find("accuracy").module)
    return find(spec)


def headline(task: Task) -> str:
    return task.metrics[0] if task.metrics else "accuracy"


def health() -> list[str]:
    """Metrics that guard a score, in the order of their names."""
    return [name for name, module in _modules().items() if getattr(module, "LIMIT", None) is not None]


def beside() -> list[str]:
    """Metrics that go with every score that they apply to: its upper bound, the share of answers that can be read."""
    return [name for name, module in _modules().items() if getattr(module, "BESIDE", False)]


def check(task: Task, samples: Sequence[Sample] = (), specs: Sequence[str] | None = None) -> None:
    """UserError, naming the metric and why, where one of a card (or of `specs`) is unknown or doesn't fit the task.

    With the task's samples, also where its argument is no class of the key, or there is nothing to compare with.
    """
    for spec in task.metrics if specs is None else specs:
        metric = of(task, spec)
        fits = getattr(metric, "fits", None)
        reason = (fits(task) if fits else None) or _unlike(metric, task, samples)
        if reason:
            raise UserError(f"metric {spec} doesn't fit task {task.key}: {reason}; see `bench tasks --metrics`")


def fitted(task: Task, samples: Sequence[Sample]) -> Task:
    """The task of an exam with its metrics checked, each spelt as results spell it.

    A form or a variant keeps those of its card that fit it (no ROC-AUC where the answer is generated); its headline must.
    """
    kept = []
    for number, spec in enumerate(task.metrics):
        try:
            check(task, samples, [spec])
        except UserError:
            if not number or not (task.form or task.variant):
                raise
        else:
            kept.append(of(task, spec).spec)
    return replace(task, metrics=tuple(dict.fromkeys(kept)))


def _unlike(metric: Metric, task: Task, samples: Sequence[Sample]) -> str | None:
    if not samples or not task.labelled:
        return None
    if "target" in metric.NEEDS and all(sample.target is None for sample in samples):
        return "its questions have no gold to compare with"
    return _classes.lacking(samples, metric.arg) if getattr(metric, "CLASS", False) and metric.arg else None


def catalogue() -> list[MetricCard]:
    """One card per metric, by name; for people."""
    return [_card(name, module) for name, module in _modules().items()]


def _card(name: str, module: ModuleType) -> MetricCard:
    argument = _argument(_main(module)) or ""
    return MetricCard(
        name=name,
        argument=argument,
        is_mean=hasattr(module, "per_sample"),
        unit=module.UNIT,
        higher_is_better=module.HIGHER_IS_BETTER,
        health=module.LIMIT is not None,
        version=module.VERSION,
        what=(module.__doc__ or "").strip().partition("\n")[0],
    )


def _main(module: ModuleType) -> Any:
    return module.per_sample if hasattr(module, "per_sample") else module.measure


def _argument(function: Any) -> str | None:
    """None where a function takes no `arg`, "ARG" where it must have one, "[ARG]" where it may."""
    if not inspect.isfunction(function):
        return None
    found = inspect.signature(function).parameters.get("arg")
    if found is None:
        return None
    return "ARG" if found.default is inspect.Parameter.empty else "[ARG]"
