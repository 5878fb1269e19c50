r"""Of several answers to one question the one to learn from; what is short and right is not therefore good.

Example: of "\boxed{62}", "列式37+25。… 答案\boxed{62}" and a page that comes to 62 in the end, all right, the second is taken.
The rule, in order: graded right (where there is a gold) or what most answers came to (where there is none); ended by itself;
in the question's language; with steps, where the question wants any; without a wrong sum, if there is such a one; and of
these the shortest that is at least half as long as the middle one. Trap: the shortest right answers are the bare ones, and a
pupil of those forgets its steps: they are never taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from harness.records import Response, Sample
from harness.scorers import cot
from harness.text import words
from trainers._teacher_exam import question
from trainers.rows import Row

BARE = 12  # words; a shorter answer without a sum in it is an answer alone
HALF = 0.5  # of the middle length
AGREEING = 2  # answers that come to the same at least, where no gold says what is right


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with its grade."""

    text: str
    repeat: int
    ended: bool = True  # by itself: not cut, no error
    tokens: int | None = None
    value: float | None = None
    answer: str | None = None  # as the scorer read it
    outcome: str = "ungraded"

    @property
    def length(self) -> int:
        return self.tokens if self.tokens else len(words(self.text))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The answer taken, or why there is none."""

    answer: Answer | None
    why: str = ""  # unsolved | disagreed | unverifiable | cut | language | bare


def best(row: Row, answers: Sequence[Answer], keep: str = "verified") -> Chosen:
    """`keep`: "verified" takes right answers only, "all" the best there is."""
    ended = [a for a in answers if a.ended and a.text.strip()]
    pool, why = _trusted(row, ended, keep, len(answers))
    if not pool:
        return Chosen(None, why if ended else "cut")
    looked = [(a, _looked_at(row, a)) for a in pool]
    own = [(a, seen) for a, seen in looked if not seen.foreign]
    if not own:
        return Chosen(None, "language")
    worked = [(a, seen) for a, seen in own if not (seen.bare and _wants_steps(row))]
    if not worked:
        return Chosen(None, "bare")
    sound = [a for a, seen in worked if not seen.faulty] or [a for a, _ in worked]
    middle = median_low(a.length for a in sound)
    long_enough = [a for a in sound if a.length >= HALF * middle]
    return Chosen(min(long_enough, key=lambda a: (a.length, a.repeat)))


def graded(row: Row) -> bool:
    """Whether an answer can be held against a gold."""
    return bool(row.scorer and row.sample and row.sample.target is not None)


def _trusted(row: Row, ended: Sequence[Answer], keep: str, asked: int) -> tuple[list[Answer], str]:
    if graded(row):
        right = [a for a in ended if a.value == 1.0]
        return (right, "unsolved") if right or keep == "verified" else (list(ended), "")
    agreed = _agreed(ended, asked) if row.scorer else []
    if agreed or keep == "verified":
        return agreed, "disagreed" if row.scorer else "unverifiable"
    return list(ended), ""


def _agreed(ended: Sequence[Answer], asked: int) -> list[Answer]:
    """Those that come to what more than half of all that were asked came to (self-consistency)."""
    counts = Counter(a.answer for a in ended if a.answer)
    if not counts:
        return []
    said, count = counts.most_common(1)[0]
    return [a for a in ended if a.answer == said] if count >= AGREEING and 2 * count > asked else []


@dataclass(frozen=True, slots=True)
class _Seen:
    bare: bool  # an answer alone
    faulty: bool  # a sum in it is wrong
    foreign: bool  # in another language than the question


def _looked_at(row: Row, answer: Answer) -> _Seen:
    sample = row.sample or Sample("", 0, question(row), language=row.language)
    score = cot.score(sample, Response("", "", 0, text=answer.text))
    bare = score.rule == "answer_only" and len(words(answer.text)) < BARE
    return _Seen(bare, bool(score.detail.get("faults")), score.detail.get("lang") == 0.0)


def _wants_steps(row: Row) -> bool:
    """A question with a gold and no options to choose from is worked out; a letter may stand alone."""
    return bool(row.sample and not row.sample.choices and row.scorer)
