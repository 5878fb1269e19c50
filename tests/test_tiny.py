"""The tiny checkpoints: real files that every loader takes, the same for the same seed, reused, with their history.

Here they are trained for a few steps only; the whole family is made where `bench demo` is tested.
"""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from harness.checkpoints import doctor, lineage, read
from harness.errors import UserError
from harness.questions import catalogue, load, prompts
from tasks import demo_facts, demo_math
from trainers import tiny

pytestmark = pytest.mark.engine


def short() -> dict[str, dict[str, Any]]:
    recipe = copy.deepcopy(tiny.RECIPE)
    for name in tiny.NAMES:
        recipe[name] |= {"steps": 8, "problems": 40}
    return recipe


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return tiny.make(tmp_path_factory.mktemp("tiny"), recipe=short())


def test_every_folder_is_a_checkpoint_without_a_flaw(made: dict[str, Path]) -> None:
    found = {name: read.read(folder) for name, folder in made.items()}
    assert {name: doctor.examine(c, deep=True) for name, c in found.items()} == {name: [] for name in tiny.NAMES}
    kinds = {name: c.kind for name, c in found.items()}
    assert kinds == {"teacher": "base", "base": "base"}
    for c in found.values():
        assert "template" in c.parts
        assert c.parts["tokenizer"] == found["base"].parts["tokenizer"]
        assert len(c.stop_ids) == 1
        assert (c.bytes or 0) < 1_500_000


def test_their_history_is_written_down(made: dict[str, Path]) -> None:
    for folder in made.values():
        history = lineage.read(folder)
        assert history is not None
        assert (history.method, history.parent, history.seed, history.steps) == ("pretrain", None, 0, 8)
        assert history.data[0]["rows"] == 40
        assert len(history.loss) == 8
        assert history.recipe_sha
        assert history.versions["torch"]


def test_the_same_seed_and_recipe_are_reused_and_trained_the_same(made: dict[str, Path], tmp_path: Path) -> None:
    out = made["base"].parent
    lines: list[str] = []
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")}
    assert tiny.make(out, recipe=short(), echo=lines.append) == made
    assert len(lines) == 1
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")} == times
    again = tiny.make(tmp_path, recipe=short(), echo=lines.append)
    assert {n: read.read(again[n]).id for n in again} == {n: read.read(made[n]).id for n in made}
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(tiny.NAMES)


def test_a_spoilt_folder_is_not_reused(made: dict[str, Path]) -> None:
    out = made["base"].parent
    manifest = json.loads((out / tiny.MANIFEST).read_text())
    config = made["base"] / "config.json"
    before = config.read_text()
    config.write_text("{}")
    try:
        assert not tiny._ready(out, manifest["key"])
    finally:
        config.write_text(before)
    assert tiny._ready(out, manifest["key"])
    assert not tiny._ready(out, "another recipe")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        tiny.make(tmp_path / "file" / "out", recipe=short())


def test_training_never_sees_a_test_question() -> None:
    test = {row["question"] for row in demo_math.rows(None, "test")}
    assert len(test) == demo_math.COUNT
    assert {row["question"] for row in demo_math.problems(200, demo_math.SEED)} == test
    lessons = {row["question"] for row in demo_math.problems(200, demo_math.SEED, exclude=test)}
    assert len(lessons) == 200
    assert not lessons & test
    facts = {row["question"] for row in demo_facts.rows(None, "test")}
    assert len(facts) == 48
    assert not {row["question"] for row in demo_facts.lessons()} & facts


def test_solutions_are_right_in_every_step() -> None:
    for row in random.Random(0).sample(list(demo_math.problems(2000, 5)), 500):
        steps = [
            part
            for part in row["solution"].replace("。", " ").replace("，", " ").replace(",", " ").split()
            if "=" in part
        ]
        assert len(steps) == 2
        for step in steps:
            left, right = step.strip(".个位十").split("=")
            assert eval(left) == int(right)  # digits and signs that this repository wrote
        assert row["solution"].endswith(f"\\boxed{{{row['answer']}}}")


def test_the_demo_is_asked_in_chat_form() -> None:
    math, facts = catalogue.find(["demo"])
    for task in (math, facts):
        exam = load.load(task, None)
        settings = prompts.settings(task, True, {})
        assert settings.chat
        first = next(prompts.prompts(exam, settings, exam.samples))
        assert first.messages == (("user", exam.samples[0].question),)
    assert first.options == exam.samples[0].choices
