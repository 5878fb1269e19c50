"""Ranks of a column: paired, since all its checkpoints answered the same questions.

Example: 71.2 % and 70.4 % on 1,319 questions are a tie and get one label (`1=`); a checkpoint below the tie gets the
range of ranks it takes in 95 % of resamplings (`4–6`). No strict order is claimed where none is there.
Where values cannot be paired (a mean over macro averages), the rule of marginal intervals stands in, which is blunter.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.stats.intervals import Floats
from harness.verdicts import ranking
from leaderboard.cells import Cell, Column
from leaderboard.values import Values

Read = Callable[[Column], Values | None]
Names = list[Hashable] | None
Paired = tuple[Floats, Names, Names]  # [checkpoint, sample], strata of equal weight, clusters


def ranked(found: Sequence[Column], values: Read) -> list[Column]:
    """The columns with ranks in the cells that may have one; `values` reads a column's grades."""
    by_key = {column.key: column for column in found}
    return [_ranked(column, by_key, values) for column in found]


def _ranked(column: Column, by_key: Mapping[str, Column], values: Read) -> Column:
    placed = [c for c, cell in column.cells.items() if cell.ranked]
    if not placed:
        return column
    members = [by_key[key] for key in column.members] or [column]
    paired = _paired(members, placed, values) if len(placed) > 1 else None
    places = _tested(column, paired) if paired else _marginal(column, [column.cells[c] for c in placed])
    cells = dict(column.cells)
    for checkpoint, place in zip(placed, places, strict=True):
        cells[checkpoint] = cells[checkpoint].at(*place)
    return replace(column, cells=cells)


Position = tuple[int, int, int, bool]  # rank, best, worst, tied with the leader


def _tested(column: Column, paired: Paired) -> list[Position]:
    matrix, strata, clusters = paired
    found = ranking.rank(matrix if column.better_high else -matrix, strata, clusters=clusters)
    alone = sum(r.tie_band for r in found) == 1
    return [(1 if r.tie_band else r.rank, r.low, r.high, r.tie_band and not alone) for r in found]


def _paired(members: Sequence[Column], placed: Sequence[str], values: Read) -> Paired | None:
    """Values on the same questions for every checkpoint; None where that is not to be had."""
    macro = [member.average == "macro" for member in members]
    if any(macro) and len(members) > 1:
        return None  # equal weight per member and per subject inside it: no single set of strata
    parts: list[Floats] = []
    strata: list[Hashable] = []
    clusters: list[Hashable] = []
    for member in members:
        found = values(member)
        if found is None or not found.is_mean:  # F1 or BLEU has no value per question to resample
            return None
        part = found.matrix[[found.places[checkpoint] for checkpoint in placed]]
        asked = ~np.isnan(part).all(axis=0)
        part = part[:, asked]
        if not asked.any() or np.isnan(part).any():
            return None
        parts.append(part)
        kept = np.flatnonzero(asked).tolist()
        strata += [found.subjects[i] if macro[0] else member.key for i in kept]
        clusters += [(member.key, name) if (name := found.clusters[i]) else "" for i in kept]
    return np.hstack(parts), strata if len(set(strata)) > 1 else None, clusters if any(clusters) else None


def _marginal(column: Column, cells: Sequence[Cell]) -> list[Position]:
    """Best rank: 1 + how many lie surely above, their interval wholly over mine; worst: not surely below."""
    spans = []
    for cell in cells:
        value = cell.value if cell.value is not None else 0.0
        low, high = (value if x is None else x for x in (cell.low, cell.high))
        spans.append((low, high) if column.better_high else (-high, -low))
    lows, highs = (np.sort([span[end] for span in spans]) for end in (0, 1))
    best = [1 + len(spans) - int(np.searchsorted(lows, high, side="right")) for _, high in spans]
    worst = [len(spans) - int(np.searchsorted(highs, low, side="left")) for low, _ in spans]
    alone = best.count(1) == 1
    return [(b, b, w, b == 1 and not alone) for b, w in zip(best, worst, strict=True)]
