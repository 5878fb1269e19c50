"""Numbers worked out exactly and never larger than a machine likes: whole ones, fractions, and floats behind a root.

Example: power(9, 9**9) is None, since nobody finishes that; quotient(1, 3) is Fraction(1, 3) and not 0.333.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction

Value = int | Fraction | float

NUMBER = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"  # without a sign
MOST_BITS = 400  # of a number; what is larger is not worked out


def numbers(text: str) -> Iterator[Fraction]:
    """All that a text states, from left to right."""
    return (Fraction(number(found)) for found in re.findall(NUMBER, text))


def number(text: str) -> Value:
    digits = text.replace(",", "")
    if "." not in digits:
        return int(digits) if len(digits) < 100 else 10**100
    whole, _, part = digits.partition(".")
    part = part[:50]
    value = Fraction(int((whole[:100] or "0") + part), 10 ** len(part))
    return value.numerator if value.denominator == 1 else value


def bounded(value: Value | None) -> Value | None:
    """The value in its simplest type, None where it is too large to go on with."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            value = value.numerator
        elif max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
            return None
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return None
    if isinstance(value, float) and not (abs(value) < 1e15):
        return None
    return value


def quotient(value: Value, other: Value) -> Value | None:
    if other == 0:
        return None
    if isinstance(value, float) or isinstance(other, float):
        return float(value) / float(other)
    return Fraction(value) / Fraction(other)


def power(base: Value | None, exponent: Value | None) -> Value | None:
    if base is None or exponent is None or isinstance(exponent, float) or not -200 <= exponent <= 200:
        return None
    if exponent != int(exponent):
        return bounded(math.pow(base, exponent)) if float(base) > 0 else None
    whole = int(exponent)
    if base == 0 and whole <= 0:
        return None
    if isinstance(base, float):
        return bounded(math.pow(base, whole))
    share = Fraction(base)
    size = max(1, share.numerator.bit_length(), share.denominator.bit_length())
    return bounded(share**whole) if size * abs(whole) <= 2 * MOST_BITS else None


def root(value: Value) -> Value:
    if isinstance(value, float):
        return math.sqrt(value)
    share = Fraction(value)
    above, below = math.isqrt(share.numerator), math.isqrt(share.denominator)
    if above * above == share.numerator and below * below == share.denominator:
        return Fraction(above, below)
    return math.sqrt(float(share))


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
    """Whether its decimals end."""
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator == 1
