"""A small world for the store's tests: one checkpoint, one exam of twelve questions, runs that answer it."""

from __future__ import annotations

import os
import socket
import sqlite3
from dataclasses import replace

from harness.records import (
    Checkpoint,
    EngineInfo,
    Exam,
    Lineage,
    Response,
    Result,
    Run,
    Sample,
    Score,
    Settings,
    Task,
)  # fmt: skip
from harness.store.open import Store
from harness.store.write import Writer

HERE, ME = socket.gethostname(), os.getpid()
SUBJECTS = ("law", "physics")
TASK = Task(name="quiz", scorer="number", metrics=("accuracy",), average="macro", chance=0.25, languages=("en", "zh"))
CHECKPOINT = Checkpoint(
    "c0ffee", "small-sft", "full", path="/ckpt/small", parts={"weights": "aa", "config": "bb"}, bytes=1_000, base="ba5e",
    stop_ids=(2, 7), lineage=Lineage(method="lora", teacher="big@server", seed=1, recipe={"lr": 8e-5}, loss=((1, 2.5),)),
)  # fmt: skip
ENGINE = EngineInfo("e0", "hf", "5.19", "float32", options={"attention": "eager"})
RUN = Run("5a0e", "c0ffee", "exam0", Settings(stop=("\n\n",)), "e0", expected=12, tags=("nightly",))


def exam(n: int = 12, key: str = "key0", **target: str) -> Exam:
    samples = [
        Sample(f"s{i}", i, f"{i} + 1 = ?", target=target.get(f"s{i}", str(i + 1)), subject=SUBJECTS[i % 2],
               categories=("STEM", "Hard"), cluster=f"c{i // 2}", language="en", fields={"row": i, "ratio": 0.5})
        for i in range(n)
    ]  # fmt: skip
    return Exam("exam0", key, TASK, tuple(samples))


def answer(i: int, text: str | None = None, repeat: int = 0, **more: object) -> Response:
    said = f"it is {i + 1}" if text is None else text
    return replace(Response("5a0e", f"s{i}", repeat, said, output_tokens=4 + i), **more)  # type: ignore[arg-type]


def grade(i: int, value: float | None = 1.0, version: int = 1, **more: object) -> Score:
    outcome = "correct" if value == 1.0 else "unparsed" if value is None else "wrong"
    return replace(Score("number", version, value, str(i + 1), "last number", outcome), **more)  # type: ignore[arg-type]


def begin(store: Store, writer: Writer, run: Run = RUN, host: str = HERE, pid: int = ME) -> None:
    writer.add_checkpoint(CHECKPOINT)
    writer.add_exam(exam())
    writer.add_engine(ENGINE)
    sha = writer.add_environment({"torch": "2.13.0", "python": "3.11"})
    writer.start_run(replace(run, environment=sha), host, pid)


def fill(store: Store, run: Run = RUN, wrong: tuple[int, ...] = (), n: int = 12) -> None:
    """A finished run: all answers but `wrong` are right; results as a metric would cache them."""
    with Writer(store) as writer:
        begin(store, writer, run)
        for i in range(n):
            writer.put(replace(answer(i), run=run.id))
            writer.put_score(run.id, f"s{i}", 0, grade(i, 0.0 if i in wrong else 1.0), "key0")
        writer.finish_run(run.id, "done")
        right = (n - len(wrong)) / n
        writer.put_results(
            run.id,
            [Result(run.id, "accuracy", 1, s, right, 0.1, 0.9, n, "t") for s in ("", "micro", "macro")],
        )


def plain(store: Store, sql: str) -> list[tuple[object, ...]]:
    """Through a connection that knows nothing of us."""
    conn = sqlite3.connect(store.path)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()
