"""Reads sums as people write them and works them out exactly: no eval, fractions, sizes bounded, units skipped.

Example: side(tokens("16 eggs - 3 eggs = 13"), 0) has value 13 and stands before the "=". Trap: what can't be worked out (a variable,
9^9^9^9, a sine) has the value None and is no error; a wrong "error" costs more trust than ten that are missed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from harness.scorers._arithmetic_tokens import CURRENCY, OPENS, OPERATORS, Token, skip_phrase, skip_unit, skip_words
from harness.scorers._exact import Value, bounded, number, power, quotient, root

DEEPEST = 25  # brackets in brackets
LONGEST = 300  # tokens of one side


class Side(NamedTuple):
    """What stands on one side of an equals sign."""

    value: Value | None
    end: int  # first token behind it, units skipped
    operands: tuple[Token, ...] = ()
    operators: int = 0
    units: tuple[str, ...] = ()  # of the operands, and behind the whole
    first: Value | None = None  # the first operand's value: where a running sum goes on
    percent: bool = False
    whole: int = 0  # first token behind it before units were skipped
    names: frozenset[str] = frozenset()  # of its variables
    start: int = 0
    clean: bool = True  # False: what stands beside it may belong to it


class Unreadable(Exception):
    """No sum begins here."""


def side(line: list[Token], start: int, values: Mapping[str, Value] | None = None) -> Side | None:
    """The sum that begins at this token, as far as it goes; None where none does. `values`: of variables."""
    reader = _Reader(line, start, values or {})
    try:
        value = reader.sum(0)
    except (Unreadable, OverflowError, ZeroDivisionError, ValueError):
        return None
    whole = reader.at
    end, unit = skip_unit(line, whole)
    if reader.operators and (end == len(line) or line[end].kind != "relation"):
        behind = skip_phrase(line, whole)
        end = behind if behind < len(line) and line[behind].kind == "relation" else end
    percent = whole > start and line[whole - 1].text == "%"
    units = (*reader.units, unit) if unit or not reader.units else tuple(reader.units)
    return Side(
        value, end, tuple(reader.operands), reader.operators, units, reader.first, percent, whole,
        frozenset(reader.names), start,
    )  # fmt: skip


class _Reader:
    """Sum of products of powers, from left to right; it stops before what is no part of a sum."""

    def __init__(self, line: list[Token], at: int, values: Mapping[str, Value]) -> None:
        self.line, self.at, self.limit = line, at, min(len(line), at + LONGEST)
        self.values = values
        self.operands: list[Token] = []
        self.units: list[str] = []
        self.names: set[str] = set()
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
            if sign in ("*", "/") and self._operand(1):
                sign = "?" if sign == "/" and self._by_a_share() else sign
                self.at += 1
            elif self._of():
                sign = "*"
            elif (implied := self._implied()) is not None:
                sign = implied
            else:
                return value
            self.operators += 1
            other = self.factor(depth)
            if value is None or other is None or sign == "?":
                value = None
            else:
                value = bounded(quotient(value, other) if sign == "/" else value * other)

    def factor(self, depth: int) -> Value | None:
        sign = 1
        while self.text() in ("-", "+"):
            sign = -sign if self.text() == "-" else sign
            self.at += 1
        while self.text() in CURRENCY:
            self.at += 1
            self.units.append("$")
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
                whole = isinstance(value, int) and 0 <= value <= 30 and self.text() != "!"
                value = math.factorial(value) if whole and isinstance(value, int) else None
            elif self.text() == "^":
                self.at += 1
                self.operators += 1
                value = power(value, self.factor(depth + 1))
            else:
                break
        if not self.begun:  # the innermost comes first: of "(13 - 4)" the bracket counts, not the 13
            self.begun = True
            self.first = None if value is None or depth else sign * value
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
            self.names.add(token.text)
            return self.values.get(token.text)
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
            if self.kind(ahead) in ("number", "variable") or self.text(ahead) in OPENS:
                return True
            if self.text(ahead) != "-" and self.text(ahead) not in CURRENCY:
                return False
            ahead += 1
        return False

    def _implied(self) -> str | None:
        """A product without a sign: 2(3), 2πr, 3√2; "?" where it may be one, as in "4 (13 + 5)" and "Step 4 (13 + 5)"."""
        before = self.line[self.at - 1]
        if self.at >= self.limit:
            return None
        touching = self.line[self.at].start == before.end
        symbol = before.kind == "variable" or before.text in ("π", ")")
        if self.kind() == "variable":
            return "*" if touching or (symbol and self.text() not in ("a", "A", "I")) else None
        if self.text() in ("√", "π"):
            return "*" if symbol or before.kind == "number" else None
        if self.text() == "(" and (symbol or before.kind == "number"):
            if not self._operand(1):
                return None  # 2 (boxes)
            return "*" if touching or symbol else "?"
        if self.kind() == "number" and symbol:
            return "*" if touching else "?"
        return "?" if self.kind() == "number" and self._after_power() else None

    def _by_a_share(self) -> bool:
        """60 / 3/4 may be 60 / (3/4)."""
        share = self.line[self.at + 1 : self.at + 4]
        if len(share) < 3 or share[1].text != "/" or share[0].kind != "number" or share[2].kind != "number":
            return False
        tight = share[0].end == share[1].start and share[1].end == share[2].start
        here = self.line[self.at]
        return tight and (here.end < share[0].start or self.line[self.at - 1].end < here.start)

    def _after_power(self) -> bool:
        """2^6 7^2 is a product."""
        return self.at > 1 and self.line[self.at - 2].text == "^" and self.at + 1 < self.limit and self.text(1) == "^"

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
        for behind in (end, skip_words(self.line, self.at)):
            if behind > self.at and behind < self.limit:
                here, self.at = self.at, behind
                if (self.text() in OPERATORS and self._operand(1)) or self.text() == ")":
                    self.units += [unit] if unit else []
                    return
                self.at = here


_LARGE = {"thousand": 1000, "million": 10**6, "billion": 10**9}
