"""`bench train` as it is typed: plans, an ablation from recipe to verdict, replicates, and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import site_world
from click.testing import CliRunner, Result

from harness import identity, lookup
from harness.checkpoints import lineage
from harness.cli import _train_rank, cli
from harness.cli._train_rank import Entry
from harness.errors import UserError
from harness.records import Lineage, Settings
from harness.store import overlaps, read
from harness.store.open import Store, open_store
from harness.store.write import Writer
from tasks import demo_math
from trainers import recipe_file
from trainers.recipe import Recipe

RECIPE = """
parent = "base"
method = "lora"

[[data]]
path = "sums.jsonl"

[[data]]
path = "planted.jsonl"

[lora]
r = 2

[optim]
learning_rate = 1e-3
steps = 3
batch = 4

[watch]
held_out = 2
every = 3
max_tokens = 8
"""
LINE = "step 3/3"


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder: a recipe with a parent and two files beside it; two rows are questions of a test."""
    (tmp_path / "base").symlink_to(tiny_checkpoint)
    (tmp_path / "tiny.toml").write_text(RECIPE, "utf-8")
    rows(
        tmp_path / "sums.jsonl",
        [{"instruction": f"{a}+{b}=?", "output": f"答案：{a + b}"} for a in range(5) for b in range(4)],
    )
    test = list(demo_math.rows(None, "test"))[:2]
    planted = [{"instruction": row["question"], "output": row["solution"]} for row in test]
    rows(tmp_path / "planted.jsonl", [*planted, {"instruction": "说你好", "output": "你好"}])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path: Path, given: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in given), "utf-8")


def bench(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words], standalone_mode=False, catch_exceptions=True)


def refused(*words: str) -> str:
    done = bench(*words)
    assert isinstance(done.exception, UserError), done.output
    assert "\n" not in str(done.exception)
    return str(done.exception)


def typed(*words: str, folder: Path, **more: Any) -> subprocess.Popen[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "BENCH_LANG": "en"}
    script = "from harness.cli import main; main()"
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", script, "train", *words]
    return subprocess.Popen(command, cwd=folder, env=env, text=True, **(pipes | more))


# -- without training -----------------------------------------------------------------------------------------------


def test_the_list_shows_every_shipped_recipe_by_its_first_line() -> None:
    listed = json.loads(bench("train", "--list", "--json").stdout)
    assert listed.keys() == recipe_file.shipped().keys() >= {"lora", "distil_math", "medical_mix", "grpo_math"}
    assert all(said and not said.startswith("#") for said in listed.values())
    shown = bench("train", "--list").stdout
    assert all(name in shown for name in listed)


def test_a_dry_run_shows_the_plan_and_the_rows_as_ids_and_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = bench("train", "tiny.toml", "--dry-run", "--set", "lora.r=[2, 4]", "--set", "data[0].limit=12")
    assert done.exception is None, done.output
    shown = done.stdout
    for said in (
        "[1/2] tiny-r2: lora.r = 2, seed 0", "[2/2] tiny-r4: lora.r = 4, seed 0", "parent      base: ",
        "a LoRA of rank 2", "a LoRA of rank 4", "3 steps of 4 rows", "float32, since this is a CPU",
        "checkpoint  results/train/tiny-r4", "asked   <|im_start|>user⏎", "<|im_end|>",
    ):  # fmt: skip
        assert said in shown, said
    assert "over the limit" in shown and len(re.findall(r"\.jsonl, row \d+:", shown)) == 3  # rows once for all arms
    weights = {
        int(line.split(" of rank ")[1].split()[1].replace(",", "")) for line in shown.splitlines() if "of rank" in line
    }
    assert len(weights) == 2 and max(weights) == 2 * min(weights)  # twice the rank, twice the weights
    assert sorted(folder.rglob("*")) == before


def test_arms_of_other_data_are_told_to_take_the_same_steps(folder: Path) -> None:
    sets = ["--set", "ablate.data=[[0], [0, 1]]", "--dry-run"]
    assert "second variable" not in bench("train", "tiny.toml", *sets).output
    told = bench("train", "tiny.toml", *sets, "--set", "optim.steps=", "--set", "optim.epochs=1")
    assert told.exception is None and "which is a second variable; --set optim.steps=N" in told.output


