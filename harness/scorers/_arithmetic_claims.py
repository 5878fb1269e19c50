"""Finds what a solution claims to be equal, works it out again and says what is wrong, rounding and units allowed for.

Example: claims(["3*2 = 7"]) has one claim, not right, `what` "3*2 is 6". Traps: "16 - 3 = 13 - 4 = 9" goes on counting
behind the equals sign, as people do, and is no mistake; "1 = 1" and "5 apples = 5" claim nothing; 120 minutes are 2 hours.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from harness.scorers._arithmetic import Side, side
from harness.scorers._arithmetic_tokens import Token, tokens
from harness.scorers._exact import Value, number

_ROUNDED = re.compile(r"round|approx|about|nearest|roughly|around|almost|nearly|约|近似|四舍五入|取整|≈", re.IGNORECASE)
_FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "log",
        "ln",
        "lg",
        "max",
        "min",
        "gcd",
        "lcm",
        "mod",
        "exp",
        "floor",
        "ceil",
        "abs",
        "choose",
        "arctan",
        "arcsin",
        "arccos",
    ]
)
_FACTORS = frozenset(
    Fraction(f) for f in (2, 3, 4, 7, 8, 10, 12, 16, 24, 30, 36, 52, 60, 100, 365, 1000, 1440, 3600, 5280, 10**4, 10**6)
)
_TRIVIAL = frozenset((0, 1))
CLIPPED = 120


class Claim(NamedTuple):
    line: int
    text: str  # the two sides, as they stand
    right: bool
    what: str  # what the left side really is, where it isn't right
    operands: tuple[Value, ...]
    result: Value | None  # as stated
    counts: bool  # False: nothing was worked out, like 5 = 5 or 0 + 0 = 0


def claims(lines: list[str]) -> list[Claim]:
    return [claim for at, line in enumerate(lines) if "=" in line or "≈" in line for claim in _in_line(line, at)]


def _in_line(line: str, at: int) -> list[Claim]:
    row = tokens(line)
    found: list[Claim] = []
    rounded = bool(_ROUNDED.search(line))
    i = 0
    while i < len(row):
        if not _begins(row, i):
            i += 1
            continue
        first = side(row, i)
        if first is None:
            i += 1
            continue
        if not _relation(row, first.end):
            i = max(first.whole, i + 1)
            continue
        if _goes_back(row, i):
            first = first._replace(value=None)
        sides = [(i, first)]
        i = first.end
        while _relation(row, i) and _begins(row, i + 1):
            following = side(row, i + 1)
            if following is None:
                break
            if _goes_forward(row, following.whole):
                following = following._replace(value=None)
            sides.append((i + 1, following))
            i = following.end if _relation(row, following.end) else following.whole
        found += _judge(line, row, at, sides, rounded)
        i = max(i, first.end + 1)
    return found


def _relation(row: list[Token], i: int) -> bool:
    return i < len(row) and row[i].kind == "relation"


def _begins(row: list[Token], i: int) -> bool:
    if i >= len(row):
        return False
    token = row[i]
    if token.kind == "number" or token.text in ("(", "√", "π", "ƒ", "$", "€", "£", "¥", "￥"):
        return True
    if token.kind == "variable":
        return True
    return token.text == "-" and i + 1 < len(row) and (row[i + 1].kind == "number" or row[i + 1].text in "($√π")


def _goes_back(row: list[Token], i: int) -> bool:
    """Whether what stands before belongs to the sum but can't be read: a function, a ratio, an operator."""
    if i == 0:
        return False
    before = row[i - 1]
    touching = before.end == row[i].start
    if before.text in ("+", "*", "/", "^", "…", "±", "ƒ", "!", ")", "¦", "|", "-", "≠", "√", "%"):
        return before.text != "-" or row[i].text != "-"
    if before.kind == "word":
        return before.text.lower() in _FUNCTIONS or (touching and row[i].text == "(")
    return touching and (before.text in (":", ".", ",", "_") or before.kind == "variable")


def _goes_forward(row: list[Token], i: int) -> bool:
    """Whether the sum goes on behind in a way that can't be read."""
    if i >= len(row):
        return False
    after = row[i]
    touching = row[i - 1].end == after.start
    if after.text in ("*", "/", "^", "…", "±", "ƒ", "_", "π", "√"):
        return True
    if after.text in ("+",):
        return True
    return touching and (after.text == ":" or after.kind == "variable" or after.text == "(")


