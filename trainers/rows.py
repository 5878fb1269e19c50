"""What a training learns from: rows of text, rows of token ids, and all of it prepared; records only.

Example: Row(({"role": "user", "content": "3+5=?"},), "8", source="sft.jsonl", number=12) becomes an Example whose ids are
those of the prompt that `bench run` would ask, followed by those of "8<|im_end|>", of which only the latter are learnt.
Trap: a row that only asks has an empty reply, and so has a dirty file's; the first is for grpo and for teachers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.records import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation to learn from: `messages` up to the reply, and the reply."""

    messages: tuple[Mapping[str, str], ...]  # {"role": system | user | assistant, "content": …}; the last is a user's
    reply: str  # what is learnt; "" in rows that only ask (grpo, a teacher's questions)
    source: str  # name of the file or task
    number: int  # 1-based row of the source
    role: str = "domain"
    language: str = "zh"
    sample: Sample | None = None  # rows of a task: what a scorer needs to grade an answer
    scorer: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A row in token ids; `ids` holds prompt and reply, the first `prompt` of them are not learnt.

    A row that only asks ends where its prompt does: `prompt == len(ids)`.
    """

    ids: tuple[int, ...]
    prompt: int
    row: Row


@dataclass(frozen=True)
class Prepared:
    """What a training is given. One phase, or two where the schedule is progressive."""

    phases: tuple[tuple[Example, ...], ...]
    held_out: tuple[Example, ...]
    sources: tuple[Mapping[str, Any], ...]  # as Lineage.data: name, sha, rows, dropped {reason: count}, role
    counts: Mapping[str, int] = field(default_factory=dict)
    dropped: tuple[Mapping[str, Any], ...] = ()  # a few examples per reason: reason, source, number, text
    warnings: tuple[str, ...] = ()  # sentences to be said before the training begins
