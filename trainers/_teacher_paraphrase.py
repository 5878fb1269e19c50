"""Other wordings of a question, written by the teacher: the same numbers, hence the same answer, or they are dropped.

Example: "小红有37个苹果，又买了25个，现在一共有多少个苹果？" -> "小红原有37个苹果，后来买了25个，她现在共有几个苹果？"; one with 38 apples, one that
is the question itself, and one that gives the answer away are dropped. What is left is answered and graded against the
original's gold, which is the proof that it still asks the same. Trap: questions that checkpoints are ranked on are never reworded: a
paraphrase of a test question is a leak that no search for copies finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness import identity
from harness.records import Sample
from harness.scorers._steps import numbers_of_question
from harness.text import language, normalised
from trainers._teacher_exam import question
from trainers.rows import Row

LONGEST = 3.0  # times the original's length; more is an answer or a lecture
_ASKED = {
    "zh": "请换一种说法改写下面的题目：意思和答案必须完全不变，所有数字、单位和条件都要保留，不要解答，只输出改写后的题目。\n\n{question}",
    "en": "Reword the problem below. Its meaning and its answer must stay exactly the same; keep every number, unit and "
    "condition. Don't solve it; write the reworded problem and nothing else.\n\n{question}",
}
_LABEL = re.compile(
    r"^\W{0,4}(?:(?:改写后的?)?(?:题目|问题)|(?:reworded |rewritten )?(?:problem|question))\W{0,3}[:：]\W{0,3}", re.I
)


@dataclass(frozen=True)
class Reworded:
    rows: tuple[Row, ...]
    dropped: Counter[str] = field(default_factory=Counter)  # reason -> how many


def fit(row: Row) -> bool:
    """Whether a row can be reworded: its own question stands in what is asked, and a gold tells a right answer."""
    known = row.sample is not None and row.sample.target is not None and row.scorer is not None
    return known and str(row.messages[-1]["content"]).count(question(row)) == 1


def asking(row: Row) -> Row:
    """A row that asks the teacher to reword the question of another."""
    asked = _ASKED["zh" if row.language == "zh" else "en"].format(question=question(row))
    sample = Sample("", 0, question(row), language=row.language)
    messages = ({"role": "user", "content": asked},)
    return replace(row, messages=messages, reply="", sample=sample, scorer=None)


def reworded(row: Row, texts: Sequence[str]) -> Reworded:
    """The row once for every usable wording; `texts`: what the teacher wrote."""
    seen = {normalised(question(row))}
    kept: list[Row] = []
    dropped: Counter[str] = Counter()
    for text in texts:
        wording = _LABEL.sub("", text.strip()).strip()
        why = _unusable(row, wording, seen)
        if why:
            dropped[why] += 1
            continue
        seen.add(normalised(wording))
        kept.append(_with(row, wording))
    return Reworded(tuple(kept), dropped)


def _unusable(row: Row, wording: str, seen: set[str]) -> str:
    own = question(row)
    if not wording or len(wording) > LONGEST * len(own) or "\\boxed" in wording:
        return "no question"
    if normalised(wording) in seen:
        return "the same words"
    if language(own) and language(wording) not in ("", language(own)):
        return "other language"
    if _numbers(own) != _numbers(wording):
        return "other numbers"
    return ""


def _numbers(text: str) -> Counter[object]:
    stated, _ = numbers_of_question(text)
    return Counter(stated)


def _with(row: Row, wording: str) -> Row:
    own, last = question(row), row.messages[-1]
    messages = (*row.messages[:-1], {**last, "content": str(last["content"]).replace(own, wording)})
    assert row.sample is not None
    sample = replace(
        row.sample, id=identity.digest([row.sample.id, wording]), question=wording,
        fields={**row.sample.fields, "question": wording},
    )  # fmt: skip
    return replace(row, messages=messages, reply="", sample=sample)
