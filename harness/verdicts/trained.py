"""What a lineage tells of the tests that a checkpoint has seen: a scorer that was its reward, data named after a test set.

Example: `on_test(lineage, "gsm8k:texts")` -> ("gsm8k test",) where a source is called so, `on_metric(lineage, "number")`
-> True after GRPO with that scorer. Trap: only names are read, so silence proves nothing; the texts themselves are for
a check of contamination.
"""

from __future__ import annotations

import re

from harness.records import Lineage
from harness.verdicts._aligned import questions

HELD_OUT = re.compile(r"(?:^|[^a-z])(test|val|valid|validation|dev|eval)(?:[^a-z]|$)")
ANYWHERE = re.compile("test|val|dev")


def on_metric(lineage: Lineage, scorer: str) -> bool:
    """Whether the scorer that grades a task was the reward of the training."""
    return scorer in lineage.trained_on


def held_out(lineage: Lineage) -> tuple[str, ...]:
    """Names of the data that have the word for a split to evaluate on anywhere, even inside the name of a task."""
    names = [str(source.get("name") or "") for source in lineage.data]
    return tuple(name for name in names if ANYWHERE.search(name.lower()))


def on_test(lineage: Lineage, task: str) -> tuple[str, ...]:
    """Names of the data that name the task and a split to evaluate on."""
    base = questions(task).lower()
    return tuple(n for n in held_out(lineage) if base in n.lower() and HELD_OUT.search(n.lower().replace(base, " ")))
