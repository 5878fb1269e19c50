"""Answers that exist become runs: the four OpenAI GSM8K systems, each row's verdict as published, and own files."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import Said, inside

SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@pytest.fixture(scope="module")
def imported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds the four systems."""
    folder = tmp_path_factory.mktemp("openai")
    systems = [part for name in SYSTEMS for part in ("--run", f"{name}={name}.solution")]
    source = data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question", "--model-bytes", "6b_finetuning=12GB")
    inside(folder, "import", source, *how, *systems)
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
    listed = json.loads(inside(imported, "runs", "--json").stdout)["runs"]
    shares = {run["checkpoint"]: round(100 * run["value"], 2) for run in listed}
    assert shares == {
        "6b_finetuning": 21.68,
        "6b_verification": 39.04,
        "175b_finetuning": 34.72,
        "175b_verification": 56.25,
    }
    inside(imported, "leaderboard")
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
    inside(imported, "import", source, *how)
    assert sqlite3.connect(imported / "results/bench.db").execute("select count(*) from responses").fetchone() == before


def test_the_wrong_file_is_refused_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(50)]
    (tmp_path / "own.json").write_text(json.dumps(rows), "utf-8")
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question", "--run", "x=answer")
    done = inside(tmp_path, "import", "own.json", *how, ok=2)
    assert "50 of 50 rows match no question" in done.stderr
    done = inside(tmp_path, "import", "own.json", *how[:-1], "x=anser", "--map", "question=questoin", ok=2)
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
    first = inside(tmp_path, "import", "a.csv", *new, "--run", "a=model_a", "--json")
    run = json.loads(first.stdout)["runs"][0]
    assert (run["n"], run["value"]) == (3, pytest.approx(1 / 3))
    joined = ("--task", "sums", "--map", "question=q", "--label", "sums", "--run", "b=out.text", "--json")
    second = json.loads(inside(tmp_path, "import", "b.jsonl", *joined).stdout)["runs"][0]
    assert (second["n"], second["value"]) == (3, 1.0)
    states = sqlite3.connect(tmp_path / "results/bench.db").execute(
        "select text, outcome, output_tokens from v_samples where checkpoint = 'a' order by sample"
    )
    assert set(states) == {("The answer is 5.", "correct", 7), ("答案：9", "wrong", 5), ("", "empty", 0)}
    assert "sums" in inside(tmp_path, "compare", "a", "b").stdout


def test_another_label_is_not_comparable(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"q": "2+3=?", "gold": "5", "a": "5", "b": "6"}), "utf-8")
    new = ("--map", "question=q,gold=gold", "--task")
    inside(tmp_path, "import", "a.jsonl", *new, "new:sums", "--kind", "number", "--label", "one", "--run", "a=a")
    inside(tmp_path, "import", "a.jsonl", *new, "sums", "--label", "two", "--run", "b=b")
    assert "asked" in inside(tmp_path, "compare", "a", "b", ok=4).stderr


def test_text_has_no_gold_and_gets_lengths_and_health(tmp_path: Path) -> None:
    rows = [{"q": f"Question {i}?", "short": "No.", "long": "Well, it depends on many things. " * 3} for i in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    inside(
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
    results = json.loads(inside(tmp_path, "show", "s", "--json", "-n", "0").stdout)["runs"][0]["results"]
    values = {result["metric"]: result["value"] for result in results if result["slice"] == ""}
    assert values["answer_characters"] == 3
    assert values["empty_rate"] == 0
    assert values["accuracy"] is None
    assert "shrank" in inside(tmp_path, "gate", "s", "--baseline", "l", ok=3).stdout


def test_prompts_go_out_and_answers_come_back(tmp_path: Path) -> None:
    inside(tmp_path, "prompts", "--tasks", "demo_math", "--limit", "10", "-o", "prompts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 10
    assert lines[0]["messages"][-1]["role"] == "user"
    answered = [{**line, "answer": "\\boxed{41}"} for line in lines]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answered)), "utf-8")
    done = inside(
        tmp_path, "import", "answers.jsonl", "--task", "demo_math", "--map", "id=id", "--run", "m=answer", "--json"
    )
    assert json.loads(done.stdout)["runs"][0]["n"] == 10
    assert "10 of the 200 questions" in done.stderr


