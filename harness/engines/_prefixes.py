"""Which rows of token ids share a beginning worth running once: the few-shot block of a subject, mostly.

Example: 26 questions of one C-Eval subject are 553 shared tokens and about 113 of their own each: one family.
Trap: all prompts of a task share their first words; one family for everything would share only those, so families
are cut where the tokens to run (shared once + the rest of each row) are fewest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LAUNCH_TOKENS = 32  # what one more forward pass costs, in tokens


@dataclass(frozen=True, slots=True)
class Family:
    """Rows (by index) that begin with the same `shared` tokens."""

    rows: tuple[int, ...]
    shared: int


def families(rows: Sequence[Sequence[int]], limits: Sequence[int]) -> list[Family]:
    """All rows, grouped; `limits[i]`: how many tokens of row i may come from the shared beginning."""
    order = sorted(range(len(rows)), key=lambda i: tuple(rows[i]))
    alike = [min(_common(rows[a], rows[b]), limits[a], limits[b]) for a, b in pairwise(order)]
    return [Family(tuple(order[a:b]), shared) for a, b, shared in _best(order, rows, alike)]


def _best(order: list[int], rows: Sequence[Sequence[int]], alike: list[int]) -> list[tuple[int, int, int]]:
    """(first, end, shared) of each family. Stack instead of recursion: a thousand rows may nest a thousand deep."""
    cost: dict[tuple[int, int], float] = {}
    parts: dict[tuple[int, int], list[tuple[int, int]]] = {}
    stack = [(0, len(order))] if order else []
    visited: list[tuple[int, int]] = []
    while stack:
        a, b = span = stack.pop()
        visited.append(span)
        inner = alike[a : b - 1]
        cuts = [a + i + 1 for i, n in enumerate(inner) if n == min(inner)] if inner else []
        parts[span] = list(zip([a, *cuts], [*cuts, b], strict=True)) if cuts else []
        stack += parts[span]
    whole: dict[tuple[int, int], bool] = {}
    for span in reversed(visited):  # parts before the spans they belong to
        a, b = span
        shared = min(alike[a : b - 1], default=0)
        own = sum(len(rows[i]) - shared for i in order[a:b]) + shared + LAUNCH_TOKENS * (2 if shared else 1)
        apart = sum(cost[part] for part in parts[span]) if parts[span] else float("inf")
        whole[span], cost[span] = own <= apart, min(own, apart)
    chosen, stack = [], [(0, len(order))] if order else []
    while stack:
        a, b = span = stack.pop()
        if whole[span]:
            chosen.append((a, b, min(alike[a : b - 1], default=0)))
        else:
            stack += reversed(parts[span])
    return chosen


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))
