"""No page keeps quiet about a doubt: what one page marks beside a score, every page and file marks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from site_world import checkpoint, exam_of, put_run, task

from harness.records import Lineage
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard.site import render


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
    scores = [page[page.index('id="scores"') : page.index('id="guards"')] for page in (saw, silent)]
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
