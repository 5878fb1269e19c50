"""Benchmark questions in training files: planted ones are found in every dress, clean rows are left alone."""

from __future__ import annotations

import csv
import functools
import gzip
import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import store_world
from click.testing import CliRunner, Result

from harness import contamination
from harness._contamination_rows import Text, TrainingRow, texts
from harness._contamination_tokens import grams, tokens
from harness.cli import cli
from harness.errors import UserError
from harness.files import Row
from harness.records import Exam, Lineage, Sample, Task
from harness.store import overlaps
from harness.store.open import open_store
from harness.store.write import Writer

pytestmark = pytest.mark.filterwarnings("ignore:.*task")  # copies of ours are other than upstream's

# -- our own questions -----------------------------------------------------------------------------------------------

THINGS = ("灯笼", "风筝", "陶罐", "竹篮", "木船", "铜铃", "纸伞", "石磨")
PLACES = ("码头", "集市", "学堂", "渡口", "果园", "驿站", "茶馆", "山寨")
PEOPLE = ("阿福", "小满", "老秦", "秋月", "阿贵", "冬梅", "石头", "巧儿")


CLAUSES = (
    "{who}从{where}挑来{a}只{thing}", "路过{where}时分给{who}{b}只", "夜里又叫老鼠咬坏了{b}只{thing}", "{who}拿{b}只换了一壶酒",
    "第二天{where}涨水冲走{b}只", "{who}说好每只{thing}卖{b}文钱", "邻居{who}送来{a}只旧{thing}当谢礼", "剩下的分装在{b}个木箱里",
    "{where}的掌柜收下{b}只抵房租", "雨停以后{who}在泥里捡回{b}只", "{who}的妹妹偷偷藏起{b}只{thing}", "每{b}只{thing}要用一根麻绳捆好",
)  # fmt: skip
SENTENCES = (
    "{who} keeps {a} {thing} in a shed near the {where}.", "After a storm {who} borrows {b} of them.",
    "A fox runs off with {b} {thing} one night.", "{who} trades {b} {thing} for a sack of flour.",
    "The {where} floods and {b} {thing} float away.", "Each of the {thing} weighs {b} pounds when wet.",
    "Every week {who} repairs {b} broken {thing} by candle light.", "{who} finds {a} more {thing} under the old {where}.",
    "For each customer {who} wraps {b} {thing} in blue paper.", "Nobody at the {where} has counted the {b} painted ones.",
)  # fmt: skip


def told(i: int, clauses: Sequence[str], **words: Sequence[str]) -> list[str]:
    rng = random.Random(i)
    picked = rng.sample(clauses, 4)
    return [
        c.format(a=rng.randint(21, 99), b=rng.randint(2, 19), **{k: rng.choice(v) for k, v in words.items()})
        for c in picked
    ]


def story(i: int) -> Sample:
    question = "，".join(told(i, CLAUSES, who=PEOPLE, thing=THINGS, where=PLACES)) + "，最后还有多少？"
    return Sample(f"s{i}", i, question, target=str(500 + i), language="zh")


def riddle(i: int) -> Sample:
    rng = random.Random(1000 + i)
    who, thing, where = rng.choice(PEOPLE), rng.choice(THINGS), rng.choice(PLACES)
    question = f"{where}第{i + 1}位掌柜{who}最怕{thing}"
    choices = tuple(f"{rng.choice(PLACES)}的{rng.choice(PEOPLE)}{word}" for word in ("丢了", "旧了", "沉了", "响了"))
    return Sample(f"r{i}", i, question, choices, "ABCD"[i % 4], language="zh")


def english(i: int) -> Sample:
    who, where = ("Odile", "Bram", "Ines", "Tove", "Jarek", "Mina"), ("mill", "quay", "chapel", "orchard", "inn")
    thing = ("lanterns", "kettles", "ladders", "barrels", "saddles", "violins")
    question = " ".join(told(i, SENTENCES, who=who, thing=thing, where=where)) + " How many are left?"
    return Sample(f"e{i}", i, question, target=str(500 + i), language="en")


