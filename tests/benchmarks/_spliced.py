"""Answers of a wanted mean length, spliced from real ones where the data folder is, so that they compress as real ones do.

Example: `Texts(1033, rng).some(17)` -> 17 texts in Chinese and English, each of about six pieces. Trap: sentences made of
a few words deflate to a tenth; a site's budget measured with them would be a lie, so use the data where you can.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np


class Texts:
    """Answers spliced from pieces of about a sixth of the mean length; no two alike."""

    def __init__(self, mean_bytes: int, rng: np.random.Generator) -> None:
        self._rng, self._mean = rng, mean_bytes
        width = max(8, mean_bytes // 6)
        self._pieces = [p for text in _sources(rng) for p in _cut(text, width)]
        self._piece_bytes = sum(len(p.encode()) for p in self._pieces) / len(self._pieces)

    def some(self, many: int) -> list[str]:
        lengths = self._rng.lognormal(-0.125, 0.5, many) * self._mean / self._piece_bytes
        counts = np.maximum(1, np.round(lengths)).astype(int)
        chosen = self._rng.integers(0, len(self._pieces), int(counts.sum())).tolist()
        ends = np.cumsum(counts).tolist()
        pieces = self._pieces
        return ["".join([pieces[i] for i in chosen[start:end]]) for start, end in zip([0, *ends], ends, strict=False)]


def _cut(text: str, width_bytes: int) -> list[str]:
    step = max(4, width_bytes * len(text) // max(1, len(text.encode())))
    return [text[i : i + step] for i in range(0, len(text), step)]


def _sources(rng: np.random.Generator) -> list[str]:
    """Real answers, Chinese and English, where the data folder is; else made sentences."""
    folder = Path(os.environ.get("BENCH_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    found: list[str] = []
    for path in sorted((folder / "outputs_gaokao_gpt4").glob("2010*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [str(row["model_output"]) for row in json.load(file)["example"]]
    path = folder / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [str(json.loads(line)["175b_verification"]["solution"]) for line in file]
    return [text.replace("\ud83d", "") for text in found] or [_made(rng) for _ in range(3000)]


WORDS = "先 再 然后 所以 因此 每盒 每天 一共 剩下 还要 乘以 加上 减去 元 支 个 the each then so total is boxes pens left over sold"


def _made(rng: np.random.Generator) -> str:
    known = WORDS.split()
    words = [known[i] if i < len(known) else str(i * 7 % 991) for i in rng.integers(0, len(known) + 30, 120)]
    return " ".join(words).replace(" so ", ". So ")
