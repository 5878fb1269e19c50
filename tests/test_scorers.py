"""Scorers against a table of hand-written cases, against the golds themselves, and against published verdicts."""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.records import Response, Sample, Score
from harness.scorers import choice, number, option_texts, options, text

CASES = Path(__file__).parent / "cases"


def sample(target: str | None, question: str = "", choices: tuple[str, ...] = ()) -> Sample:
    return Sample("s", 0, question, choices, target)


def reply(text: str, **more: Any) -> Response:
    return Response("r", "s", 0, text=text, **more)


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text("utf-8").splitlines()]


# -- the table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["choice", "number"])
def test_every_case_of_the_table_comes_out_as_written(name: str) -> None:
    table = cases(name)
    assert len(table) >= 120
    grade = plugins.find("harness.scorers", name).score
    wrong = []
    for case in table:
        asked = sample(case["target"], case.get("question", ""), tuple(case.get("choices", ())))
        got: Score = grade(asked, reply(case["text"], stop=case.get("stop", "end")))
        assert got.rule and got.value == float(got.outcome == "correct")
        if (got.outcome, got.answer) != (case["outcome"], case["answer"]):
            wrong.append((case["text"], case["target"], case["answer"], got))
    assert not wrong


@pytest.mark.parametrize("name", ["choice", "number", "text", "options", "option_texts"])
def test_an_engine_error_is_an_error_and_no_answer(name: str) -> None:
    score = plugins.find("harness.scorers", name).score(
        sample("B"), reply("B", stop="error", error="out of memory")
    )
    assert (score.outcome, score.rule, score.answer) == ("error", "error", None)
    assert score.value == (None if name == "text" else 0.0)


@pytest.mark.parametrize("name", ["choice", "number"])
@pytest.mark.parametrize(
    ("text", "more", "outcome"),
    [
        ("", {}, "empty"),
        ("B 12", {}, "ungraded"),
        ("<think>B 12", {}, "truncated"),
        ("", {"thinking": "B 12", "stop": "length"}, "truncated"),
        ("", {"thinking": "B 12", "thinking_tokens": 9, "output_tokens": 9}, "truncated"),
        ("", {"thinking": "B 12", "thinking_tokens": 8, "output_tokens": 9}, "empty"),
        ("嗯", {"stop": "length"}, "truncated"),
        ("嗯", {}, "unparsed"),
    ],
)
def test_without_a_gold_nothing_has_a_value(name: str, text: str, more: dict[str, Any], outcome: str) -> None:
    score = plugins.find("harness.scorers", name).score(
        sample(None), reply("答案：B" if text == "B 12" and name == "choice" else text, **more)
    )
    assert (score.value, score.outcome) == (None, outcome)


def test_free_text_is_judged_by_its_health_only() -> None:
    assert text.score(sample("a reference"), reply("多喝水，注意休息。")).outcome == "ungraded"
    assert text.score(sample(None), reply("多喝水，注", stop="length")).outcome == "truncated"
    assert text.score(sample(None), reply(" ")).outcome == "empty"
    assert text.score(sample(None), reply("多喝水")).value is None


# -- options by log-probability -----------------------------------------------------------------------------


def test_the_likeliest_option_is_the_answer_and_the_first_of_equals() -> None:
    score = options.score(sample("B"), reply("", logprobs=(-2.0, -0.5, -3.0, -3.0)))
    assert (score.answer, score.value, score.outcome) == ("B", 1.0, "correct")
    weights = [math.exp(x) for x in (-2.0, -0.5, -3.0, -3.0)]
    assert score.detail["probability"] == pytest.approx(weights[1] / sum(weights))
    assert options.score(sample("B"), reply("", logprobs=(-1.0, -1.0, -1.0, -1.0))).answer == "A"


@pytest.mark.parametrize("logprobs", [None, (), (math.nan, -1.0)])
def test_options_without_log_probabilities_are_an_error(logprobs: tuple[float, ...] | None) -> None:
    score = options.score(sample("A"), reply("", logprobs=logprobs))
    assert (score.outcome, score.rule, score.value) == ("error", "no_logprobs", 0.0)


def test_a_certain_option_has_probability_one_and_an_impossible_gold_zero() -> None:
    score = options.score(sample("A"), reply("", logprobs=(-math.inf, 0.0)))
    assert (score.answer, score.detail["probability"]) == ("B", 0.0)


def test_option_texts_are_compared_per_character() -> None:
    asked = sample("B", choices=("肝", "肾上腺皮质"))
    score = option_texts.score(asked, reply("", logprobs=(-6.0, -8.0)))
    assert (score.answer, score.value, score.detail["raw_sum"]) == ("B", 1.0, "A")
    assert option_texts.score(asked, reply("", logprobs=(-6.0,))).rule == "choices_differ"


