"""Two runs of one task on the same questions -> what changed, with the test that belongs to the number shown.

Example: C-Eval's headline is the plain mean of 52 subjects, so its change is tested by sign flips weighted by subject,
not by McNemar, which would test the mean over questions: another number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Change, Difference, Outcomes
from harness.stats.intervals import Floats
from harness.verdicts import _aligned, audit, measured

COVERAGE = 0.98  # of either side's answers that must be on common questions
CONFIDENCE = 0.90  # two-sided: its ends bound the one-sided 5 % tests
LARGEST = 1e150  # what is larger has no square
SIDES = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class Paired:
    """The common questions in order of their ids: what every test of a pair works on."""

    before: Floats
    after: Floats
    strata: tuple[str, ...] | None  # subjects where the score is their plain mean
    subjects: tuple[str, ...] | None
    clusters: tuple[str, ...] | None
    unanswered: tuple[int, int]  # by the baseline, by the candidate alone: counted as wrong
    dropped: int  # answered by one side, not asked of the other
    sign: float  # -1 where lower is better
    weights: Floats  # of each question in the score
    samples: tuple[str, ...] = ()
    measured: stats.Swapped | None = None  # of a metric that is no mean; `after - before` is then n · contribution

    @property
    def n(self) -> int:
        return int(self.before.size)

    @property
    def better(self) -> Floats:
        """Differences that are positive where the candidate did better."""
        return (self.after - self.before) * self.sign

    @property
    def units(self) -> Floats:
        """Weighted differences, whole clusters summed; their sum is the change for the better."""
        return stats.cluster_sums(self.better * self.weights, self.clusters)

    @property
    def effective(self) -> tuple[float, float]:
        """(questions, mean squared difference) of an unweighted test with the same error: what power is made of."""
        units = self.units
        n = 1.0 / float(self.weights @ self.weights)
        return n, n * float(units @ units)

    def mde(self, alpha: float = 0.05) -> float:
        """Smallest drop caught 8 times of 10, in the metric's unit."""
        n, moment = self.effective
        if self._graded:
            return quantiles(alpha) * math.sqrt(moment / n)
        return stats.mde(n, moment, alpha)

    def needed(self, change: float, alpha: float = 0.05) -> float:
        """Questions, of which as many as now are asked per subject, that catch this change 8 times of 10."""
        n, moment = self.effective
        if change == 0:
            return math.inf
        if self._graded:
            return self.n * moment * (quantiles(alpha) / change) ** 2 / n
        return self.n * (stats.needed_n(abs(change), moment, alpha) or math.inf) / n

    @property
    def _graded(self) -> bool:
        """Whether the change is not made of 0/1 flips."""
        return bool(self.measured) or max(abs(self.before).max(), abs(self.after).max()) > 1


def quantiles(alpha: float) -> float:
    """How many standard errors a change is that a one-sided test at `alpha` finds with a power of 80 %."""
    return NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(0.8)


def compare(before: Outcomes, after: Outcomes, strict: bool = False, same: Sequence[str] = ()) -> Change:
    """The change from `before` to `after`; NotComparable or NothingToCompare where there is none to speak of."""
    found = audit.promote(audit.of(before, after), strict, same)
    audit.refuse(after.task, found)
    return change_of(pair(before, after), before, after, found)


