"""Diagnose, what became wrong: the scores' falls, where they fell, general tasks against the domain, form against form.

Example: ceval:generate fell by 31 points and ceval, by log-probability, by 0.4: the same questions, so what was lost is the
way to say the answer, not the knowledge. Its test is of the difference of the two changes, paired by question.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness import stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Change, Outcomes
from harness.verdicts import compare, wording
from harness.verdicts._diagnose_facts import ALPHA, Facts, Pairs, Test, Unchecked
from harness.words import listed, say

LEAST = 0.01  # a point: the smallest fall of a share that is told
Z_LINKED = 1.645  # 5 %, one-sided, of a two-proportion test
EVERYWHERE = 0.8  # of the other questions
SAYS = ("generate", "cot")  # forms that must say their answer


@dataclass(frozen=True, slots=True)
class Scored:
    """A task whose scores compare."""

    before: Outcomes
    after: Outcomes
    change: Change
    paired: compare.Paired

    @property
    def drop(self) -> float:
        return -self.paired.sign * (self.change.change or 0.0)


def scored(pairs: Pairs) -> tuple[dict[str, Scored], list[Unchecked]]:
    """Tasks by key, and those whose scores don't compare with the reason."""
    found: dict[str, Scored] = {}
    refused = []
    for before, after in pairs:
        if not any(v is not None for v in (*before.values, *after.values)) and before.is_mean:
            continue  # no golds: what the answers look like is all there is
        try:
            change = compare.compare(before, after)
            found[after.task] = Scored(before, after, change, compare.pair(before, after))
        except (NotComparable, NothingToCompare) as error:
            refused.append(Unchecked(say("the score of {task}", task=after.task), str(error)))
    return found, refused


def tests(by_task: Mapping[str, Scored], facts: Facts) -> Iterator[Test]:
    """Falls of single tasks, of the general ones together against the domain, and of what is said against what is known."""
    for task, one in by_task.items():
        large = one.drop >= LEAST if wording.in_points(one.change) else one.drop > 0
        p = one.change.p if large and one.change.p is not None else 1.0
        yield Test(
            "score",
            task,
            p,
            large,
            say("{task} fell: {moved}", task=task, moved=wording.moved_by(one.change)),
            100 * one.drop,
            lost(one),
            one.change.n,
        )
    yield from _forgetting(by_task, facts)
    for shown, known, kind in _forms(by_task):
        yield from _against(by_task[shown], by_task[known], kind)


def lost(one: Scored) -> tuple[str, ...]:
    """Questions that the parent answered and the child doesn't, worst first."""
    return tuple(sample for change, sample in sorted((change, sample) for sample, change in _moves(one)) if change < 0)


def _moves(one: Scored) -> Iterator[tuple[str, float]]:
    """Each question that both sides have a value of, with its change; a fall is below zero."""
    was = dict(zip(one.before.samples, one.before.values, strict=True))
    for sample, value in zip(one.after.samples, one.after.values, strict=True):
        old = was.get(sample)
        if value is not None and old is not None:
            yield sample, (value - old) * one.paired.sign


def share(one: Scored, samples: Collection[str]) -> float:
    """Of the questions that were lost, those among `samples`, which show a fault; below a half it explains no fall."""
    fell = set(lost(one))
    return len(fell & set(samples)) / len(fell) if fell else 0.0


def linked(one: Scored, samples: Collection[str]) -> bool:
    """Whether the lost questions show a fault more often than the others do; where nearly all show it, nobody can tell.

    Athene-70B lost 6 points on GSM8K and half of its answers are shorter: 63 of 117 lost ones, and 592 of the other 1,202.
    """
    lost_with, fell, other_with, other = _counts(one, samples)
    if not fell or not other:
        return bool(lost_with)
    if other_with >= EVERYWHERE * other:
        return 2 * lost_with >= fell
    whole = (lost_with + other_with) / (fell + other)
    spread = math.sqrt(whole * (1 - whole) * (1 / fell + 1 / other))
    return lost_with / fell - other_with / other >= Z_LINKED * spread > 0


def _counts(one: Scored, samples: Collection[str]) -> tuple[int, int, int, int]:
    """Of the lost questions those with a fault and all, and the same of the other ones."""
    fell, shown = set(lost(one)), set(samples)
    other = (set(one.after.samples) & set(one.before.samples)) - fell
    return len(fell & shown), len(fell), len(other & shown), len(other)