# -- numbers ------------------------------------------------------------------------------------------------


def test_quick_agrees_with_score_and_leaves_only_formulas_to_the_library() -> None:
    left = []
    for case in cases("number"):
        asked, answer = (
            sample(case["target"], case["question"]),
            reply(case["text"], stop=case.get("stop", "end")),
        )
        verdict = number.quick(asked, answer)
        if verdict is None:
            left.append(case["text"])
        else:
            assert verdict == number.score(asked, answer)
    assert 1 <= len(left) <= 12


@pytest.mark.parametrize(
    "gold",
    [
        "18",
        "1,200",
        "3:4",
        "9:30",
        "12元5角",
        "3 1/2",
        "2……1",
        "1和2",
        "\\frac{\\sqrt{3}}{2}",
        "(1, 2)",
        "x^2+1",
        "5%",
    ],
)
def test_a_gold_that_is_read_back_whole_passes_lint_and_grades_itself(gold: str) -> None:
    assert number.lint(gold) is None
    assert number.score(sample(gold), reply(f"\\boxed{{{gold}}}")).value == 1.0


@pytest.mark.parametrize("gold", ["", "第一象限", "18，见解析", "9^{9^{9^9}}", "1" * 500 + "x"])
def test_lint_names_a_gold_that_would_be_cut_or_not_read(gold: str) -> None:
    assert number.lint(gold)


def test_very_long_numbers_and_formulas_end_quickly() -> None:
    assert number.quick(sample("7"), reply("\\boxed{" + "9" * 3000 + "}")) is not None
    score = number.quick(sample("7"), reply("\\boxed{" + "x+" * 300 + "1}"))
    assert score is not None and (score.outcome, score.rule) == ("unparsed", "refused")
    assert number.quick(sample("7"), reply("答案" * 5000)) is not None


# -- published verdicts on real outputs ---------------------------------------------------------------------


