"""Files with a row per system and question, and what is declared of systems: sizes, and what they come from."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import Said, inside

NEW = ("--task", "new:sums", "--kind", "number", "--label", "sums")
LONG = ("--map", "question=q,gold=gold,system=model")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def said(system: str, right: int, n: int = 40) -> list[dict[str, Any]]:
    rows = [{"model": system, "q": f"{i} + {i} = ?", "gold": str(2 * i)} for i in range(n)]
    return [{**row, "a": row["gold"] if i < right else "-1"} for i, row in enumerate(rows)]


def shares(done: Said) -> dict[str, tuple[int, float]]:
    return {run["checkpoint"]: (run["n"], run["value"]) for run in json.loads(done.stdout)["runs"]}


def test_rows_that_name_their_system_are_imported_system_by_system(tmp_path: Path) -> None:
    mixed = [row for pair in zip(said("a-7b", 10), said("b-13b", 30), strict=True) for row in pair]
    write(tmp_path / "long.jsonl", [*mixed, *said("half", 20, n=20), *said("a-7b", 40)])
    done = inside(tmp_path, "import", "long.jsonl", *NEW, *LONG, "--run", "*=a", "--json")
    assert shares(done) == {"a-7b": (40, 0.625), "b-13b": (40, 0.75), "half": (20, 1.0)}
    assert "\na-7b: 40 rows repeat a question and count as further answers" in done.stderr
    assert "\nhalf: the file answers 20 of the 40 questions of sums" in done.stderr
    assert "b-13b: " not in done.stderr


def test_one_system_of_many_joins_under_its_own_name(tmp_path: Path) -> None:
    file = write(tmp_path / "long.jsonl", said("a", 10) + said("b", 30))
    assert shares(inside(tmp_path, "import", file, *NEW, *LONG, "--run", "b=a", "--json")) == {"b": (40, 0.75)}
    done = inside(tmp_path, "import", file, "--task", "sums", "--map", "question=q,system=model", "--run", "*=a")
    assert "a × sums" in done.stderr
    assert "b × sums (import sums): all 40 answers stored" in done.stderr
    assert len(json.loads(inside(tmp_path, "runs", "--json").stdout)["runs"]) == 2


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--map", "question=q,gold=gold", "--run", "*=a"), "needs the field that names a row's system; pass --map system="),
        ((*LONG, "--run", "c=a"), "no row has the system 'c' in 'model'; known: a, b"),
        (("--map", "question=q,gold=gold,system=modell", "--run", "*=a"), "80 of 80 rows have no 'modell'"),
        ((*LONG, "--run", "*=a", "--model-bytes", "c=7GB"), "no --run is named 'c'"),
        ((*LONG, "--run", "*=a", "--base", "c=a"), "--base c=a: no --run is named 'c'"),
        ((*LONG, "--run", "*=a", "--base", "b="), "--base b="),
        ((*LONG, "--run", "*=a", "--metric", "mAP"), "--map system is for answers"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence_and_write_nothing(tmp_path: Path, more: tuple[str, ...], told: str) -> None:
    new = NEW if "--metric" not in more else ("--task", "new:sums")
    done = inside(tmp_path, "import", write(tmp_path / "long.jsonl", said("a", 1) + said("b", 2)), *new, *more, ok=2)
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("first", ["base", "chat"])
def test_a_declared_base_is_the_parent_whichever_file_comes_first(tmp_path: Path, first: str) -> None:
    file = write(tmp_path / "long.jsonl", said("base", 35) + said("chat", 5))
    for name in (first, "chat" if first == "base" else "base"):
        inside(tmp_path, "import", file, *NEW, *LONG, "--run", f"{name}=a", "--base", "base")
    told = json.loads(inside(tmp_path, "diagnose", "chat", "--json", ok=0).stdout)
    assert (told["parent"], told["child"]) == ("base", "chat")
    assert "nothing says what base was trained from" in inside(tmp_path, "diagnose", "base", ok=2).stderr


def test_each_system_may_have_a_base_of_its_own_and_one_never_seen_keeps_its_name(tmp_path: Path) -> None:
    file = write(tmp_path / "long.jsonl", [row for name in ("a", "b", "b-chat") for row in said(name, 5)])
    bases = ("--base", "b-chat=b", "--base", "far-70b")
    inside(tmp_path, "import", file, *NEW, *LONG, "--run", "*=a", *bases)
    query = "select c.name, p.name from checkpoints c join checkpoints p on p.uid = c.base order by 1"
    assert sqlite3.connect(tmp_path / "results/bench.db").execute(query).fetchall() == [
        ("a", "far-70b"),
        ("b", "far-70b"),
        ("b-chat", "b"),
    ]
    assert [run["checkpoint"] for run in json.loads(inside(tmp_path, "runs", "--json").stdout)["runs"]].count(
        "far-70b"
    ) == 0


def test_a_declared_size_is_still_declared_when_another_file_doesn_t_tell_it(tmp_path: Path) -> None:
    file = write(tmp_path / "long.jsonl", said("a-7b", 5))
    inside(tmp_path, "import", file, *NEW, *LONG, "--run", "*=a", "--model-bytes", "a-7b=14GB")
    inside(tmp_path, "import", file, *NEW, *LONG, "--run", "*=a")
    stored = sqlite3.connect(tmp_path / "results/bench.db").execute("select bytes, bytes_declared from checkpoints")
    assert stored.fetchall() == [(14 * 10**9, 1)]
