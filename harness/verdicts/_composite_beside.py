"""Figures that stand beside Overall and never in it: tokens per right answer, share of thinking, what was cut off.

Example: two systems with ES 44: one is right often in 150 tokens, the other seldom in 40; tokens per right answer tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from harness.records import Outcomes, Part
from harness.stats.intervals import Floats
from harness.verdicts._composite_parts import Entrant
from harness.verdicts._composite_worth import Missing, measured, right, shortness, tokens, weights, writes


def beside(found: Entrant, parts: Sequence[Part]) -> dict[str, float | None]:
    """Figures shown next to Overall and never in it; means over tasks, None where nothing was measured."""
    known = [part for part in parts if part.value is not None]
    sums: dict[str, float | None] = {
        "points_of_known_parts": math.fsum(p.weight * (p.value or 0.0) for p in known) if known else None,
        "weight_of_known_parts": math.fsum(p.weight for p in known) if known else None,
    }
    heads = [one for one in found.heads.values() if writes(one)]
    length = _over(heads, lambda one: _finite(tokens(one, found.counter)))
    accuracy = _over(heads, right)
    short = _over([o for o in heads if found.profile.task[o.task].tokens_low], lambda o: _worth(o, found))
    thought = _over(heads, lambda one: _measure(one, "thinking_tokens"))
    own = _over(heads, lambda one: _finite(tokens(one, "own")))
    return {
        **sums,
        "tokens_per_answer": length,
        "tokens_per_right_answer": length / accuracy if length is not None and accuracy else None,
        "efficiency_of_right_answers": 100 * short / accuracy if short is not None and accuracy else None,
        "thinking_share": thought / own if thought is not None and own else None,
        "truncated_rate": _over(heads, lambda one: _measure(one, "truncated_rate")),
        "unparsed_rate": _over(heads, lambda one: _measure(one, "unparsed_rate")),
    }


def _worth(one: Outcomes, found: Entrant) -> Floats:
    return right(one) * shortness(one, found.profile.task[one.task], found.counter)


def _over(heads: Sequence[Outcomes], of: Callable[[Outcomes], Floats]) -> float | None:
    """The plain mean over tasks of a mean over questions; None where one task lacks it."""
    try:
        means = [float(weights(one) @ of(one)) for one in heads]
    except Missing:
        return None
    return math.fsum(means) / len(means) if means else None


def _finite(values: Floats) -> Floats:
    """A tolerated few that were not counted take the mean of the others."""
    there = np.isfinite(values)
    found: Floats = np.where(there, values, values[there].mean() if there.any() else 0.0)
    return found


def _measure(one: Outcomes, name: str) -> Floats:
    if not any(value is not None for value in one.measures.get(name, ())):
        raise Missing(name)
    return measured(one, name)
