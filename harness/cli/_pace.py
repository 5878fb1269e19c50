"""How far a long job is, said now and then on stderr: done of all, rate, time left.

Example: 120/400 no-change gates, 14.2/s, about 20 s left
"""

from __future__ import annotations

import time

from harness.cli._echo import echo
from harness.words import say

EVERY = 10.0  # seconds between two lines


class Pace:
    """A line every ten seconds, none for what takes less."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what, self._done = total, what, 0
        self._since = self._told = time.monotonic()

    def one(self) -> None:
        self.reached(self._done + 1)

    def reached(self, done: int) -> None:
        self._done, now = done, time.monotonic()
        if now - self._told < EVERY or done >= self._total:
            return
        self._told = now
        rate = done / (now - self._since)
        left = duration((self._total - done) / rate) if rate else say("an unknown time")
        template = "{done:,}/{total:,} {what}, {rate:.1f}/s, about {left} left"
        echo(say(template, done=done, total=self._total, what=self._what, rate=rate, left=left), err=True)


def duration(seconds: float) -> str:
    if seconds < 90:
        return say("{n:.0f} s", n=seconds)
    return say("{n:.0f} min", n=seconds / 60) if seconds < 5400 else say("{n:.1f} h", n=seconds / 3600)
