"""Finds what a solution claims to be equal, works it out again and says what is wrong; unknowns are put in where known.

Example: claims(["3*2 = 7"]) has one claim, not right, `what` "3*2 is 6"; claims(["2x + 3 = 13", "x = 4"]) says "with x = 4,
2x + 3 is 11". Traps: "16 - 3 = 13 - 4 = 9" goes on counting behind the equals sign, as people do, and is no mistake;
"1 = 1" and "5 apples = 5" claim nothing; what stands before a sum may belong to it (f(2) + 3 = 7, π (6) = 6π).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from harness.scorers._arithmetic import Side, side
from harness.scorers._arithmetic_agree import agree
from harness.scorers._arithmetic_chains import chains
from harness.scorers._arithmetic_tokens import Token, tokens
from harness.scorers._exact import Value, number, shown

_ROUNDED = re.compile(
    r"round|approx|about|nearest|roughly|around|almost|nearly|estimat|\b(?:full|whole|remainder|complete|left ?over|at (?:most|least))\b|约|近似|四舍五入|取整|≈",
    re.IGNORECASE,
)
# a line in another base, modulo a number, or that is said to be wrong, can't be worked out again
_OTHERWISE = re.compile(r"\bbase[- $(]*\d|\bmod\b|contradict|impossible|矛盾|进制|ƒ\(?mod", re.IGNORECASE)
_CASES = re.compile(
    r"\b(?:cases?|cannot|can't|no (?:real )?solutions?|suppose|assum\w+|if|either|or|try\w*|equality|instead|contradict\w*)\b|±|⇒ ?or"
    r"|或|假设|如果|若|情况|矛盾|无解",
    re.IGNORECASE,
)
_TRIVIAL = frozenset((0, 1))
_MOST_VALUES = 40  # variables that are followed
CLIPPED = 120


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
    loose: bool


def claims(lines: Sequence[str]) -> list[Claim]:
    found: list[Claim] = []
    unsolved: list[_Open] = []
    values: dict[str, set[Value | None]] = {}
    for at, line in enumerate(lines):
        if ("=" in line or "≈" in line) and not _OTHERWISE.search(line):
            row = tokens(line)
            for chain in chains(row):
                found += _judge(line, row, at, chain, unsolved)
                _assign(row, chain, values)
    if any(_CASES.search(line) for line in lines):
        values = {}  # a value of one case does not solve the equations of another
    known: dict[str, Value] = {}
    for name, said in values.items():
        value = next(iter(said)) if len(said) == 1 else None
        if value is not None and not isinstance(value, float):
            known[name] = value

    return found + [claim for one in unsolved for claim in _put_in(one, known)]


def _judge(line: str, row: list[Token], at: int, chain: list[Side], unsolved: list[_Open]) -> list[Claim]:
    found: list[Claim] = []
    rounded = bool(_ROUNDED.search(line))
    known: Side | None = None
    before: Side | None = None
    for one in chain:
        loose = rounded
        if before is not None and (one.names or before.names) and one.clean and before.clean:
            unsolved.append(_Open(at, line, row, before, one, loose))
        before = one
        if one.value is None:
            continue
        if known is not None and (known.operators or one.operators or (found and known.units == one.units)):
            found += _pair(line, row, at, known, one, loose, bool(found))
        known = one
    return found


def _pair(line: str, row: list[Token], at: int, left: Side, right: Side, loose: bool, goes_on: bool) -> list[Claim]:
    fine = agree(left, right, loose) or _runs_on(left, right, loose)
    if not fine and not goes_on and (not left.operators or _stands_for(row, left)):
        return []  # "angle 2 = 180 - 40": the 2 is a name
    operands = tuple(number(t.text) for s in (left, right) if s.operators for t in s.operands)
    stated = None if right.operators else right.value
    counts = goes_on or not set(operands) <= _TRIVIAL
    text = line[row[left.start].start : row[right.whole - 1].end]
    return [Claim(at, text[:CLIPPED], fine, "" if fine else _what(line, row, left, right), operands, stated, counts)]


def _stands_for(row: list[Token], left: Side) -> bool:
    """Since 4/7 = $24: a share of something that was named before."""
    leads = left.start > 0 and row[left.start - 1].text.lower() in (
        "since",
        "if",
        "then",
        "because",
        "means",
        "that",
        "so",
    )
    share = [number(t.text) for t in left.operands]
    return leads and left.operators == 1 and len(share) == 2 and 0 < share[0] < share[1] <= 20


def _runs_on(left: Side, right: Side, loose: bool) -> bool:
    """16 - 3 = 13 - 4 = 9."""
    return right.operators > 0 and right.first is not None and agree(left, Side(right.first, 0), loose)


def _what(line: str, row: list[Token], left: Side, right: Side) -> str:
    expression = line[row[left.start].start : row[left.whole - 1].end][:CLIPPED]
    if left.operators:
        return f"{expression} is {shown(left.value)}"
    return f"{expression} is not {shown(right.value)}"


# -- unknowns -----------------------------------------------------------------------------------------------


def _assign(row: list[Token], chain: list[Side], values: dict[str, set[Value | None]]) -> None:
    """Note "x = (12 - 2)/2 = 5": what the variable that stands alone is said to be in the end."""
    first = chain[0]
    alone = len(first.names) == 1 and not first.operators and not first.operands and first.clean
    if alone and len(values) < _MOST_VALUES:
        values.setdefault(next(iter(first.names)), set()).add(chain[-1].value)


def _somewhere(names: frozenset[str]) -> dict[str, Value]:
    """A point that no one has in mind, the same in every run."""
    return {name: Fraction(1013 + 97 * sum(map(ord, name)), 89 + 2 * ord(name[0])) for name in names}


def _put_in(one: _Open, known: dict[str, Value]) -> list[Claim]:
    """The claim with its unknowns put in: an identity holds anywhere, an equation at what was found to solve it."""
    names = one.left.names | one.right.names
    text = one.line[one.row[one.left.start].start : one.row[one.right.whole - 1].end][:CLIPPED]
    if one.left.operators or one.right.operators:
        anywhere = _somewhere(names)
        left, right = side(one.row, one.left.start, anywhere), side(one.row, one.right.start, anywhere)
        if left and right and left.value is not None and right.value is not None and agree(left, right, False):
            return [Claim(one.at, text, True, "")]
    alone = any(s.names and not s.operators and not s.operands for s in (one.left, one.right))
    named = one.left.start > 0 and one.row[one.left.start - 1].kind == "word" and not one.left.names
    if alone or named or len(names) > 1 or not names <= known.keys() or "^" in text or "√" in text:
        return []
    left, right = side(one.row, one.left.start, known), side(one.row, one.right.start, known)
    if not left or not right or left.value is None or right.value is None:
        return []
    fine = agree(left, right, one.loose)
    where = ", ".join(f"{name} = {shown(known[name])}" for name in sorted(names))
    return [
        Claim(one.at, text, fine, "" if fine else f"with {where}, {_what(one.line, one.row, left, right)}"[:CLIPPED])
    ]