def gunzip(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


@pytest.mark.data
@pytest.mark.parametrize(
    ("system", "right"),
    [("6b_finetuning", 286), ("6b_verification", 515), ("175b_finetuning", 458), ("175b_verification", 742)],
)
def test_every_published_verdict_on_gsm8k_is_ours(data: Path, system: str, right: int) -> None:
    rows = list(gunzip(data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"))
    ours = []
    for row in rows:
        gold = row["ground_truth"].rsplit("A:", 1)[1].strip()
        score = number.quick(sample(gold, row["question"]), reply(row[system]["solution"]))
        assert score is not None
        ours.append(score.value == 1.0)
    assert ours == [row[system]["is_correct"] for row in rows]
    assert (len(ours), sum(ours)) == (1319, right)


@pytest.mark.data
@pytest.mark.parametrize(("model", "published"), [("tora-70b-v1.0", 84.3), ("tora-code-34b-v1.0", 80.7)])
def test_boxed_answers_come_near_the_published_share(data: Path, model: str, published: float) -> None:
    rows = list(gunzip(data / "outputs_tora_gsm8k" / f"{model}.jsonl.gz"))
    right = sum(number.score(sample(r["gt"], r["question"]), reply(r["code"][0])).value or 0.0 for r in rows)
    assert len(rows) == 1319
    assert 100 * right / len(rows) == pytest.approx(published, abs=0.5)


@pytest.mark.data
@pytest.mark.parametrize(
    "run", ["few_shot_Mistral-7B-v0.1", "few_shot_Llama-2-7b-hf", "zero_shot_Mistral-7B-v0.1"]
)
def test_base_models_that_run_on_agree_with_the_published_answers_as_numbers(data: Path, run: str) -> None:
    """The publisher compared strings ("243.00" is not "243"); his extracted answers, compared as numbers, are ours."""
    packed = (data / "outputs_eval_gsm8k_base" / f"{run}.json.gz").read_bytes()
    rows = json.loads(gzip.decompress(packed))[:-1]  # the last item is the total
    ours = sum(
        number.score(
            sample(r["extracted_gold_answer"], r["question"]), reply(r["model_answers_text"][0])
        ).value
        or 0
        for r in rows
    )
    theirs = sum(
        as_number(r["extracted_model_answers"][0]) == as_number(r["extracted_gold_answer"]) for r in rows
    )
    assert len(rows) == 1319
    assert 100 * ours / len(rows) == pytest.approx(100 * theirs / len(rows), abs=0.5)


def as_number(text: str | None) -> Fraction | None:
    found = re.search(r"-?\d[\d,]*(?:\.\d+|/\d+)?", text or "")
    return Fraction(found[0].replace(",", "")) if found else None


@pytest.mark.data
def test_competition_answers_in_latex_agree_with_the_published_verdicts(data: Path) -> None:
    different = []
    for row in gunzip(data / "outputs_qwen_math_cot100" / "math_cot_100.jsonl.gz"):
        for answer, published in zip(row["response"], row["score"], strict=True):
            score = number.score(sample(str(row["gt"])), reply(answer))
            if (score.value == 1.0) != published:
                different.append((row["gt"], score.answer, published))
    # the published grader did not read its own gold here
    assert {d[:2] for d in different} <= {("10{,}000", "10000")}


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "field", "unreadable"),
    [
        ("gsm8k/test.jsonl", "answer", 0),
        ("cmath/cmath_dev.jsonl", "golden", 0),
        ("qwen_math_eval/cn_middle_school.jsonl", "answer", 4),
    ],
)
def test_real_golds_grade_themselves_and_lint_finds_the_others(
    data: Path, file: str, field: str, unreadable: int
) -> None:
    rows = [json.loads(line) for line in (data / file).read_text("utf-8").splitlines()]
    golds = [str(row[field]).rsplit("####", 1)[-1].strip() for row in rows]
    assert sum(number.lint(gold) is not None for gold in golds) == unreadable
    assert all(
        number.score(sample(gold), reply(f"解：略。\n\\boxed{{{gold}}}")).value == 1.0 for gold in golds
    )
    others = golds[7:] + golds[:7]
    accepted = [
        (g, o)
        for g, o in zip(golds, others, strict=True)
        if number.score(sample(g), reply(f"\\boxed{{{o}}}")).value
    ]
    assert all(as_number(g) == as_number(o) for g, o in accepted)


@pytest.mark.data
def test_a_strong_medical_model_is_told_from_a_weak_one(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = {}
    for path in sorted((data / "outputs_pulse_medqa" / "predicted").iterdir()):
        scores = []
        for row in gunzip(path):
            listed = tuple(re.findall(r"^[A-E][：:](.*)$", row["question"], re.MULTILINE))
            scores.append(
                choice.score(
                    sample(row["reference_answer"][0], row["question"], listed),
                    reply(row["predict_answer"] or ""),
                )
            )
        shares[path.name.removesuffix(".jsonl.gz")] = sum(s.value or 0 for s in scores) / len(scores)
    with capsys.disabled():
        print(
            "\nMedQA letters:",
            "  ".join(f"{m} {v:.3f}" for m, v in sorted(shares.items(), key=lambda kv: -kv[1])),
        )
    assert len(shares) == 12
    assert 0.65 <= shares["GPT-4"] <= 0.78
    assert shares["DoctorGLM"] < 0.10 and shares["BianQue2"] < 0.12
    assert min(shares["GPT-4"], shares["ChatGLM3"]) > max(shares["HuatuoGPT2"], shares["QiZhenGPT"])


@pytest.mark.data
def test_obedient_models_score_as_published_and_lenient_reading_finds_the_others(data: Path) -> None:
    """LawBench counts a reply only if no other letter occurs; where a model obeys, that is our reading too."""
    folder = data / "outputs_lawbench_jec"
    asked = {}
    for line in (folder / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        listed = tuple(re.split(r"[A-D][:：]", row["question"])[1:5])
        gold = re.search("[A-D]", row["answer"])
        assert gold
        asked[row["id"]] = sample(gold[0], f"{row['instruction']}\n{row['question']}", listed)
    with (folder / "published_scores.csv").open(encoding="utf-8") as file:
        published = {row["model_name"]: float(row["score"]) for row in csv.DictReader(file)}
    chosen = {
        "GPT4",
        "GPT-3.5-turbo-0613",
        "internlm-chat-7b-hf",
        "chatlaw-13b-hf",
        "chatglm2-6b-hf",
        "alpaca-7b-hf",
    }
    right: dict[str, float] = defaultdict(float)
    for row in gunzip(folder / "predictions.jsonl.gz"):
        if row["model"] in chosen:
            right[row["model"]] += (
                choice.score(asked[row["id"]], reply(row["prediction"])).value or 0.0
            ) / 500
    for model in ("GPT4", "GPT-3.5-turbo-0613", "internlm-chat-7b-hf", "chatlaw-13b-hf"):
        assert right[model] == pytest.approx(published[model], abs=1e-9)
    assert right["chatglm2-6b-hf"] > 3 * published["chatglm2-6b-hf"]  # it answers, but not in the format
    assert right["alpaca-7b-hf"] < 0.05  # it types the options again, which is no answer
