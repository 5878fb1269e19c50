"""`bench compare` from outside: one sentence, one table, what differs between the two, and what would have to be run."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rank_world import World, pattern

from harness.cli import _compare_samples
from harness.records import Lineage, Outcomes, Settings

RECIPE: dict[str, Any] = {"lora": {"r": 8, "alpha": 16}, "lr": 8e-5}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def two(world: World, task: str, n: int, lost: int, gained: int, **of: Any) -> None:
    """Checkpoints base and med with known flips."""
    for name, values in zip(("base", "med"), pattern(n, lost, gained), strict=True):
        world.run(name, task, values, **of)


def flat(text: str) -> str:
    return " ".join(text.split())


def row(out: str, *heads: str) -> list[str]:
    """The cells of the one table line that begins so."""
    (line,) = [line for line in out.splitlines() if line.split()[: len(heads)] == list(heads)]
    return line.split()


# -- the sentence and the table ---------------------------------------------------------------------------------


def test_one_sentence_over_all_tasks_then_one_table(world: World) -> None:
    two(world, "ceval", 1346, 118, 76)
    two(world, "medical", 300, 28, 20)
    done = world.bench("compare", "base", "med")
    assert done.code == 0, done.err
    assert flat(done.out).startswith(
        "Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); medical not separable, needs about 1,500 more questions. "
        "before: base after: med"
    )
    assert row(done.out, "ceval") == [
        "ceval", "1,346", "51.6", "48.4", "-3.1", "[-4.8,", "-1.4]", "118/76", ".003", "2.9", "worse",
    ]  # fmt: skip
    assert row(done.out, "medical")[-2:] == ["not", "separable"]
    assert "Holm over 2 lines" in done.out
    assert max(map(len, done.out.splitlines())) <= 100


def test_the_questions_said_to_be_needed_find_the_change_eight_times_of_ten(world: World) -> None:
    """The sentence is a promise: with that many more, the same share of flips is certain 80 % of the time."""
    two(world, "medical", 300, 28, 20)
    found = json.loads(world.bench("compare", "base", "med", "--json").out)["changes"][0]
    n = 300 + found["more"]
    rng = np.random.default_rng(0)
    from harness import stats

    flips = rng.multinomial(n, [28 / 300, 20 / 300, 252 / 300], size=400)
    sure = np.mean([stats.mid_p_mcnemar(int(lost), int(gained))[0] <= 0.05 for lost, gained, _ in flips])
    assert 0.74 <= sure <= 0.86


@pytest.mark.parametrize(
    ("flips", "told"),
    [
        (((1346, 76, 118),), "Better: +3.1 points on t0 (90 % interval +1.4 to +4.8)."),
        (
            ((1346, 118, 76), (1346, 60, 120)),
            "Mixed: -3.1 points on t0 (90 % interval -4.8 to -1.4), +4.5 points on t1",
        ),
        (
            ((1346, 118, 76), (500, 60, 20)),
            "Worse: -8.0 points on t1 (90 % interval -11.0 to -5.2); also worse: t0 -3.1.",
        ),
        (((2000, 9, 8),), "The same within a point: -0.1 points on t0 (90 % interval -0.4 to +0.3)."),
        (((100, 5, 5),), "No clear difference: +0.0 points on t0 (90 % interval -5.7 to +5.7), a change below "),
        (((100, 9, 5), (2000, 9, 8)), "No clear difference: t1 the same within a point; t0 not separable, needs"),
    ],
)
def test_the_sentence_says_what_is_sure_and_what_is_not(
    world: World, flips: tuple[tuple[int, int, int], ...], told: str
) -> None:
    for i, (n, lost, gained) in enumerate(flips):
        two(world, f"t{i}", n, lost, gained)
    assert flat(world.bench("compare", "base", "med").out).startswith(told)


def test_ten_comparisons_that_nothing_changed_in_seldom_say_worse(world: World) -> None:
    """Without Holm, four of ten suites of ten tasks would."""
    from harness.verdicts import comparison

    rng = np.random.default_rng(3)
    suites, ids = 0, tuple(f"{i:03}" for i in range(200))
    for _ in range(60):
        pairs = []
        for t in range(10):
            kind = rng.choice(3, 200, p=[0.1, 0.1, 0.8])
            a, b = (
                Outcomes(f"t{t}", "accuracy", "c", {}, ids, tuple((kind == side).astype(float).tolist()))
                for side in (0, 1)
            )
            pairs.append((a, b))
        suites += any(line.verdict in ("worse", "better") for line in comparison.compare_all(pairs))  # type: ignore[union-attr]
    assert suites <= 12  # 5 % either way


def test_several_checkpoints_stand_in_one_table_against_the_first(world: World) -> None:
    base, worse = pattern(400, 60, 20)
    world.run("base", "quiz", base)
    world.run("b", "quiz", worse)
    world.run("c", "quiz", base)
    done = world.bench("compare", "base", "b", "c")
    lines = flat(done.out)
    assert (
        lines.startswith("b: Worse: -10.0 points on quiz")
        and " c: The same within a point: +0.0 points on quiz" in lines
    )
    assert row(done.out, "quiz", "base") == ["quiz", "base", "400", "55.0"]
    assert row(done.out, "b", "400")[-1] == "worse" and row(done.out, "c", "400")[-1] == "alike"
    assert done.out.count("How these were trained is not recorded, so no cause is known") == 1
    found = json.loads(world.bench("compare", "base", "b", "c", "--json").out)
    assert [c["name"] for c in found["changes"]] == ["b", "c"] and set(found["sentences"]) == {"b", "c"}


def test_a_change_of_format_is_told_with_the_change_of_score(world: World) -> None:
    right, wrong = [1.0] * 60 + [0.0] * 140, [0.0] * 200
    world.run("base", "quiz", wrong, outcome="unparsed")
    world.run("chat", "quiz", right)
    done = world.bench("compare", "base", "chat")
    assert ", while unread answers fell from 100.0 to 0.0 %." in flat(done.out)
    assert "quiz: unparsed 100.0 -> 0.0 %" in done.out
    back = flat(world.bench("compare", "chat", "base").out)
    assert "while unread answers rose from 0.0 to 100.0 %" in back


def test_answers_that_became_short_are_told(world: World) -> None:
    base, after = pattern(100, 5, 5)
    world.run("base", "quiz", base, tokens=62)
    world.run("med", "quiz", after, tokens=12)
    world.run("like", "quiz", after, tokens=60)
    assert "quiz: answers 0.19x as long" in world.bench("compare", "base", "med").out
    assert "as long" not in world.bench("compare", "base", "like").out


def test_where_it_moved_names_only_subjects_that_are_sure(world: World) -> None:
    subjects = tuple(f"s{i}" for i in range(8))
    base = [1.0] * 800
    after = [0.0 if i % 8 == 3 and i < 400 else 1.0 for i in range(800)]
    world.run("base", "quiz", base, subjects=subjects, average="macro")
    world.run("med", "quiz", after, subjects=subjects, average="macro")
    out = world.bench("compare", "base", "med").out
    assert "quiz: where it moved: 1 of 8 subjects moved (q at most 0.10); to look at, never judged" in flat(out)
    assert row(out, "s3")[:5] == ["s3", "100", "100.0", "50.0", "-50.0"]


# -- what differs -------------------------------------------------------------------------------------------------


def trained(seed: int = 0, r: int = 8, steps: int = 400) -> Lineage:
    recipe = {**RECIPE, "lora": {"r": r, "alpha": 16}}
    return Lineage(method="lora", recipe=recipe, parent="ba5e", seed=seed, steps=steps)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (trained(), trained(r=16), "These two differ in 1 setting (LoRA rank 8 -> 16) (controlled)"),
        (trained(), trained(r=16, steps=300), "optimiser steps 400 -> 300): the effect can't be attributed"),
        (trained(), trained(seed=1), "These two differ in none but the seed (0 -> 1) (replicate)"),
        (None, trained(), "How base was trained is not recorded, so the cause is not known"),
    ],
)
def test_the_audit_stands_under_the_table(world: World, before: Lineage | None, after: Lineage, told: str) -> None:
    values, other = pattern(100, 9, 5)
    world.run("base", "quiz", values, lineage=before)
    world.run("med", "quiz", other, lineage=after)
    assert told in flat(world.bench("compare", "base", "med").out)


def test_three_training_seeds_speak_for_the_recipe(world: World) -> None:
    rng = np.random.default_rng(5)
    hard = rng.random(240)
    for r, level in ((8, 0.6), (16, 0.5)):
        for seed in range(3):
            share = np.clip(level + 0.3 * (0.5 - hard) + 0.02 * seed, 0, 1)
            values = (rng.random(240) < share).astype(float).tolist()
            world.run(f"r{r}-s{seed}", "quiz", values, lineage=trained(seed, r))
    out = flat(world.bench("compare", "r8-s0", "r16-s0").out)
    told = re.search(r"this recipe: (-\d+\.\d) points on quiz \(90 % interval (-\d+\.\d) to (-\d+\.\d)\)", out)
    assert told, out
    change, low, high = map(float, told.groups())
    assert low < -10 < high and low < change < high
    assert "3 training seeds against 3; seeds alone move a score by " in out
    found = json.loads(world.bench("compare", "r8-s0", "r16-s0", "--json").out)["recipes"][0]
    assert found["seeds"] == [3, 3] and found["n"] == 240
    world.run("r16-s3", "quiz", [1.0] * 240, lineage=trained(3, r=32))  # another recipe: not among the seeds
    assert json.loads(world.bench("compare", "r8-s0", "r16-s0", "--json").out)["recipes"][0] == found


def test_two_seeds_are_too_few_to_speak_for_a_recipe(world: World) -> None:
    for name, seed in (("a0", 0), ("a1", 1), ("b0", 0), ("b1", 1)):
        world.run(name, "quiz", pattern(100, 9, 5)[seed], lineage=trained(seed, r=8 if name[0] == "a" else 16))
    assert "this recipe" not in world.bench("compare", "a0", "b0").out


# -- what is missing ---------------------------------------------------------------------------------------------


def test_what_only_one_side_has_is_told_with_its_line(world: World) -> None:
    two(world, "quiz", 100, 9, 5)
    world.run("base", "other", [1.0] * 10, Settings(chat=True, max_tokens=64), expected=10)
    done = world.bench("compare", "base", "med")
    assert done.code == 0
    line = (
        f"other was run on base only; `bench run --model {world.folder / 'med'} --tasks other --chat-template on "
        f"--max-tokens 64 --store {world.store}` runs it, or --run"
    )
    assert line in flat(done.out)
    asked = world.bench("compare", "base", "med", "--tasks", "quiz,other")
    assert asked.code == 5 and "other was run on base only" in asked.err and "No clear difference" in asked.out
    nothing = world.bench("compare", "base", "med", "--tasks", "nosuch")
    assert (nothing.code, nothing.out) == (5, "")


def test_of_a_group_what_nobody_was_asked_is_no_error(world: World) -> None:
    """`demo` holds demo_math and demo_facts; data of one member may be elsewhere."""
    two(world, "demo_math", 100, 9, 5)
    done = world.bench("compare", "base", "med", "--tasks", "demo")
    assert done.code == 0 and "demo_facts was run on neither base nor med" in done.out
    assert world.bench("pick", "base", "med", "--on", "demo").code == 0
    assert world.bench("compare", "base", "med", "--tasks", "demo_math,demo_facts").code == 5


def test_answers_without_golds_are_sent_to_diagnose(world: World) -> None:
    """Two whole runs of a task without golds were told to finish the baseline's run first."""
    source = world.folder / "chat.jsonl"
    rows = [{"q": f"Say {i}", "a": f"{i} it is.", "b": f"It is {i}."} for i in range(12)]
    source.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    runs = ("--run", "a=a", "--run", "b=b")
    assert world.bench("import", source, "--task", "new:talk", "--kind", "text", "--map", "question=q", *runs).code == 0
    told = world.bench("compare", "a", "b")
    assert told.code == 5 and "neither side has a scored answer" in told.err and "bench diagnose" in told.err


