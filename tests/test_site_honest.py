"""No page keeps quiet about a doubt: what one page marks beside a score, every page and file marks."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from site_world import ENGINE, checkpoint, exam_of, put_run, task

from harness import identity
from harness.records import Checkpoint, Exam, Lineage, Outcome, Response, Run, Score, Settings
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard.site import render


def answered(writer: Writer, who: Checkpoint, exam: Exam, right: Sequence[bool], empty: int = 0) -> None:
    """A run with these answers, the first `empty` ones of them empty; shorter than the exam: not finished."""
    run = Run(
        identity.run_id(who.id, exam.id, Settings(), ENGINE.id), who.id, exam.id, Settings(), ENGINE.id,
        expected=len(exam.samples), started="2026-01-02T03:04:05Z",
    )  # fmt: skip
    writer.add_checkpoint(who)
    writer.add_exam(exam)
    writer.add_engine(ENGINE)
    writer.start_run(run, "host", 1)
    for i, (sample, hit) in enumerate(zip(exam.samples, right, strict=False)):
        writer.put(
            Response(run.id, sample.id, 0, "" if i < empty else "B" if hit else "C", output_tokens=int(i >= empty))
        )
        outcome: Outcome = "empty" if i < empty else "correct" if hit else "wrong"
        score = Score(exam.task.scorer, 1, float(hit), None if i < empty else "B" if hit else "C", "cue", outcome)
        writer.put_score(run.id, sample.id, 0, score, exam.key)
    writer.finish_run(run.id, "done" if len(right) == len(exam.samples) else "interrupted")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One checkpoint that saw the test set of one of two tasks, one that tells nothing."""
    folder = tmp_path_factory.mktemp("honest")
    lineage = Lineage("sft", data=({"name": "gsm8k-test", "rows": 1319},))
    with open_store(folder / "bench.db") as store, Writer(store) as writer:
        for who in (checkpoint("saw", lineage=lineage), checkpoint("silent")):
            for name in ("gsm8k", "cmath"):
                put_run(writer, store, who, exam_of(task(name, chance=0.0)), 0.6)
        writer.flush()
        render(store, folder / "site")
    return folder / "site"


def test_a_task_that_was_trained_on_is_marked_on_every_page(taught: Path) -> None:
    of_task = next(taught.glob("task/gsm8k*.html")).read_text("utf-8")
    assert of_task.count('data-m="trained"') == 1
    assert 'data-m="trained"' not in next(taught.glob("task/cmath*.html")).read_text("utf-8")
    saw, silent = (next(taught.glob(f"checkpoint/{name}-*.html")).read_text("utf-8") for name in ("saw", "silent"))
    scores = [page[page.index('id="scores"') : page.index('id="contamination"')] for page in (saw, silent)]
    assert scores[0].count("trained on this") == 1 and "trained on this" not in scores[1]
    assert "gsm8k-test" in saw[saw.index('id="contamination"') :]


def test_programs_read_the_same_marks(taught: Path) -> None:
    board = json.loads((taught / "board.json").read_text("ascii"))
    marked = {
        (c["name"], slug) for c in board["checkpoints"] for slug, s in c["scores"].items() if "trained" in s["marks"]
    }
    assert {name for name, _ in marked} == {"saw"} and len(marked) == 1
    with (taught / "board.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "trained" in row["marks"].split()]
    assert [(row["checkpoint"], row["task"]) for row in rows] == [("saw", "gsm8k")]
    slugs = {column["slug"] for column in board["columns"]}
    assert all(set(column["members"]) <= slugs for column in board["columns"])


def test_empty_answers_are_marked_since_they_are_no_unparsed_ones(tmp_path: Path) -> None:
    exam = exam_of(task("quiz"), 50)
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for name, empty in (("silent", 20), ("speaking", 2)):
            answered(writer, checkpoint(name), exam, [i >= empty for i in range(50)], empty=empty)
        writer.flush()
        render(store, tmp_path / "site")
    board = json.loads((tmp_path / "site" / "board.json").read_text("ascii"))
    scores = {c["name"]: score for c in board["checkpoints"] for score in c["scores"].values()}
    assert {name: score["marks"] for name, score in scores.items()} == {"silent": ["empty"], "speaking": []}
    assert [score["unparsed"] for score in scores.values()] == [0.0, 0.0] and scores["silent"]["rank"]
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert page.count('data-m="empty"') == 1 and "answers are empty: neither unparsed" in page


def test_a_partial_run_has_no_point_in_the_history(tmp_path: Path) -> None:
    base = checkpoint("base", kind="base")
    exam = exam_of(task("quiz"), 50)
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        answered(writer, base, exam, [True] * 50)
        for name, many in (("whole", 50), ("part", 20)):
            child = checkpoint(name, lineage=Lineage("sft", parent=base.id, steps=many))
            answered(writer, child, exam, [i % 2 == 0 for i in range(many)])
        writer.flush()
        render(store, tmp_path / "site")
    page = (tmp_path / "site" / "history.html").read_text("utf-8")
    assert "whole" in page and "part-" not in page and ">part<" not in page