def touched(one: Scored, samples: Collection[str]) -> str:
    """`47 of the 52 lost questions show it, and 80 of the other 98`: as often elsewhere, it may be no cause."""
    lost_with, fell, other_with, other = _counts(one, samples)
    template = "{n:,} of the {lost:,} lost questions show it, and {m:,} of the other {other:,}"
    return say(template, n=lost_with, lost=fell, m=other_with, other=other)


# -- general against domain -------------------------------------------------------------------------------------


def with_domain(facts: Facts, by_task: Mapping[str, Scored]) -> Facts:
    """Where nobody says what the training was for: the one group of tasks that rose as a whole, if others were asked."""
    if facts.domain or not facts.groups:
        return facts
    risen = []
    for group in sorted(set(facts.groups.values())):
        members = [one for task, one in by_task.items() if facts.groups.get(task) == group]
        if members and len(members) < len(by_task):
            rose = math.fsum(-one.drop for one in members) / len(members)
            better = stats.sign_flip(np.concatenate([one.paired.units for one in members]))[1]
            risen += (
                [(better, group, frozenset(one.after.task for one in members))]
                if rose >= LEAST and better <= ALPHA
                else []
            )
    if len(risen) != 1:
        return facts
    return replace(facts, domain=risen[0][2], domain_from=say("the group that rose, {group}", group=risen[0][1]))


def _forgetting(by_task: Mapping[str, Scored], facts: Facts) -> Iterator[Test]:
    """All general tasks together fell, and fell by more than the domain's did."""
    general = [one for task, one in by_task.items() if task not in facts.domain and wording.in_points(one.change)]
    domain = [one for task, one in by_task.items() if task in facts.domain and wording.in_points(one.change)]
    if not general or not domain:
        return
    fall = math.fsum(one.drop for one in general) / len(general)
    rise = -math.fsum(one.drop for one in domain) / len(domain)
    units = [one.paired.units / len(general) for one in general]
    alone = stats.sign_flip(np.concatenate(units))[0]
    both = stats.sign_flip(np.concatenate([*units, *(-one.paired.units / len(domain) for one in domain)]))[0]
    large = fall >= LEAST and fall + rise >= LEAST
    worst = max(general, key=lambda one: (one.drop, one.after.task))
    what = say("general tasks fell by {n:.1f} points and the domain {went}", n=100 * fall, went=_went(rise))
    names = [listed(sorted(one.after.task for one in side)) for side in (general, domain)]
    template = "general: {general}; domain ({source}): {domain}; difference p {p}"
    p = wording.p_value(both)
    evidence = say(template, general=names[0], source=facts.domain_from, domain=names[1], p=p)
    n = sum(one.change.n for one in general)
    yield Test("forgetting", worst.after.task, max(alone, both) if large else 1.0, large, what, 100 * fall, lost(worst), n, evidence)  # fmt: skip


def _went(rise: float) -> str:
    return say("rose by {n:.1f}", n=100 * rise) if rise >= 0 else say("fell by {n:.1f}", n=-100 * rise)


# -- one form against another -----------------------------------------------------------------------------------


def _forms(by_task: Mapping[str, Scored]) -> Iterator[tuple[str, str, str]]:
    """(what must be said, what is only known, kind) for tasks that are there in both forms."""
    for key in by_task:
        name, _, form = key.partition(":")
        last, rest = form.rpartition("-")[2], form.rpartition("-")[0]
        base = f"{name}:{rest}" if rest else name
        if "~" in key:
            continue
        if last in SAYS and base in by_task:
            yield key, base, "saying"
        if last == "texts" and base in by_task:
            yield base, key, "binding"


def _against(shown: Scored, known: Scored, kind: str) -> Iterator[Test]:
    """The change of what is said minus that of what is known, on the same questions."""
    sides = [dict(zip(o.samples, o.values, strict=True)) for one in (shown, known) for o in (one.before, one.after)]
    ids = sorted(s for s in sides[0] if all(side.get(s) is not None for side in sides))
    if not ids:
        return
    a, b, c, d = (np.array([side[s] for s in ids], float) for side in sides)
    said, meant = b - a, d - c
    gap = said - meant
    low, high = stats.paired_interval(gap, None, None, compare.CONFIDENCE)
    fall, other = -float(said.mean()), -float(meant.mean())
    large = fall >= LEAST and fall - other >= LEAST and other < fall / 2
    p = stats.sign_flip(gap)[0] if large else 1.0
    names = (shown.after.task, known.after.task)
    template = "what is asked by letter fell by {n:.1f} points on {one}, what is known {went} on {other}"
    if kind == "saying":
        template = "what has to be said fell by {n:.1f} points on {one}, what is known {went} on {other}"
    what = say(template, n=100 * fall, one=names[0], went=_went(-other), other=names[1])
    template = "the same {n:,} questions; difference {gap:+.1f} points, 90 % interval {low:+.1f} to {high:+.1f}"
    evidence = say(template, n=len(ids), gap=100 * gap.mean(), low=100 * low, high=100 * high)
    yield Test(kind, names[0], p, large, what, 100 * (fall - other), lost(shown), len(ids), evidence)


