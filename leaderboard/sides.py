"""Outcomes for the ranks of composites, made of numbers that are read exam by exam; no text is touched.

Example: `Sides(store, scoring).of({"9f3c…": entries, …}, profile, "own", "rule")` gives each checkpoint the Outcomes of
its runs with the measures that the profile's parts look at, and no others. Trap: a part of kind "metric" may want
anything of an answer, so its Outcomes are read in full.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness import metrics
from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.store import grid, read
from harness.store.open import Store
from harness.verdicts.profile import Profile
from leaderboard.cells import Entry

Mine = Mapping[str, Sequence[Entry]]  # checkpoint id -> the runs of its score


class Sides:
    def __init__(self, store: Store, scoring: Mapping[str, int]) -> None:
        self._store, self._scoring = store, scoring

    def of(self, mine: Mine, profile: Profile, counter: str, cqs: str) -> dict[str, list[Outcomes]]:
        measures = list(_measures(profile, counter, cqs))
        heads: dict[str, Outcomes] = {}
        by_exam: dict[tuple[str, str], list[Entry]] = {}
        for entry in (entry for runs in mine.values() for entry in runs):
            by_exam.setdefault((entry.exam.id, entry.metric), []).append(entry)
        for entries in by_exam.values():
            heads |= self._heads(entries, measures)
        return {
            checkpoint: [*(heads[e.run.id] for e in runs), *self._others(runs, profile)]
            for checkpoint, runs in mine.items()
        }

    def _heads(self, entries: Sequence[Entry], measures: Sequence[str]) -> dict[str, Outcomes]:
        """Of runs of one exam, by run."""
        exam, metric = entries[0].exam, entries[0].metric
        found = metrics.of(exam.task, metric)
        if not found.IS_MEAN:
            return {e.run.id: read.outcomes(self._store, e.run.id, metric) for e in entries}
        runs = [entry.run.id for entry in entries]
        values = grid.values(self._store, exam.id, exam.task, metric, {run: self._scoring.get(run) for run in runs})
        answered = ~np.isnan(grid.answered(self._store, exam.id, runs))
        tables = {name: self._measured(exam.id, runs, name) for name in measures}
        made = {}
        for row, entry in enumerate(entries):
            there = np.flatnonzero(answered[row]).tolist()
            asked = [exam.samples[i] for i in there]
            beside = {name: table[row][there] for name, table in tables.items()}
            made[entry.run.id] = Outcomes(
                task=exam.task.key,
                metric=metric,
                checkpoint=entry.checkpoint.id,
                fingerprint={"must": {"scorer": entry.scorer}},
                samples=tuple(sample.id for sample in asked),
                values=_told(values[row][there]),
                repeats=entry.run.repeats,
                subjects=tuple(sample.subject for sample in asked),
                clusters=tuple(sample.cluster for sample in asked),
                average=exam.task.average,
                higher_is_better=found.HIGHER_IS_BETTER,
                measures={name: _told(some) for name, some in beside.items() if not np.isnan(some).all()},
                unit=found.UNIT,
                labelled=exam.task.labelled,
                chance=exam.task.chance,
                bytes=entry.checkpoint.bytes,
                bytes_declared=entry.checkpoint.bytes_declared,
                name=entry.checkpoint.name,
                run=entry.run.id,
            )
        return made

    def _measured(self, exam_id: str, runs: Sequence[str], name: str) -> Floats:
        if name == "answer_tokens":
            return grid.tokens(self._store, exam_id, runs)
        return grid.beside(self._store, exam_id, runs, name)

    def _others(self, runs: Sequence[Entry], profile: Profile) -> list[Outcomes]:
        return [
            read.outcomes(self._store, entry.run.id, part.metric)
            for part in profile.part
            for entry in runs
            if part.kind == "metric" and entry.task.key in part.tasks and part.metric != entry.metric
        ]


def _measures(profile: Profile, counter: str, cqs: str) -> Sequence[str]:
    """What the parts look at beside the grades; neutral counts are held against own ones."""
    kinds = {part.kind for part in profile.part}
    found = []
    if "tokens" in kinds:
        found += ["answer_tokens"] if counter == "own" else ["answer_tokens", "neutral_tokens"]
    if "cot" in kinds:
        found.append("cot_health" if cqs == "rule" else f"cot_judge:{cqs.removeprefix('judge:')}")
    return found


def _told(values: Floats) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else value for value in values.tolist())
