"""Batches over a shared beginning, which shrink when memory runs out: half as many rows from then on.

Example: 16 rows of 4,000 tokens do not fit -> 8 rows; nothing that was answered is asked again.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from harness.engines._hf_model import Loaded, out_of_memory
from harness.engines._prefixes import families
from harness.errors import EngineFailure

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of the tokens that a family shares; empty for rows that share nothing."""

    tokens: int = 0
    cache: Any = None

    def repeated(self, rows: int) -> Any:
        """A cache of its own for a batch, None without shared tokens."""
        if self.cache is None:
            return None
        own = copy.deepcopy(self.cache)
        own.batch_repeat_interleave(rows)
        return own


Work = Callable[[Sequence[Item], Prefix], Iterator[tuple[Item, Result]]]


@dataclass(frozen=True, slots=True)
class Needs(Generic[Item]):
    """What has to be known of an item to put it into a batch."""

    ids: Callable[[Item], tuple[int, ...]]
    shareable: Callable[[Item], int]  # how many of its ids may come from a cache
    longest: Callable[[Item], int]  # tokens that it may have read in the end
    padded_left: bool  # so behind a shared beginning there may be a hole


class Batches:
    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self,
        loaded: Loaded,
        items: Sequence[Item],
        needs: Needs[Item],
        work: Work[Item, Result],
    ) -> Iterator[tuple[Item, Result]]:
        """All items through `work`, family by family."""
        shareable = loaded.shares_prefixes(needs.padded_left)
        sides: dict[int, list[Item]] = {}
        for n, item in enumerate(items):
            sides.setdefault(loaded.side(len(needs.ids(item)), needs.longest(item), n), []).append(item)
        for side, part in sides.items():
            limits = [needs.shareable(i) if shareable and side == 0 else 0 for i in part]
            for family in families([needs.ids(i) for i in part], limits):
                members = sorted((part[i] for i in family.rows), key=lambda item: -len(needs.ids(item)))
                prefix = _prefix(loaded, needs.ids(members[0])[: family.shared])
                yield from self._shrinking(members, prefix, work)

    def _shrinking(
        self, items: Sequence[Item], prefix: Prefix, work: Work[Item, Result]
    ) -> Iterator[tuple[Item, Result]]:
        """A batch at a time; an item counts as done once `work` has yielded it."""
        left = list(items)
        while left:
            chunk = left[: self.size]
            done: set[int] = set()
            try:
                for item, result in work(chunk, prefix):
                    done.add(id(item))
                    yield item, result
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if len(chunk) == 1:
                    raise _too_long() from error
                self.size = max(1, min(self.size, len(chunk)) // 2)
            if len(done) < len(chunk):  # outside the except: until then the error holds the batch in memory
                _forget_memory()
            left = [item for item in left if id(item) not in done]


def _prefix(loaded: Loaded, ids: tuple[int, ...]) -> Prefix:
    if not ids:
        return Prefix()
    try:
        return Prefix(len(ids), loaded.prefix_cache(ids))
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise _too_long() from error


def _too_long() -> EngineFailure:
    return EngineFailure(
        "out of memory with a single prompt; use fewer --shots, --dtype bfloat16 or a larger machine, then run again to go on"
    )


def _forget_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
