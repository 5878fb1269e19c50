"""No page keeps quiet about a doubt: what one page marks beside a score, every page and file marks."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from site_world import MATHCOT, begun, checkpoint, exam_of, put_run, task

from harness.records import Checkpoint, Exam, Lineage, Outcome, Response, Score, Settings
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard import parents
from leaderboard.entries import read_board
from leaderboard.site import render


def answered(
    writer: Writer, who: Checkpoint, exam: Exam, right: Sequence[bool], empty: int = 0, settings: Settings | None = None,
    repeats: int = 1,
) -> None:  # fmt: skip
    """A run with these answers, the first `empty` ones of them empty; shorter than the exam: not finished."""
    settings = settings or Settings()
    run = begun(writer, who, exam, settings, repeats)
    asked = [(sample, hit, k) for sample, hit in zip(exam.samples, right, strict=False) for k in range(repeats)]
    for i, (sample, hit, k) in enumerate(asked):
        text, options = "" if i < empty else "B" if hit else "C", (-1.0, -2.0, -3.0, -4.0) if sample.choices else None
        writer.put(Response(run.id, sample.id, k, text, output_tokens=int(i >= empty), logprobs=options))
        outcome: Outcome = "empty" if i < empty else "correct" if hit else "wrong"
        score = Score(exam.task.scorer, 1, float(hit), None if i < empty else "B" if hit else "C", "cue", outcome)
        writer.put_score(run.id, sample.id, k, score, exam.key)
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
    assert scores[0].count("trained on the test") == 1 and "trained on the test" not in scores[1]
    assert "gsm8k-test" in saw[saw.index('id="contamination"') :]


def test_programs_read_the_same_marks(taught: Path) -> None:
    board = json.loads((taught / "board.json").read_text("ascii"))
    place = board["fields"].index("marks")
    marked = {
        (c["name"], slug) for c in board["checkpoints"] for slug, s in c["scores"].items() if "trained" in s[place]
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
    told = [(c["name"], score) for c in board["checkpoints"] for score in c["scores"].values()]
    scores = {name: dict(zip(board["fields"], score, strict=True)) for name, score in told}
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


@pytest.mark.browser
def test_what_was_asked_otherwise_is_refused_in_the_browser_as_by_the_command(tmp_path: Path, opened: Any) -> None:
    """Option scores of two limits of length stand in one column, and so do one draw and four; a change is neither's."""
    base = checkpoint("base", kind="base")
    child = checkpoint("child", lineage=Lineage("sft", parent=base.id))
    exams = [exam_of(task("letters", ask="letters", scorer="options")), exam_of(task("drawn")), exam_of(task("plain"))]
    asked = {
        base.id: [(Settings(max_tokens=10), 1), (Settings(temperature=0.7), 1), (Settings(), 1)],
        child.id: [(Settings(max_tokens=99), 1), (Settings(temperature=0.7), 4), (Settings(), 1)],
    }
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for who in (base, child):
            for exam, (settings, repeats) in zip(exams, asked[who.id], strict=True):
                right = [who is child or i % 3 == 0 for i in range(40)]
                answered(writer, who, exam, right, settings=settings, repeats=repeats)
        writer.flush()
        render(store, tmp_path / "site")
        board = read_board(store)
        against = parents.against(board, store)[child.id]
    assert [board.column(key).name for key in against.lines] == ["plain"]
    a, b = (next((tmp_path / "site").glob(f"checkpoint/{name}-*.html")).stem for name in ("base", "child"))
    page = opened(tmp_path / "site" / "compare.html", f"#a={a}&b={b}")
    page.locator("#sentence").filter(has_text="Better").wait_for()
    assert "DRAWN" not in page.locator("#sentence").inner_text() and "PLAIN" in page.locator("#sentence").inner_text()
    table = page.locator("#lines").inner_text()
    assert "drawn 1 times before and 4 times after" in table and "Asked with other settings" in table


def test_a_mean_is_at_chance_by_its_own_interval(tmp_path: Path) -> None:
    """Three members all right and one that is guessed: the mean is no guess."""
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for name in MATHCOT:
            right = [name != MATHCOT[0] or i % 4 == 0 for i in range(40)]
            answered(writer, checkpoint("one"), exam_of(task(name, chance=0.25)), right)
        writer.flush()
        board = read_board(store)
    marks = {column.name: next(iter(column.cells.values())).marks for column in board.columns}
    assert marks == {"mathcot": (), MATHCOT[0]: ("chance",)} | dict.fromkeys(MATHCOT[1:], ())
