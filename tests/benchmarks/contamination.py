"""How long it takes to look for 12,342 questions in 100,000 training rows, and with how much memory.

    python tests/benchmarks/contamination.py ../shared/data

The questions are C-Eval's test split, without labels; the rows are those of the SFT files in DATA again and again, each with
its characters moved by the row's number, so that neither the disk nor a cache helps, and every hundredth holds a question.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from harness import contamination, files
from harness._contamination_rows import texts
from harness.questions import catalogue, load
from harness.records import Exam

ROWS = 100_000


def rows(data: Path, exam: Exam) -> Iterator[dict[str, str]]:
    known = [
        texts(row) for name in ("huatuo_llama_data.jsonl.gz", "alpaca_zh_demo.json.gz", "medical_sft_1K_sharegpt.jsonl.gz",
                                "alpaca_en_demo.json.gz", "sharegpt_zh_1K.jsonl.gz")
        for row in files.rows(data / "sft" / name)
    ]  # fmt: skip
    for number, text in zip(range(ROWS), itertools.cycle(known), strict=False):
        cut = number // len(known) * 7 % max(1, len(text.reply))
        planted = exam.samples[number // 100 % len(exam.samples)].question if number % 100 == 0 else ""
        yield {"instruction": text.asked + planted, "input": "", "output": text.reply[cut:] + text.reply[:cut]}


def main(data: Path) -> None:
    warnings.simplefilter("ignore")
    exam = load.load(catalogue.find(["ceval:submission"])[0], data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        characters = 0
        with path.open("w", encoding="utf-8") as file:
            for row in rows(data, exam):
                characters += sum(map(len, row.values()))
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        start = time.process_time()
        for row in files.rows(path):
            texts(row)
        floor = time.process_time() - start
        start = time.process_time()
        questions = contamination.Questions([exam])
        index = time.process_time() - start
        start = time.process_time()
        found = questions.check(path)
        seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    one = found.exams[0]
    print(f"{len(one.overlaps):,} questions, {found.rows:,} rows, {characters / 1e6:.0f} M characters")
    print(f"reading alone {floor:.1f} CPU s, index {index:.1f} CPU s, all rows {seconds:.1f} CPU s, peak {peak:.2f} GB")
    print({level: one.count(level) for level in contamination.LEVELS}, f"{len(found.levels):,} rows overlap")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
