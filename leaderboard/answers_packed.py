"""Texts packed small enough to publish a million of: deflate, written 15 bits to a sign of UTF-16.

Example: `script("answers/1f2a-0", shard)` is a classic script, BENCH.put("answers/1f2a-0","㐀㣲…"), whose byte order mark
tells any browser its encoding. Base64 spends a third on being ASCII, this a fifteenth. The first sign says how many bits of
the last one are filling. Signs are U+3000 to U+AFFF: no quote, no line end, no half of a pair, nothing that `<` could end.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

FIRST = 0x3000
LEVEL, MEMORY = 5, 9  # of zlib: a quarter less work than level 6 for one byte in a hundred more
BITS = 15


def script(name: str, payload: Any) -> bytes:
    """The bytes of a data script."""
    line = f'BENCH.put({json.dumps(name)},"{signs(deflated(payload))}")\n'
    return b"\xff\xfe" + line.encode("utf-16-le")


def deflated(payload: Any) -> bytes:
    raw = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        data = raw.encode("utf-8")
    except UnicodeEncodeError:  # half a character has no UTF-8
        data = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode("ascii")
    squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, MEMORY)
    return squeezer.compress(data) + squeezer.flush()


def signs(data: bytes) -> str:
    """15 bytes are eight signs; the rest is filled with zeros."""
    import numpy as np

    filling = -len(data) % BITS
    groups = np.frombuffer(data + bytes(filling), np.uint8).reshape(-1, BITS).astype(np.uint32)
    made = np.empty((len(groups), 8), "<u2")
    for k in range(8):  # sign k is made of bits 15k … 15k+14, which lie in two or three bytes
        at, skipped = divmod(BITS * k, 8)
        taken = groups[:, at] << 16 | groups[:, at + 1] << 8 | (groups[:, at + 2] if at + 2 < BITS else 0)
        made[:, k] = (taken >> (24 - BITS - skipped) & 0x7FFF) + FIRST
    return chr(FIRST + filling) + made.tobytes().decode("utf-16-le")


def unpacked(text: str) -> Any:
    """What was packed, as the page unpacks it."""
    bits = "".join(f"{ord(sign) - FIRST:015b}" for sign in text[1:])
    data = int(bits or "0", 2).to_bytes(len(bits) // 8, "big")
    return json.loads(zlib.decompress(data[: len(data) - (ord(text[0]) - FIRST)], -zlib.MAX_WBITS))