def test_a_folder_that_was_never_run_is_told_with_the_line_that_runs_it(world: World) -> None:
    world.run("base", "quiz", [1.0] * 10)
    (world.folder / "never").mkdir()
    done = world.bench("compare", "base", world.folder / "never")
    assert (done.code, done.out) == (5, "")
    assert f"nothing that lies there was run: `bench run --model {world.folder / 'never'} --tasks T,…`" in done.err


# -- samples -----------------------------------------------------------------------------------------------------


def test_lost_and_gained_show_both_answers_and_what_was_read(world: World) -> None:
    values, other = pattern(40, 3, 2)
    texts = [f"first {i + 1},\x1b[2J then so it is {i}" for i in range(40)]
    world.run("base", "quiz", values, texts=texts)
    world.run("med", "quiz", other, texts=[f"The answer is {i}. Next: {i}0" for i in range(40)])
    done = world.bench("compare", "base", "med", "--lost", "-n", "2")
    assert "quiz: 3 lost" in done.out and "gained" not in done.out.partition("quiz: 3 lost")[2]
    assert done.out.count("── ") == 2
    assert "before [correct, read '0' by last number]\nfirst 1,�[2J then so it is ⟦0⟧" in done.out
    assert "after [wrong, read '0' by last number]\nThe answer is ⟦0⟧. Next: 00" in done.out
    assert "\x1b" not in done.out
    found = json.loads(world.bench("compare", "base", "med", "--lost", "--gained", "--json").out)
    assert [(part["kind"], part["n"]) for part in found["samples"]] == [("lost", 3), ("gained", 2)]
    assert found["samples"][0]["questions"][0]["after"][0]["text"] == "The answer is 0. Next: 00"


