"""What a lineage tells of the tests that a checkpoint has seen: a scorer that was its reward, data named after a test set.

Example: `on_test(lineage, "gsm8k:texts")` -> ("gsm8k test",) where a source is called so, `on_metric(lineage, "number")`
-> True after GRPO with that scorer. Trap: but for what `bench train` was let into, only names are read, so silence proves
nothing; the texts themselves are for a check of contamination.
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
    """What the lineage itself calls a split to evaluate on, and names of data that have the word for one anywhere."""
    names = [str(source.get("name") or "") for source in lineage.data]
    return tuple(dict.fromkeys([*lineage.on_test, *(name for name in names if ANYWHERE.search(name.lower()))]))


def admitted(lineage: Lineage, task: str) -> tuple[str, ...]:
    """The splits of this task that the training was let into, knowingly: `gsm8k test`. These are certain."""
    base = questions(task).lower()
    return tuple(name for name in lineage.on_test if questions(name.rpartition(" ")[0] or name).lower() == base)


def on_test(lineage: Lineage, task: str) -> tuple[str, ...]:
    """What was admitted, and names of the data that name the task and a split to evaluate on."""
    base = questions(task).lower()
    named = (n for n in held_out(lineage) if base in n.lower() and HELD_OUT.search(n.lower().replace(base, " ")))
    others = (n for n in named if n not in lineage.on_test)
    return (*admitted(lineage, task), *others)
