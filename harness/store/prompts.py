"""Prompts in and out of the store: each once for all checkpoints, the solved examples of a subject once for all its questions.

A prompt is a row with its SHA, a deflated tail and, where it begins like the one before it, the row of that beginning.
Example: 19 C-Eval questions of one subject share 2 kB of solved examples: one prefix row and 18 tails of 150 bytes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import OrderedDict

from harness.store import texts

SHARED_CHARS = 200  # a shorter common beginning is not worth a row
RECENT = 8  # prefixes tried before a new one is made: engines answer out of order


class PromptWriter:
    """Gives every prompt its row; remembers what was written last, so call `forget` after a rollback."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._prefixes: OrderedDict[str, int] = OrderedDict()
        self._last = ""

    def put(self, conn: sqlite3.Connection, prompt: str) -> int:
        """The row id of the prompt, written if it is new."""
        sha = _sha(prompt)
        found = _find(conn, sha)
        if found is None:
            prefix = self._prefix(conn, prompt)
            if prefix:
                found = _insert(conn, sha, self._prefixes[prefix], prompt[len(prefix) :], _dictionary(prefix))
            else:
                found = _insert(conn, sha, None, prompt, b"")
        self._last = prompt
        return found

    def _prefix(self, conn: sqlite3.Connection, prompt: str) -> str:
        """The longest known beginning, or a new one shared with the prompt before; "" where there is none."""
        known = max((p for p in self._prefixes if prompt.startswith(p)), key=len, default="")
        # cut at a line: two questions may begin with the same words
        shared = _common(self._last, prompt).rpartition("\n")
        new = shared[0] + shared[1]
        if len(new) < len(known) + SHARED_CHARS:
            if known:
                self._prefixes.move_to_end(known)
            return known
        self._prefixes[new] = _find(conn, _sha(new)) or _insert(conn, _sha(new), None, new, b"")
        if len(self._prefixes) > RECENT:
            self._prefixes.popitem(last=False)
        return new


class PromptReader:
    """The prompts as they were sent; the beginning shared by many is unpacked once."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._prefixes: OrderedDict[int, str] = OrderedDict()

    def read(self, number: int) -> str:
        prefix, tail = self._conn.execute("SELECT prefix, tail FROM prompts WHERE id = ?", [number]).fetchone()
        if prefix is None:
            return texts.decode(texts.DEFLATED, tail)
        if prefix not in self._prefixes:
            self._prefixes[prefix] = self.read(prefix)
            if len(self._prefixes) > RECENT:
                self._prefixes.popitem(last=False)
        head = self._prefixes[prefix]
        return head + texts.decode(texts.DEFLATED, tail, _dictionary(head))


def _common(a: str, b: str) -> str:
    low, high = 0, min(len(a), len(b))
    while low < high:  # halving compares in C, letter by letter would not
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return a[:low]


def _find(conn: sqlite3.Connection, sha: str) -> int | None:
    row = conn.execute("SELECT id FROM prompts WHERE sha = ?", [sha]).fetchone()
    return None if row is None else int(row[0])


def _insert(conn: sqlite3.Connection, sha: str, prefix: int | None, tail: str, dictionary: bytes) -> int:
    packed = texts.deflate(tail.encode("utf-8", "surrogatepass"), dictionary)
    cursor = conn.execute("INSERT INTO prompts (sha, prefix, tail) VALUES (?, ?, ?)", [sha, prefix, packed])
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _dictionary(prefix: str) -> bytes:
    return prefix.encode("utf-8", "surrogatepass")[-texts.DICTIONARY_BYTES :]