def pair(before: Outcomes, after: Outcomes) -> Paired:
    """Match by sample id; NotComparable below 98 % common coverage, NothingToCompare without values."""
    if not (before.is_mean and after.is_mean):
        measured.refuse(before, after)
    there, answered = (np.array(measured.there(side), bool) for side in (before, after))
    _refuse_odd(before, there)
    _refuse_odd(after, answered)
    in_left, in_right = _aligned.rows(before, after)
    had, has = int(there.sum()), int(answered.sum())
    if not had or not has:
        raise NothingToCompare(_unscored(before, after, had, has))
    if had == has == 1 and before.metric.startswith("given"):
        numbers = " and ".join(f"{next(v for v in side.values if v is not None):g}" for side in (before, after))
        raise NotComparable(
            f"{after.task}: {before.metric} has one number for the whole of each side ({numbers}), so nothing can be tested; "
            "import it per item"
        )
    common = there[in_left] & answered[in_right]
    shared = int(common.sum())
    for side, own in (("baseline", had), ("candidate", has)):
        if shared < COVERAGE * own:
            raise NotComparable(
                f"{after.task} can't be compared: samples: only {shared:,} of the {side}'s {own:,} answered questions "
                "are answered by the other side too; finish the run, or use the same --limit on both"
            )
    failed = [~there[in_left] & answered[in_right], there[in_left] & ~answered[in_right]]
    if not _scored_0_to_1(before, after):  # what an answer that isn't there is worth, nobody knows
        failed = [np.zeros_like(common)] * 2
    kept = common | failed[0] | failed[1]  # of both sides alike: else two runs with equally many failures differ
    in_left, in_right = in_left[kept], in_right[kept]
    rows = in_left.tolist()
    subjects = tuple(before.subjects[i] for i in rows) if any(before.subjects) else None
    strata = subjects if before.average == "macro" and before.is_mean else None
    clusters = _clusters(before, rows)
    if before.is_mean:
        a, b, swapped = _filled(before, in_left), _filled(after, in_right), None
    else:
        parts, swapped = measured.test(before, after, list(zip(rows, in_right.tolist(), strict=True)), clusters)
        a, b = np.zeros(len(rows)), parts * len(rows)
    return Paired(
        before=a,
        after=b,
        strata=strata,
        subjects=subjects,
        clusters=clusters,
        unanswered=(int(failed[0].sum()), int(failed[1].sum())),
        dropped=had + has - shared - len(rows),
        sign=1.0 if before.higher_is_better else -1.0,
        weights=stats.weights(strata, len(rows)),
        samples=tuple(before.samples[i] for i in rows),
        measured=swapped,
    )


def _unscored(before: Outcomes, after: Outcomes, had: int, has: int) -> str:
    """Why there is no score on a side, and what to do."""
    if not (before.labelled or after.labelled):
        return (
            f"{after.task} has no public labels, so there is no score to compare; `bench export` hands its answers in"
        )
    if not had and not has:
        return (
            f"{after.task}: neither side has a scored answer: without golds, or before a scorer, there is no score to compare; "
            "`bench diagnose` holds the answers themselves against each other"
        )
    side = "baseline" if not had else "candidate"
    return f"{after.task}: the {side} has no scored answer; finish its run first"


def _refuse_odd(side: Outcomes, there: NDArray[np.bool_]) -> None:
    """A NaN is above no limit and below none: it would pass every one."""
    if side.is_mean and not (np.abs(_aligned.numbers(side.values)[there]) < LARGEST).all():
        raise NotComparable(
            f"{side.task} can't be compared: a value of {side.name or 'a side'} is no number to reckon with"
        )


def _filled(side: Outcomes, rows: NDArray[np.intp]) -> Floats:
    return np.nan_to_num(_aligned.numbers(side.values)[rows], nan=0.0)


def _scored_0_to_1(before: Outcomes, after: Outcomes) -> bool:
    """Whether an answer that is not there can count as wrong, as 0."""
    if not (before.is_mean and before.higher_is_better):
        return False
    values = np.concatenate([_aligned.numbers(side.values) for side in (before, after)])
    return bool(np.nanmin(values) >= 0 and np.nanmax(values) <= 1)


def _clusters(before: Outcomes, rows: Sequence[int]) -> tuple[str, ...] | None:
    """Cluster names, or None where no two questions share one."""
    if not any(before.clusters):
        return None
    names = tuple(before.clusters[i] for i in rows)
    filled = [c for c in names if c]
    return names if len(set(filled)) < len(filled) else None


