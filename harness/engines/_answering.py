"""From generated ids to a Response: text, stop strings, thinking, counts; the same for every engine.

Example: ids of "18\\n\\n问题：…" with stop ("\\n\\n",) -> text "18", stop="end", output_tokens of everything generated.
Trap: counts are of the raw ids, stop token and thinking included, since that is what was paid for. Thinking is full of
stop strings; they count only after it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from harness.engines._asking import Asked
from harness.identity import digest
from harness.records import Request, Response
from harness.text import cut_answer, is_thinking_mark, split_thinking

SCHEMA_IGNORED = "schema_ignored"  # the note on an answer that was to be held to a schema, and was not


def failed(request: Request, error: str, prompt: str | None = None) -> Response:
    return Response(request.run, request.sample, request.repeat, prompt=prompt, stop="error", error=error)


def scored(asked: Asked, logprobs: Sequence[float], greedy: Sequence[bool], seconds: float) -> Response:
    """The answer to a question that asked for the log-probabilities of its options."""
    request = asked.request
    tokens = tuple(len(o) for o in asked.options)
    if asked.contexts:  # parts of one text
        logprobs, greedy, tokens = (sum(logprobs),), (all(greedy),), (sum(tokens),)
    return Response(
        request.run,
        request.sample,
        request.repeat,
        prompt=asked.prompt,
        prompt_tokens=asked.prompt_tokens,
        seconds=seconds,
        logprobs=tuple(logprobs),
        option_tokens=tokens,
        greedy=tuple(greedy),
        notes=(*asked.notes, f"windows:{len(asked.options)}") if asked.contexts else asked.notes,
    )


def generated(asked: Asked, ids: Sequence[int], tokenizer: Any, ended: bool, seconds: float) -> Response:
    """`ended`: the model stopped of itself, the budget was not the reason."""
    request = asked.request
    text, stopped = cut_answer(decoded(ids, tokenizer), request.settings.stop, opened=asked.thinking_opened)
    split = split_thinking(text, opened=asked.thinking_opened)
    return Response(
        request.run,
        request.sample,
        request.repeat,
        text=split.answer,
        thinking=split.thinking,
        prompt=asked.prompt,
        prompt_tokens=asked.prompt_tokens,
        output_tokens=len(ids),
        thinking_tokens=_thinking_tokens(ids, tokenizer, asked.thinking_opened, split.thinking)
        if split.thinking
        else 0,
        stop="end" if ended or stopped else "length",
        seconds=seconds,
        notes=asked.notes,
    )


def decoded(ids: Sequence[int], tokenizer: Any) -> str:
    """Text without special tokens, except for marks of thinking, which some tokenizers count among them."""
    unseen = _unseen(tokenizer)
    if unseen is None:
        return str(tokenizer.decode(ids, skip_special_tokens=True))
    return str(tokenizer.decode([i for i in ids if i not in unseen], skip_special_tokens=False))


@lru_cache(maxsize=2)
def _unseen(tokenizer: Any) -> frozenset[int] | None:
    """Ids of special tokens that are no marks of thinking; None where no mark is special."""
    special = {i: t.content for i, t in tokenizer.added_tokens_decoder.items() if t.special}
    special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    marks = {i for i, text in special.items() if is_thinking_mark(text)}
    return frozenset(special.keys() - marks) if marks else None


def _thinking_tokens(ids: Sequence[int], tokenizer: Any, opened: bool, thinking: str) -> int:
    """The fewest ids whose text has all the thinking in it, closed; all of them when it never closes."""

    def closed(n: int) -> bool:
        split = split_thinking(decoded(ids[:n], tokenizer), opened=opened)
        return bool(split.closed and split.thinking == thinking)

    return bisect_left(range(len(ids)), True, key=closed)


def stop_ids_for(request: Request, tokenizer: Any, stop_ids: Sequence[int]) -> frozenset[int]:
    """Stop ids plus stop strings that are one special token: decoding drops those, so text never shows them."""
    special = set(tokenizer.all_special_tokens)
    named = (s for s in request.settings.stop if s in special)
    return frozenset((*stop_ids, *(tokenizer.convert_tokens_to_ids(s) for s in named)))


def sampling_seed(request: Request) -> int:
    """One stream of chance per question and repeat, so that the batch an answer came in cannot matter."""
    return int(digest([request.settings.seed, request.sample, request.repeat]), 16) % 2**62
