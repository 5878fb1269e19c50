"""Reads sums as people write them and works them out exactly: no eval, fractions, sizes bounded, units skipped.

Example: side(tokens("16 eggs - 3 eggs = 13"), 0) has value 13 and stands before the "=". Trap: what can't be worked out (a variable,
9^9^9^9, a sine) has the value None and is no error; a wrong "error" costs more trust than ten that are missed.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from harness.scorers._arithmetic_tokens import CURRENCY, OPERATORS, Token, skip_unit
from harness.scorers._exact import Value, bounded, number, power, quotient, root

DEEPEST = 25  # brackets in brackets
LONGEST = 300  # tokens of one side


class Side(NamedTuple):
    """What stands on one side of an equals sign."""

    value: Value | None
    end: int  # first token behind it, units skipped
    operands: tuple[Token, ...]
    operators: int
    unit: str
    first: Value | None  # the first operand's value: where a running sum goes on
    percent: bool = False
    whole: int = 0  # first token behind it before units were skipped


class Unreadable(Exception):
    """No sum begins here."""


def side(line: list[Token], start: int) -> Side | None:
    """The sum that begins at this token, as far as it goes; None where none does."""
    reader = _Reader(line, start)
    try:
        value = reader.sum(0)
    except (Unreadable, OverflowError, ZeroDivisionError, ValueError):
        return None
    whole = reader.at
    end, unit = skip_unit(line, whole)
    percent = whole > start and line[whole - 1].text == "%"
    return Side(value, end, tuple(reader.operands), reader.operators, unit, reader.first, percent, whole)


class _Reader:
    """Sum of products of powers, from left to right; it stops before what is no part of a sum."""

    def __init__(self, line: list[Token], at: int) -> None:
        self.line, self.at, self.limit = line, at, min(len(line), at + LONGEST)
        self.operands: list[Token] = []
        self.operators = 0
        self.first: Value | None = None
        self.begun = False

    def text(self, ahead: int = 0) -> str:
        i = self.at + ahead
        return self.line[i].text if i < self.limit else ""

    def kind(self, ahead: int = 0) -> str:
        i = self.at + ahead
        return self.line[i].kind if i < self.limit else ""

    def sum(self, depth: int) -> Value | None:
        value = self.product(depth)
        while self.text() in ("+", "-") and self._operand(1):
            sign = self.text()
            self.at += 1
            self.operators += 1
            other = self.product(depth)
            value = bounded(None if value is None or other is None else value + other if sign == "+" else value - other)
        return value

    def product(self, depth: int) -> Value | None:
        value = self.factor(depth)
        while True:
            sign = self.text()
            if sign in ("*", "/") and sign and self._operand(1):
                self.at += 1
            elif self._of():
                sign = "*"
            elif self._implied():
                sign = ""
            else:
                return value
            self.operators += 1
            other = self.factor(depth)
            if value is None or other is None:
                value = None
            else:
                value = bounded(quotient(value, other) if sign == "/" else value * other)

    def factor(self, depth: int) -> Value | None:
        sign = 1
        while self.text() in ("-", "+") and self.text():
            sign = -sign if self.text() == "-" else sign
            self.at += 1
        while self.text() in CURRENCY and self.text():
            self.at += 1
        if self.text() == "-" and self._operand(1):
            sign, self.at = -sign, self.at + 1
        value = self.atom(depth)
        while True:
            if self.text() == "%":
                self.at += 1
                value = (
                    None if value is None else Fraction(value) / 100 if not isinstance(value, float) else value / 100
                )
            elif self.text() == "!":
                self.at += 1
                whole = isinstance(value, int) and 0 <= value <= 30
                value = math.factorial(value) if whole and isinstance(value, int) else None
            elif self.text() == "^":
                self.at += 1
                self.operators += 1
                value = power(value, self.factor(depth + 1))
            else:
                break
        if not self.begun:
            self.begun, self.first = True, None if value is None else sign * value
        self._unit()
        return None if value is None else sign * value

    def atom(self, depth: int) -> Value | None:
        token = self.line[self.at] if self.at < self.limit else None
        if token is None or depth > DEEPEST:
            raise Unreadable
        self.at += 1
        if token.kind == "number":
            return self._number(token)
        if token.kind == "variable":
            return None
        if token.text == "(":
            value = self.sum(depth + 1)
            if self.text() != ")":
                raise Unreadable
            self.at += 1
            return value
        if token.text == "√":
            value = self.factor(depth + 1)
            return None if value is None or value < 0 else root(value)
        if token.text == "π":
            return math.pi
        if token.text == "ƒ":
            if self._operand(0):
                self.factor(depth + 1)
            return None
        raise Unreadable

    def _number(self, token: Token) -> Value | None:
        self.operands.append(token)
        value = number(token.text)
        mixed = (
            self.kind() == "number" and self.text(1) == "/" and self.kind(2) == "number"
            and "." not in token.text + self.text() and len(self.text()) < 4
        )  # fmt: skip
        if mixed:
            above, below = number(self.text()), number(self.text(2))
            if 0 < above < below < 1000:
                self.at += 3
                value += Fraction(int(above), int(below))
        elif self.kind() == "word" and self.text().lower() in _LARGE:
            value *= _LARGE[self.text().lower()]
            self.at += 1
        elif self.text()[:1] in ("万", "亿") and self.kind() == "han":
            value *= {"万": 10**4, "亿": 10**8}[self.text()[0]]
        return value

    def _operand(self, ahead: int) -> bool:
        """Whether a number, bracket, root or variable stands there, perhaps behind a sign or a currency."""
        for _ in range(3):
            if self.kind(ahead) in ("number", "variable") or self.text(ahead) in ("(", "√", "π", "ƒ"):
                return True
            if self.text(ahead) not in ("-", "$", "€", "£", "¥", "￥"):
                return False
            ahead += 1
        return False

    def _implied(self) -> bool:
        before = self.line[self.at - 1]
        if self.at >= self.limit:
            return False
        touching = self.line[self.at].start == before.end
        closes = before.text == ")" or before.kind in ("number", "variable") or before.text == "π"
        if not closes:
            return False
        if self.text() in ("√", "π"):
            return True
        if self.text() == "(":
            return touching or before.text == ")"
        if self.kind() == "variable":
            return touching or before.kind == "variable"
        return self.kind() == "number" and before.text == ")" and touching

    def _of(self) -> bool:
        """20% of 50, 1/2 of the 40."""
        if self.text() not in ("of", "的") or not (
            self.line[self.at - 1].text == "%" or (self.at > 1 and self.line[self.at - 2].text == "/")
        ):
            return False
        skipped = 2 if self.text(1) == "the" else 1
        if not (self._operand(skipped) and self.kind(skipped) != "variable"):
            return False
        self.at += skipped
        return True

    def _unit(self) -> None:
        """Skip a unit between an operand and an operator or a closing bracket."""
        end, unit = skip_unit(self.line, self.at)
        if not unit and end == self.at:
            return
        here = self.at
        self.at = end
        goes_on = (self.text() in OPERATORS and self.text() and self._operand(1)) or self.text() == ")"
        if not goes_on:
            self.at = here


_LARGE = {"thousand": 1000, "million": 10**6, "billion": 10**9}
