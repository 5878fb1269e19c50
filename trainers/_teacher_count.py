"""What came of a teacher's answers, counted and told: how many are right, of whom, and why questions are left without one.

Example: "1,962 of 2,000 questions have an answer to learn from (98.1 %); 7,544 of 8,000 answers are right (94.3 %)", then "zh
93.1 %, en 95.6 %" and "left out: 36 never solved, 2 with bare answers only".
Trap: a share over nothing is no share; where no answer could be graded, none is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.words import listed, say
from trainers._teacher_choice import Answer, best, graded
from trainers._teacher_paraphrase import Reworded
from trainers.rows import Row

SUBJECTS = 5  # of the weakest that are named
WHY = {
    "unsolved": say("never solved"),
    "disagreed": say("no two answers in agreement"),
    "unverifiable": say("nothing to verify an answer by"),
    "cut": say("every answer empty or cut off"),
    "language": say("answered in another language"),
    "bare": say("answered without steps"),
    "unanswered": say("without an answer in the file"),
}


class Said(Protocol):
    def __call__(self, sentence: str, /) -> None: ...


@dataclass
class _Part:
    answers: int = 0
    right: int = 0


@dataclass
class Counts:
    """Filled in as answers are chosen."""

    questions: int = 0
    kept: int = 0
    answers: int = 0
    unmatched: int = 0  # rows of a file of answers
    why: Counter[str] = field(default_factory=Counter)
    languages: dict[str, _Part] = field(default_factory=dict)  # graded answers only
    subjects: dict[str, _Part] = field(default_factory=dict)
    written: int = 0  # other wordings
    unusable: Counter[str] = field(default_factory=Counter)
    rewordings: Counts | None = None

    def choose(self, row: Row, answers: Sequence[Answer], keep: str) -> Answer | None:
        """The answer to learn from; None is counted under its reason."""
        chosen = best(row, answers, keep)
        self.questions += 1
        self.answers += len(answers)
        if graded(row):
            parts = [self.languages.setdefault(row.language, _Part())]
            if row.sample and row.sample.subject:
                parts.append(self.subjects.setdefault(row.sample.subject, _Part()))
            for part in parts:
                part.answers += len(answers)
                part.right += sum(answer.value == 1.0 for answer in answers)
        if chosen.answer is None:
            self.why[chosen.why if answers else "unanswered"] += 1
        else:
            self.kept += 1
        return chosen.answer

    def wordings(self, written: int, made: Reworded) -> None:
        self.written += written
        self.unusable += made.dropped

    @property
    def again(self) -> Counts:
        """Where the answers to other wordings are counted."""
        self.rewordings = self.rewordings or Counts()
        return self.rewordings

    def flat(self) -> dict[str, int]:
        """For a lineage: names of counts in plain words."""
        found = {"questions": self.questions, "answers": self.answers, "kept": self.kept, **self._graded()}
        found |= {f"left out: {why}": n for why, n in sorted(self.why.items())}
        found |= {f"right {name}": part.right for name, part in self.languages.items()}
        found |= {f"answers {name}": part.answers for name, part in self.languages.items()}
        if self.unmatched:
            found["rows of no question"] = self.unmatched
        if self.rewordings:
            found |= {"wordings": self.written, "wordings kept": self.rewordings.kept}
        return found

    def tell(self, said: Said) -> None:
        template = "{kept:,} of {n:,} questions have an answer to learn from{share}"
        said(say(template, kept=self.kept, n=self.questions, share=_share(self.kept, self.questions)))
        if right := self._graded():
            said(say("{right:,} of {n:,} answers are right: {parts}", right=right["right"], n=right["graded"],
                     parts=_parts(self.languages)))  # fmt: skip
        if len(self.subjects) > 1:
            weakest = sorted(self.subjects, key=lambda name: (_rate(self.subjects[name]), name))[:SUBJECTS]
            said(say("weakest subjects: {parts}", parts=_parts({name: self.subjects[name] for name in weakest})))
        if self.why:
            reasons = listed(say("{n:,} {why}", n=n, why=WHY[why]) for why, n in self.why.most_common())
            said(say("left out: {reasons}", reasons=reasons))
        if self.unmatched:
            said(say("{n:,} rows of the file of answers belong to no question that is learnt", n=self.unmatched))
        if self.rewordings:
            template = "other wordings: {n:,} written, {fit:,} keep the question's numbers, {kept:,} answered right"
            fit, kept = self.rewordings.questions, self.rewordings.kept
            said(say(template, n=self.written, fit=fit, kept=kept))

    def nothing(self, keep: str) -> str:
        """Why there is nothing to learn, in one sentence."""
        (why, _), *_ = self.why.most_common(1) or [("unanswered", 0)]
        remedy = {
            "unverifiable": 'rows without a gold and a scorer can only be kept unverified: teacher.keep = "all"',
            "disagreed": 'ask for more answers (teacher.samples), or keep them unverified: teacher.keep = "all"',
            "cut": "give more room: teacher.max_tokens",
            "bare": "ask a teacher that shows its steps",
            "language": "ask a teacher that answers in the language of the question",
            "unanswered": "give answers to these questions: --write-prompts writes them",
        }.get(why, "give several answers to a question (teacher.samples), or a better teacher")
        return f"the teacher left nothing to learn: {self.questions:,} questions, most of them {WHY[why]}; {remedy}"

    def _graded(self) -> dict[str, int]:
        graded = sum(part.answers for part in self.languages.values())
        return {"graded": graded, "right": sum(p.right for p in self.languages.values())} if graded else {}


def _rate(part: _Part) -> float:
    return part.right / part.answers if part.answers else 1.0


def _share(part: int, whole: int) -> str:
    return say(" ({share:.1f} %)", share=100 * part / whole) if whole else ""


def _parts(parts: Mapping[str, _Part]) -> str:
    return listed(
        say("{name} {share:.1f} %", name=name, share=100 * _rate(part)) for name, part in parts.items() if part.answers
    )
