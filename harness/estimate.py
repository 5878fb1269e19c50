"""What a run would ask and cost, before it starts: two real prompts, questions, tokens, minutes, memory.

Floors: a decoder spends about 2 FLOPs per parameter and token (Kaplan et al. 2020, arXiv 2001.08361, §2.1), and a
decode step reads every weight once. The rates below are round figures for orientation, printed with the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.evaluate import Job
from harness.questions import prompts
from harness.records import Checkpoint, Prompt

PROBED = 64  # prompts tokenised for the mean
FLOPS_PER_SECOND = {"cpu": 1e11, "gpu": 1e14}
BYTES_PER_PARAMETER = {"float32": 4, "float16": 2, "bfloat16": 2}
CHARACTERS_PER_TOKEN = 2.0  # where the tokenizer can't be read; between Chinese (about 1) and English (about 3)


def describe(job: Job) -> str:
    """Text for `bench run --dry-run`; nothing is loaded but the tokenizer."""
    settings = job.run.settings
    asked = list(prompts.prompts(job.exam, settings, job.samples))
    tokens = round(_mean_tokens(job.checkpoint, asked[:: max(1, len(asked) // PROBED)]) * len(asked) * job.run.repeats)
    generates = asked[0].options is None if asked else False
    written = settings.max_tokens * len(asked) * job.run.repeats if generates else 0
    form = "chat" if settings.chat else "raw"
    head = f"{job.checkpoint.name} × {job.exam.task.key}: {len(asked)} questions, {settings.shots}-shot, {form} prompt, {job.engine.name} engine"
    cost = f"about {tokens:,} prompt tokens" + (f", at most {written:,} written" if written else ", nothing written")
    parts = [head, f"  {cost}; {_time(job, tokens + written)}; {_memory(job)}"]
    for number, prompt in enumerate(asked[:2], 1):
        parts += [f"── prompt {number}", _text(prompt)]
    return "\n".join(parts) + "\n"


def _text(prompt: Prompt) -> str:
    body = (
        prompt.text
        if prompt.text is not None
        else "\n".join(f"[{role}] {content}" for role, content in prompt.messages or ())
    )
    return body + (f"\n── options scored: {list(prompt.options)}" if prompt.options else "")


def _mean_tokens(checkpoint: Checkpoint, asked: Sequence[Prompt]) -> float:
    texts = [_text(prompt) for prompt in asked]
    if not texts:
        return 0.0
    home = Path(checkpoint.path or "") / "tokenizer.json"
    if not home.is_file():
        home = Path(checkpoint.base_path or "") / "tokenizer.json"
    if not home.is_file():
        return sum(map(len, texts)) / CHARACTERS_PER_TOKEN / len(texts)
    from tokenizers import Tokenizer

    return sum(len(e.ids) for e in Tokenizer.from_file(str(home)).encode_batch(texts)) / len(texts)


def _time(job: Job, tokens: int) -> str:
    if not job.checkpoint.parameters:
        return "time unknown, since the number of parameters is"
    rate = FLOPS_PER_SECOND["cpu" if job.engine.device == "cpu" else "gpu"]
    minutes = 2 * job.checkpoint.parameters * tokens / rate / 60
    return f"at most {minutes:,.1f} min at {rate / 1e12:g} TFLOP/s, less what prefixes share"


def _memory(job: Job) -> str:
    if not job.checkpoint.parameters:
        return "memory unknown"
    weights = job.checkpoint.parameters * BYTES_PER_PARAMETER.get(job.engine.dtype, 4)
    return f"{weights / 1e9:,.2f} GB for weights in {job.engine.dtype}, and the KV cache"
