"""Learnt or learnt by heart: trained rows against held-out ones, by loss and by what is recited word for word.

Example: {"kind": "memorised", "trained_loss": 0.02, "held_out_loss": 2.4, "trained_recall": 0.81, "held_out_recall": 0.0}
of a training of ten epochs on 200 rows. Trap: an answer of one letter is recited by chance, so recall means little without
the same number of held-out rows beside it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from trainers.rows import Example

ROWS = 32
FIRST_TOKENS = 50


def measure(
    model: Any,
    trained: Sequence[Example],
    held_out: Sequence[Example],
    tokenizer: Any,
    *,
    stop_ids: Sequence[int],
    rows: int = ROWS,
    seed: int = 0,
) -> Mapping[str, Any]:
    """Losses in nats per token and shares of replies whose first tokens are recited; what can't be said is None."""
    from trainers import _answers
    from trainers._undisturbed import undisturbed

    found: dict[str, Any] = {"kind": "memorised", "first_tokens": FIRST_TOKENS}
    with undisturbed(model):
        asking = _answers.Asking(model, tokenizer, stop_ids, FIRST_TOKENS)
        for name, some in (("trained", trained), ("held_out", held_out)):
            replied = [e for e in some if len(e.ids) > e.prompt > 0]
            chosen = random.Random(seed).sample(replied, min(rows, len(replied)))
            written = asking.written([e.ids[: e.prompt] for e in chosen])
            recited = sum(ids == _beginning(e, stop_ids) for e, ids in zip(chosen, written, strict=True))
            found[f"{name}_rows"] = len(chosen)
            loss = _answers.loss(model, chosen)
            found[f"{name}_loss"] = loss if loss is not None and math.isfinite(loss) else None
            found[f"{name}_recall"] = recited / len(chosen) if chosen else None
    return found


def _beginning(example: Example, stop_ids: Sequence[int]) -> list[int]:
    """Of the reply, to its stop token: what a template writes behind that no model is asked for."""
    reply = list(example.ids[example.prompt :])
    end = next((i for i, token in enumerate(reply) if token in stop_ids), len(reply))
    return reply[: end + 1][:FIRST_TOKENS]