def exam(make: Callable[[int], Sample], n: int = 60, name: str = "own") -> Exam:
    return Exam(f"exam-{name}", "k", Task(name), tuple(make(i) for i in range(n)))


def check(samples: Exam, rows: Iterable[str | Text]) -> contamination.Check:
    made = [TrainingRow(i, i, row if isinstance(row, Text) else Text(row, "")) for i, row in enumerate(rows, 1)]
    return contamination.Questions([samples]).check_rows(iter(made), "own.jsonl")


def levels(samples: Exam, rows: Iterable[str | Text]) -> list[str]:
    return [o.level for o in check(samples, rows).exams[0].overlaps]


# -- how a copy may be dressed ---------------------------------------------------------------------------------------


def lettered(choices: Sequence[str], mark: str = "{}. ") -> str:
    return "".join("\n" + mark.format("ABCDEFGH"[i]) + choice for i, choice in enumerate(choices))


def renumbered(text: str, rng: random.Random) -> str:
    return re.sub(r"\d+", lambda found: str(int(found[0][:6]) + rng.randint(1, 40)), text)


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def shuffled(sample: Sample, rng: random.Random) -> str:
    return sample.question + lettered(
        rng.sample(sample.choices, len(sample.choices)), rng.choice(["{}. ", "{}、", "({}) "])
    )


DRESSES: dict[str, Callable[[Sample, random.Random], str]] = {
    "copy": lambda s, rng: s.question + lettered(s.choices),
    "inside": lambda s, rng: f"请先读题再作答。\n{s.question}{lettered(s.choices)}\n请一步一步思考。",
    "wide": lambda s, rng: wide(s.question.upper() + lettered(s.choices)),
    "spaces": lambda s, rng: re.sub(r"([\u4e00-\u9fff])", r"\1 ", s.question) + "\n\n" + lettered(s.choices, "（{}）"),
    "punctuation": lambda s, rng: re.sub(r"[，。？、,.?](?!\d)", " … ", s.question) + lettered(s.choices),
    "order": shuffled,
    "numbers": lambda s, rng: renumbered(s.question, rng) + lettered(s.choices),
}  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("make", [story, riddle, english], ids=lambda f: f.__name__)
def test_a_planted_copy_is_found_in_every_dress(make: Callable[[int], Sample], dress: str) -> None:
    samples, rng = exam(make), random.Random(1)
    rows = [DRESSES[dress](sample, rng) for sample in samples.samples]
    found = check(samples, [*rows, "一封与题目无关的家书，只谈天气和收成。"])
    got = found.exams[0].overlaps
    assert [o.row for o in got] == [*range(1, 61)]  # each by its own row
    assert {o.level for o in got} == ({"exact"} if dress != "numbers" else {"near"})
    if dress == "numbers":
        assert all(o.renumbered for o in got) or make is not story
    assert set(found.levels) == {*range(1, 61)}  # and the letter home by none


@pytest.mark.parametrize("make", [story, riddle, english], ids=lambda f: f.__name__)
def test_other_questions_of_the_same_kind_are_clean(make: Callable[[int], Sample]) -> None:
    """From the same words and the same mould: only what is specific to a question counts."""
    rows = [make(i).question + lettered(make(i).choices) for i in range(500, 700)]
    assert not {"exact", "near"} & set(levels(exam(make), rows))