def change_of(paired: Paired, before: Outcomes, after: Outcomes, found: Sequence[Difference]) -> Change:
    if paired.measured:
        return _measured(paired, paired.measured, after, found)
    better = paired.better
    lost, gained = int((better < 0).sum()), int((better > 0).sum())
    binary = bool(np.isin(paired.before, (0.0, 1.0)).all() and np.isin(paired.after, (0.0, 1.0)).all())
    if binary and paired.strata is None and paired.clusters is None:
        worse, improved = stats.mid_p_mcnemar(lost, gained)
        low, high = stats.tango(lost, gained, paired.n, CONFIDENCE)
        method = "mid-p McNemar, Tango interval"
    else:
        worse, improved = stats.sign_flip(better, paired.strata, paired.clusters)
        low, high = stats.paired_interval(better, paired.strata, paired.clusters, CONFIDENCE)
        method = "sign flips" + (" of whole clusters" if paired.clusters else "")
        method += (" weighted by subject" if paired.strata else "") + ", seed 0"
    if paired.sign < 0:
        low, high = -high, -low
    if any(paired.unanswered):
        by = [f"{n} unanswered by the {who}" for n, who in zip(paired.unanswered[::-1], SIDES[::-1], strict=True) if n]
        method += f"; {' and '.join(by)} count as wrong"
    if paired.dropped:
        method += f"; {paired.dropped} questions of one side only left out"
    share = paired.weights
    mean_before, mean_after = (math.fsum((share * x).tolist()) for x in (paired.before, paired.after))
    return Change(
        task=after.task,
        metric=after.metric,
        before=mean_before,
        after=mean_after,
        change=math.fsum((share * (paired.after - paired.before)).tolist()),
        low=low,
        high=high,
        n=paired.n,
        lost=lost,
        gained=gained,
        p=worse,
        p_better=improved,
        mde=paired.mde(),
        moved=moved(paired),
        differences=tuple(found),
        method=method,
        unit=after.unit,
    )


def _measured(paired: Paired, swapped: stats.Swapped, after: Outcomes, found: Sequence[Difference]) -> Change:
    """The change of a metric that is no mean. Lost and gained: questions that pulled it down and up."""
    method = "both sides' answers swapped per " + ("cluster" if paired.clusters else "question") + ", seed 0"
    if paired.dropped:
        method += f"; {paired.dropped} questions of one side only left out"
    return Change(
        task=after.task,
        metric=after.metric,
        before=swapped.before,
        after=swapped.after,
        change=swapped.after - swapped.before,
        low=swapped.low,
        high=swapped.high,
        n=paired.n,
        lost=int((paired.better < 0).sum()),
        gained=int((paired.better > 0).sum()),
        p=swapped.worse,
        p_better=swapped.better,
        mde=paired.mde(),
        differences=tuple(found),
        method=method,
        unit=after.unit,
    )


def moved(paired: Paired) -> tuple[dict[str, Any], ...]:
    """Change by subject, surest first, with Benjamini-Hochberg's q; to look at, never to judge by.

    52 subjects of 26 questions: "fell by a point" is true of some subject in every no-change comparison.
    """
    if paired.subjects is None or len(set(paired.subjects)) < 2:
        return ()
    sizes, groups = stats.strata_of(paired.subjects)
    parts = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1].astype(int))
    members = dict(zip(dict.fromkeys(paired.subjects), parts, strict=True))
    better, changes = paired.better, paired.after - paired.before
    rows: list[dict[str, Any]] = []
    for subject, inside in sorted(members.items()):
        worse, improved = stats.sign_flip(better[inside])
        rows.append(
            {
                "subject": subject,
                "n": len(inside),
                "before": float(paired.before[inside].mean()),
                "after": float(paired.after[inside].mean()),
                "change": float(changes[inside].mean()),
                "p": min(1.0, 2 * min(worse, improved)),
            }
        )
    for row, q in zip(rows, stats.bh([r["p"] for r in rows]), strict=True):
        row["q"] = q
    return tuple(sorted(rows, key=lambda r: (r["q"], r["p"], -abs(r["change"]), r["subject"])))
