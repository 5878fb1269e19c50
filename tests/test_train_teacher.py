"""A teacher's answers: asked through a real server and a real checkpoint, graded, the best one kept, nothing asked twice."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_server import Ask, Reply, Stub, chat_answer, error, json_reply

from harness import evaluate
from harness.errors import UserError
from harness.questions import prompts
from harness.records import Checkpoint, EngineInfo, Sample
from harness.store import read as stored
from harness.store.open import open_store
from trainers import _teacher_paraphrase as wording
from trainers import questions, teacher
from trainers._teacher_choice import Answer, best
from trainers._teacher_exam import lessons
from trainers.recipe import Source, Teacher
from trainers.rows import Row

Script = Callable[[Ask], Reply | None]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_API_KEY", "a key")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@functools.cache
def problems() -> tuple[Row, ...]:
    return tuple(questions.read(Source(task="demo_math")))


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Stub]]:
    stubs: list[Stub] = []

    def start(script: Script) -> Stub:
        stubs.append(Stub(script))
        return stubs[-1]

    yield start
    for stub in stubs:
        stub.close()


def answers(said: Callable[[str, int], str]) -> Script:
    """A server that says `said(question, how often it was asked before)`; "" is a server that refuses the key."""
    asked: Counter[str] = Counter()

    def script(ask: Ask) -> Reply | None:
        text = said(ask.question, asked[ask.question])
        asked[ask.question] += 1
        return json_reply(chat_answer(text)) if text else error(401, "no such key")

    return script


def solution(question: str) -> str:
    return next(row.reply for row in problems() if row.sample and row.sample.question == question)


def at(stub: Stub, **more: Any) -> Teacher:
    return Teacher(endpoint=stub.url, served_model="m", **{"samples": 2, **more})


def ask(asked: Teacher, rows: Sequence[Row], folder: Path) -> tuple[teacher.Taught, list[str]]:
    told: list[str] = []
    return teacher.ask(asked, rows, folder=folder, out=folder / "made" / "pupil", said=told.append), told


def row(question: str, target: str | None = None, scorer: str | None = "number", number: int = 1, **more: Any) -> Row:
    sample = Sample(f"s{number}", number, question, target=target, language="en", **more) if scorer else None
    return Row(
        ({"role": "user", "content": question},), "", "mine.jsonl", number, language="en", sample=sample, scorer=scorer
    )


# -- the answer that is taken -----------------------------------------------------------------------------------------

SHORT = "Write 37+25. Ones 7+5=12, carry 1. Tens 3+2+1=6. Answer \\boxed{62}"
LONG = SHORT.replace("Answer", "So " * 90 + "it is clear what the sum of these two numbers has to be. Answer")
BARE = " Answer \\boxed{62}"
FAULTY = "Write 37+25. Ones 7+5=13, carry 1. Tens 3+2+1=6. Answer \\boxed{62}"
CHINESE = "列式37+25。个位7+5=12，进1。十位3+2+1=6。所以两个数加起来的和就是六十二。答案\\boxed{62}"
SUM = row("Anna has 37 apples and buys 25 more. How many apples now?", "62")


def given(*texts: str, value: float | None = 1.0, **more: Any) -> list[Answer]:
    return [Answer(text, i, value=value, **more) for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("texts", "taken"),
    [
        ([BARE, LONG, SHORT], SHORT),
        ([BARE, BARE, LONG], LONG),
        ([FAULTY, LONG], LONG),
        ([FAULTY], FAULTY),  # right after all, and the checker of sums may err
        ([CHINESE, SHORT], SHORT),
    ],
)
def test_the_shortest_is_taken_that_shows_its_steps_in_the_question_s_language(texts: list[str], taken: str) -> None:
    found = best(SUM, given(*texts)).answer
    assert found and found.text == taken


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (given(BARE, BARE), "bare"),
        (given(CHINESE), "language"),
        (given(SHORT, value=0.0), "unsolved"),
        (given(SHORT, ended=False) + given(""), "cut"),
    ],
)
def test_why_a_question_is_left_without_an_answer(texts: list[Answer], why: str) -> None:
    assert best(SUM, texts).answer is None and best(SUM, texts).why == why


def test_without_a_gold_more_than_half_of_the_answers_must_agree_or_nothing_is_asked_for() -> None:
    open_ = row("Anna has 37 apples and buys 25 more. How many apples now?")
    agreed = given(SHORT, LONG, value=None, answer="62") + given("It is 61, I think.", value=None, answer="61")
    found = best(open_, agreed).answer
    assert found and found.text == SHORT
    split = given(SHORT, value=None, answer="62") + given(SHORT, value=None, answer="61")
    assert best(open_, split).why == "disagreed" and best(open_, split, "all").answer
    talk = row("Tell me about the sea.", scorer=None)
    said = given("It is wide.", "It is wide and deep and full of fish.", value=None)
    assert best(talk, said).why == "unverifiable" and best(talk, said, "all").answer
    letter = row("Which?", "B", "choice", choices=("a", "b"))
    assert best(letter, given("B")).answer  # what asks for a letter may be answered by one


# -- a server ---------------------------------------------------------------------------------------------------------


def test_right_answers_are_taught_and_a_second_time_nothing_is_asked(
    serve: Callable[[Script], Stub], tmp_path: Path
) -> None:
    rows = problems()[:6]
    never = rows[2].messages[0]["content"]

    def said(question: str, number: int) -> str:
        wrong = question == never or number == 0  # the first answer to each is wrong, that question's always
        return "\\boxed{7}" if wrong else "<think>carry?</think>" + solution(question)

    stub = serve(answers(said))
    taught, told = ask(at(stub), rows, tmp_path)
    assert [r.number for r in taught.rows] == [1, 2, 4, 5, 6]
    assert all(r.reply == solution(r.messages[0]["content"]) for r in taught.rows)
    assert (taught.counts["questions"], taught.counts["answers"], taught.counts["right"]) == (6, 12, 5)
    assert taught.counts["left out: unsolved"] == 1 and taught.teacher == f"{stub.url} m"
    assert any("5 of 6 questions have an answer to learn from (83.3 %)" in line for line in told)
    assert len(stub.questions()) == 12

    again, _ = ask(at(stub), rows, tmp_path)
    assert again.rows == taught.rows and len(stub.questions()) == 12
    more, _ = ask(at(stub), problems()[3:8], tmp_path)  # another slice: two questions are new
    assert [r.number for r in more.rows] == [4, 5, 6, 7, 8] and len(stub.questions()) == 16
    ask(at(stub, temperature=0.2), rows[:1], tmp_path)
    assert len(stub.questions()) == 18  # asked otherwise is asked anew
    with open_store(tmp_path / "made" / teacher.STORE, "ro") as store:
        runs = stored.list_runs(store, task="teacher-demo_math-train")
        assert len(runs) == 3 and all(run.status == "done" for run in runs)
        assert stored.outcome_counts(store, runs[-1].id) == {"correct": 5, "wrong": 7}


def test_a_teacher_that_breaks_off_is_asked_for_the_rest(serve: Callable[[Script], Stub], tmp_path: Path) -> None:
    rows, down = problems()[:5], [True]
    last = rows[-1].messages[0]["content"]
    stub = serve(answers(lambda question, number: "" if down[0] and question == last else solution(question)))
    with pytest.raises(UserError):
        ask(at(stub, samples=1), rows, tmp_path)
    asked = set(stub.questions()) - {last}
    assert asked
    down[0] = False
    before = len(stub.questions())
    taught, _ = ask(at(stub, samples=1), rows, tmp_path)
    assert len(taught.rows) == 5
    assert not asked & set(stub.questions()[before:])


def test_the_pupil_s_system_prompt_and_earlier_turns_are_what_the_teacher_reads(
    serve: Callable[[Script], Stub], tmp_path: Path
) -> None:
    stub = serve(answers(lambda question, number: "It is a long story about the sea."))
    turns = (("system", "Be kind."), ("user", "Hello."), ("assistant", "Hi."), ("user", "Tell me a story."))
    talk = Row(tuple({"role": r, "content": c} for r, c in turns), "", "talk.jsonl", 1, language="en")
    plain = Row(({"role": "user", "content": "Tell me a story."},), "", "talk.jsonl", 2, language="en")
    taught, _ = ask(at(stub, samples=1, keep="all"), [talk, plain], tmp_path)
    bodies = [a.body["messages"] for a in stub.asked if "messages" in a.body]
    assert sorted(bodies, key=len) == [list(plain.messages), list(talk.messages)]
    assert [r.messages for r in taught.rows] == [talk.messages, plain.messages]
    with pytest.raises(UserError, match=r'teacher\.keep = "all"'):
        ask(at(stub, samples=1), [talk, plain], tmp_path)


def test_one_question_in_two_system_prompts_is_two_questions(serve: Callable[[Script], Stub], tmp_path: Path) -> None:
    def script(ask: Ask) -> Reply:
        return json_reply(chat_answer(f"Under {ask.body['messages'][0]['content']} the sea is wide."))

    stub = serve(script)
    systems = ("one rule", "another rule")
    rows = [
        Row(
            ({"role": "system", "content": s}, {"role": "user", "content": "The sea?"}), "", "t.jsonl", i, language="en"
        )
        for i, s in enumerate(systems)
    ]
    for _ in range(2):
        taught, _ = ask(at(stub, samples=1, keep="all"), rows, tmp_path)
        assert [r.reply for r in taught.rows] == [f"Under {s} the sea is wide." for s in systems]


def test_a_teacher_without_a_chat_template_reads_the_raw_prompt_of_the_task() -> None:
    base = Checkpoint("b", "base", "base")
    for row in problems()[0], questions.read(Source(task="demo_facts"))[0]:
        (asked,) = lessons([row])
        (job,) = evaluate.plan([base], [asked.exam], {"max_tokens": 9}, lambda c: EngineInfo("e", "hf", "", ""))
        (prompt,) = prompts.prompts(job.exam, job.run.settings, job.samples)
        assert prompt.text == questions.raw(row)[0] and "\n\n问题：" in job.run.settings.stop


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Teacher(), "the teacher is nobody"),
        (Teacher(model="a", endpoint="b"), "names model and endpoint; give one of them"),
        (Teacher(endpoint="http://127.0.0.1:9/v1"), "add teacher.served_model"),
        (Teacher(answers="a.jsonl", paraphrases=1), "needs a teacher that can be asked"),
        (Teacher(answers="a.jsonl"), "is not a file; write the questions with --write-prompts"),
        (Teacher(model="nothing/here/at/all"), "does not exist"),
    ],
)
def test_a_teacher_that_can_t_be_asked_is_said_in_a_sentence(asked: Teacher, why: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(why)):
        ask(asked, problems()[:1], tmp_path)


# -- other wordings ---------------------------------------------------------------------------------------------------


def test_other_wordings_are_kept_where_the_numbers_stay_and_the_answer_is_right(
    serve: Callable[[Script], Stub], tmp_path: Path
) -> None:
    english = [r for r in problems() if r.language == "en"][:3]
    first, second, third = (r.messages[0]["content"] for r in english)
    reworded = {  # of the third none is right
        first: ["Reworded problem: " + first.replace("How many", "Say how many"), first + " There were 99 more."],
        second: [second, "\\boxed{3}"],
        third: ["Please say: " + third, "Kindly say: " + third],
    }

    def said(question: str, number: int) -> str:
        asked = next((q for q in reworded if question.endswith("\n\n" + q)), None)
        if asked:
            return reworded[asked][number]
        wrong = "say: " in question
        return "It is \\boxed{3}, since 1+2=3." if wrong else solution(question.replace("Say how", "How"))

    stub = serve(answers(said))
    taught, told = ask(at(stub, paraphrases=2), english, tmp_path)
    assert [r.number for r in taught.rows] == [r.number for r in [*english, english[0]]]
    new = taught.rows[-1]
    assert new.messages[0]["content"] == first.replace("How many", "Say how many") and new.reply == solution(first)
    assert new.sample and english[0].sample and new.sample.target == english[0].sample.target
    assert (taught.counts["wordings"], taught.counts["wordings kept"]) == (6, 1)
    assert told[-1] == "other wordings: 6 written, 3 keep the question's numbers, 1 answered right"


def test_questions_that_checkpoints_are_ranked_on_are_never_reworded(
    serve: Callable[[Script], Stub], tmp_path: Path
) -> None:
    tested = questions.read(Source(task="demo_math", split="test"), train_on_test=True)[:2]
    stub = serve(
        answers(lambda question, number: next(r.reply for r in tested if r.messages[0]["content"] == question))
    )
    taught, _ = ask(at(stub, samples=1, paraphrases=2), tested, tmp_path)
    assert len(taught.rows) == 2 == len(stub.questions())


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("Anna buys 25 apples more and had 37. How many has she now?", True),
        ("Anna had 37 apples and bought twenty-five more. How many now?", True),
        ("Anna has 37 apples and buys 26 more. How many apples now?", False),
        ("Anna has 37 apples and buys 25 more, 62 in all. How many apples now?", False),
        ("安娜有37个苹果，又买了25个，现在有多少个？", False),
        ("anna has 37 apples, and buys 25 more: how many apples now", False),  # the same words
        ("", False),
    ],
)
def test_a_wording_must_keep_every_number_and_be_one(text: str, usable: bool) -> None:
    assert bool(wording.reworded(SUM, [text]).rows) is usable


# -- a file of answers ------------------------------------------------------------------------------------------------


def jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def test_prompts_go_out_and_answers_come_back_by_id_by_question_and_from_a_batch(tmp_path: Path) -> None:
    rows = problems()[:6]
    out = tmp_path / "prompts.jsonl"
    assert teacher.write_prompts(rows, out, 96) == 6
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [tuple(line["messages"]) for line in lines] == [r.messages for r in rows]
    assert all(line["max_tokens"] == 96 and line["question"] in line["messages"][-1]["content"] for line in lines)
    reply = [r.reply for r in rows]
    choice = {"message": {"content": "<think>hm</think>" + reply[2]}, "finish_reason": "stop"}
    jsonl(tmp_path / "answers.jsonl", [
        {**lines[0], "answer": reply[0]},
        {"question": lines[1]["question"], "answer": ["\\boxed{7}", reply[1]]},
        {"custom_id": lines[2]["id"], "response": {"status_code": 200, "body": {"choices": [choice]}}},
        {"custom_id": lines[3]["id"], "response": None, "error": {"code": "expired"}},
        {"id": lines[4]["id"], "answer": reply[4], "finish_reason": "length"},
        {"id": "of another slice", "answer": "62"},
    ])  # fmt: skip
    taught, told = ask(Teacher(answers="answers.jsonl"), rows, tmp_path)
    assert [(r.number, r.reply) for r in taught.rows] == [(1, reply[0]), (2, reply[1]), (3, reply[2])]
    assert taught.counts["rows of no question"] == 1 and taught.counts["left out: unanswered"] == 2
    assert taught.counts["left out: cut"] == 1 and taught.teacher.startswith("answers.jsonl ")
    assert any("1 rows of the file of answers" in line for line in told)
    jsonl(tmp_path / "answers.jsonl", [{**line, "answer": r} for line, r in zip(lines, reply, strict=True)])
    assert len(ask(Teacher(answers="answers.jsonl"), rows, tmp_path)[0].rows) == 6  # another file, other answers


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"id": "x", "answer": "62"}, "match none of the questions"),
        ({"question": SUM.messages[0]["content"], "answer": 62}, "line 1: 'answer' should be a text"),
        ({"question": SUM.messages[0]["content"], "solution": "62"}, "line 1: no answer; name the field 'answer'"),
        ({"question": SUM.messages[0]["content"], "answer": "It is 61."}, "most of them never solved"),
        ({"question": SUM.messages[0]["content"], "answer": BARE}, "a teacher that shows its steps"),
    ],
)
def test_a_file_that_teaches_nothing_is_said_in_a_sentence(line: dict[str, Any], why: str, tmp_path: Path) -> None:
    jsonl(tmp_path / "answers.jsonl", [line])
    with pytest.raises(UserError, match=re.escape(why)):
        ask(Teacher(answers="answers.jsonl"), [SUM], tmp_path)


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"id": "x", "answer": ' + "[" * 100_000 + "]" * 100_000 + "}\n", "utf-8")
    with pytest.raises(UserError, match="nested too deep"):
        ask(Teacher(answers="answers.jsonl"), [SUM], tmp_path)


# -- a checkpoint -----------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_checkpoint_teaches_through_the_hf_engine(make_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    """Three problems it has learnt by heart, and a fourth with a wrong answer."""
    rows = problems()[:4]
    replies = [r.reply for r in rows[:3]] + ["答案\\boxed{1}"]
    texts = [text for r in rows for text in (r.messages[0]["content"], r.reply)]
    folder = by_heart(
        make_checkpoint("master", texts=texts, num_hidden_layers=1, initializer_range=0.05), rows, replies
    )
    out = tmp_path / "made" / "pupil"
    asked = Teacher(model=folder.name, engine="hf", samples=2, temperature=0.05, max_tokens=120)
    taught = teacher.ask(asked, [replace(r, reply="") for r in rows], folder=folder.parent, out=out).rows
    assert [(r.number, r.reply) for r in taught] == [(i + 1, replies[i]) for i in range(3)]


def by_heart(folder: Path, rows: Sequence[Row], replies: Sequence[str]) -> Path:
    from tinies import learn
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokens = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    heads = [
        tokens(tokens.apply_chat_template(list(r.messages), add_generation_prompt=True, tokenize=False))["input_ids"]
        for r in rows
    ]
    tails = [tokens(reply + "<|im_end|>", add_special_tokens=False)["input_ids"] for reply in replies]
    learn(model, list(zip(heads, tails, strict=True)), rate=1e-2, enough=0.02)
    model.save_pretrained(folder)
    return folder
