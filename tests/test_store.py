"""The store from outside: what goes in comes out, refusals are sentences, and the views work in plain sqlite3."""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness import metrics
from harness.errors import UserError
from harness.records import (
    Checkpoint,
    EngineInfo,
    Exam,
    Lineage,
    Response,
    Result,
    Run,
    Sample,
    Score,
    Settings,
    Task,
)
from harness.store import read, texts
from harness.store.check import check
from harness.store.migrations import MIGRATIONS
from harness.store.open import Store, StoreFailure, open_store
from harness.store.write import Writer

HERE, ME = socket.gethostname(), os.getpid()
SUBJECTS = ("law", "physics")
TASK = Task(
    name="quiz", scorer="number", metrics=("accuracy",), average="macro", chance=0.25, languages=("en", "zh")
)
CHECKPOINT = Checkpoint(
    "c0ffee", "small-sft", "full", path="/ckpt/small", parts={"weights": "aa", "config": "bb"}, bytes=1_000, base="ba5e",
    stop_ids=(2, 7), lineage=Lineage(method="lora", teacher="big@server", seed=1, recipe={"lr": 8e-5}, loss=((1, 2.5),)),
)  # fmt: skip
ENGINE = EngineInfo("e0", "hf", "5.19", "float32", options={"attention": "eager"})
RUN = Run("5a0e", "c0ffee", "exam0", Settings(stop=("\n\n",)), "e0", expected=12, tags=("nightly",))


def exam(n: int = 12, key: str = "key0", **target: str) -> Exam:
    samples = [
        Sample(f"s{i}", i, f"{i} + 1 = ?", target=target.get(f"s{i}", str(i + 1)), subject=SUBJECTS[i % 2],
               categories=("STEM", "Hard"), cluster=f"c{i // 2}", language="en", fields={"row": i, "ratio": 0.5})
        for i in range(n)
    ]  # fmt: skip
    return Exam("exam0", key, TASK, tuple(samples))


def answer(i: int, text: str | None = None, repeat: int = 0, **more: object) -> Response:
    said = f"it is {i + 1}" if text is None else text
    return replace(Response("5a0e", f"s{i}", repeat, said, output_tokens=4 + i), **more)  # type: ignore[arg-type]


def grade(i: int, value: float | None = 1.0, version: int = 1, **more: object) -> Score:
    outcome = "correct" if value == 1.0 else "unparsed" if value is None else "wrong"
    return replace(Score("number", version, value, str(i + 1), "last number", outcome), **more)  # type: ignore[arg-type]


def begin(store: Store, writer: Writer, run: Run = RUN, host: str = HERE, pid: int = ME) -> None:
    writer.add_checkpoint(CHECKPOINT)
    writer.add_exam(exam())
    writer.add_engine(ENGINE)
    sha = writer.add_environment({"torch": "2.13.0", "python": "3.11"})
    writer.start_run(replace(run, environment=sha), host, pid)


def fill(store: Store, run: Run = RUN, wrong: tuple[int, ...] = (), n: int = 12) -> None:
    """A finished run: all answers but `wrong` are right; results as a metric would cache them."""
    with Writer(store) as writer:
        begin(store, writer, run)
        for i in range(n):
            writer.put(replace(answer(i), run=run.id))
            writer.put_score(run.id, f"s{i}", 0, grade(i, 0.0 if i in wrong else 1.0), "key0")
        writer.finish_run(run.id, "done")
        right = (n - len(wrong)) / n
        writer.put_results(
            run.id,
            [Result(run.id, "accuracy", 1, s, right, 0.1, 0.9, n, "t") for s in ("", "micro", "macro")],
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "results" / "bench.db")


# -- what goes in comes out ---------------------------------------------------------------------------------


