"""Finds what a solution claims to be equal, works it out again and says what is wrong.

Example: claims(["3*2 = 7"]) has one claim, not right, `what` "3*2 is 6". Traps: "16 - 3 = 13 - 4 = 9" goes on counting behind
the equals sign, as people do, and is no mistake; "1 = 1" and "5 apples = 5" claim nothing; a line in another base, or
said to be wrong, can't be worked out again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.scorers._arithmetic import Side
from harness.scorers._arithmetic_agree import agree
from harness.scorers._arithmetic_chains import chains
from harness.scorers._arithmetic_tokens import Token, tokens
from harness.scorers._arithmetic_unknowns import Claim, Unknowns, clipped, what
from harness.scorers._exact import number

_ROUNDED = re.compile(
    r"\bround(?:ed|ing|s? up|s? down|s? to)?\b|approx|\babout\b|nearest|roughly|\baround\b|almost|nearly|estimat"
    r"|\b(?:full|whole|remainder|complete|left ?over|at (?:most|least))\b|约|近似|四舍五入|取整|余|≈",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"\bbase[- $(]*\d|\bmod\b|contradict|impossible|矛盾|进制|ƒ\(?mod", re.IGNORECASE)
_OFF = re.compile(r"[^%]{1,80}[-+]\s?\d[\d.]{0,20}\s?%")
_TRIVIAL = frozenset((0, 1))
_SHARE_LEADS = frozenset(("since", "if", "then", "because", "means", "that", "so"))


class Claims(NamedTuple):
    all: list[Claim]
    open: int  # equations in which something is done to an unknown, checked or not


def claims(lines: Sequence[str]) -> Claims:
    found: list[Claim] = []
    unknowns = Unknowns()
    for at, line in enumerate(lines):
        if ("=" in line or "≈" in line) and not _OTHERWISE.search(line):
            row = tokens(line)
            loose = bool(_ROUNDED.search(line))
            for chain in chains(row):
                found += _judge(line, row, at, chain, loose)
                unknowns.see(line, row, at, chain)
    return Claims(found + unknowns.claims(lines), unknowns.worked)


def _judge(line: str, row: list[Token], at: int, chain: Sequence[Side], loose: bool) -> list[Claim]:
    found: list[Claim] = []
    known: Side | None = None
    for one in chain:
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
    if not fine and _OFF.fullmatch(line[row[left.start].start : row[left.whole - 1].end]):
        return []  # 100 - 25% = 75: the share is of what stands before it
    operands = tuple(number(t.text) for s in (left, right) if s.operators for t in s.operands)
    stated = None if right.operators else right.value
    counts = goes_on or not set(operands) <= _TRIVIAL
    text = clipped(line[row[left.start].start : row[right.whole - 1].end])
    return [Claim(at, text, fine, "" if fine else what(line, row, left, right), operands, stated, counts)]


def _stands_for(row: list[Token], left: Side) -> bool:
    """Since 4/7 = $24: a share of something that was named before."""
    leads = left.start > 0 and row[left.start - 1].text.lower() in _SHARE_LEADS
    share = [number(t.text) for t in left.operands]
    return leads and left.operators == 1 and len(share) == 2 and 0 < share[0] < share[1] <= 20


def _runs_on(left: Side, right: Side, loose: bool) -> bool:
    """16 - 3 = 13 - 4 = 9."""
    return right.operators > 0 and right.first is not None and agree(left, Side(right.first, 0), loose)
