"""Text from transformers, a batch at a time: own decoding loop, rows leave the batch as they finish.

Example: greedy text equals `model.generate` on the same float32 checkpoint, whatever the batch size.
Trap: rows are padded on the left of what they do not share, so the cache has a hole per row; the attention mask
and explicit positions close it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from harness.engines._answering import SCHEMA_IGNORED, decoded, generated, sampling_seed, stop_ids_for
from harness.engines._asking import Asked
from harness.engines._hf_batches import Batches, Needs, Prefix
from harness.engines._hf_cache import fewest_moves, growing, keep
from harness.engines._hf_model import Loaded
from harness.records import Response
from harness.text import cut_answer


class Row:
    """One answer while it is being written."""

    def __init__(self, asked: Asked, loaded: Loaded) -> None:
        self.asked = asked
        self.settings = asked.request.settings
        self.written: list[int] = []
        self.first_token_seconds: float | None = None
        self.seconds = 0.0  # its equal share of every step that it took part in
        self.stop_ids = stop_ids_for(asked.request, loaded.tokenizer, loaded.habits.stop_ids)
        self._tokenizer = loaded.tokenizer
        self._penalty = loaded.habits.repetition_penalty
        self._chance = torch.Generator().manual_seed(sampling_seed(asked.request))
        # each token is at least one byte, so a stop string just completed lies within this many
        self._tail = max((len(s.encode()) for s in self.settings.stop), default=0) + 4

    @property
    def plain(self) -> bool:
        """Takes the likeliest token, untouched."""
        return self.settings.temperature == 0 and self._penalty == 1.0

    def add(self, token: int) -> bool:
        """Append a token; True when the answer is complete."""
        self.written.append(token)
        return token in self.stop_ids or len(self.written) >= self.settings.max_tokens or self._stopped()

    def choose(self, logits: torch.Tensor) -> int:
        if self._penalty != 1.0:
            seen = torch.tensor(sorted({*self.asked.ids, *self.written}), device=logits.device)
            values = logits[seen]
            logits = logits.clone()
            logits[seen] = torch.where(values < 0, values * self._penalty, values / self._penalty)
        if self.settings.temperature == 0:
            return int(logits.argmax())
        return _draw(logits.cpu() / self.settings.temperature, self.settings.top_k, self.settings.top_p, self._chance)

    def _stopped(self) -> bool:
        if not self.settings.stop:
            return False
        # the whole text decides: a tail may begin inside a character, lose a leading space, or be a thought
        tail = decoded(self.written[-self._tail :], self._tokenizer)
        if not any(term in tail for term in self.settings.stop if term):
            return False
        whole = decoded(self.written, self._tokenizer)
        return cut_answer(whole, self.settings.stop, opened=self.asked.thinking_opened)[1]


def generate(loaded: Loaded, asked: Sequence[Asked], batches: Batches) -> Iterator[Response]:
    """Responses as answers are finished."""

    def work(chunk: Sequence[Asked], prefix: Prefix) -> Iterator[tuple[Asked, Row]]:
        begun = time.perf_counter()
        rows = [Row(a, loaded) for a in chunk]
        state = _State(loaded, rows, prefix)
        while state.rows:
            there, before = list(state.rows), time.perf_counter()
            done = state.step()
            now = time.perf_counter()
            stepped.append(now - before)
            for row in there:
                row.first_token_seconds = row.first_token_seconds or now - begun
                row.seconds += (now - before) / len(there)
            yield from ((row.asked, row) for row in done)

    reason = loaded.unshareable(padded_left=True)
    fallback = (f"plain:{reason}",) if reason else ()
    since = time.perf_counter()
    # at least one token of a prompt must be run again: a cache holds no logits
    needs: Needs[Asked] = Needs(
        ids=lambda a: a.ids,
        shareable=lambda a: len(a.ids) - 1,
        tokens=lambda a: len(a.ids),
        longest=lambda a: len(a.ids) + a.request.settings.max_tokens - 1,
        reads=lambda a: 1,
        passes=max((a.request.settings.max_tokens for a in asked), default=1),
        padded_left=True,
    )
    stepped: list[float] = []  # seconds of the steps since the last finished answer
    for one, row in batches.run(loaded, asked, needs, work):
        ended = row.written[-1] in row.stop_ids
        # what is no step (prefixes, decoding) falls to whoever is next, so that answers add up to the engine's time
        rest = time.perf_counter() - since - sum(stepped)
        stepped.clear()
        response = generated(one, row.written, loaded.tokenizer, ended, row.seconds + max(0.0, rest))
        free = (SCHEMA_IGNORED,) if one.request.prompt.schema is not None else ()
        notes = (*response.notes, *fallback, *free)
        yield replace(response, notes=notes, first_token_seconds=row.first_token_seconds)
        since = time.perf_counter()


class _State:
    """The batch between two tokens: cache, mask, positions and what is fed next."""

    def __init__(self, loaded: Loaded, rows: list[Row], prefix: Prefix) -> None:
        self.loaded, self.rows, shared = loaded, rows, prefix.tokens
        own = [row.asked.ids[shared:] for row in rows]
        longest = max(map(len, own))
        self.seen = self.begun = shared + longest
        self.ids = torch.zeros(len(rows), longest, dtype=torch.long)
        # as wide as it will ever be: what is still to be written is seen by what comes after it
        self.mask = torch.ones(len(rows), self.seen + max(r.settings.max_tokens for r in rows), dtype=torch.long)
        for i, ids in enumerate(own):
            self.ids[i, longest - len(ids) :] = torch.tensor(ids)
            self.mask[i, shared : self.seen - len(ids)] = 0
        self.positions = (self.mask[:, : self.seen].cumsum(-1) - 1).clamp(min=0)[:, -longest:]
        self.cache = growing(loaded.model.config, prefix.cache, len(rows))

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """One more token for every row; returns the finished ones, which are gone from the batch."""
        if self.begun <= (self.loaded.rope_switch or 0) == self.seen - 1:
            self._begin_again()
        everybody = range(len(self.rows))
        last = [self.ids.shape[1] - 1] * len(self.rows)
        mask = self.mask[:, : self.seen]
        logits = self.loaded.logits(self.ids, self.cache, self.positions, mask, everybody, last)
        best = logits.argmax(-1).tolist()
        tokens = [best[i] if row.plain else row.choose(logits[i]) for i, row in enumerate(self.rows)]
        alive = [not row.add(token) for row, token in zip(self.rows, tokens, strict=True)]
        out = [row for row, living in zip(self.rows, alive, strict=True) if not living]
        self.ids = torch.tensor(tokens)[:, None]
        self.positions = self.positions[:, -1:] + 1
        self.seen += 1
        if out:
            self._keep(fewest_moves(alive))
        return out

    def _begin_again(self) -> None:
        """Keys of other frequencies are useless from here on; such a row is alone in its batch (see Loaded.side)."""
        (row,) = self.rows
        self.ids = torch.tensor([[*row.asked.ids, *row.written]])
        self.positions = torch.arange(self.ids.shape[1])[None]
        self.cache = growing(self.loaded.model.config, None, 1)

    def _keep(self, order: list[int]) -> None:
        self.rows = [self.rows[i] for i in order]
        self.ids, self.positions, self.mask = self.ids[order], self.positions[order], self.mask[order]
        if order:
            keep(self.cache, order)


def _draw(logits: torch.Tensor, top_k: int, top_p: float, chance: torch.Generator) -> int:
    """One token from the top_k likeliest, of those the fewest that hold top_p of the probability."""
    ordered, ids = logits.sort(descending=True, stable=True)
    if top_k:
        ordered, ids = ordered[:top_k], ids[:top_k]
    probabilities = ordered.softmax(-1)
    if top_p < 1:
        before = probabilities.cumsum(-1) - probabilities
        before[0] = -1.0  # the likeliest may always be drawn, by top_p 0 too
        probabilities = probabilities.where(before < top_p, torch.zeros(()))
    return int(ids[torch.multinomial(probabilities, 1, generator=chance)])
