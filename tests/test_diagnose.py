"""`bench diagnose` from the outside: one planted fault gives its finding, evidence and remedy; a healthy pair gives none."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnose_world import World, flipped, lettered, worked
from foreign_folders import inside, lines

from harness.checkpoints import weights_change
from harness.checkpoints.read import read
from harness.metrics import _run_on
from harness.records import Lineage

N = 300


def diagnose(world: World, *arguments: str) -> dict[str, Any]:
    said = inside(world.path.parent, "diagnose", "sft", "--store", world.path, "--json", *arguments)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def kinds(found: dict[str, Any]) -> list[str]:
    return [finding["kind"] for finding in found["findings"]]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


# -- health ------------------------------------------------------------------------------------------------------------


def test_healthy_pairs_give_no_finding(tmp_path: Path) -> None:
    """Fifteen of a hundred answers flip either way, lengths vary: what any two good checkpoints do."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        before = worked(rng, N)
        key = [str(k) for k in rng.choice(list("ABCD"), N)]
        (tmp_path / str(seed)).mkdir()
        world = World(tmp_path / str(seed)).ask("sums", before, worked(rng, N, flipped(rng, before, 0.12, 0.18)))
        world.ask("quiz", lettered(rng, key, 0.5), lettered(rng, key, 0.5), ask="letters", chance=0.25)
        found = diagnose(world, "--domain", "sums")
        assert found["findings"] == [], seed
        assert found["sentence"].startswith("No fault shows in sft beside base, over 600 answers on 2 tasks")
        assert {"answer length", "language", "repetition"} <= set(found["fine"])


def test_a_better_child_is_said_to_be_better(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N, share=0.3)
    world = World(tmp_path).ask("sums", before, worked(rng, N, share=0.7))
    assert re.search(r"No fault shows .*; better: \+\d\d\.\d points on sums", diagnose(world)["sentence"])


# -- what the answers look like -----------------------------------------------------------------------------------------


def test_steps_that_are_gone(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N, share=0.7)
    after = [{"text": "So 3.", "value": float(rng.random() < 0.1)} for _ in before]
    data = ({"name": "short answers", "rows": 60},)
    lineage = Lineage(method="full", parent="ba5eba5e", data=data, loss=((1, 2.0), (9, 0.004)))
    found = diagnose(World(tmp_path, lineage=lineage).ask("sums", before, after))
    (finding,) = found["findings"]
    assert finding["kind"] == "short" and finding["level"] == "refuse" and finding["tasks"] == ["sums"]
    evidence = "; ".join(finding["evidence"])
    assert "right -> wrong" in evidence and "short answers (60 rows)" in evidence and "alarm below 0.7x" in evidence
    assert "0.004" in finding["remedy"] and "known by heart" in finding["remedy"]
    assert [len(found["examples"]), found["examples"][0]["child"]] == [3, "So 3."]
    assert "First we add" in found["examples"][0]["parent"]


def test_longer_answers_are_a_change_and_no_alarm(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N)
    after = [{**row, "text": " ".join(f"{row['text']} Point {i}." for i in range(3))} for row in before]
    different = [{**row, "text": row["text"].replace("First we add", f"Take {i} and")} for i, row in enumerate(after)]
    for row in different:  # said in other words each time, so that nothing goes in circles
        row["text"] = " ".join(f"{word}{rng.integers(1_000_000)}" for word in row["text"].split())
    (finding,) = diagnose(World(tmp_path).ask("sums", before, different))["findings"]
    assert finding["kind"] == "long" and finding["level"] == "info" and finding["remedy"].startswith("none needed")


def test_a_lost_stop_token_names_the_one_that_is_missing(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N)
    after = [
        {**row, "text": f"{row['text']}\n\nQuestion: What is {i} + {i}?", "stop": "length", "tokens": 512}
        for i, row in enumerate(before)
    ]
    found = diagnose(World(tmp_path, stop_ids=(2,)).ask("sums", before, after))
    assert kinds(found) == ["eos"]  # one fault, not five: running on, never ending, longer
    finding = found["findings"][0]
    assert "eos_token_id [2, 7], it has [2]" in finding["remedy"]
    assert any("stop tokens are [2]" in line for line in finding["evidence"])
    assert any(
        "end by themselves went from 100.0 % to 0.0 %" in text for text in (finding["what"], *finding["evidence"])
    )


