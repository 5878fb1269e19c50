"""Records to rows and back: which field stands in which column, and what JSON makes of it.

Trap: JSON has no NaN and no infinity. A log-probability of -inf (an option the model rules out) is written `-1e999`,
which every JSON reader takes for -inf; NaN is null and comes back as NaN, so that grading again gives the same grade.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from harness import identity
from harness.records import (
    Checkpoint,
    EngineInfo,
    Exam,
    Lineage,
    Overall,
    Part,
    Response,
    Run,
    Sample,
    Score,
    Settings,
    Task,
)
from harness.store import texts


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- values -------------------------------------------------------------------------------------------------


def dump(value: Any) -> str:
    """Canonical JSON of anything a record holds; NaN and infinities are null, lone surrogates are spelled out."""
    value = _plain(value)
    try:
        return texts.readable(identity.canonical(value))
    except (ValueError, TypeError):  # looking for them first would take half the time of writing an answer
        return texts.readable(identity.canonical(_finite(value)))


def dump_some(value: Any) -> str | None:
    """The same, with NULL for what is empty."""
    return dump(value) if value else None


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _finite(value: Any) -> Any:
    if isinstance(value, str | bool) or value is None:
        return value
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # a numpy scalar
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def number(value: float | None) -> float | None:
    """A finite number, else None: SQLite would turn NaN into NULL silently, and keep infinities."""
    return float(value) if value is not None and math.isfinite(value) else None


def _dump_logprobs(values: Sequence[float] | None) -> str | None:
    if values is None:
        return None
    written = ("null" if math.isnan(v) else "-1e999" if v == -math.inf else repr(float(v)) for v in values)
    return "[" + ",".join(written) + "]"


def load_logprobs(text: str | None) -> tuple[float, ...] | None:
    return None if text is None else tuple(math.nan if v is None else float(v) for v in json.loads(text))


def load_tuple(text: str | None) -> tuple[Any, ...]:
    return tuple(json.loads(text)) if text else ()


def load_mapping(text: str | None) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def known(cls: type, row: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of `row` that are fields of `cls`: a store may hold fields of another version's records."""
    names = {f.name for f in fields(cls)}
    return {k: v for k, v in row.items() if k in names}


# -- records to values, in the order of the statements in write.py ------------------------------------------


def checkpoint_values(c: Checkpoint) -> dict[str, Any]:
    values = {f.name: getattr(c, f.name) for f in fields(Checkpoint) if f.name != "id"}
    values |= {"uid": c.id, "bytes_declared": int(c.bytes_declared), "added": now()}
    values |= {"parts": dump(c.parts), "stop_ids": dump(c.stop_ids)}
    values["lineage"] = dump(c.lineage) if c.lineage else None
    return {k: texts.readable(v) if isinstance(v, str) else v for k, v in values.items()}


def sample_values(exam: int, s: Sample) -> tuple[Any, ...]:
    target = None if s.target is None else texts.readable(s.target)
    return (
        exam, s.position, s.id, texts.readable(s.subject), dump_some(s.categories), texts.readable(s.cluster),
        s.language, texts.readable(s.question), dump_some(s.choices), target, dump_some(s.fields), s.origin,
    )  # fmt: skip


def response_values(run: int, sample: int, prompt: int | None, r: Response) -> tuple[Any, ...]:
    return (
        run, sample, r.repeat, prompt, r.prompt_tokens, r.output_tokens, r.thinking_tokens, r.stop,
        number(r.seconds), _dump_logprobs(r.logprobs), None if r.option_tokens is None else dump(r.option_tokens),
        None if r.greedy is None else dump([bool(g) for g in r.greedy]),
        None if r.error is None else texts.readable(r.error), dump_some(r.notes), number(r.first_token_seconds),
    )  # fmt: skip


