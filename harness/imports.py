"""Answers that exist, made into runs: rows of a file are matched to the samples of an exam, by id or by question.

Example row: {"question": "Janet's ducks …", "6b_finetuning": {"solution": "… A: 18"}} with the run
`6b=6b_finetuning.solution` and the map `question=question`.
Trap: copies of a data set differ in quotes, spaces and widths, so questions are compared by their letters and digits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import identity
from harness.errors import UserError
from harness.plugins import nearest
from harness.records import Checkpoint, Exam, Response
from harness.text import split_thinking

UNMATCHED_LIMIT = 0.02  # above this share the file is not what the user thinks it is


@dataclass(frozen=True)
class Columns:
    """Dotted paths into a row; `options.0` and `6b.solution` both work."""

    question: str | None = None
    gold: str | None = None
    id: str | None = None
    tokens: str | None = None
    prompt: str | None = None
    choices: str | None = None
    subject: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Matched:
    """(sample id, repeat) -> row, and how many rows belong to no question of the exam."""

    rows: Mapping[tuple[str, int], Mapping[str, Any]]
    unmatched: int
    total: int


_ABSENT = object()


def dig(row: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; UserError naming the part that is not there."""
    value = _dig(row, path)
    if value is _ABSENT:
        where = f"line {line}" if (line := getattr(row, "line", None)) else "a row"
        raise UserError(f"{where} has no '{path}'; {nearest(path.split('.')[0], map(str, row))}")
    return value


def _dig(row: Any, path: str) -> Any:
    if isinstance(row, Mapping) and path in row:  # a key may itself hold a dot
        return row[path]
    value = row
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _ABSENT
    return value


def match(rows: Sequence[Mapping[str, Any]], exam: Exam, columns: Columns) -> Matched:
    """Rows to samples; UserError when more than 2 % of the rows belong nowhere.

    The n-th row of one question goes to the n-th of its exact twins, and once each twin has one, to their next repeat.
    """
    if not columns.id and not columns.question:
        raise UserError("rows can't be matched to questions; pass --map id=PATH or --map question=PATH")
    index = _index(exam, by_id=columns.id is not None)
    seen: dict[str, int] = {}
    matched: dict[tuple[str, int], Mapping[str, Any]] = {}
    unmatched = 0
    for row in rows:
        key = str(dig(row, columns.id)) if columns.id else normalised(str(dig(row, str(columns.question))))
        twins = index.get(key)
        if not twins:
            unmatched += 1
            continue
        nth = seen.get(key, 0)
        seen[key] = nth + 1
        matched[twins[nth % len(twins)], nth // len(twins)] = row
    if unmatched > UNMATCHED_LIMIT * len(rows):
        how = f"id '{columns.id}'" if columns.id else f"question '{columns.question}'"
        raise UserError(
            f"{unmatched} of {len(rows)} rows match no question of {exam.task.key} by {how} (at most 2 % may); "
            "is it the right task, and the right field?"
        )
    return Matched(matched, unmatched, len(rows))


def _index(exam: Exam, by_id: bool) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for sample in exam.samples:
        keys = [sample.id, *(str(sample.fields[k]) for k in ("id", "idx", "index") if k in sample.fields)]
        for key in keys if by_id else [normalised(sample.question)]:
            index.setdefault(key, []).append(sample.id)
    return index


def normalised(question: str) -> str:
    """Letters and digits of any script, in one width and case."""
    folded = unicodedata.normalize("NFKC", question).casefold()
    return "".join(c for c in folded if c.isalnum())


def answers(matched: Matched, field: str, columns: Columns, checkpoint: str) -> dict[tuple[str, str, int], Response]:
    """(checkpoint, sample, repeat) -> the recorded answer, thinking split off; what the `recorded` engine replays."""
    recorded = {}
    for (sample, repeat), row in matched.rows.items():
        value = dig(row, field)
        if value is None:
            continue  # no answer was recorded: missing, not empty
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        split = split_thinking(str(value))
        recorded[checkpoint, sample, repeat] = Response(
            run="", sample=sample, repeat=repeat,
            text=split.answer, thinking=split.thinking,
            prompt=str(dig(row, columns.prompt)) if columns.prompt else None,
            output_tokens=_tokens(row, columns),
            stop="end" if split.closed else "length",
        )  # fmt: skip
    return recorded


def _tokens(row: Mapping[str, Any], columns: Columns) -> int | None:
    if not columns.tokens:
        return None
    value = dig(row, columns.tokens)
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UserError(f"'{columns.tokens}' should be a number of tokens, not {value!r}") from None


def checkpoint(name: str, matched: Matched, field: str, bytes_: int | None, base: str | None) -> Checkpoint:
    """A system known by its answers alone: the same file imported twice is the same checkpoint."""
    said = [[sample, repeat, _dig(row, field)] for (sample, repeat), row in sorted(matched.rows.items())]
    parts = {"answers": identity.digest([None if value is _ABSENT else value for value in said])}
    return Checkpoint(
        id=identity.digest({"name": name, "parts": parts}), name=name, kind="outputs", base=base, parts=parts,
        bytes=bytes_, bytes_declared=bytes_ is not None,
    )  # fmt: skip


def questions(rows: Iterable[Mapping[str, Any]], columns: Columns, kind: str) -> Iterator[dict[str, Any]]:
    """Rows for an exam that the file itself defines (`--task new:NAME`): question, target, subject."""
    if not columns.question:
        raise UserError("a new task needs its questions; pass --map question=PATH")
    if not columns.gold and kind != "text":
        raise UserError(f"a new task of kind {kind} needs golds; pass --map gold=PATH, or --kind text")
    for row in rows:
        gold = dig(row, columns.gold) if columns.gold else None
        choices = dig(row, columns.choices) if columns.choices else ()
        yield {
            "question": str(dig(row, columns.question)),
            "target": None if gold is None else str(gold),
            "choices": list(choices.values()) if isinstance(choices, Mapping) else list(choices),
            "subject": str(dig(row, columns.subject)) if columns.subject else "",
            "language": str(dig(row, columns.language)) if columns.language else "",
        }