def test_answers_that_got_too_long_are_not_blamed_on_the_stop_token(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N)
    after = [{**row, "stop": "length", "tokens": 512} if i % 5 == 0 else row for i, row in enumerate(before)]
    finding = diagnose(World(tmp_path).ask("sums", before, after))["findings"][0]
    assert (
        finding["kind"] == "rambling"
        and "eos_token_id" not in finding["remedy"]
        and "--max-tokens" in finding["remedy"]
    )


def test_a_broken_format_is_told_from_lost_knowledge(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N, share=0.8)
    chatty = {"value": 0.0, "outcome": "unparsed"}
    after = [{**row, **chatty, "text": f"What a lovely question about {i}, my dear friend, let us think of it all day long."}
             if i % 2 else row for i, row in enumerate(before)]  # fmt: skip
    found = diagnose(World(tmp_path).ask("sums", before, after))
    assert kinds(found) == ["format"]
    evidence = "; ".join(found["findings"][0]["evidence"])
    assert "lost questions can't be read now; those read on both sides moved by +0.0 points" in evidence
    assert "keep rows in the asked form" in found["findings"][0]["remedy"]


def test_unreadable_answers_in_place_of_empty_ones_are_no_new_fault(tmp_path: Path, rng: np.random.Generator) -> None:
    before = [{"text": "", "value": 0.0, "outcome": "empty"} if i % 10 else row for i, row in enumerate(worked(rng, N))]
    after = [
        {**row, "value": 0.0, "outcome": "unparsed"} if i % 5 == 0 else row for i, row in enumerate(worked(rng, N))
    ]
    found = diagnose(World(tmp_path).ask("sums", before, after))
    assert "format" not in kinds(found) and "better" in found["sentence"]


PLANTED: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"text": "", "outcome": "empty", "value": 0.0}, "drop training rows with an empty target"),
    "circles": ({"text": "He rides 30 miles in 5 hours on his bike. " * 12}, "repeated rows"),
    "language": (
        {"text": "我们先把这两个数加起来，然后再检查一遍结果是不是正确。", "tokens": 25},
        "question's language",
    ),
    "refusal": ({"text": "I'm sorry, but I can't help with that.", "value": 0.0}, "decline to answer"),
}


@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_each_planted_fault_gets_its_name_and_its_remedy(tmp_path: Path, rng: np.random.Generator, kind: str) -> None:
    planted, remedy = PLANTED[kind]
    before = worked(rng, N)
    after = [{**row, **planted} if i % 4 == 0 else row for i, row in enumerate(before)]
    found = diagnose(World(tmp_path).ask("sums", before, after))
    assert kind in kinds(found) and set(kinds(found)) <= {kind, "lost"}
    finding = next(f for f in found["findings"] if f["kind"] == kind)
    assert remedy in finding["remedy"] and len(finding["samples"]) >= 3
    every = {f"{i:016x}" for i in range(0, N, 4)}
    assert set(finding["samples"]) <= every  # the examples show it


def test_one_answer_to_every_question(tmp_path: Path, rng: np.random.Generator) -> None:
    """AlpacaEval's null model, one text for all 805 instructions, had "no fault" and "answer length: fine"."""
    before = worked(rng, N)
    after = [{**row, "text": "Thank you for asking, that is a most interesting matter to think of."} for row in before]
    finding = diagnose(World(tmp_path).ask("sums", before, after))["findings"][0]
    assert finding["kind"] == "same" and "from 0.0 % to 100.0 % on sums" in finding["what"]


def test_end_marks_that_stop_nothing_are_no_matter_of_the_training(tmp_path: Path, rng: np.random.Generator) -> None:
    """Mistral-Nemo's public GSM8K answers, padded by hundreds of </s>, were told to append the end token to the targets."""
    before = worked(rng, N)
    after = [{**row, "text": row["text"] + "</s>" * 200} for row in before]
    found = diagnose(World(tmp_path).ask("sums", before, after))
    assert "circles" not in kinds(found)
    finding = next(f for f in found["findings"] if f["kind"] == "marks")
    assert "put its id into eos_token_id" in finding["remedy"] and "targets" not in finding["remedy"]


