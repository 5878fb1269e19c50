"""Overall before against after: paired on the common questions, every part from the same drawn questions.

Example: the same adapter trained on ten more rows: AS +0.4, ES -1.9, Overall -0.2 (90 % interval -0.6 to +0.1); unpaired
intervals would be a third wider. A change of size alone is exact: nothing was drawn, so its p is 0 or 1.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness import stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Change, Outcomes
from harness.stats.intervals import Floats
from harness.stats.measures import units_of
from harness.verdicts import _aligned, _composite_counter
from harness.verdicts._composite_draws import DRAWS
from harness.verdicts._composite_parts import Entrant, Laid, entrant, lay
from harness.verdicts._composite_table import computed, ends, part_of, summed, total
from harness.verdicts.compare import CONFIDENCE, COVERAGE, quantiles
from harness.verdicts.profile import Profile


def change(
    before: Sequence[Outcomes],
    after: Sequence[Outcomes],
    profile: Profile,
    *,
    counter: str = "auto",
    cqs: str = "rule",
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Change]:
    """Overall, then each part, before against after on their common questions; values in points, 0..100.

    A change that can't be had is None and `method` says why. Tasks that one side lacks are left out and named there.
    """
    if counter == "auto":
        counter = _composite_counter.counter({"before": before, "after": after}, profile).name
    old, new, note = paired(entrant(before, profile, counter, cqs), entrant(after, profile, counter, cqs))
    sides = [lay(old), lay(new)]
    table = computed(sides, old.heads, draws, seed)
    parts = [
        [part_of(part, value, drawn) for part, value, drawn in zip(*rows, strict=True)]
        for rows in zip(sides, table.values, table.draws, strict=True)
    ]
    n = sum(len(one.samples) for one in old.heads.values())
    totals = [total(side, drawn) for side, drawn in zip(parts, table.draws, strict=True)]
    every = [summed(side, drawn) for side, drawn in zip(parts, table.draws, strict=True)]
    why = "; ".join(f"{p.name}: {p.why}" for side in parts for p in side if p.value is None)
    units = sum(units_of(one.clusters, len(one.samples))[1] for one in old.heads.values())
    sized = math.fsum(
        b.weight * ((b.value or 0.0) - (a.value or 0.0))
        for a, b, drawn in zip(*parts, table.draws[0], strict=True)
        if drawn is None
    )
    found = [_change("Overall", totals[0][0], totals[1][0], (every[0], every[1]), n, why or note, sized, units)]
    for p, (a, b) in enumerate(zip(*parts, strict=True)):
        left, right = (side[p] for side in table.draws)
        still = None if left is None else 0.0
        why = a.why or b.why or note
        found.append(_change(a.name, a.value, b.value, (left, right), max(a.n, b.n), why, still, units))
    lost, gained = _moved(sides, old.heads)
    return [dataclasses.replace(found[0], lost=lost, gained=gained), *found[1:]]


def paired(old: Entrant, new: Entrant) -> tuple[Entrant, Entrant, str]:
    """Both sides on the tasks and questions that they share, in one order; and what was left out, in words."""
    common = [task for task in old.heads if task in new.heads]
    if not common:
        raise NothingToCompare(
            f"profile {old.profile.name}: one side has {', '.join(old.heads)}, the other {', '.join(new.heads)}; "
            "run a task of it on both"
        )
    ids = {task: _common(old.heads[task], new.heads[task]) for task in common}
    alone = sorted(old.heads.keys() ^ new.heads.keys())
    notes = [f"{', '.join(alone)} on one side only and left out"] if alone else []
    dropped = sum(len(side.heads[t].samples) - len(ids[t]) for side in (old, new) for t in common)
    notes += [f"{dropped} questions of one side only left out"] if dropped else []
    return _only(old, ids), _only(new, ids), "; ".join(notes)


def _common(a: Outcomes, b: Outcomes) -> tuple[str, ...]:
    """Sample ids of both sides, sorted; NotComparable where the sides were asked or graded otherwise."""
    for name in ("exam", "key", "scorer", "metric"):
        left, right = (one.fingerprint.get("must", {}).get(name) for one in (a, b))
        if left != right:
            raise NotComparable(
                f"{a.task} can't be compared: {name}: {left} against {right}; run or rescore one of them"
            )
    for name in sorted(a.measures.keys() & b.measures.keys()):
        left, right = ((one.fingerprint.get("beside") or {}).get(name) for one in (a, b))
        if left != right:
            raise NotComparable(
                f"{a.task} can't be compared: {name} was graded by {left or 'an unknown version'} and by "
                f"{right or 'an unknown version'}; `bench score` grades stored answers anew, `bench baseline refresh` a file"
            )
    ids = sorted(set(a.samples) & set(b.samples))
    for one in (a, b):
        if len(ids) < COVERAGE * len(one.samples) or not ids:
            raise NotComparable(
                f"{a.task} can't be compared: only {len(ids):,} of {len(one.samples):,} questions of {one.name or 'a side'} "
                "are on the other side too; finish the run, or use the same --limit on both"
            )
    return tuple(ids)


def _only(side: Entrant, ids: Mapping[str, tuple[str, ...]]) -> Entrant:
    others = {key: _rows(one, ids[key[0]]) for key, one in side.others.items() if key[0] in ids}
    heads = {task: others[task, side.heads[task].metric] for task in ids}
    return dataclasses.replace(side, heads=heads, others=others)


def _rows(one: Outcomes, ids: Sequence[str]) -> Outcomes:
    """The outcomes of these questions, in this order."""
    place = {sample: i for i, sample in enumerate(one.samples)}
    return _aligned.cut(one, [place[sample] for sample in ids if sample in place])


def _change(
    metric: str,
    before: float | None,
    after: float | None,
    draws: tuple[Floats | None, Floats | None],
    n: int,
    note: str,
    sized: float | None,
    units: int,
) -> Change:
    """One line; p is the share of draws on the other side of no change.

    `sized`: what of the change was not drawn, None for all of it; `units`: questions, or cases, that were drawn from.
    """
    plain = Change("composite", metric, before, after, None, None, None, n, method=note, unit="points")
    if before is None or after is None:
        return plain
    moved = after - before
    left, right = draws
    drawn = right - left if left is not None and right is not None else np.zeros(1)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        why = "; ".join(filter(None, ("one question, or one case, tells no spread", note)))
        return dataclasses.replace(plain, change=moved, method=why)
    if not np.ptp(drawn) > 1e-9 and sized is not None and abs(moved - sized) > 1e-9:
        return _alike(plain, moved, units, note)
    if not np.ptp(drawn) > 1e-9:
        worse, better = ((0.0, 1.0) if moved < 0 else (1.0, 0.0)) if abs(moved) > 1e-9 else (1.0, 1.0)
        how = "; ".join(filter(None, ("exact", note)))
        return dataclasses.replace(plain, change=moved, low=moved, high=moved, p=worse, p_better=better, method=how)
    low, high = ends(moved, drawn, CONFIDENCE)
    tie = float((drawn == 0).sum()) / 2
    worse, better = ((float((side > 0).sum()) + tie + 1) / (drawn.size + 1) for side in (drawn, -drawn))
    return dataclasses.replace(
        plain,
        change=moved,
        low=low,
        high=high,
        p=min(1.0, worse),
        p_better=min(1.0, better),
        mde=quantiles(0.05) * float(drawn.std()),
        method="; ".join(filter(None, ("joint paired bootstrap, seed 0", note))),
    )


def _alike(plain: Change, moved: float, units: int, note: str) -> Change:
    """Every question moved by the same amount, so that no draw differs: three lost of three are no proof."""
    each = np.full(units, moved)
    worse, better = stats.sign_flip(each)
    low, high = stats.paired_interval(each, confidence=CONFIDENCE)
    how = "; ".join(filter(None, ("sign flips, as all questions moved alike", note)))
    return dataclasses.replace(plain, change=moved, low=low, high=high, p=worse, p_better=better, method=how)


def _moved(sides: Sequence[Sequence[Laid]], heads: Mapping[str, Outcomes]) -> tuple[int, int]:
    """Questions that brought fewer points to Overall than before, and more."""
    lost = gained = 0
    for task, head in heads.items():
        worth = [np.zeros(len(head.samples)) for _ in sides]
        for mine, side in zip(worth, sides, strict=True):
            for part in side:
                column = part.columns.get(task)
                if column is not None and column.values is not None and column.scale is None:
                    mine += part.plan.weight * column.values
        lost += int((worth[1] < worth[0] - 1e-12).sum())
        gained += int((worth[1] > worth[0] + 1e-12).sum())
    return lost, gained
