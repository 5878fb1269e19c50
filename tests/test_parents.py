"""Every checkpoint against its parent: line for line what compare_all says of the stored outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from family_world import pairs

from harness.records import Checkpoint, Lineage
from harness.store import read
from harness.store.open import Store
from harness.verdicts import comparison
from leaderboard import parents
from leaderboard.entries import Board, read_board


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Board]]:
    with pairs(tmp_path_factory.mktemp("parents") / "bench.db") as store:
        yield store, read_board(store)


def by_name(board: Board, found: Any) -> dict[str, parents.Against]:
    return {board.by_id[child].name: against for child, against in found.items()}


def compared(store: Store, board: Board, child: str, parent: str) -> dict[str, comparison.Line]:
    """What compare_all says of the two in every column that both stand in."""
    columns = [c for c in board.columns if c.task and child in c.cells and parent in c.cells]
    runs = [[c.cells[one].entry.run.id for one in (parent, child)] for c in columns]  # type: ignore[union-attr]
    said = comparison.compare_all([(read.outcomes(store, a), read.outcomes(store, b)) for a, b in runs])
    return {c.key: line for c, line in zip(columns, said, strict=True) if isinstance(line, comparison.Line)}


def test_every_line_is_what_compare_all_says_of_the_stored_answers(world: tuple[Store, Board]) -> None:
    store, board = world
    found = parents.against(board, store)
    assert {board.by_id[c].name for c in found} == {"worse", "better", "same", "adapter", "by name"}
    seen = set()
    for child, against in found.items():
        expected = compared(store, board, child, against.parent)
        assert set(against.lines) == set(expected), board.by_id[child].name
        for key, line in against.lines.items():
            told = expected[key]
            change = told.change
            assert line.verdict == told.verdict
            assert (line.n, line.lost, line.gained) == (change.n, change.lost, change.gained)
            theirs = [change.before, change.after, change.change, change.low, change.high, told.p_worse, told.p_better]
            ours = [line.before, line.after, line.change, line.low, line.high, line.p_worse, line.p_better]
            assert ours == pytest.approx(theirs, abs=1e-9)
            seen.add(line.verdict)
    assert seen >= {"worse", "better", "not separable"}


def test_refused_are_what_was_asked_otherwise_or_is_not_there(world: tuple[Store, Board]) -> None:
    store, board = world
    found = by_name(board, parents.against(board, store))
    name = {column.key: column.name for column in board.columns}
    assert [name[key] for key in found["worse"].refused] == [
        "letters"
    ]  # max_tokens differ: no matter to letters, but said
    assert "letters" in {name[key] for key in found["better"].lines}
    assert [name[key] for key in found["by name"].refused] == ["macro"]  # 100 of 240 answered


def test_the_whole_is_worse_better_mixed_or_open(world: tuple[Store, Board]) -> None:
    store, board = world
    found = by_name(board, parents.against(board, store))
    assert found["worse"].word in ("worse", "mixed") and found["better"].word in ("better", "mixed")
    first = found["worse"].lines[found["worse"].first]
    assert first.verdict == "worse" and first.p <= 0.05
    assert found["same"].word == "not separable" and found["same"].lines[found["same"].first].change == 0


def test_a_teacher_is_no_parent_and_nobody_is_his_own(world: tuple[Store, Board]) -> None:
    board = world[1]
    base = next(c for c in board.by_id.values() if c.name == "base")

    def made(**facts: Any) -> Checkpoint:
        return Checkpoint("f" * 16, "made", "full", **facts)

    assert parents.parent_of(board, made(lineage=Lineage("seqkd", teacher=base.id))) is None
    assert parents.parent_of(board, made(lineage=Lineage("seqkd", parent="f" * 16))) is None
    assert parents.parent_of(board, made(lineage=Lineage("lora", parent="nobody"), base=base.id)) == base.id
    itself = replace(board, by_id={**board.by_id, "f" * 16: made(lineage=Lineage("lora", parent="f" * 16))})
    assert parents.parent_of(itself, itself.by_id["f" * 16]) is None


def test_without_runs_nothing_is_known(world: tuple[Store, Board]) -> None:
    store, board = world
    lone = Checkpoint("f" * 16, "lone", "full", lineage=Lineage("full", parent="base"))
    found = parents.against(replace(board, by_id={**board.by_id, lone.id: lone}), store)
    assert found[lone.id].word == "unknown" and found[lone.id].first == "" and not found[lone.id].lines
