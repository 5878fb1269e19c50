"""Answers that exist, made into runs: rows of a file are matched to the samples of an exam, by id or by question.

Example row: {"question": "Janet's ducks …", "6b_finetuning": {"solution": "… A: 18"}} with the run
`6b=6b_finetuning.solution` and the map `question=question`.
Trap: copies of a data set differ in quotes, spaces and widths, so questions are compared by their letters and digits;
and some files end with a row of their own, {"accuracy": 0.41}, which is no question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import identity
from harness.errors import UserError
from harness.plugins import nearest
from harness.questions import load
from harness.records import Checkpoint, Exam, Response, Sample
from harness.scorers import choice
from harness.text import normalised, split_thinking

UNMATCHED_LIMIT = 0.02  # above this share the file is not what the user thinks it is

Row = Mapping[str, Any]
Address = tuple[str, int]  # sample id, repeat


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
    system: str | None = None


@dataclass(frozen=True)
class Matched:
    """Sample id -> its rows in the file's order; `repeated` rows ask what all exact twins had an answer to."""

    exam: Exam
    rows: Mapping[str, Sequence[Row]]
    repeated: int


# -- values of a row ------------------------------------------------------------------------------------------------

_ABSENT = object()


def _dig(value: Any, path: str) -> Any:
    """At each level the longest key that fits: a key may itself hold a dot (`p.GPT-3.5`)."""
    if isinstance(value, Mapping):
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            key, rest = ".".join(parts[:length]), ".".join(parts[length:])
            if key in value:
                found = _dig(value[key], rest) if rest else value[key]
                if found is not _ABSENT:
                    return found
    elif isinstance(value, list):
        head, _, rest = path.partition(".")
        if head.isdecimal() and int(head) < len(value):
            return _dig(value[int(head)], rest) if rest else value[int(head)]
    return _ABSENT


def _paths(value: Any, above: str = "") -> Iterator[str]:
    """Every dotted path of a row, for the nearest ones to a path that is not there."""
    for key, inner in value.items():
        yield f"{above}{key}"
        if isinstance(inner, Mapping):
            yield from _paths(inner, f"{above}{key}.")


def _said(row: Row, path: str | None) -> Any:
    """The value at a path, None also where the row has none."""
    value = _dig(row, path) if path else None
    return None if value is _ABSENT or value != value else value  # NaN is how a table says nothing


def string(row: Row, path: str | None) -> str | None:
    return None if (value := _said(row, path)) is None else str(value)


def where(row: Row) -> str:
    """`line 3 of a.csv`, `row 1320 of a.json`: items of one JSON list have no line of their own."""
    file, line = Path(getattr(row, "file", "")), getattr(row, "line", 0)
    listed = Path(file.stem if file.suffix == ".gz" else file.name).suffix in (".json", ".parquet")
    return f"{'row' if listed else 'line'} {line} of {file.name}" if line else "a row"


def refuse_lacking(rows: Sequence[Row], path: str, limit: float = UNMATCHED_LIMIT) -> None:
    """UserError when more rows than `limit` (a share) have nothing at a path: most likely it is misspelt."""
    lacking = [row for row in rows if _dig(row, path) is _ABSENT]
    if lacking and len(lacking) > limit * len(rows):
        first = lacking[0]
        raise UserError(
            f"{len(lacking)} of {len(rows)} rows have no '{path}' (first: {where(first)}); {nearest(path, _paths(first))}"
        )


# -- rows to samples ------------------------------------------------------------------------------------------------


