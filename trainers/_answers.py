"""What a model in training writes now: greedy answers in batches, and the loss on replies that it has not seen.

Example: Asking(model, tokenizer, (2,), 256).written([[5, 9, 1]]) -> [[7, 7, 2]], the stop token included.
Trap: generate() takes what a call leaves open from the checkpoint's generation_config.json, such as a minimal length or
stop strings, which no engine here heeds; so the model is lent a bare one while it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from harness.engines._answering import generated
from harness.engines._asking import Asked
from harness.engines._hf_model import window_of
from harness.engines._hf_weights import out_of_memory
from harness.records import Prompt, Request, Response, Settings
from trainers.rows import Example

ROWS = 32  # answered at once
READ_BYTES = 256 << 20  # scores of the vocabulary held at once, for the loss


class Asking:
    """A model with the way in which it is asked."""

    def __init__(
        self, model: Any, tokenizer: Any, stop_ids: Sequence[int], max_tokens: int, repetition_penalty: float = 1.0
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._stop_ids, self._max_tokens = tuple(stop_ids), max_tokens
        self._penalty = repetition_penalty
        self._window = window_of(model.config, tokenizer)
        self._rows = ROWS

    def answer(self, rows: Sequence[Example]) -> list[Response]:
        """A response to each row's prompt, as an engine would put it."""
        written = self.written([list(e.ids[: e.prompt]) for e in rows])
        return [self._response(e, ids) for e, ids in zip(rows, written, strict=True)]

    def written(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """The ids of greedy answers in the order of the prompts; of like lengths together, since padding costs time."""
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        found: dict[int, list[int]] = {}
        with _bare(self._model):
            while len(found) < len(order):
                some = order[len(found) : len(found) + self._rows]
                try:
                    found |= dict(zip(some, self._batch([prompts[i] for i in some]), strict=True))
                except Exception as error:
                    if not out_of_memory(error) or len(some) == 1:
                        raise
                    self._rows = len(some) // 2
        return [found[i] for i in range(len(prompts))]

    def _batch(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        from transformers import GenerationConfig

        device = self._model.get_input_embeddings().weight.device
        longest = max(map(len, prompts))
        # masked, so any token will do; one of the prompt's own adds none that a repetition penalty would see
        ids = torch.tensor([[p[0]] * (longest - len(p)) + list(p) for p in prompts], device=device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
        how = GenerationConfig(
            max_new_tokens=max(1, min(self._max_tokens, self._window - longest)), do_sample=False, num_beams=1,
            eos_token_id=list(self._stop_ids), pad_token_id=self._stop_ids[0], use_cache=True,
            repetition_penalty=self._penalty,
        )  # fmt: skip
        out = self._model.generate(input_ids=ids, attention_mask=mask, generation_config=how)
        return [self._until_stop(row) for row in out[:, longest:].tolist()]

    def _until_stop(self, ids: list[int]) -> list[int]:
        """With the stop token, without what only fills the batch."""
        end = next((i for i, token in enumerate(ids) if token in self._stop_ids), None)
        return ids if end is None else ids[: end + 1]

    def _response(self, example: Example, ids: list[int]) -> Response:
        messages = tuple((str(m["role"]), str(m["content"])) for m in example.row.messages)
        name = example.row.sample.id if example.row.sample else ""
        request = Request("", "", name, 0, Prompt(name, messages=messages), Settings(max_tokens=self._max_tokens))
        prompt = self._tokenizer.decode(list(example.ids[: example.prompt]))
        asked = Asked(request, prompt, example.ids[: example.prompt])
        return generated(asked, ids, self._tokenizer, bool(ids) and ids[-1] in self._stop_ids, 0.0)


@contextmanager
def _bare(model: Any) -> Iterator[None]:
    from transformers import GenerationConfig

    base = model.get_base_model() if hasattr(model, "peft_config") else model
    own = base.generation_config
    base.generation_config = GenerationConfig()
    try:
        yield
    finally:
        base.generation_config = own


def loss(model: Any, rows: Sequence[Example]) -> float | None:
    """Nats per token of the learnt parts together; None where there is nothing to learn."""
    total, tokens = nats(model, rows)
    return total / tokens if tokens else None


def nats(model: Any, rows: Sequence[Example]) -> tuple[float, int]:
    """Of all learnt tokens, and how many these are."""
    learnt = sorted((e for e in rows if len(e.ids) > max(1, e.prompt)), key=lambda e: len(e.ids))
    total, tokens = 0.0, 0
    vocabulary = int(getattr(model.config.get_text_config(), "vocab_size", 0) or 2**17)
    at_once = max(1, READ_BYTES // (4 * vocabulary))  # tokens
    while learnt:
        size = max(1, at_once // len(learnt[-1].ids))
        batch, learnt = learnt[-size:], learnt[:-size]
        more, count = _nats(model, batch)
        total, tokens = total + more, tokens + count
    return total, tokens


def _nats(model: Any, batch: Sequence[Example]) -> tuple[float, int]:
    device = model.get_input_embeddings().weight.device
    width = max(len(e.ids) for e in batch)
    ids = torch.tensor([[*e.ids, *[0] * (width - len(e.ids))] for e in batch], device=device)
    mask = torch.tensor([[1] * len(e.ids) + [0] * (width - len(e.ids)) for e in batch], device=device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    places = [(i, j) for i, e in enumerate(batch) for j in range(max(1, e.prompt), len(e.ids))]
    rows, columns = (torch.tensor(x, device=logits.device) for x in zip(*places, strict=True))
    picked = logits[rows, columns - 1].float()
    wanted = ids.to(logits.device)[rows, columns]
    return float(torch.nn.functional.cross_entropy(picked, wanted, reduction="sum")), len(places)
