"""What vLLM is asked for one question, and how its outputs become the Response; one generator per kind of question.

Example: four letters after one question are one request that asks for four ids; lm-eval sends four whole prompts.
Trap: a cache hit that reaches the end of a context leaves the first scored row unwritten, and vLLM returns whatever
was in memory there; such rows are asked for by themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from vllm import SamplingParams
from vllm.sampling_params import RequestOutputKind

from harness.engines._answering import SCHEMA_IGNORED, decoded, failed, generated, sampling_seed, scored, stop_ids_for
from harness.engines._asking import Asked
from harness.engines._folder import Habits
from harness.records import Response
from harness.text import cut_answer

Sent = tuple[Sequence[int], SamplingParams]
Exchange = Generator[list[Sent], list[Any], Response]  # yields what to send, is sent all outputs of it in that order
Scored = tuple[float, bool]  # log-probability, would greedy decoding have written it

IDS = 128  # vLLM's limit of chosen ids in one request
APART = 4  # scores of an option that are asked for one by one; where more are hidden, the whole context is read again
FIELDS = frozenset(
    getattr(SamplingParams, "__struct_fields__", ()) or getattr(SamplingParams, "__dataclass_fields__", ())
)
CHOOSES_IDS = "logprob_token_ids" in FIELDS  # else a letter is asked for like any other option
HOLDS_SCHEMAS = "structured_outputs" in FIELDS
READS_CACHE = "skip_reading_prefix_cache" in FIELDS  # else whole options are scored without it


def exchange(asked: Asked, tokenizer: Any, habits: Habits) -> Exchange:
    if not asked.options:
        return _text(asked, tokenizer, habits)
    single = all(len(o) == 1 for o in asked.options) and len(asked.options) <= IDS and not asked.contexts
    return _next_token(asked) if single and CHOOSES_IDS else _whole_options(asked)


def _text(asked: Asked, tokenizer: Any, habits: Habits) -> Exchange:
    """vLLM knows no thinking: what it ended at a stop string that doesn't count is written again without them."""
    sent = _sampling(asked, tokenizer, habits, stopping=not asked.thinking_opened)
    (output,) = yield [(asked.ids, sent)]
    notes: tuple[str, ...] = ()
    if isinstance(output.outputs[0].stop_reason, str) and not _stopped(asked, output, tokenizer):
        (output,) = yield [(asked.ids, _sampling(asked, tokenizer, habits, stopping=False))]
        notes = ("asked_again:stop string while thinking",)
    answer = output.outputs[0]
    if answer.finish_reason not in ("stop", "length"):
        return failed(asked.request, f"vLLM gave this answer up ({answer.finish_reason})", asked.prompt)
    if asked.request.prompt.schema is not None and not HOLDS_SCHEMAS:
        notes = (*notes, SCHEMA_IGNORED)
    response = generated(asked, list(answer.token_ids), tokenizer, answer.finish_reason == "stop", 0.0)
    return dataclasses.replace(response, notes=(*response.notes, *notes)) if notes else response


def _stopped(asked: Asked, output: Any, tokenizer: Any) -> bool:
    """Whether a stop string stands in the answer itself."""
    text = decoded(list(output.outputs[0].token_ids), tokenizer)
    return cut_answer(text, asked.request.settings.stop, opened=asked.thinking_opened)[1]


def _next_token(asked: Asked) -> Exchange:
    """Exact log-probabilities over the whole vocabulary, read at the one place after the context."""
    (output,) = yield [(asked.ids[asked.dropped :], _chosen(tuple(o[0] for o in asked.options)))]
    found = [_picked(output, option[0]) for option in asked.options]
    return scored(asked, [f[0] for f in found], [f[1] for f in found], 0.0)


def _whole_options(asked: Asked) -> Exchange:
    """One request per option; they share the context's blocks of the cache."""
    contexts = asked.contexts or [asked.ids[_cut(asked, option) :] for option in asked.options]
    whole = [(*context, *option) for context, option in zip(contexts, asked.options, strict=True)]
    outputs = yield [(ids, _prompt_scores(reading=True)) for ids in whole]
    hidden = [_hidden(output, len(context)) for output, context in zip(outputs, contexts, strict=True)]
    few = [i for i, n in enumerate(hidden) if 0 < n <= APART and CHOOSES_IDS]
    again = [i for i, n in enumerate(hidden) if n and i not in few]
    notes = ["plain:no logprob_token_ids"] if not CHOOSES_IDS else []
    notes += ["plain:no skip_reading_prefix_cache"] if not READS_CACHE else []
    heads: dict[int, list[Scored]] = {i: [] for i in few}
    if few:
        places = [(i, n, asked.options[i][n]) for i in few for n in range(hidden[i])]
        rows = yield [(whole[i][: len(contexts[i]) + n], _chosen((token,))) for i, n, token in places]
        for (i, _, token), row in zip(places, rows, strict=True):
            heads[i].append(_picked(row, token))
        notes.append(f"tokens_apart:{len(places)}")
    if again:
        fresh = yield [(whole[i], _prompt_scores(reading=False)) for i in again]
        for i, output in zip(again, fresh, strict=True):
            outputs[i] = output
        notes.append(f"uncached:{len(again)}")
    found = [_summed(outputs[i], option, heads.get(i, [])) for i, option in enumerate(asked.options)]
    response = scored(asked, [f[0] for f in found], [f[1] for f in found], 0.0)
    return dataclasses.replace(response, notes=(*response.notes, *notes))


