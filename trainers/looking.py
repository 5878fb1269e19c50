"""Held-out questions answered and graded while a training goes on, by the model that is being trained.

Example: Looker(prepared.held_out, tokenizer, recipe.watch, stop_ids=(151645,)).look(model, 200) -> Look(200, n=64, score=0.41, …)
Traps: a parent that never stops fills the limit at the first look, and the first thing that it learns is to be short. So
where half of the first answers were cut off, the held-out replies say how long an answer should be. And a batch is
padded on the left, or a model would go on from its padding.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness.records import Response
from harness.words import say
from trainers.recipe import Watched
from trainers.rows import Example
from trainers.watch import Look

SHORT = 1 / 3  # of the first look's length
MOST = 0.5  # share of empty or cut answers that is a collapse
FEW = 0.1  # share of cut answers at the first look under which a later MOST is one
UNSTOPPED = 0.5  # share of cut answers at the first look that makes its length no measure


class Looker:
    """Asks the same questions at each look; `stop_ids`: where an answer ends, as engines will have it."""

    def __init__(
        self,
        held_out: Sequence[Example],
        tokenizer: Any,
        watched: Watched,
        *,
        stop_ids: Sequence[int],
        repetition_penalty: float = 1.0,
    ) -> None:
        self._rows = tuple(held_out)
        self._tokenizer = tokenizer
        self._watched = watched
        self._stop_ids = tuple(stop_ids)
        self._penalty = repetition_penalty
        self.looks: list[Look] = []

    def __len__(self) -> int:
        return len(self._rows)

    def look(self, model: Any, step: int) -> Look:
        """Answers, grades and held-out loss now; training is not disturbed."""
        from trainers import _answers
        from trainers._undisturbed import undisturbed

        with undisturbed(model):
            asked = _answers.Asking(model, self._tokenizer, self._stop_ids, self._watched.max_tokens, self._penalty)
            responses = asked.answer(self._rows)
            roles = dict.fromkeys(e.row.role for e in self._rows)
            nats = {role: _answers.nats(model, [e for e in self._rows if e.row.role == role]) for role in roles}
        seen = self._seen(step, responses, nats)
        self.looks.append(seen)
        return seen

    def _seen(self, step: int, responses: Sequence[Response], nats: Mapping[str, tuple[float, int]]) -> Look:
        n = len(responses)
        loss = _mean(nats.values())
        roles = {role: mean for role, one in nats.items() if (mean := _mean([one])) is not None}
        made = Look(
            step=step,
            n=n,
            score=graded(self._rows, responses),
            loss=loss,
            roles=roles if len(roles) > 1 else None,
            answer_tokens=sum(r.output_tokens or 0 for r in responses) / n if n else None,
            empty=sum(not r.text.strip() for r in responses) / n if n else None,
            cut=sum(r.stop == "length" for r in responses) / n if n else None,
        )
        return collapsed(self.looks, made, self._reply_tokens(), self._watched.max_tokens)

    def _reply_tokens(self) -> float | None:
        """As long as the limit lets an answer be, else a low limit would look like a collapse."""
        most = self._watched.max_tokens
        lengths = [min(len(e.ids) - e.prompt, most) for e in self._rows if len(e.ids) > e.prompt]
        return sum(lengths) / len(lengths) if lengths else None


def _mean(nats: Collection[tuple[float, int]]) -> float | None:
    total, tokens = sum(one for one, _ in nats), sum(count for _, count in nats)
    return total / tokens if tokens and math.isfinite(total) else None


def graded(rows: Sequence[Example], responses: Sequence[Response]) -> float | None:
    """Share right among the rows that have a gold and a scorer; None where none has."""
    from harness import scoring

    asked = [
        (e.row.scorer, e.row.sample, response)
        for e, response in zip(rows, responses, strict=True)
        if e.row.scorer and e.row.sample is not None and e.row.sample.target is not None
    ]
    values = [score.value for _, _, score in scoring.score_each(asked) if score.value is not None]
    return sum(values) / len(values) if values else None


def collapsed(before: Sequence[Look], now: Look, reply_tokens: float | None, max_tokens: int) -> Look:
    """The look, with a sentence where it and the one before it both show a collapse."""
    from dataclasses import replace

    if len(before) < 2:  # the first is what others are held against
        return now
    first, last = before[0], before[-1]
    symptom = _symptom(first, now, reply_tokens, max_tokens)
    return replace(now, collapsed=symptom) if symptom and _symptom(first, last, reply_tokens, max_tokens) else now


def _symptom(first: Look, now: Look, reply_tokens: float | None, max_tokens: int) -> str | None:
    if now.answer_tokens is None or first.answer_tokens is None:
        return None
    if (now.empty or 0.0) > MOST:
        return say("{share:.0%} of the answers are empty", share=now.empty)
    if (now.cut or 0.0) > MOST and (first.cut or 0.0) < FEW:
        template = "{share:.0%} of the answers run into the limit of {limit} tokens, at first {before:.0%} did"
        return say(template, share=now.cut, limit=max_tokens, before=first.cut)
    unstopped = (first.cut or 0.0) >= UNSTOPPED
    usual = reply_tokens if unstopped else first.answer_tokens
    if usual is not None and now.answer_tokens < usual * SHORT:
        whose = say("the held-out replies") if unstopped else say("the first look")
        template = "answers have {n:.1f} tokens, less than a third of the {usual:.1f} of {whose}"
        return say(template, n=now.answer_tokens, usual=usual, whose=whose)
    return None


def steps_of_looks(steps: int, watched: Watched, looks: int = 10) -> frozenset[int]:
    """When to look: before the first step, after the last, and every so often between them."""
    if watched.every:
        return frozenset({*range(0, steps, watched.every), steps})
    return frozenset(round(i * steps / (looks - 1)) for i in range(looks))