def test_unread_answers_that_broke_off_are_no_matter_of_form(tmp_path: Path, rng: np.random.Generator) -> None:
    """409 answers of Mistral-7B-Instruct-v0.2 on MMLU-Pro can't be read: most stop in a sentence, at the token limit."""
    before = worked(rng, N)
    cut = {"value": 0.0, "outcome": "unparsed"}
    steps = "We take case {i}, and then look at its third root, which is not known yet; let x be {i}, so that "
    after = [
        {**row, **cut, "text": steps.format(i=i) * 2 + "the sum of both"} if i % 4 == 0 else row
        for i, row in enumerate(before)
    ]
    found = diagnose(World(tmp_path).ask("sums", before, after))
    finding = next(f for f in found["findings"] if "can't be read" in f["what"])
    assert finding["kind"] == "cut" and "100 % of the new ones break off" in finding["what"]
    assert "--max-tokens" in finding["remedy"] and "asked form" not in finding["remedy"]


def test_a_fault_that_lost_questions_show_no_more_than_others_explains_no_fall(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """Athene-70B's 6 lost points on GSM8K were put on its shorter answers, which it gives to right and wrong alike."""
    before = worked(rng, N, share=0.9)
    after = [
        {**row, "value": float(right), "text": " ".join(row["text"].split()[:4]) if i % 2 else row["text"]}
        for i, (row, right) in enumerate(zip(before, flipped(rng, before, 0.2, 0.0), strict=True))
    ]
    found = diagnose(World(tmp_path).ask("sums", before, after))
    assert kinds(found) == ["lost", "short"] and found["findings"][1]["level"] == "warn"
    assert any("sums fell too, but" in line for line in found["findings"][1]["evidence"])
    assert "bench compare base sft --tasks sums --lost --store" in found["findings"][0]["remedy"]


def test_letters_that_collapsed(tmp_path: Path, rng: np.random.Generator) -> None:
    key = [str(k) for k in rng.choice(list("ABCD"), N)]
    world = World(tmp_path).ask(
        "quiz", lettered(rng, key, 0.5), lettered(rng, key, 0.0, only="B"), ask="letters", chance=0.25
    )
    found = diagnose(world)
    assert kinds(found) == ["letters"]
    assert "B is chosen +" in found["findings"][0]["what"] and "shuffle the options" in found["findings"][0]["remedy"]


# -- what became wrong -----------------------------------------------------------------------------------------------


def forgetful(folder: Path, rng: np.random.Generator, **child: Any) -> World:
    medical, general = worked(rng, N, share=0.4), worked(rng, 2 * N, share=0.7)
    world = World(folder, **child).ask("medqa_zh", medical, worked(rng, N, flipped(rng, medical, 0.05, 0.3)))
    return world.ask("trivia", general, worked(rng, 2 * N, flipped(rng, general, 0.25, 0.05)))


def test_forgetting_is_general_tasks_falling_while_the_domain_rises(tmp_path: Path, rng: np.random.Generator) -> None:
    world = forgetful(tmp_path, rng)
    found = diagnose(world, "--domain", "medqa")
    assert kinds(found) == ["forgetting"]
    finding = found["findings"][0]
    assert "general tasks fell by" in finding["what"] and "the domain rose by" in finding["what"]
    assert "7:3 or 8:2" in finding["remedy"]
    assert any(line.startswith("trivia") and "right -> wrong" in line for line in finding["evidence"])
    risen = diagnose(world)  # nobody said what for: the group of tasks that rose
    assert kinds(risen) == ["forgetting"] and any(
        "the group that rose, medqa" in line for line in risen["findings"][0]["evidence"]
    )


def test_a_fall_that_nobody_can_place_gets_no_remedy_for_forgetting(tmp_path: Path, rng: np.random.Generator) -> None:
    for_one, other = worked(rng, N, share=0.7), worked(rng, N, share=0.7)
    world = World(tmp_path).ask("poems", for_one, worked(rng, N, flipped(rng, for_one, 0.05, 0.1)))
    found = diagnose(world.ask("trivia", other, worked(rng, N, flipped(rng, other, 0.3, 0.05))))
    assert kinds(found) == ["lost"] and "7:3" not in found["findings"][0]["remedy"]
    assert any("no group of tasks rose" in line["why"] and "--domain" in line["command"] for line in found["unchecked"])


def test_the_lineages_data_says_which_tasks_are_the_domain(tmp_path: Path, rng: np.random.Generator) -> None:
    data = ({"name": "huatuo medical dialogues", "rows": 9000}, {"name": "trivia chat", "rows": 10, "role": "general"})
    recipe = {"optim": {"lr": 2e-4}, "epochs": 6}
    world = forgetful(tmp_path, rng, lineage=Lineage(method="full", parent="ba5eba5e", data=data, recipe=recipe))
    found = diagnose(world)
    assert found["domain"] == {"tasks": ["medqa_zh"], "from": "the lineage's data"}
    remedy = found["findings"][0]["remedy"]
    assert kinds(found) == ["forgetting"] and "fewer epochs than 6" in remedy and "below 0.0002" in remedy


def test_where_it_fell_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, 2 * N, share=0.8)
    right = [row["value"] == 1.0 and not (i % 4 == 2 and rng.random() < 0.7) for i, row in enumerate(before)]
    (finding,) = diagnose(World(tmp_path).ask("trivia", before, worked(rng, 2 * N, right)))["findings"]
    assert finding["kind"] == "lost" and any(
        "fell most in history" in line and "Humanities" in line for line in finding["evidence"]
    )
    assert any("the answers are wrong, not their form" in line for line in finding["evidence"])


