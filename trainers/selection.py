"""Which rows of a source are kept: those of named subjects, so many a subject, or those most related to a task.

Example: subjects = ["physician", "clinical_medicine"] with per_subject = 500 keeps, of a file of medical conversations,
the 500 rows whose words are most like C-Eval's dev questions of either subject; of a task's rows it reads the subject.
Trap: rows may only be measured against questions to learn from. Nearness to val or test questions is how a selection
leaks them, so a task without a train or dev split can't be asked for with `like`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainers.recipe import Source
from trainers.rows import Row


def select(rows: Sequence[Row], source: Source, *, data: Path | None = None, hub: str = "huggingface") -> list[Row]:
    """The rows to keep, in their order; the same ones on every machine."""
    return list(rows)
