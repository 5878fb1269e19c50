"""What holds a chain of reasoning together: where its numbers come from, what the answer rests on, whether it loops.

Example: an operand 17 in the solution of a question that speaks of 16 eggs, and that no step computed, is not grounded.
Trap: people bring numbers along (7 days, 12 months, 100 per cent), and "half", "二" and 50% are numbers as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from harness.scorers._arithmetic_unknowns import Claim
from harness.scorers._exact import Value, number, numbers
from harness.text import NUMERAL, fold, numeral, words

GRAM = 8  # words of a repeated stretch
_SHARE = re.compile(r"(\d{1,6})\s?/\s?(\d{1,6})|\\[dt]?frac\{(\d{1,6})\}\{(\d{1,6})\}")
_OPERATION = re.compile(r"[\w)\]]\s?(?:[-+*/%]|//|\*\*)=?\s?[\w(]|\w\(")
_LITERAL = re.compile(r"(?:print|return)[ \t]?\(?[ \t]?-?[\d.]{1,40}[ \t]?\)?[ \t]?$", re.MULTILINE)
_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s?(?:\\?%|percent)")
_SMALL = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    word: 10 * i
    for i, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_NAMED: dict[str, tuple[Fraction, ...]] = {
    name: tuple(Fraction(v) for v in values)
    for name, values in {
        "half": ("1/2", "2"), "halves": ("1/2", "2"), "halved": ("1/2", "2"), "twice": ("2",), "double": ("2",),
        "doubles": ("2",), "doubled": ("2",), "triple": ("3",), "triples": ("3",), "tripled": ("3",), "thrice": ("3",),
        "quadruple": ("4",), "third": ("1/3", "3"), "thirds": ("1/3", "3"), "quarter": ("1/4", "4", "25", "15"),
        "quarters": ("1/4", "4", "25"), "fourth": ("1/4", "4"), "fourths": ("1/4", "4"), "fifth": ("1/5", "5"),
        "fifths": ("1/5", "5"), "sixth": ("1/6", "6"), "seventh": ("1/7", "7"), "eighth": ("1/8", "8"),
        "eighths": ("1/8", "8"), "ninth": ("1/9", "9"), "tenth": ("1/10", "10"), "tenths": ("1/10", "10"),
        "dozen": ("12",), "dozens": ("12",), "score": ("20",), "pair": ("2",), "pairs": ("2",), "couple": ("2",),
        "both": ("2",), "week": ("7",), "weeks": ("7",), "weekly": ("7",), "hundred": ("100",), "thousand": ("1000",),
        "million": ("1000000",), "dime": ("10", "1/10"), "dimes": ("10", "1/10"), "nickel": ("5", "1/20"),
        "nickels": ("5", "1/20"), "penny": ("1/100",), "pennies": ("1/100",), "a": (), "weekend": ("2",),
        "weekends": ("2",), "weekday": ("5",), "weekdays": ("5",), "decade": ("10",), "decades": ("10",),
        "century": ("100",), "once": ("1",), "year": ("365", "52"), "years": ("365", "52"),
    }.items()
}  # fmt: skip
_COLUMNS = re.compile(r"[个十百]位|\b(?:ones|units)\b.{0,200}?\btens\b", re.IGNORECASE | re.DOTALL)
_WORD_NUMBER = re.compile(r"[a-z]+", re.IGNORECASE)
_HAN_NUMBER = re.compile(NUMERAL)
# people know these without being told: hours, days, months, minutes, cents, degrees
CONSTANTS = frozenset(
    Fraction(v)
    for v in ("0", "1", "2", "7", "10", "12", "24", "30", "52", "60", "100", "365", "1000", "1/2", "180", "360", "90")
)


def numbers_of_question(question: str) -> tuple[list[Fraction], set[Fraction]]:
    """The numbers that a question states, and all values that these may stand for (20% is 0.2, 0.8 and 1.2 too)."""
    text = fold(question)
    stated = list(numbers(text))
    values = set(stated)
    for found in _SHARE.finditer(text):
        above, below = int(found[1] or found[3]), int(found[2] or found[4])
        if below:
            values |= {
                Fraction(above, below),
                1 - Fraction(above, below),
                1 + Fraction(above, below),
                Fraction(below - above),
            }
    for found in _PERCENT.finditer(text):
        share = Fraction(number(found[1])) / 100
        values |= {share, 1 - share, 1 + share, 100 - 100 * share, 100 + 100 * share}
    spelt = _spelt(text)
    return stated + [v for v in spelt if v > 2], values | set(spelt) | _named(text)


def _spelt(text: str) -> list[Fraction]:
    found: list[Fraction] = []
    ten = 0
    for match in _WORD_NUMBER.finditer(text):
        word = match[0].lower()
        if word in _TENS:
            ten = _TENS[word]
            found.append(Fraction(ten))
        elif word in _SMALL:
            if ten and 0 < _SMALL[word] < 10:
                found[-1] = Fraction(ten + _SMALL[word])
            else:
                found.append(Fraction(_SMALL[word]))
            ten = 0
        elif word in ("hundred", "thousand", "million") and found:
            found[-1] *= {"hundred": 100, "thousand": 1000, "million": 10**6}[word]
            ten = 0
        else:
            ten = 0
    for match in _HAN_NUMBER.finditer(text) if not text.isascii() else ():
        value = None if match[0][0].isdigit() or len(match[0]) > 20 else numeral(match[0])
        if value is not None:
            found.append(value)
    return found


def _named(text: str) -> set[Fraction]:
    return {value for word in set(_WORD_NUMBER.findall(text.lower())) for value in _NAMED.get(word, ())}


class Grounded(NamedTuple):
    share: float
    claims: list[Claim]  # that say something about this question: not 2 + 2 = 4 where nobody asked


def grounded(claimed: Sequence[Claim], given: set[Fraction], prose: str = "") -> Grounded:
    """Share of the operands that the question, an earlier result or common knowledge gives; a number that is only said and comes from
    nowhere counts against it.
    """
    near = {value for value in given if value not in CONSTANTS}
    known = given | CONSTANTS
    kept: list[Claim] = []
    good = total = 0
    for claim in claimed:
        values = [_close(value) for value in claim.operands]
        total += len(values)
        good += sum(value in known or -value in known for value in values)
        if not claim.right or not near or not values or any(value in near or value in given for value in values):
            kept.append(claim)
            if claim.result is not None:
                known.add(_close(claim.result))
                near.add(_close(claim.result))
    known |= {_close(value) for claim in claimed for value in (*claim.operands, claim.result) if value is not None}
    total += len(set(numbers(prose)) - known)
    return Grounded(good / total if total else 1.0, kept)


def working(claimed: Sequence[Claim], given: set[Fraction], digits: set[Fraction]) -> list[Claim]:
    """Without what works nothing out although it holds: 12 + 0 = 12, 12 - 12 = 0, or 16 * 0 + 18 = 18 where 18 was put in.

    9 + 0 of a column is a step all the same.
    """
    known = given | CONSTANTS
    kept: list[Claim] = []
    for claim in claimed:
        if not _idle(claim, known) or (digits and digits.issuperset(claim.operands)):
            kept.append(claim)
            known |= set() if claim.result is None else {_close(claim.result)}
    return kept


def _idle(claim: Claim, known: set[Fraction]) -> bool:
    values = [abs(_close(value)) for value in claim.operands]
    if claim.result is None or not claim.right or not values:
        return False
    result = abs(_close(claim.result))
    if result in (0, 1) and len(values) > 1 and len(set(values)) == 1:
        return True
    if result not in values:
        return False
    values.remove(result)
    return result not in known or all(value in (0, 1) for value in values)


def computes(code: str, stated: Sequence[Fraction]) -> bool:
    """Whether a program works with the question's numbers: print(42) is an answer, and its output the model's own text."""
    if not code or _LITERAL.search(code) or not _OPERATION.search(code):
        return False
    return not stated or (covered(stated, set(numbers(code))) or 0.0) >= 0.5


def _close(value: Value) -> Fraction:
    return Fraction(value).limit_denominator(10**6) if isinstance(value, float) else Fraction(value)


def columns(prose: str, stated: Iterable[Fraction]) -> set[Fraction]:
    """What sums done column by column start from: digits of the question's numbers, with the ten that one borrows."""
    if not _COLUMNS.search(prose):
        return set()
    digits = {int(digit) for value in stated if value.denominator == 1 for digit in str(abs(value.numerator))}
    return {Fraction(digit + ten) for digit in digits for ten in (0, 10)}


