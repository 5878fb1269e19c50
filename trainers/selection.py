"""Which rows of a source are kept: those of named subjects, so many a subject, or those most related to a task.

Example: subjects = ["physician", "clinical_medicine"] with per_subject = 500 keeps, of a file of medical conversations, the
500 rows whose words are nearest to C-Eval's dev questions of either subject; a task's own rows say their subject themselves.
Trap: rows may be measured against questions to learn from only. Nearness to val or test questions is how a selection leaks
them, so a task without a train or dev split can't be asked for with `like`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import identity
from harness.errors import UserError
from harness.plugins import nearest
from trainers import questions
from trainers._selection_nearness import nearness
from trainers.recipe import Source
from trainers.rows import Row

SUBJECTS = "ceval"  # the task whose subjects the rows of a file are sorted by


@dataclass(frozen=True, slots=True)
class Placed:
    """The subject that a row is of, or is nearest to, and how near it is (1.0 where the row says it itself)."""

    subject: str
    nearness: float


def select(rows: Sequence[Row], source: Source, *, data: Path | None = None, hub: str = "huggingface") -> list[Row]:
    """The rows to keep, in their order; the same ones on every machine."""
    kept = list(rows)
    if source.subjects or source.per_subject:
        kept = _by_subject(kept, source, data, hub)
    if source.like or source.keep:
        kept = _related(kept, source, data, hub)
    return kept


def subjects(
    rows: Sequence[Row], source: Source, *, data: Path | None = None, hub: str = "huggingface"
) -> list[Placed | None]:
    """Each row's subject: a task's own, of a file C-Eval's nearest; None where nothing in a row is like any of them."""
    if source.task:
        return [Placed(row.sample.subject, 1.0) if row.sample and row.sample.subject else None for row in rows]
    groups = _groups(SUBJECTS, data, hub)
    names, found = list(groups), nearness([_text(row) for row in rows], groups)
    return [Placed(names[near.argmax()], float(near.max())) if near.max() > 0 else None for near in found]


def _by_subject(rows: list[Row], source: Source, data: Path | None, hub: str) -> list[Row]:
    """Of each subject that is asked for (all, where none is named) the nearest `per_subject` rows, or all of them."""
    wanted = _named(rows, source, data, hub)
    members: dict[str, list[tuple[float, str, int]]] = {}
    for place, found in enumerate(subjects(rows, source, data=data, hub=hub)):
        if found and (wanted is None or found.subject in wanted):
            members.setdefault(found.subject, []).append((-found.nearness, _turn(rows[place]), place))
    kept = {place for mine in members.values() for *_, place in sorted(mine)[: source.per_subject]}
    return [row for place, row in enumerate(rows) if place in kept]


def _related(rows: list[Row], source: Source, data: Path | None, hub: str) -> list[Row]:
    """The `keep` rows nearest to any subject of the task's own questions."""
    if not source.like or not source.keep:
        raise UserError(
            f"[[data]] {source.path or source.task}: like = TASK and keep = NUMBER go together: the rows most related to "
            "the task's training questions, and how many of them"
        )
    near = nearness([_text(row) for row in rows], _groups(source.like, data, hub), apart=True).max(axis=1)
    order = sorted(range(len(rows)), key=lambda place: (-near[place], _turn(rows[place]), place))
    kept = set(order[: source.keep])
    return [row for place, row in enumerate(rows) if place in kept]


def _groups(task: str, data: Path | None, hub: str) -> dict[str, list[str]]:
    """The questions that a task has to learn from, by subject, each with the subject's name in words."""
    groups: dict[str, list[str]] = {}
    for row in questions.read(Source(task=task), data=data, hub=hub):
        assert row.sample is not None
        name = row.sample.subject
        groups.setdefault(name, [_called(row) or name.replace("_", " ")])
        groups[name].append("\n".join([row.sample.question, *row.sample.choices, row.reply]))
    return groups


def _named(rows: Sequence[Row], source: Source, data: Path | None, hub: str) -> set[str] | None:
    """The subjects that a recipe names, by their id or their Chinese name; None where it names none."""
    if not source.subjects:
        return None
    own = rows if source.task else questions.read(Source(task=SUBJECTS), data=data, hub=hub)
    known: dict[str, str] = {}
    for row in own:
        if row.sample and row.sample.subject:
            known |= {row.sample.subject: row.sample.subject, _called(row) or row.sample.subject: row.sample.subject}
    for name in source.subjects:
        if name not in known:
            where = source.task or "C-Eval"
            raise UserError(f"[[data]] subjects: {where} has no subject '{name}'; {nearest(name, known)}")
    return {known[name] for name in source.subjects}


def _called(row: Row) -> str:
    return str(row.sample.fields.get("chinese") or "") if row.sample else ""


def _text(row: Row) -> str:
    """What a row is about: all that the user says, and the reply."""
    if row.sample:
        return "\n".join([row.sample.question, *row.sample.choices, row.reply])
    return "\n".join([*(m["content"] for m in row.messages if m["role"] == "user"), row.reply])


def _turn(row: Row) -> str:
    """An order among equals that favours nothing."""
    return identity.digest([dict(m) for m in row.messages])