def test_half_a_question_is_partial_and_one_with_a_word_put_in_is_near() -> None:
    samples = exam(story, 3)
    first, second, third = (s.question for s in samples.samples)
    half = first[: len(first) // 2 + 4]
    assert levels(samples, [half, second[:20] + "忽然" + second[20:], third[:6]]) == ["partial", "near", "none"]


def test_a_mould_that_many_questions_share_counts_for_nothing() -> None:
    mould = "请阅读下面这道单项选择题并且从四个选项当中选出最恰当的一个答案填入括号之内："
    whole = [replace(s, question=mould + s.question) for s in exam(story).samples]
    samples = replace(exam(story), samples=tuple(whole))
    assert set(levels(samples, [mould, mould + "天上有几颗星星？"])) == {"none"}
    assert levels(samples, [whole[7].question[len(mould) - 13 :]])[7] == "near"  # what is its own is all there
    assert levels(samples, [whole[7].question])[7] == "exact"


def test_a_question_with_its_answer_is_told_from_the_question_alone() -> None:
    samples = replace(exam(story, 4), samples=(*exam(story, 3).samples, replace(riddle(1), position=3)))
    a, b, c, d = samples.samples
    rows = [
        Text(a.question, f"先算一算，所以共有{a.target}只。"), Text(b.question, "我不知道。"),
        Text(c.question, "答案很多：" + "想" * 60 + f"{c.target}" + "。" + "又想" * 60), Text(d.question + lettered(d.choices), "答案：B"),
    ]  # fmt: skip
    found = check(samples, rows).exams[0].overlaps
    assert [o.answered for o in found] == [True, False, False, True]
    assert [o.level for o in found] == ["exact"] * 4
    wrong = check(samples, [Text(d.question + lettered(d.choices), "答案：C")]).exams[0].overlaps[3]
    assert (wrong.level, wrong.answered) == ("exact", False)
    bare = check(samples, [Text(d.question, d.choices[1])]).exams[0].overlaps[3]  # asked openly, without options
    assert (bare.level, bare.answered) == ("near", True)


def test_the_row_that_gives_the_answer_is_the_one_that_is_shown() -> None:
    samples = exam(story, 1)
    one = samples.samples[0]
    found = check(samples, [Text(one.question, ""), Text(one.question, f"共有{one.target}")]).exams[0].overlaps[0]
    assert (found.row, found.answered) == (2, True) and found.shown.startswith(one.question[:20])


def test_grams_never_run_from_one_row_into_the_next() -> None:
    question = story(0).question
    assert levels(exam(story, 1), [question[:22], question[22:]]) != ["exact"]
    cut = [question[i : i + 5] for i in range(0, len(question), 5)]
    assert levels(exam(story, 1), cut) == ["none"]


def test_a_book_is_read_in_pieces_that_lap_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contamination, "PIECE", 1000)
    monkeypatch.setattr(contamination, "LAP", 200)
    samples = exam(story, 5)
    book = "".join("山高水长，舟行其间。" * 77 + sample.question for sample in samples.samples)
    found = check(samples, ["序", book])
    assert {o.level for o in found.exams[0].overlaps} == {"exact"} and set(found.levels) == {2} and found.rows == 2


def test_hostile_text_breaks_nothing() -> None:
    samples = replace(exam(story, 2), samples=(replace(story(0), question="\0\ud800?"), *exam(story, 2).samples[1:]))
    rows = [
        "\0" * 50,
        "\ud83d",
        "",
        "\u202e" + samples.samples[1].question + "\0",
        "😀" * 100,
        "1." * 500,
        ".,,.1,000",
        "．",
    ]
    assert levels(samples, rows) == ["none", "exact"]


def test_tokens_are_what_the_documentation_says() -> None:
    def words(text: str) -> list[int]:
        return [int(word) for word in tokens([text]).words]

    assert words("A．甲、１,000元") == words("a) 甲 1000 元") == words("甲1000元") and len(words("甲1000元")) == 3
    assert len(words("don't 3.14 一千二百 café")) == 5
    assert list(tokens(["有3.5个"]).masked) == list(tokens(["有十二个"]).masked) != list(tokens(["有两三个人"]).masked)
    assert list(tokens(["forty-two hens"]).masked) == list(tokens(["3 11 hens"]).masked)
    both = tokens(["甲乙丙", "", "丁 x"])
    assert both.bounds.tolist() == [0, 3, 3, 5] and both.telling.tolist() == [True] * 4 + [False]
    long = tokens(["天地玄黄宇宙洪荒日月盈昃辰宿列张"]).words
    for n in (1, 4, 6, 10, 13, 16):
        assert len(grams(long, n)) == 17 - n and grams(long[2:], n).tolist() == grams(long, n)[2:].tolist()
    assert len(grams(long, 17)) == 0


# -- training files --------------------------------------------------------------------------------------------------

