"""Answers that exist become runs: the four OpenAI GSM8K systems, each row's verdict as published, and own files."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pytest
from test_cli import bench

SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@pytest.fixture(scope="module")
def imported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds the four systems."""
    folder = tmp_path_factory.mktemp("openai")
    runs = [part for name in SYSTEMS for part in ("--run", f"{name}={name}.solution")]
    source = data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question", "--model-bytes", "6b_finetuning=12GB")
    bench(folder, "import", source, *how, *runs)
    return folder


def test_every_verdict_of_the_published_ones_is_ours(imported: Path, data: Path) -> None:
    published: dict[tuple[str, str], bool] = {}
    with gzip.open(data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            published |= {(name, row["question"]): row[name]["is_correct"] for name in SYSTEMS}
    ours = (
        sqlite3.connect(imported / "results/bench.db")
        .execute(
            "select v.checkpoint, s.question, v.value from v_samples v join samples s on s.uid = v.sample and v.task = 'gsm8k'"
        )
        .fetchall()
    )
    assert len(ours) == len(published) == 4 * 1319
    assert [(name, question) for name, question, value in ours if published[name, question] != (value == 1)] == []


def test_they_stand_on_the_board_with_declared_bytes(imported: Path) -> None:
    runs = json.loads(bench(imported, "runs", "--json").stdout)["runs"]
    shares = {run["checkpoint"]: round(100 * run["value"], 2) for run in runs}
    assert shares == {
        "6b_finetuning": 21.68,
        "6b_verification": 39.04,
        "175b_finetuning": 34.72,
        "175b_verification": 56.25,
    }
    bench(imported, "leaderboard")
    board = (imported / "results/site/index.html").read_text("utf-8")
    assert "declared" in board
    assert all(name in board for name in SYSTEMS)


def test_importing_twice_adds_nothing(imported: Path, data: Path) -> None:
    before = sqlite3.connect(imported / "results/bench.db").execute("select count(*) from responses").fetchone()
    source = data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"
    how = (
        "--task",
        "gsm8k",
        "--data",
        data,
        "--map",
        "question=question",
        "--run",
        "6b_finetuning=6b_finetuning.solution",
    )
    bench(imported, "import", source, *how)
    assert sqlite3.connect(imported / "results/bench.db").execute("select count(*) from responses").fetchone() == before


def test_the_wrong_file_is_refused_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(50)]
    (tmp_path / "own.json").write_text(json.dumps(rows), "utf-8")
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question", "--run", "x=answer")
    done = bench(tmp_path, "import", "own.json", *how, ok=2)
    assert "50 of 50 rows match no question" in done.stderr
    done = bench(tmp_path, "import", "own.json", *how[:-1], "x=anser", "--map", "question=questoin", ok=2)
    assert "question" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_new_task_from_a_csv_and_a_system_that_joins_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "q,gold,model_a,n\n2+3=?,5,The answer is 5.,7\n4+4=?,8,答案：9,5\n1+1=?,2,,0\n", "utf-8-sig"
    )
    (tmp_path / "b.jsonl").write_text(
        "\n".join(
            json.dumps({"q": q, "out": {"text": t}}) for q, t in (("1+1=?", "2"), ("2+3=?", "5"), ("4+4=?", "8"))
        ),
        "utf-8",
    )
    new = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold,tokens=n", "--label", "sums")
    first = bench(tmp_path, "import", "a.csv", *new, "--run", "a=model_a", "--json")
    run = json.loads(first.stdout)["runs"][0]
    assert (run["n"], run["value"]) == (3, pytest.approx(1 / 3))
    joined = ("--task", "sums", "--map", "question=q", "--label", "sums", "--run", "b=out.text", "--json")
    second = json.loads(bench(tmp_path, "import", "b.jsonl", *joined).stdout)["runs"][0]
    assert (second["n"], second["value"]) == (3, 1.0)
    states = sqlite3.connect(tmp_path / "results/bench.db").execute(
        "select text, outcome, output_tokens from v_samples where checkpoint = 'a' order by sample"
    )
    assert set(states) == {("The answer is 5.", "correct", 7), ("答案：9", "wrong", 5), ("", "empty", 0)}
    assert "sums" in bench(tmp_path, "compare", "a", "b").stdout


def test_another_label_is_not_comparable(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"q": "2+3=?", "gold": "5", "a": "5", "b": "6"}), "utf-8")
    new = ("--map", "question=q,gold=gold", "--task")
    bench(tmp_path, "import", "a.jsonl", *new, "new:sums", "--kind", "number", "--label", "one", "--run", "a=a")
    bench(tmp_path, "import", "a.jsonl", *new, "sums", "--label", "two", "--run", "b=b")
    assert "asked" in bench(tmp_path, "compare", "a", "b", ok=4).stderr


def test_text_has_no_gold_and_gets_lengths_and_health(tmp_path: Path) -> None:
    rows = [{"q": f"Question {i}?", "short": "No.", "long": "Well, it depends on many things. " * 3} for i in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    bench(
        tmp_path,
        "import",
        "a.jsonl",
        "--task",
        "new:talk",
        "--kind",
        "text",
        "--map",
        "question=q",
        "--run",
        "s=short",
        "--run",
        "l=long",
    )
    results = json.loads(bench(tmp_path, "show", "s", "--json", "-n", "0").stdout)["runs"][0]["results"]
    values = {result["metric"]: result["value"] for result in results if result["slice"] == ""}
    assert values["answer_characters"] == 3
    assert values["empty_rate"] == 0
    assert values["accuracy"] is None
    assert "shrank" in bench(tmp_path, "gate", "s", "--baseline", "l", ok=3).stdout


def test_prompts_go_out_and_answers_come_back(tmp_path: Path) -> None:
    bench(tmp_path, "prompts", "--tasks", "demo_math", "--limit", "10", "-o", "prompts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 10
    assert lines[0]["messages"][-1]["role"] == "user"
    answered = [{**line, "answer": "\\boxed{41}"} for line in lines]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answered)), "utf-8")
    done = bench(
        tmp_path, "import", "answers.jsonl", "--task", "demo_math", "--map", "id=id", "--run", "m=answer", "--json"
    )
    assert json.loads(done.stdout)["runs"][0]["n"] == 10
    assert "10 of the 200 questions" in done.stderr
