r"""MATH: 5,000 competition problems of seven kinds and five levels, and MATH-500, a part of them (Hendrycks et al. 2021).

A row: {"problem": "How many vertical asymptotes does the graph of $y=\frac{2}{x^2+x-6}$ have?", "level": "Level 3",
"type": "Algebra", "solution": "The denominator … has $\boxed{2}$ vertical asymptotes."}
Traps: the gold is the last \boxed{} of the solution, braces nested, and some boxes have none (\boxed 2); MATH-500 has
`answer`, `subject` and a bare number as level instead; it is part of MATH's test, so the two are not independent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness import files
from harness.dialect import Find
from tasks import _worked

SUBJECTS = (  # folders of the hub's copy
    "algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra", "precalculus",
)  # fmt: skip


def rows(find: Find, split: str) -> Iterator[dict[str, Any]]:
    for subject in SUBJECTS:
        path = find("questions" if split == "test" else "examples", subject=subject)
        for row in files.rows(path):
            level = str(row["level"])
            yield {
                "question": row["problem"],
                "answer": row["answer"] if "answer" in row else last_boxed(row["solution"]),
                "categories": [
                    level if level.startswith("Level") else f"Level {level}",
                    row.get("type") or row["subject"],
                ],
                "language": "en",
                "solution": row["solution"],
                "where": row.where,
            }
        if path.suffix != ".parquet":  # all subjects in one file
            return


def last_boxed(solution: str) -> str:
    """What stands in the last box, "" where there is none that closes."""
    found = list(re.finditer(r"\\(?:boxed|fbox)\s*", solution))
    if not found:
        return ""
    start = found[-1].end()
    if not solution.startswith("{", start):
        bare = re.match(r"[^\s$.,]+", solution[start:])
        return bare[0] if bare else ""
    depth = 0
    for at in range(start, len(solution)):
        depth += (solution[at] == "{") - (solution[at] == "}")
        if depth == 0:
            return solution[start + 1 : at].strip()
    return ""


def ask(row: Mapping[str, Any]) -> str:
    return _worked.ask(row)


def answer(row: Mapping[str, Any]) -> str:
    return f" {row['solution']}"
