"""Log-probabilities of options with transformers: the shared beginning once, then only what differs.

Example: four letters after one question are one row and one place where logits are read; four texts are four rows.
Trap: rows are padded on the right, after their real tokens, so causality alone keeps the padding out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from harness.engines._answering import scored
from harness.engines._asking import Asked
from harness.engines._hf_batches import Batches, Needs, Prefix
from harness.engines._hf_model import Loaded
from harness.records import Response


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence through the model, for every option that differs only in its last token."""

    ids: tuple[int, ...]
    read: int  # first place whose logits are needed
    asked: int  # which question
    options: tuple[int, ...]  # which of its options


@dataclass(frozen=True, slots=True)
class Found:
    logprob: float
    greedy: bool


def score(loaded: Loaded, asked: Sequence[Asked], batches: Batches) -> Iterator[Response]:
    """Responses as questions are finished, each when its last row has come back."""
    rows = [row for i, a in enumerate(asked) for row in _rows(i, a, loaded.window)]
    waiting = [len(a.options) for a in asked]
    found: list[dict[int, Found]] = [{} for _ in asked]
    since = time.perf_counter()

    def work(chunk: Sequence[Row], prefix: Prefix) -> Iterator[tuple[Row, list[Found]]]:
        yield from zip(chunk, _forward(loaded, chunk, prefix, asked), strict=True)

    # the place that is read must itself be run again: a cache holds no logits
    needs: Needs[Row] = Needs(
        ids=lambda r: r.ids, shareable=lambda r: r.read, longest=lambda r: len(r.ids), padded_left=False
    )
    for row, results in batches.run(loaded, rows, needs, work):
        for option, result in zip(row.options, results, strict=True):
            found[row.asked][option] = result
        waiting[row.asked] -= len(row.options)
        if not waiting[row.asked]:
            one = asked[row.asked]
            ordered = [found[row.asked][option] for option in range(len(one.options))]
            # since the last finished question, the caller's time left out: these add up to the engine's time
            seconds = time.perf_counter() - since
            yield scored(one, [f.logprob for f in ordered], [f.greedy for f in ordered], seconds)
            since = time.perf_counter()


def _rows(index: int, asked: Asked, window: int) -> Iterator[Row]:
    shared: dict[tuple[int, ...], list[int]] = {}
    for option, ending in enumerate(asked.options):
        # one more token than the window: the last one is predicted, never read
        whole = (asked.ids + ending)[-(window + 1) :]
        shared.setdefault((*whole[:-1], -len(ending)), []).append(option)
    for (*ids, length), options in shared.items():
        yield Row(tuple(ids), len(ids) + length, index, tuple(options))


@torch.inference_mode()
def _forward(loaded: Loaded, rows: Sequence[Row], prefix: Prefix, asked: Sequence[Asked]) -> list[list[Found]]:
    shared = prefix.tokens
    longest = max(len(r.ids) for r in rows) - shared
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids) - shared] = torch.tensor(row.ids[shared:])
    reads = [range(r.read - shared, len(r.ids) - shared) for r in rows]
    logits = loaded.logits(
        ids,
        prefix.repeated(len(rows)),
        positions=torch.arange(shared, shared + longest)[None].expand(len(rows), -1),
        mask=None,
        rows=[i for i, read in enumerate(reads) for _ in read],
        columns=[column for read in reads for column in read],
    )
    logprobs, best = logits.log_softmax(-1).cpu(), logits.argmax(-1).tolist()
    results, first = [], 0
    for row, read in zip(rows, reads, strict=True):
        at = slice(first, first + len(read))
        endings = [asked[row.asked].options[o] for o in row.options]
        results.append([_found(logprobs[at], best[at], ending) for ending in endings])
        first += len(read)
    return results


def _found(logprobs: torch.Tensor, best: list[int], ending: Sequence[int]) -> Found:
    picked = logprobs[torch.arange(len(ending)), torch.tensor(ending)]
    return Found(float(picked.sum()), best == list(ending))
