"""Texts packed small enough to publish a million of: a byte to a common sign, deflate, then 15 bits to a sign of UTF-16.

Example: `script("answers/1f2a-0", shard)` is a classic script, BENCH.put("answers/1f2a-0","㐀㣲…"), whose byte order mark
tells any browser its encoding. Chinese answers deflate to 31 % of their UTF-8, with a byte to a common sign to 25 %; English
ones stay as they were. bzip2 would make them a sixth smaller still, for as much time again as all of a site takes.
Base64 spends a third on being ASCII, 15 bits a sign a fifteenth. The first sign says how many bits of the last one are
filling. Signs are U+3000 to U+AFFF: no quote, no line end, no half of a pair, nothing that `<` could end.
"""

from __future__ import annotations

import functools
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST = 0x3000
BITS = 15
LEVEL, MEMORY = 5, 9  # of zlib: less work than level 6 for one byte in three hundred more
COMMON = 3755  # Chinese characters, level 1 of GB 2312: two bytes each
LEADS = 15  # first bytes of these
ESCAPE = 255  # before the three bytes of a rare sign
TWO = ESCAPE - LEADS  # the first of the first bytes
OWN = TWO - 128  # signs beyond ASCII that get a byte: those that this very text uses most
COUNTED = 4  # every how many-th sign is counted to find these

Units = NDArray[np.uint16]


def script(name: str, payload: Any) -> bytes:
    """The bytes of a data script."""
    line = f'BENCH.put({json.dumps(name)},"{signs(squeezed(payload))}")\n'
    return b"\xff\xfe" + line.encode("utf-16-le")


def squeezed(payload: Any) -> bytes:
    data = paged(json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, MEMORY)
    return squeezer.compress(data) + squeezer.flush()


def unpacked(text: str) -> Any:
    """What was packed, as the page unpacks it."""
    bits = "".join(f"{ord(sign) - FIRST:015b}" for sign in text[1:])
    data = int(bits or "0", 2).to_bytes(len(bits) // 8, "big")
    return json.loads(unpaged(zlib.decompress(data[: len(data) - (ord(text[0]) - FIRST)], -zlib.MAX_WBITS)))


# -- a code page of each text's own ------------------------------------------------------------------------------


def paged(text: str) -> bytes:
    """[how many signs have a byte of their own, these in UTF-16, the text]; half a character has no UTF-8, but comes through.

    No byte of the text is 0: codes are made as pairs, and the zeros of those that need but one are then left out.
    """
    if text.isascii():
        return b"\0" + text.encode("ascii")
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2")
    counts = np.bincount(units[::COUNTED], minlength=129)
    counts[:128] = 0
    there = np.flatnonzero(counts)
    own = there[np.argsort(-counts[there], kind="stable")[:OWN]]
    codes = _common_codes().copy()
    codes[own] = 128 + np.arange(own.size)
    written: Units = codes[units]
    if not written.all():
        written = _with_rare(units, written)
    said: bytes = written.astype(">u2").tobytes().translate(None, b"\0")
    page: bytes = own.astype(">u2").tobytes()
    return bytes([own.size]) + page + said


def unpaged(data: bytes) -> str:
    own = np.frombuffer(data, ">u2", data[0], 1)
    common = {code: sign for sign, code in enumerate(_common_codes().tolist()) if code > 255}
    found: list[int] = []
    rest = iter(data[1 + 2 * data[0] :])
    for byte in rest:
        if byte < 128:
            found.append(byte)
        elif byte < TWO:
            found.append(int(own[byte - 128]))
        elif byte < ESCAPE:
            found.append(common[byte << 8 | next(rest)])
        else:
            found.append((next(rest) & 63) << 12 | (next(rest) & 63) << 6 | next(rest) & 63)
    return np.array(found, "<u2").tobytes().decode("utf-16-le", "surrogatepass")


def _with_rare(units: Units, written: Units) -> Units:
    """Signs without a code as two pairs: the escape and four bits, six bits and six bits; 64 is added lest a byte be 0."""
    rare = np.flatnonzero(written == 0)
    signs_ = units[rare]
    written[rare] = ESCAPE << 8 | signs_ >> 12 | 64
    return np.insert(written, rare + 1, (signs_ >> 6 & 63 | 64) << 8 | signs_ & 63 | 64)


@functools.cache
def _common_codes() -> Units:
    """Of each sign its code, 0 where it has none; browsers know the same order by the name gb2312."""
    rows = bytes(byte for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF) for byte in (row, cell))
    common = np.frombuffer(rows[: 2 * COMMON].decode("gb2312").encode("utf-16-le"), "<u2")
    lead, second = np.divmod(np.arange(COMMON), 255)
    codes = np.zeros(65536, np.uint16)
    codes[:128] = np.arange(128)
    codes[common] = (TWO + lead) << 8 | second + 1
    return codes


# -- 15 bits to a sign -------------------------------------------------------------------------------------------


def signs(data: bytes) -> str:
    """15 bytes are eight signs; the rest is filled with zeros."""
    filling = -len(data) % BITS
    groups = np.frombuffer(data + bytes(filling), np.uint8).reshape(-1, BITS).astype(np.uint32)
    made = np.empty((len(groups), 8), "<u2")
    for k in range(8):  # sign k is made of bits 15k … 15k+14, which lie in two or three bytes
        at, skipped = divmod(BITS * k, 8)
        taken = groups[:, at] << 16 | groups[:, at + 1] << 8 | (groups[:, at + 2] if at + 2 < BITS else 0)
        made[:, k] = (taken >> (24 - BITS - skipped) & 0x7FFF) + FIRST
    return chr(FIRST + filling) + made.tobytes().decode("utf-16-le")
