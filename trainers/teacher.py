"""A teacher's answers to the questions of the data: asked, graded, and for each question the best one kept, if there is one.

Example: `ask(Teacher(model="../teacher", samples=4), rows, folder=…, out=…)` asks 4 answers to each of 2,000 problems through
the engine of `bench run`, grades them by the task's own scorer, and returns 1,962 rows to learn from, with the counts.
The teacher may be a checkpoint, a server, or a file of answers that were given elsewhere (`write_prompts`). Answers stay in
`teacher.db` beside the checkpoints, so nothing is asked twice. Trap: rows without a gold can't be verified; where a scorer
reads their answers the majority counts (Wang et al. 2022, arXiv:2203.11171), else they are kept by keep = "all" alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import engines
from harness.errors import UserError
from trainers import _teacher_ask, _teacher_file, _teacher_paraphrase, questions
from trainers._teacher_ask import STORE, Asking, Said
from trainers._teacher_choice import Answer
from trainers._teacher_count import Counts
from trainers._teacher_exam import in_order, lessons, question, row_id
from trainers.recipe import Teacher
from trainers.rows import Row

WARM = 0.7  # temperature of paraphrases where answers are greedy: all of them would be the same


@dataclass(frozen=True)
class Taught:
    """What a teacher gave: rows to learn from, what was counted on the way, and who it was, as Lineage.teacher says it."""

    rows: tuple[Row, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    teacher: str = ""


def ask(teacher: Teacher, rows: Sequence[Row], *, folder: Path, out: Path, said: Said = lambda line: None) -> Taught:
    """Every row's question answered, the best answer kept. `folder`: of the recipe; `out`: the checkpoint to be made."""
    check(teacher)
    place, counts = out.parent / STORE, Counts()
    if teacher.answers:
        who, answers = _from_file(folder / teacher.answers, rows, place, said, counts)
        return _taught(_best(rows, answers, teacher.keep, counts), counts, who, teacher, said)
    asking = _teacher_ask.asking(teacher, folder, said)
    kept = _best(rows, _answers(asking, rows, place, said), teacher.keep, counts)
    if teacher.paraphrases:
        kept += _paraphrased(teacher, asking, kept, place, said, counts)
    return _taught(kept, counts, asking.identity, teacher, said)


def check(teacher: Teacher) -> None:
    """UserError where a recipe's teacher is none, or several."""
    given = [name for name in ("model", "endpoint", "answers") if getattr(teacher, name)]
    if len(given) != 1:
        what = (
            f"names {' and '.join(given)}; give one of them" if given else "is nobody; give model, endpoint or answers"
        )
        raise UserError(f"the teacher {what}")
    if teacher.samples < 1 or teacher.max_tokens < 1:
        raise UserError("teacher.samples and teacher.max_tokens should be 1 or more")
    if teacher.answers and teacher.paraphrases:
        raise UserError("teacher.paraphrases needs a teacher that can be asked, not a file of answers; leave it out")


def write_prompts(rows: Iterable[Row], path: Path, max_tokens: int | None = None) -> int:
    """The questions as `bench prompts` writes them, for a teacher that answers elsewhere; how many there are.

    Each line comes back with an `answer`, one or a list of them, as `teacher.answers`.
    """
    lines = [
        {
            "task": row.source, "id": row_id(row), "question": question(row), "messages": [dict(m) for m in row.messages],
            **({"max_tokens": max_tokens} if max_tokens else {}),
        }
        for row in rows
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    aside.replace(path)
    return len(lines)


# -- the steps ----------------------------------------------------------------------------------------------------


def _answers(who: Asking, rows: Sequence[Row], place: Path, said: Said, suffix: str = "") -> list[list[Answer]]:
    asked = lessons(rows, suffix)
    return in_order(asked, _teacher_ask.ask(who, asked, place, said))


def _from_file(
    path: Path, rows: Sequence[Row], place: Path, said: Said, counts: Counts
) -> tuple[str, list[list[Answer]]]:
    """Who answered, and the recorded answers to each row, graded."""
    asked = lessons(rows)
    found, counts.unmatched = _teacher_file.read(path, asked)
    who = _teacher_file.checkpoint(path)
    recorded = {(who.id, *address): answer for some in found for address, answer in some.items()}
    jobs = [_teacher_file.job(who, one, some) for one, some in zip(asked, found, strict=True)]
    graded = _teacher_ask.answered(
        jobs, place, said, lambda info, members: engines.load(info, members, {"answers": recorded})
    )
    return who.name, in_order(asked, graded)


def _best(rows: Sequence[Row], answers: Sequence[Sequence[Answer]], keep: str, counts: Counts) -> list[Row]:
    """The rows that have an answer to learn from, with it as their reply."""
    chosen = [(row, counts.choose(row, given, keep)) for row, given in zip(rows, answers, strict=True)]
    return [replace(row, reply=answer.text) for row, answer in chosen if answer is not None]


def _paraphrased(
    teacher: Teacher, who: Asking, rows: Sequence[Row], place: Path, said: Said, counts: Counts
) -> list[Row]:
    """Rows in other words, answered and verified; of questions that nobody could solve no wording is asked."""
    fit = [row for row in rows if _teacher_paraphrase.fit(row) and not questions.held_out(row.source)]
    warm = {"temperature": teacher.temperature or WARM, "top_p": teacher.top_p}
    writer = replace(who, asked={**who.asked, **warm}, repeats=teacher.paraphrases)
    written = _answers(writer, [_teacher_paraphrase.asking(row) for row in fit], place, said, " reworded")
    new: list[Row] = []
    for row, texts in zip(fit, written, strict=True):
        made = _teacher_paraphrase.reworded(row, [answer.text for answer in texts if answer.ended])
        new += made.rows
        counts.wordings(len(texts), made)
    return _best(new, _answers(who, new, place, said), "verified", counts.again)


def _taught(rows: Sequence[Row], counts: Counts, who: str, teacher: Teacher, said: Said) -> Taught:
    counts.tell(said)
    if not rows:
        raise UserError(counts.nothing(teacher.keep))
    return Taught(tuple(rows), counts.flat(), who)
