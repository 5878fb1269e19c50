"""Questions to learn from: a task's own train split, worded as `bench run` asks it, never the one that somebody ranks on."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path

import pytest

from harness import dialect, evaluate, plugins
from harness.errors import UserError
from harness.questions import catalogue, load, prompts
from harness.records import Checkpoint, EngineInfo, Lineage, Response
from harness.verdicts import trained
from trainers import questions, selection
from trainers.recipe import Source
from trainers.rows import Row

CHAT = Checkpoint("c", "chat", "full", parts={"template": "t"})
RAW = Checkpoint("r", "raw", "full")
WITH_DATA = [pytest.param(name, marks=pytest.mark.data) for name in ("gsm8k", "ceval", "cmmlu", "mmlu_med")]


def local(name: str, request: pytest.FixtureRequest) -> Path | None:
    return None if name.startswith("demo") else request.getfixturevalue("data")


@functools.cache
def learnt(name: str, data: Path | None) -> tuple[Row, ...]:
    return tuple(questions.read(Source(task=name), data=data))


def said(text: str, source: str = "f.jsonl", number: int = 1, reply: str = "") -> Row:
    return Row(({"role": "user", "content": text},), reply, source, number)


# -- asked as bench run asks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["demo_math", "demo_facts", *WITH_DATA])
def test_a_row_asks_what_bench_run_asks_as_a_chat_and_raw(name: str, request: pytest.FixtureRequest) -> None:
    data = local(name, request)
    rows = learnt(name, data)
    (task,) = catalogue.find([name])
    exam = load.load(task, data, options={"split": task.shots_split})
    for checkpoint, chat in ((CHAT, True), (RAW, False)):
        (job,) = evaluate.plan(
            [checkpoint], [exam], {"shots": 0, "chat": chat}, lambda c: EngineInfo("e", "hf", "", "")
        )
        asked = list(prompts.prompts(exam, job.run.settings, job.samples))
        module = dialect.asker(task)
        assert len(rows) == len(asked) >= 40
        for row, prompt, sample in zip(rows, asked, job.samples, strict=True):
            if chat:
                assert tuple((m["role"], m["content"]) for m in row.messages) == prompt.messages
                assert row.reply.startswith(module.answer(sample.fields).strip())
            else:
                text, reply = questions.raw(row)
                assert text == prompt.text and reply.startswith(module.answer(sample.fields).rstrip())


@pytest.mark.parametrize("name", ["demo_math", "demo_facts", *WITH_DATA])
def test_what_is_learnt_is_right_by_the_grader_of_the_row(name: str, request: pytest.FixtureRequest) -> None:
    rows = learnt(name, local(name, request))
    for row in rows[:: max(1, len(rows) // 100)]:
        assert row.sample and row.scorer
        scorer = plugins.find("harness.scorers", row.scorer)
        assert scorer.score(row.sample, Response("", "", 0, text=row.reply)).value == 1.0, row.reply


@pytest.mark.data
def test_the_dev_questions_of_ceval_are_five_a_subject_with_the_letter_first_and_the_explanation_below(
    data: Path,
) -> None:
    rows = learnt("ceval", data)
    assert len(rows) == 260 and {row.source for row in rows} == {"ceval dev"}
    assert all(row.reply[0] in "ABCD" and row.reply[1:].startswith("\n解析：") for row in rows)
    assert not any("\r" in row.reply for row in rows)
    texts = questions.read(Source(task="ceval:texts"), data=data)  # options aren't listed, nor spoken of by letter
    assert [r.reply for r in texts] == [
        r.sample.choices["ABCD".index(r.sample.target or "")] for r in texts if r.sample
    ]


# -- splits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("demo_math", "test"),
        ("cmath", "dev"),
        ("ceval", "val"),
        ("ceval", "test"),
        ("ceval:test", "test"),
        ("cmb", "val"),
    ],
)
def test_a_split_that_somebody_is_ranked_on_is_refused_with_the_flag_that_lets_it_in(name: str, split: str) -> None:
    source = Source(task=name, split=split)
    with pytest.raises(UserError, match="--train-on-test"):
        questions.read(source)
    (told,) = questions.on_test([source, Source(task="demo_math"), Source(path="x.jsonl")])
    assert told == f"{name.partition(':')[0]} {split}" and questions.held_out(told) and questions.held_out(told + " #2")
    assert trained.on_test(Lineage(data=[{"name": told}]), name) == (told,)


def test_test_questions_are_let_in_by_the_flag_and_named_so() -> None:
    rows = questions.read(Source(task="demo_math", split="test"), train_on_test=True)
    assert len(rows) == 200 and {row.source for row in rows} == {"demo_math test"}
    mine = {row.sample.id for row in learnt("demo_math", None) if row.sample}
    assert len(mine) == 5_000 and not mine & {row.sample.id for row in rows if row.sample}
    assert not questions.on_test([Source(task="demo_math"), Source(task="ceval")])
    assert not questions.held_out("demo_math train") and not questions.held_out("our test.jsonl")


@pytest.mark.parametrize(
    ("name", "split", "why"),
    [
        ("mathcot", "train", "a group; give each of its tasks"),
        ("demo_math", "lessons", "no split 'lessons' here; its splits to learn from: train"),
        ("cmath", "train", "there is none to learn from"),
        ("ceval~circular", "train", "train on ceval itself"),
        ("gsm9k", "train", "nearest: gsm8k"),
    ],
)
def test_what_can_t_be_learnt_from_is_said_in_a_sentence(name: str, split: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        questions.read(Source(task=name, split=split))


CARD = """task: {name}
output_type: generate_until
metadata: {{version: 1, ask: generate, scorer: number, split: test, shots_split: train, languages: [en]}}
"""


@pytest.mark.parametrize(("shared", "kept"), [(10, None), (2, 8)])
def test_a_module_that_gives_its_test_questions_for_every_split_is_found_by_them(
    tmp_path: Path, shared: int, kept: int | None
) -> None:
    name = f"mixed_up_{shared}"
    (tmp_path / f"{name}.yaml").write_text(CARD.format(name=name), "utf-8")
    first = 10 - shared
    (tmp_path / f"{name}.py").write_text(
        "def rows(find, split):\n"
        f"    for i in range(10) if split == 'test' else range({first}, {first} + 10):\n"
        "        yield {'question': f'What is {i} + {i}?', 'answer': str(2 * i), 'language': 'en'}\n", "utf-8"
    )  # fmt: skip
    source = Source(task=str(tmp_path / f"{name}.yaml"))
    if kept is None:
        with pytest.raises(UserError, match="so there is nothing to learn from"):
            questions.read(source)
    else:
        assert [r.sample.target for r in questions.read(source) if r.sample] == [str(2 * i) for i in range(10, 18)]


# -- selection --------------------------------------------------------------------------------------------------------


def test_a_task_s_rows_are_selected_by_the_subject_that_they_name() -> None:
    source = Source(task="demo_math", subjects=("subtraction",), per_subject=7)
    rows = learnt("demo_math", None)
    kept = selection.select(rows, source)
    assert len(kept) == 7 and {row.sample.subject for row in kept if row.sample} == {"subtraction"}
    mixed = random.Random(3).sample(rows, len(rows))
    assert {row.number for row in selection.select(mixed, source)} == {row.number for row in kept}
    both = selection.select(rows, Source(task="demo_math", per_subject=7))
    assert [row for row in both if row in kept] == kept and len(both) == 14
    with pytest.raises(UserError, match="no subject 'substraction'; nearest: subtraction"):
        selection.select(rows, Source(task="demo_math", subjects=("substraction",)))


SUMS = ["奶奶买了12个鸡蛋，又买了30个，一共有多少个鸡蛋？", "Tom had 31 stamps and gave 12 away. How many are left?"]
TALK = [
    "请介绍一下你自己。",
    "写一首关于秋天的诗。",
    "What is the capital of France?",
    "Translate this letter into German.",
]


def test_rows_most_related_to_a_task_s_training_questions_are_kept() -> None:
    rows = [said(text, number=i) for i, text in enumerate([TALK[0], SUMS[0], *TALK[1:3], SUMS[1], TALK[3]])]
    kept = selection.select(rows, Source(path="f.jsonl", like="demo_math", keep=2))
    assert [row.messages[0]["content"] for row in kept] == SUMS
    with pytest.raises(UserError, match="go together"):
        selection.select(rows, Source(path="f.jsonl", like="demo_math"))
    with pytest.raises(UserError, match="there is none to learn from"):  # CMATH has its ranked questions alone
        selection.select(rows, Source(path="f.jsonl", like="cmath", keep=2))


@pytest.mark.data
def test_rows_of_a_file_are_sorted_by_the_nearest_subject_of_ceval(data: Path) -> None:
    about = {
        "clinical_medicine": "患者男，58岁，肝硬化伴腹水，出现发热、腹痛，应首先考虑哪种诊断？如何治疗？",
        "operating_system": "进程调度算法有哪些？虚拟内存的页面置换算法是怎样工作的？",
        "computer_network": "TCP协议的三次握手过程是怎样的？路由器和交换机工作在OSI模型的哪一层？",
        "high_school_chemistry": "向硫酸铜溶液中加入氢氧化钠溶液，反应的离子方程式是什么？",
    }
    rows = [said(text, number=i) for i, text in enumerate(about.values())] + [said("😀", number=9)]
    found = selection.subjects(rows, Source(path="f.jsonl"), data=data)
    assert [place and place.subject for place in found[:3]] == list(about)[:3] and found[-1] is None
    assert "chemistry" in (found[3].subject if found[3] else "")
    kept = selection.select(
        rows, Source(path="f.jsonl", subjects=("临床医学", "operating_system"), per_subject=1), data=data
    )
    assert [row.number for row in kept] == [0, 1]
    with pytest.raises(UserError, match="C-Eval has no subject 'medicine'"):
        selection.select(rows, Source(path="f.jsonl", subjects=("medicine",)), data=data)


@pytest.mark.data
def test_most_questions_come_out_at_their_own_subject(data: Path) -> None:
    """The val questions, whose subjects are known, measure the sorting here; they never take part in it."""
    held = questions.read(Source(task="ceval", split="val"), data=data, train_on_test=True)
    held = [
        row for row in held if row.sample and row.sample.subject in ("law", "physician", "operating_system", "logic")
    ]
    rows = [
        said("\n".join([row.sample.question, *row.sample.choices]), number=row.number) for row in held if row.sample
    ]
    found = selection.subjects(rows, Source(path="f.jsonl"), data=data)
    right = sum(bool(f and r.sample and f.subject == r.sample.subject) for f, r in zip(found, held, strict=True))
    assert right > 0.4 * len(held)  # of 52; by chance 2 %


def test_rows_whose_gold_can_t_be_graded_are_left_out_and_a_file_of_such_rows_is_refused(tmp_path: Path) -> None:
    solved = {"level": "Level 1", "type": "Algebra", "problem": "What is $1+1$?", "solution": "It is $\\boxed{2}$."}
    broken = {**solved, "problem": "What is $2+1$?", "solution": "It is three."}
    (tmp_path / "test.jsonl").write_text(json.dumps({**solved, "problem": "What is $9+9$?"}) + "\n", "utf-8")
    train = tmp_path / "train.jsonl"
    train.write_text(
        "".join(json.dumps(row) + "\n" for row in (solved, {**solved, "problem": "$0+2$?"}, broken)), "utf-8"
    )
    with pytest.warns(UserWarning, match=r"data math train: 1 rows .* left out \(first .*train.jsonl, line 3\)"):
        rows = questions.read(Source(task="math"), data=tmp_path)
    assert [(row.sample.target, row.reply) for row in rows if row.sample] == [("2", "It is $\\boxed{2}$.")] * 2
    train.write_text(json.dumps(broken) + "\n", "utf-8")
    with pytest.raises(UserError, match="has no labels in this copy of split 'train'"):
        questions.read(Source(task="math"), data=tmp_path)