def _picked(output: Any, token: int) -> Scored:
    answer = output.outputs[0]
    return answer.logprobs[0][token].logprob, answer.token_ids[0] == token


def _summed(output: Any, option: Sequence[int], head: Sequence[Scored]) -> Scored:
    """The scores of an option's tokens, of which the first ones may have been asked for apart."""
    tokens = option[len(head) :]
    rows = output.prompt_logprobs[-len(tokens) :] if tokens else ()
    found = [row[token] for row, token in zip(rows, tokens, strict=True)]
    logprob = sum(h[0] for h in head) + sum(f.logprob for f in found)
    return logprob, all(h[1] for h in head) and all(f.rank == 1 for f in found)


def _hidden(output: Any, context_tokens: int) -> int:
    """How many of an option's scores the cache swallowed; the row of a cached token is never computed.

    The token after n cached ones is predicted by the last of them, so a hit as long as the context hides one score.
    """
    if not READS_CACHE:
        return 0
    cached = output.num_cached_tokens
    return context_tokens + 1 if cached is None else max(0, cached - context_tokens + 1)


def _cut(asked: Asked, option: Sequence[int]) -> int:
    """How much of the context this option loses: each is truncated by its own length, as lm-eval does."""
    longest = max(map(len, asked.options))
    return max(0, asked.dropped - (longest - len(option)))


# -- parameters: vLLM copies them for each request, so alike ones are made once ---------------------------------


@lru_cache(maxsize=64)
def _chosen(ids: tuple[int, ...]) -> SamplingParams:
    return _parameters(temperature=0, max_tokens=1, detokenize=False, logprob_token_ids=sorted(set(ids)))


def _prompt_scores(reading: bool) -> SamplingParams:
    """Scores of the prompt's own tokens; releases without the switch never read the cache here."""
    extra = {"skip_reading_prefix_cache": not reading} if READS_CACHE else {}
    if "flat_logprobs" in FIELDS:  # else an object for each of the prompt's tokens
        extra["flat_logprobs"] = True
    return _parameters(temperature=0, max_tokens=1, detokenize=False, prompt_logprobs=0, **extra)


def next_token(reading: bool) -> SamplingParams:
    """The likeliest next token with its log-probability, with what the cache holds or without."""
    # without the switch, asking for the prompt's own scores has the same effect
    extra = {"skip_reading_prefix_cache": not reading} if READS_CACHE else {} if reading else {"prompt_logprobs": 0}
    return _parameters(temperature=0, max_tokens=1, detokenize=False, logprobs=1, **extra)


def _sampling(asked: Asked, tokenizer: Any, habits: Habits, *, stopping: bool) -> SamplingParams:
    settings = asked.request.settings
    stop = [s for s in settings.stop if s and stopping]
    return _parameters(
        temperature=settings.temperature,
        top_p=max(settings.top_p, 1e-9),  # 0, the likeliest token only, it refuses
        top_k=settings.top_k,
        max_tokens=settings.max_tokens,
        stop=stop,
        detokenize=bool(stop),  # the text is made from the ids; vLLM needs its own only to find stop strings
        stop_token_ids=sorted(stop_ids_for(asked.request, tokenizer, habits.stop_ids)),
        ignore_eos=True,  # the ids above are this checkpoint's; the engine's own may be those of the first one served
        repetition_penalty=habits.repetition_penalty,
        seed=sampling_seed(asked.request) if settings.temperature > 0 else None,
        **_held_to(asked.request.prompt.schema),
    )


def _held_to(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Only tokens that go on a JSON text of this schema."""
    if schema is None or not HOLDS_SCHEMAS:
        return {}
    from vllm.sampling_params import StructuredOutputsParams

    return {"structured_outputs": StructuredOutputsParams(json=dict(schema))}


def _parameters(**fields: Any) -> SamplingParams:
    return SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, **fields)
