"""Finds the sums of a line that stand in a row between equals signs, and tells which of them can't be read whole.

Example: "so 2 + 3 = 5 = 10/2" has one chain of three sides. Trap: what stands before or behind a sum may belong to it, as
in "f(2) + 3 = 7", "1:2 + 3 = 4", "18 000" or "0.3…"; such a side has no value, rather than a wrong one.
"""

from __future__ import annotations

from harness.scorers._arithmetic import Side, side
from harness.scorers._arithmetic_tokens import CURRENCY, OPENS, Token

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
_BOUNDARIES = frozenset(",.;:!?(⇒、，。；：！？“”\"'’…¦|$")


def chains(row: list[Token]) -> list[list[Side]]:
    """Sums that stand in a row between equals signs; a side with value None can't be worked out."""
    found: list[list[Side]] = []
    i = 0
    while i < len(row):
        first = side(row, i) if _begins(row, i) else None
        if first is None:
            i += 1
            continue
        if not _relation(row, first.end):
            i = max(first.whole, i + 1)
            continue
        if _goes_back(row, i):
            first = first._replace(value=None, clean=False)
        chain = [first]
        i = first.end
        while _relation(row, i) and _begins(row, i + 1):
            following = side(row, i + 1)
            if following is None:
                break
            if _goes_forward(row, following.whole):
                following = following._replace(value=None, clean=False)
            chain.append(following)
            i = following.end if _relation(row, following.end) else following.whole
        found.append(chain)
        i = max(i, first.end + 1)
    return found


def _relation(row: list[Token], i: int) -> bool:
    return i < len(row) and row[i].kind == "relation"


def _begins(row: list[Token], i: int) -> bool:
    if i >= len(row):
        return False
    token = row[i]
    if token.kind in ("number", "variable") or token.text in OPENS or token.text in CURRENCY:
        return True
    return (
        token.text == "-"
        and i + 1 < len(row)
        and (row[i + 1].kind in ("number", "variable") or row[i + 1].text in "($√π")
    )


def _goes_back(row: list[Token], i: int) -> bool:
    """Whether what stands before belongs to the sum but can't be read: a function, a ratio, an operator."""
    if i == 0:
        return row[0].text == "-" and len(row) > 1 and row[1].start > row[0].end
    before = row[i - 1]
    touching = before.end == row[i].start
    if before.kind == "relation":
        return False
    if before.kind == "word":
        loose_minus = row[i].text == "-" and row[i + 1].start > row[i].end
        return (
            before.text.lower() in _FUNCTIONS
            or before.text in ("plus", "minus", "times")
            or (touching and row[i].kind != "number")
            or loose_minus
        )
    if before.text in ("¦", "!"):
        return row[i].text == "-" or (
            before.text == "!" and i > 1 and row[i - 2].end == before.start and row[i - 2].kind != "word"
        )
    if before.kind == "han":
        return row[i].text == "-" and not touching
    if (
        before.text == ","
        and row[i].kind == "number"
        and len(row[i].text) == 3
        and i > 1
        and row[i - 2].kind == "number"
    ):
        return True  # $400, 000
    if before.text == ":":
        return touching and i > 1 and row[i - 2].kind == "number"
    beside = touching and before.text in (".", ",", "…", "|", "'") and row[i].text != "$"
    return before.text not in _BOUNDARIES or beside


def _goes_forward(row: list[Token], i: int) -> bool:
    """Whether the sum goes on behind in a way that can't be read."""
    if i >= len(row):
        return False
    after = row[i]
    touching = row[i - 1].end == after.start
    if after.text in ("$", "¦") and i + 1 < len(row):
        behind = row[i + 1]
        return behind.text in ("remainder", "R", "r", "ƒ", "…") or (after.text == "¦" and behind.text[:1] in "-+.")
    if after.text in ("*", "/", "^", "…", "±", "ƒ", "_", "π", "√", "+", "≠", "R", "r", "remainder", "mod", "!"):
        return True
    if after.text[:1] == "余":
        return True
    ahead = row[i + 1] if i + 1 < len(row) else None
    if after.kind == "number" and len(after.text) == 3:
        return True  # 18 000
    if after.text == "and":
        return ahead is not None and (ahead.kind == "number" or ahead.text in CURRENCY)
    if touching and after.text in (":", ".") and ahead is not None and ahead.start == after.end:
        return ahead.kind == "number" or ahead.text in ("ƒ", ".")
    if after.text == "." and ahead is not None and ahead.text in ("ƒ", "."):
        return True
    return touching and (after.kind == "variable" or (after.text == "(" and _begins(row, i + 1)))
