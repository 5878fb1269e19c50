"""How long 100,000 rows of some 300 tokens take to be prepared for training, what the tokenizer's share is, and the memory.

    python tests/benchmarks/train_data.py ../shared/data [ROWS]

The texts are those of Alpaca's Chinese and English rows, put together anew for each row; the tokenizer is a byte-level BPE of
24,000 pieces that learns them first, with a ChatML template, as Qwen's is.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tinies

from tinies import _tiny_tokenizer

from harness import files
from trainers.data import prepare
from trainers.recipe import Clean, Recipe, Source

PIECES = 24_000
CHARACTERS = {"alpaca_zh_demo.json.gz": 430, "alpaca_en_demo.json.gz": 1100}  # of a reply of some 270 tokens


def rows(parts: dict[str, list[str]], n: int) -> Iterator[dict[str, str]]:
    """Half of them Chinese, half English; no question twice."""
    draw = random.Random(0)
    names = list(parts)
    for number in range(n):
        name = names[number % len(names)]
        said: list[str] = []
        while sum(map(len, said)) < CHARACTERS[name]:
            said.append(draw.choice(parts[name]))
        yield {"instruction": f"{number}. {draw.choice(parts[name])[:80]}", "input": "", "output": "\n".join(said)}


def main(data: Path, n: int) -> None:
    parts = {
        name: [line for row in files.rows(data / "sft" / name) for line in row["output"].split("\n") if len(line) > 20]
        for name in CHARACTERS
    }
    tokenizer = _tiny_tokenizer([line for lines in parts.values() for line in lines], PIECES, 1 << 30)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(parts, n))
        recipe = Recipe(parent="", method="lora", data=(Source(path=path.name),), clean=Clean(max_tokens=4096))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu, wall = time.process_time(), time.perf_counter()
        prepared = prepare(recipe, Path(folder), tokenizer)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (phase,) = prepared.phases
    texts = [tokenizer.decode(example.ids) for example in phase[: n // 10]]
    alone = time.process_time()
    tokenizer(texts, add_special_tokens=False)
    alone = 10 * (time.process_time() - alone)
    each = prepared.counts["tokens"] / prepared.counts["rows"]
    print(f"{prepared.counts['rows']:,} rows of {each:.0f} tokens: {cpu:.1f} s of CPU, {wall:.1f} s")
    print(f"the tokenizer alone on the same texts: {alone:.1f} s of CPU")
    print(f"memory: {peak / 1024:,.0f} MiB at most, {(peak - before) / 1024:,.0f} MiB of it here")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
