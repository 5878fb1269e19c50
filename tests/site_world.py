"""A small world for the site's tests: checkpoints of known strength, hostile names and answers, written by the Writer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import identity, metrics
from harness.records import (
    Checkpoint,
    EngineInfo,
    Exam,
    Lineage,
    Response,
    Run,
    Sample,
    Score,
    Settings,
    Task,
)
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer

HOSTILE = "<script>alert(1)</script></script><img src=x onerror=alert(1)> \u2028 \u202egnorw\u202c \x00 \ud83d 答案：B <script>alert(2)</script>"
NAMES = ("good", "damaged", "=1+1<b>\u202eevil", "模型 甲")


def task(name: str, **card: Any) -> Task:
    title = {"en": name.upper(), "zh": f"任务 {name}"}
    return Task(name, **{"title": title, "n": 40, "languages": ("zh",), "licence": "MIT", "chance": 0.25} | card)


def exam_of(card: Task, n: int = 40) -> Exam:
    samples = tuple(
        Sample(
            identity.sample_id(card.key, "", "", f"{card.name} 问题 {i}", (), 0), i, f"{card.name} 问题 {i}",
            ("红", "黄", "蓝", "白") if card.ask == "letters" else (), "B", subject=f"subject {i % 4}", language="zh",
        )
        for i in range(n)
    )  # fmt: skip
    return Exam(identity.digest([card.key, card.version]), identity.digest(["B"] * n), card, samples)


def checkpoint(name: str, **facts: Any) -> Checkpoint:
    return Checkpoint(identity.digest(name), name, facts.pop("kind", "full"), **facts)


MATHCOT = ("gsm8k", "cmath", "gaokao2023en", "gaokao_math_cloze")  # a group's members, as its card names them
STARTED = "2026-01-02T03:04:05Z"
ENGINE = EngineInfo("e" * 16, "recorded", "1", "float32")


def begun(
    writer: Writer, who: Checkpoint, exam: Exam, settings: Settings, repeats: int = 1, started: str = STARTED
) -> Run:  # fmt: skip
    """A run that has been announced to the store with all that it stands on, and has no answer yet."""
    run = Run(
        identity.run_id(who.id, exam.id, settings, ENGINE.id), who.id, exam.id, settings, ENGINE.id,
        expected=len(exam.samples) * repeats, repeats=repeats, started=started,
    )  # fmt: skip
    writer.add_checkpoint(who)
    writer.add_exam(exam)
    writer.add_engine(ENGINE)
    writer.start_run(run, "host", 1)
    return run


def put_run(
    writer: Writer, store: Store, who: Checkpoint, exam: Exam, right: float,
    settings: Settings | None = None, answered: int | None = None, odd: float = 0.0, text: str = "",
) -> Run:  # fmt: skip
    """A run whose answers are right with probability `right`; each question keeps its luck across checkpoints."""
    settings = settings or Settings(shots=5, chat=False)
    run = begun(writer, who, exam, settings)
    luck, dice = random.Random(exam.id), random.Random(run.id)
    for sample in exam.samples[:answered]:
        hit = luck.random() * 0.85 + dice.random() * 0.15 < right
        broken = dice.random() < odd
        letter = None if broken else "B" if hit else "C"
        outcome = "unparsed" if broken else "correct" if hit else "wrong"
        prompt = f"题目：{sample.question}\n答案："
        writer.put(
            Response(run.id, sample.id, 0, text or f"推理……\n答案：{letter}", prompt=prompt, prompt_tokens=9, output_tokens=7,
                     logprobs=(-2.0, -0.5, -1.0, -3.0) if sample.choices else None)
        )  # fmt: skip
        score = Score(exam.task.scorer, 1, float(hit and not broken), letter, "last letter", outcome)
        writer.put_score(run.id, sample.id, 0, score, exam.key)
    writer.finish_run(run.id, "done")
    if answered is None:
        writer.put_results(run.id, metrics.summarise(read.table(store, run.id), exam.task, run.id))
    return run


@contextmanager
def small_world(path: Path) -> Iterator[Store]:
    """base, good and damaged on three tasks; a hostile name with hostile answers; a partial and an imported run."""
    ceval = exam_of(task("ceval", ask="letters", scorer="options", average="macro"), 240)
    mathcot = [exam_of(task(name, chance=0.0)) for name in MATHCOT]
    gsm8k, cmath = mathcot[:2]
    base = checkpoint("base", kind="base", bytes=1 << 30, parameters=494_000_000)
    lineage = Lineage("lora", {"lr": "8e-5"}, parent=base.id, steps=90, loss=((1, 3.0), (90, 1.25)))
    facts: dict[str, dict[str, Any]] = {
        "good": {"kind": "adapter", "base": base.id, "lineage": lineage, "bytes": 3 << 29},
        "damaged": {"bytes": 5 << 29, "bytes_declared": True},
    }
    people = [checkpoint(name, **facts.get(name, {})) for name in NAMES]
    with open_store(path) as made, Writer(made) as writer:
        for who, right in ((base, 0.5), (people[0], 0.8), (people[1], 0.1)):
            for exam in (ceval, *mathcot):
                put_run(writer, made, who, exam, right, odd=0.3 if who is people[1] else 0.0)
        put_run(writer, made, people[0], ceval, 0.7, Settings(chat=True))
        put_run(writer, made, people[2], gsm8k, 0.6, text=HOSTILE)
        put_run(writer, made, people[2], cmath, 0.6, text="x" * 1_000_000)
        put_run(writer, made, people[3], gsm8k, 0.9, answered=25)
        put_run(writer, made, people[3], cmath, 0.7, Settings(asked="elsewhere:contest"))
        writer.flush()
        yield made
