"""Whether a reply runs on into a next question or turn, or shows the marks of a template: what a lost stop token looks like.

Example: "The answer is 5.\n\nQuestion: Tom has 3 apples …" runs on; a reply that opens by "Question: …" only repeats what it
was asked. Marks such as <|im_end|> in the text were to end it: whoever writes them has learnt to stop, and nothing stops
there. Read by diagnose, which holds it against the parent.
"""

from __future__ import annotations

import re

import numpy as np

from harness.metrics._table import Floats, Table, texts

LOOKED_AT = 50_000  # characters
_MARK = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|user|assistant|system|begin_of_text|start_header_id|end)\|>"
    r"|</?s>|<(?:start|end)_of_turn>|\[/?INST\]"
)
_END = re.compile(r"(?:<\|(?:im_end|endoftext|eot_id|end|end_of_text)\|>|</s>|<end_of_turn>)")
_TURN = re.compile(
    r"\n[ \t]*(?:#{1,4}[ \t]*)?(?:Question|Problem|User|Human|Instruction|Assistant|问题|题目|用户|提问|指令|助手|例题|相关例题)[ \t]{0,3}\d{0,4}[ \t]{0,3}[:：]",
    re.IGNORECASE,
)


def per_sample(table: Table) -> Floats:
    """1.0 runs on, 0.0 doesn't; NaN where nothing was generated."""
    return np.array([np.nan if text is None else float(runs_on(text)) for text in texts(table)])


def end_marks(table: Table) -> Floats:
    """1.0 holds a mark that ends a turn, 0.0 doesn't; NaN where nothing was generated."""
    return np.array([np.nan if text is None else float(bool(_END.search(text[:LOOKED_AT]))) for text in texts(table)])


def without_end(text: str) -> str:
    """A reply without the end marks that pad its end."""
    end = len(text)
    for mark in reversed(list(_END.finditer(text))):
        if text[mark.end() : end].strip():
            break
        end = mark.start()
    return text[:end]


def runs_on(text: str) -> bool:
    looked_at = text[:LOOKED_AT].strip()
    return bool(_MARK.search(looked_at) or _TURN.search(looked_at))
