"""CoT health: is a worked solution whole, does its arithmetic hold, do its numbers come from somewhere; needs no gold.

Example: "每盒2个，3×2=7个。\n答案：7" has value below .5 and detail["faults"] == [{"line": "3*2=7", "what": "3*2 is 6"}].
Honest limits: excellent at collapse (no chain, loops, wrong language, cut off) and at broken arithmetic, weak at logic: a
wrong set-up with right sums looks healthy, and "sure" counts nothing but words of doubt. The visible reply is judged;
where it has no chain but the thinking has one, the rule says "thinking". Value 0.0: an empty reply; None: no text at all.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, NamedTuple

from harness.records import Outcome, Response, Sample, Score
from harness.scorers import before_next_question, only_thought
from harness.scorers._arithmetic_claims import claims
from harness.scorers._arithmetic_text import plain_lines
from harness.scorers._arithmetic_unknowns import Claim
from harness.scorers._exact import numbers
from harness.scorers._quantity import quantity
from harness.scorers._statement import extract
from harness.scorers._steps import (
    CONSTANTS,
    columns,
    computes,
    covered,
    fresh,
    grounded,
    numbers_of_question,
    rests,
    sure,
    working,
)
from harness.text import language, split_thinking, words

VERSION = 1
ISOLATED = False

LONGEST = 100_000  # characters that are read
WEIGHTS = {
    "arith": 0.35, "ground": 0.2, "cover": 0.1, "chain": 0.2, "final": 0.05, "norep": 0.05, "lang": 0.05, "sure": 0.1
}  # fmt: skip
BROKEN = 0.6  # of the value remains where a sum is wrong: one wrong step spoils a chain
UNCHECKABLE = 0.6  # where there is no step to check
UNREAD = 0.9  # where steps are written out, but none that can be worked out
OWN_WORDS = 15  # besides the question's: fewer say it again, or only answer
UNSUPPORTED = 0.8  # where no step comes to the answer
UNRUN = 0.3  # what supports an answer beside a program that shows no output
CUT = 0.5  # where the reply was cut off
STRANGE = 0.7  # where it is in another language than the question
LOOPING = 0.75  # below so much new text the value falls with it
FAULTS = 5
WRITTEN = ("json", "markdown", "md", "latex", "tex", "math")  # fenced prose: asked for JSON, many models fence it
_CODE = re.compile(r"```[ \t]?(\w*)[^\n]{0,80}\n(.*?)(?:```|\Z)|\[(asy)\](.*?)(?:\[/asy\]|\Z)", re.DOTALL)
_FIELD = re.compile(r"\{\s{0,20}\"\w{1,40}\"\s{0,20}:")
_OBJECT = re.compile(r"\s*\{\s*\"\w{1,40}\"\s*:")
_LINE_END = re.compile(r"(?<!\\)\\n(?!(?:eq?|u|abla|ot(?:in)?|ewline|leq|geq|eg|mid|sim)\b)")  # no \neq of LaTeX
_SAID = re.compile(r'"""(?:[^"]|"(?!""))*"""|#[^\n]*|"[^"\n]*"|\'[^\'\n]*\'')  # in a program: not worked with
_MARK = re.compile(r"<<([^<>\n]{1,200})>>")
_CLOSE = re.compile(r"[\s$]+")
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
    visible = _unescaped(visible)
    rule, value, answer, detail = _judge(sample.question, visible, cut)
    thinking = (response.thinking or split.thinking)[:LONGEST]
    if not detail["checked"] and thinking:
        behind = _judge(sample.question, thinking + "\n" + visible, cut, aloud=True)
        if behind[3]["checked"]:
            rule, value, answer, detail = "thinking", *behind[1:]
    outcome: Outcome = "truncated" if cut else "wrong" if detail["faults"] else "correct"
    return _score(value, answer, rule, outcome, detail)


def _score(
    value: float | None, answer: str | None, rule: str, outcome: Outcome, detail: dict[str, Any] | None = None
) -> Score:
    return Score("cot", VERSION, value, answer, rule, outcome, detail or {})


class _Chain(NamedTuple):
    """What was read of a reply."""

    prose: str
    code: str
    printed: list[Fraction]  # by the code
    lines: list[str]
    claimed: list[Claim]
    open: int  # equations with unknowns


def _read(text: str) -> _Chain:
    prose, code, output = _without_code(text)
    lines = plain_lines(prose)
    found = claims(lines)
    marks = [claim for mark in _MARK.finditer(prose) for claim in claims([mark[1]]).all]
    printed = list(numbers(output))
    return _Chain(prose, code, printed, lines, [c for c in found.all + marks if c.counts], found.open)


def _judge(question: str, text: str, cut: bool, aloud: bool = False) -> tuple[str, float, str | None, dict[str, Any]]:
    chain = _read(text)
    stated, known = numbers_of_question(question)
    if not computes(chain.code, stated):
        chain = chain._replace(code="", printed=[])
    written = set(numbers(chain.code))
    told = numbers_of_question(chain.prose)[1] | written
    found = extract(text[-4000:], not cut, question)
    final = quantity(found.candidates[-1]) if found else None
    digits = columns(chain.prose, stated)
    chain = chain._replace(claimed=working(chain.claimed, known, digits))
    ground = grounded(chain.claimed, known | digits | set(chain.printed), "" if chain.open else "\n".join(chain.lines))
    checked = list({_CLOSE.sub("", c.text): c for c in (chain.claimed if chain.open else ground.claims)}.values())
    faults = [c for c in checked if not c.right]
    works = bool(checked or chain.code or chain.open > 1) or _works(question, chain.prose)
    parts: dict[str, float | None] = {
        "arith": (sum(c.right for c in checked) / len(checked)) ** 2 if checked else 1.0 if chain.printed else None,
        # with unknowns, numbers come from other places than sums
        "ground": None if chain.open else ground.share if chain.claimed else _share(written, known),
        # numbers that are only said again cover nothing
        "cover": covered(stated, told if works else set()),
        "chain": _rests(final, chain, bool(digits)),
        "final": 0.0 if cut or not found else _STATED.get(found.rule, 0.6),
        "norep": fresh(text, chain.lines),
        "lang": _same_language(question, chain.prose),
        "sure": None if aloud else sure(chain.prose),  # thinking is there to doubt in
    }
    weighed = [(WEIGHTS[name], part) for name, part in parts.items() if part is not None]
    value = sum(w * part for w, part in weighed) / sum(w for w, _ in weighed)
    value *= (BROKEN if faults else 1.0) * (CUT if cut else 1.0)
    value *= 1.0 if checked or chain.code else UNREAD if works else UNCHECKABLE
    value *= UNSUPPORTED if parts["chain"] == 0.0 else 1.0
    value *= min(1.0, (parts["norep"] or 0.0) / LOOPING) * (STRANGE if parts["lang"] == 0.0 else 1.0)
    detail = {
        **{name: None if part is None else round(part, 4) for name, part in parts.items()},
        "checked": len(checked),
        "faults": [{"line": c.text, "what": c.what} for c in faults[:FAULTS]],
    }
    rule = "program" if chain.code else "steps" if checked else "prose" if len(text) > 80 else "answer_only"
    return rule, value, found.candidates[-1][:200] if found else None, detail


def _works(question: str, prose: str) -> bool:
    """Whether steps are written out in words that are not the question's."""
    return len(set(words(prose[:5000])).difference(words(question))) >= OWN_WORDS


def _share(written: set[Fraction], known: set[Fraction]) -> float | None:
    """Of a program's numbers, those that the question or common knowledge gives."""
    return len(written & (known | CONSTANTS)) / len(written) if written else None


def _rests(final: Fraction | None, chain: _Chain, columns: bool) -> float | None:
    if final is not None and chain.code and not (chain.claimed or chain.printed):
        return UNRUN
    if final is None or not (chain.claimed or chain.printed):
        return None
    if final in chain.printed:
        return 1.0
    share = rests(final, chain.claimed, columns)
    return None if chain.open and share < 0.8 else share


def _unescaped(text: str) -> str:
    """Of an answer in JSON the lines as they were meant: there a line ends by a backslash and an n."""
    return _LINE_END.sub("\n", text) if _FIELD.search(text) else text


def _without_code(text: str) -> tuple[str, str, str]:
    """The prose, the program and what it printed: a program's lines are not sums that somebody claims."""
    if "```" not in text and "[asy]" not in text:
        return text, "", ""
    code: list[str] = []
    output: list[str] = []

    def moved(block: re.Match[str]) -> str:
        if block[3]:  # a drawing is neither
            return "\n"
        if block[1].lower() in WRITTEN or (not block[1] and _OBJECT.match(block[2])):
            return f"\n{block[2]}\n"
        (output if block[1].lower() in ("output", "text", "result") else code).append(block[2])
        return "\n"

    return _CODE.sub(moved, text), _SAID.sub(" ", "\n".join(code)), "\n".join(output)


def _same_language(question: str, text: str) -> float | None:
    asked, said = language(question), language(text)
    return None if not asked or not said else float(asked == said)
