r"""GSM8K: 1,319 English school word problems with worked solutions (Cobbe et al. 2021, MIT; hub openai/gsm8k).

A row: question "Janet’s ducks lay 16 eggs per day. …" · answer "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\n…\n#### 18"
Traps: the gold stands after ####, sometimes with thousands commas (70,000); the <<…>> are calculator marks and must
not be shown to a model as a style to copy. A stop at "Question:" fires inside answers that restate the question; the
card stops only at a blank line followed by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness import files
from harness.dialect import Find

_CALCULATOR = re.compile(r"<<[^<>]*>>")


def rows(find: Find, split: str) -> Iterator[dict[str, Any]]:
    for row in files.rows(find("questions" if split == "test" else "examples")):
        yield {
            "question": row["question"],
            "answer": row["answer"],
            "subject": "",
            "categories": [],
            "language": "en",
            "where": row.where,
        }


def intro(row: Mapping[str, Any]) -> str:
    return ""


def ask(row: Mapping[str, Any]) -> str:
    steps = "Reason step by step, then give the final answer, a number, in \\boxed{}."
    return f"Question: {row['question']}\n{steps}\nAnswer:"


def answer(row: Mapping[str, Any]) -> str:
    steps = _CALCULATOR.sub("", str(row["answer"]).rpartition("####")[0]).strip()
    return f" {steps}\nThe final answer is \\boxed{{{gold(row)}}}."


def gold(row: Mapping[str, Any]) -> str:
    return str(row["answer"]).rpartition("####")[2].strip().replace(",", "")


def options(row: Mapping[str, Any]) -> list[str]:
    return []