@pytest.mark.parametrize(
    ("text", "read", "marked"),
    [
        ("A is wrong, so B", "B", "A is wrong, so ⟦B⟧"),
        ("答案：C。下一题 C 选项", "C", "答案：⟦C⟧。下一题 C 选项"),
        ("18 and 81", "8", "18 and 81"),
        ("it costs $1,234", "1234", "it costs $⟦1,234⟧"),
        ("AND B", "A", "AND B"),
        ("again\nagain\nagain\nso 7", "7", "again (×3)\nso ⟦7⟧"),
        ("7\n\n\n\n\nend", "7", "⟦7⟧\n(… 4 empty lines)\nend"),
        ("", None, "(empty)"),
    ],
)
def test_the_extracted_span_is_marked(text: str, read: str | None, marked: str) -> None:
    found = _compare_samples.marked({"text": text, "answer": read, "logprobs": None, "error": None})
    assert found == marked


def test_long_and_hostile_answers_are_cut_around_what_was_read() -> None:
    text = "x" * 5_000 + " answer: 42 " + "y" * 5_000
    shown = _compare_samples.marked({"text": text, "answer": "42", "logprobs": None, "error": None})
    assert "⟦42⟧" in shown and len(shown) < 1_000
    row = {"text": "1" * 1_000_000, "answer": "1", "logprobs": None, "error": None}
    assert len(_compare_samples.marked(row)) < 1_000
    options = {"text": "", "answer": "B", "logprobs": [-1.5, -0.25], "error": None}
    assert _compare_samples.marked(options) == "A -1.500  ⟦B -0.250⟧"