# -- tasks and where rows belong ------------------------------------------------------------------------------------


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def asked(folder: Path, tasks: str, *more: str | Path) -> list[dict[str, Any]]:
    inside(folder, "prompts", "--tasks", tasks, "-o", "prompts.jsonl", *more)
    return [json.loads(line) for line in (folder / "prompts.jsonl").read_text("utf-8").splitlines()]


def runs(done: Said) -> dict[str, dict[str, Any]]:
    return {run["task"]: run for run in json.loads(done.stdout)["runs"]}


def test_letters_that_come_back_as_text_are_graded_as_text_in_their_own_column(data: Path, tmp_path: Path) -> None:
    lines = asked(tmp_path, "ceval", "--data", data, "--limit", "60", "--shots", "0")
    assert {line["max_tokens"] for line in lines} == {512}
    write(tmp_path / "a.jsonl", [{**line, "answer": "……因此，答案是C。"} for line in lines])
    done = inside(
        tmp_path, "import", "a.jsonl", "--task", "ceval", "--data", data, "--map", "id=id", "--run", "m=answer", "--json"
    )  # fmt: skip
    run = runs(done)["ceval:generate"]
    assert run["n"] == 60
    assert run["unparsed"] == 0
    stored = sqlite3.connect(tmp_path / "results/bench.db").execute(
        "select v.outcome, v.answer, s.target from v_samples v join samples s on s.uid = v.sample"
    )
    verdicts = stored.fetchall()
    assert {answer for _, answer, _ in verdicts} == {"C"}
    assert all((outcome == "correct") == (target == "C") for outcome, _, target in verdicts)
    assert 0 < sum(outcome == "correct" for outcome, _, _ in verdicts) < 60


def test_one_file_of_several_tasks_serves_each_of_them_and_the_group(tmp_path: Path) -> None:
    lines = asked(tmp_path, "demo", "--limit", "6")
    said = {"demo_math": "\\boxed{41}", "demo_facts": "A"}
    write(tmp_path / "a.jsonl", [{**line, "answer": said[line["task"]]} for line in lines])
    how = ("--map", "id=id", "--run", "m=answer", "--json", "--task")
    done = inside(tmp_path, "import", "a.jsonl", *how, "demo_math")
    assert runs(done)["demo_math"]["n"] == 6
    assert "left out: rows of other tasks (6 of demo_facts)" in done.stderr
    both = inside(tmp_path, "import", "a.jsonl", *how, "demo")
    assert {task: run["n"] for task, run in runs(both).items()} == {"demo_math": 6, "demo_facts:generate": 6}
    assert {run["checkpoint"] for run in runs(both).values()} == {"m"}
    write(tmp_path / "facts.jsonl", [line for line in lines if line["task"] == "demo_facts"])
    done = inside(tmp_path, "import", "facts.jsonl", *how, "demo_math", ok=2)
    assert "belongs to demo_facts" in done.stderr


def test_the_name_of_a_task_is_not_made_anew(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [{"q": "2+3=?", "gold": "5", "a": "5"}, {"q": "1+1=?", "gold": "2", "a": "3"}])
    how = ("--map", "question=q,gold=gold", "--run", "a=a", "--kind")
    for name in ("gsm8k", "mathcot"):
        done = inside(tmp_path, "import", first, *how, "number", "--task", f"new:{name}", ok=2)
        assert "is a task of the catalogue; leave out `new:`" in done.stderr
    inside(tmp_path, "import", first, *how, "number", "--task", "new:sums")
    inside(tmp_path, "import", first, *how, "number", "--task", "new:sums")
    golds = write(tmp_path / "b.jsonl", [{"q": "2+3=?", "gold": "6", "a": "5"}, {"q": "1+1=?", "gold": "2", "a": "3"}])
    done = inside(tmp_path, "import", golds, *how, "number", "--task", "new:sums", ok=2)
    assert "'sums' already, with other golds; leave out `new:`" in done.stderr
    done = inside(tmp_path, "import", first, *how, "text", "--task", "new:sums", ok=2)
    assert "'sums' already, as kind number" in done.stderr
    other = write(tmp_path / "c.jsonl", [{"q": "7+7=?", "gold": "14", "a": "14"}])
    done = inside(tmp_path, "import", other, *how, "number", "--task", "new:sums", ok=2)
    assert "'sums' already, with other questions" in done.stderr
    assert len(json.loads(inside(tmp_path, "runs", "--json").stdout)["runs"]) == 1


