"""What `bench contam` found, on the pages: a badge and counts where it was looked for, "not checked" where it was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_world import checkpoint, exam_of, put_run, task

from harness.records import Lineage
from harness.store import overlaps
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard.entries import read_board
from leaderboard.site import render

SHA = "0123456789abcdef"


@pytest.mark.parametrize("level", ["", "none", "near"])
def test_a_checkpoint_is_marked_where_its_data_were_checked_and_hold_a_question(tmp_path: Path, level: str) -> None:
    exam = exam_of(task("ceval", ask="letters", scorer="options"))
    data = ({"name": "sft.jsonl", "sha": SHA},)
    trained, other = checkpoint("trained", lineage=Lineage("full", data=data)), checkpoint("other")
    with open_store(tmp_path / "b.db") as store, Writer(store) as writer:
        for who in (trained, other):
            put_run(writer, store, who, exam, 0.5)
        writer.flush()
        if level:
            levels = [level, "partial", *["none"] * (len(exam.samples) - 2)]
            found = [
                overlaps.Found(s.id, at, 0.9, 20, False, False, 3) for s, at in zip(exam.samples, levels, strict=True)
            ]
            overlaps.record(store, SHA + "f" * 48, "sft.jsonl", 100, exam, found)
        badges = {entry.checkpoint.name: entry.badges for entry in read_board(store).entries}
        render(store, tmp_path / "site")
    assert badges == {"trained": ("contaminated",) if level == "near" else (), "other": ()}
    pages = {name: next(tmp_path.glob(f"site/checkpoint/{name}-*.html")).read_text("utf-8") for name in badges}
    assert "Not checked: nobody" in pages["other"] and ("Not checked: nobody" in pages["trained"]) == (level == "")
    if level:
        seen = 1 if level == "near" else 0
        assert (
            f"of 40 questions 0 stand word for word in <bdi>sft.jsonl</bdi>, {seen} nearly so, 1 in part"
            in pages["trained"]
        )
    board = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert ('data-m="contaminated"' in board) == (level == "near")
    assert ("the others were not checked" in board) == (level == "none")
