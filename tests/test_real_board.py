"""The script that makes a board of real answers: what it asks, what its cards take, and that it needs the data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import real_board
from foreign_folders import inside


def test_without_the_data_it_says_so_in_one_sentence_and_makes_nothing(tmp_path: Path) -> None:
    words = [sys.executable, real_board.__file__, "--out", str(tmp_path / "out"), "--data", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no real board: ")
    assert done.stdout.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "declared"),
    [("vicuna-33b-hf", 66), ("llama-2-7b", 14), ("yulan-chat-2-13b-fp16-hf", 26), ("GPT4", None), ("moss-moon-003-sft-hf", None)],
)  # fmt: skip
def test_a_size_is_declared_where_the_name_tells_it(name: str, declared: int | None) -> None:
    assert real_board.size(name) == ([] if declared is None else ["--model-bytes", f"{name}={declared}GB"])


@pytest.mark.data
def test_every_question_has_its_options_and_the_cards_take_them(data: Path, tmp_path: Path) -> None:
    law, pulse = list(real_board.law_questions(data)), list(real_board.pulse_questions(data))
    assert {(len(law), 4), (len(pulse), 5)} == {
        (len(rows), len(row["choices"])) for rows in (law, pulse) for row in rows
    }
    assert all(option.strip() in row["asked"] for row in law + pulse for option in row["choices"])
    real_board.write(tmp_path / "lawbench_jec.jsonl", iter(law))
    real_board.write(tmp_path / "medqa_pulse.jsonl", iter(pulse))
    for task in ("lawbench_jec", "lawbench_jec:rule", "medqa_pulse"):
        told = inside(tmp_path, "tasks", task, "--include", real_board.CARDS, "--data", tmp_path).stdout
        assert f"{500 if task.startswith('law') else 150} questions" in told
    with pytest.raises(SystemExit, match="of another form"):
        real_board.parted("甲还是乙？A:甲;B:乙", r"\s*", "[:：]", r"[;；]?\s*")


@pytest.mark.data
def test_twelve_medical_models_are_imported_and_stand_beside_the_published_order(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "bench.db"
    real_board.write(tmp_path / "medqa_pulse.jsonl", real_board.pulse_questions(data))
    real_board.write(tmp_path / "medqa_pulse_answers.jsonl", real_board.pulse_answers(data))
    real_board.pulse(tmp_path, store)
    lines = list(real_board.beside(data, store))
    assert [model for _, model, _, _ in lines][:2] == ["GPT-4", "PULSE-Pro"]
    assert len(lines) == len(real_board.elo(data)) == 12
    capfd.readouterr()
    real_board.show([*lines, ("gsm8k", "made up", 50.0, 52.0)], real_board.elo(data))
    told = capfd.readouterr().out
    assert "1 published scores, 0 equal, largest difference 2.00 points" in told
    assert "rank correlation over 12: 0.9" in told
    listed = json.loads(inside(tmp_path, "runs", "--store", store, "--json").stdout)["runs"]
    assert {run["n"] for run in listed} == {150}
