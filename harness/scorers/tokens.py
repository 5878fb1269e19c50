"""Neutral token count: thinking and answer counted in one pinned vocabulary, o200k_base, whoever wrote them.

Example: a reply of 61 own tokens has detail == {"neutral": 57}; its value is None, since a length is no grade. The
vocabulary is read from tiktoken's cache and never from the network: without it the rule is "no_vocabulary" at once, and
no other counter stands in. Trap: a model may write "<|endoftext|>", which tiktoken refuses unless told that it is text.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.records import Response, Sample, Score

VERSION = 1
ISOLATED = False

ENCODING = "o200k_base"
_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
FILE = hashlib.sha1(_ADDRESS.encode(), usedforsecurity=False).hexdigest()  # as tiktoken names it in its cache
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
REMEDY = (
    "no neutral token count: the vocabulary o200k_base is not here; where there is a network, run TIKTOKEN_CACHE_DIR=DIR "
    "python -c \"import tiktoken; tiktoken.get_encoding('o200k_base')\" once, and set TIKTOKEN_CACHE_DIR to that folder here"
)
UNBROKEN = 100_000  # characters in a row without a space; longer rows are counted in pieces: tiktoken gives up on them
_UNBROKEN = re.compile(rf"\S{{1,{UNBROKEN}}}\s?|\s{{1,{UNBROKEN}}}")
_LONG = re.compile(rf"\S{{{UNBROKEN + 1}}}|\s{{{UNBROKEN + 1}}}")


def score(sample: Sample, response: Response) -> Score:
    if response.stop == "error":
        return Score("tokens", VERSION, None, None, "error", "error")
    if response.logprobs is not None and not response.text:
        return Score("tokens", VERSION, None, None, "not_generated", "ungraded")
    encoding = _encoding(cache_file())
    if encoding is None:
        return Score("tokens", VERSION, None, None, "no_vocabulary", "ungraded")
    neutral = sum(_count(encoding, text) for text in (response.thinking, response.text) if text)
    return Score("tokens", VERSION, None, None, ENCODING, "ungraded", {"neutral": neutral})


def cache_file() -> str:
    """Where tiktoken keeps the vocabulary, by its own rules."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    return str(Path(folder or Path(tempfile.gettempdir()) / "data-gym-cache") / FILE)


@lru_cache(maxsize=4)
def _encoding(path: str) -> Any | None:
    """The encoding, None where its file is absent or another: then tiktoken would delete it and ask the network."""
    try:
        if hashlib.sha256(Path(path).read_bytes()).hexdigest() != SHA256:
            return None
    except OSError:
        return None
    import tiktoken

    return tiktoken.get_encoding(ENCODING)


def _count(encoding: Any, text: str) -> int:
    pieces = _UNBROKEN.findall(text) if _LONG.search(text) else [text]
    return sum(len(encoding.encode(piece, disallowed_special=())) for piece in pieces)
