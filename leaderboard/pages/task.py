"""A task: its card, the ranking of every form in which it was asked, scores by subject, questions with two golds.

Example: `_content(board, where, "ceval", exam)["tables"]` holds a ranking for `raw` and one for `chat`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.questions import checks
from harness.records import Checkpoint, Exam, Result
from leaderboard import shown
from leaderboard.cells import Column
from leaderboard.entries import Board, order_of
from leaderboard.pages import Page, View
from leaderboard.places import Places

COMPARED = 8  # checkpoints side by side in a table of subjects


def pages(view: View) -> Iterator[Page]:
    for key, exam in sorted(shown.exams(view.board).items()):
        yield Page(view.where.tasks[key], "task.html.j2", _content(view.board, view.where, key, exam))


def _content(board: Board, where: Places, key: str, exam: Exam) -> dict[str, Any]:
    found = [c for c in board.columns if c.name == key and c.task]
    return {
        "heading": exam.task.key,
        "card": exam.task,
        "n": len(exam.samples),
        "columns": found,
        "tables": {c.key: _ranking(board, where, c) for c in found},
        "breakdowns": {c.key: list(_breakdowns(board, c)) for c in found},
        "conflicts": list(_conflicts(exam)),
    }


def _conflicts(exam: Exam) -> Iterator[dict[str, str]]:
    """Questions that stand there twice with two golds: nobody can get both right."""
    fields = [sample.fields for sample in exam.samples]
    asked = {checks.where(exam.task, row, i): exam.samples[i].question for i, row in enumerate(fields)}
    for here, before, old, new in checks.twins(exam.task, fields, exam.samples):
        if old != new:
            yield {"question": asked[here], "where": f"{before}; {here}", "golds": f"{old}; {new}"}


def _ranking(board: Board, where: Places, column: Column) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    ordered = sorted(
        column.cells.items(), key=lambda item: (order_of(column, item[1]), board.by_id[item[0]].name, item[0])
    )
    for checkpoint_id, cell in ordered:
        entry = cell.entry
        assert entry is not None  # a task's column holds runs, only a group's holds means
        first_unranked = not cell.ranked and (not lines or lines[-1]["cell"].ranked)
        lines.append(
            {
                "cell": cell,
                "checkpoint": entry.checkpoint,
                "href": where.checkpoints[checkpoint_id],
                "other": entry.value(column.metric, "micro" if column.average == "macro" else "macro"),
                "tokens": entry.value("answer_tokens"),
                "samples": where.answers(checkpoint_id, column) if entry.run.done else "",
                "first_unranked": first_unranked,
            }
        )
    return lines


@dataclass(frozen=True)
class Slices:
    kind: str  # category | subject
    checkpoints: Sequence[Checkpoint]
    rows: Sequence[Mapping[str, Any]]


def _breakdowns(board: Board, column: Column) -> Iterator[Slices]:
    """Scores by category and by subject of the best checkpoints of a column."""
    ordered = sorted(column.cells.values(), key=lambda cell: order_of(column, cell))
    entries = [cell.entry for cell in ordered[:COMPARED] if cell.entry]
    for kind in ("category", "subject"):
        names = sorted(
            {s for e in entries for metric, s in e.results if metric == column.metric and s.startswith(f"{kind}:")}
        )
        if not names:
            continue
        rows = []
        for name in names:
            results: list[Result | None] = [e.results.get((column.metric, name)) for e in entries]
            n = max(r.n for r in results if r)
            rows.append({"name": name.partition(":")[2], "n": n, "results": results})
        yield Slices(kind, [e.checkpoint for e in entries], rows)
