"""The answers of a run in a shard, column by column, and nothing twice: what marks and counts of data/runs/ say isn't repeated.

Example: 17 answers from question 1 on -> {"n": 17, "position": 0, "repeat": 0, "outcome": null, "value": null, "rule": "cue",
"text": ["… #### 18", [head, 1200, tail]], "span": [[5, 7], …], …}. A column that is empty throughout is null, one of equal
values that value alone, and positions that follow each other their first. Trap: no outcomes are those of the marks, and no
values those that the outcomes stand for; so where they are others they are a list, even of nulls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness import spans
from harness.store import rows
from harness.store.answers import Decoder
from leaderboard.words import CLIP_CHARACTERS, CLIP_TAIL_CHARACTERS

HEAD = CLIP_CHARACTERS - CLIP_TAIL_CHARACTERS
POINTS = {"correct": 1.0, "ungraded": None, "none": None}  # any other outcome: 0
READ = (
    "s.position, p.repeat, x.outcome, x.value, x.answer, x.rule, t.enc, t.dict, t.text, t.thinking, p.stop, "
    "p.prompt_tokens, p.thinking_tokens, p.logprobs, p.notes, p.error, "
    "CASE x.outcome WHEN 'error' THEN x.detail END, p.prompt"
)

Clipped = str | list[Any]
Block = dict[str, Any]


def block(found: Sequence[Sequence[Any]], decoder: Decoder, prompts: Sequence[int | None]) -> Block:
    """Of rows of READ; `prompts`: the number of each one's form in its shard."""
    if not found:
        return {"n": 0}
    (positions, repeats, outcomes, values, answers, rules, encodings, dictionaries, raw, thoughts, stops,
     prompt_tokens, thinking_tokens, logprobs, notes, errors, details, _) = zip(*found, strict=True)  # fmt: skip
    if any(encodings):
        both = [_decoded(decoder, *row) for row in zip(encodings, dictionaries, raw, thoughts, strict=True)]
        raw, thoughts = zip(*both, strict=True)
    texts = [text or "" for text in raw]
    first = positions[0]
    return {
        "n": len(found),
        "position": first if positions == tuple(range(first, first + len(found))) else positions,
        "repeat": _short(repeats),
        "outcome": [outcome or "none" for outcome in outcomes] if None in outcomes else None,
        "value": None if list(values) == [POINTS.get(o or "none", 0.0) for o in outcomes] else values,
        "answer": _short([None if answer is None else clip(answer) for answer in answers]),
        "rule": _short(rules),
        "text": _short([clip(text) for text in texts]),
        "thinking": _short([clip(text) if text else None for text in thoughts]),
        "span": _spans(texts, answers, rules),
        "stop": _short(stops),
        "prompt_tokens": _short(prompt_tokens),
        "thinking_tokens": _short(thinking_tokens),
        "logprobs": _short([_numbers(told) for told in logprobs]),
        "notes": _short([list(rows.load_tuple(told)) or None if told else None for told in notes]),
        "error": _short([_why(*pair) for pair in zip(errors, details, strict=True)]),
        "prompt": _short(prompts),
    }


def _short(column: Sequence[Any]) -> Any:
    """One value for all where they are equal; a list stays in its column, lest it be taken for one."""
    first = column[0]
    if isinstance(first, list) or any(value != first for value in column):
        return column
    return first


def _decoded(decoder: Decoder, enc: int | None, dictionary: int | None, text: Any, thinking: Any) -> tuple[str, str]:
    if not enc:
        return text or "", thinking or ""
    return decoder.texts({"enc": enc, "dict": dictionary, "text": text, "thinking": thinking})


def _spans(texts: Sequence[str], answers: Sequence[str | None], rules: Sequence[str]) -> Any:
    found = [
        _moved(spans.locate(text, answer, rule), len(text)) if answer is not None and text else None
        for text, answer, rule in zip(texts, answers, rules, strict=True)
    ]
    return found if any(found) else None


def clip(text: str) -> Clipped:
    if len(text) <= CLIP_CHARACTERS:
        return text
    return [text[:HEAD], len(text) - CLIP_CHARACTERS, text[-CLIP_TAIL_CHARACTERS:]]


def _moved(span: tuple[int, int] | None, length: int) -> Sequence[int] | None:
    """A span in a text as it is after clipping; None where a piece of it is left out."""
    if span is None or length <= CLIP_CHARACTERS or span[1] <= HEAD:
        return span
    out = length - CLIP_CHARACTERS
    return [span[0] - out, span[1] - out] if span[0] >= HEAD + out else None


def _numbers(logprobs: str | None) -> list[float | str | None] | None:
    if logprobs is None:
        return None
    found = rows.load_logprobs(logprobs) or ()
    return [_number(value) for value in found]


def _number(value: float) -> float | str | None:
    """JSON has no infinity: an option that the model rules out is "-inf"."""
    if math.isfinite(value):
        return round(value, 4)
    return None if math.isnan(value) else "inf" if value > 0 else "-inf"


def _why(error: str | None, detail: str | None) -> Clipped | None:
    if error:
        return clip(error)
    why = rows.load_mapping(detail).get("why") if detail else None
    return clip(str(why)) if why else None


def unfolded(block: Mapping[str, Any], column: str) -> list[Any]:
    """A value for each answer, as the page reads them; outcomes and values that the marks tell are None."""
    told = block[column]
    if isinstance(told, list):
        return told
    n = int(block["n"])
    return [*range(told, told + n)] if column == "position" else [told] * n
