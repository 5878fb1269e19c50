"""CoT health: is a worked solution whole, does its arithmetic hold, do its numbers come from somewhere; needs no gold.

Example: "3×2=7元, 答案：7" to "3 boxes of 2": value far below 1 and detail["faults"] == [{"line": "3*2=7", "what": "3*2 is 6"}].
Honest limits: excellent at collapse (no chain, loops, wrong language, cut off) and at broken arithmetic, weak at logic: a
wrong set-up with right sums looks healthy. Value None: nothing was generated; 0.0: an empty reply.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from harness.records import Outcome, Response, Sample, Score
from harness.scorers import before_next_question, only_thought
from harness.scorers._arithmetic_claims import Claim, claims
from harness.scorers._arithmetic_text import plain_lines
from harness.scorers._exact import number
from harness.scorers._quantity import quantity
from harness.scorers._statement import extract
from harness.scorers._steps import covered, fresh, grounded, numbers_of_question, rests
from harness.text import fold, language, split_thinking

VERSION = 1
ISOLATED = False

LONGEST = 200_000  # characters that are read
WEIGHTS = {"arith": 0.35, "ground": 0.2, "cover": 0.1, "chain": 0.2, "final": 0.05, "norep": 0.05, "lang": 0.05}
BROKEN = 0.6  # of the value remains where a sum is wrong
UNCHECKABLE = 0.6  # of it remains where there is no step to check
CUT = 0.5  # of it remains where the reply was cut off
FAULTS = 5
_CODE = re.compile(r"```[ \t]?(\w*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_MARK = re.compile(r"<<([^<>\n]{1,200})>>")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+")
_STATED = {"boxed": 1.0, "cue": 1.0, "field": 1.0}


def score(sample: Sample, response: Response) -> Score:
    if response.stop == "error":
        return _score(None, None, "error", "error")
    if response.logprobs is not None and not response.text:
        return _score(None, None, "not_generated", "ungraded")
    if only_thought(response):
        return _score(0.0, None, "unclosed_thinking", "truncated")
    split = split_thinking(response.text)
    visible = before_next_question(split.answer.strip())[:LONGEST]
    if not visible.strip():
        return _score(0.0, None, "empty", "empty")
    cut = response.stop == "length" and visible == split.answer.strip()[:LONGEST]
    rule, value, answer, detail = _judge(sample.question, visible, cut)
    thinking = (response.thinking or split.thinking)[:LONGEST]
    if not detail["checked"] and thinking:
        behind = _judge(sample.question, thinking + "\n" + visible, cut)
        if behind[3]["checked"]:
            rule, value, answer, detail = "thinking", *behind[1:]
    outcome: Outcome = "truncated" if cut else "wrong" if detail["faults"] else "correct"
    return _score(value, answer, rule, outcome, detail)


def _score(
    value: float | None, answer: str | None, rule: str, outcome: Outcome, detail: dict[str, Any] | None = None
) -> Score:
    return Score("cot", VERSION, value, answer, rule, outcome, detail or {})


def _judge(question: str, text: str, cut: bool) -> tuple[str, float, str | None, dict[str, Any]]:
    prose, code, output = _without_code(text)
    lines = plain_lines(prose)
    claimed = [c for c in claims(lines) if c.counts] + _marks(prose)
    unique = list({c.text.replace(" ", ""): c for c in claimed}.values())
    faults = [c for c in unique if not c.right]
    stated, known = numbers_of_question(question)
    said = {Fraction(number(n[0])) for n in _NUMBER.finditer(fold(prose) + code)}
    printed = [Fraction(number(n[0])) for n in _NUMBER.finditer(output)]
    found = extract(text[-4000:], not cut, question)
    final = quantity(found.candidates[-1]) if found else None
    good, total = grounded(claimed, known | set(printed))
    parts: dict[str, float | None] = {
        "arith": (sum(c.right for c in unique) / len(unique)) ** 2 if unique else 1.0 if printed else None,
        "ground": good / total if total else 1.0 if code else None,
        "cover": covered(stated, said | known_words(prose)),
        "chain": None
        if final is None or not (claimed or printed)
        else 1.0
        if final in printed
        else rests(final, claimed, said),
        "final": 0.0 if cut or not found else _STATED.get(found.rule, 0.6),
        "norep": fresh(text, lines),
        "lang": _same_language(question, prose),
    }
    weighed = [(WEIGHTS[name], part) for name, part in parts.items() if part is not None]
    value = sum(w * part for w, part in weighed) / sum(w for w, _ in weighed)
    checkable = bool(unique or code)
    value *= (BROKEN if faults else 1.0) * (1.0 if checkable else UNCHECKABLE) * (CUT if cut else 1.0)
    detail = {
        **{name: None if part is None else round(part, 4) for name, part in parts.items()},
        "checked": len(unique),
        "faults": [{"line": c.text, "what": c.what} for c in faults[:FAULTS]],
    }
    rule = "program" if code else "steps" if unique else "prose" if len(text) > 80 else "answer_only"
    return rule, value, found.candidates[-1][:200] if found else None, detail


def known_words(text: str) -> set[Fraction]:
    return numbers_of_question(text)[1]


def _marks(text: str) -> list[Claim]:
    """Equations inside calculator marks: <<9*2=18>>."""
    return [c for m in _MARK.finditer(text) for c in claims([m[1]]) if c.counts]


def _without_code(text: str) -> tuple[str, str, str]:
    """The prose, the program and what it printed: a program's lines are not sums that somebody claims."""
    if "```" not in text:
        return text, "", ""
    code: list[str] = []
    output: list[str] = []
    for block in _CODE.finditer(text):
        (output if block[1].lower() in ("output", "text", "result") else code).append(block[2])
    return _CODE.sub("\n", text), "\n".join(code), "\n".join(output)


def _same_language(question: str, text: str) -> float | None:
    asked, said = language(question), language(text)
    return None if not asked or not said else float(asked == said)
