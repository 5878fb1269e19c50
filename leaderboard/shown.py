"""What several pages say of a task, a run or a checkpoint, as plain values for the templates.

Example: `name(board, checkpoint.base)` -> "qwen3-0.6b", or the first eight signs of an id that the store does not know.
"""

from __future__ import annotations

from typing import Any

from harness import identity
from harness.records import Exam, Settings
from leaderboard.entries import Board
from leaderboard.places import Places


def tasks(board: Board, where: Places) -> list[dict[str, Any]]:
    return [
        {"card": exam.task, "href": where.tasks[key], "n": len(exam.samples)}
        for key, exam in sorted(exams(board).items())
    ]


def exams(board: Board) -> dict[str, Exam]:
    """Task key -> its exam, of several versions the last by version."""
    found: dict[str, Exam] = {}
    for entry in sorted(board.entries, key=lambda e: (e.task.version, e.exam.id)):
        found[entry.task.key] = entry.exam
    return found


def name(board: Board, checkpoint_id: str | None) -> str:
    if not checkpoint_id:
        return ""
    known = board.by_id.get(checkpoint_id)
    return known.name if known else checkpoint_id[:8]


def settings_line(settings: Settings, texts: bool) -> str:
    """Every setting that can change an answer, as key=value; of a system prompt its digest where no text is published."""
    fields = identity.settings_fields(settings)
    if settings.system and not texts:
        fields["system"] = f"#{identity.digest(settings.system)[:8]}"
    return " ".join(f"{name}={value!r}" for name, value in fields.items() if value not in ("", ()))