# -- what a fall is made of -------------------------------------------------------------------------------------


def fallen(one: Scored) -> str:
    """`demo_math 71.5 -> 2.5 (-69.0 points, 90 % interval -74.1 to -63.4; 138 right -> wrong, 0 the other way)`."""
    change, points = one.change, wording.in_points(one.change)
    ends = " -> ".join(wording.number(v, points) for v in (change.before, change.after))
    unit = say("points") if points else change.metric
    moved, low, high = (wording.number(v, points, signed=True) for v in (change.change, change.low, change.high))
    counts = {"lost": change.lost, "gained": change.gained}
    flips = say("; {lost:,} right -> wrong, {gained:,} the other way", **counts) if points else ""
    template = "{task} {ends} ({moved} {unit}, 90 % interval {low} to {high}{flips})"
    return say(template, task=change.task, ends=ends, moved=moved, unit=unit, low=low, high=high, flips=flips)


def where(one: Scored, categories: Mapping[str, Sequence[str]]) -> str:
    """The subjects or categories that fell surest, "" where none does: Benjamini-Hochberg at 0.10."""
    rows = [row for row in one.change.moved if row["q"] <= wording.SURE and row["change"] * one.paired.sign < 0]
    named = [
        f"{row['subject']} {100 * row['change']:+.1f} (n {row['n']}, q {wording.p_value(row['q'])})" for row in rows
    ]
    by_category = _by_category(one, categories)
    said = [say("fell most in {subjects}", subjects=listed(named[:3]))] if named else []
    said += [say("by category: {categories}", categories=by_category)] if by_category else []
    return listed(said, "; ")


def _by_category(one: Scored, categories: Mapping[str, Sequence[str]]) -> str:
    moved: dict[str, list[float]] = {}
    for sample, change in _moves(one):
        for name in categories.get(sample, ()):
            moved.setdefault(name, []).append(change)
    rows = [
        (name, float(np.mean(values)), stats.sign_flip(values)[0])
        for name, values in sorted(moved.items())
        if len(values) > 1
    ]
    kept = [
        row for row, q in zip(rows, stats.bh([row[2] for row in rows]), strict=True) if q <= wording.SURE and row[1] < 0
    ]
    kept.sort(key=lambda row: row[1])
    return listed(f"{name} {100 * change:+.1f}" for name, change, _ in kept[:3]) if len(moved) > 1 else ""


def unread(one: Scored) -> tuple[int, int, float] | None:
    """(lost questions that can't be read now, lost questions, change among those read on both sides); None if not known."""
    known = [name for name in wording.UNREAD if name in one.after.measures and name in one.before.measures]
    if not known:
        return None
    now, then = (
        {s for name in known for s, v in zip(side.samples, side.measures[name], strict=True) if v}
        for side in (one.after, one.before)
    )
    was = dict(zip(one.before.samples, one.before.values, strict=True))
    both = [
        (sample, value - old) for sample, value in zip(one.after.samples, one.after.values, strict=True)
        if value is not None and (old := was.get(sample)) is not None
    ]  # fmt: skip
    fell = [sample for sample, change in both if change * one.paired.sign < 0]
    read = [change for sample, change in both if sample not in now and sample not in then]
    return sum(sample in now for sample in fell), len(fell), float(np.mean(read)) if read else 0.0


def at_chance(by_task: Mapping[str, Scored]) -> tuple[Unchecked, ...]:
    """Tasks on which neither side is above guessing say nothing of what was learnt or forgotten."""
    found = []
    for task, one in by_task.items():
        chance, ends = one.after.chance, (one.change.before, one.change.after)
        if chance is None or any(value is None for value in ends):
            continue
        half = 1.96 * math.sqrt(max(chance * (1 - chance), 1e-9) / max(one.change.n, 1))
        if all(value is not None and value <= chance + half for value in ends):
            template = "neither side is above guessing ({n:.0f} %), so it tells nothing of what was learnt or forgotten"
            why = say(template, n=100 * chance)
            found.append(Unchecked(task, why))
    return tuple(found)