def match(rows: Sequence[Row], exams: Sequence[Exam], columns: Columns) -> tuple[list[Matched], list[Row]]:
    """Rows to the samples of each exam, and the rows that belong nowhere; UserError when those are more than 2 %.

    The n-th row of one question goes to the n-th of its exact twins, and once each twin has one, to their next answer.
    """
    path = columns.id or columns.question
    if not path:
        ways = "--map question=PATH" if exams[0].task.kind == "imported" else "--map id=PATH or --map question=PATH"
        raise UserError(f"rows can't be matched to questions; pass {ways}")
    refuse_lacking(rows, path)
    indices = [_index(exam, by_id=columns.id is not None) for exam in exams]
    seen: list[Counter[str]] = [Counter() for _ in exams]
    found: list[dict[str, list[Row]]] = [{} for _ in exams]
    unmatched = []
    for row in rows:
        key = str(_said(row, path)) if columns.id else normalised(str(_said(row, path) or ""))
        owners = [i for i, exam in enumerate(exams) if key in indices[i] and row.get("task") in (exam.task.key, None)]
        owners = owners or [i for i in range(len(exams)) if key in indices[i]]
        if len(owners) > 1:
            names = " and ".join(exams[i].task.key for i in owners)
            raise UserError(f"{where(row)} belongs to {names} by '{path}'; import the answers of one task at a time")
        for i in owners:
            twins = indices[i][key]
            if len(twins) > 1 and (same := [t for t in twins if not columns.id and t.question == _said(row, path)]):
                twins = same  # a question that differs by a sign only is another question
            turn = key + twins[0].id
            found[i].setdefault(twins[seen[i][turn] % len(twins)].id, []).append(row)
            seen[i][turn] += 1
        if not owners:
            unmatched.append(row)
    if len(unmatched) > UNMATCHED_LIMIT * len(rows):
        asked = f"{'id' if columns.id else 'question'} '{path}'"
        raise UserError(
            f"{len(unmatched)} of {len(rows)} rows match no question of {', '.join(e.task.key for e in exams)} by {asked} "
            f"(first: {where(unmatched[0])}; at most 2 % may); is it the right task, and the right field?"
        )
    return [
        Matched(exam, mine, sum(len(those) - 1 for those in mine.values()))
        for exam, mine in zip(exams, found, strict=True)
    ], unmatched


def _index(exam: Exam, by_id: bool) -> dict[str, list[Sample]]:
    """Where a data set has several ids a sample (`id` from 0, `idx` from 1), the first kind that knows a key names it."""
    index: dict[str, list[Sample]] = {}
    for kind in ("uid", "id", "idx", "index") if by_id else ("question",):
        found: dict[str, list[Sample]] = {}
        for sample in exam.samples:
            own = sample.id if kind == "uid" else sample.fields.get(kind)
            if (key := normalised(sample.question) if kind == "question" else own) is not None:
                found.setdefault(str(key), []).append(sample)
        index = found | index
    return index


# -- answers --------------------------------------------------------------------------------------------------------


def answers(matches: Sequence[Matched], field: str, columns: Columns) -> dict[Address, Response]:
    """(sample, repeat) -> the recorded answer, thinking split off; a list of n strings is n answers.

    A row without an answer leaves a gap: missing, not empty. UserError when more than 2 % lack the field itself.
    """
    rows = [(sample, row) for matched in matches for sample, mine in matched.rows.items() for row in mine]
    refuse_lacking([row for _, row in rows], field)
    for path in (columns.tokens, columns.prompt):
        if path:
            refuse_lacking([row for _, row in rows], path, limit=0.99)  # lacking everywhere: misspelt
    recorded: dict[Address, Response] = {}
    following: Counter[str] = Counter()
    for sample, row in rows:
        texts = _texts(row, field)
        for text, tokens in zip(texts, _tokens(row, columns.tokens, len(texts)), strict=True):
            repeat = following[sample]
            following[sample] += 1
            if text is None:
                continue
            split = split_thinking(text)
            recorded[sample, repeat] = Response(
                run="", sample=sample, repeat=repeat, text=split.answer, thinking=split.thinking,
                prompt=string(row, columns.prompt), output_tokens=tokens, stop="end" if split.closed else "length",
            )  # fmt: skip
    if not recorded:
        raise UserError(f"no row has an answer in '{field}'")
    return recorded


def _texts(row: Row, field: str) -> list[str | None]:
    value = _said(row, field)
    texts = value if isinstance(value, list) else [value]
    for at, text in enumerate(texts):
        if isinstance(text, Mapping):
            path = f"{field}.{at}" if isinstance(value, list) else field
            known = ", ".join(f"'{path}.{key}'" for key in list(text)[:8]) or "nothing"
            raise UserError(f"{where(row)}: '{path}' is an object, not a text; name a field in it: {known}")
        if isinstance(text, bool | list):
            kind = "true or false" if isinstance(text, bool) else "a list in a list"
            raise UserError(f"{where(row)}: '{field}' is {kind}, not a text; {nearest(field, _paths(row))}")
    return [None if text is None or text != text else str(text) for text in texts]


