"""Whether a reply is word for word another question's reply, and whether it breaks off: read by diagnose alone.

Example: a model that answers everything by one sentence is healthy by every count of single answers. Trap: short replies to
different questions are alike for good reason ("The answer is 12."), so only those of thirty characters or more say anything.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from harness.metrics._table import Floats, Table, texts

SHORTEST = 30  # characters
WHOLE = 200  # characters; a shorter reply without a full stop is a style
_CLOSES = frozenset(".!?。！？…\"'”’」』)）]】}>`*|$~;；")


def same_as_others(table: Table) -> Floats:
    """1.0 the same words as a reply to another question, 0.0 not or too short to tell; NaN where nothing was generated."""
    replies = [None if text is None else " ".join(text.split()) for text in texts(table)]
    asked = defaultdict[str, set[str]](set)
    for reply, sample in zip(replies, table["sample"].tolist(), strict=True):
        if reply and len(reply) >= SHORTEST:
            asked[reply].add(sample)
    return np.array([np.nan if reply is None else float(len(asked.get(reply, ())) > 1) for reply in replies])


def breaks_off(table: Table) -> Floats:
    """1.0 a long reply that stops in the middle of a sentence, as one does whose tokens ran out; NaN as above."""
    return np.array([np.nan if text is None else float(_broken(text)) for text in texts(table)])


def _broken(text: str) -> bool:
    said = text.rstrip()
    return len(said) >= WHOLE and said[-1] not in _CLOSES