SHAPES: list[tuple[dict[str, Any], Text]] = [
    ({"instruction": "算", "input": "3+5", "output": "8"}, Text("算\n3+5", "8")),
    ({"instruction": "算", "input": None, "output": 8}, Text("算", "8")),
    ({"instruction": "加一", "input": 7, "output": 8.5}, Text("加一\n7", "8.5")),
    ({"conversations": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}]}, Text("问", "答")),
    ({"messages": [{"role": "system", "content": "你是"}, {"role": "user", "content": [{"type": "text", "text": "问"}]},
                   {"role": "assistant", "content": "答"}]}, Text("你是\n问", "答")),
    ({"question": "问", "options": {"A": "甲", "B": "乙"}, "answer": "A"}, Text("问\n甲\n乙", "A")),
    ({"prompt": "问", "chosen": "好", "rejected": {"role": "assistant", "content": "坏"}}, Text("问", "好\n坏")),
    ({"text": "只有文字"}, Text("只有文字", "")),
    ({"Question": "问", "Answer": "答", "history": [["前问", "前答"]]}, Text("问\n前问\n前答", "答")),
]  # fmt: skip


@pytest.mark.parametrize(("row", "text"), SHAPES)
def test_rows_of_every_shape_are_read(row: dict[str, Any], text: Text) -> None:
    assert texts(Row(row, "f.jsonl", 3)) == text


deep: Any = "x"
for _ in range(40):
    deep = [deep]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"foo": "x", "bar": 1}, "no text to train on"), ({"messages": "x"}, "not a list of turns"),
        ({"messages": ["x"]}, "not a list of turns"), ({"instruction": 3, "output": "x"}, "'instruction' is int 3"),
        ({"text": deep}, "inside each other"), ({}, "fields: none"),
    ],
)  # fmt: skip
def test_a_row_of_no_known_shape_is_refused_by_its_place(row: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=r"f\.jsonl, line 3: .*" + said):
        texts(Row(row, "f.jsonl", 3))


# -- the command -----------------------------------------------------------------------------------------------------

