"""Cuts a line of a solution into numbers, signs and words, and tells which words are the unit of a quantity.

Example: in "16 duck eggs - 3 = 13" the words "duck eggs" are a unit and skipped; in "3 + 2 are left" the "are" ends the
sum. Trap: one letter behind a number is a unit (5 m) or a variable (5x), and only the equation's other side could tell.
"""

from __future__ import annotations

import re
from typing import NamedTuple

UNIT_WORDS = 4

_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<variable>[A-Za-z](?:_\(?\w{1,9}\)?)(?![A-Za-z])|[A-Za-zθαβγλ](?![A-Za-z'’]))"
    r"|(?P<word>[A-Za-z]+(?:['’][a-z]+)?)|(?P<han>[\u3400-\u9fff]+)"
    r"|(?P<relation>[=≈])|(?P<sign>[-+*/^()%$€£¥￥√!π])|(?P<space>[ \t]+)|(?P<other>.)",
    re.DOTALL,
)
CURRENCY = frozenset("$€£¥￥")
OPERATORS = frozenset("+-*/^")
# words that end a quantity: "3 + 2 are left and the total = 12" does not say that 5 is 12
_NO_UNIT = frozenset(
    [
        "and",
        "so",
        "is",
        "are",
        "was",
        "were",
        "then",
        "which",
        "that",
        "or",
        "if",
        "but",
        "for",
        "with",
        "where",
        "let",
        "thus",
        "hence",
        "he",
        "she",
        "they",
        "we",
        "it",
        "i",
        "you",
        "has",
        "have",
        "had",
        "total",
        "because",
        "since",
        "gives",
        "get",
        "gets",
        "makes",
        "make",
        "leaves",
        "left",
        "altogether",
        "now",
        "therefore",
        "from",
        "to",
        "at",
        "by",
        "as",
        "the",
        "sum",
        "difference",
        "product",
        "quotient",
        "result",
        "answer",
        "number",
        "amount",
        "cost",
        "price",
        "value",
        "of",
        "in",
        "on",
    ]
)


class Token(NamedTuple):
    kind: str  # number variable word han relation sign other
    text: str
    start: int
    end: int


def tokens(line: str) -> list[Token]:
    return [
        Token(found.lastgroup or "other", found[0], found.start(), found.end())
        for found in _TOKEN.finditer(line)
        if found.lastgroup != "space"
    ]


def skip_unit(line: list[Token], at: int) -> tuple[int, str]:
    """Behind the unit words at this token, and these words; where something else follows, not a token further."""
    words: list[str] = []
    stop = min(len(line), at + 2 * UNIT_WORDS)
    i = at
    while i < stop and len(words) < UNIT_WORDS:
        token = line[i]
        if token.text == "/" and i + 1 < len(line) and line[i + 1].kind in ("word", "han"):
            i += 1
            continue
        unit = token.kind == "han" and len(token.text) <= 8
        unit = unit or (token.kind == "word" and token.text.lower() not in _NO_UNIT)
        unit = unit or (token.kind == "variable" and token.text in "mgslhLWVNJAKFC" and i == at)
        if not unit and token.text not in CURRENCY:
            break
        words.append(token.text)
        i += 1
    return (i, " ".join(w for w in words if w not in CURRENCY).lower()) if words else (at, "")