def test_systems_that_join_a_task_get_its_label(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.jsonl", [{"q": f"{i}+3=?", "gold": i + 3, name: f"{i + 3}"} for i in range(30)])
    how = ("--map", "question=q,gold=gold", "--kind", "number")
    inside(tmp_path, "import", "a.jsonl", "--task", "new:sums", *how, "--run", "a=a")
    joined = inside(tmp_path, "import", "b.jsonl", "--task", "sums", *how, "--run", "b=b")
    again = inside(tmp_path, "import", "c.jsonl", "--task", "new:sums", *how, "--run", "c=c")
    for done in (joined, again):
        assert "compare only with runs of label 'a.jsonl'" in done.stderr
    assert "sums" in inside(tmp_path, "compare", "a", "b").stdout
    assert "sums" in inside(tmp_path, "compare", "c", "b").stdout


# -- answers --------------------------------------------------------------------------------------------------------


def test_a_misspelt_answer_field_is_named_with_its_row_and_its_neighbours(tmp_path: Path) -> None:
    rows = [{"q": f"{i}+1=?", "gold": str(i + 1), "p": {"GPT-3.5": str(i + 1), "n": [3]}} for i in range(100)]
    how = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold", "--run")
    write(tmp_path / "a.jsonl", rows)
    done = inside(tmp_path, "import", "a.jsonl", *how, "x=p.GPT-35", ok=2)
    assert "100 of 100 rows have no 'p.GPT-35' (first: line 1 of a.jsonl); nearest: p.GPT-3.5" in done.stderr
    done = inside(tmp_path, "import", "a.jsonl", *how, "x=p", ok=2)
    assert "line 1 of a.jsonl: 'p' is an object, not a text; name a field in it: 'p.GPT-3.5'" in done.stderr
    write(tmp_path / "b.jsonl", [{**row, "m": [{"role": "user", "content": "?"}]} for row in rows])
    done = inside(tmp_path, "import", "b.jsonl", *how, "x=m", ok=2)
    assert "'m.0' is an object, not a text; name a field in it: 'm.0.role', 'm.0.content'" in done.stderr
    assert not (tmp_path / "results").exists()
    done = inside(tmp_path, "import", "a.jsonl", *how, "x=p.GPT-3.5", "--run", "n=p.n", "--json")
    assert {run["checkpoint"]: run["value"] for run in json.loads(done.stdout)["runs"]} == {"x": 1.0, "n": 0.01}


def test_few_rows_may_lack_the_answer_and_count_as_missing(tmp_path: Path) -> None:
    rows = [{"q": f"{i}+1=?", "gold": str(i + 1), "a": str(i + 1)} for i in range(100)]
    for i in (3, 4):
        del rows[i]["a"]
    how = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold", "--run", "a=a")
    done = inside(tmp_path, "import", write(tmp_path / "a.jsonl", rows), *how, "--json")
    assert runs(done)["sums"]["n"] == 98
    assert runs(done)["sums"]["value"] == 1
    assert "a: 2 questions have no answer in 'a'" in done.stderr
    assert "98 to import" in done.stderr
    del rows[5]["a"]
    done = inside(tmp_path, "import", write(tmp_path / "a.jsonl", rows), *how, ok=2)
    assert "3 of 100 rows have no 'a' (first: line 4 of a.jsonl)" in done.stderr


def test_a_list_of_texts_is_as_many_answers(tmp_path: Path) -> None:
    rows = [{"q": f"{i}+1=?", "gold": [i + 1], "a": [i + 1, "0", f"{i + 1}."], "n": [5, 6, 7]} for i in range(20)]
    how = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold,tokens=n", "--run", "a=a", "--json")
    done = inside(tmp_path, "import", write(tmp_path / "a.jsonl", rows), *how)
    assert "60 to import" in done.stderr
    assert (runs(done)["sums"]["n"], runs(done)["sums"]["value"]) == (20, pytest.approx(2 / 3))
    tokens = sqlite3.connect(tmp_path / "results/bench.db").execute("select repeat, output_tokens from responses")
    assert set(tokens) == {(0, 5), (1, 6), (2, 7)}


def test_trailers_are_left_out_and_told_by_their_row(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"q": f"{i}+1=?", "gold": i + 1, "a": [str(i + 1)]} for i in range(60)]
    how = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold", "--run", "a=a", "--json")
    (tmp_path / "a.json").write_text(json.dumps([*rows, {"accuracy": 0.41}]), "utf-8")
    done = inside(tmp_path, "import", "a.json", *how)
    assert runs(done)["sums"]["n"] == 60
    assert "1 of 61 rows matches no question of sums and was left out (first: row 61 of a.json)" in done.stderr


