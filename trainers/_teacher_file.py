"""Answers that a teacher has given elsewhere: rows of a batch matched to the questions that are to be learnt.

Example: {"id": "07ab…", "answer": "16-3-4=9 …"} by the id that `write_prompts` wrote, {"question": "Janet's ducks …", "answer":
["…", "…"]} by the question; OpenAI's batch rows ({"custom_id": …, "response": {"body": {"choices": …}}}) as they come back.
Trap: a batch asked of the whole file holds more than the slice that is learnt, so rows that match nothing are counted and
no mistake; a file of which nothing matches is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import engines, files, identity, imports
from harness.errors import UserError
from harness.evaluate import Job
from harness.records import Checkpoint, Response, Run, Settings, Stop
from harness.text import normalised, split_thinking
from trainers._teacher_exam import Lessons, content, question, row_id
from trainers.rows import Row

IDS = ("id", "custom_id", "uid", "sample")
QUESTIONS = ("question", "prompt", "instruction", "query")
ANSWERS = ("answer", "answers", "response", "output", "completion", "text", "reply", "content")
CUT = ("length", "max_tokens")  # how servers say that an answer ran into its limit

Address = tuple[str, int]
Recorded = dict[Address, Response]


def read(path: Path, lessons: Sequence[Lessons]) -> tuple[list[Recorded], int]:
    """The answers to each of the lessons by (sample id, repeat), and how many rows of the file match no question."""
    if not path.is_file():
        raise UserError(
            f"teacher.answers {path} is not a file; write the questions with --write-prompts, and answer them"
        )
    places = _places(lessons)
    found: list[Recorded] = [{} for _ in lessons]
    unmatched = rows = 0
    for row in _rows(path):
        rows += 1
        matched = next((places[key] for key in _keys(row) if key in places), [])
        answers = list(_answers(row)) if matched else []
        for number, sample in matched:
            taken = sum(1 for at, _ in found[number] if at == sample)
            for text, cut in answers:
                found[number][sample, taken] = _response(sample, taken, text, cut)
                taken += 1
        unmatched += not matched
    if not any(found):
        lacks = "match none of the questions that are to be learnt, by id or by question" if rows else "are none"
        raise UserError(f"{path.name}: its {rows:,} rows {lacks}; is it the answer to these prompts?")
    return found, unmatched


def checkpoint(path: Path) -> Checkpoint:
    """The teacher behind a file, known by the file's content alone."""
    return imports.checkpoint(f"{path.name} {identity.file_digest(path)}")


def job(who: Checkpoint, lessons: Lessons, recorded: Recorded) -> Job:
    """The recorded answers as a run that `harness.evaluate` grades; no question is asked that has none."""
    info = engines.describe("recorded", [who], {"label": who.name})
    settings = Settings(max_tokens=0, asked=f"elsewhere:{who.name}", system=lessons.system)
    answered = {sample for sample, _ in recorded}
    run = Run(
        id=identity.run_id(who.id, lessons.exam.id, settings, info.id), checkpoint=who.id, exam=lessons.exam.id,
        settings=settings, engine=info.id, expected=len(recorded), repeats=1 + max((k for _, k in recorded), default=0),
    )  # fmt: skip
    samples = tuple(sample for sample in lessons.exam.samples if sample.id in answered)
    return Job(run, who, lessons.exam, info, samples, frozenset(recorded))


def _rows(path: Path) -> Iterator[files.Row]:
    try:
        yield from files.rows(path)
    except RecursionError:
        raise UserError(
            f"{path.name} holds JSON that is nested too deep to be read; is it a file of answers?"
        ) from None


def _places(lessons: Sequence[Lessons]) -> dict[str, list[tuple[int, str]]]:
    """What a row of the file may name -> (number of the lessons, sample id); rows of one name share their answers."""
    places: dict[str, list[tuple[int, str]]] = {}
    for number, one in enumerate(lessons):
        for sample, row in one.rows.items():
            for key in dict.fromkeys((sample, row_id(row), *_names(row))):
                places.setdefault(key, []).append((number, sample))
    return places


def _names(row: Row) -> Iterator[str]:
    yield _same(question(row))
    yield _same(content(row)[-1][1])


def _same(text: str) -> str:
    return "text " + normalised(text)  # apart from ids


def _keys(row: Mapping[str, Any]) -> Iterator[str]:
    """What a row names its question by, the surest first."""
    for name in IDS:
        if isinstance(row.get(name), str | int):
            yield str(row[name])
    messages = row.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], Mapping):
        yield _same(str(messages[-1].get("content") or ""))
    for name in QUESTIONS:
        if isinstance(row.get(name), str):
            yield _same(row[name])


def _answers(row: files.Row) -> Iterator[tuple[str, bool]]:
    """(text, was it cut) of every answer in a row."""
    cut = row.get("finish_reason") in CUT or row.get("stop") in CUT
    choices = _batched(row)
    if choices is not None:
        for choice in choices:
            message = choice.get("message") if isinstance(choice, Mapping) else None
            text = message.get("content") if isinstance(message, Mapping) else None
            if isinstance(text, str):
                yield text, choice.get("finish_reason") in CUT
        return
    name = next((name for name in ANSWERS if row.get(name) is not None), None)
    if name is None:
        raise UserError(f"{row.where}: no answer; name the field 'answer' (found: {', '.join(sorted(map(str, row)))})")
    said = row[name]
    for text in said if isinstance(said, list) else [said]:
        if not isinstance(text, str):
            raise UserError(f"{row.where}: '{name}' should be a text or a list of texts, not {type(text).__name__}")
        yield text, cut


def _batched(row: Mapping[str, Any]) -> list[Any] | None:
    """The choices of a row as OpenAI's batch API writes it; [] where that request failed."""
    if "custom_id" not in row or not isinstance(row.get("response"), Mapping | None):
        return None
    body = (row.get("response") or {}).get("body")
    choices = body.get("choices") if isinstance(body, Mapping) else None
    return choices if isinstance(choices, list) else []


def _response(sample: str, repeat: int, text: str, cut: bool) -> Response:
    split = split_thinking(text)
    stop: Stop = "length" if cut or not split.closed else "end"
    return Response("", sample, repeat, text=split.answer, thinking=split.thinking, stop=stop)
