"""Where the extracted answer stands, held against the real scorers: what is marked must be what they read."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from span_oracle import confirmed, read

from harness.records import Sample
from harness.scorers import before_next_question
from harness.spans import locate

CASES = Path(__file__).parent / "cases"


def marked(text: str, answer: str, rule: str) -> str | None:
    """The reply with ⟦⟧ around the place; None where there is none."""
    span = locate(text, answer, rule)
    return None if span is None else f"{text[: span[0]]}⟦{text[span[0] : span[1]]}⟧{text[span[1] :]}"


def sample(target: str | None, question: str = "", choices: tuple[str, ...] = ()) -> Sample:
    return Sample("s", 0, question, choices, target)


@pytest.mark.parametrize(
    ("answer", "rule", "expected"),
    [
        ("B", "cue", "A 项错误。故选：⟦B⟧。"),
        ("B", "cue", "不选A，答案是 **⟦B⟧**，不是 A。"),
        ("B", "cue", "The answer is (⟦B⟧) because B cells divide."),
        ("A", "cue", "A patient is ill. The answer is ⟦A⟧. A rest helps."),
        ("A", "cue", "[正确答案]⟦A⟧<eoa>。下列说法不正确的是:\nA:甲;B:乙;C:丙。"),
        ("AC", "cue", "A、B、D 错。正确答案是⟦A、C⟧。"),
        ("B", "cue", "答案：⟦Ｂ⟧"),
        ("B", "cue", "answer: (⟦b⟧)"),
        ("C", "boxed", r"选 B？不，\boxed{B} 有误，应为 \boxed{\text{⟦C⟧}}。"),
        ("D", "bare", "⟦D⟧. 肺\n因为肺主气。"),
        ("B", "json", '{"why": "A is wrong", "answer": "⟦B⟧"}'),
        ("C", "last_letter", "A 错，B 也错 ⟦C⟧<eoa>"),
        ("18", "cue", "9*2=<<9*2=18>>18\n#### ⟦18⟧"),
        ("18", "cue", "#### ⟦18⟧\n\nQuestion: 20-2=?\n#### 18"),
        ("18元", "cue", "一共18元吗？3+15=18元。\n答：⟦１８元⟧"),
        ("18", "last_number", "It costs 9.18 and 180.\nThat makes 12+6=⟦18⟧ dollars.\nDo you want 18?"),
        (r"\frac{1}{2}", "boxed", r"So $\frac{1}{2}$: $\boxed{⟦\frac{1}{2}⟧}$"),
        ("18", "boxed", r"<think>\boxed{18}?</think> \boxed{ ⟦18⟧ }"),
        ("1,200", "field", '{"steps": "1,200", "answer": "⟦1,200⟧"}'),
        ("yes", "opening", "⟦是的⟧，两者有关，不过不是因果。"),
        ("no", "cue", "Yes. Wait, so the answer is ⟦no⟧."),
        ("18", "exact_match,strict-match", "18 eggs\n#### ⟦18⟧\n#### 19"),
        ("18", "exact_match,flexible-extract", "18 eggs\n#### ⟦18⟧"),
        ("B", "exact_match,get_response", "I choose (⟦B⟧)"),
    ],
)
def test_the_answer_is_marked_where_the_rule_read_it(answer: str, rule: str, expected: str) -> None:
    text = expected.replace("⟦", "").replace("⟧", "")
    assert marked(text, answer, rule) == expected


@pytest.mark.parametrize(
    ("text", "answer", "rule"),
    [
        ("首选铁剂。", "B", "option_text"),  # the letter isn't said
        ("①③正确", "B", "combination"),
        ("以上都对", "ABCD", "all"),
        ("肝 B 肾", "B", "argmax"),
        ("答案是A：甲和D：丁。", "AD", "cue"),  # not together
        ("B is right and B it is", "B", "one_letter"),  # either
        ("A: 甲\nB: 乙", "A", "bare"),  # the options typed again
        ("Eighteen.", "18", "cue"),
        ("118 and 18.5", "18", "last_number"),  # parts of other numbers
        ("a reply", "a reply", "exact_match,none"),  # all of it
        ("答案是2", None, "cue"),
        ("", "B", "cue"),
        ("答案是B", "B", "a rule of somebody's plugin"),
    ],
)
def test_no_place_is_named_where_none_is_sure(text: str, answer: str | None, rule: str) -> None:
    assert locate(text, answer, rule) is None


@pytest.mark.parametrize("scorer", ["choice", "number", "yesno"])
def test_in_every_case_of_the_tables_the_marked_place_is_the_one_that_counts(scorer: str) -> None:
    located = answered = 0
    for line in (CASES / f"{scorer}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        asked = sample(case["target"], case["question"], tuple(case.get("choices", ())))
        answer, rule = read(scorer, asked, case["text"])
        span = locate(case["text"], answer, rule)
        answered += answer is not None
        located += span is not None
        assert span is None or confirmed(scorer, asked, case["text"], span), (case["text"], answer, rule, span)
    assert located >= 0.75 * answered


def gunzip(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def law(data: Path) -> Iterator[tuple[str, Sample, str]]:
    folder = data / "outputs_lawbench_jec"
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    asked = {r["id"]: sample(re.findall("[A-D]", r["answer"])[0], f"{r['instruction']}\n{r['question']}") for r in rows}
    for at, row in enumerate(gunzip(folder / "predictions.jsonl.gz")):
        if at % 25 == 0:
            yield "choice", asked[row["id"]], row["prediction"]


def medical(data: Path) -> Iterator[tuple[str, Sample, str]]:
    for path in sorted((data / "outputs_pulse_medqa" / "predicted").iterdir()):
        for at, row in enumerate(gunzip(path)):
            if at % 5 == 0:
                options = tuple(re.findall(r"^[A-E][：:](.*)$", row["question"], re.MULTILINE))
                yield "choice", sample("A", row["question"], options), row["predict_answer"] or ""


def sums(data: Path) -> Iterator[tuple[str, Sample, str]]:
    for at, row in enumerate(gunzip(data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz")):
        if at % 5 == 0:
            yield "number", sample("18", row["question"]), row["175b_verification"]["solution"]
    for at, row in enumerate(gunzip(data / "outputs_tora_gsm8k" / "tora-70b-v1.0.jsonl.gz")):
        if at % 5 == 0:
            yield "number", sample(row["gt"], row["question"]), row["code"][0]
    for run in ("few_shot_Llama-2-7b-hf", "zero_shot_Mistral-7B-v0.1"):
        rows = json.loads(gzip.decompress((data / "outputs_eval_gsm8k_base" / f"{run}.json.gz").read_bytes()))[:-1]
        for row in rows[::8]:
            yield "number", sample(row["extracted_gold_answer"], row["question"]), row["model_answers_text"][0]


@pytest.mark.data
@pytest.mark.parametrize(("rows", "least"), [(law, 0.94), (medical, 0.75), (sums, 0.98)])
def test_of_real_replies_most_answers_are_found_and_nearly_all_rightly(data: Path, rows: Any, least: float) -> None:
    """The whole of the data, rule by rule: tests/benchmarks/spans.py. Of the medical ones an eighth say the option's text only."""
    found, answered = [], 0
    for scorer, asked, text in rows(data):
        answer, rule = read(scorer, asked, text)
        span = locate(text, answer, rule)
        answered += answer is not None
        if span:
            found.append(confirmed(scorer, asked, text, span))
    assert answered >= 200
    assert len(found) >= least * answered
    assert sum(one is not None for one in found) >= 0.99 * len(found)


@pytest.mark.parametrize(
    "mark",
    ["Question: 1", "\nQ: 1", "题目：一", "Problem 3: x", "### 问题：x", "User: x", "Human: x", "<|im_end|>", "</s>", "<eoa>",
     "<human>:", "以下是中国的选择题", "请你回答下面的问题：\n", "例题 2：x", "用户：x", "Instruction: x", "Exercise 1. x"],
)  # fmt: skip
def test_a_next_question_s_answer_is_never_marked(mark: str) -> None:
    text = f"#### 18\n\n{mark}\n#### 18"
    assert before_next_question(text) != text
    assert locate(text, "18", "cue") == (5, 7)


@pytest.mark.parametrize("piece", ["A ", "A:B:", "答案:A", "18 ", "\\boxed{", "<<18", "```18", "so 18", "\n\n", "是"])
def test_a_megabyte_of_anything_comes_to_an_end(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    for rule, answer in (
        ("cue", "A"),
        ("cue", "18"),
        ("boxed", "A"),
        ("bare", "AC"),
        ("last_number", "18"),
        ("opening", "是"),
    ):
        span = locate(text, answer, rule)
        assert span is None or 0 <= span[0] < span[1] <= len(text)
