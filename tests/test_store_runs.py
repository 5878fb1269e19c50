"""Runs in the store: what is missing, who is at work, which grades count."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_world import (
    HERE,
    ME,
    RUN,
    answer,
    begin,
    exam,
    fill,
    grade,
    plain,
)

from harness.errors import UserError
from harness.records import Verdict
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "results" / "bench.db") as opened:
        yield opened


def test_missing_is_what_was_not_answered_in_exam_order(store: Store) -> None:
    samples = exam().samples
    assert len(read.missing(store, "unknown", samples, 2)) == 24
    with Writer(store) as writer:
        begin(store, writer)
        for i in (5, 0, 7):
            writer.put(answer(i))
        writer.put(answer(1, "", stop="error", error="out of memory"))
        writer.put(answer(2, repeat=1))
    assert read.missing(store, "5a0e", samples[:4], 2) == [
        ("s0", 1),
        ("s1", 1),
        ("s2", 0),
        ("s3", 0),
        ("s3", 1),
    ]
    assert read.response_count(store, "5a0e") == 5
    assert read.get_run(store, "5a0e").done == 5


def test_unscored_is_by_version_and_golds(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i in range(12):
            writer.put(answer(i))
        for i in range(10):
            writer.put_score("5a0e", f"s{i}", 0, grade(i), "key0")

    def left(version: int, key: str) -> list[str]:
        return [r.sample for r in read.unscored(store, "5a0e", "number", version, key)]

    assert left(1, "key0") == ["s10", "s11"]
    assert len(left(2, "key0")) == len(left(1, "key1")) == 12


def test_grading_while_reading_and_while_another_process_writes(store: Store) -> None:
    """A cursor left open would hold an old snapshot, and the commit after the other's would fail."""
    fill(store)
    with Writer(store) as writer, open_store(store.path) as other, Writer(other) as second:
        for i, response in enumerate(read.unscored(store, "5a0e", "number", 2, "key0")):
            second.tag_run("5a0e", [f"tag{i}"])
            writer.put_score("5a0e", response.sample, 0, grade(i, version=2), "key0")
            writer.flush()
    assert list(read.unscored(store, "5a0e", "number", 2, "key0")) == []


def test_runs_are_listed_newest_first_by_what_is_asked(store: Store) -> None:
    fill(store)
    fill(store, replace(RUN, id="later", attempt=1, tags=("v2", "nightly")))
    ids = [run.id for run in read.list_runs(store)]
    assert ids == ["later", "5a0e"]
    assert [r.id for r in read.list_runs(store, tag="v2")] == ["later"]
    assert [r.id for r in read.list_runs(store, checkpoint="small-sft", task="quiz", status="done")] == ids
    assert [r.id for r in read.list_runs(store, checkpoint="c0ffee", exam="exam0", run="5a0e")] == ["5a0e"]
    assert read.list_runs(store, status="failed") == []
    assert read.get_run(store, "later").tags == ("nightly", "v2")
    with pytest.raises(UserError, match="no run nope"):
        read.get_run(store, "nope")