def _judge(line: str, row: list[Token], at: int, sides: list[tuple[int, Side]], rounded: bool) -> list[Claim]:
    found: list[Claim] = []
    known: tuple[int, Side] | None = None
    for start, one in sides:
        if one.value is None:
            continue
        if known is not None and (known[1].operators or one.operators or (found and known[1].unit == one.unit)):
            left, right = known[1], one
            text = line[row[known[0]].start : row[one.whole - 1].end]
            loose = rounded or "≈" in text
            fine = agree(left, right, loose)
            running = not fine and right.operators > 0 and right.first is not None and _equal(left, right.first, loose)
            operands = tuple(number(t.text) for s in (left, right) if s.operators for t in s.operands)
            stated = None if right.operators else right.value
            worked = bool(left.operators or right.operators or found)
            counts = worked and not (set(operands) <= _TRIVIAL and not found)
            expression = line[row[known[0]].start : row[left.whole - 1].end]
            what = "" if fine or running else _what(expression[:CLIPPED], left, right)
            found.append(Claim(at, text[:CLIPPED], fine or running, what, operands, stated, counts))
        known = (start, one)
    return found


def _what(expression: str, left: Side, right: Side) -> str:
    if left.operators:
        return f"{expression} is {shown(left.value)}"
    return f"{expression} is not {shown(right.value)}"


def _equal(left: Side, value: Value, loose: bool) -> bool:
    plain = Side(value, 0, (), 0, "", value)
    return agree(left, plain, loose)


def agree(left: Side, right: Side, loose: bool) -> bool:
    """Whether two sides say the same, as people write: rounded, in per cent, in another unit."""
    a, b = left.value, right.value
    if a is None or b is None or a == b:
        return True
    slack = _slack(left, a) + _slack(right, b)
    if _near(a, b, slack, loose, right):
        return True
    hundredfold = left.percent or right.percent
    if hundredfold and (_near(a * 100, b, slack * 100, loose, right) or _near(a, b * 100, slack * 100, loose, right)):
        return True
    if left.unit != right.unit and b != 0 and a != 0:
        ratio = Fraction(a) / Fraction(b)
        ratio = abs(ratio)
        return any(abs(r - f) <= f * Fraction(1, 1000) for r in (ratio, 1 / ratio) for f in _FACTORS)
    return False


def _near(a: Value, b: Value, slack: float, loose: bool, right: Side) -> bool:
    off = abs(float(a) - float(b))
    size = max(abs(float(a)), abs(float(b)))
    if off <= 1e-9 * size:
        return isinstance(a, float) or isinstance(b, float) or a == b
    if off <= slack * 1.0001:
        return True
    if loose:
        return off <= max(0.5001, 0.02 * size, slack)
    return False


def _slack(one: Side, value: Value) -> float:
    """How far rounding may have moved a side: half of a stated number's last place, or of its operands' last places."""
    if not one.operators:
        places = _places(one.operands[-1]) + (2 if one.percent else 0) if one.operands else 0
        return 0.0 if places == 0 else 10.0**-places * (1.0 if places > 1 else 0.5)
    share = 0.0
    for operand in one.operands:
        places = _places(operand)
        size = abs(float(number(operand.text)))
        if places >= 2 and size:
            share += 0.5 * 10.0**-places / size
    return share * abs(float(value)) if share else 0.0


def _places(token: Token) -> int:
    return len(token.text.partition(".")[2])


def shown(value: Value | None) -> str:
    """A value as a reader wants it: 6, 2.5, 1/3, 3.1416."""
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:.6g}"
    share = Fraction(value)
    if share.denominator == 1:
        return str(share.numerator) if abs(share.numerator) < 10**20 else f"{float(share):.6g}"
    if share.denominator < 1000 and not _ends(share.denominator):
        return f"{share.numerator}/{share.denominator}" if abs(share.numerator) < 10**9 else f"{float(share):.6g}"
    return f"{float(share):.6g}"


def _ends(denominator: int) -> bool:
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator == 1
