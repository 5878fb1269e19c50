"""A run as a pandas table for metrics, and as Outcomes for verdicts.

Example: `outcomes(store, run)` of a C-Eval run: 1,346 values of accuracy in exam order, the answers' lengths beside
them, and a fingerprint of everything that must agree before two such runs may be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from harness import identity, metrics
from harness.records import Checkpoint, Lineage, Outcomes, Run, Task
from harness.store import answers, rows, runs, secondary
from harness.store.open import Store

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("value", "prompt_tokens", "output_tokens", "thinking_tokens", "seconds", "first_token_seconds")


def table(store: Store, run_id: str) -> pd.DataFrame:
    """One row per answer in exam order; grades are those that count now (see v_scoring), NaN is a missing number."""
    return _table(store, run_id, True)


def _table(store: Store, run_id: str, worded: bool) -> pd.DataFrame:
    """Without the texts, which take most of the time, where not `worded`."""
    import pandas as pd

    sql = _TABLE if worded else _TABLE.replace(_WORDS, "").replace(_WORDS_FROM, "")
    found = runs.query(store, sql, {"run": run_id, "scorer": runs.scoring(store, run_id)[0]})
    decoder = answers.Decoder(store)
    texts = [decoder.texts(row) for row in found] if worded else []
    columns: dict[str, list[Any]] = {name: [row[name] for row in found] for name in _PLAIN}
    columns["categories"] = [rows.load_tuple(row["categories"]) for row in found]
    columns["choices"] = [rows.load_tuple(row["choices"]) for row in found]
    columns["text"] = [text for text, _ in texts]
    columns["thinking"] = [thinking for _, thinking in texts]
    columns["logprobs"] = [rows.load_logprobs(row["logprobs"]) for row in found]
    columns["option_tokens"] = [rows.load_tuple(row["option_tokens"]) for row in found]
    columns["notes"] = [rows.load_tuple(row["notes"]) for row in found]
    made: dict[str, Any] = {}
    for name in _COLUMNS:
        if name in ("text", "thinking") and not worded:
            continue
        if name in _NUMBERS:
            made[name] = pd.Series(columns[name], dtype="float64")
        elif name in ("repeat", "position"):
            made[name] = pd.Series(columns[name], dtype="int64")
        else:  # object, because pandas' own strings refuse lone surrogates and turn None into NaN
            made[name] = pd.Series(columns[name], dtype="object")
    return pd.DataFrame(made)


_COLUMNS = (
    "sample", "repeat", "position", "subject", "categories", "cluster", "language", "question", "choices", "target",
    "value", "outcome", "answer", "rule", "text", "thinking", "stop", "prompt_tokens", "output_tokens", "thinking_tokens",
    "seconds", "first_token_seconds", "logprobs", "option_tokens", "notes",
)  # fmt: skip
_PLAIN = tuple(
    name
    for name in _COLUMNS
    if name not in ("categories", "choices", "text", "thinking", "logprobs", "option_tokens", "notes")
)
_WORDS, _WORDS_FROM = "t.enc, t.dict, t.text, t.thinking, ", "LEFT JOIN response_texts t ON t.response = p.id"
_TABLE = f"""SELECT s.uid AS sample, p.repeat, s.position, s.subject, s.categories, s.cluster, s.language, s.question,
        s.choices, s.target, x.value, x.outcome, x.answer, x.rule, {_WORDS}p.stop, p.prompt_tokens,
        p.output_tokens, p.thinking_tokens, p.seconds, p.first_token_seconds, p.logprobs, p.option_tokens,
        p.notes
    FROM responses p JOIN samples s ON s.id = p.sample {_WORDS_FROM}
        LEFT JOIN scores x ON x.response = p.id AND x.scorer = :scorer
    WHERE p.run = (SELECT id FROM runs WHERE uid = :run) ORDER BY s.position, p.repeat"""


def outcomes(store: Store, run_id: str, metric: str | None = None) -> Outcomes:
    """Per-sample values of a metric (default: the task's headline), repeats averaged, in exam order.

    Samples without any answer are left out; answered ones without a grade or a gold are None.
    """
    answered = table(store, run_id)
    return _outcomes(store, run_id, metric, answered, dict(_measures(answered, secondary.measured(store, run_id))))


def values_only(store: Store, run_id: str) -> Outcomes:
    """The headline without the measures beside it, which read every answer's text: for many runs at once."""
    run = runs.get_run(store, run_id)
    task = runs.get_task(store, run.exam)
    found = metrics.of(task, task.metrics[0] if task.metrics else "accuracy")
    if {"text", "thinking"}.isdisjoint(found.NEEDS):
        try:
            return _outcomes(store, run_id, None, _table(store, run_id, False), {})
        except KeyError:
            pass  # of a folder added with --include: it reads what it doesn't declare
    return _outcomes(store, run_id, None, table(store, run_id), {})


def _outcomes(
    store: Store,
    run_id: str,
    metric: str | None,
    answered: pd.DataFrame,
    measures: Mapping[str, tuple[float | None, ...]],
) -> Outcomes:
    run = runs.get_run(store, run_id)
    task = runs.get_task(store, run.exam)
    checkpoint = runs.find_checkpoint(store, run.checkpoint)
    assert checkpoint is not None  # a foreign key holds it
    metric = metric or (task.metrics[0] if task.metrics else "accuracy")
    found = metrics.of(task, metric)
    first = answered.drop_duplicates("sample")
    return Outcomes(
        task=task.key,
        metric=metric,
        checkpoint=run.checkpoint,
        fingerprint=_fingerprint(store, run, task, checkpoint, found),
        samples=tuple(first["sample"]),
        values=_averaged(answered, _per_sample(answered, found)),
        repeats=run.repeats,
        subjects=tuple(first["subject"]),
        clusters=tuple(first["cluster"]),
        average=task.average,
        higher_is_better=found.HIGHER_IS_BETTER,
        measures=measures,
        is_mean=found.IS_MEAN,
        statistics=dict(_statistics(answered, found)),
        unit=found.UNIT,
        labelled=task.labelled,
        chance=task.chance,
        bytes=checkpoint.bytes,
        bytes_declared=checkpoint.bytes_declared,
        name=checkpoint.name,
        run=run.id,
    )


def values(store: Store, run_id: str, metric: metrics.Metric) -> list[tuple[int, float]]:
    """(position, value) of the answers that have one, as `outcomes` has them; texts are read only for metrics that need them."""
    if {"text", "thinking"}.isdisjoint(metric.NEEDS):
        try:
            return _placed(_table(store, run_id, False), metric)
        except KeyError:
            pass  # of a folder added with --include: it reads what it doesn't declare
    return _placed(table(store, run_id), metric)


def _placed(answered: pd.DataFrame, metric: metrics.Metric) -> list[tuple[int, float]]:
    positions = sorted(set(answered["position"].tolist()))
    means = _averaged(answered, _per_sample(answered, metric))
    return [(at, value) for at, value in zip(positions, means, strict=True) if value is not None]


def _per_sample(answered: pd.DataFrame, metric: metrics.Metric) -> Any:
    """A metric that is no mean (F1, BLEU) has no value per sample: the grades stand in for it, to be looked at."""
    if metric.IS_MEAN and len(answered):
        return metric.per_sample(answered)
    return answered["value"].to_numpy()


def _statistics(answered: pd.DataFrame, metric: metrics.Metric) -> Iterator[tuple[str, tuple[float | None, ...]]]:
    """What a measure is computed from, per sample: named columns, repeats averaged; nothing of a mean."""
    if not metric.IS_MEAN and len(answered) and hasattr(metric, "statistics"):
        for name, values in metric.statistics(answered).items():
            yield name, _averaged(answered, values)


def _averaged(answered: pd.DataFrame, values: Any) -> tuple[float | None, ...]:
    """Mean over the repeats of each sample, in exam order, leaving out what is missing."""
    import pandas as pd

    series = pd.Series(values, index=answered.index, dtype="float64")
    means = series.groupby(answered["position"], sort=True).mean()
    return tuple(None if math.isnan(v) else float(v) for v in means)


def _measures(
    answered: pd.DataFrame, beside: Mapping[str, Mapping[tuple[str, int], float | None]]
) -> Iterator[tuple[str, tuple[float | None, ...]]]:
    """Health metrics that apply to these answers (of one that is no mean, its parts), then what secondary scorers made."""
    if not len(answered):
        return
    columns = {}
    for name in metrics.health():
        module = metrics.find(name)
        if module.IS_MEAN:
            columns[name] = module.per_sample(answered)
        elif hasattr(module, "statistics"):  # choice_skew:A, tokens_per_second:seconds
            columns |= {f"{name}:{part}": values for part, values in module.statistics(answered).items()}
    columns["thinking_tokens"] = answered["thinking_tokens"].to_numpy()
    addresses = list(zip(answered["sample"], answered["repeat"], strict=True))
    for name, found in beside.items():
        columns[name] = [_or_nan(found.get(address)) for address in addresses]
    for name, column in columns.items():
        values = _averaged(answered, column)
        if any(value is not None for value in values):
            yield name, values


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _fingerprint(
    store: Store, run: Run, task: Task, checkpoint: Checkpoint, metric: metrics.Metric
) -> dict[str, dict[str, Any]]:
    """class -> field -> value: what must, what should agree, what is the checkpoint's own, how it was made."""
    engine = asdict(runs.get_engine(store, run.engine))
    engine.pop("id")
    _, scorer, version = runs.scoring(store, run.id)
    key = runs.query(store, "SELECT key FROM exams WHERE uid = ?", [run.exam])[0]["key"]
    return {
        "must": {
            "task": task.key,
            "exam": run.exam,
            "key": key,
            "settings": dict(identity.settings_fields(run.settings)),
            "scorer": f"{scorer}@{version}",
            "metric": f"{metric.spec}@{metric.VERSION}",
            **({"hardware": _hardware(store, run, engine)} if getattr(metric, "HARDWARE", False) else {}),
        },
        "should": {"engine": engine, "environment": runs.environment(store, run.environment)},
        "own": dict(checkpoint.parts),
        "recipe": recipe(checkpoint.lineage) if checkpoint.lineage else {},
        "beside": secondary.graders(store, run.id),  # of no weight for the score: only composites ask
    }


def _hardware(store: Store, run: Run, engine: dict[str, Any]) -> str:
    """What must be equal before two speeds are compared: the kind of GPU, or on a CPU the very machine."""
    if engine["device"] != "cpu":
        return f"{engine['name']} on {engine['device']}"
    host = runs.query(store, "SELECT host FROM runs WHERE uid = ?", [run.id])[0]["host"]
    return f"{engine['name']} on the CPU of {host}"


def recipe(lineage: Lineage) -> dict[str, Any]:
    """One variable at a time: what a recipe set, and what the training then really had."""
    had = {
        "method": lineage.method,
        "parent": lineage.parent,
        "teacher": lineage.teacher,
        "seed": lineage.seed,
        "steps": lineage.steps,
        "tokens": lineage.tokens,
        "data": _sources(lineage.data) or None,
        "template": lineage.template_sha,
        "versions": dict(lineage.versions) or None,
    }
    return {k: v for k, v in had.items() if v is not None} | {"recipe": lineage.recipe or {}}


def _sources(data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Name -> content: the hash, else how many rows of what; a hand-written source may have no more than a path."""
    found: dict[str, Any] = {}
    for source in data:
        if source.get("role") == "teacher":  # answers follow from the questions and from who gave them, which are told
            continue
        name = str(next((source[k] for k in ("name", "source", "path", "sha") if source.get(k)), "?"))
        name = PurePath(name).name or name  # moving a file is no other data
        rows = f"{source['rows']} rows of {name}" if source.get("rows") else name
        twin = name if name not in found else f"{name} {len(found) + 1}"
        found[twin] = source.get("sha") or rows
    return found
