"""Grades beside the score of a run, and the composites made of them: kept apart, read back, never mistaken for results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_world import RUN, answer, begin, fill, grade

from harness import metrics
from harness.records import Overall, Part, Score
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer

JUDGE = "1234567890abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "bench.db") as opened:
        yield opened


def chain(value: float | None, version: int = 1, scorer: str = "cot") -> Score:
    return Score(scorer, version, value, None, "steps", "ungraded", {"faults": [{"line": "2+2=5", "what": "2+2 is 4"}]})


def test_a_grade_without_gold_leaves_the_score_and_its_results(store: Store) -> None:
    fill(store, wrong=(3,))
    before = read.results(store, RUN.id), read.board_row(store, RUN.id)
    with Writer(store) as writer:
        for i in range(12):
            writer.put_score(RUN.id, f"s{i}", 0, replace(chain(0.5), outcome="truncated"), "")
    assert (read.results(store, RUN.id), read.board_row(store, RUN.id)) == before
    assert read.scorer(store, RUN.id) == "number@1"
    assert read.grades(store, RUN.id, "cot")["s3", 0].detail["faults"][0]["what"] == "2+2 is 4"
    assert read.grades(store, RUN.id, "tokens") == {}


def test_a_grade_under_the_golds_in_force_still_drops_the_results(store: Store) -> None:
    fill(store)
    assert read.results(store, RUN.id)
    with Writer(store) as writer:
        writer.put_score(RUN.id, "s0", 0, grade(0, version=2), "key0")
    assert read.results(store, RUN.id) == []


def test_secondary_grades_are_measures_of_the_outcomes(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i in range(3):
            for repeat in (0, 1):
                writer.put(replace(answer(i, repeat=repeat), thinking_tokens=i))
                writer.put_score(RUN.id, f"s{i}", repeat, grade(i), "key0")
                writer.put_score(RUN.id, f"s{i}", repeat, chain(float(repeat)), "")
                writer.put_score(RUN.id, f"s{i}", repeat, chain(0.25, scorer="judge"), JUDGE)
            counted = Score("tokens", 1, None, None, "o200k_base", "ungraded", {"neutral": 7 + i})
            lacking = replace(counted, rule="error", outcome="error", detail={})
            writer.put_score(RUN.id, f"s{i}", 0, counted if i else lacking, "")
    found = read.outcomes(store, RUN.id)
    assert found.measures["cot_health"] == (0.5, 0.5, 0.5), "the mean of two answers"
    assert found.measures["cot_judge:12345678"] == (0.25, 0.25, 0.25)
    assert found.measures["neutral_tokens"] == (None, 8.0, 9.0)
    assert found.measures["thinking_tokens"] == (0.0, 1.0, 2.0)
    assert (found.chance, found.bytes, found.bytes_declared) == (0.25, 1_000, False)
    assert read.judged_by(store, RUN.id) == [JUDGE]


def test_a_newer_grader_counts_once_it_is_through(store: Store) -> None:
    fill(store)
    with Writer(store) as writer:
        for i in range(12):
            writer.put_score(RUN.id, f"s{i}", 0, chain(0.5), "")
        writer.put_score(RUN.id, "s0", 0, chain(1.0, version=2), "")
    assert read.grades(store, RUN.id, "cot")["s0", 0].value == 0.5
    before = read.state(store, RUN.id)
    with Writer(store) as writer:
        for i in range(1, 12):
            writer.put_score(RUN.id, f"s{i}", 0, chain(1.0, version=2), "")
    assert read.outcomes(store, RUN.id).measures["cot_health"] == (1.0,) * 12
    assert read.state(store, RUN.id) != before, "a composite of these runs is another now"


def test_composites_and_judges_come_back_as_they_were(store: Store) -> None:
    fill(store)
    parts = (
        Part("AS", 0.4, 50.0, 40.0, 60.0, 12, detail={"tasks": ["quiz"]}),
        Part("MLS", 0.6, None, None, None, why="no"),
    )
    made = Overall(
        "mine", "5ba", "c0ffee", "small-sft", None, None, None, "partial", "MLS: no", parts, ("quiz",), runs=(RUN.id,),
        beside={"tokens_per_answer": 7.5, "thinking_share": None}, peers="9e",
    )  # fmt: skip
    with Writer(store) as writer:
        writer.put_overall(made, "key", "name = 'mine'")
        writer.put_overall(replace(made, why="still no"), "key", "name = 'mine'")
        writer.put_judge(JUDGE, "critic", {"usable": False})
        writer.put_judge(JUDGE, "critic", {"usable": True, "f1": 0.61})
    assert read.overalls(store) == {("c0ffee", "5ba", "key"): replace(made, why="still no")}
    assert read.overall(store, "c0ffee", "5ba", "key") == replace(made, why="still no")
    for other in (("c0ffee", "5ba", "yek"), ("c0ffee", "5bb", "key"), ("decaf", "5ba", "key")):
        assert read.overall(store, *other) is None, other
    assert read.profiles(store) == {"5ba": ("mine", "name = 'mine'")}
    assert read.judge(store, JUDGE) == ("critic", {"usable": True, "f1": 0.61})
    assert read.judge(store, "nobody") is None


def test_the_share_of_thinking_is_of_tokens_not_of_answers(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i, (tokens, thinking) in enumerate([(90, 90), (10, 0), (None, None)]):
            writer.put(replace(answer(i), output_tokens=tokens, thinking_tokens=thinking))
    assert metrics.find("thinking_share").measure(read.table(store, RUN.id)) == pytest.approx(0.9)
