"""Numbers of many runs of one exam as one table [run, question]: what boards, ranks and composites are made of.

Example: `grades(store, exam, {run: scorer row, …})` of 1,000 runs x 17 questions takes 20 ms and reads no text. NaN is
what was not asked, not answered or not graded; repeats are averaged. Trap: an exam's rows of `samples` are in the order
of its questions, but a corrected one may come later, so places are looked up and never counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from harness import metrics
from harness.metrics import accuracy, given
from harness.records import Task
from harness.stats.intervals import Floats
from harness.store import secondary, tables
from harness.store.open import Store

ROWS = 50_000  # answers fetched at once
_TOKENS = "CASE WHEN p.stop = 'error' OR p.logprobs IS NOT NULL THEN NULL ELSE p.output_tokens END"
_NEUTRAL = "json_extract(x.detail, '$.neutral')"


def values(store: Store, exam_id: str, task: Task, spec: str, scoring: Mapping[str, int | None]) -> Floats:
    """What `outcomes(store, run, spec).values` holds, for all runs of `scoring`: run -> row of the scorer that counts."""
    metric = metrics.of(task, spec)
    if not metric.IS_MEAN or metric.module.per_sample is given.per_sample:
        return grades(store, exam_id, scoring)
    if metric.module.per_sample is accuracy.per_sample:
        return _without_errors(store, grades(store, exam_id, scoring), scoring)
    if spec == "answer_tokens":
        return tokens(store, exam_id, list(scoring))
    places = _places(store, exam_id)
    found = np.full((len(scoring), len(places)), np.nan)
    for row, run in enumerate(scoring):
        for position, value in tables.values(store, run, metric):
            found[row, position] = value
    return found


def grades(store: Store, exam_id: str, scoring: Mapping[str, int | None]) -> Floats:
    return _scored(store, exam_id, scoring, "x.value", _lettered)


def tokens(store: Store, exam_id: str, run_ids: Sequence[str]) -> Floats:
    """Generated tokens, as the metric answer_tokens has them."""
    return _table(store, exam_id, run_ids, f"SELECT p.run, p.sample, {_TOKENS} FROM responses p", [])


def answered(store: Store, exam_id: str, run_ids: Sequence[str]) -> Floats:
    """1.0 where there is an answer, graded or not."""
    return _table(store, exam_id, run_ids, "SELECT p.run, p.sample, 1.0 FROM responses p", [])


def beside(store: Store, exam_id: str, run_ids: Sequence[str], measure: str) -> Floats:
    """What a secondary scorer made: cot_health, neutral_tokens, cot_judge:DIGEST, as `secondary.measured` names them."""
    if measure == "neutral_tokens":
        return _scored(store, exam_id, secondary.best(store, run_ids, "tokens", ""), _NEUTRAL)
    if measure == "cot_health":
        return _scored(store, exam_id, secondary.best(store, run_ids, "cot", ""), "x.value")
    digest = measure.partition(":")[2]
    return _scored(store, exam_id, secondary.best(store, run_ids, secondary.JUDGE, digest), "x.value")


def _without_errors(store: Store, found: Floats, scoring: Mapping[str, int | None]) -> Floats:
    """A run of nothing but errors was never asked, or never graded, and so has no score (see metrics/accuracy.py)."""
    runs = list(scoring)
    sql = """SELECT count(*), sum(x.outcome = 'error') FROM responses p JOIN scores x ON x.response = p.id
        AND x.scorer = ? WHERE p.run = (SELECT id FROM runs WHERE uid = ?)"""
    for row in np.flatnonzero(~(np.nan_to_num(found) != 0).any(axis=1)).tolist():
        count, errors = store.db.conn.execute(sql, [scoring[runs[row]], runs[row]]).fetchone()
        if count and count == errors:
            found[row] = np.nan
    return found


Quick = Callable[[Store, Sequence[int], int, Floats], "Floats | None"]


def _scored(
    store: Store, exam_id: str, scoring: Mapping[str, int | None], what: str, quick: Quick | None = None
) -> Floats:
    """One table of all runs, read scorer by scorer; where `quick` has no answer, row by row."""
    runs = list(scoring)
    places = _places(store, exam_id)
    found = np.full((len(runs), len(places)), np.nan)
    by_scorer: dict[int, list[int]] = {}
    for row, scorer in enumerate(scoring.values()):
        if scorer is not None:
            by_scorer.setdefault(scorer, []).append(row)
    for scorer, mine in by_scorer.items():
        sql = f"SELECT p.run, p.sample, {what} FROM responses p JOIN scores x ON x.response = p.id AND x.scorer = ?"
        numbers = _numbers(store, [runs[row] for row in mine])
        for some in _blocks(len(mine), len(places)):
            block = quick(store, numbers[some], scorer, places) if quick else None
            found[mine[some]] = _read(store, numbers[some], sql, [scorer], places) if block is None else block
    return found


def _lettered(store: Store, runs: Sequence[int], scorer: int, places: Floats) -> Floats | None:
    """Grades of 0 and 1 as one letter each, which costs SQLite half of what rows cost; None where there are others.

    As many answers as runs and questions have places for, and none of them a repeat: then there is one in each place.
    """
    answers, repeats, letters = store.db.conn.execute(_LETTERS, [scorer, json.dumps(list(runs))]).fetchone()
    if not answers or answers != len(runs) * places.size or repeats or "?" in letters:
        return None
    values = _VALUES[np.frombuffer(letters.encode("ascii"), np.uint8)].reshape(len(runs), places.size)
    found = np.empty_like(values)
    found[np.argsort(runs)] = values[:, np.argsort(np.argsort(places))]
    return found


_LETTERS = """SELECT count(*), sum(repeat), group_concat(letter, '') FROM (
    SELECT p.repeat, CASE x.value WHEN 1.0 THEN '1' WHEN 0.0 THEN '0' ELSE iif(x.value IS NULL, '-', '?') END AS letter
    FROM responses p LEFT JOIN scores x ON x.response = p.id AND x.scorer = ?
    WHERE p.run IN (SELECT value FROM json_each(?)) ORDER BY p.run, p.sample, p.repeat)"""
_VALUES = np.full(256, np.nan)
_VALUES[[ord("0"), ord("1")]] = 0.0, 1.0


def _table(store: Store, exam_id: str, run_ids: Sequence[str], sql: str, first: Sequence[Any]) -> Floats:
    """`sql` selects run, sample and number of answers `p`; mean over the repeats that have one."""
    places, numbers = _places(store, exam_id), _numbers(store, run_ids)
    found = np.full((len(run_ids), len(places)), np.nan)
    for some in _blocks(len(run_ids), len(places)):
        found[some] = _read(store, numbers[some], sql, first, places)
    return found


def _blocks(runs: int, questions: int) -> Iterator[slice]:
    step = max(1, ROWS // max(1, questions))
    return (slice(start, start + step) for start in range(0, runs, step))


def _read(store: Store, runs: Sequence[int], sql: str, first: Sequence[Any], places: Floats) -> Floats:
    asked = f"{sql} WHERE p.run IN (SELECT value FROM json_each(?))"
    rows = store.db.conn.execute(asked, [*first, json.dumps(list(runs))]).fetchall()
    return _laid(rows, runs, places) if rows else np.full((len(runs), places.size), np.nan)


def _laid(rows: Sequence[tuple[int, int, float | None]], runs: Sequence[int], places: Floats) -> Floats:
    run, sample, number = (np.array(column, float) for column in zip(*rows, strict=True))
    order = np.argsort(runs)
    row = order[np.searchsorted(np.array(runs, float)[order], run)]
    column = np.argsort(places)[np.searchsorted(np.sort(places), sample)]
    there = ~np.isnan(number)
    cell = (row * places.size + column)[there]
    size = len(runs) * places.size
    counts = np.bincount(cell, minlength=size)
    sums = np.bincount(cell, weights=number[there], minlength=size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(len(runs), places.size)


def _places(store: Store, exam_id: str) -> Floats:
    """The rows of an exam's questions in the order of their positions."""
    sql = "SELECT id FROM samples WHERE exam = (SELECT id FROM exams WHERE uid = ?) ORDER BY position"
    return np.array([number for (number,) in store.db.conn.execute(sql, [exam_id]).fetchall()], float)


def _numbers(store: Store, run_ids: Sequence[str]) -> list[int]:
    sql = "SELECT uid, id FROM runs WHERE uid IN (SELECT value FROM json_each(?))"
    known: dict[str, int] = dict(store.db.conn.execute(sql, [json.dumps(list(run_ids))]).fetchall())
    return [known[run] for run in run_ids]
