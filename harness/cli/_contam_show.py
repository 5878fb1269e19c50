"""What `bench contam` found, in words: a sentence, a line per task, the worst questions beside the rows that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from harness.cli import _tables
from harness.cli._echo import echo
from harness.contamination import LEVELS, Check, ExamCheck, Overlap, Split
from harness.words import heads, listed, say, told

HALF = 48  # columns of either text
LINES = 5  # of either text
CUT = 400  # characters of a question that are shown


@dataclass(frozen=True)
class Shown:
    checks: Sequence[Check]
    splits: Sequence[Split]
    notes: Sequence[str]
    level: str
    clean: Path | None
    kept: int | None
    checkpoint: str


def plain(shown: Shown) -> dict[str, Any]:
    """For programs: every question that has something, nothing clipped away but the texts."""
    files = [
        {
            "file": check.file, "sha": check.sha, "rows": check.rows,
            "rows_overlapping": len(check.rows_at_least(shown.level)),
            "tasks": [
                {
                    "task": e.exam.task.key, "exam": e.exam.id, **_counts(e, shown.level),
                    "overlaps": [{k: v for k, v in asdict(o).items() if k != "short"} for o in e.at_least("partial")],
                }
                for e in check.exams
            ],
        }
        for check in shown.checks
    ]  # fmt: skip
    clean = {"file": str(shown.clean), "rows": shown.kept} if shown.clean else None
    splits = [asdict(s) for s in shown.splits]
    return {"level": shown.level, "files": files, "clean": clean, "checkpoint": splits, "notes": list(shown.notes)}


def _counts(e: ExamCheck, level: str) -> dict[str, Any]:
    seen = e.at_least(level)
    counts = {one: e.count(one) for one in LEVELS}
    return {
        "n": len(e.overlaps), **counts, "share": len(seen) / len(e.overlaps),
        "answered": sum(o.answered for o in seen), "too_short": sum(o.short for o in e.overlaps),
    }  # fmt: skip


def show(shown: Shown, examples: int) -> None:
    for check in shown.checks:
        echo(sentence(check, shown.level))
        echo()
        echo(_table(check, shown.level))
        short = sum(o.short for e in check.exams for o in e.overlaps)
        if short:
            echo(say("{n} questions have fewer than four tokens and can't be looked for.", n=short))
        for e in check.exams:
            for overlap in _worst(e)[:examples]:
                echo()
                echo(_example(e, overlap))
        echo()
    if shown.clean:
        left = shown.checks[0].rows - (shown.kept or 0)
        echo(say("{file}: {kept:,} rows written, {left:,} left out.", file=shown.clean, kept=shown.kept, left=left))
    for split in shown.splits:
        echo(_split_sentence(split, shown.checkpoint))
    if shown.splits:
        echo()
        echo(_split_table(shown.splits))
    for note in shown.notes:
        echo(say("note: {note}", note=note))


def sentence(check: Check, level: str) -> str:
    """How many questions stand in the file, first of all."""
    n = sum(len(e.overlaps) for e in check.exams)
    seen = [o for e in check.exams for o in e.at_least(level)]
    tasks = listed([e.exam.task.key for e in check.exams])
    values = {"n": n, "tasks": tasks, "file": Path(check.file).name, "rows": check.rows}
    if not seen:
        return say("None of the {n:,} questions of {tasks} was found in the {rows:,} rows of {file}.", **values)
    exact, answered = sum(o.level == "exact" for o in seen), sum(o.answered for o in seen)
    return say(
        "{seen:,} of {n:,} questions of {tasks} were found in the {rows:,} rows of {file}: {exact:,} word for word,"
        " {answered:,} with their answer.",
        seen=len(seen), exact=exact, answered=answered, **values,
    )  # fmt: skip


def _table(check: Check, level: str) -> str:
    lines = [heads("task", "n", "exact", "near", "partial", "none", "found", "with answer")]
    for e in check.exams:
        c = _counts(e, level)
        lines.append(
            [
                e.exam.task.key,
                str(c["n"]),
                *(str(c[one]) for one in LEVELS),
                f"{100 * c['share']:.1f} %",
                str(c["answered"]),
            ]
        )
    return _tables.table(lines)


def _worst(e: ExamCheck) -> list[Overlap]:
    found = [o for o in e.overlaps if o.level != "none"]
    return sorted(found, key=lambda o: (LEVELS.index(o.level), not o.answered, -o.longest, o.position))


def _example(e: ExamCheck, overlap: Overlap) -> str:
    words = {"exact": say("exact"), "near": say("near"), "partial": say("partial")}
    more = [words[overlap.level]]
    more += [say("other numbers")] if overlap.renumbered else []
    more += [say("with answer")] if overlap.answered else []
    place = {"task": e.exam.task.key, "position": overlap.position + 1, "line": overlap.line, "how": listed(more)}
    head = say("{task}, question {position} ({how}); line {line} of the file:", **place)
    sample = e.exam.samples[overlap.position]
    asked = "\n".join([sample.question, *sample.choices])
    left = asked[:CUT] + ("…" if len(asked) > CUT else "")
    return listed([head, *_beside(left, overlap.shown)], "\n")


def _beside(left: str, right: str) -> Iterator[str]:
    sides = [_tables.folded(" ".join(_tables.block(text).split()), HALF) for text in (left, right)]
    shown = [[*side[:LINES], "…"] if len(side) > LINES else side for side in sides]
    for a, b in zip_longest(*shown, fillvalue=""):
        yield f"{a}{' ' * (HALF - _tables.width(a))} │ {b}".rstrip()


def _split_sentence(split: Split, name: str) -> str:
    values = {"name": name, "task": split.task, "n": split.dirty.n}
    if not split.dirty.n:
        return say("No question of {task} that {name} was asked stands in the training files.", **values)
    if split.difference is None or split.low is None or split.high is None:
        return say(
            "{n:,} questions of {task} stand in the training files, so {name} has too few on one side to compare.",
            **values,
        )
    points = {
        "change": f"{100 * split.difference:+.1f}",
        "low": f"{100 * split.low:+.1f}",
        "high": f"{100 * split.high:+.1f}",
    }
    return say(
        "{n:,} questions of {task} stand in the training files; {name} scores {change} points on them against the others"
        " (95 % interval {low} to {high}).",
        **values, **points,
    )  # fmt: skip


def _split_table(splits: Sequence[Split]) -> str:
    lines = [heads("task", "questions", "n", "score", "95 % interval", "against parent", "90 % interval")]
    for split in splits:
        for name, part in ((say("not seen"), split.clean), (say("seen"), split.dirty)):
            change = "–" if part.change is None else f"{100 * part.change:+.1f}"
            ends = "–"
            if part.change_low is not None and part.change_high is not None:
                ends = f"{100 * part.change_low:+.1f} – {100 * part.change_high:+.1f}"
            interval = _tables.interval(part.low, part.high, split.metric)
            score = _tables.score(part.value, split.metric)
            lines.append([split.task, told(name), str(part.n), score, interval, change, ends])
    return _tables.table(lines)