def test_what_is_known_but_can_no_longer_be_said(tmp_path: Path, rng: np.random.Generator) -> None:
    key = [str(k) for k in rng.choice(list("ABCD"), N)]
    known, still = lettered(rng, key, 0.6), lettered(rng, key, 0.6)
    before = [
        {"text": f"答案：{row['letter']}", "value": row["value"], "letter": row["letter"], "target": row["target"]}
        for row in known
    ]
    after = [{**row, "text": "答案：Z", "value": row["value"] * float(rng.random() < 0.3)} for row in before]
    choice = {"scorer": "choice", "chance": 0.25}
    world = (
        World(tmp_path)
        .ask("quiz", known, still, ask="letters", scorer="options", chance=0.25)
        .ask("quiz:generate", before, after, **choice)
    )
    found = diagnose(world)
    assert kinds(found)[0] == "saying" and "lost" not in kinds(found)
    assert "what has to be said fell by" in found["findings"][0]["what"]
    both = [{**row, "value": row["value"] * float(rng.random() < 0.3)} for row in known]
    (tmp_path / "both").mkdir()
    gone = (
        World(tmp_path / "both")
        .ask("quiz", known, both, ask="letters", scorer="options", chance=0.25)
        .ask("quiz:generate", before, after, **choice)
    )
    assert "saying" not in kinds(diagnose(gone)) and "lost" in kinds(diagnose(gone))


def test_letters_that_no_longer_stand_for_their_options(tmp_path: Path, rng: np.random.Generator) -> None:
    key = [str(k) for k in rng.choice(list("ABCD"), N)]
    texts, still = lettered(rng, key, 0.6), lettered(rng, key, 0.6)
    card = {"scorer": "options", "chance": 0.25}
    world = World(tmp_path).ask("quiz", lettered(rng, key, 0.6), lettered(rng, key, 0.1), ask="letters", **card)
    found = diagnose(world.ask("quiz:texts", texts, still, ask="texts", **card))
    assert kinds(found) == ["binding"] and "what is asked by letter fell by" in found["sentence"]
    assert "the option texts are known" in found["findings"][0]["remedy"]


def test_a_task_at_chance_tells_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    key = [str(k) for k in rng.choice(list("ABCD"), N)]
    world = World(tmp_path).ask("quiz", lettered(rng, key, 0.0), lettered(rng, key, 0.0), ask="letters", chance=0.25)
    assert any("neither side is above guessing (25 %)" in line["why"] for line in diagnose(world)["unchecked"])


# -- what the training left --------------------------------------------------------------------------------------------


