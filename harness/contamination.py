"""Which questions of an exam stand in a training file: exact, near, partial or none, and whether with the answer.

Example: check(Path("sft.jsonl"), [exam]).exams[0].overlaps[7] -> Overlap(level="exact", row=812, answered=True, …) after
question 8 was put into row 812. exact: the whole question, token by token (punctuation, widths, spaces, case and the order
of short questions' options don't count); near: 80 % or more of its tokens, or the same with other numbers; partial: 40 %
and a long run. Trap: a share of partial overlaps is normal in a field's own language; exact and near ones are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness import _contamination_rows as training
from harness import identity
from harness._contamination_index import LEVELS, Index, Level, Match, Wanted, wanted
from harness._contamination_split import Part, Split, split
from harness._contamination_tokens import tokens
from harness.errors import UserError
from harness.records import Exam, Sample

if TYPE_CHECKING:
    from harness.store.open import Store

__all__ = [
    "LEVELS", "Check", "ExamCheck", "Level", "Overlap", "Part", "Questions", "Split", "answered", "check", "exists", "keep",
    "split",
]  # fmt: skip

BATCH = 1_000_000  # characters looked at together
PIECE = 2_000_000  # a longer row is looked at in pieces
LAP = 20_000  # characters that two pieces have in common
SHOWN = 240  # characters of a row that are kept to be shown
HEAD, TAIL = 20, 40  # tokens at the ends of a reply in which the answer stands
_LETTER = re.compile(
    r"^\W*([A-H]{1,8})(?![A-Za-z])|(?:答案|选项?|answer|Answer|ANSWER)[^A-Za-z]{0,12}([A-H]{1,8})(?![A-Za-z])"
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a training file has of one question, by the row that has most of it."""

    sample: str
    position: int
    level: Level = "none"
    coverage: float = 0.0
    longest: int = 0
    renumbered: bool = False
    answered: bool = False  # the gold stands in the reply
    row: int | None = None  # 1-based
    line: int | None = None
    shown: str = ""  # the row's text around the place
    short: bool = False  # too few tokens to be looked for


@dataclass(frozen=True, slots=True)
class ExamCheck:
    exam: Exam
    overlaps: tuple[Overlap, ...]  # in exam order

    def count(self, level: str) -> int:
        return sum(o.level == level for o in self.overlaps)

    def at_least(self, level: str) -> tuple[Overlap, ...]:
        return tuple(o for o in self.overlaps if LEVELS.index(o.level) <= LEVELS.index(level))


@dataclass(frozen=True, slots=True)
class Check:
    """A training file against some exams. `levels`: of rows, but for those that have nothing."""

    file: str
    sha: str
    rows: int
    exams: tuple[ExamCheck, ...]
    levels: Mapping[int, Level] = field(default_factory=dict)

    def rows_at_least(self, level: str) -> set[int]:
        return {row for row, found in self.levels.items() if LEVELS.index(found) <= LEVELS.index(level)}


class Questions:
    """Exams made ready to be looked for; the same for any number of files."""

    def __init__(self, exams: Sequence[Exam]) -> None:
        if empty := [exam.task.key for exam in exams if not exam.samples]:
            raise UserError(f"task {empty[0]} has no questions to look for")
        self.exams = exams
        self.where = [(e, s) for e, exam in enumerate(exams) for s in range(len(exam.samples))]
        self.items = [item for e, exam in enumerate(exams) for item in _wanted(e, exam)]
        self.index = Index(self.items)

    def check(self, path: Path) -> Check:
        exists(path)
        return self.check_rows(training.read(path), str(path), identity.file_digest(path))

    def check_rows(self, rows: Iterable[training.TrainingRow], file: str, sha: str = "") -> Check:
        best: dict[int, Overlap] = {}
        levels: dict[int, Level] = {}
        count = 0
        for batch in _batches(rows):
            count = batch[-1][0].number
            found = tokens([piece for _, piece in batch])
            for match in self.index.matches(found):
                row = batch[match.row][0]
                if LEVELS.index(match.level) < LEVELS.index(levels.get(row.number, "none")):
                    levels[row.number] = match.level
                exam, position = self.where[match.wanted]
                known = best.get(match.wanted)
                if known is None or _better(match, known):
                    sample = self.exams[exam].samples[position]
                    best[match.wanted] = _overlap(sample, match, row, batch[match.row][1], known)
                elif not known.answered and match.level == known.level:
                    sample = self.exams[exam].samples[position]
                    if answered(sample, row.text):
                        best[match.wanted] = _overlap(sample, match, row, batch[match.row][1], None)
        checked: list[list[Overlap]] = [[] for _ in self.exams]
        for number, (exam, position) in enumerate(self.where):
            sample = self.exams[exam].samples[position]
            none = Overlap(sample.id, sample.position, short=not self.items[number].n)
            checked[exam].append(best.get(number, none))
        exams = tuple(ExamCheck(exam, tuple(found)) for exam, found in zip(self.exams, checked, strict=True))
        return Check(file, sha, count, exams, levels)


