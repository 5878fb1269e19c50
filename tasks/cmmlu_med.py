"""CMMLU, the medical subjects: Chinese four-option questions, one letter (Li et al. 2023, CC BY-NC-SA 4.0; hub haonan-li/cmmlu).

A row of test/anatomy.csv: Question 女性生殖腺是 · A 卵巢 · B 前庭大腺 · C 前庭球 · D 乳腺 · Answer A
Traps: columns are capitalised and the first one, a running index, has no name; the hub's zip is called
cmmlu_v1_0_1.zip, a zip made from the GitHub repository usually cmmlu.zip; shots come from dev, five per subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness import files
from harness.dialect import Find

LETTERS = "ABCD"

SUBJECTS = {
    "anatomy": "解剖学",
    "clinical_knowledge": "临床知识",
    "college_medical_statistics": "大学医学统计",
    "college_medicine": "大学医学",
    "genetics": "遗传学",
    "nutrition": "营养学",
    "professional_medicine": "专业医学",
    "traditional_chinese_medicine": "中医中药",
    "virology": "病毒学",
}


def rows(find: Find, split: str) -> Iterator[dict[str, Any]]:
    for subject, chinese in SUBJECTS.items():
        path = find("questions", subject=subject, split=split)
        member = f"{split}/{subject}.csv" if path.suffix == ".zip" else None
        for row in files.rows(path, member):
            yield {
                "question": row["Question"],
                "choices": [row[letter] for letter in LETTERS],
                "answer": row.get("Answer") or "",
                "subject": subject,
                "chinese": chinese,
                "categories": ["medical"],
                "language": "zh",
                "where": row.where,
            }


def intro(row: Mapping[str, Any]) -> str:
    return f"以下是关于{row['chinese']}的单项选择题，请直接给出正确答案的选项。\n\n"


def ask(row: Mapping[str, Any]) -> str:
    options = "".join(f"{letter}. {text}\n" for letter, text in zip(LETTERS, row["choices"], strict=True))
    return f"题目：{row['question']}\n{options}答案是："


def answer(row: Mapping[str, Any]) -> str:
    return str(row["answer"])


def gold(row: Mapping[str, Any]) -> str:
    return str(row["answer"])


def options(row: Mapping[str, Any]) -> list[str]:
    return list(LETTERS)
