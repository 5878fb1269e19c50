r"""Word problems with two-digit sums and differences, zh and en, made by code: small enough for a model of 136,000 weights.

A row: question 小红有37个苹果，又买了25个，现在一共有多少个苹果？ · solution 列式37+25。个位7+5=12，进1。十位3+2+1=6。答案\boxed{62}
Trap: models this small never learn it when the solution doesn't restate the equation before its column steps (0 after 300
steps, 0.9 after 900 with it). The same functions make training rows; those exclude the test's questions by text.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from typing import Any

COUNT = 200
SEED = 20_260_101
LESSONS = 5_000  # of the train split
SMALLEST, LARGEST = 10, 59  # up to 99 a model needs half as many steps again

NAMES = {"zh": ("小明", "小红", "小华", "李雷", "奶奶"), "en": ("Anna", "Bob", "Carl", "Dora", "Emma")}
THINGS = {
    "zh": ("苹果", "橘子", "鸡蛋", "气球", "饼干"),
    "en": ("apples", "pencils", "eggs", "stamps", "sweets"),
}
STORIES = {
    ("zh", "addition"): (
        "{name}有{a}个{thing}，又买了{b}个，现在一共有多少个{thing}？",
        "{name}昨天数了{a}个{thing}，今天数了{b}个，一共数了多少个？",
    ),
    ("zh", "subtraction"): (
        "{name}有{a}个{thing}，送给别人{b}个，还剩多少个{thing}？",
        "盒子里有{a}个{thing}，{name}拿走{b}个，还剩多少个？",
    ),
    ("en", "addition"): (
        "{name} has {a} {thing} and buys {b} more. How many {thing} now?",
        "{name} found {a} {thing} and then {b} more. How many in all?",
    ),
    ("en", "subtraction"): (
        "{name} had {a} {thing} and gave {b} away. How many {thing} are left?",
        "A box holds {a} {thing}. {name} takes {b}. How many are left?",
    ),
}


def rows(find: Any, split: str) -> Iterator[dict[str, Any]]:
    """The 200 test questions, or 5,000 others of `train`; always the same, nothing is read from disk."""
    if split == "test":
        yield from problems(COUNT, SEED)
    else:
        yield from problems(LESSONS, SEED + 1, exclude={row["question"] for row in problems(COUNT, SEED)})


def problems(count: int, seed: int, exclude: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """`count` problems with different questions, none of them in `exclude`."""
    chance = random.Random(seed)
    seen = set(exclude)
    while count:
        row = _problem(chance)
        if row["question"] not in seen:
            seen.add(row["question"])
            count -= 1
            yield row


def _problem(chance: random.Random) -> dict[str, Any]:
    language, operation = chance.choice(("zh", "en")), chance.choice(("addition", "subtraction"))
    a, b = chance.randint(SMALLEST, LARGEST), chance.randint(SMALLEST, LARGEST)
    if operation == "subtraction":
        a, b = max(a, b), min(a, b)
    story = chance.choice(STORIES[language, operation])
    name, thing = chance.choice(NAMES[language]), chance.choice(THINGS[language])
    return {
        "question": story.format(name=name, thing=thing, a=a, b=b),
        "solution": (_added if operation == "addition" else _subtracted)(a, b, language),
        "answer": str(a + b if operation == "addition" else a - b),
        "subject": operation,
        "categories": [language],
        "language": language,
    }


def _added(a: int, b: int, language: str) -> str:
    ones = a % 10 + b % 10
    carry = ones // 10
    tens = a // 10 + b // 10 + carry
    if language == "zh":
        steps = f"列式{a}+{b}。个位{a % 10}+{b % 10}={ones}，进{carry}。十位{a // 10}+{b // 10}+{carry}={tens}。"
    else:
        steps = f"Write {a}+{b}. Ones {a % 10}+{b % 10}={ones}, carry {carry}. Tens {a // 10}+{b // 10}+{carry}={tens}."
    return steps + boxed(a + b, language)


def _subtracted(a: int, b: int, language: str) -> str:
    borrowed = int(a % 10 < b % 10)
    top = a % 10 + 10 * borrowed
    tens = a // 10 - b // 10 - borrowed
    if language == "zh":
        steps = (
            f"列式{a}-{b}。个位{top}-{b % 10}={top - b % 10}，借{borrowed}。十位{a // 10}-{b // 10}-{borrowed}={tens}。"
        )
    else:
        steps = f"Write {a}-{b}. Ones {top}-{b % 10}={top - b % 10}, borrow {borrowed}. Tens {a // 10}-{b // 10}-{borrowed}={tens}."
    return steps + boxed(a - b, language)


def boxed(number: int, language: str) -> str:
    """How every solution ends; on its own, the short answer that spoils a model."""
    return ("答案" if language == "zh" else " Answer ") + f"\\boxed{{{number}}}"


def intro(row: Mapping[str, Any]) -> str:
    return ""


def ask(row: Mapping[str, Any]) -> str:
    return str(row["question"])


def answer(row: Mapping[str, Any]) -> str:
    return str(row["solution"])


def gold(row: Mapping[str, Any]) -> str:
    return str(row["answer"])


def options(row: Mapping[str, Any]) -> list[str]:
    return []