MISTAKES = [
    ([], "name a recipe: a TOML file, or a shipped one"),
    (["loar"], "no recipe 'loar': no such file, and none is shipped by that name; nearest: lora"),
    (["tiny.toml", "--set", "lora.rank=2"], "unknown key 'lora.rank'"),
    (["tiny.toml", "--set", "parent=nowhere"], "nowhere does not exist"),
    (["tiny.toml", "--set", "data[0].path=none.jsonl"], "none.jsonl does not exist"),
    (["tiny.toml", "--tasks", "demo_maths"], "no task 'demo_maths'; nearest: demo_math"),
    (["tiny.toml", "--set", "lora.r=[2,4]", "--set", "optim.epochs=[1,2]"], "--grid for all 4 combinations"),
    (["tiny.toml", "--dry-run", "--json"], "leave out --json"),
    (["tiny.toml", "--write-prompts", "q.jsonl"], "is for recipes with a teacher (seqkd), and tiny is lora"),
    (["tiny.toml", "--out", "sums.jsonl/x"], "sums.jsonl/x"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_trained(folder: Path, words: list[str], told: str) -> None:
    before = sorted(folder.rglob("*"))
    try:
        assert told in refused("train", *words)
    except AssertionError:
        done = bench("train", *words)  # what the operating system says of a path is told by `main`
        assert isinstance(done.exception, OSError) and told in str(done.exception.filename)
    assert sorted(folder.rglob("*")) == before


def test_a_teachers_questions_are_written_for_others_to_answer(folder: Path) -> None:
    sets = ["--set", "method=seqkd", "--set", "teacher.model=base", "--set", "data=[{task='demo_math', limit=6}]"]
    done = bench("train", "tiny.toml", *sets, "--write-prompts", "q.jsonl")
    assert done.exception is None, done.output
    assert "--set teacher.model= --set teacher.answers=q.jsonl" in done.stdout
    asked = [json.loads(line) for line in Path("q.jsonl").read_text("utf-8").splitlines()]
    assert len({line["id"] for line in asked}) == 6 and not Path("results").exists()
    assert all(line["messages"][-1]["content"] == line["question"] for line in asked)


# -- an ablation, from the recipe to the verdict ---------------------------------------------------------------------


@pytest.mark.engine
def test_an_ablation_is_trained_run_ranked_and_audited_and_reused(folder: Path) -> None:
    words = [
        "train",
        "tiny.toml",
        "--set",
        "lora.r=[2, 8]",
        "--tasks",
        "demo_facts",
        "--store",
        "bench.db",
        "--note",
        "rank?",
    ]
    done = bench(*words, "--json")
    assert done.exception is None and done.return_value == 0, done.output
    told = json.loads(done.stdout)
    assert [(c["name"], c["moved"]) for c in told["checkpoints"]] == [
        ("tiny-r2", {"lora.r": 2}),
        ("tiny-r8", {"lora.r": 8}),
    ]
    assert {row["checkpoint"] for row in told["ranking"]} == {"base", "tiny-r2", "tiny-r8"}
    values = [row["value"] for row in told["ranking"]]
    assert values == sorted(values, reverse=True) and all(row["n"] == 48 for row in told["ranking"])
    assert [row["change"] is None for row in told["ranking"]].count(True) == 1  # the parent itself
    (pair,) = told["pairs"]
    assert (pair["variables"]["kind"], pair["before"], pair["after"]) == ("controlled", "tiny-r2", "tiny-r8")
    assert pair["variables"]["sentence"] == "these two differ in 1 setting (LoRA rank 2 -> 8)"

    ids = [c["id"] for c in told["checkpoints"]]
    assert len({(folder / c["folder"] / lineage.FILE).read_text("utf-8") for c in told["checkpoints"]}) == 2
    first = lineage.read(folder / "results" / "train" / "tiny-r2")
    assert first is not None and (first.note, first.steps, first.seed) == ("rank?", 3, 0)
    assert first.recipe is not None and str(folder) not in json.dumps(first.recipe)
    with open_store(folder / "bench.db", mode="ro") as store:
        assert {c.id for c in read.checkpoints(store)} > set(ids)
        assert [c.lineage.recipe_sha for c in read.checkpoints(store) if c.lineage and c.id == ids[0]] == [
            first.recipe_sha
        ]
        seen = overlaps.levels(store, [str(source["trained_sha"]) for source in first.data])
        assert set(seen.values()) == {"none"} and len(seen) == 48  # looked for, and not found

    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    again = bench(*words)
    assert again.exception is None and again.stderr.count("is trained already") == 2
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")} == stamps
    for said in (
        "against base [90 % interval]",
        "tiny-r2 -> tiny-r8: these two differ in 1 setting (LoRA rank 2 -> 8)",
    ):
        assert said in again.stdout
    assert "another recipe" in refused("train", "tiny.toml", "--set", "name=tiny-r2", "--set", "lora.r=4")


# -- a ranking of stored runs ----------------------------------------------------------------------------------------


def trained(name: str, recipe: Recipe, base: str) -> Any:
    told = recipe_file.canonical(recipe, parent=base)
    history = Lineage(
        method="lora", recipe=told, recipe_sha=identity.digest(told), parent=base, seed=recipe.seed, steps=30,
        tokens=900, data=({"name": "sums.jsonl", "sha": "aa11"},), versions={"trl": "1.16.0"},
    )  # fmt: skip
    return site_world.checkpoint(name, kind="adapter", base=base, lineage=history)


@pytest.fixture
def replicates(tmp_path: Path) -> Iterator[tuple[Store, Entry, list[Entry]]]:
    """Three seeds of a rank that helps and of one that does not, on a parent."""
    (tmp_path / "tiny.toml").write_text(RECIPE, "utf-8")
    planned = recipe_file.read(tmp_path / "tiny.toml", ["lora.r=[2, 8]", "seeds=3"])
    base = site_world.checkpoint("base", kind="base")
    exam = site_world.exam_of(site_world.task("quiz", n=200, chance=0.0), 200)
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        site_world.put_run(writer, store, base, exam, 0.40)
        entries = []
        for one in planned:
            who = trained(one.name, one.recipe, base.id)
            right = 0.44 + one.recipe.seed / 100 if one.moved["lora.r"] == 2 else 0.70 + one.recipe.seed / 100
            site_world.put_run(writer, store, who, exam, right)
            entries.append(Entry(one.name, one.name, who.id, one.arm, one.moved))
        writer.flush()
        yield store, Entry("base", "base", base.id), entries


def test_replicates_are_ranked_one_by_one_and_as_recipes(replicates: Any, capsys: pytest.CaptureFixture[str]) -> None:
    store, parent, entries = replicates
    ranked = _train_rank.rank(store, parent, entries, ["quiz"])
    assert [row.entry.arm for row in ranked.rows] == ["tiny-r8"] * 3 + ["tiny-r2"] * 3 + [""]
    assert {row.line.verdict for row in ranked.rows[:3] if row.line} == {"better"}
    ((before, after, lines),) = ranked.pairs  # one seed of each arm stands for it
    assert (before.name, after.name, lines[0].verdict) == ("tiny-r2-s0", "tiny-r8-s0", "better")
    assert lines[0].variables.kind == "controlled"
    told = {(b, a): found for b, a, found in ranked.recipes}
    assert told.keys() == {("base", "tiny-r2"), ("base", "tiny-r8"), ("tiny-r2", "tiny-r8")} or len(told) == 3
    means = {arm: [row.score["value"] for row in ranked.rows if row.entry.arm == arm] for arm in ("tiny-r2", "tiny-r8")}
    change = told["tiny-r2", "tiny-r8"] if ("tiny-r2", "tiny-r8") in told else told["tiny-r8", "tiny-r2"]
    assert abs(change.change) == pytest.approx(sum(means["tiny-r8"]) / 3 - sum(means["tiny-r2"]) / 3)
    _train_rank.show(ranked)
    shown = capsys.readouterr().out
    mean = 100 * sum(means["tiny-r8"]) / 3
    assert f"{mean:.1f}" in next(
        line for line in shown.splitlines() if "tiny-r8 " in line and "–" in line and "-s" not in line
    )
    assert "3 training seeds against 3" in shown and "tiny-r2-s0 -> tiny-r8-s0: these two differ in 1 setting" in shown
    plain = json.loads(json.dumps(_train_rank.plain(ranked)))
    assert sorted(r["names"] for r in plain["recipes"]) == sorted(list(pair) for pair in told)
    assert len(plain["ranking"]) == 7 and plain["pairs"][0]["changes"][0]["verdict"] == "better"


def test_what_was_asked_otherwise_is_a_note_and_no_change(replicates: Any) -> None:
    store, parent, entries = replicates
    odd = site_world.checkpoint("odd")
    exam = read.get_exam(store, lookup.runs(store, parent.id)[0].exam)
    with Writer(store) as writer:
        site_world.put_run(writer, store, odd, exam, 0.5, Settings(shots=0, chat=True))
    ranked = _train_rank.rank(store, parent, [*entries[:1], Entry("odd", "odd", odd.id)], ["quiz"])
    (row,) = [row for row in ranked.rows if row.entry.name == "odd"]
    assert row.line is None and row.score["value"] is not None
    assert any("quiz" in note for note in ranked.notes)


def test_who_had_the_test_or_its_scorer_is_named(replicates: Any) -> None:
    store, parent, _ = replicates
    exam = read.get_exam(store, lookup.runs(store, parent.id)[0].exam)
    sinners = [
        site_world.checkpoint("peeked", lineage=Lineage(method="lora", recipe={"a": 1}, on_test=("quiz test",))),
        site_world.checkpoint("rewarded", lineage=Lineage(method="grpo", trained_on=(exam.task.scorer,))),
    ]
    with Writer(store) as writer:
        for who in sinners:
            site_world.put_run(writer, store, who, exam, 0.9)
    ranked = _train_rank.rank(store, parent, [Entry(who.name, who.name, who.id) for who in sinners], ["quiz"])
    assert "peeked: ! trained on the test of quiz" in ranked.notes
    assert "rewarded: ! trained on the metric of quiz" in ranked.notes
    assert not any(note.startswith("base:") for note in ranked.notes)


# -- what takes longer -----------------------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.engine
def test_a_value_that_loses_its_loss_does_not_keep_the_others_from_being_made(folder: Path) -> None:
    done = bench(
        "train", "tiny.toml", "--set", "optim.learning_rate=[1e30, 1e-3]", "--tasks", "demo_facts", "--store", "b.db"
    )
    assert done.return_value == 1, done.output
    assert "tiny-lr1e30" in done.stderr and "no number" in done.stderr
    assert "tiny-lr1e-3" in done.stdout  # ranked all the same
    assert (folder / "results" / "train" / "tiny-lr1e-3" / lineage.FILE).is_file()


@pytest.mark.soak
@pytest.mark.engine
def test_planted_questions_are_told_and_kept(folder: Path) -> None:
    done = bench("train", "tiny.toml", "--tasks", "demo_math", "--store", "b.db", "--json")
    assert done.exception is None, done.output
    told = json.loads(done.stdout)
    assert told["overlaps"]["planted.jsonl"]["demo_math"]["exact"] == 2
    with open_store(folder / "b.db", mode="ro") as store:
        sha = next(s["trained_sha"] for s in told["checkpoints"][0]["lineage"]["data"] if s["name"] == "planted.jsonl")
        assert sorted(overlaps.levels(store, [sha]).values()).count("exact") == 2


@pytest.mark.soak
@pytest.mark.engine
def test_epochs_are_checkpoints_of_their_own_and_are_ranked(folder: Path) -> None:
    sets = ["--set", "optim.steps=", "--set", "optim.epochs=3", "--set", "export.each_epoch=true", "--set", "seeds=3"]
    done = bench("train", "tiny.toml", *sets, "--tasks", "demo_facts", "--store", "b.db", "--json")
    assert done.exception is None, done.output
    told = json.loads(done.stdout)
    assert [len(c["epochs"]) for c in told["checkpoints"]] == [2, 2, 2]
    assert len(told["ranking"]) == 1 + 3 * 3
    assert [r["names"] for r in told["recipes"]] == [["base", "tiny"]]


@pytest.mark.soak
@pytest.mark.engine
def test_a_stopped_training_goes_on_by_the_same_command(folder: Path) -> None:
    words = ("tiny.toml", "--set", "optim.steps=400", "--set", "watch.every=400")
    process = typed(*words, folder=folder, start_new_session=True)
    work = folder / "results" / "train" / ".tiny.training"
    patience = time.monotonic() + 300
    while not any(work.glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None and time.monotonic() < patience, process.communicate()
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "the same command goes on" in errors and "Traceback" not in errors
    assert not (folder / "results" / "train" / "tiny").exists()
    _, errors = typed(*words, folder=folder).communicate(timeout=600)
    assert "going on behind step" in errors
    made = lineage.read(folder / "results" / "train" / "tiny")
    assert made is not None and made.steps == 400 and not work.exists()


@pytest.mark.soak
@pytest.mark.engine
def test_answers_from_elsewhere_teach(folder: Path) -> None:
    """Questions out, answers in: half of them right, which is what is learnt from."""
    sets = ["--set", "method=seqkd", "--set", "data=[{task='demo_math', limit=12}]", "--set", "optim.batch=2"]
    assert (
        bench("train", "tiny.toml", *sets, "--set", "teacher.model=base", "--write-prompts", "q.jsonl").exception
        is None
    )
    solved = {row["question"]: row["solution"] for row in demo_math.rows(None, "train")}
    asked = [json.loads(line) for line in Path("q.jsonl").read_text("utf-8").splitlines()]
    rows(
        folder / "a.jsonl",
        [{**q, "answer": solved[q["question"]] if i % 2 else "答案\\boxed{0}"} for i, q in enumerate(asked)],
    )
    done = bench("train", "tiny.toml", *sets, "--set", "teacher.answers=a.jsonl", "--json")
    assert done.exception is None, done.output
    (made,) = json.loads(done.stdout)["checkpoints"]
    assert [source["rows"] for source in made["lineage"]["data"] if source["role"] == "domain"] == [6]