def check(path: Path, exams: Sequence[Exam]) -> Check:
    return Questions(exams).check(path)


def answered(sample: Sample, text: training.Text) -> bool:
    """Whether the row gives the gold away: its letter, or its text at one of the ends of the reply."""
    if not sample.target:
        return False
    reply = text.reply or text.asked
    golds = [sample.target]
    if sample.choices:
        if any((m[1] or m[2]) == sample.target for m in _LETTER.finditer(reply)):
            return True
        places = [ord(letter) - ord("A") for letter in sample.target]
        golds = [sample.choices[i] for i in places if 0 <= i < len(sample.choices)]
    said = tokens([reply]).words
    ends = said[:HEAD].tobytes(), said[-TAIL:].tobytes()
    found = [tokens([gold]).words.tobytes() for gold in golds]
    return bool(found) and all(gold and any(gold in end for end in ends) for gold in found)


def _better(match: Match, known: Overlap) -> bool:
    return (-LEVELS.index(match.level), match.coverage, -match.renumbered) > (
        -LEVELS.index(known.level), known.coverage, -known.renumbered,
    )  # fmt: skip


def _overlap(sample: Sample, match: Match, row: training.TrainingRow, piece: str, known: Overlap | None) -> Overlap:
    begin = max(0, int(match.at * len(piece)) - SHOWN // 4)
    begin = begin if begin > SHOWN // 2 else 0
    shown = ("…" if begin else "") + piece[begin : begin + SHOWN] + ("…" if begin + SHOWN < len(piece) else "")
    return Overlap(
        sample.id, sample.position, match.level, match.coverage, match.longest, match.renumbered,
        answered(sample, row.text), row.number, row.line, shown,
    )  # fmt: skip


def _wanted(number: int, exam: Exam) -> Iterator[Wanted]:
    texts = [text for sample in exam.samples for text in (sample.question, *sample.choices)]
    found, i = tokens(texts), 0
    for sample in exam.samples:
        yield wanted(number, found, i, len(sample.choices))
        i += 1 + len(sample.choices)


def _batches(rows: Iterable[training.TrainingRow]) -> Iterator[list[tuple[training.TrainingRow, str]]]:
    """Rows with their text, cut where a row is as long as a book."""
    batch: list[tuple[training.TrainingRow, str]] = []
    size = 0
    for row in rows:
        text = "\n".join(row.text)
        for begin in range(0, max(1, len(text)), PIECE - LAP):
            piece = text[begin : begin + PIECE]
            batch.append((row, piece))
            size += len(piece) + 1
            if size >= BATCH:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def exists(path: Path) -> None:
    """Before minutes go into reading the questions."""
    if not path.exists():
        raise UserError(f"--train {path} does not exist")
    if path.is_dir():
        raise UserError(f"--train {path} is a folder; name its files, each with --train")


def keep(store: Store, check_: Check) -> None:
    """Into the store, with the exams it does not know yet."""
    from harness.store import overlaps  # the rest needs no database

    for one in check_.exams:
        found = (
            overlaps.Found(o.sample, o.level, o.coverage, o.longest, o.renumbered, o.answered, o.line)
            for o in one.overlaps
        )
        overlaps.record(store, check_.sha, Path(check_.file).name, check_.rows, one.exam, found)
