"""Texts as runs of 64-bit words, many texts at once: what overlap is counted in.

Example: "A．甲、１,000元" and "a) 甲 1000 元" are the same three tokens: 甲, 1000, 元. NFKC and lower case; each Chinese
character, word of letters and number (1,000.5, 一千二百, twelve) is a token; punctuation, spaces and the letters before
options are none. Trap: grams of words between spaces see nothing in Chinese.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NUMERALS = "零〇一二三四五六七八九十百千万亿两"
_SPELT = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen half twice"
)
_OTHER, _LETTER, _HAN, _NUMBER = range(4)
_BMP = 0x10000
_BASE = np.uint64(0x9E3779B97F4A7C15)
_BACK = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_ANY_NUMBER = np.uint64(0x2545F4914F6CDD1D)
_TOP = np.uint64(48)  # bits that the highest sixteen stand above
_END = "\0"  # after each text
_AFTER_LABEL = ".:、)"


class Tokens(NamedTuple):
    words: Words
    masked: Words  # every number as one and the same
    telling: Flags  # Chinese characters and words of two letters and more: no number, no x
    bounds: Ints  # text i is words[bounds[i]:bounds[i + 1]]


def tokens(texts: Sequence[str]) -> Tokens:
    """The tokens of all texts in a row."""
    whole = "".join(text.replace(_END, " ") + _END for text in texts)
    if not whole.isascii():
        whole = unicodedata.normalize("NFKC", whole)
    codes = np.frombuffer(whole.lower().encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds(codes)
    codes, kinds = _numbers(codes, kinds)
    first = (kinds != _OTHER) & (kinds == _HAN)
    first[1:] |= (kinds[1:] != _OTHER) & (kinds[1:] != kinds[:-1])
    first[:1] |= kinds[:1] != _OTHER
    last = (kinds != _OTHER) & (kinds == _HAN)
    last[:-1] |= (kinds[:-1] != _OTHER) & (kinds[:-1] != kinds[1:])
    starts, ends = np.flatnonzero(first), np.flatnonzero(last) + 1
    kept = ~_labels(codes, kinds, starts, ends)
    starts, ends = starts[kept], ends[kept]
    up, down = _powers(len(codes))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(_mixed(codes.astype(np.uint64)) * up, out=sums[1:])
    words = _mixed((sums[ends] - sums[starts]) * down[starts])
    number = kinds[starts] == _NUMBER
    if _SPELT not in texts:  # which is read to know those words
        number |= _spelt(words)
    masked = np.where(number, _ANY_NUMBER, words)
    bounds = np.searchsorted(starts, np.flatnonzero(codes == 0))
    telling = ~number & ((kinds[starts] == _HAN) | (ends - starts > 1))
    return Tokens(words, masked, telling, np.concatenate([np.zeros(1, np.int64), bounds]))


def _spelt(words: Words) -> Flags:
    """Which of the tokens are English words for numbers."""
    known, maybe = _spelt_words()
    found: Flags = maybe[words >> _TOP]
    places = np.flatnonzero(found)
    found[places] = np.isin(words[places], known)
    return found


@functools.cache
def _spelt_words() -> tuple[Words, Flags]:
    known = tokens([_SPELT]).words
    maybe = np.zeros(1 << 16, np.bool_)
    maybe[known >> _TOP] = True
    return known, maybe


def grams(words: Words, n: int) -> Words:
    """A hash of each n words in a row; made by doubling, so that 13 cost six sums."""
    if len(words) < n:
        return np.empty(0, np.uint64)
    found: Words | None = None
    power, length, taken = words, 1, 0
    factor = _BASE
    factors = 1
    while length <= n:
        if n & length:
            size = len(words) - n + 1
            part = power[taken : taken + size]
            found = part.copy() if found is None else found * np.uint64(pow(int(_BASE), length, 1 << 64)) + part
            taken += length
        if length * 2 <= n:
            power = power[:-length] * factor + power[length:]
        length, factors = length * 2, factors * 2
        factor = np.uint64(pow(int(_BASE), factors, 1 << 64))
    assert found is not None
    return _mixed(found)


def _mixed(values: Words) -> Words:
    """Neighbouring values far apart, by wrapping sums."""
    values = (values ^ (values >> np.uint64(31))) * _MIX
    return values ^ (values >> np.uint64(29))


@functools.lru_cache(maxsize=2)
def _rounded(size: int) -> tuple[Words, Words]:
    up, down = np.full(size, _BASE), np.full(size, _BACK)
    up[0] = down[0] = 1
    return np.cumprod(up), np.cumprod(down)


def _powers(size: int) -> tuple[Words, Words]:
    up, down = _rounded(1 << max(16, size.bit_length()))
    return up[:size], down[: size + 1]


@functools.cache
def _table() -> NDArray[np.uint8]:
    """Kind of each character of the first plane."""
    table = np.zeros(_BMP, np.uint8)
    for code in range(_BMP):
        character = chr(code)
        if character.isdecimal() or character in _NUMERALS:
            table[code] = _NUMBER
        elif 0x3040 <= code < 0x3100 or 0x3400 <= code < 0xA000 or 0xF900 <= code < 0xFB00:
            table[code] = _HAN if character.isalpha() else _OTHER
        elif character.isalnum() or unicodedata.category(character)[0] == "M":
            table[code] = _LETTER
    return table


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    if not len(codes) or int(codes.max()) < _BMP:
        kinds: NDArray[np.uint8] = _table()[codes]
        return kinds
    kinds = _table()[np.minimum(codes, _BMP - 1)]
    kinds[codes >= _BMP] = _OTHER  # signs and pictures
    kinds[(codes >= 0x20000) & (codes < 0x33480)] = _HAN
    return kinds


def _numbers(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """A decimal point belongs to its number; a comma before three digits is left out of it."""
    inner = np.flatnonzero((codes == ord(".")) | (codes == ord(",")))
    inner = inner[(inner > 0) & (inner < len(codes) - 1)]
    digit = (codes >= ord("0")) & (codes <= ord("9"))
    inner = inner[digit[inner - 1] & digit[inner + 1]]
    points = inner[codes[inner] == ord(".")]
    commas = inner[codes[inner] == ord(",")]
    padded = np.concatenate([digit, np.zeros(4, np.bool_)])
    commas = commas[padded[commas + 2] & padded[commas + 3] & ~padded[commas + 4]]
    kinds[points] = _NUMBER
    if not len(commas):
        return codes, kinds
    kept = np.ones(len(codes), np.bool_)
    kept[commas] = False
    return codes[kept], kinds[kept]


def _labels(codes: NDArray[np.uint32], kinds: NDArray[np.uint8], starts: Ints, ends: Ints) -> Flags:
    """Which tokens are the letter before an option: `A.`, `b)`, `C、`."""
    single = (ends - starts == 1) & (kinds[starts] == _LETTER)
    letter = codes[starts]
    single &= (letter >= ord("a")) & (letter <= ord("h"))
    after = codes[np.minimum(ends, len(codes) - 1)]
    marks = np.array([ord(c) for c in _AFTER_LABEL], np.uint32)
    found: Flags = single & np.isin(after, marks)
    return found
