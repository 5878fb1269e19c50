"""A store with a parent and its child, in which each fault can be planted: what the tests of diagnose look at.

Example: World(tmp_path).ask("sums", said, said_shorter); each answer is a dict: text, value, outcome, stop, tokens, letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from store_world import HERE, ME

from harness.records import Checkpoint, EngineInfo, Exam, Lineage, Response, Run, Sample, Score, Settings, Task
from harness.store.open import Store, open_store
from harness.store.write import Writer

Said = Mapping[str, Any]
ENGINE = EngineInfo("e0", "vllm", "0.32", "bfloat16", device="NVIDIA H100")
SUBJECTS = ("algebra", "geometry", "history", "law")
STEPS = (
    "First we add {a} and {b}, which gives {c}. Then we check the sum once more by counting on. So the answer is {c}."
)


class World:
    def __init__(self, folder: Path, **child: Any) -> None:
        self.path = folder / "bench.db"
        parts = {"weights": "w-parent", "template": "t", "generation": "g"}
        self.parent = Checkpoint("ba5eba5e", "base", "full", parts=parts, stop_ids=(2, 7), bytes=1000)
        lineage = child.pop("lineage", Lineage(method="full", parent="ba5eba5e"))
        self.child = Checkpoint(
            "c41dc41d",
            "sft",
            "full",
            parts=parts | {"weights": "w-child"},
            stop_ids=(2, 7),
            bytes=1000,
            lineage=lineage,
        )
        self.parent = replace(self.parent, **child.pop("parent", {}))
        self.child = replace(self.child, **child)

    def ask(self, name: str, before: Sequence[Said], after: Sequence[Said], **card: Any) -> World:
        """A finished run of each side; a gold letter or number stands in `target`."""
        card = {"scorer": "number", "chance": None, "languages": ("en",)} | card
        task = Task(name.partition(":")[0], name.partition(":")[2], **card)
        samples = tuple(
            Sample(
                f"{i:016x}", i, str(row.get("question", f"What is {i} + 1?")), target=row.get("target", "1"), language="en",
                subject=SUBJECTS[i % 4], categories=("STEM",) if i % 4 < 2 else ("Humanities",),
            )
            for i, row in enumerate(before)
        )  # fmt: skip
        exam = Exam(f"exam-{name}", f"key-{name}", task, samples)
        with open_store(self.path) as store, Writer(store) as writer:
            writer.add_exam(exam)
            writer.add_engine(ENGINE)
            for checkpoint, rows in ((self.parent, before), (self.child, after)):
                self._run(store, writer, exam, checkpoint, rows)
        return self

    def _run(self, store: Store, writer: Writer, exam: Exam, checkpoint: Checkpoint, rows: Sequence[Said]) -> None:
        writer.add_checkpoint(checkpoint)
        name = f"{checkpoint.id[:4]}{exam.task.key}"
        run = Run(
            name,
            checkpoint.id,
            exam.id,
            Settings(max_tokens=512),
            "e0",
            expected=len(rows),
            environment=writer.add_environment({}),
        )
        writer.start_run(run, HERE, ME)
        for i, row in enumerate(rows):
            text = row.get("text", "")
            tokens = row.get("tokens", len(text.split()) + 1)
            writer.put(
                Response(name, f"{i:016x}", 0, text, output_tokens=None if "logprobs" in row else tokens, stop=row.get("stop", "end"),
                         logprobs=row.get("logprobs"), seconds=0.01 * tokens)
            )  # fmt: skip
            value = row.get("value")
            outcome: Any = row.get("outcome") or (
                "ungraded" if value is None else "correct" if value == 1.0 else "wrong"
            )
            answer = row.get("letter", row.get("target", "1") if value == 1.0 else "0")
            writer.put_score(name, f"{i:016x}", 0, Score("number", 1, value, answer, "r", outcome), exam.key)
        writer.finish_run(name, "done")


def worked(
    rng: np.random.Generator, n: int, right: Sequence[bool] | None = None, share: float = 0.6
) -> list[dict[str, Any]]:
    """Healthy answers with steps, of varied length, `share` of them right."""
    chosen = right if right is not None else (rng.random(n) < share).tolist()
    rows = []
    for i in range(n):
        steps = STEPS.format(a=i, b=rng.integers(2, 99), c=rng.integers(2, 999))
        rows.append({"text": steps + " Checked again." * int(rng.integers(0, 3)), "value": float(chosen[i])})
    return rows


def flipped(rng: np.random.Generator, rows: Sequence[Said], lost: float, gained: float) -> list[bool]:
    """Which are right when shares of the right ones are lost and of the wrong ones gained."""
    draws = rng.random(len(rows))
    return [bool(d >= lost) if row["value"] == 1.0 else bool(d < gained) for row, d in zip(rows, draws, strict=True)]


def lettered(rng: np.random.Generator, key: Sequence[str], share: float, only: str = "") -> list[dict[str, Any]]:
    """Options by log-probability: the key's letter with that chance, else any; or always `only`."""
    rows = []
    for gold in key:
        letter = only or (gold if rng.random() < share else str(rng.choice(list("ABCD"))))
        logprobs = tuple(-1.0 - 0.5 * (x != letter) - 0.01 * float(rng.random()) for x in "ABCD")
        rows.append({"logprobs": logprobs, "value": float(letter == gold), "letter": letter, "target": gold})
    return rows
