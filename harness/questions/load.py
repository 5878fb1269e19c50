"""A card and its data into an Exam: samples with ids, solved examples, every gold checked.

Trap: C-Eval val holds one question twice with two golds; the ordinal among exact twins keeps 1,346 rows 1,346 samples.
A task without labels, or with a gold that its own grader can't read, is an error here and never a score of 0.
Example: load(find(["ceval"])[0], Path("data")).samples[0] -> Sample(id="4f0c…", subject="computer_network", target="A")
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import dialect, identity, plugins
from harness.errors import UserError
from harness.records import Exam, Sample, Task


def load(task: Task, data: Path | None, hub: str = "huggingface", options: Mapping[str, Any] | None = None) -> Exam:
    """The exam of a task. `options`: `split` (another one than the card's), `shots` (more than the card's default).

    Solved examples belong to Exam.id as far as the card's default reaches, whatever number of them is shown.
    """
    if task.kind == "stock":
        from harness.questions import lmeval  # lm_eval only where a stock task was asked for

        return lmeval.load(task, data)
    options = options or {}
    if options.get("split", task.split) != task.split:
        task = replace(task, split=str(options["split"]), form=task.form or str(options["split"]), n=None)
    module = dialect.module(Path(str(task.path)), task.module)
    find = dialect.finder(task.files, data, task.name, hub)
    rows = list(module.rows(find, task.split))
    samples = _samples(task, rows, [_gold(module, row) for row in rows])
    count = max(int(task.settings.get("shots", 0)), int(options.get("shots") or 0))
    shots = _shots(task, module, find, count)
    asked = [[dialect.raw(module, row, ()), *module.options(row)] for row in rows]
    shown = {subject: [module.ask(s.fields) + module.answer(s.fields) for s in mine] for subject, mine in shots.items()}
    return Exam(_exam_id(task, asked, samples, shots, shown), _key(samples), task, samples, shots)


def from_rows(task: Task, rows: Iterable[Mapping[str, Any]]) -> Exam:
    """An exam that a file defines: rows with `question`, and where known target, choices, subject, language, id."""
    table = [dict(row) for row in rows]
    golds = [None if row.get("target") is None else str(row["target"]).strip() for row in table]
    samples = _samples(task, table, golds)
    languages = tuple(sorted({sample.language for sample in samples} - {""}))
    task = replace(task, n=len(samples), languages=task.languages or languages)
    return Exam(
        _exam_id(task, [[s.question, *s.choices] for s in samples], samples, {}, {}), _key(samples), task, samples
    )


def select(exam: Exam, limit: int | None) -> tuple[Sample, ...]:
    """`limit` samples spread evenly over subjects, in exam order; a smaller selection is part of any larger one."""
    if limit is None or limit >= len(exam.samples):
        return exam.samples
    seats: list[tuple[int, str, Sample]] = []
    by_subject: dict[str, list[Sample]] = {}
    for sample in exam.samples:
        by_subject.setdefault(sample.subject, []).append(sample)
    for subject, members in by_subject.items():
        turn = identity.digest(subject)
        ordered = sorted(members, key=lambda sample: sample.id)  # ids are hashes: an order that favours nothing
        seats += [(round_, turn, sample) for round_, sample in enumerate(ordered)]
    seats.sort(key=lambda seat: seat[:2])
    return tuple(sorted((sample for _, _, sample in seats[:limit]), key=lambda sample: sample.position))


# -- samples ------------------------------------------------------------------------------------------------------


def _gold(module: dialect.TaskModule, row: dialect.Row) -> str | None:
    return module.gold(row).strip() or None


def _samples(task: Task, rows: list[dict[str, Any]], golds: list[str | None]) -> tuple[Sample, ...]:
    if not rows:
        raise UserError(f"task {task.key} has no questions in split '{task.split}'")
    twins: Counter[str] = Counter()
    samples = []
    for position, (row, gold) in enumerate(zip(rows, golds, strict=True)):
        question, choices = _question(task, row, position)
        subject, context = str(row.get("subject") or ""), str(row.get("context") or "")
        first = identity.sample_id(task.name, subject, context, question, choices, 0)
        ordinal = twins[first]
        twins[first] += 1
        samples.append(
            Sample(
                id=identity.sample_id(task.name, subject, context, question, choices, ordinal) if ordinal else first,
                position=position,
                question=question,
                choices=tuple(choices),
                target=gold,
                subject=subject,
                categories=tuple(str(c) for c in row.get("categories") or ()),
                cluster=str(row.get("cluster") or ""),
                language=str(row.get("language") or "") or (task.languages[0] if len(task.languages) == 1 else ""),
                fields=row,
            )
        )
    _check_ids(task, rows)
    _check_golds(task, rows, samples)
    return tuple(samples)


def _question(task: Task, row: Mapping[str, Any], position: int) -> tuple[str, list[str]]:
    question, choices = row.get("question"), list(row.get("choices") or ())
    if not isinstance(question, str) or not question.strip():
        raise UserError(f"{_where(task, row, position)}: no question (found: {', '.join(sorted(row))})")
    for number, choice in enumerate(choices):
        if choice is None or not str(choice).strip():
            raise UserError(f"{_where(task, row, position)}: option {chr(ord('A') + number)} is empty")
    return question, [str(choice) for choice in choices]


def _check_ids(task: Task, rows: list[dict[str, Any]]) -> None:
    seen: dict[str, int] = {}
    for position, row in enumerate(rows):
        if row.get("id") is None:
            continue
        first = seen.setdefault(str(row["id"]), position)
        if first != position:
            raise UserError(
                f"{_where(task, row, position)}: id {row['id']!r} was there before ({_where(task, rows[first], first)})"
            )


def _check_golds(task: Task, rows: list[dict[str, Any]], samples: list[Sample]) -> None:
    if task.scorer == "text":
        return
    missing = [sample.position for sample in samples if sample.target is None]
    if len(missing) == len(samples):
        where = _where(task, rows[0], 0)
        raise UserError(
            f"task {task.key} has no labels in this copy of split '{task.split}' ({where}), so nothing can be scored; "
            "pass --data DIR with a copy that has them, or use another split"
        )
    if missing:
        raise UserError(
            f"{_where(task, rows[missing[0]], missing[0])}: no gold answer ({len(missing)} rows of {len(samples)} lack one)"
        )
    lint = getattr(plugins.find("harness.scorers", task.scorer), "lint", None)
    for sample in samples:
        reason = _not_an_option(task, sample) or (lint(sample.target) if lint else None)
        if reason:
            raise UserError(f"{_where(task, rows[sample.position], sample.position)}: {reason}; correct the file")


def _not_an_option(task: Task, sample: Sample) -> str | None:
    if task.ask not in ("letters", "texts") and task.scorer != "choice":
        return None
    letters = [chr(ord("A") + i) for i in range(len(sample.choices) or 26)]
    several = task.ask == "generate"  # BD: a question with several right options, asked in free text
    given = list(sample.target or "") if several else [sample.target]
    if all(letter in letters for letter in given):
        return None
    return f"the gold {sample.target!r} is none of the options {letters[0]}–{letters[-1]}"


def _where(task: Task, row: Mapping[str, Any], position: int) -> str:
    return str(row.get("where") or f"task {task.key}, row {position + 1}")


# -- solved examples and ids --------------------------------------------------------------------------------------


def _shots(task: Task, module: dialect.TaskModule, find: dialect.Find, count: int) -> dict[str, tuple[Sample, ...]]:
    if not count:
        return {}
    if not task.shots_split:
        raise UserError(f"task {task.key} has no solved examples to show; use --shots 0")
    chosen = dialect.by_subject(module.rows(find, task.shots_split), count)
    rows = list(itertools.chain.from_iterable(chosen.values()))
    examples = iter(_samples(task, rows, [_gold(module, row) for row in rows]))
    return {subject: tuple(itertools.islice(examples, len(mine))) for subject, mine in chosen.items()}


def _exam_id(
    task: Task,
    asked: list[list[str]],
    samples: Iterable[Sample],
    shots: Mapping[str, Iterable[Sample]],
    shown: Mapping[str, list[str]],
) -> str:
    """`shown`: solved examples as they stand in a prompt, so that their wording can't change unseen either."""
    solved = {
        subject: [[s.id, s.target, identity.digest(_content(s))] for s in mine] for subject, mine in shots.items()
    }
    return identity.digest(
        [task.name, task.form, task.ask, task.variant, asked, [s.id for s in samples], solved, shown]
    )


def _content(sample: Sample) -> dict[str, Any]:
    """What a solved example shows, without where it was found."""
    return {key: value for key, value in sample.fields.items() if key != "where"}


def _key(samples: Iterable[Sample]) -> str:
    return identity.digest([sample.target for sample in samples])
