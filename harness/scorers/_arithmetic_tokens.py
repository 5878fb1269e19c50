"""Cuts a line of a solution into numbers, signs and words, and tells which words are the unit of a quantity.

Example: in "16 duck eggs - 3 = 13" the words "duck eggs" are a unit and skipped; in "3 + 2 are left" the "are" ends the
sum. Trap: one letter behind a number is a unit (5 m) or a variable (5x), and only the equation's other side could tell.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from harness.scorers._exact import NUMBER

UNIT_WORDS = 4
MOST_WORDS = 12  # between a number and its operator

_TOKEN = re.compile(
    rf"(?P<number>{NUMBER})"
    r"|(?P<article>(?<![+*/=^(-] )(?<![\w)$])[aAI](?= (?:[a-zA-Z]{2}|[$\d])))|(?P<variable>[A-Za-z](?:_\(?\w{1,9}\)?|\d{1,2}(?!\d))(?![A-Za-z])|[A-Za-zθαβγλ](?![A-Za-z'’]))"
    r"|(?P<word>[A-Za-z]+(?:['’][a-z]*)?)|(?P<han>[\u3400-\u9fff]+)"
    r"|(?P<relation>[=≈])|(?P<sign>[-+*/^()%$€£¥￥√!π])|(?P<space>[ \t]+)|(?P<other>.)",
    re.DOTALL,
)
CURRENCY = frozenset("$€£¥￥")
OPENS = frozenset("(√πƒ")  # an operand, besides numbers and variables
OPERATORS = frozenset("+-*/^")
# words that end a quantity: "3 + 2 are left and the total = 12" does not say that 5 is 12
_SAYS = frozenset(
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
        "remainder",
        "mod",
        "earns",
        "needs",
        "pays",
        "total",
    ]
)
_JOINS = frozenset(["remainder", "because", "so", "since", "then", "which", "that"])
_NO_UNIT = _SAYS.difference(["total"]) | frozenset(
    ["from", "to", "at", "by", "as", "the", "of", "in", "on", "for", "with"]
)
_SHORT_UNITS = frozenset(
    [
        "cm",
        "mm",
        "km",
        "kg",
        "mg",
        "ml",
        "lb",
        "lbs",
        "oz",
        "ft",
        "in",
        "yd",
        "mi",
        "gal",
        "pt",
        "qt",
        "hr",
        "hrs",
        "min",
        "mins",
        "sec",
        "secs",
        "am",
        "pm",
        "th",
        "st",
        "nd",
        "rd",
        "mph",
        "kmh",
        "kb",
        "mb",
        "gb",
        "tb",
        "usd",
        "rmb",
        "tv",
        "cc",
        "dm",
        "g",
        "m",
        "l",
        "s",
        "h",
        "x",
        "pcs",
        "pc",
        "day",
        "days",
    ]
)


class Token(NamedTuple):
    kind: str  # number variable word han relation sign other
    text: str
    start: int
    end: int


def tokens(line: str) -> list[Token]:
    found: list[Token] = []
    for match in _TOKEN.finditer(line):
        kind = match.lastgroup or "other"
        if kind == "space":
            continue
        if kind == "article":
            kind = "word"
        elif kind == "word" and match.end() - match.start() <= 4 and _is_product(match[0], found, match.start()):
            kind = "variable"
        found.append(Token(kind, match[0], match.start(), match.end()))
    return found


def _is_product(word: str, before: list[Token], start: int) -> bool:
    """Whether a short word is variables side by side: 2xy, AB; not 5kg."""
    if word.lower() in _SHORT_UNITS:
        return False
    behind = bool(before) and (before[-1].kind == "number" or before[-1].text == ")") and before[-1].end == start
    return len(word) < 4 or word.islower() if behind else word.isupper() and len(word) < 4


def skip_unit(line: list[Token], at: int) -> tuple[int, str]:
    """Behind the unit words at this token, and these words; where something else follows, not a token further."""
    words: list[str] = []
    i = at
    if i + 2 < len(line) and line[i].text == "(" and line[i + 1].kind in ("word", "han"):
        i = _aside(line, i)
    while i < len(line) and len(words) < UNIT_WORDS:
        token = line[i]
        if token.text == "/" and i + 1 < len(line) and line[i + 1].kind in ("word", "han"):
            i += 1
            continue
        if not _is_unit(line, i, at):
            break
        words.append(token.text)
        i += 1
    return (i, " ".join(words).lower()) if words or i > at else (at, "")


def _is_unit(line: list[Token], i: int, at: int) -> bool:
    token = line[i]
    if token.kind == "han":
        return len(token.text) <= 8
    if token.kind == "word":
        return token.text.lower() not in _NO_UNIT
    if i > at:
        return False
    if token.kind == "variable":
        return token.text in "mgslhLWVNJAKFC" and i > 0 and line[i - 1].end < token.start
    return token.text in CURRENCY


def skip_words(line: list[Token], at: int) -> int:
    """Behind all words at this token, however many of them: "20 cards she had at first + 100 cards"."""
    i = _aside(line, at)
    while i < min(len(line), at + MOST_WORDS) and line[i].kind == "word" and line[i].text not in _JOINS:
        i += 1
    return _aside(line, i)


def skip_phrase(line: list[Token], at: int) -> int:
    """Behind the words between a sum and its equals sign: "6 gifts + 2 gifts for the teachers = 8"."""
    end = skip_words(line, at)
    said = any(token.kind == "word" and token.text.lower() in _SAYS for token in line[at:end])
    return at if said else end


def _aside(line: list[Token], at: int) -> int:
    """Behind words in brackets: 10 (for Mico) + 10."""
    if at >= len(line) or line[at].text != "(":
        return at
    i = at + 1
    while i < min(len(line), at + MOST_WORDS) and (line[i].kind in ("word", "han") or line[i].text == "'"):
        i += 1
    return i + 1 if i > at + 1 and i < len(line) and line[i].text == ")" else at
