"""Share of generated replies that go round in circles: the same sentence three times, or half of all 8-grams repeated.

Example: "He travels 30 miles in 5 hours. He travels 30 miles in 5 hours. …" up to max_tokens, the usual end of a
damaged checkpoint. Replies with fewer than 24 words can't be judged and count as healthy. Thinking counts as well.
Trap: code, tables and markup repeat their lines by nature, so only the 8-grams are looked at there (since version 2; a
third of the "circles" that phi-2-dpo ran in on AlpacaEval were HTML and table rows). End marks that pad a reply are none
of its words (since version 3).
"""

import re
from collections import Counter

import numpy as np

from harness.metrics import Floats, Limit, Table, _run_on, texts
from harness.text import words

VERSION = 3
NEEDS = ("text",)
UNIT = "share"
HIGHER_IS_BETTER = False
LIMIT = Limit(max_increase=0.01)

GRAM = 8
SHORTEST = 3 * GRAM  # words; below that nothing can repeat often enough to be a circle
SENTENCE = 10  # characters; shorter ones ("所以：") recur in healthy text
LONGEST = 4000  # words looked at; a circle shows long before
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_ROW = re.compile(r"^[ \t]*[|<].*$", re.MULTILINE)
_SENTENCE = re.compile(r"[。！？!?\n]+|\.(?=\s)")


def per_sample(table: Table) -> Floats:
    thinking = ["" if t is None or t != t else str(t) for t in table["thinking"]]
    replies = zip(texts(table), thinking, strict=True)
    return np.array(
        [np.nan if text is None else float(circles(f"{more}\n{_run_on.without_end(text)}")) for text, more in replies]
    )


def circles(text: str) -> bool:
    """Whether a text repeats itself heavily."""
    tokens = words(text[: 8 * LONGEST])[:LONGEST]
    if len(tokens) < SHORTEST:
        return False
    different = len(set(zip(*(tokens[i:] for i in range(GRAM)), strict=False)))
    if different <= 0.5 * (len(tokens) - GRAM + 1):
        return True
    prose = _ROW.sub("", _CODE.sub("\n", text))
    sentences = Counter(s for s in map(str.strip, _SENTENCE.split(prose)) if len(s) >= SENTENCE)
    return max(sentences.values(), default=0) >= 3