def covered(stated: Iterable[Fraction], said: set[Fraction]) -> float | None:
    """Share of the question's numbers that the solution uses; None where it states none."""
    asked = set(stated)
    if not asked:
        return None
    return sum(v in said or v / 100 in said or 1 - v / 100 in said or 1 + v / 100 in said for v in asked) / len(asked)


def rests(final: Fraction, claimed: Sequence[Claim], columns: bool = False) -> float:
    """1 where the answer is the last result, less where it is an earlier one or a number in a sum, 0 where it is none."""
    results = [_close(c.result) for c in claimed if c.result is not None]
    if results and final == results[-1]:
        return 1.0
    if final in results:
        return 0.8
    if columns and final == _put_together(results):
        return 1.0
    return 0.3 if any(final == _close(value) for c in claimed for value in c.operands) else 0.0


def _put_together(results: Sequence[Fraction]) -> int | None:
    """9 + 2 = 11, 3 + 5 + 1 = 9: column by column from the right these are 91."""
    if not 1 < len(results) < 10 or any(value.denominator > 1 or not 0 <= value < 100 for value in results):
        return None
    *low, high = (value.numerator for value in results)
    return int("".join(str(value) for value in (high, *(value % 10 for value in reversed(low)))))


def fresh(text: str, lines: Sequence[str]) -> float:
    """1 less the share of words in stretches that were all said before, or of lines that are copies."""
    said = words(text)
    seen: set[int] = set()
    again = 0
    for i in range(len(said) - GRAM + 1):
        gram = hash(tuple(said[i : i + GRAM]))
        again += gram in seen
        seen.add(gram)
    share = again / max(1, len(said) - GRAM + 1)
    long = [line.strip() for line in lines if len(line.strip()) > 8]
    copies = 1 - len(set(long)) / len(long) if long else 0.0
    return 1 - max(share, copies)


_DOUBT = re.compile(
    r"\b(?:however|but|wait|cannot|can't|might|could|perhaps|probably|likely|seems?|appears?|assum\w+|guess\w*|mistake\w*|incorrect"
    r"|actually|re-?consider\w*|re-?evaluat\w*|re-?examin\w*|re-?check\w*|contradict\w*|impossible|closest|observation"
    r"|does(?:n't| not) (?:match|make))\b|然而|似乎|也许|大概|不对|错误|矛盾|重新|猜测?|无法",
    re.IGNORECASE,
)
_MOST_DOUBT = 4


def sure(text: str) -> float:
    """1 less a quarter for each word by which a solution doubts, guesses or corrects itself."""
    return 1 - min(_MOST_DOUBT, sum(1 for _ in islice(_DOUBT.finditer(text), _MOST_DOUBT))) / _MOST_DOUBT