def test_done_needs_every_answer_and_a_smaller_limit_does_not_shrink_a_run(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        writer.put(answer(0))
        writer.finish_run("5a0e", "done")
        assert read.get_run(store, "5a0e").status == "interrupted"
        begin(store, writer, replace(RUN, expected=1))
        assert read.get_run(store, "5a0e").expected == 12
        for i in range(12):
            writer.put(answer(i))
        writer.finish_run("5a0e", "done")
    run = read.get_run(store, "5a0e")
    assert (run.status, run.done) == ("done", 12) and run.finished is not None


def test_a_run_somebody_works_on_is_refused_and_a_dead_ones_is_taken_over(store: Store) -> None:
    sleeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with Writer(store) as writer:
        begin(store, writer, pid=sleeper.pid)
        with pytest.raises(UserError, match=rf"process {sleeper.pid} on .* is at work on run 5a0e") as refused:
            writer.start_run(RUN, HERE, ME)
        assert refused.value.exit_code == 2
        sleeper.communicate()
        writer.start_run(RUN, HERE, ME)
        writer.start_run(RUN, HERE, ME)  # one's own run is never in the way
    assert plain(store, "select host, pid, status from runs") == [(HERE, ME, "running")]


def test_another_machines_run_is_taken_over_when_its_heartbeat_stops(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer, host="node7", pid=1)
        with pytest.raises(UserError, match="process 1 on node7"):
            writer.start_run(RUN, "node8", 1)
        with store.transaction() as conn:
            conn.execute("UPDATE runs SET heartbeat = heartbeat - 61")
        writer.start_run(RUN, "node8", 1)
    assert plain(store, "select host from runs") == [("node8",)]


def test_ctrl_c_keeps_what_was_answered(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), Writer(store) as writer:
        begin(store, writer)
        for i in range(5):
            writer.put(answer(i))
        raise KeyboardInterrupt
    assert read.response_count(store, "5a0e") == 5


def test_a_corrected_gold_keeps_old_scores_and_asks_nothing_again(store: Store) -> None:
    fill(store, wrong=(3,))
    assert len(read.results(store, "5a0e")) == 3
    with Writer(store) as writer:
        assert not writer.add_exam(exam())
        assert writer.add_exam(exam(key="key1", s3="99"))
        assert read.results(store, "5a0e") == []  # a number from the old golds must not be shown
        assert read.get_exam(store, "exam0").samples[3].target == "99"
        assert read.missing(store, "5a0e", exam().samples, 1) == []
        assert read.table(store, "5a0e").value.isna().all()
        for response in list(read.unscored(store, "5a0e", "number", 1, "key1")):
            writer.put_score("5a0e", response.sample, 0, grade(0), "key1")
    assert plain(store, "select sum(value), count(*) from v_samples") == [(12.0, 12)]
    assert plain(store, "select target, value from v_samples where sample = 's3'") == [("99", 1.0)]
    old = "select sum(value) from scores join scorers c on c.id = scorer where c.params = 'key0'"
    assert plain(store, old) == [(11.0,)]
    with Writer(store) as writer:  # and back: the old grades count again, at no cost
        assert writer.add_exam(exam())
    assert plain(store, "select sum(value) from v_samples") == [(11.0,)]


def test_a_new_scorer_version_counts_once_it_has_graded_everything(store: Store) -> None:
    fill(store)
    with Writer(store) as writer:
        for i in range(6):
            writer.put_score("5a0e", f"s{i}", 0, grade(i, 0.0, version=2), "key0")
        writer.flush()
        assert read.table(store, "5a0e").value.sum() == 12  # halfway there must be no mixture
        assert read.results(store, "5a0e") == []
        for i in range(6, 12):
            writer.put_score("5a0e", f"s{i}", 0, grade(i, 0.0, version=2), "key0")
    assert read.table(store, "5a0e").value.sum() == 0
    assert read.outcomes(store, "5a0e").fingerprint["must"]["scorer"] == "number@2"


def test_an_answer_drops_the_cached_results_too(store: Store) -> None:
    fill(store, n=6)
    with Writer(store) as writer:
        writer.put(answer(7))
        writer.flush()
        assert read.results(store, "5a0e") == []


def test_a_stock_scorers_version_is_a_text_and_is_found_again(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        writer.put(answer(0))
        writer.put_score("5a0e", "s0", 0, grade(0, scorer="lm_eval", version="0.4.13"), "key0")
    assert list(read.unscored(store, "5a0e", "lm_eval", "0.4.13", "key0")) == []
    assert len(list(read.unscored(store, "5a0e", "lm_eval", "0.4.14", "key0"))) == 1
    assert read.outcomes(store, "5a0e").fingerprint["must"]["scorer"] == "lm_eval@0.4.13"


def test_verdicts_are_kept_as_history(store: Store) -> None:
    with Writer(store) as writer:
        writer.put_verdict(Verdict("fail", 3, "worse", ()), ["old"], ["new", "newer"])
    found = plain(store, "select status, exit_code, before, after, verdict ->> '$.sentence' from verdicts")
    assert found == [("fail", 3, '["old"]', '["new","newer"]', "worse")]