def text_values(response: int, r: Response) -> tuple[Any, ...] | None:
    """(response, enc, text, thinking), both texts in one encoding; None when both are empty."""
    if not r.text and not r.thinking:
        return None
    (enc, text), (other, thinking) = texts.storable(r.text), texts.storable(r.thinking)
    if enc != other:
        enc, text, thinking = texts.ESCAPED, texts.escape(r.text), texts.escape(r.thinking)
    return response, enc, text, thinking


def score_values(response: int, scorer: int, s: Score) -> tuple[Any, ...]:
    answer = None if s.answer is None else texts.readable(s.answer)
    return response, scorer, number(s.value), answer, texts.readable(s.rule), s.outcome, dump_some(s.detail)


# -- rows to records ----------------------------------------------------------------------------------------


def checkpoint(row: Mapping[str, Any]) -> Checkpoint:
    values = known(Checkpoint, row) | {"id": row["uid"]}
    values |= {"parts": json.loads(row["parts"]), "stop_ids": load_tuple(row["stop_ids"])}
    values["bytes_declared"] = bool(row["bytes_declared"])
    values["lineage"] = lineage(json.loads(row["lineage"])) if row["lineage"] else None
    return Checkpoint(**values)


def lineage(values: Mapping[str, Any]) -> Lineage:
    made = known(Lineage, values)
    made["loss"] = tuple((int(step), float(loss)) for step, loss in made.get("loss") or ())
    for name in ("data", "trained_on", "on_test", "looks"):
        made[name] = tuple(made.get(name) or ())
    return Lineage(**made)


def task(card: str) -> Task:
    made = known(Task, json.loads(card))
    return Task(**_tuples(made))


def exam(row: Mapping[str, Any], samples: Iterable[Mapping[str, Any]]) -> Exam:
    return Exam(row["uid"], row["key"], task(row["card"]), tuple(sample(s) for s in samples))


def sample(row: Mapping[str, Any]) -> Sample:
    made = known(Sample, row) | {"id": row["uid"]}
    made |= {"categories": load_tuple(row["categories"]), "choices": load_tuple(row["choices"])}
    made["fields"] = json.loads(row["fields"]) if row["fields"] else {}
    return Sample(**made)


def engine(row: Mapping[str, Any]) -> EngineInfo:
    return EngineInfo(**known(EngineInfo, row) | {"id": row["uid"], "options": json.loads(row["options"])})


def settings(text: str) -> Settings:
    made = known(Settings, json.loads(text))
    return Settings(**_tuples(made))


def runs(found: Iterable[Sequence[Any]]) -> Iterator[Run]:
    """From rows whose columns are the fields of a Run in their order, tags as JSON; what is equal is one object."""
    kept: dict[Any, Any] = {}
    told: dict[str, Settings] = {}
    for number, checkpoint, exam, asked, engine, *rest in found:
        if asked not in told:
            told[asked] = settings(asked)
        ids = [kept.setdefault(value, value) for value in (checkpoint, exam, engine)]
        attempt, expected, done, repeats, status, tags, environment, *times = rest
        yield Run(
            number, ids[0], ids[1], told[asked], ids[2], attempt, expected, done, repeats, kept.setdefault(status, status),
            () if tags == "[]" else tuple(sorted(json.loads(tags))), kept.setdefault(environment, environment), *times,
        )  # fmt: skip


def overall(text: str) -> Overall:
    values = known(Overall, json.loads(text))
    values["parts"] = tuple(Part(**known(Part, part)) for part in values["parts"])
    return Overall(**_tuples(values))


def response(row: Mapping[str, Any], text: str, thinking: str, prompt: str | None) -> Response:
    made = known(Response, row) | {"text": text, "thinking": thinking, "prompt": prompt}
    made |= {"logprobs": load_logprobs(row["logprobs"]), "notes": load_tuple(row["notes"])}
    for name in ("option_tokens", "greedy"):
        made[name] = None if row[name] is None else load_tuple(row[name])
    return Response(**made)