QUESTIONS = [
    {"question": "What is the boiling point of water at sea level in degrees Celsius, measured in a kitchen?", "answer": "100"},
    {"question": "How many minutes does a walker need for three laps of four hundred metres at walking pace?", "answer": "15"},
    {"question": "Which whole number comes directly after nine hundred and ninety-nine when one counts upwards?", "answer": "1000"},
]  # fmt: skip


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A GSM8K of three questions of ours, as upstream ships it."""
    (tmp_path / "gsm8k").mkdir()
    for split in ("test", "train"):
        lines = [json.dumps({"question": q["question"], "answer": f"So.\n#### {q['answer']}"}) for q in QUESTIONS * 3]
        lines = lines[:3] if split == "test" else lines
        (tmp_path / "gsm8k" / f"{split}.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def invoke(*arguments: object, env: str = "en") -> Result:
    return CliRunner(env={"BENCH_LANG": env}).invoke(cli, [*map(str, arguments)], standalone_mode=False)


def contam(own: Path, train: Path, *more: object, env: str = "en") -> Result:
    told = invoke(
        "contam", "--train", train, "--tasks", "gsm8k", "--data", own, "--store", own / "s.db", *more, env=env
    )
    assert told.exception is None, told.output
    return told


def dirty_rows() -> list[dict[str, str]]:
    rows = [
        {"instruction": f"写一句关于第{i}座桥的话", "input": "", "output": f"第{i}座桥,\r又长\u2028又宽"}
        for i in range(9)
    ]
    rows[4] = {"instruction": QUESTIONS[0]["question"].upper(), "input": "", "output": "It is 100"}
    rows[7] = {
        "instruction": "Tell me:",
        "input": QUESTIONS[2]["question"].replace("nine hundred and ninety-nine", "two hundred and sixty-one"),
        "output": "?",
    }
    return rows


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        return
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
    text = json.dumps(rows, ensure_ascii=False, indent=2) if kind == "json" else lines
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def read_rows(path: Path) -> list[dict[str, str]]:
    from harness import files

    return [dict(row) for row in files.rows(path)]


@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t.csv", "t.jsonl.gz", "t.json.gz"])
def test_clean_rows_are_written_as_they_lay(own: Path, name: str) -> None:
    train, rows = own / name, dirty_rows()
    write_rows(train, rows)
    out = own / f"clean{train.name[1:]}"
    told = contam(own, train, "--write-clean", out)
    assert read_rows(out) == [row for i, row in enumerate(rows) if i not in (4, 7)]
    assert "7 rows written, 2 left out." in told.stdout
    if name == "t.jsonl":
        assert set(out.read_bytes().split(b"\n")) <= set(train.read_bytes().split(b"\n"))
    assert not [p for p in own.iterdir() if p.name.endswith(".part")]
    contam(own, train, "--write-clean", out, "--level", "exact")
    assert len(read_rows(out)) == 8


def test_the_sentence_comes_first_and_both_texts_stand_side_by_side(own: Path) -> None:
    train = own / "sft\x1b[31m.jsonl"
    write_rows(train, dirty_rows())
    told = contam(own, train).stdout
    assert told.startswith(
        "2 of 3 questions of gsm8k were found in the 9 rows of sft\ufffd[31m.jsonl: 1 word for word, 1 with"
    )
    assert re.search(r"gsm8k +3 +1 +1 +0 +1 +66\.7 % +1", told)
    assert re.search(r"What is the boiling.*│ WHAT IS THE BOILING", told) and "\x1b" not in told
    chinese = contam(own, train, env="zh").stdout
    assert chinese.startswith("gsm8k 的 3 道题中有 2 道出现在") and max(map(len, told.splitlines()[2:])) <= 100
    clean = own / "clean.jsonl"
    write_rows(clean, dirty_rows()[:4])
    assert contam(own, clean).stdout.startswith(
        "None of the 3 questions of gsm8k was found in the 4 rows of clean.jsonl."
    )


def test_what_programs_read(own: Path) -> None:
    train = own / "t.jsonl"
    write_rows(train, dirty_rows())
    read = json.loads(contam(own, train, "--json").stdout)
    task = read["files"][0]["tasks"][0]
    assert (task["n"], task["exact"], task["near"], task["none"], task["answered"]) == (3, 1, 1, 1, 1)
    assert [(o["position"], o["level"], o["line"]) for o in task["overlaps"]] == [(0, "exact", 5), (2, "near", 8)]
    assert contam(own, train, "--json", env="zh").stdout == contam(own, train, "--json").stdout


def mistake(*arguments: object) -> str:
    told = invoke("contam", *arguments)
    assert isinstance(told.exception, UserError) and told.exception.exit_code == 2, told.output
    return str(told.exception)


def test_mistakes_are_one_sentence_with_the_row(own: Path) -> None:
    train, empty, odd = own / "t.jsonl", own / "empty.jsonl", own / "odd.jsonl"
    write_rows(train, dirty_rows())
    empty.write_text("\n\n")
    odd.write_text('{"text": "x"}\n{"foo": 1}\n')
    more = ("--tasks", "gsm8k", "--data", own, "--store", own / "s.db")
    assert "does not exist" in mistake("--train", own / "no.jsonl", *more)
    assert "is a folder" in mistake("--train", own, *more)
    assert "holds no rows" in mistake("--train", empty, *more)
    assert "odd.jsonl, line 2: no text" in mistake("--train", odd, *more)
    assert "nothing to look for" in mistake("--train", train)
    assert "nothing to look in" in mistake("--tasks", "gsm8k")
    assert "must end in .jsonl" in mistake("--train", train, *more, "--write-clean", own / "x.json")
    assert "the training file itself" in mistake("--train", train, *more, "--write-clean", train)
    assert "one --train file, and 2" in mistake(
        "--train", train, "--train", odd, *more, "--write-clean", own / "x.jsonl"
    )
    assert "no folder" in mistake("--train", train, *more, "--write-clean", own / "none" / "x.jsonl")
    inner = own / "inner.json"
    inner.write_text(json.dumps({"rows": dirty_rows()}))
    assert "is no list of rows" in mistake("--train", inner, *more, "--write-clean", own / "x.json")
    assert not (own / "x.json").exists() and not (own / "x.jsonl").exists()
    with pytest.raises(UserError, match="task own has no questions"):
        contamination.Questions([exam(story, 0)])


# -- the store -------------------------------------------------------------------------------------------------------


def test_a_check_is_kept_and_a_later_one_of_the_file_takes_its_place(tmp_path: Path) -> None:
    samples = exam(story, 6)
    rows = [s.question for s in samples.samples]
    with open_store(tmp_path / "s.db") as store:
        for kept in (rows[:4], rows[:2]):
            contamination.keep(store, replace(check(samples, kept), sha="a" * 16))
        contamination.keep(store, replace(check(samples, [rows[5]]), sha="b" * 16, file="/x/other.jsonl"))
        assert overlaps.levels(store, ["a" * 16]) == {f"s{i}": "exact" if i < 2 else "none" for i in range(6)}
        both = overlaps.levels(store, ["a" * 64, "b" * 16])  # a lineage may hold the whole hash
        assert [both[f"s{i}"] for i in range(6)] == ["exact", "exact", "none", "none", "none", "exact"]
        assert overlaps.levels(store, ["c" * 16]) == {} and overlaps.levels(store, []) == {}
        assert overlaps.train_files(store) == {"a" * 16: "own.jsonl", "b" * 16: "other.jsonl"}
    with sqlite3.connect(tmp_path / "s.db") as plain:
        assert plain.execute("select count(*), sum(answered), max(line) from overlaps").fetchone() == (12, 0, 2)


def world(path: Path, right: Callable[[int], bool], lineage: Lineage | None, sha: str) -> None:
    """quiz with its twelve questions, of which the file holds the first four; a parent that knows every third."""
    with open_store(path) as store, Writer(store) as writer:
        writer.add_exam(store_world.exam())
        writer.add_engine(store_world.ENGINE)
        parent = replace(store_world.CHECKPOINT, id="ba5e", name="base", base=None, lineage=None)
        child = replace(store_world.CHECKPOINT, id="dead", name="leaky", base=None, lineage=lineage)
        for checkpoint, knows in ((parent, lambda i: i % 3 == 0), (child, right)):
            run = replace(store_world.RUN, id=f"run-{checkpoint.id}", checkpoint=checkpoint.id, tags=())
            writer.add_checkpoint(checkpoint)
            writer.start_run(run, store_world.HERE, store_world.ME)
            for i in range(12):
                writer.put(replace(store_world.answer(i), run=run.id))
                writer.put_score(run.id, f"s{i}", 0, store_world.grade(i, float(knows(i))), "key0")
            writer.finish_run(run.id, "done")
        found = [overlaps.Found(f"s{i}", "exact" if i < 4 else "none", 1.0, 9, False, True, i) for i in range(12)]
        overlaps.record(store, sha, "sft.jsonl", 12, store_world.exam(), found)


SHA = "5ea1" * 4


def test_a_checkpoint_is_scored_apart_on_what_it_has_seen(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    seen = Lineage(method="lora", parent="ba5e", data=({"name": "sft", "sha": SHA * 4, "rows": 12},))
    world(store, lambda i: i < 4 or i % 4 == 0, seen, SHA)
    told = invoke("contam", "--checkpoint", "leaky", "--store", store)
    assert told.exception is None and told.stdout.startswith(
        "4 questions of quiz stand in the training files; leaky scores +75.0 points on them against the others (95 % interval "
    )
    rows = re.findall(r"^quiz +(not seen|seen) +(\d+) +([\d.]+) +.*?([+-][\d.]+) +[+-]", told.stdout, re.MULTILINE)
    assert rows == [("not seen", "8", "25.0", "+0.0"), ("seen", "4", "100.0", "+50.0")]
    (read,) = json.loads(invoke("contam", "--checkpoint", "leaky", "--store", store, "--json").stdout)["checkpoint"]
    assert read["parent"] == "base" and read["dirty"]["paired"] == 4 and read["low"] < 0.75 < read["high"]
    assert (
        read["dirty"]["low"] < read["dirty"]["value"] == 1.0
        and read["clean"]["change_low"] < 0 < read["clean"]["change_high"]
    )
    chinese = invoke("contam", "--checkpoint", "leaky", "--store", store, env="zh").stdout
    assert chinese.startswith("quiz 有 4 道题出现在训练文件中；leaky ")


def test_without_a_hash_in_the_lineage_nothing_is_claimed(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    world(store, lambda i: True, Lineage(data=({"name": "sft"},)), SHA)
    said = invoke("contam", "--checkpoint", "leaky", "--store", store).exception
    assert isinstance(said, UserError) and "names no training file by its hash" in str(said)
    with open_store(store) as opened, Writer(opened) as writer:
        child = replace(store_world.CHECKPOINT, id="dead", name="leaky", base=None)
        writer.add_checkpoint(replace(child, lineage=Lineage(data=({"name": "sft", "sha": "f" * 16},))))
    said = invoke("contam", "--checkpoint", "leaky", "--store", store).exception
    assert isinstance(said, UserError) and "has been checked; run `bench contam" in str(said)


def test_a_checkpoint_that_saw_nothing_and_one_that_saw_all(tmp_path: Path) -> None:
    world(tmp_path / "s.db", lambda i: True, Lineage(data=({"name": "sft", "sha": SHA},)), SHA)
    with open_store(tmp_path / "s.db") as store:
        for level, said in (
            ("none", "No question of quiz that leaky was asked"),
            ("exact", "12 questions of quiz stand in the training files, so leaky has too few"),
        ):
            found = [overlaps.Found(f"s{i}", level, 0.0, 0, False, False, None) for i in range(12)]
            overlaps.record(store, SHA, "sft.jsonl", 12, store_world.exam(), found)
            told = invoke("contam", "--checkpoint", "leaky", "--store", store.path).stdout
            assert said in told and "nan" not in told and "–" in told


# -- real questions --------------------------------------------------------------------------------------------------


@functools.cache
def real(data: Path, task: str) -> Exam:
    from harness.questions import catalogue, load

    return load.load(catalogue.find([task])[0], data)


@pytest.mark.parametrize(
    ("task", "dress"),
    [(t, d) for t in ("ceval", "cmath", "gsm8k") for d in ("copy", "wide", "punctuation", "numbers")]
    + [("ceval", "order"), ("ceval", "spaces")],
)
def test_real_questions_are_found_in_every_dress(data: Path, task: str, dress: str) -> None:
    rng, samples = random.Random(7), real(data, task)
    rows = [Text("请作答：" + DRESSES[dress](s, rng), f"答案是{s.target}") for s in samples.samples]
    found = check(samples, rows).exams[0]
    assert len(found.at_least("near")) >= 0.99 * len(samples.samples)
    if dress == "copy":
        assert found.count("exact") == len(samples.samples) and all(o.answered for o in found.overlaps)


@pytest.mark.parametrize(
    ("task", "file", "most"),
    [("gsm8k", "gsm8k/train.jsonl.gz", 0.01), ("cmath", "sft/huatuo_llama_data.jsonl.gz", 0.0),
     ("cmath", "sft/alpaca_zh_demo.json.gz", 0.005), ("ceval", "sft/huatuo_llama_data.jsonl.gz", 0.001),
     ("ceval", "sft/alpaca_zh_demo.json.gz", 0.001), ("gsm8k", "sft/alpaca_en_demo.json.gz", 0.001)],
)  # fmt: skip
def test_clean_files_are_left_alone(data: Path, task: str, file: str, most: float) -> None:
    found = contamination.check(data / file, [real(data, task)])
    one = found.exams[0]
    assert len(one.at_least("partial")) <= most * len(one.overlaps) and len(found.levels) <= 0.01 * found.rows


def test_every_training_file_here_is_read(data: Path) -> None:
    for path in sorted((data / "sft").iterdir()):
        assert contamination.check(path, [exam(story, 2)]).rows > 30
