"""A task: its card, the ranking of every form in which it was asked, how scores spread, and the questions that most miss.

Example: `_hardest(view, column, exam)["rows"][0]` is the question that fewest got right, with a link to the leader's answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.questions import checks
from harness.records import Checkpoint, Exam, Result
from leaderboard import shown
from leaderboard.answers_runs import asked_of
from leaderboard.answers_shards import wanted
from leaderboard.cells import Column
from leaderboard.charts_spread import histogram
from leaderboard.entries import order_of
from leaderboard.hardest import hardest
from leaderboard.pages import Page, View
from leaderboard.task_rows import Rows, is_long
from leaderboard.words import Words

COMPARED = 8  # checkpoints side by side in a table of subjects
MANY = 8  # scores; the whiskers of fewer say it better than a histogram
Published = Mapping[str, Collection[int]]  # exam -> positions of the questions whose texts are on the site
CLIP_CHARACTERS = 160  # of a question in the list of the hardest


def pages(view: View) -> Iterator[Page]:
    rows, published = Rows(view, Words()), _published(view)
    for key, exam in sorted(shown.exams(view.board).items()):
        columns = [c for c in view.board.columns if c.name == key and c.task]
        content = {
            "heading": exam.task.key,
            "card": exam.task,
            "n": len(exam.samples),
            "sections": [_section(view, column, exam, rows, published) for column in columns],
            "conflicts": list(_conflicts(exam)) if view.options.samples == "all" else [],
        }
        yield Page(view.where.tasks[key], "task.html.j2", content)


def _section(view: View, column: Column, exam: Exam, rows: Rows, published: Published) -> dict[str, Any]:
    values = [cell.value for cell in column.cells.values() if cell.value is not None]
    factor = 100.0 if column.percent else 1.0
    return {
        "column": column,
        "rows": rows.of(column),
        "extras": rows.extras(column),
        "long": is_long(column),
        "best": rows.best(column),
        "histogram": histogram(column.scale, values, column.metric, factor, column.chance)
        if len(values) >= MANY
        else "",
        "hardest": _hardest(view, column, exam, published),
        "breakdowns": list(_breakdowns(column)),
    }


def _published(view: View) -> Published:
    if view.options.samples != "wrong":
        everything = view.options.samples == "all"
        return {e.exam.id: range(len(e.exam.samples) if everything else 0) for e in view.board.entries}
    return {exam: frozenset(positions) for exam, positions in wanted(view, asked_of(view)).items()}


def _hardest(view: View, column: Column, exam: Exam, published: Published) -> dict[str, Any] | None:
    """Questions that most miss, each with a way to the answers of the best checkpoint; text of published ones only."""
    values = view.board.values(column.key)
    found = hardest(values)
    ranked = [c for c, cell in column.cells.items() if cell.ranked]
    if values is None or found is None or not ranked:
        return None
    samples = {sample.id: sample for sample in exam.samples}
    best = min(ranked, key=lambda c: (order_of(column, column.cells[c]), c))
    rows = []
    for hard in found.rows:
        sample = samples.get(values.samples[hard.index])
        if sample:
            text = sample.question if sample.position in published.get(exam.id, ()) else ""
            clipped = text if len(text) <= CLIP_CHARACTERS else text[:CLIP_CHARACTERS] + "…"
            number = sample.position + 1
            rows.append(
                {"number": number, "subject": sample.subject, "question": clipped, "share": hard.share, "n": hard.n,
                 "href": view.where.sample(best, column, number)}
            )  # fmt: skip
    return {"spread": found, "rows": rows, "best": view.board.by_id[best].name}


def _conflicts(exam: Exam) -> Iterator[dict[str, str]]:
    """Questions that stand there twice with two golds: nobody can get both right."""
    fields = [sample.fields for sample in exam.samples]
    asked = {checks.where(exam.task, row, i): exam.samples[i].question for i, row in enumerate(fields)}
    for here, before, old, new in checks.twins(exam.task, fields, exam.samples):
        if old != new:
            yield {"question": asked[here], "where": f"{before}; {here}", "golds": f"{old}; {new}"}


@dataclass(frozen=True)
class Slices:
    kind: str  # category | subject
    checkpoints: Sequence[Checkpoint]
    rows: Sequence[Mapping[str, Any]]


def _breakdowns(column: Column) -> Iterator[Slices]:
    """Scores by category and by subject of the best checkpoints of a column."""
    ordered = sorted(column.cells.values(), key=lambda cell: order_of(column, cell))
    ordered = [cell for cell in ordered if cell.ranked] or ordered  # one n stands for all of a row
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
