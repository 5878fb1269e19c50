"""Share of generated replies that were cut off before they came to an answer.

Example: a reasoning model that thinks past max_tokens and never closes </think>. A reply that rambles on after its answer
is not counted here but in answer_tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.metrics import Limit, outcome_is

if TYPE_CHECKING:
    import pandas as pd

    from harness.metrics import Floats

VERSION = 1
NEEDS = ("text", "outcome")
UNIT = "share"
HIGHER_IS_BETTER = False
LIMIT = Limit(max_increase=0.02)


def per_sample(table: pd.DataFrame) -> Floats:
    return outcome_is(table, "truncated")