def unchanged(folder: Path, rng: np.random.Generator, **child: Any) -> World:
    rows = worked(rng, 60)
    return World(folder, **child).ask("sums", rows, rows)


def test_weights_that_are_the_parents(
    tmp_path: Path, rng: np.random.Generator, tiny_checkpoint: Path, tiny_other: Path
) -> None:
    copied = shutil.copytree(tiny_checkpoint, tmp_path / "copied")
    world = unchanged(tmp_path, rng, path=str(copied), parent={"path": str(tiny_checkpoint)})
    found = diagnose(world)
    assert kinds(found) == ["learnt_nothing"] and found["findings"][0]["level"] == "refuse"
    assert (
        "byte for byte" in found["sentence"]
        and "60 of 60 answers are the parent's" in found["findings"][0]["evidence"][0]
    )
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", path=str(tiny_other), parent={"path": str(tiny_checkpoint)})
    before = worked(rng, N)
    moved = diagnose(other.ask("sums", before, worked(rng, N, flipped(rng, before, 0.1, 0.15))))
    assert moved["findings"] == [] and any("weights moved by" in line for line in moved["fine"])


def test_equal_weights_with_another_template_blame_the_template(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N, share=0.8)
    after = worked(rng, N, share=0.1)
    parts = {"weights": "w-parent", "template": "other", "generation": "g"}
    found = diagnose(World(tmp_path, parts=parts).ask("sums", before, after))
    assert (
        kinds(found) == ["parts", "lost"]
        and "another chat template, so all that moved came with it" in found["sentence"]
    )
    assert found["findings"][0]["remedy"] == "copy base's chat template back"
    assert "as above" in found["findings"][1]["remedy"]  # no advice on training: nothing was trained
    (tmp_path / "tuned").mkdir()
    tuned = diagnose(World(tmp_path / "tuned", parts=parts | {"weights": "w-child"}).ask("sums", before, after))
    assert kinds(tuned) == ["lost", "parts"] and [f["level"] for f in tuned["findings"]] == ["refuse", "warn"]
    (tmp_path / "well").mkdir()
    well = diagnose(
        World(tmp_path / "well", parts=parts | {"weights": "w-child"}).ask("sums", before, worked(rng, N, share=0.9))
    )
    assert well["findings"] == [] and any(
        "chat template changed" in line and "no answer shows harm" in line for line in well["unproven"]
    )


def test_answers_alone_can_tell_that_nothing_was_learnt(tmp_path: Path, rng: np.random.Generator) -> None:
    found = diagnose(unchanged(tmp_path, rng))
    assert kinds(found) == ["learnt_nothing"] and found["findings"][0]["level"] == "warn"
    assert any(line["what"].startswith("the weights") for line in found["unchecked"])


