"""board.csv, board.json and results.db as other programs read them."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from site_world import small_world

from harness.errors import UserError
from harness.store.open import Store
from leaderboard.site import render


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    with small_world(folder / "bench.db") as store:
        render(store, folder / "site", title="Medical", database=True)
        assert render(store, folder / "site", title="Medical", database=True).rewritten == 0
        _refused(store, folder / "other")
    return folder / "site"


def _refused(store: Store, out: Path) -> None:
    with pytest.raises(UserError, match=r"results\.db"):
        render(store, out, "wrong", database=True)
    assert not out.exists()


def scores_of(board: dict[str, Any], checkpoint: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By slug, each with the names of its fields."""
    return {slug: dict(zip(board["fields"], score, strict=True)) for slug, score in checkpoint["scores"].items()}


def test_the_json_keeps_its_schema_and_says_what_is_missing(site: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    board = json.loads((site / "board.json").read_text("ascii"))
    jsonschema.Draft202012Validator(json.loads((site / "board.schema.json").read_text())).validate(board)
    assert board["title"] == "Medical" and next(c["name"] for c in board["checkpoints"]) == "good"
    ceval = {c["form"]: c["slug"] for c in board["columns"] if c["task"] == "ceval"}
    assert ceval.keys() == {"5-shot raw", "0-shot chat"}
    good = scores_of(board, board["checkpoints"][0])[ceval["5-shot raw"]]
    assert good["low"] < good["value"] < good["high"] and good["n"] == 240 and good["rank"] == 1
    partial = next(c for c in board["checkpoints"] if c["name"] == "模型 甲")
    marked = [score for score in scores_of(board, partial).values() if "partial" in score["marks"]]
    assert marked and all(score["rank"] is None and score["tied_with_first"] is None for score in marked)


def test_the_csv_has_a_row_per_score_and_runs_no_formula(site: Path) -> None:
    with (site / "board.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    board = json.loads((site / "board.json").read_text("ascii"))
    assert len(rows) == sum(len(c["scores"]) for c in board["checkpoints"])
    assert {row["checkpoint"] for row in rows} >= {"good", "模型 甲", "'=1+1<b>\u202eevil"}
    by = {(c["id"], slug): score for c in board["checkpoints"] for slug, score in scores_of(board, c).items()}
    for row in rows:
        score = by[row["checkpoint_id"], row["column"]]
        assert row["value"] == ("" if score["value"] is None else str(score["value"]))


def test_the_database_is_the_store(site: Path) -> None:
    with sqlite3.connect(f"file:{site / 'results.db'}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM v_board").fetchone()[0] > 10
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
