"""Rows as exams that `harness.evaluate` can ask: so that a teacher's answers are stored, resumed and graded like any run's.

Example: 2,000 rows of gsm8k's train split and 300 of a file become two exams, "teacher-gsm8k-train" graded by scorer number
and "teacher-sft.jsonl" with no grader; each row's id is that of the words in which it is asked.
Trap: one exam has one scorer and one run one system prompt, so rows that differ in either are asked apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness import identity
from harness.records import Exam, Sample, Task
from trainers.rows import Row

T = TypeVar("T")
UNGRADED = "text"
# a teacher without a chat template runs on into a question of its own
STOPS = ("\n\nQuestion:", "\n\n问题：", "\n\n题目：", "\nUser:", "\n用户：")


@dataclass(frozen=True)
class Lessons:
    """Rows asked in one run: the exam, its system prompt, and which row each sample is."""

    exam: Exam
    system: str
    rows: Mapping[str, Row]  # sample id -> row
    places: Mapping[str, int]  # sample id -> the row's place in what was given


def lessons(rows: Sequence[Row], suffix: str = "") -> list[Lessons]:
    """The rows as exams; `suffix` names what is asked of them, where it isn't the answer."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault((row.source, row.scorer or UNGRADED, _system(row)), []).append(place)
    return [_lessons(key, {place: rows[place] for place in places}, suffix) for key, places in groups.items()]


def in_order(asked: Sequence[Lessons], answers: Sequence[Mapping[str, list[T]]]) -> list[list[T]]:
    """What was answered to each row, in the order in which the rows were given."""
    found = {
        place: some.get(sample, [])
        for one, some in zip(asked, answers, strict=True)
        for sample, place in one.places.items()
    }
    return [found[place] for place in sorted(found)]


def content(row: Row) -> list[list[str]]:
    """What is asked, the system prompt left out."""
    return [[m["role"], m["content"]] for m in row.messages if m["role"] != "system"]


def question(row: Row) -> str:
    """The bare question, or where none is known what the user says last."""
    return row.sample.question if row.sample else str(row.messages[-1]["content"])


def row_id(row: Row) -> str:
    """The id of a row for people and files: that of its task's question, else of its words."""
    return row.sample.id if row.sample and row.sample.id else identity.digest(["lesson", content(row)])


def _system(row: Row) -> str:
    return "\n\n".join(m["content"] for m in row.messages if m["role"] == "system")


def _lessons(key: tuple[str, str, str], rows: Mapping[int, Row], suffix: str) -> Lessons:
    source, scorer, system = key
    samples = tuple(_samples(rows.values()))
    name = "teacher-" + re.sub(r"[^\w.-]+", "-", source + suffix)
    task = Task(
        name=name, title={"en": f"questions of {source} for a teacher"}, split="train", n=len(samples),
        languages=tuple(sorted({row.language for row in rows.values()})), ask="generate", scorer=scorer,
        metrics=("ends_itself",) if scorer == UNGRADED else ("accuracy",), settings={"stop": STOPS}, module="lessons",
    )  # fmt: skip
    identifier = identity.digest(["lessons", name, scorer, [sample.id for sample in samples]])
    exam = Exam(identifier, identity.digest([sample.target for sample in samples]), task, samples)
    ids = [sample.id for sample in samples]
    return Lessons(exam, system, dict(zip(ids, rows.values(), strict=True)), dict(zip(ids, rows, strict=True)))


def _samples(rows: Iterable[Row]) -> Iterable[Sample]:
    twins: Counter[str] = Counter()
    for position, row in enumerate(rows):
        said = content(row)
        own = row.sample or Sample("", position, question(row), language=row.language)
        key = identity.digest(["lesson", said, list(own.choices)])
        asked = {"asked": said[-1][1], "history": said[:-1]}
        ordinal, twins[key] = twins[key], twins[key] + 1
        yield replace(
            own, id=identity.digest([key, ordinal]) if ordinal else key, position=position, origin="",
            language=own.language or row.language, fields={**own.fields, **asked},
        )  # fmt: skip