def test_an_adapter_as_it_was_before_training(
    tmp_path: Path, rng: np.random.Generator, tiny_checkpoint: Path, tiny_adapter: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    blank = shutil.copytree(tiny_adapter, tmp_path / "blank")
    tensors = load_file(blank / "adapter_model.safetensors")
    save_file({n: t * 0 if ".lora_B." in n else t for n, t in tensors.items()}, blank / "adapter_model.safetensors")
    places = {"kind": "adapter", "base": "ba5eba5e", "base_path": str(tiny_checkpoint), "lineage": None}
    found = diagnose(unchanged(tmp_path, rng, path=str(blank), **places))  # its base is its parent, without lineage
    assert kinds(found)[0] == "learnt_nothing" and "B matrices of its adapter are zeros" in found["sentence"]
    trained = weights_change.change(read(tiny_adapter, base=tiny_checkpoint), None)
    assert (
        trained.equal == 0
        and trained.tensors == len(tensors) // 2
        and trained.relative is not None
        and trained.relative > 0.001
    )


def test_the_change_of_the_weights_is_that_of_numpy(tmp_path: Path, tiny_checkpoint: Path, tiny_other: Path) -> None:
    from safetensors.numpy import load_file

    a, b = (load_file(p / "model.safetensors") for p in (tiny_other, tiny_checkpoint))
    exact = float(np.sqrt(sum(((a[n] - b[n]) ** 2).sum() for n in b) / sum((b[n] ** 2).sum() for n in b)))
    whole = weights_change.change(read(tiny_other), read(tiny_checkpoint))
    assert whole.relative == pytest.approx(exact, rel=1e-3) and not whole.sampled and whole.tensors == len(b)
    part = weights_change.change(read(tiny_other), read(tiny_checkpoint), read_bytes=400_000)
    assert part.sampled and part.relative == pytest.approx(exact, rel=0.1)


def test_float32_saves_of_bfloat16_weights_have_learnt_nothing(tmp_path: Path, tiny_checkpoint: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    half = shutil.copytree(tiny_checkpoint, tmp_path / "half")
    weights = load_file(half / "model.safetensors")
    save_file(
        {n: t.to(torch.bfloat16) for n, t in weights.items()}, half / "model.safetensors", metadata={"format": "pt"}
    )
    found = weights_change.change(read(tiny_checkpoint), read(half))  # the child as float32, rounded to the parent's
    assert found.equal == found.tensors and found.relative == 0.0 and found.rounding


@pytest.mark.parametrize("task", ["sums", "lm-eval:sums"])
def test_what_the_lineage_admits(tmp_path: Path, rng: np.random.Generator, task: str) -> None:
    lineage = Lineage(method="grpo", parent="ba5eba5e", trained_on=("number",), data=({"name": "sums/test.jsonl"},))
    before = worked(rng, N)
    world = World(tmp_path, lineage=lineage).ask(task, before, worked(rng, N, flipped(rng, before, 0.1, 0.15)))
    assert sorted(kinds(diagnose(world))) == ["trained_on_metric", "trained_on_test"]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("The answer is 5.\n\nQuestion: Tom has 3 apples.", True),
        ("答案是5。\n问题 2：小明有几个苹果？", True),
        ("The answer is 5.<|im_end|>\n<|im_start|>user", True),
        ("Question: what is 2 + 3?\nThe answer is 5.", False),  # it repeats what it was asked
        ("The question: a hard one.\nIt asks for the user: you.", False),
        ("a\n" * 500_000, False),
        ("\n #" * 300_000, False),
        ("", False),
    ],
)
def test_running_on_is_told_from_repeating_the_question(text: str, runs: bool) -> None:
    assert _run_on.runs_on(text) is runs


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path, rng: np.random.Generator, tiny_checkpoint: Path) -> None:
    broken = shutil.copytree(tiny_checkpoint, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    before = worked(rng, N)
    world = World(tmp_path, path=str(broken), parent={"path": str(tiny_checkpoint)})
    found = diagnose(world.ask("sums", before, worked(rng, N, flipped(rng, before, 0.1, 0.15))))
    assert any("claims a header of" in line["why"] for line in found["unchecked"])
    assert kinds(found) and set(kinds(found)) == {"folder"}  # the doctor's own finding, with its remedy


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_report_reads_from_the_worst_to_the_examples(tmp_path: Path, rng: np.random.Generator) -> None:
    before = worked(rng, N, share=0.7)
    after = [{"text": "So \x1b[31m3.\u202e", "value": 0.0} for _ in before]
    world = World(tmp_path).ask("sums", before, after)
    said = inside(tmp_path, "diagnose", "sft", "--parent", "base", "--store", world.path).stdout
    assert (
        said.startswith("sft: answers became shorter on sums")
        and "\nFAULT  " in said
        and "       → train on targets" in said
    )
    assert said.index("FAULT") < said.index("looked at and fine") < said.index("── sums")
    assert "\x1b" not in said and "\u202e" not in said
    assert "── sums" not in inside(tmp_path, "diagnose", "sft", "--store", world.path, "--no-samples").stdout
    again = [inside(tmp_path, "diagnose", "sft", "--store", world.path, "--json").stdout for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("sft", "--parent", "bose"), 5, "nearest: base"),
        (("base",), 2, "nothing says what base was trained from; pass --parent NAME"),
        (("sft", "--domain", "medqb"), 2, "--domain medqb is no task that both sides have"),
        (("sft", "--tasks", "sums,poems"), 5, "has no run of poems"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, rng: np.random.Generator, arguments: tuple[str, ...], code: int, said: str
) -> None:
    world = World(tmp_path).ask("sums", worked(rng, 20), worked(rng, 20))
    assert said in inside(tmp_path, "diagnose", *arguments, "--store", world.path, ok=code).stderr


def test_a_parent_in_a_file_is_enough(tmp_path: Path, rng: np.random.Generator) -> None:
    """Exported from one store and read beside another, which never saw its run."""
    before = worked(rng, N, share=0.7)
    inside(tmp_path, "export", "base", "--store", World(tmp_path).ask("sums", before, before).path, "-o", "base.json")
    (tmp_path / "bench.db").unlink()
    world = World(tmp_path, parent={"id": "0the70the7", "name": "another"})
    world.ask("sums", before, [{"text": "So 3.", "value": 0.0} for _ in before])
    found = diagnose(world, "--parent", "file:base.json")
    assert kinds(found) == ["short"] and found["parent"] == "base" and found["examples"] == []


def test_a_parent_that_was_never_run_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    world = World(tmp_path, lineage=Lineage(parent="feedfeed")).ask("sums", worked(rng, 20), worked(rng, 20))
    assert (
        "parent is feedfeed, which has no run"
        in inside(tmp_path, "diagnose", "sft", "--store", world.path, ok=2).stderr
    )


# -- real answers ---------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_phi_2_its_sft_and_its_dpo(data: Path, tmp_path: Path) -> None:
    """Published mean lengths 626, 1,068 and 1,687: each longer than the one before, none collapsed."""
    rows: dict[str, dict[str, str]] = {}
    for name in ("phi-2", "phi-2-sft", "phi-2-dpo"):
        with gzip.open(data / "outputs_alpaca_eval" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
            for row in json.load(file):
                rows.setdefault(row["instruction"], {"q": row["instruction"]})[name] = row["output"]
    lines(tmp_path / "a.jsonl", [row for row in rows.values() if len(row) == 4])
    systems = [part for name in ("phi-2", "phi-2-sft", "phi-2-dpo") for part in ("--run", f"{name}={name}")]
    inside(tmp_path, "import", "a.jsonl", "--task", "new:alpaca", "--kind", "text", "--map", "question=q", *systems)
    for parent, child, means in (("phi-2", "phi-2-sft", "628 -> 1,069"), ("phi-2-sft", "phi-2-dpo", "1,069 -> 1,686")):
        found = json.loads(inside(tmp_path, "diagnose", child, "--parent", parent, "--json").stdout)
        assert kinds(found) == ["long"] and means in found["sentence"] and "a change, not a fault" in found["sentence"]


@pytest.mark.data
def test_base_and_chat_models_of_lawbench(data: Path, tmp_path: Path) -> None:
    """Chat tuning raised qwen-7b from 0 to 34 %, published, and brought llama-2 to answer Chinese law in English."""
    folder = data / "outputs_lawbench_jec"
    rows: dict[int, dict[str, str]] = {}
    for line in (folder / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        gold = "".join(re.findall("[A-D]", row["answer"].split("：")[-1]))
        rows[row["id"]] = {"q": f"{row['instruction']}\n{row['question']}", "gold": gold}
    names = ("qwen-7b-hf", "qwen-7b-chat-hf", "llama-2-13b", "llama-2-13b-chat")
    with gzip.open(folder / "predictions.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row["model"] in names:
                rows[row["id"]][row["model"]] = row["prediction"]
    lines(tmp_path / "a.jsonl", list(rows.values()))
    systems = [part for name in names for part in ("--run", f"{name}={name}")]
    inside(
        tmp_path,
        "import",
        "a.jsonl",
        "--task",
        "new:jec",
        "--kind",
        "choice",
        "--map",
        "question=q,gold=gold",
        *systems,
    )

    def between(parent: str, child: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(inside(tmp_path, "diagnose", child, "--parent", parent, "--json").stdout)
        return found

    tuned = between("qwen-7b-hf", "qwen-7b-chat-hf")
    assert tuned["sentence"].startswith("qwen-7b-chat-hf is better: +") and not {
        f["level"] for f in tuned["findings"]
    } & {"refuse"}
    assert kinds(between("qwen-7b-chat-hf", "qwen-7b-hf"))[0] == "empty"
    assert "language" in kinds(between("llama-2-13b", "llama-2-13b-chat"))
