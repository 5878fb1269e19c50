"""Requests to a running vLLM and back: options by log-probabilities of chosen ids, text by its own batching.

Example: four letters after one question are one request that asks for four ids; lm-eval sends four whole prompts.
Trap: a cache hit that reaches the end of a context leaves the first scored row unwritten, and vLLM returns whatever
was in memory there; such requests are asked again without reading the cache.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from vllm import SamplingParams, TokensPrompt

from harness.engines._answering import generated, sampling_seed, scored, stop_ids_for
from harness.engines._asking import Asked
from harness.engines._folder import Habits
from harness.records import Response

IDS = 128  # vLLM's limit of chosen ids in one request
FIELDS = frozenset(
    getattr(SamplingParams, "__struct_fields__", ()) or getattr(SamplingParams, "__dataclass_fields__", ())
)


def score(llm: Any, asked: Sequence[Asked]) -> Iterator[Response]:
    """Questions whose options are one token each in one request, all others in one request per option."""
    alone, several = [a for a in asked if _single(a)], [a for a in asked if not _single(a)]
    for part, ask in ((alone, _next_token), (several, _whole_options)):
        if part:
            start = time.perf_counter()
            results = ask(llm, part)
            seconds = (time.perf_counter() - start) / len(part)
            for one, found in zip(part, results, strict=True):
                yield scored(one, [f[0] for f in found], [f[1] for f in found], seconds)


def generate(llm: Any, tokenizer: Any, habits: Habits, asked: Sequence[Asked]) -> Iterator[Response]:
    if not asked:
        return
    start = time.perf_counter()
    outputs = _run(llm, [a.ids for a in asked], [_sampling(a, tokenizer, habits) for a in asked])
    seconds = (time.perf_counter() - start) / len(asked)
    for one, output in zip(asked, outputs, strict=True):
        answer = output.outputs[0]
        yield generated(one, list(answer.token_ids), tokenizer, answer.finish_reason == "stop", seconds)


def _single(asked: Asked) -> bool:
    chosen = "logprob_token_ids" in FIELDS and len(asked.options) <= IDS
    return chosen and all(len(o) == 1 for o in asked.options)


def _next_token(llm: Any, asked: Sequence[Asked]) -> list[list[tuple[float, bool]]]:
    """Exact log-probabilities over the whole vocabulary, read at the one place after the context."""
    params = [
        SamplingParams(
            temperature=0, max_tokens=1, detokenize=False, logprob_token_ids=sorted({o[0] for o in a.options})
        )
        for a in asked
    ]
    outputs = _run(llm, [a.ids[a.dropped :] for a in asked], params)
    results = []
    for one, output in zip(asked, outputs, strict=True):
        answer = output.outputs[0]
        found = answer.logprobs[0]
        results.append([(found[o[0]].logprob, answer.token_ids[0] == o[0]) for o in one.options])
    return results


def _whole_options(llm: Any, asked: Sequence[Asked]) -> list[list[tuple[float, bool]]]:
    jobs = [(i, a.ids[_cut(a, o) :], o) for i, a in enumerate(asked) for o in a.options]
    outputs = _run(llm, [ids + o for _, ids, o in jobs], [_prompt_scores(reading=True)] * len(jobs))
    again = [n for n, (job, out) in enumerate(zip(jobs, outputs, strict=True)) if _overread(out, len(job[1]))]
    fresh = _run(llm, [jobs[n][1] + jobs[n][2] for n in again], [_prompt_scores(reading=False)] * len(again))
    for n, output in zip(again, fresh, strict=True):
        outputs[n] = output
    results: list[list[tuple[float, bool]]] = [[] for _ in asked]
    for (i, _, option), output in zip(jobs, outputs, strict=True):
        rows = output.prompt_logprobs[-len(option) :]
        found = [row[token] for row, token in zip(rows, option, strict=True)]
        results[i].append((sum(f.logprob for f in found), all(f.rank == 1 for f in found)))
    return results


def _cut(asked: Asked, option: Sequence[int]) -> int:
    """How much of the context this option loses: each is truncated by its own length, as lm-eval does."""
    longest = max(map(len, asked.options))
    return max(0, asked.dropped - (longest - len(option)))


def _prompt_scores(reading: bool) -> SamplingParams:
    """Scores of the prompt's own tokens; older releases have no such switch and never read the cache here."""
    extra = {"skip_reading_prefix_cache": not reading} if "skip_reading_prefix_cache" in FIELDS else {}
    return SamplingParams(temperature=0, max_tokens=1, detokenize=False, prompt_logprobs=0, **extra)


def _overread(output: Any, context_tokens: int) -> bool:
    return output.num_cached_tokens is None or output.num_cached_tokens >= context_tokens


def _sampling(asked: Asked, tokenizer: Any, habits: Habits) -> SamplingParams:
    settings = asked.request.settings
    return SamplingParams(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        max_tokens=settings.max_tokens,
        stop=[s for s in settings.stop if s],
        stop_token_ids=sorted(stop_ids_for(asked.request, tokenizer, habits.stop_ids)),
        ignore_eos=True,  # the ids above are this checkpoint's; the engine's own may be those of the first one served
        repetition_penalty=habits.repetition_penalty,
        seed=sampling_seed(asked.request),
    )


def _run(llm: Any, prompts: Sequence[Sequence[int]], params: Sequence[SamplingParams]) -> list[Any]:
    tokens = [TokensPrompt(prompt_token_ids=list(p)) for p in prompts]
    outputs: list[Any] = llm.generate(tokens, list(params), use_tqdm=False) if tokens else []
    return outputs
