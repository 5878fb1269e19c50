"""The questions' n-grams, laid out so that many training rows are held against all of them at once.

Example: Index([questions of ceval, of gsm8k]).matches(tokens(rows)) -> (row 17, question 230, exact, coverage 1.0, …).
A question of 20 tokens or more is looked for alone, a shorter one together with its options, in whatever order they stand.
Grams are of 13 tokens, of 10 or 6 in shorter texts; a second set has all numbers masked, so that a copy with other numbers
is found. Trap: "下列关于…的说法正确的是" is in a hundred questions; a gram of more than SHARED questions counts for none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from harness._contamination_tokens import Flags, Ints, Tokens, Words, grams

Level = Literal["exact", "near", "partial", "none"]
LEVELS: tuple[str, ...] = ("exact", "near", "partial", "none")
ALONE = 20  # tokens from which a question says enough without its options
SIZES = ((40, 13), (26, 10), (6, 6), (4, 4))  # tokens of the text -> of a gram; what is shorter can't be looked for
BARE = 8  # tokens of a question that is worth a word without its options
WORD_FOR_WORD = 4  # such grams are too short for anything but a whole text
SHARED = 10  # questions of one exam that a gram may be in
NEAR, PARTIAL = 0.8, 0.4  # coverage
SPAN = 2  # grams' lengths that the longest match of a partial copy has at least, where the text has so many
_BITS = 22
_SHIFT = np.uint64(64 - _BITS)


@dataclass(slots=True)
class Wanted:
    """A question as it is looked for."""

    exam: int
    unit: Words  # the question, or the question and its options
    masked: Words
    telling: Flags
    question: Words
    options: tuple[Words, ...]  # those in the unit
    n: int  # length of its grams; 0: too short to be looked for
    counts: dict[bool, Flags] = field(default_factory=dict)  # masked? -> which tokens stand in a gram of its own


class Match(NamedTuple):
    row: int  # among the texts that were looked at
    wanted: int
    level: Level
    coverage: float
    longest: int  # tokens in a row
    renumbered: bool  # found only with the numbers masked
    at: float  # where in the row, 0..1


def wanted(exam: int, found: Tokens, first: int, options: int) -> Wanted:
    """Of text `first`, a question, and of the `options` texts behind it."""
    edges = found.bounds[first : first + options + 2].tolist()
    alone = edges[1] - edges[0] >= ALONE or not options
    low, high = edges[0], edges[1 if alone else -1]
    size = high - low if alone else min(high - low, max(SIZES[-2][0], 2 * (edges[1] - edges[0])))
    n = next((n for least, n in SIZES if size >= least and (alone or n <= 10)), 0)
    parts = () if alone else tuple(found.words[a:b] for a, b in pairwise(edges[1:]))
    unit = slice(low, high)
    question = found.words[low : edges[1]]
    return Wanted(exam, found.words[unit], found.masked[unit], found.telling[unit], question, parts, n)


class Index:
    def __init__(self, items: Sequence[Wanted]) -> None:
        self.items = items
        sizes = sorted({item.n for item in items if item.n})
        self._tables = {(n, hide): _Table(items, n, hide) for n in sizes for hide in (False, True)}

    def matches(self, found: Tokens) -> Iterator[Match]:
        """Every row × question that have at least a part in common, rows in order."""
        hits = [table.hits(found, key[1]) for key, table in self._tables.items()]
        if not hits:
            return
        row, item, start, hide, place = (np.concatenate(column) for column in zip(*hits, strict=True))
        order = np.lexsort((start, hide, item, row))
        row, item, start, hide, place = (column[order] for column in (row, item, start, hide, place))
        cuts = np.flatnonzero((np.diff(row) != 0) | (np.diff(item) != 0)) + 1
        edges = [0, *cuts.tolist(), len(row)] if len(row) else []
        for a, b in pairwise(edges):
            text, number = int(row[a]), int(item[a])
            low, high = int(found.bounds[text]), int(found.bounds[text + 1])
            judged = _judge(self.items[number], start[a:b], hide[a:b], found.words[low:high])
            if judged:
                middle = (int(place[a]) - low) / max(1, high - low)
                yield Match(text, number, *judged, middle)


class _Table:
    """Sorted hashes of all grams of one length, and whose they are."""

    def __init__(self, items: Sequence[Wanted], n: int, hide: bool) -> None:
        mine = [number for number, item in enumerate(items) if item.n == n]
        sizes = np.array([len(items[number].unit) for number in mine])
        begins = np.cumsum(sizes) - sizes
        flat = np.concatenate([items[i].masked if hide else items[i].unit for i in mine])
        owner = np.repeat(np.arange(len(mine)), sizes)
        kept = _whole(owner, n)
        if hide:  # of numbers and signs alone there is nothing to tell by
            told = np.cumsum(np.concatenate([[False], *(items[i].telling for i in mine)]))
            kept &= 3 * (told[n:] - told[:-n]) >= n
        self.hashes = grams(flat, n)[kept]
        self.item = np.array(mine)[owner[: len(kept)][kept]]
        self.start = (np.arange(len(flat)) - begins[owner])[: len(kept)][kept]
        if not hide:
            self._add_hints(items, mine, n)
        exam = np.array([item.exam for item in items], np.int64)
        self._sort(np.lexsort((self.start, self.item, exam[self.item], self.hashes)))
        if len(self.hashes):
            self._keep(_of_few(self.hashes, self.item, exam[self.item]))
        place = dict(zip(mine, begins.tolist(), strict=True))
        real = self.start >= 0
        at = np.array([place[i] for i in self.item[real].tolist()], np.int64) + self.start[real]
        counts = _covered(at, n, len(flat))
        for i, begin, size in zip(mine, begins.tolist(), sizes.tolist(), strict=True):
            items[i].counts[hide] = counts[begin : begin + size]
        self.n = n
        self.filter = np.zeros(1 << _BITS, np.bool_)
        self.filter[self.hashes >> _SHIFT] = True

    def _add_hints(self, items: Sequence[Wanted], mine: Sequence[int], n: int) -> None:
        """Whichever option stands first behind the question: a hint only, that covers nothing by itself."""
        pieces: list[Words] = []
        whose: list[int] = []
        for i in mine:
            for option in items[i].options[1:]:
                pieces += [items[i].question[1 - n :], option[: n - 1]]
                whose.append(i)
        if not whose:
            return
        sizes = np.array([len(piece) for piece in pieces]).reshape(-1, 2).sum(axis=1)
        owner = np.repeat(np.arange(len(whose)), sizes)
        kept = _whole(owner, n)
        found = grams(np.concatenate(pieces), n)[kept]
        self.hashes = np.concatenate([self.hashes, found])
        self.item = np.concatenate([self.item, np.array(whose)[owner[: len(kept)][kept]]])
        self.start = np.concatenate([self.start, np.full(len(found), -1)])

    def _sort(self, order: Ints) -> None:
        self.hashes, self.item, self.start = self.hashes[order], self.item[order], self.start[order]

    def _keep(self, kept: Flags) -> None:
        self.hashes, self.item, self.start = self.hashes[kept], self.item[kept], self.start[kept]

    def hits(self, found: Tokens, hide: bool) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """(row, question, start in the question, masked?, place among the rows' tokens) of each common gram."""
        made = grams(found.masked if hide else found.words, self.n)
        places = np.flatnonzero(self.filter[made >> _SHIFT])
        left = np.searchsorted(self.hashes, made[places], "left")
        many = np.searchsorted(self.hashes, made[places], "right") - left
        rows = np.searchsorted(found.bounds, places, "right") - 1
        many[rows != np.searchsorted(found.bounds, places + self.n - 1, "right") - 1] = 0  # it runs into the next row
        before = np.cumsum(many) - many
        which = np.repeat(left - before, many) + np.arange(int(many.sum()))
        return (
            np.repeat(rows, many), self.item[which], self.start[which], np.full(len(which), int(hide)),
            np.repeat(places, many),
        )  # fmt: skip


def _whole(owner: Ints, n: int) -> Flags:
    """Of which places the n tokens are all of one owner."""
    kept: Flags = owner[: max(0, len(owner) - n + 1)] == owner[n - 1 :]
    return kept


def _of_few(hashes: Words, item: Ints, exam: Ints) -> Flags:
    """Which grams are in few questions of their exam; all is sorted by hash, exam, question."""
    group = np.concatenate([[True], (hashes[1:] != hashes[:-1]) | (exam[1:] != exam[:-1])])
    fresh = group | np.concatenate([[True], item[1:] != item[:-1]])
    number = np.cumsum(group) - 1
    kept: Flags = (np.bincount(number, fresh) <= SHARED)[number]
    return kept


def _covered(starts: Ints, n: int, length: int) -> Flags:
    ends = np.zeros(length + 1, np.int64)
    starts = np.unique(starts[starts >= 0])
    ends[starts] += 1
    ends[starts + n] -= 1
    return np.cumsum(ends)[:-1] > 0


def _judge(item: Wanted, starts: Ints, hide: Ints, row: Words) -> tuple[Level, float, int, bool] | None:
    """Level, coverage, longest match, and whether only with masked numbers; None: as good as nothing."""
    inside = row.tobytes()
    whole = item.question.tobytes() in inside
    there = [option.tobytes() in inside for option in item.options]
    if whole and all(there):
        return "exact", 1.0, len(item.unit), False
    if item.n == WORD_FOR_WORD:
        return None
    if whole and item.options and len(item.question) >= BARE and item.counts[False][: len(item.question)].any():
        return "near", len(item.question) / len(item.unit), len(item.question), False
    best: tuple[float, int, bool] = (0.0, 0, False)
    for masked in (False, True):
        mine = np.unique(starts[(hide == masked) & (starts >= 0)])
        counted = item.counts[masked]
        if not len(mine) or not counted.any():
            continue
        covered = _covered(mine, item.n, len(item.unit))
        if item.options:
            _add_options(item, covered, counted := counted.copy(), whole, there)
        share, longest = float((covered & counted).sum() / counted.sum()), _longest(mine, item.n)
        if longest < min(SPAN * item.n, len(item.unit) // (3 if share >= NEAR else 2)):
            continue  # scraps from here and there
        if share > best[0] + 0.05 * masked:  # the same with and without the numbers: they were not changed
            best = share, longest, masked
    if best[0] < PARTIAL:
        return None
    return ("near" if best[0] >= NEAR else "partial", *best)


def _add_options(item: Wanted, covered: Flags, counted: Flags, whole: bool, there: Sequence[bool]) -> None:
    """Options that stand elsewhere in the row, beside a question most of which is there."""
    end = len(item.question)
    if whole:
        covered[:end] = counted[:end] = True
    elif not end or covered[:end].mean() < 0.5:
        return
    for option, found in zip(item.options, there, strict=True):
        if found:
            covered[end : end + len(option)] = counted[end : end + len(option)] = True
        end += len(option)


def _longest(starts: Ints, n: int) -> int:
    """Tokens of the longest run of grams that follow each other."""
    cuts = np.flatnonzero(np.diff(starts) != 1) + 1
    edges = [0, *cuts.tolist(), len(starts)]
    return int(max(b - a for a, b in pairwise(edges))) + n - 1
