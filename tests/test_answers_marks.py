"""The marks of a run as SQLite joins them are those of reading its answers one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from site_world import small_world

from harness.store import grid
from harness.store.open import Store
from leaderboard import places
from leaderboard.answers_runs import Asked, _at_once, asked_of, marks
from leaderboard.entries import read_board
from leaderboard.pages import View


def runs_of(store: Store) -> list[Asked]:
    board = read_board(store)
    asked: Mapping[str, Sequence[Asked]] = asked_of(View(store, board, places.of(board)))
    return [run for runs in asked.values() for run in runs]


def told(found: dict[str, Any]) -> dict[str, Any]:
    return found | {"counts": dict(sorted(found["counts"].items()))}


def test_marks_are_the_same_at_once_and_one_by_one(tmp_path: Path) -> None:
    with small_world(tmp_path / "bench.db") as store:
        runs = runs_of(store)
        assert any(_at_once(store, run) for run in runs)
        for run in runs:
            assert told(marks(store, run)) == told(marks(store, replace(run, ordered=False)))


def test_an_answer_without_a_grade_is_counted_apart_from_one_that_cant_have_one(tmp_path: Path) -> None:
    with small_world(tmp_path / "bench.db") as store:
        run = next(run for run in runs_of(store) if _at_once(store, run))
        found = marks(store, replace(run, scorer=None))
        assert set(found["marks"]) == {"-"} and found["counts"] == {"none": len(found["marks"])}


TURN = "UPDATE samples SET position = (SELECT n FROM exams WHERE id = exam) - 1 - position + ?"


def test_grades_follow_their_questions_wherever_these_lie(tmp_path: Path) -> None:
    with small_world(tmp_path / "bench.db") as store:
        scoring: dict[str, dict[str, int | None]] = {}
        for run in runs_of(store):
            scoring.setdefault(run.entry.exam.id, {})[run.entry.run.id] = run.scorer
        before = {exam: grid.grades(store, exam, mine) for exam, mine in scoring.items()}
        store.db.conn.execute(TURN, [10_000])
        store.db.conn.execute("UPDATE samples SET position = position - 10000")
        assert any(set(np.unique(values)) == {0.0, 1.0} for values in before.values())
        for exam, mine in scoring.items():
            np.testing.assert_array_equal(grid.grades(store, exam, mine), before[exam][:, ::-1])
            backwards = dict(reversed(mine.items()))
            np.testing.assert_array_equal(grid.grades(store, exam, backwards), before[exam][::-1, ::-1])


def test_questions_that_lie_in_another_order_are_read_one_by_one(tmp_path: Path) -> None:
    """A question that was put right comes later in the store than its neighbours."""
    with small_world(tmp_path / "bench.db") as store:
        before = {run.entry.run.id: marks(store, run) for run in runs_of(store)}
        exams = [uid for (uid,) in store.db.conn.execute("SELECT uid FROM exams").fetchall()]
        store.db.conn.execute(TURN, [10_000])
        store.db.conn.execute("UPDATE samples SET position = position - 10000")
        after = runs_of(store)
        assert exams and not any(run.ordered for run in after)
        for run in after:
            if before[run.entry.run.id]["values"] is None and run.entry.run.repeats == 1:
                assert marks(store, run)["marks"] == before[run.entry.run.id]["marks"][::-1]
