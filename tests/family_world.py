"""A made family for the tests of parents, checkpoint pages and history: a chain, siblings, a teacher, dates, steps.

Example: `with family(tmp_path / "bench.db") as store:` base -> sft (steps 100, 200, 300) -> distilled with a teacher.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from site_world import begun, checkpoint, exam_of, task

from harness import metrics
from harness.records import Checkpoint, Exam, Lineage, Response, Run, Score, Settings, Verdict
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer

DAY = "2026-0{}-{:02d}T08:00:00Z"
EVIL = "<script>alert(1)</script>\u202eevil"


def answered(
    writer: Writer, store: Store, who: Checkpoint, exam: Exam, values: Sequence[float | None],
    started: str = DAY.format(1, 2), settings: Settings | None = None, tokens: int = 20, status: str = "done",
) -> Run:  # fmt: skip
    """A run with a given value per question; None is an answer that nobody could grade, and a short list a partial run."""
    asked = settings or Settings(chat=True)
    run = begun(writer, who, exam, asked, started=started)
    for sample, value in zip(exam.samples, values, strict=False):
        writer.put(Response(run.id, sample.id, 0, f"答案：{value}", prompt="?", prompt_tokens=9, output_tokens=tokens))
        outcome: Any = "error" if value is None else "correct" if value == 1 else "wrong"
        letter = None if value is None else "B" if value == 1 else "C"
        writer.put_score(run.id, sample.id, 0, Score(exam.task.scorer, 1, value, letter, "rule", outcome), exam.key)
    writer.finish_run(run.id, status)  # type: ignore[arg-type]
    writer.put_results(run.id, metrics.summarise(read.table(store, run.id), exam.task, run.id))
    return run


def drawn(seed: str, n: int, right: float) -> list[float]:
    """0/1 with the luck of each question shared, so that two checkpoints differ where their strength does."""
    luck, dice = random.Random(n), random.Random(seed)
    return [float(luck.random() * 0.8 + dice.random() * 0.2 < right) for _ in range(n)]


def exams() -> dict[str, Exam]:
    """Plain, by subject, in cases, graded between 0 and 1, lower is better, no mean over questions."""
    cases = exam_of(task("cases", chance=0.0), 120)
    grouped = tuple(replace(sample, cluster=f"case {i // 3}") for i, sample in enumerate(cases.samples))
    return {
        "plain": exam_of(task("plain", chance=0.0), 400),
        "macro": exam_of(task("macro", average="macro"), 240),
        "graded": exam_of(task("graded", chance=0.0), 120),
        "error": exam_of(task("error", metrics=("given_error(RMSE)",), chance=None), 90),
        "classes": exam_of(task("classes", metrics=("f1_macro", "accuracy"), chance=0.0), 100),
        "cases": replace(cases, samples=grouped),
    }


@contextmanager
def pairs(path: Path) -> Iterator[Store]:
    """base and four children on all kinds of tasks: worse, better, the same, and one that is half done or lacks grades."""
    base = checkpoint("base", kind="base")
    children = {
        name: checkpoint(name, lineage=Lineage("full", {"lr": 1e-5}, parent=base.id))
        for name in ("worse", "better", "same")
    }
    children["adapter"] = checkpoint("adapter", kind="adapter", base=base.id)
    children["by name"] = checkpoint("by name", lineage=Lineage("full", parent="base"))
    strength = {"base": 0.5, "worse": 0.42, "better": 0.63, "same": 0.5, "adapter": 0.47, "by name": 0.5}
    with open_store(path) as made, Writer(made) as writer:
        for who in (base, *children.values()):
            for name, exam in exams().items():
                values: list[float | None] = [*drawn(f"{who.name} {name}", len(exam.samples), strength[who.name])]
                if who.name == "same":
                    values = [*drawn(f"base {name}", len(exam.samples), 0.5)]
                if name == "graded":
                    values = [(v or 0.0) * (1 - i % 5 / 10) for i, v in enumerate(values)]
                if name == "error":
                    values = [3.0 + (v or 0.0) * i % 7 for i, v in enumerate(values)]
                if who.name == "adapter" and name in ("plain", "macro"):
                    values[5] = values[17] = None  # answered, and nobody could grade it
                if who.name == "by name" and name in ("plain", "macro"):
                    values = values[: 399 if name == "plain" else 100]
                status = "interrupted" if len(values) < len(exam.samples) else "done"
                answered(writer, made, who, exam, values, status=status)
        other = Settings(chat=True, max_tokens=64)
        letters = exam_of(task("letters", ask="letters", scorer="options"), 60)
        for who, asked in ((base, None), (children["worse"], other), (children["better"], None)):
            answered(writer, made, who, letters, drawn(who.name, 60, 0.5), settings=asked)
        writer.flush()
        yield made


def members() -> list[tuple[Checkpoint, float, str]]:
    """(checkpoint, strength, day of its run): a chain of four steps, a broad brood of LoRAs, a pupil, a stranger."""
    base = checkpoint(
        "base", kind="base", bytes=1 << 30, parameters=494_000_000, architecture="Qwen2", dtype="bfloat16"
    )
    teacher = checkpoint("teacher", kind="base", bytes=1 << 32)
    sft = [
        checkpoint(f"sft-{step}", lineage=Lineage(
            "full", {"lr": 2e-5, "epochs": 3}, parent=base.id, steps=step, recipe_sha="a" * 16,
            data=({"name": "general mix", "rows": 12_000, "dropped": 31, "sha": "d" * 16}, {"name": EVIL, "rows": 7}),
            seconds=4100.0, tokens=1_200_000, peak_bytes=7 << 30, loss=tuple((i, 2.5 / (1 + i / 40)) for i in range(1, step, 5)),
        )) for step in (100, 200, 300, 400)
    ]  # fmt: skip
    loras = [
        checkpoint(f"lora-r{rank:02d}", kind="adapter", base=sft[3].id, path=f"/home/someone/out/lora-r{rank}", base_path="/home/someone/sft",
                   lineage=Lineage("lora", {"lr": 1e-4, "r": rank, "note": EVIL}, parent=sft[3].id, steps=90))
        for rank in range(2, 22, 2)
    ]  # fmt: skip
    pupil = checkpoint(
        "pupil",
        lineage=Lineage(
            "seqkd", {"lr": 1e-5}, parent=loras[3].id, teacher=teacher.id, steps=120, trained_on=("number",)
        ),
    )
    evil = checkpoint(EVIL, lineage=Lineage(EVIL, {EVIL: EVIL}, parent=pupil.id, teacher=EVIL))
    stranger = checkpoint("stranger", lineage=Lineage("full", parent="f" * 64))
    found = [(base, 0.45, DAY.format(1, 2)), (teacher, 0.8, DAY.format(1, 3))]
    found += [(one, 0.48 + 0.03 * i, DAY.format(1, 10 + i)) for i, one in enumerate(sft)]
    found += [(one, 0.5 + 0.01 * i, DAY.format(2, 1 + i)) for i, one in enumerate(loras)]
    return [*found, (pupil, 0.66, DAY.format(3, 1)), (evil, 0.3, DAY.format(3, 4)), (stranger, 0.5, DAY.format(3, 9))]


@contextmanager
def family(path: Path) -> Iterator[Store]:
    """All of `members` on two tasks, one with subjects; the pupil was judged twice by a gate."""
    known = {name: exam for name, exam in exams().items() if name in ("plain", "macro")}
    with open_store(path) as made, Writer(made) as writer:
        for who, right, day in members():
            for name, exam in known.items():
                tokens = 60 if who.name == "pupil" else 20
                answered(
                    writer, made, who, exam, drawn(f"{who.name} {name}", len(exam.samples), right), day, tokens=tokens
                )
        writer.flush()
        about = {c.name: c.id for c in read.checkpoints(made)}
        mine = [run.id for run in read.list_runs(made) if run.checkpoint == about["pupil"]]
        for status, code, sentence in (
            ("fail", 1, f"Worse: -3.1 points on plain {EVIL}"),
            ("pass", 0, "Passed: nothing fell."),
        ):
            writer.put_verdict(Verdict(status, code, sentence, (), before="lora-r08", after="pupil"), [], mine)  # type: ignore[arg-type]
        writer.flush()
        yield made
