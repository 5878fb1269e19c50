"""What goes into the store comes out as it was, hostile text and numbers that are none included."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_world import (
    CHECKPOINT,
    ENGINE,
    RUN,
    SUBJECTS,
    TASK,
    answer,
    begin,
    exam,
    grade,
    plain,
)

from harness.records import Result
from harness.store import read, texts
from harness.store.check import check
from harness.store.open import Store, open_store
from harness.store.write import Writer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "results" / "bench.db") as opened:
        yield opened


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