# -- real answers ------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_the_published_verdicts_of_two_gsm8k_systems_are_compared(data: Path, world: World) -> None:
    source = data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"
    with gzip.open(source, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    old, new = (np.array([row[name]["is_correct"] for row in rows]) for name in ("6b_finetuning", "6b_verification"))
    runs = [w for name in ("6b_finetuning", "6b_verification") for w in ("--run", f"{name}={name}.solution")]
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question")
    assert world.bench("import", source, *how, *runs).code == 0
    done = world.bench("compare", "6b_finetuning", "6b_verification")
    assert done.out.startswith("Better: +17.4 points on gsm8k (90 % interval +15.2 to +19.6).")
    assert row(done.out, "gsm8k")[1] == "1,319"
    assert row(done.out, "gsm8k")[7] == f"{int((old & ~new).sum())}/{int((new & ~old).sum())}"


@pytest.mark.data
def test_a_base_model_that_only_lacks_the_format_is_told_from_one_that_lacks_knowledge(
    data: Path, world: World
) -> None:
    folder = data / "outputs_lawbench_jec"
    golds = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    said: dict[str, dict[int, str]] = {"internlm-7b-hf": {}, "internlm-chat-7b-hf": {}}
    with gzip.open(folder / "predictions.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            answer = json.loads(line)
            if answer["model"] in said:
                said[answer["model"]][answer["id"]] = answer["prediction"]
    rows = [
        {"q": g["question"], "gold": re.search("[A-D]", g["answer"])[0], **{m: a[g["id"]] for m, a in said.items()}}  # type: ignore[index]
        for g in golds
    ]
    source = world.folder / "law.jsonl"
    source.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")
    runs = ("--run", "base=internlm-7b-hf", "--run", "chat=internlm-chat-7b-hf")
    how = ("--task", "new:law", "--kind", "choice", "--map", "question=q,gold=gold")
    assert world.bench("import", source, *how, *runs).code == 0
    told = flat(world.bench("compare", "base", "chat").out)
    assert told.startswith("Better: +32.0 points on law") and "while unread answers fell from 76.6 to 0.0 %" in told


def test_questions_more_are_not_rounded_up_for_a_binary_fraction(world: World) -> None:
    """1 / sum of (1 / 500)² is not 500 in floats; 1,600.000000000001 questions more are 1,600 and not 1,700."""
    two(world, "quiz", 500, 6, 11)
    assert "needs about 1,600 more questions" in flat(world.bench("compare", "base", "med").out)