def test_rows_that_repeat_a_question_are_further_answers(tmp_path: Path) -> None:
    rows = [{"q": f"{i}+1=?", "gold": str(i + 1), "a": str(i + 1)} for i in range(40)]
    how = ("--kind", "number", "--map", "question=q,gold=gold", "--run", "a=a", "--json", "--task")
    inside(tmp_path, "import", write(tmp_path / "a.jsonl", rows), *how, "new:sums")
    twice = [*rows, *({**row, "a": "0"} for row in rows)]
    done = inside(tmp_path, "import", write(tmp_path / "b.jsonl", twice), *how, "sums")
    assert "40 rows repeat a question and count as further answers" in done.stderr
    assert "40 to import, 40 stored" in done.stderr
    assert (runs(done)["sums"]["n"], runs(done)["sums"]["value"]) == (40, 0.5)


def test_uneven_numbers_of_answers_are_counted_as_they_are(tmp_path: Path) -> None:
    rows = [{"q": "1+1=?", "gold": "2", "a": ["2", "2"]}, {"q": "2+1=?", "gold": "3", "a": ["3"]}]
    how = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold", "--run", "a=a")
    assert "3 to import" in inside(tmp_path, "import", write(tmp_path / "a.jsonl", rows), *how).stderr
    assert "all 3 answers stored" in inside(tmp_path, "import", "a.jsonl", *how).stderr
    assert "3/3" in inside(tmp_path, "runs").stdout


@pytest.mark.parametrize("gold", ["B：24小时内", "正确答案：B。", ["B"], "(b)"])
def test_golds_of_choices_are_read_as_letters(tmp_path: Path, gold: Any) -> None:
    rows = [{"q": f"{i}. 报告时间？\nA：2小时\nB：24小时内\nC：3天", "gold": gold, "a": "答案：B"} for i in range(5)]
    how = ("--task", "new:ward", "--kind", "choice", "--map", "question=q,gold=gold", "--run", "a=a", "--json")
    assert runs(inside(tmp_path, "import", write(tmp_path / "a.jsonl", rows), *how))["ward"]["value"] == 1


@pytest.mark.parametrize("gold", ["A or B", "B超", "可能是B", "心电图"])
def test_golds_that_can_be_read_in_part_only_are_refused(tmp_path: Path, gold: str) -> None:
    write(tmp_path / "a.jsonl", [{"q": "首选检查？", "gold": gold, "a": "答案：B"}])
    how = ("--task", "new:ward", "--kind", "choice", "--map", "question=q,gold=gold", "--run", "a=a")
    told = inside(tmp_path, "import", "a.jsonl", *how, ok=2).stderr
    assert f"the gold '{gold}' is no option letter; pass --map choices=PATH" in told


