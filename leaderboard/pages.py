"""What stands on each page: plain mappings for the templates, made from a Board; nothing here writes a file.

Example: `task_page(board, paths, "ceval")["tables"]` holds the ranking of every form in which C-Eval was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import identity
from harness.questions import checks
from harness.records import Checkpoint, Exam, Lineage, Result, Run, Task
from leaderboard import composite_pages
from leaderboard.cells import Column, Entry
from leaderboard.charts import curve
from leaderboard.columns import alike, cell_of
from leaderboard.composites import Front
from leaderboard.entries import Board, order_of
from leaderboard.words import size, slug

COMPARED = 8  # checkpoints side by side in a table of subjects


@dataclass(frozen=True)
class Paths:
    """File names, safe for hostile names: a slug and a piece of the id. `samples` is absent where none are shown."""

    checkpoints: Mapping[str, str]
    tasks: Mapping[str, str]
    samples: Mapping[str, str]  # run id -> folder


def paths(board: Board, with_samples: bool) -> Paths:
    keys = {e.task.key for e in board.entries}
    runs = [e for e in board.entries if with_samples and e.run.done]
    return Paths(
        {c.id: f"checkpoint/{slug(c.name, c.id)}.html" for c in board.by_id.values()},
        {key: f"task/{slug(key, identity.digest(['task', key]))}.html" for key in keys},
        {e.run.id: f"samples/{slug(f'{e.checkpoint.name} {e.task.key}', e.run.id)}" for e in runs},
    )


def board_page(board: Board, where: Paths) -> dict[str, Any]:
    rows = [{"checkpoint": c, "href": where.checkpoints[c.id], "base": _name(board, c.base)} for c in board.checkpoints]
    return {
        "rows": rows,
        "columns": board.columns,
        "lead": board.lead,
        "composites": any(column.composite for column in board.columns),
        "runs": len(board.entries),
        "tasks": _tasks(board, where),
    }


def about_page(board: Board, where: Paths) -> dict[str, Any]:
    return {"tasks": _tasks(board, where)}


def _tasks(board: Board, where: Paths) -> list[dict[str, Any]]:
    return [
        {"card": exam.task, "href": where.tasks[key], "n": len(exam.samples)}
        for key, exam in sorted(_exams(board).items())
    ]


def _exams(board: Board) -> dict[str, Exam]:
    """Task key -> its exam, of several versions the last by version."""
    exams: dict[str, Exam] = {}
    for entry in sorted(board.entries, key=lambda e: (e.task.version, e.exam.id)):
        exams[entry.task.key] = entry.exam
    return exams


def _name(board: Board, checkpoint_id: str | None) -> str:
    if not checkpoint_id:
        return ""
    known = board.by_id.get(checkpoint_id)
    return known.name if known else checkpoint_id[:8]


# -- one task -----------------------------------------------------------------------------------------------


def task_page(board: Board, where: Paths, key: str) -> dict[str, Any]:
    exam = _exams(board)[key]
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


def _ranking(board: Board, where: Paths, column: Column) -> list[dict[str, Any]]:
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
                "samples": _first_page(where, entry.run.id),
                "first_unranked": first_unranked,
            }
        )
    return lines


def _first_page(where: Paths, run_id: str) -> str:
    return f"{where.samples[run_id]}/1.html" if run_id in where.samples else ""


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


# -- one checkpoint -----------------------------------------------------------------------------------------


def checkpoint_page(board: Board, where: Paths, checkpoint: Checkpoint) -> dict[str, Any]:
    mine = sorted(board.runs_of.get(checkpoint.id, ()), key=lambda e: (e.task.key, e.run.started or "", e.run.id))
    children = sorted((c for c in board.by_id.values() if checkpoint.id in _parents(c)), key=lambda c: (c.name, c.id))
    return {
        "heading": checkpoint.name,
        "checkpoint": checkpoint,
        "base": _name(board, checkpoint.base),
        "runs": [_run_line(board, where, entry) for entry in mine],
        "composites": composite_pages.lines(board.columns, checkpoint.id),
        "lineage": _lineage(board, checkpoint.lineage),
        "children": [{"name": c.name, "href": where.checkpoints[c.id]} for c in children],
    }


def _parents(checkpoint: Checkpoint) -> set[str | None]:
    lineage = checkpoint.lineage
    return {checkpoint.base} | ({lineage.parent, lineage.teacher} if lineage else set())


def _run_line(board: Board, where: Paths, entry: Entry) -> dict[str, Any]:
    column = board.column(board.place[entry.run.id])
    cell = column.cells[entry.checkpoint.id]
    older = cell.entry is not entry
    return {
        "run": entry.run,
        "column": column,
        "cell": cell_of(entry, column) if older else cell,
        "older": older,
        "of": sum(c.ranked for c in column.cells.values()),
        "engine": entry.engine,
        "repeats": entry.run.repeats,
        "micro": entry.value(column.metric, "micro"),
        "macro": entry.value(column.metric, "macro"),
        "tokens": entry.value("answer_tokens"),
        "task_href": where.tasks[entry.task.key],
        "samples": _first_page(where, entry.run.id),
        "settings": settings_line(entry.run),
    }


def settings_line(run: Run) -> str:
    """Every setting that can change an answer, as key=value."""
    fields = identity.settings_fields(run.settings)
    return " ".join(f"{name}={value!r}" for name, value in fields.items() if value not in ("", ()))


def _lineage(board: Board, lineage: Lineage | None) -> dict[str, Any] | None:
    if lineage is None:
        return None
    facts = {
        "method": lineage.method,
        "parent": _name(board, lineage.parent),
        "teacher": _name(board, lineage.teacher) if lineage.teacher in board.by_id else lineage.teacher,
        "seed": lineage.seed,
        "steps": lineage.steps,
        "train_tokens": f"{lineage.tokens:,}" if lineage.tokens is not None else None,
        "train_seconds": f"{lineage.seconds:,.0f} s" if lineage.seconds is not None else None,
        "peak": size(lineage.peak_bytes) if lineage.peak_bytes is not None else None,
        "trained_on": ", ".join(lineage.trained_on),
    }
    return {
        "facts": [(key, value) for key, value in facts.items() if value not in (None, "")],
        "data": [_source(source) for source in lineage.data],
        "recipe": "\n".join(f"{k} = {v}" for k, v in sorted((lineage.recipe or {}).items())),
        "curve": curve(lineage.loss, "loss"),
    }


def _source(source: Mapping[str, Any]) -> str:
    """`huatuo · rows 7000 · dropped 12`"""
    facts = [f"{key} {source[key]}" for key in ("rows", "dropped", "sha") if source.get(key) is not None]
    rest = [f"{key} {value}" for key, value in sorted(source.items()) if key not in ("name", "rows", "dropped", "sha")]
    return " · ".join([str(source.get("name", "?")), *facts, *rest])


def pareto_page(board: Board, where: Paths, found: Sequence[Front]) -> dict[str, Any]:
    return {"fronts": [composite_pages.front(front, board.by_id, where.checkpoints) for front in found]}


# -- the answers of one run -----------------------------------------------------------------------------------


def samples_page(board: Board, where: Paths, entry: Entry) -> dict[str, Any]:
    task: Task = entry.task
    return {
        "heading": f"{entry.checkpoint.name} · {task.key}",
        "checkpoint": entry.checkpoint,
        "card": task,
        "form": board.column(alike(entry)).form,
        "metric": entry.metric,
        "checkpoint_href": where.checkpoints[entry.checkpoint.id],
        "task_href": where.tasks[task.key],
    }
