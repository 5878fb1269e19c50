"""What one question is worth in each part, 0..1, out of a task's Outcomes; and Missing, with the remedy, where nobody knows.

Example: right in 150 tokens, between anchors of 64 and 4,096: 0.8 of a question in ES; wrong in 5 tokens: 0. Trap: text
is cut at stop strings and special tokens leave none, so lengths are the generated ids; where neutral tokens are counted
in the text, ids that no way of spelling it explains are added to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness import stats
from harness.records import Outcomes
from harness.stats.intervals import Floats
from harness.verdicts.profile import Anchors

TOLERATED = 0.02  # of a task's answers may lack what a part needs and then count as worth nothing
UNREADABLE = 0.05  # of a judge's replies may be no verdict, and then are worth nothing
SPELT = 6.0  # own ids that one neutral token can really take: letter by letter it is 4 to 5
SPARE = 16.0  # own ids that may leave no text: stop tokens, marks of a chat template
NO_TEXT = ("options", "option_texts", "rolling")  # scorers of tasks that read log-probabilities


class Missing(Exception):
    """Why a part has no value: a sentence that ends with the remedy."""


def right(one: Outcomes) -> Floats:
    """0..1 per question; up to 2 in a hundred that have no grade count as wrong."""
    if not one.is_mean or not one.higher_is_better or one.unit not in ("", "share"):
        raise Missing(f"{one.metric} of {one.task} is no share of right answers; a part of kind 'metric' can weigh it")
    if not one.labelled:
        raise Missing(f"{one.task} has no public answers, so nobody here knows what is right; run a split that has")
    values = _filled(one.values, one.task, "grade", "finish the run, or `bench rescore`")
    if values.size and (values.min() < 0 or values.max() > 1):
        raise Missing(f"{one.metric} of {one.task} leaves 0..1; a part of kind 'metric' can weigh it")
    return values


def shortness(one: Outcomes, anchors: Anchors, counter: str, factor: float = 1.0) -> Floats:
    """0..1 per question: where its tokens lie between the task's anchors; `factor` asks what fewer would bring."""
    assert anchors.tokens_low and anchors.tokens_high  # the profile was checked
    return between(np.maximum(tokens(one, counter) * factor, 1.0), anchors.tokens_low, anchors.tokens_high)


def tokens(one: Outcomes, counter: str) -> Floats:
    """Generated tokens per question, thinking included; infinite where a tolerated few were not counted.

    Neutral tokens are counted in the text, so ids that leave no text would be free: those that no way of spelling the
    text explains are added as they are.
    """
    if counter == "own":
        remedy = "import them with --map tokens=FIELD, or score with --counter neutral"
        return _filled(one.measures.get("answer_tokens"), one.task, "count of own tokens", remedy, math.inf)
    remedy = (
        "o200k_base's vocabulary is needed: set TIKTOKEN_CACHE_DIR to a folder that holds it, then `bench score` again"
    )
    neutral = _filled(one.measures.get("neutral_tokens"), one.task, "count of neutral tokens", remedy, math.inf)
    own = np.array([math.nan if v is None else v for v in one.measures.get("answer_tokens") or ()], float)
    if own.size != neutral.size:
        return neutral
    found: Floats = neutral + np.nan_to_num(np.maximum(own - SPELT * neutral - SPARE, 0.0), posinf=math.inf)
    return found


def chain(one: Outcomes, cqs: str) -> Floats:
    """Health of the chain per question, 0..1."""
    name = "cot_health" if cqs == "rule" else f"cot_judge:{cqs.removeprefix('judge:')}"
    remedy = (
        "`bench score` grades stored answers" if cqs == "rule" else f"`bench judge` with {cqs.removeprefix('judge:')}"
    )
    limit = TOLERATED if cqs == "rule" else UNREADABLE
    values = _filled(one.measures.get(name), one.task, "grade of its chain", remedy, limit=limit)
    return np.clip(values, 0.0, 1.0)


def writes(one: Outcomes) -> bool:
    """False only where it is certain that a task reads log-probabilities: nobody leaves ES by importing bare verdicts."""
    must = one.fingerprint.get("must", {})
    return str(must.get("scorer", "")).partition("@")[0] not in NO_TEXT


def size_of(heads: Sequence[Outcomes]) -> tuple[int, bool]:
    """(bytes needed to serve, whether somebody only said so)."""
    known = [one for one in heads if one.bytes is not None]
    if not known:
        raise Missing(
            "no size is known: import with --model-bytes SIZE, give it for an endpoint, or pass --base for an adapter"
        )
    largest = max(known, key=lambda one: one.bytes or 0)
    if not largest.bytes or largest.bytes < 1:
        raise Missing("its size is given as no byte at all; import with --model-bytes SIZE")
    return largest.bytes, largest.bytes_declared


def between(x: Floats, low: float, high: float) -> Floats:
    """1 at or below `low`, 0 at or above `high`, every halving worth the same."""
    found: Floats = np.clip((math.log(high) - np.log(x)) / math.log(high / low), 0.0, 1.0)
    return found


def _filled(
    values: Sequence[float | None] | None,
    task: str,
    what: str,
    remedy: str,
    instead: float = 0.0,
    limit: float = TOLERATED,
) -> Floats:
    """Values with a tolerated few missing ones replaced; Missing where they are more."""
    if values is None:
        raise Missing(f"no answer to {task} has a {what}: {remedy}")
    lacking = sum(v is None or not math.isfinite(v) for v in values)
    if lacking > limit * len(values) or lacking == len(values):
        raise Missing(f"{lacking:,} of {len(values):,} answers to {task} have no {what}: {remedy}")
    return np.array([instead if v is None or not math.isfinite(v) else v for v in values], float)


def measured(one: Outcomes, name: str) -> Floats:
    """A measure per question, 0 where it was not made."""
    values = one.measures.get(name, (None,) * len(one.samples))
    return np.array([0.0 if value is None else value for value in values], float)


def strata(one: Outcomes) -> tuple[str, ...] | None:
    """Subjects where the task's score is their plain mean."""
    return one.subjects if one.average == "macro" and any(one.subjects) else None


def weights(one: Outcomes) -> Floats:
    """Of each question in its task's score."""
    return stats.weights(strata(one), len(one.samples))