def test_golds_that_are_option_texts_need_the_options(tmp_path: Path) -> None:
    rows = [
        {"q": f"{i}号检查？", "gold": "B超", "options": {"A": "X光", "B": "核磁", "C": "B超"}, "a": "C"}
        for i in range(5)
    ]
    write(tmp_path / "a.jsonl", rows)
    how = ("--task", "new:ward", "--kind", "choice", "--run", "a=a", "--json", "--map")
    assert (
        runs(inside(tmp_path, "import", "a.jsonl", *how, "question=q,gold=gold,choices=options"))["ward"]["value"] == 1
    )
    write(tmp_path / "b.jsonl", [{**row, "gold": "胸片"} for row in rows])
    done = inside(tmp_path, "import", "b.jsonl", *how, "question=q,gold=gold,choices=options", ok=2)
    assert "line 1 of b.jsonl: the gold '胸片' is none of the options given" in done.stderr
    done = inside(tmp_path, "import", "b.jsonl", *how, "question=q,gold=gold", ok=2)
    assert "--map choices=PATH" in done.stderr


def test_a_gold_may_be_the_ninth_letter_or_later_where_that_many_options_are_given(tmp_path: Path) -> None:
    """MMLU-Pro has up to ten options, and 410 of 2,407 golds were refused as "none of the options given"."""
    options = [f"choice number {i}" for i in range(10)]
    rows = [
        {"q": f"Question {i}?", "gold": "IJ"[i % 2], "options": options, "a": "The answer is (I)."} for i in range(4)
    ]
    write(tmp_path / "a.jsonl", rows)
    how = ("--task", "new:pro", "--kind", "choice", "--run", "a=a", "--json", "--map")
    done = inside(tmp_path, "import", "a.jsonl", *how, "question=q,gold=gold,choices=options")
    assert runs(done)["pro"]["value"] == 0.5
    write(tmp_path / "b.jsonl", [{**row, "options": options[:8]} for row in rows])
    done = inside(tmp_path, "import", "b.jsonl", *how, "question=q,gold=gold,choices=options", ok=2)
    assert "the gold 'I' is none of the options given" in done.stderr


def test_mistakes_in_options_are_one_sentence(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{"q": "2+3=?", "gold": "5", "a": "5", "ok": True}])
    how = ("--task", "new:sums", "--kind", "number", "--map", "question=q,gold=gold", "--run")
    for mistake, told in (
        (("a.jsonl", *how, "x=a", "--run", "x=gold"), "--run names 'x' twice"),
        (("a.jsonl", *how, "x=a", "--model-bytes", "y=12GB"), "no --run is named 'y'"),
        (("a.jsonl", *how, "x=a", "--model-bytes", "1.2.3GB"), "give a size such as 15.2GB"),
        (("a.jsonl", *how, "x=ok"), "'ok' is true or false, not a text"),
        ((".", *how, "x=a"), "--kind is for a file; a folder says it itself"),
        (("a.jsonl", "--task", "gsm8k"), "a file needs --task NAME and --run NAME=FIELD"),
    ):
        done = inside(tmp_path, "import", *mistake, ok=2)
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


# -- real files -----------------------------------------------------------------------------------------------------


# right answers of 1,319 by the publisher's own extraction, compared as numbers: he compared texts, to whom 243.00 isn't 243
@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("few_shot_Mistral-7B-v0.1", 555),
        ("few_shot_Llama-2-7b-hf", 183),
        ("zero_shot_cot_Mistral-7B-v0.1", 313),
        ("zero_shot_Mistral-7B-v0.1", 141),
    ],
)
def test_base_models_on_gsm8k_score_as_published(data: Path, tmp_path: Path, name: str, published: int) -> None:
    source = data / "outputs_eval_gsm8k_base" / f"{name}.json.gz"
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question", "--run", "m=model_answers_text", "--json")
    done = inside(tmp_path, "import", source, *how)
    assert runs(done)["gsm8k"]["n"] == 1319
    assert runs(done)["gsm8k"]["value"] == pytest.approx(published / 1319, abs=0.005)
    assert f"row 1320 of {source.name}" in done.stderr


