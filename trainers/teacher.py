"""A teacher's answers to the questions of the data: asked, graded, the best one kept for each question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainers.recipe import Teacher
from trainers.rows import Row


@dataclass(frozen=True)
class Taught:
    """What a teacher gave: rows to learn from, what was counted on the way, and who it was, as Lineage.teacher says it."""

    rows: tuple[Row, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    teacher: str = ""


def teach(
    teacher: Teacher, rows: Sequence[Row], *, folder: Path, out: Path, said: Callable[[str], None] = lambda line: None,
    data: Path | None = None, hub: str = "huggingface",
) -> list[Row]:  # fmt: skip
    """The rows with the teacher's best answers as replies; `ask` tells the counts and who it was as well."""
    return list(ask(teacher, rows, folder=folder, out=out, said=said, data=data, hub=hub).rows)


def ask(
    teacher: Teacher, rows: Sequence[Row], *, folder: Path, out: Path, said: Callable[[str], None] = lambda line: None,
    data: Path | None = None, hub: str = "huggingface",
) -> Taught:  # fmt: skip
    raise NotImplementedError


def write_prompts(rows: Iterable[Row], path: Path) -> int:
    """The questions as `bench prompts` writes them, for a teacher that answers elsewhere; how many there are."""
    raise NotImplementedError
