"""Claims with letters in them: an identity holds anywhere, an equation at what was found to solve it, some never.

Example: with "x = 4" said later, "2x + 3 = 13" is wrong ("with x = 4, 2x + 3 is 11"); "n(n + 1) = n^2 + n + 2" is wrong
whatever n is. Trap: a value found for one case solves no other case's equation, so a text that speaks of cases is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from harness.scorers._arithmetic import Side, side
from harness.scorers._arithmetic_agree import agree
from harness.scorers._arithmetic_tokens import Token
from harness.scorers._exact import Value, shown

CLIPPED = 120
MOST = 200  # equations with unknowns that are looked at
_MOST_NAMES = 40
_CASES = re.compile(
    r"\b(?:cases?|cannot|can't|no (?:real )?solutions?|suppose|assum\w+|if|either|or|try\w*|equality|instead|contradict\w*)\b"
    r"|±|或|假设|如果|若|情况|矛盾|无解",
    re.IGNORECASE,
)


_CALL = re.compile(r"[fghpqFGHPQ]\s?\(")  # p(3) is no product


class Claim(NamedTuple):
    line: int
    text: str  # the two sides, as they stand
    right: bool
    what: str  # what the left side really is, where it isn't right
    operands: tuple[Value, ...] = ()
    result: Value | None = None  # as stated
    counts: bool = True  # False: nothing was worked out, like 5 = 5 or 0 + 0 = 0


class _Open(NamedTuple):
    """Two sides with unknowns."""

    at: int
    line: str
    row: list[Token]
    left: Side
    right: Side

    @property
    def text(self) -> str:
        return clipped(self.line[self.row[self.left.start].start : self.row[self.right.whole - 1].end])


class Unknowns:
    """Collects a text's equations with unknowns, and what these are said to be."""

    def __init__(self) -> None:
        self.open: list[_Open] = []
        self._values: dict[str, set[Value | None]] = {}

    def see(self, line: str, row: list[Token], at: int, chain: Sequence[Side]) -> None:
        for left, right in pairwise(chain):
            if (left.names or right.names) and left.clean and right.clean and len(self.open) < MOST:
                self.open.append(_Open(at, line, row, left, right))
        first = chain[0]
        alone = len(first.names) == 1 and not first.operators and not first.operands and first.clean
        if alone and len(self._values) < _MOST_NAMES:  # "x = (12 - 2)/2 = 5": what it is in the end
            self._values.setdefault(next(iter(first.names)), set()).add(chain[-1].value)

    @property
    def worked(self) -> int:
        return sum(bool(one.left.operators or one.right.operators) for one in self.open)

    def claims(self, lines: Sequence[str]) -> list[Claim]:
        if not self.open:
            return []
        cases = any(_CASES.search(line) for line in lines)
        known: dict[str, Value] = {}
        for name, said in self._values.items():
            value = next(iter(said)) if len(said) == 1 and not cases else None
            if value is not None and not isinstance(value, float):
                known[name] = value
        found: list[Claim] = []
        for one in self.open:
            found += _anywhere(one, cases) or _at(one, known)
        return found


def clipped(text: str) -> str:
    """A piece of a line as a reader wants it: ((1)/(2)) is 1/2 again, and a formula's opening sign goes."""
    text = re.sub(r" {2,}", " ", re.sub(r"^\$+\s?(?!\d)", "", text))
    return re.sub(r"\(\((\d+)\)/\((\d+)\)\)", r"\1/\2", text)[:CLIPPED]


def what(line: str, row: list[Token], left: Side, right: Side) -> str:
    expression = clipped(line[row[left.start].start : row[left.whole - 1].end])
    if left.operators:
        return f"{expression} is {shown(left.value)}"
    return f"{expression} is not {shown(right.value)}"


def _anywhere(one: _Open, cases: bool) -> list[Claim]:
    """An identity, or an equation that nothing solves since its sides differ by the same everywhere."""
    halves = {half.replace(" ", "") for half in one.text.split("=")}
    if not (one.left.operators or one.right.operators) or len(halves) == 1:
        return []  # x + 1 = x + 1 says nothing
    apart: set[Fraction] = set()
    for turn in range(3):
        point = {name: _somewhere(name, turn) for name in one.left.names | one.right.names}
        left, right = side(one.row, one.left.start, point), side(one.row, one.right.start, point)
        if left is None or right is None or left.value is None or right.value is None:
            return []
        if turn == 0 and agree(left, right, False):
            return [Claim(one.at, one.text, True, "")]
        both = one.left.names and one.right.names and one.left.operators and one.right.operators
        if (
            cases
            or not both
            or _CALL.search(one.text)
            or isinstance(left.value, float)
            or isinstance(right.value, float)
        ):
            return []
        apart.add(Fraction(left.value) - Fraction(right.value))
        if len(apart) > 1:
            return []
    return [Claim(one.at, one.text, False, f"the sides differ by {shown(next(iter(apart)))} everywhere")]


def _somewhere(name: str, turn: int) -> Fraction:
    """A value that no one has in mind, the same in every run."""
    return Fraction(1013 + 97 * sum(map(ord, name)) + 389 * turn, 89 + 2 * ord(name[0]) + 6 * turn)


def _at(one: _Open, known: dict[str, Value]) -> list[Claim]:
    names = one.left.names | one.right.names
    alone = any(s.names and not s.operators and not s.operands for s in (one.left, one.right))
    named = one.left.start > 0 and one.row[one.left.start - 1].kind == "word" and not one.left.names
    if alone or named or len(names) > 1 or not names <= known.keys() or "^" in one.text or "√" in one.text:
        return []
    left, right = side(one.row, one.left.start, known), side(one.row, one.right.start, known)
    if left is None or right is None or left.value is None or right.value is None:
        return []
    fine = agree(left, right, False)
    where = ", ".join(f"{name} = {shown(known[name])}" for name in sorted(names))
    told = "" if fine else f"with {where}, {what(one.line, one.row, left, right)}"[:CLIPPED]
    return [Claim(one.at, one.text, fine, told)]
