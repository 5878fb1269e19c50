"""Rows that a checkpoint is to learn from, put to its teacher: asked word for word as the pupil will be, whatever task they are of.

A row: question "小红有37个苹果，…" (what a grader reads) · asked "问题：小红有37个苹果，…\\n解答：" (what the teacher reads) · history [] or
the turns before it. Written by `bench train`, which has no file for it and no card: such runs stand in a store of their own.
Trap: a conversation of one turn has no history; one that is empty would put a base model's question between speakers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.dialect import Find


def rows(find: Find, split: str) -> Iterator[dict[str, Any]]:
    yield from ()


def history(row: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    return [(str(role), str(said)) for role, said in row["history"]] or None


def intro(row: Mapping[str, Any]) -> str:
    return ""


def ask(row: Mapping[str, Any]) -> str:
    return str(row["asked"])


def answer(row: Mapping[str, Any]) -> str:
    return ""


def gold(row: Mapping[str, Any]) -> str:
    return ""


def options(row: Mapping[str, Any]) -> list[str]:
    return []