def test_eight_samples_of_a_hundred_math_problems(data: Path, tmp_path: Path) -> None:
    source = data / "outputs_qwen_math_cot100" / "math_cot_100.jsonl.gz"
    how = (
        "--task",
        "new:cot",
        "--kind",
        "number",
        "--map",
        "question=question,gold=gt",
        "--run",
        "q=response",
        "--json",
    )
    done = inside(tmp_path, "import", source, *how)
    assert "800 to import" in done.stderr
    assert (runs(done)["cot"]["n"], runs(done)["cot"]["value"]) == (100, pytest.approx(0.910, abs=0.01))


def test_medical_questions_with_letter_and_text_as_gold(data: Path, tmp_path: Path) -> None:
    folder = data / "outputs_pulse_medqa" / "predicted"
    how = ("--kind", "choice", "--map", "question=question,gold=reference_answer", "--json", "--run")
    done = inside(tmp_path, "import", folder / "GPT-4.jsonl.gz", "--task", "new:pulse", *how, "gpt-4=predict_answer")
    assert (runs(done)["pulse"]["n"], runs(done)["pulse"]["value"]) == (150, pytest.approx(0.667, abs=0.08))
    done = inside(tmp_path, "import", folder / "ChatGLM3.jsonl.gz", "--task", "pulse", *how, "chatglm3=predict_answer")
    assert runs(done)["pulse"]["n"] == 150
    assert "pulse" in inside(tmp_path, "compare", "gpt-4", "chatglm3").stdout


def test_questions_that_differ_by_a_sign_only_are_told_apart_in_any_order(tmp_path: Path) -> None:
    sums = [
        (f"{a}{sign}{b}=?", str(a + b if sign == "+" else a - b)) for a in range(5, 25) for b in (1, 2) for sign in "+-"
    ]
    rows = [{"q": q, "gold": gold, "a": gold} for q, gold in [*sums, ("What is 2.5?", "2.5"), ("What is 25?", "25")]]
    (tmp_path / "one.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (tmp_path / "two.jsonl").write_text("\n".join(map(json.dumps, rows[::-1])), "utf-8")
    inside(
        tmp_path,
        "import",
        "one.jsonl",
        "--task",
        "new:sums",
        "--kind",
        "number",
        "--map",
        "question=q,gold=gold",
        "--run",
        "a=a",
    )
    done = inside(tmp_path, "import", "two.jsonl", "--task", "sums", "--map", "question=q", "--run", "b=a", "--json")
    assert json.loads(done.stdout)["runs"][0]["value"] == 1


def test_ids_of_one_kind_go_before_those_of_another() -> None:
    from harness import imports
    from harness.questions import load
    from harness.records import Task

    rows = [{"question": f"{n} + 0 = ?", "target": str(n), "id": n, "idx": n + 1, "language": "en"} for n in range(4)]
    exam = load.from_rows(Task("t", ask="generate", scorer="number"), rows)
    said = [{"id": n, "said": str(n)} for n in range(4)]
    [matched], left = imports.match(said, [exam], imports.Columns(id="id"))
    assert left == []
    assert [[row["id"] for row in matched.rows[sample.id]] for sample in exam.samples] == [[0], [1], [2], [3]]


def test_endless_numbers_of_tokens_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"q": "1 + 1 = ?", "a": "2", "t": 1e999}', "utf-8")
    how = ("--task", "new:t", "--kind", "number", "--run", "m=a", "--map", "question=q,gold=a,tokens=t")
    assert "should be a number of tokens, not inf" in inside(tmp_path, "import", "t.jsonl", *how, ok=2).stderr
