"""CoT health: what counts as a wrong line, what doesn't, and how well whole and broken chains are told apart."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import chains
import pytest
from chains import Chain, auc, broken, gold, graded

from harness.records import Response, Sample, Score
from harness.scorers import cot

EGGS = (
    "Janet's ducks lay 16 eggs per day. She eats 3 and bakes with 4. She sells the rest for $2 each. How much is that?"
)
WORKED = "She sells 16 - 3 - 4 = 9 eggs.\nShe makes 9 * 2 = $18 every day.\n#### 18"


def judged(text: str, question: str = EGGS, **how: Any) -> Score:
    return cot.score(Sample("s", 0, question), Response("r", "s", 0, text=text, **how))


def value(text: str, question: str = EGGS, **how: Any) -> float:
    found = judged(text, question, **how).value
    assert found is not None
    return found


WRONG = [  # line, what it really is
    ("3×2=7元", "3*2 is 6"),
    ("16 eggs - 3 eggs - 4 eggs = 10 eggs", "16 eggs - 3 eggs - 4 is 9"),
    (r"$\frac{1}{2} \times 6 = 4$", "1/2 * 6 is 3"),
    (r"\begin{aligned} 2+3 &= 5 \\ &= 6 \end{aligned}", "5 is not 6"),
    (r"\[ \sqrt{36 + 64} = 11 \]", "√(36 + 64) is 10"),
    ("$1,200 * 3 = $3,500", "$1,200 * 3 is 3600"),
    ("20% of 50 = 12", "20% of 50 is 10"),
    ("100% - 35% = 75%", "100% - 35% is 0.65"),
    ("10 / 3 = 3.43", "10 / 3 is 10/3"),
    ("9 x 2 = $<<9*2=19>>19", "9*2 is 18"),
    ("12 plus 5 equals 18", "12+5 is 17"),
    ("小明有12个苹果，12÷4=2（个）", "12/4 is 3"),
    ("每天5千克 * 3天 = 16千克", "5千克 * 3 is 15"),
    ("2 1/2 * 2 = 6", "2 1/2 * 2 is 5"),
    ("16 - 3 = 13 - 4 = 8", "13 - 4 is 9"),
    ("20 cards she had at first + 100 cards = 130 cards", "20 cards she had at first + 100 is 120"),
    ("2x + 3 = 13\nx = 4", "with x = 4, 2x + 3 is 11"),
    ("n(n + 1) = n*n + n + 2", "the sides differ by -2 everywhere"),
    ("180 * 60 = 3 hours", "180 * 60 is 10800"),
]


@pytest.mark.parametrize(("line", "what"), WRONG)
def test_a_wrong_line_is_named_with_what_is_right(line: str, what: str) -> None:
    score = judged(line, "", stop="end")
    assert [fault["what"] for fault in score.detail["faults"]] == [what]
    assert score.outcome == "wrong"


RIGHT = [
    "3×2=6元",
    "16 eggs - 3 eggs - 4 eggs = 9 duck eggs",
    r"$\dfrac{5}{8} \cdot 24 = 15$ and $\frac34 = 0.75$",
    r"\begin{aligned} 2+3 &= 5 \\ &= 10/2 \end{aligned}",
    "10 / 3 = 3.33 and 2/3 = 67% and 2/3 = .66",
    "33.33 * 3 = 100",
    "16 - 3 = 13 - 4 = 9",
    "3 * 60 minutes = 180 minutes = 3 hours",
    "4 * 25 cents = 100 cents = $1",
    "50 / 8 = 6 full boxes",
    "About 1187 + 0 ≈ 1200",
    "5m + 3m = 8m, and (x+2)(x+3) = x^2 + 5x + 6",
    "2x + 3 = 13\n2x = 10\nx = 5",
    "If x = 4 then 2x + 3 = 11; if x = 5 then 2x + 3 = 13",
    "f(2) + 3 = 7, sin(30) + 2 = 2.5, 1:2 + 3 = 4, π (6) + 0 = 6π",
    "Angle 2 = 180 - 40 and day 3 = 5 + 4",
    "In base 7 we have 44 * 55 = 3506",
    "1 + 2 + ... + 10 = 55 and 0.1 + 0.2 = 0.30000000000000004",
    "$400, 000*3/100 = $12, 000",
    "一共有3+4=7个，7个×2元=14元，约等于14",
    "17 = 5 mod 6, 9^9^9^9 + 1 = 5, 99999! + 1 = 2",
    "- 5 + 3 of them are = 2",
    "3 + 2 are left and the total = 12",
    "They are 10 (for Mia) + 10 (for Tom) = 20",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_people_write_is_no_mistake(text: str) -> None:
    assert judged(text, "").detail["faults"] == []


def test_the_example_of_the_docstring() -> None:
    score = judged("每盒2个，3×2=7个。\n答案：7", "有3盒，每盒2个，一共多少个？")
    assert score.detail["faults"] == [{"line": "3*2=7", "what": "3*2 is 6"}]
    assert score.value is not None and score.value < 0.5
    assert value("每盒2个，3×2=6个。\n答案：6", "有3盒，每盒2个，一共多少个？") > 0.95


def test_a_share_off_is_of_what_stands_before_it() -> None:
    assert judged("$80 - 25% = $60\n200 + 10% = 220").detail["faults"] == []


def test_a_number_from_nowhere_costs() -> None:
    assert value(WORKED.replace("16 - 3 - 4 = 9", "17 - 4 - 4 = 9")) < value(WORKED) - 0.02
    assert value("Her 21 ducks are fine. " + WORKED) < value(WORKED) - 0.01


def test_a_worked_solution_is_healthy_and_each_collapse_is_told() -> None:
    healthy = value(WORKED)
    assert healthy > 0.95
    assert value("18") < 0.5  # no chain
    assert value("\\boxed{18}") < 0.5
    assert value(WORKED, stop="length") <= 0.5 * healthy
    assert judged(WORKED, stop="length").outcome == "truncated"
    assert value("She sells 16 - 3 - 4 = 9 eggs.\n" + "She makes 9 * 2 = $18 every day.\n" * 30) < 0.7 * healthy
    assert value("她卖掉 16 - 3 - 4 = 9 个鸡蛋，所以她每天在市场上一共可以挣到 9 * 2 = 18 美元。\n答案：18") < 0.75
    assert value(WORKED.replace("= 9", "= 10")) < 0.6 * healthy
    assert value(WORKED.replace("#### 18", "#### 21")) < 0.9 * healthy


def test_padding_with_sums_that_nobody_asked_for_is_no_chain() -> None:
    bare = value("#### 18")
    for padding in ("1=1\n", "1 = 1\n2 = 2\n3 = 3\n", "0+0=0\n", "5 = 5\n" * 20, "5 + 5 = 10\n" * 20, "1*1=1\n"):
        score = judged(padding + "#### 18")
        assert score.detail["checked"] == 0, padding
        assert score.value is not None and score.value <= bare + 0.02, padding
    assert value(WORKED) > bare + 0.3
    # one true sum with the question's numbers is a step, but the answer does not come from it
    assert value("2 + 2 = 4\n#### 18") < value(WORKED) - 0.3


def test_saying_the_question_again_is_no_chain() -> None:
    assert value(EGGS + "\n#### 18") < 0.65


def test_a_false_filler_is_a_fault_all_the_same() -> None:
    assert judged(WORKED + "\n2 + 2 = 5").detail["faults"] == [{"line": "2 + 2 = 5", "what": "2 + 2 is 4"}]


def test_replies_without_an_answer() -> None:
    empty = judged("  ")
    assert (empty.value, empty.outcome) == (0.0, "empty")
    assert judged("", stop="error").value is None
    assert judged("", logprobs=(-1.0, -2.0)).value is None
    lost = judged("<think>16 - 3 - 4 = 9, and then")
    assert (lost.value, lost.outcome) == (0.0, "truncated")
    assert judged(WORKED).scorer == "cot"
    sample = Sample("s", 0, EGGS, target="18")
    assert cot.score(sample, Response("r", "s", 0, text=WORKED)) == judged(WORKED)  # the gold is not looked at


def test_a_chain_behind_the_answer_is_read_where_the_reply_shows_none() -> None:
    hidden = judged("#### 18", thinking="16 - 3 - 4 = 9 eggs, 9 * 2 = 18 dollars")
    assert hidden.rule == "thinking"
    assert value("#### 18") < 0.5 < value("#### 18", thinking="16 - 3 - 4 = 9 eggs, 9 * 2 = 18 dollars")
    assert judged("<think>9 * 2 = 19</think>" + WORKED).rule == "steps"
    assert judged("<think>9 * 2 = 19</think>" + WORKED).detail["faults"] == []


def test_only_the_answer_to_this_question_is_judged() -> None:
    assert judged(WORKED + "\n\nQ: What is 2 + 2?\nA: 2 + 2 = 5").detail["faults"] == []


def test_sums_done_column_by_column_are_steps_to_the_answer_that_they_are_put_together_to() -> None:
    question = "小明有29个气球，又买了52个，现在一共有多少个气球？"
    worked = "列式29+52。个位9+2=11，进1。十位2+5+1=8。答案\\boxed{81}"
    found = judged(worked, question)
    assert (found.rule, found.detail["checked"], found.detail["chain"]) == ("steps", 2, 1.0)
    assert value(worked, question) > 0.95
    assert value(worked.replace("11", "12").replace("81", "82"), question) < 0.6
    assert value("答案\\boxed{81}", question) < 0.5
    english = "Ben has 46 sweets and gives 19 away. How many are left?"
    assert value("Write 46-19. Ones 16-9=7, borrow 1. Tens 4-1-1=2. Answer \\boxed{27}", english) > 0.95
    assert value("The first ones: 16-9=7 and 4-1-1=2. Answer \\boxed{27}", english) < 0.8


def test_about_is_no_excuse_for_a_whole_number_that_is_another() -> None:
    assert judged("16 - 3 - 4 ≈ 8\n#### 8").detail["faults"] == [{"line": "16 - 3 - 4 ≈ 8", "what": "16 - 3 - 4 is 9"}]
    assert judged("16 / 3 ≈ 5, 4 * 299 is about 1200: 4 * 299 ≈ 1200\n#### 8").detail["faults"] == []


def test_a_program_is_no_sum() -> None:
    score = judged(
        "```python\neggs = 16 - 3 - 4\neggs = eggs + 1 - 1\nprint(eggs * 2)\n```\n```output\n18\n```\nIt is $\\boxed{18}$."
    )
    assert (score.rule, score.detail["faults"]) == ("program", [])
    assert score.value is not None and score.value > 0.9


def test_a_program_is_read_without_what_it_only_says_and_supports_what_it_printed() -> None:
    bare = value("\\boxed{18}")
    assert value('```python\n"""16 eggs, 3 and 4, $2"""  # 16 - 3 - 4\nprint("9 * 2")\n```\n\\boxed{18}') <= bare + 0.05
    worked = "```python\nprint((16 - 3 - 4) * 2)\n```\n"
    assert value(worked + "```output\n18\n```\n\\boxed{18}") > 0.95
    assert value(worked + "\\boxed{18}") < 0.9
    assert value("```python\nprint((16 - 3 - 4) * 2 + 999 - 777)\n```\n```output\n18\n```\n\\boxed{18}") < 0.95


def test_a_result_that_was_put_in_is_no_step() -> None:
    assert judged("16*0 + 3*0 + 4*0 + 18 = 18\n#### 18").detail["checked"] == 0
    assert judged("16 - 4 - 4 = 8\n16 - 8 = 8\n#### 8").detail["checked"] == 2  # 8 was worked out before


@pytest.mark.parametrize(
    "sign",
    [
        "9",
        "9^",
        "(",
        "(1+",
        "{",
        "=",
        "1=",
        "<<1=1>>",
        "```",
        "\\frac{",
        "√(",
        "2x+",
        "x+1=x+2\n",
        "一",
        "5% of ",
        "5 apples ",
        "\n",
    ],
)
def test_a_megabyte_of_one_sign_is_read_in_one_go(sign: str) -> None:
    score = judged(sign * (1_000_000 // len(sign)))
    assert score.value is not None and 0 <= score.value < 0.9


def test_endless_digits_in_a_text_that_is_not_ascii_are_read_in_one_go() -> None:
    assert value("Janet’s eggs: 16 - 3 - 4 = 9\n" + "9" * 50_000 + "\n#### 18", "小明有3个苹果") > 0
    assert value("共" + "9,999" * 10_000 + "个又" + "7.7" * 10_000, "小明有3个苹果") >= 0


def test_nothing_that_a_model_may_write_breaks_it() -> None:
    chance = random.Random(5)
    pieces = ["1", "0", "9^", "/0", "(", ")", "=", "≈", "x", "%", "$", "\\frac{1}{0}", "√", "!", "一", "元", " ", "\n", "-", "π", "...", "\ud800", "½", "{", "}", "a_1", "ƒ", "half ", "<<", ">>", "0.", ",000"]  # fmt: skip
    for _ in range(700):
        text = "".join(chance.choices(pieces, k=chance.randrange(1, 25)))
        found = judged(text, text[::-1]).value
        assert found is not None and 0 <= found <= 1


# -- against real data --------------------------------------------------------------------------------------


@pytest.mark.data
def test_gold_is_rarely_blamed(data: Path) -> None:
    math = [Chain(r["problem"], r["solution"]) for r in chains.rows(data / "math" / "test.jsonl.gz")]
    for solutions in (gold(data)[1::4], gold(data, "train.jsonl.gz")[::40], math[1::20]):
        blamed = sum(bool(graded(chain).detail["faults"]) for chain in solutions)
        assert blamed / len(solutions) <= 0.02


@pytest.mark.data
def test_broken_gold_is_told_from_gold(data: Path) -> None:
    whole = gold(data)
    rows = range(1, len(whole), 6)  # of the half that the rules were not written on
    good = [graded(whole[i]).value or 0.0 for i in rows]
    floors = {
        "result changed": 0.95, "operator changed": 0.94, "any number perturbed": 0.9, "final answer changed": 0.9,
        "answer only": 0.99, "cut off half-way": 0.99, "last step looped": 0.95,
    }  # fmt: skip
    for kind, least in floors.items():
        made = [broken(kind, whole, i) for i in rows]
        bad = [graded(chain).value or 0.0 for chain in made if chain is not None]
        assert auc(good, bad) >= least, kind


@pytest.mark.data
def test_wrong_steps_in_real_chains_are_seen_better_than_by_chance(data: Path) -> None:
    floors = {"MR-MATH invalid (right answers)": 0.6, "BIG-Bench-Mistake multistep_arithmetic": 0.8}
    found = dict(chains.labelled(data))
    for name, least in floors.items():
        sides = [[graded(c).value or 0.0 for c in found[name] if c.good is good] for good in (True, False)]
        assert auc(*sides) >= least, name


@pytest.mark.data
def test_real_systems_score_higher_where_they_are_right(data: Path) -> None:
    for name, found in chains.answered(data):
        if name.startswith(("OpenAI", "base few_shot_M")):
            sides = [[graded(c).value or 0.0 for c in found[1::12] if c.good is good] for good in (True, False)]
            assert auc(*sides) > 0.55, name
        if name.startswith("ToRA"):  # programs and what they printed: nothing of it is a wrong sum
            scores = [graded(c) for c in found[::12]]
            assert sum(s.rule == "program" for s in scores) > 0.9 * len(scores)
            assert not any(s.detail["faults"] for s in scores)
            assert sum(s.value or 0.0 for s in scores) / len(scores) > 0.85


def test_a_chain_in_a_fence_of_json_is_a_chain() -> None:
    """Llama-3-70B answers GSM8K in a fence of JSON: read as a program, 93 % of right answers had a CoT health of 44."""
    steps = "She sells 16 - 3 - 4 = 9 eggs, so she makes 9 * 2 = $18 every day."
    bare = f'{{\n  "reasoning": "{steps}",\n  "answer": "18"\n}}'
    for fence in ("```json", "```"):
        fenced = judged(f"Here is the solution:\n{fence}\n{bare}\n```")
        assert fenced.rule == "steps" and fenced.detail["checked"] == 2
        assert fenced.value is not None and fenced.value >= value(bare) - 0.05
    wrong = judged(f"```json\n{bare.replace('= 9 eggs', '= 8 eggs')}\n```")
    assert wrong.detail["faults"] and wrong.value is not None and wrong.value < 0.6


def test_lines_of_an_answer_in_json_end_by_a_backslash_and_an_n() -> None:
    """Claude's right answers to GSM8K, in JSON, had a CoT health of 18 to 55 where their lines were told by \\n."""
    steps = "Let me solve this step by step:\n1. She sells the rest\n   * 16 - 3 - 4 = 9 eggs\n2. At $2 each\n   = 9 * 2\n   = $18"
    told = '{\n  "reasoning": "' + steps.replace("\n", "\\n") + '",\n  "answer": "18"\n}'
    assert value(told) >= value(steps + "\n#### 18") - 0.05 and judged(told).detail["checked"] >= 2
    assert cot._unescaped('{"a": "x \\neq 3"}') == '{"a": "x \\neq 3"}' and cot._unescaped("a\\nb") == "a\\nb"


def test_an_x_at_the_end_of_a_line_multiplies_nothing() -> None:
    lines = "7. $400 = $30x - $22x\n8. $400 = $8x\n9. x = $400 ÷ $8\n10. x = 50"
    assert judged(lines, "He makes $400 at $30 a bag that cost him $22. How many bags?").detail["faults"] == []