def test_records_come_back_as_they_were_put(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
    assert read.find_checkpoint(store, "c0ffee") == CHECKPOINT
    assert read.find_checkpoint(store, "nobody") is None
    assert read.checkpoints(store) == [CHECKPOINT]
    assert read.get_exam(store, "exam0") == exam()
    assert read.get_task(store, "exam0") == TASK
    assert read.get_engine(store, "e0") == ENGINE
    run = read.get_run(store, "5a0e")
    assert replace(run, started=None, environment=None) == RUN
    assert read.environment(store, run.environment) == {"torch": "2.13.0", "python": "3.11"}
    assert read.environment(store, None) == {}


def test_a_response_comes_back_whole(store: Store) -> None:
    sent = answer(
        3, thinking="so: 3 + 1", prompt="Q: 3 + 1 = ?\nA:", prompt_tokens=9, thinking_tokens=2, stop="length",
        seconds=0.25, logprobs=(-0.5, -math.inf), option_tokens=(1, 2), greedy=(True, False), error="cut",
        notes=("left-truncated",),
    )  # fmt: skip
    with Writer(store) as writer:
        begin(store, writer)
        writer.put(sent)
    assert list(read.responses(store, "5a0e")) == [sent]
    assert list(read.responses(store, "5a0e", "s3")) == [sent]
    assert list(read.responses(store, "5a0e", "s4")) == []


@pytest.mark.parametrize(
    "text",
    ["", "plain", "NUL \x00 inside", "cut emoji \ud83d", r"C:\users \ud83d", "\ud83d and \\ and \\ud83d", "好" * 350_000,
     "\udcff" * 300, "'; drop table runs; --", "\u2028\r\n\t\ufeff"],
    ids=["empty", "plain", "nul", "surrogate", "escape-like", "both", "1MB", "many surrogates", "sql", "breaks"],
)  # fmt: skip
def test_hostile_text_comes_back_exactly(store: Store, text: str) -> None:
    sent = answer(0, text, thinking="plain \\ud83d thought", prompt="Q " + text)
    with Writer(store) as writer:
        begin(store, writer)
        writer.put(sent)
        writer.put_score("5a0e", "s0", 0, grade(0, answer=text), "key0")
    assert list(read.responses(store, "5a0e")) == [sent]
    assert read.table(store, "5a0e").text[0] == text
    assert len(plain(store, "select text, answer from v_samples")) == 1  # any tool can fetch it


def test_texts_deflated_with_a_dictionary_come_back_and_are_smaller() -> None:
    said = [f"首先，计算 {i} + {i} = {2 * i}。因此，答案是 \\boxed{{{2 * i}}}。" * 4 for i in range(50)]
    dictionary = texts.dictionary(said[:40])
    for text in [*said[40:], "short", "x" * 199 + "\ud83d", "\ud83d"]:
        enc, value = texts.encode(text, dictionary)
        assert texts.decode(enc, value, dictionary) == text
    packed = texts.encode(said[45], dictionary)
    assert packed[0] == texts.DEFLATED
    assert len(packed[1]) < len(texts.encode(said[45])[1]) < len(said[45].encode())
    assert texts.encode("short", dictionary) == (texts.PLAIN, "short")


def test_compacted_rows_are_read_like_plain_ones(store: Store) -> None:
    long = "Step by step, " * 40
    with Writer(store) as writer:
        begin(store, writer)
        writer.put(answer(0, long, thinking="hm " * 100))
    dictionary = texts.dictionary([long])
    with store.transaction() as conn:
        conn.execute("INSERT INTO text_dicts (id, sha, bytes) VALUES (7, 'x', ?)", [dictionary])
        both = [texts.encode(t, dictionary)[1] for t in (long, "hm " * 100)]
        conn.execute("UPDATE response_texts SET enc = 1, dict = 7, text = ?, thinking = ?", both)
    assert [(r.text, r.thinking) for r in read.responses(store, "5a0e")] == [(long, "hm " * 100)]
    assert read.table(store, "5a0e").text[0] == long


def test_prompts_are_stored_once_and_their_beginnings_too(store: Store) -> None:
    shots = {s: "".join(f"{s} question {i}?\nAnswer: {i}\n\n" for i in range(40)) for s in SUBJECTS}
    sent = {f"s{i}": f"{shots[SUBJECTS[i % 2]]}{i} + 1 = ?\nAnswer:" for i in range(12)}
    other = replace(RUN, id="0ther", attempt=1)
    with Writer(store) as writer:
        begin(store, writer)
        begin(store, writer, other)
        for run in (RUN, other):
            for i in sorted(range(12), key=lambda i: i % 2):
                writer.put(replace(answer(i, prompt=sent[f"s{i}"]), run=run.id))
    assert {r.sample: r.prompt for r in read.responses(store, "0ther")} == sent
    stored = plain(store, "select count(*), sum(length(tail)) from prompts")[0]
    assert stored[0] <= 12 + 2  # one row a prompt for both runs, one a subject's beginning
    assert stored[1] < sum(map(len, sent.values())) / 10


def test_nothing_that_is_no_number_is_stored_as_one(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        writer.put(answer(0, seconds=math.nan, logprobs=(math.nan, -1.5)))
        writer.put(answer(1, seconds=math.inf))
        writer.put_score("5a0e", "s0", 0, grade(0, math.nan, detail={"part": math.nan}), "key0")
        writer.put_score("5a0e", "s1", 0, grade(1, math.inf), "key0")
        writer.put_results("5a0e", [Result("5a0e", "accuracy", 1, "", math.nan, math.nan, None, 0, "t")])
    assert plain(store, "select value, detail from scores") == [(None, '{"part":null}'), (None, None)]
    assert plain(store, "select seconds, logprobs from responses") == [(None, "[null,-1.5]"), (None, None)]
    assert read.results(store, "5a0e")[0].value is None
    again = next(read.responses(store, "5a0e"))
    assert again.logprobs is not None and math.isnan(again.logprobs[0])


def test_putting_twice_changes_nothing(store: Store) -> None:
    for said in ("first", "second"):
        with Writer(store) as writer:
            begin(store, writer)
            writer.put(answer(0, said))
            writer.put_score("5a0e", "s0", 0, grade(0, 1.0 if said == "first" else 0.0), "key0")
    assert [r.text for r in read.responses(store, "5a0e")] == ["first"]
    assert plain(store, "select text, value from v_samples") == [("first", 1.0)]
    assert read.get_run(store, "5a0e").done == 1
    assert check(store) == []


def test_an_answer_with_an_unknown_stop_is_refused_not_dropped(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError), Writer(store) as writer:
        begin(store, writer)
        writer.put(answer(0, stop="elsewhere"))
        writer.flush()


# -- runs ---------------------------------------------------------------------------------------------------


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
        with pytest.raises(
            UserError, match=rf"process {sleeper.pid} on .* is at work on run 5a0e"
        ) as refused:
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


# -- golds, scorers, results --------------------------------------------------------------------------------


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


# -- tables and outcomes ------------------------------------------------------------------------------------


def test_the_table_has_a_row_per_answer_in_exam_order(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i in (4, 1):
            for repeat in (1, 0):
                writer.put(answer(i, repeat=repeat, notes=("note",), logprobs=(-1.0,)))
        writer.put_score("5a0e", "s1", 0, grade(1, None), "key0")
    table = read.table(store, "5a0e")
    assert list(table.columns) == [
        "sample", "repeat", "position", "subject", "categories", "cluster", "language", "question", "target", "value",
        "outcome", "answer", "rule", "text", "thinking", "stop", "prompt_tokens", "output_tokens", "thinking_tokens",
        "seconds", "logprobs", "notes",
    ]  # fmt: skip
    assert list(zip(table["sample"], table["repeat"], strict=True)) == [
        ("s1", 0),
        ("s1", 1),
        ("s4", 0),
        ("s4", 1),
    ]
    assert table.outcome.tolist() == ["unparsed", None, None, None]
    assert table.value.dtype == table.prompt_tokens.dtype == "float64" and table.value.isna().all()
    assert (
        table.categories[0] == ("STEM", "Hard")
        and table.notes[3] == ("note",)
        and table.logprobs[0] == (-1.0,)
    )
    assert table.output_tokens.tolist() == [5, 5, 8, 8]
    assert len(read.table(store, "nobody")) == 0


def test_outcomes_average_repeats_and_carry_all_that_must_match(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer, replace(RUN, repeats=2))
        for i, values in {2: (1.0, 0.0), 0: (1.0, 1.0), 5: (None, None)}.items():
            for repeat, value in enumerate(values):
                writer.put(answer(i, repeat=repeat))
                writer.put_score("5a0e", f"s{i}", repeat, grade(i, value), "key0")
    found = read.outcomes(store, "5a0e")
    assert (found.samples, found.values) == (("s0", "s2", "s5"), (1.0, 0.5, None))
    assert (found.subjects, found.clusters) == (("law", "law", "physics"), ("c0", "c1", "c2"))
    assert (found.task, found.metric, found.average, found.name) == ("quiz", "accuracy", "macro", "small-sft")
    must, should = found.fingerprint["must"], found.fingerprint["should"]
    assert (must["exam"], must["key"], must["scorer"]) == ("exam0", "key0", "number@1")
    assert must["settings"]["max_tokens"] == 512 and must["settings"]["asked"] == "here"
    assert "seed" not in must["settings"]  # greedy: it changes nothing
    assert should["engine"]["dtype"] == "float32" and should["environment"]["torch"] == "2.13.0"
    assert found.fingerprint["own"] == {"weights": "aa", "config": "bb"}
    assert (
        found.fingerprint["recipe"]["recipe"] == {"lr": 8e-5}
        and found.fingerprint["recipe"]["method"] == "lora"
    )
    json.dumps(found.fingerprint, allow_nan=False)


def test_sample_rows_stream_in_exam_order(store: Store) -> None:
    fill(store, wrong=(1,))
    found = list(read.sample_rows(store, "5a0e"))
    assert [row["position"] for row in found] == list(range(12))
    assert (found[1]["outcome"], found[1]["text"], found[1]["target"]) == ("wrong", "it is 2", "2")
    assert list(read.sample_rows(store, "nobody")) == []


# -- views, for anybody's tools -----------------------------------------------------------------------------


def plain(store: Store, sql: str) -> list[tuple[object, ...]]:
    """Through a connection that knows nothing of us."""
    conn = sqlite3.connect(store.path)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()


def test_the_sample_view_keeps_its_contract(store: Store) -> None:
    fill(store, wrong=(2,))
    found = plain(
        store,
        """select run, checkpoint, task, sample, subject, repeat, text, answer, target, value, outcome,
                  output_tokens, stop from v_samples order by position""",
    )
    assert len(found) == 12
    expected = ("5a0e", "small-sft", "quiz", "s2", "law", 0, "it is 3", "3", "3", 0.0, "wrong", 6, "end")
    assert found[2] == expected


def test_the_board_view_has_a_row_per_run_also_without_results(store: Store) -> None:
    fill(store, wrong=(0, 1, 2))
    fill(store, replace(RUN, id="again", attempt=1), wrong=(0,))
    with Writer(store) as writer:
        begin(store, writer, replace(RUN, id="chat", settings=Settings(chat=True, shots=2)))
        for i, outcome in enumerate(("unparsed", "truncated", "truncated", "wrong")):
            writer.put(replace(answer(i, stop="length"), run="chat"))
            writer.put_score("chat", f"s{i}", 0, grade(i, 0.0, outcome=outcome), "key0")
        writer.finish_run("chat", "interrupted")
    found = plain(
        store,
        """select run, checkpoint, task, metric, value, low, high, n, unparsed, truncated, micro, macro, form, shots,
                  status, done, expected, tags from v_board order by run""",
    )
    ends = ("done", 12, 12, "nightly")
    quiz = ("small-sft", "quiz", "accuracy")
    assert found[0] == ("5a0e", *quiz, 0.75, 0.1, 0.9, 12, 0, 0, 0.75, 0.75, "raw", 0, *ends)
    partial = ("chat", 2, "interrupted", 4, 12, "nightly")
    assert found[2] == ("chat", *quiz, None, None, None, None, 1, 2, None, None, *partial)
    assert plain(store, "select run from v_latest order by run") == [("again",), ("chat",)]
    assert len(plain(store, "select * from v_history")) == 3


def test_the_board_takes_the_latest_done_attempt_and_marks_partial_ones(store: Store) -> None:
    fill(store)
    with Writer(store) as writer:
        begin(store, writer, replace(RUN, id="half", attempt=1))
        writer.finish_run("half", "interrupted")
        begin(store, writer, replace(RUN, id="chat", settings=Settings(chat=True)))
    board = read.board(store)
    assert dict(zip(board.run, board.partial, strict=True)) == {"5a0e": False, "chat": True}
    assert board.tags[0] == ("nightly",) and board.chance.tolist() == [0.25, 0.25]


def test_lineage_walks_up_and_ends_in_a_circle(store: Store) -> None:
    with Writer(store) as writer:
        writer.add_checkpoint(CHECKPOINT)
        writer.add_checkpoint(Checkpoint("ba5e", "base", "base", base="c0ffee"))
    found = plain(
        store,
        "select role, ancestor, ancestor_id from v_lineage where checkpoint = 'small-sft' and depth = 1",
    )
    assert sorted(found, key=str) == [("base", "base", "ba5e"), ("teacher", None, "big@server")]


# -- opening ------------------------------------------------------------------------------------------------


def test_a_fresh_store_is_made_with_its_folder_and_marked_as_ours(tmp_path: Path) -> None:
    with open_store(tmp_path / "a" / "b" / "bench.db") as store:
        assert plain(store, "pragma journal_mode") == [("wal",)]
        assert plain(store, "pragma application_id") != [(0,)]
        uuid = plain(store, "select value from meta where key = 'uuid'")
    with open_store(tmp_path / "a" / "b" / "bench.db") as store:
        assert plain(store, "select value from meta where key = 'uuid'") == uuid


def test_where_a_write_ahead_log_is_not_safe_the_journal_is_plain_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    monkeypatch.setattr(
        "harness.store.open.NETWORK", frozenset(kinds)
    )  # as if every disk here were a network one
    with open_store(tmp_path / "bench.db") as store:
        fill(store)
        assert plain(store, "pragma journal_mode") == [("delete",)]
        assert "network file system" in store.notes[0]
    monkeypatch.undo()
    with open_store(tmp_path / "bench.db") as store:
        assert store.notes == () and read.get_run(store, "5a0e").done == 12


def test_reading_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no store at .*run `bench run` first"):
        open_store(tmp_path / "bench.db", "ro")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(store: Store) -> None:
    fill(store)
    with open_store(store.path, "ro") as reader:
        assert read.get_run(reader, "5a0e").done == 12
        with pytest.raises(RuntimeError, match="opened to read"), Writer(reader) as writer:
            writer.drop_results("5a0e")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.db.conn.execute("DELETE FROM results")


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    open_store(path).close()
    conn = sqlite3.connect(path)
    conn.execute(
        "insert into _sqlite_migrations (migration_set, name, applied_at) values ('bench', 'm900_future', 'x')"
    )
    conn.execute("update meta set value = '9.9' where key = 'written_by'")
    conn.commit()
    conn.close()
    before = path.read_bytes()
    newest = list(MIGRATIONS.pending(_empty()))[-1].name
    for mode in ("rw", "ro"):
        with pytest.raises(UserError, match=rf"m900_future \(bench 9\.9\), newer than {newest}") as refused:
            open_store(path, mode)  # type: ignore[arg-type]
        assert refused.value.exit_code == 2
    assert path.read_bytes() == before


def _empty() -> object:
    from sqlite_utils import Database

    return Database(memory=True)


def test_files_that_are_no_stores_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database " * 100)
    conn = sqlite3.connect(other)
    conn.execute("create table cake (flour)")
    conn.commit()
    conn.close()
    for path, why in ((text, "no SQLite file"), (other, "another program"), (tmp_path, "a folder")):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(UserError, match=why) as refused:
            open_store(path)
        assert refused.value.exit_code == 2
        assert (path.read_bytes() if path.is_file() else b"") == before
    (tmp_path / "cut.db").write_bytes(b"SQLite format 3\0 and then nothing of the kind")
    with pytest.raises(UserError, match="damaged"):
        open_store(tmp_path / "cut.db")
    with pytest.raises(UserError, match="can't be opened"):
        open_store(text / "bench.db")


def test_a_full_disk_is_one_sentence_and_no_half_written_batch(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i in range(3):
            writer.put(answer(i))
    pages = store.db.conn.execute("PRAGMA page_count").fetchone()[0]
    store.db.conn.execute(
        f"PRAGMA max_page_count = {pages + 4}"
    )  # SQLite's own SQLITE_FULL, as from a full disk
    with pytest.raises(StoreFailure, match="no space left for the store") as full, Writer(store) as writer:
        for i in range(3, 12):
            writer.put(answer(i, "long " * 2_000))
    assert full.value.exit_code == 1
    store.db.conn.execute("PRAGMA max_page_count = 1000000")
    assert [s for s, _ in read.missing(store, "5a0e", exam().samples, 1)] == [f"s{i}" for i in range(3, 12)]
    assert check(store) == []


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as conn:
        conn.execute("INSERT INTO meta VALUES ('a', 'b')")
        with store.transaction():
            1 / 0  # noqa: B018  (the error is the point)
    assert plain(store, "select * from meta where key = 'a'") == []


# -- check --------------------------------------------------------------------------------------------------


def test_check_proves_the_cache_equal_to_the_scores(store: Store) -> None:
    fill(store, wrong=(3,))
    task = read.get_task(store, "exam0")
    with Writer(store) as writer:
        fresh = metrics.summarise(read.table(store, "5a0e"), task, "5a0e")
        writer.put_results("5a0e", fresh)
        assert check(store) == []
        assert read.results(store, "5a0e")[0] == fresh[0]
        found = plain(store, "select round(value, 4), n, round(micro, 4), round(macro, 4) from v_board")
        assert found == [(0.9167, 12, 0.9167, 0.9167)]
        writer.put_results("5a0e", [replace(fresh[0], value=0.5), *fresh[2:]])
    wrong = check(store)
    assert len(wrong) == 2
    assert any("cached accuracy@1 is 0.5, recomputed 0.91" in line for line in wrong)
    assert any("accuracy@1 of micro is missing in the cache" in line for line in wrong)


def test_outcomes_carry_the_health_measures_that_apply(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i in (2, 0):
            writer.put(answer(i))
            writer.put_score("5a0e", f"s{i}", 0, grade(i, 0.0, outcome="unparsed" if i else "wrong"), "key0")
    measures = read.outcomes(store, "5a0e").measures
    assert measures["answer_tokens"] == (4.0, 6.0)
    assert measures["unparsed_rate"] == (0.0, 1.0)
    with Writer(store) as writer:
        begin(store, writer, replace(RUN, id="letters"))
        writer.put(replace(answer(0, "", logprobs=(-1.0, -2.0)), run="letters"))
        writer.put_score("letters", "s0", 0, grade(0), "key0")
    assert "answer_tokens" not in read.outcomes(store, "letters").measures  # nothing was generated


def test_check_finds_wrong_counts_and_dangling_rows(store: Store) -> None:
    fill(store)
    with Writer(store) as writer:
        writer.drop_results("5a0e")
    assert check(store) == []
    conn = store.db.conn
    conn.execute("UPDATE runs SET done = 11")
    conn.execute("UPDATE run_scorers SET unparsed = 1")
    conn.execute("PRAGMA foreign_keys = OFF")
    conn.execute("INSERT INTO run_tags VALUES (99, 'lost')")
    found = "\n".join(check(store))
    assert "11 answers are counted, 12 are stored" in found
    assert "12 grades (1 unparsed, 0 truncated) are counted, 12 (0, 0) are stored" in found
    assert "run_tags row 2 points to nothing in runs" in found
