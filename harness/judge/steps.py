"""A chain of thought as steps: lines, or sentences where there are few lines; and which text of an answer is its chain.

Example: steps("3+5=8.\\nSo 8 apples.\\n#### 8") == ["3+5=8.", "So 8 apples.", "#### 8"]; one paragraph falls into sentences.
Trap: models that run away write thousands of lines; neighbours are joined until MOST steps are left, so that no chain
costs more than one window, and "first wrong step" still says how far it went well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from harness.records import Response
from harness.scorers import before_next_question, reply
from harness.text import words

MOST = 48  # steps of a chain
FEW = 3  # lines; with fewer, sentences are the steps
LONGEST = 24_000  # characters of a chain: about 8,000 tokens
CHAIN_WORDS = 16  # a text of so many words says more than an answer
STEP_WORDS = 2  # "Sure!" is no step
_CALCULATION = re.compile(r"\d\s{0,3}[-+*/×÷x^]\s{0,3}\(?\s{0,3}\d")
_SENTENCE = re.compile(r"(?<=[。！？；])|(?<=[.!?;])(?=\s)")


class Chain(NamedTuple):
    """The text to be judged and where it stood."""

    text: str
    place: str  # text | thinking | none


def chain_of(response: Response) -> Chain:
    """What was reasoned in front of the reader; the thinking only where the answer itself has no steps."""
    said = before_next_question(reply(response)).strip()
    if has_steps(said):
        return Chain(said, "text")
    if has_steps(response.thinking):
        return Chain(f"{response.thinking.strip()}\n{said}".strip(), "thinking")
    return Chain(said, "none")


def has_steps(text: str) -> bool:
    """Whether there is more than an answer: a calculation, several statements, or a long one."""
    head = text[:LONGEST]
    if _CALCULATION.search(head) or len(words(head)) >= CHAIN_WORDS:
        return True
    return sum(len(words(step)) >= STEP_WORDS for step in steps(head)) > 1


def steps(chain: str) -> list[str]:
    """At most MOST pieces that make up the chain, in its order; what is longer than LONGEST loses its middle."""
    if len(chain) > LONGEST:
        half = LONGEST // 2
        chain = f"{chain[:half]}\n[…]\n{chain[-half:]}"
    lines = _pieces(chain.splitlines())
    if len(lines) < FEW:
        lines = [sentence for line in lines for sentence in sentences(line)]
    return _joined(lines)


def sentences(step: str) -> list[str]:
    """A step cut finer; what cannot be cut comes back whole."""
    return _pieces(_SENTENCE.split(step)) or [step]


def _pieces(parts: Sequence[str]) -> list[str]:
    """Stripped, with bits that say nothing (a number, a rule of dashes) put to what follows or stood before."""
    found: list[str] = []
    waiting = ""
    for part in parts:
        text = f"{waiting} {part.strip()}".strip()
        waiting = ""
        if any(c.isalnum() for c in text.lstrip("0123456789.)、 ")):
            found.append(text)
        elif text and found and not any(c.isalnum() for c in text):
            found[-1] += f" {text}"
        else:
            waiting = text
    if waiting:
        found.append(waiting)
    return found


def _joined(parts: Sequence[str]) -> list[str]:
    if len(parts) <= MOST:
        return list(parts)
    ends = [round(i * len(parts) / MOST) for i in range(MOST + 1)]
    return ["\n".join(parts[a:b]) for a, b in pairwise(ends)]
