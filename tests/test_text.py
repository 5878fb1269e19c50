"""Text as text: thinking split off, widths folded, Chinese numerals, languages, n-grams."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest

from harness.text import fold, grams, language, numeral, split_thinking, words


@pytest.mark.parametrize(
    ("text", "opened", "thinking", "answer", "closed"),
    [
        ("18", False, "", "18", True),
        ("<think>2+2</think>4", False, "2+2", "4", True),
        ("<THINK>\n2+2\n</Think>\n\n4", False, "2+2", "4", True),
        ("2+2</think>4", False, "2+2", "4", True),  # the template opened it
        ("2+2</think>4", True, "2+2", "4", True),
        ("<think>2+2</think>4", True, "2+2", "4", True),  # the model opened it once more
        ("<think>a</think>b<think>c</think>d", False, "a\nc", "bd", True),
        ("<think></think>4", False, "", "4", True),
        ("<think>2+2", False, "2+2", "", False),
        ("2+2", True, "2+2", "", False),
        ("<think>a</think>18<think>b", False, "a18b", "", False),
        ("<think>a</think>", False, "a", "", True),
        ("", False, "", "", True),
        ("<thinking>a</thinking>4", False, "a", "4", True),
    ],
)
def test_thinking_is_split_from_the_answer(text: str, opened: bool, thinking: str, answer: str, closed: bool) -> None:
    assert split_thinking(text, opened) == (thinking, answer, closed)


@pytest.mark.parametrize(
    ("wide", "folded"),
    [
        ("答案：Ｂ", "答案:B"),
        ("１８．５％", "18.5%"),
        ("１，２００元", "1,200元"),
        ("1，2，3", "1，2，3"),  # a separator stays one
        ("−5", "-5"),
        ("3½", "3 1/2"),
        ("½", "1/2"),
        ("10²", "10²"),  # not 102
        ("对。不对！是吗？", "对。不对！是吗？"),
        ("𝐀\u3000𝟏\u200b", "A 1"),
        ("（Ａ）", "(A)"),
    ],
)
def test_widths_are_folded_but_chinese_separators_stay(wide: str, folded: str) -> None:
    assert fold(wide) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("一千二百三十四", 1234), ("十二", 12), ("二十", 20), ("一百零五", 105), ("一百五", 150), ("两千三", 2300),
        ("二零二四", 2024), ("三点一四", Fraction(157, 50)), ("负三", -3), ("2万", 20000), ("1.5亿", 150_000_000),
        ("1万2千", 12000), ("一亿二千万", 120_000_000), ("百分之五", Fraction(1, 20)), ("百分之12.5", Fraction(1, 8)),
        ("四分之三", Fraction(3, 4)), ("5分之3", Fraction(3, 5)), ("三又二分之一", Fraction(7, 2)),
        ("3又1/2", Fraction(7, 2)), ("壹佰贰拾", 120), ("１２", 12), ("零", 0), ("一千万", 10_000_000),
    ],
)  # fmt: skip
def test_chinese_numerals_are_read_exactly(text: str, value: Fraction) -> None:
    assert numeral(text) == value


@pytest.mark.parametrize("text", ["", "万", "一二三十", "苹果", "零分之一", "点五", "三点", "五个", "12元"])
def test_what_is_no_numeral_is_none(text: str) -> None:
    assert numeral(text) is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("The heart pumps blood.", "en"),
        ("心主血脉。", "zh"),
        ("设 $\\frac{x}{2}=3$，则答案是 \\boxed{6}", "zh"),
        ("服用 500 mg aspirin 即可缓解疼痛", "zh"),
        ("12 + 3 = 15", ""),
        ("", ""),
        ("Сердце качает кровь", ""),
    ],
)
def test_language_goes_by_letters(text: str, known: str) -> None:
    assert language(text) == known


def test_words_are_characters_in_chinese_and_words_in_english() -> None:
    assert words("小明有3.5个Apple") == ["小", "明", "有", "3.5", "个", "apple"]


def test_grams_find_a_chinese_copy_and_with_masked_numbers_a_changed_one() -> None:
    question, changed = "小明有12个苹果，吃了3个，还剩几个？", "小明有47个苹果，吃了9个，还剩几个？"
    assert set(grams(question, 5)) & set(grams("题目：" + question, 5)) == set(grams(question, 5))
    assert set(grams(question, 8)) != set(grams(changed, 8))
    assert list(grams(question, 8, mask_numbers=True)) == list(grams(changed, 8, mask_numbers=True))
    assert list(grams("短", 5)) == []


def test_grams_are_the_same_in_every_process() -> None:
    code = "from harness.text import grams; print(list(grams('心主血脉 heart', 2)))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{list(grams('心主血脉 heart', 2))}\n"}
