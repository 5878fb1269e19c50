r"""A number or formula as the final answer of worked solutions, zh and en; math-verify only where a fraction can't say it.

Example: "… 9 × 2 = 18\n答案：１８元" against "18" -> answer "18元", rule "cue". Order: the last non-empty \boxed, the last
cue (答案 答： #### "A: 18" "answer is", then 所以 结果 so), the last number of the last line that has one (rule
"last_number", weak). Traps: different boxes are a hedge and wrong; 5% is 0.05 and not 5; math-verify reads the gold
"3:4" as 3 and "12元5角" as 12, so those are compared part by part here; and it can hang, hence ISOLATED and `quick`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

from harness.records import Response, Sample, Score
from harness.scorers import Grader, reply
from harness.scorers._quantity import LONGEST, quantity, structure, undress
from harness.scorers._statement import Found, extract

VERSION = 1
ISOLATED = True

_GRADER = Grader("number", VERSION)

Equal = Callable[[str, str], bool]


class NeedsSymbols(Exception):
    """Only a computer algebra system could compare these two."""


def quick(sample: Sample, response: Response) -> Score | None:
    """The verdict where exact arithmetic suffices (nearly always), None where math-verify is needed."""
    try:
        return _score(sample, response, _no_symbols)
    except NeedsSymbols:
        return None


def score(sample: Sample, response: Response) -> Score:
    return _score(sample, response, _symbols_equal)


def warm() -> None:
    """Import what `score` needs, so that an answer's time limit does not pay for it."""
    _symbols_equal("\\sqrt{4}", "2")


def lint(target: str) -> str | None:
    """What is wrong with a gold that would not be read back whole; None where it is fine."""
    if not target.strip():
        return "the gold is empty"
    if quantity(target) is not None or structure(target) is not None:
        return None
    if refused(undress(target)):
        return f"the gold {target!r} is longer than {LONGEST} characters or a tower of exponents"
    if re.search(r"[\u4e00-\u9fff]", _SHELL_FREE.sub("", target)):
        return f"the gold {target!r} holds words besides its number; only a part of it would be compared"
    parsed = _parse(_formula(target))
    if not parsed:
        return f"the gold {target!r} can't be read as a number or formula"
    return None


_SHELL_FREE = re.compile(r"\\(?:text|mbox)\s*\{[^{}]*\}")


def _score(sample: Sample, response: Response, equal: Equal) -> Score:
    unhealthy = _GRADER.unhealthy(sample, response)
    if unhealthy:
        return unhealthy
    found = extract(reply(response), finished=response.stop != "length")
    if found is None:
        return _GRADER.unanswered(sample, response)
    shown = "; ".join(undress(c) for c in found.candidates)
    if sample.target is None:
        return _GRADER.verdict(sample, False, shown, found.rule)
    wanted = sample.target
    if len(found.candidates) > 1:
        different = _different(found.candidates, equal)
        if len(different) == 1:
            found = Found((different[0],), found.rule)
        elif _is_set(wanted):
            right = _same(", ".join(undress(c) for c in different), wanted, equal)
            return _GRADER.verdict(sample, right, shown, "boxed_set")
        else:
            return _GRADER.verdict(sample, False, shown, "boxed_conflict")
    answer = found.candidates[-1]
    right = _same(answer, wanted, equal) or _same_percent(answer, wanted, sample.question)
    if not right and refused(answer):
        return _GRADER.unread(sample, answer[:LONGEST], "refused")
    return _GRADER.verdict(sample, right, undress(answer), found.rule)


# -- whether two answers are the same -----------------------------------------------------------------------


def _same(answer: str, wanted: str, equal: Equal) -> bool:
    one, other = quantity(answer), quantity(wanted)
    if one is not None and other is not None:
        return one == other
    parts, others = structure(answer), structure(wanted)
    if others is not None:
        return parts == others
    if undress(answer).replace(" ", "") == undress(wanted).replace(" ", ""):
        return True
    if refused(answer) or refused(wanted):
        return False
    if one is None and parts is None and not re.search(r"[\d\\]|pi", answer) and other is not None:
        return False  # words against a number
    return equal(answer, wanted)


_ASKS_PERCENT = re.compile(r"percent|百分之几|百分之多少|百分比|百分率|百分数|[几少]\s*%|_+\s*%", re.IGNORECASE)


def _same_percent(answer: str, wanted: str, question: str) -> bool:
    """Where the question asks for a percentage, "20%" and "20" say the same; elsewhere they never do."""
    signs = [undress(text).endswith("%") for text in (answer, wanted)]
    if signs[0] == signs[1] or not _ASKS_PERCENT.search(re.split(r"[.。!！；;]\s*(?=\S)", question)[-1]):
        return False
    values = [quantity(undress(text).rstrip("% ")) for text in (answer, wanted)]
    return values[0] is not None and values[0] == values[1]


def _different(candidates: tuple[str, ...], equal: Equal) -> list[str]:
    """Candidates without those equal to a later one."""
    kept: list[str] = []
    for candidate in reversed(candidates):
        if not any(_same(candidate, other, equal) for other in kept):
            kept.insert(0, candidate)
    return kept


def _is_set(target: str) -> bool:
    found = structure(target)
    return found is not None and found[0] == "set"


_HUGE = re.compile(r"(?:\^|\*\*)[{(]*-?\d{6,}|\d{5,}!|!!|\d!\)?(?:\^|\*\*)|(?:(?:\^|\*\*)[{(]*\d[\d.]*[)]*){2,}")
_EXPONENT = re.compile(r"(?:\^|\*\*)[{(]((?:[^{}()]|[{(][^{}()]*[)}])*)")


def refused(candidate: str) -> bool:
    """Too long, or a power that no machine finishes: 9^{9^9}, 10^999999, 99999!; e^{x^2} is fine."""
    packed = candidate.replace(" ", "")
    towers = (e[1] for e in _EXPONENT.finditer(packed) if re.search(r"\^|\*\*|\d!", e[1]))
    return len(candidate) > LONGEST or bool(_HUGE.search(packed)) or any(not re.search(r"[a-z]", t) for t in towers)


def _no_symbols(answer: str, wanted: str) -> bool:
    raise NeedsSymbols


def _symbols_equal(answer: str, wanted: str) -> bool:
    gold, said = _parse(_formula(wanted)), _parse(_formula(answer))
    if not gold or not said:
        return False
    return bool(_library().verify(list(gold), list(said), timeout_seconds=None, allow_set_relation_comp=True))


@lru_cache(maxsize=1)
def _library() -> Any:
    import math_verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns at each call that nobody watches the clock
    return math_verify


def _formula(text: str) -> str:
    value = quantity(text)
    if value is not None:
        return f"${value.numerator}/{value.denominator}$" if isinstance(value, Fraction) else text
    text = undress(text).replace("π", "\\pi").replace("√", "\\sqrt").replace("°", "^\\circ")
    text = re.sub(r"\\sqrt\s*(\d+)", r"\\sqrt{\1}", text)
    return f"${text}$"


@lru_cache(maxsize=4096)
def _parse(formula: str) -> tuple[object, ...]:
    # its own alarm works in a main thread only and cancels other people's; scoring.py kills instead
    return tuple(_library().parse(formula, parsing_timeout=None))
