"""Rows to learn from, as the model will see them: read, cleaned, selected, mixed, tokenised by the parent's own template.

Example: an Alpaca row {"instruction": "3+5=?", "output": "<think>…</think>8"} becomes the ids of the ChatML prompt that
`bench run` would ask, followed by those of "8<|im_end|>", of which only the latter are learnt.
Trap: a row cut at a maximal length has lost its end mark, and a model trained on such rows never stops; long rows are dropped.
"""

from __future__ import annotations

from trainers.rows import Example, Prepared, Row

__all__ = ["Example", "Prepared", "Row"]
