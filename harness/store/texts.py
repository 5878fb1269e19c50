"""Texts in and out of SQLite: model output is hostile (NUL bytes, lone surrogates, a megabyte of one letter).

Three encodings, named in the column `enc` beside the text:
0 the text itself · 1 deflate with a preset dictionary (made by compacting) · 2 escaped, for what UTF-8 cannot hold.
Example: a JSON answer cut inside an emoji ends in "\\ud83d"; sqlite3 refuses to bind it, so it is stored as the six
characters `\\ud83d` with every real backslash doubled, readable in any tool and exact on the way back.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

PLAIN, DEFLATED, ESCAPED = 0, 1, 2
PLAIN_BELOW_BYTES = 200  # deflating shorter ones saves nothing and hides them from other tools
DICTIONARY_BYTES = 32_768  # zlib's window: more is never looked at

_ESCAPE = re.compile(r"\\\\|\\u(d[89a-f][0-9a-f]{2})")


def storable(text: str) -> tuple[int, str]:
    """(enc, text) as written by default: the text itself, or escaped where it is not valid Unicode."""
    return (PLAIN, text) if _valid(text) else (ESCAPED, escape(text))


def encode(text: str, dictionary: bytes = b"") -> tuple[int, str | bytes]:
    """(enc, value), deflated where that pays."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) >= PLAIN_BELOW_BYTES:
        packed = deflate(raw, dictionary)
        if len(packed) < len(raw):
            return DEFLATED, packed
    return storable(text)


def decode(enc: int, value: str | bytes, dictionary: bytes = b"") -> str:
    """The text that `storable` or `encode` was given; `dictionary` must be the one it was encoded with."""
    if enc == DEFLATED:
        return inflate(_bytes(value), dictionary).decode("utf-8", "surrogatepass")
    text = value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")
    if enc == ESCAPED:
        return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else "\\", text)
    return text


def deflate(raw: bytes, dictionary: bytes = b"") -> bytes:
    squeeze = zlib.compressobj(6, zdict=dictionary) if dictionary else zlib.compressobj(6)
    return squeeze.compress(raw) + squeeze.flush()


def inflate(packed: bytes, dictionary: bytes = b"") -> bytes:
    stretch = zlib.decompressobj(zdict=dictionary) if dictionary else zlib.decompressobj()
    return stretch.decompress(packed) + stretch.flush()


def dictionary(texts: Iterable[str]) -> bytes:
    """A preset dictionary from sample texts: an equal share of the head of each, the last ones nearest at hand."""
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    share = max(64, DICTIONARY_BYTES // max(1, len(raw)))
    return b"".join(r[:share] for r in raw)[-DICTIONARY_BYTES:]


def readable(text: str) -> str:
    """For columns people read and nothing is computed from: lone surrogates become `\\udXXX`, for good."""
    return text if _valid(text) else text.encode("utf-8", "backslashreplace").decode()


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode()


def _valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