def _tokens(row: Row, path: str | None, answered: int) -> list[int | None]:
    value = _said(row, path)
    if value is None or value == "":
        return [None] * answered
    counts = value if isinstance(value, list) else [value]
    if len(counts) != answered:
        raise UserError(f"{where(row)}: '{path}' has {len(counts)} numbers of tokens for {answered} answers")
    try:
        return [None if count is None else int(count) for count in counts]
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{where(row)}: '{path}' should be a number of tokens, not {value!r}") from None


def checkpoint(name: str, bytes_: int | None = None, base: Checkpoint | None = None) -> Checkpoint:
    """A system known by its answers alone: the name is who it is, so files of several tasks are one checkpoint."""
    return Checkpoint(
        id=identity.digest({"kind": "outputs", "name": name}), name=name, kind="outputs", bytes=bytes_,
        base=base.id if base else None, bytes_declared=True,  # also without a size: another file may have declared it
    )  # fmt: skip


# -- exams ----------------------------------------------------------------------------------------------------------


def as_text(exam: Exam, shots: int | None = None) -> Exam:
    """The exam that answers in words belong to: letters read out of a text are another column than log-probabilities.

    `shots`: solved examples asked for, where it is to be asked here; form `generate` has none of its own.
    """
    task = exam.task
    if task.ask == "generate":
        return exam
    if task.ask == "rolling" or task.kind == "stock" or task.form.endswith("texts"):
        own = task.form.removesuffix("texts")  # "test-texts" is of another split than "texts"
        other = f"{task.name}:{own}generate" if task.form.endswith("texts") else "a task that generates"
        raise UserError(f"{task.key} is graded by log-probabilities, which a text has none of; use {other}")
    return load.in_form(exam, "generate", shots)


def questions(rows: Sequence[Row], columns: Columns, kind: str) -> Iterator[dict[str, Any]]:
    """Rows for an exam that the file itself defines (`--task new:NAME`): question, target, choices, subject, language."""
    if not columns.question:
        raise UserError("a new task needs its questions; pass --map question=PATH")
    if not columns.gold and kind != "text":
        raise UserError(f"a new task of kind {kind} needs golds; pass --map gold=PATH, or --kind text")
    refuse_lacking(rows, columns.question)
    asked = [row for row in rows if _said(row, columns.question) is not None]  # matching counts the others
    for path in (columns.gold, columns.choices, columns.subject, columns.language):
        if path:
            refuse_lacking(asked, path, limit=0)
    for row in asked:
        choices = _said(row, columns.choices)
        if not isinstance(choices, list | Mapping | None):
            raise UserError(f"{where(row)}: '{columns.choices}' should be a list of options, or an object of them")
        options = [str(c) for c in (choices.values() if isinstance(choices, Mapping) else choices or ())]
        yield {
            "question": string(row, columns.question),
            "target": _gold(row, columns.gold, kind, options),
            "choices": options,
            "subject": string(row, columns.subject) or "",
            "language": string(row, columns.language) or "",
            "where": where(row),
        }


def _gold(row: Row, path: str | None, kind: str, choices: Sequence[str]) -> str | None:
    value = _said(row, path)
    golds = [gold for gold in (value if isinstance(value, list) else [value]) if gold is not None]
    if any(isinstance(gold, bool | Mapping | list) for gold in golds) or (len(golds) > 1 and kind != "choice"):
        raise UserError(f"{where(row)}: '{path}' should be one text or number, not {value!r}")
    if kind != "choice":
        return str(golds[0]) if golds else None
    return "".join(sorted({letter for gold in golds for letter in _letters(row, str(gold), choices)})) or None


def _letters(row: Row, gold: str, choices: Sequence[str]) -> str:
    """The option letters that a gold means: it may be a letter, a letter with its text, or an option's text."""
    texts = [normalised(option) for option in choices]
    said = normalised(gold)
    meant = chr(ord("A") + texts.index(said)) if texts.count(said) == 1 else None
    letters = meant if len(said) > 1 and meant else choice.gold(gold, choices) or meant  # "B超" is a text, "B" a letter
    if letters and (not choices or all(ord(letter) - ord("A") < len(choices) for letter in letters)):
        return letters
    remedy = "none of the options given" if choices else "no option letter; pass --map choices=PATH with the options"
    raise UserError(f"{where(row)}: the gold {gold[:60]!r} is {remedy}")
