"""Checkpoints that answered demo_math in known ways, as `bench run` leaves them: what composites are tried on.

Example: answered(folder, "bare", bare) stores a run that is right seven times of eight, without a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness import identity, metrics, plugins
from harness.questions import catalogue, load
from harness.records import Checkpoint, EngineInfo, Response, Run, Settings
from harness.store import read
from harness.store.open import open_store
from harness.store.write import Writer
from tasks import demo_math

Row = dict[str, Any]
STORE = ("--store", "results/bench.db")


def rows() -> Iterator[tuple[int, Row]]:
    yield from enumerate(demo_math.rows(None, "test"))


def good(i: int, row: Row) -> str:
    """Seven of eight right, with the steps that the task wants."""
    return str(row["solution"]) if i % 8 else str(row["solution"]).replace("boxed{", "boxed{9")


def twin(i: int, row: Row) -> str:
    """As good as `good`, but for three questions."""
    return str(row["solution"]) if i % 8 or i in (8, 16, 24) else good(i, row)


def bare(i: int, row: Row) -> str:
    """Right where `good` is right, without a step."""
    return f"答案\\boxed{{{row['answer'] if i % 8 else '9' + row['answer']}}}"


def sloppy(i: int, row: Row) -> str:
    """Right, but every fourth chain holds a sum that is none."""
    return str(row["solution"]) + ("\n13+13=27。" if i % 4 == 0 else "")


def silent(i: int, row: Row) -> str:
    return ""


def answered(
    folder: Path, name: str, say: Callable[[int, Row], str], size: int = 500_000, n: int = 200, tokenizer: str = "7a",
    expected: int = 0,
) -> None:  # fmt: skip
    """A run as `bench run` leaves it, of a checkpoint whose tokenizer most of these share."""
    task = catalogue.find(["demo_math"])[0]
    exam = load.load(task, None)
    scorer = plugins.find("harness.scorers", task.scorer)
    who = Checkpoint(identity.digest(name), name, "full", parts={"weights": name, "tokenizer": tokenizer}, bytes=size)
    info = EngineInfo("e" * 16, "recorded", "1", "float32")
    run = Run(
        identity.digest([name]),
        who.id,
        exam.id,
        Settings(),
        info.id,
        expected=expected or n,
        started="2026-01-02T03:04:05Z",
    )
    said = {row["question"]: say(i, row) for i, row in rows()}
    with open_store(folder / "results" / "bench.db") as store, Writer(store) as writer:
        writer.add_checkpoint(who)
        writer.add_exam(exam)
        writer.add_engine(info)
        writer.start_run(run, "host", 1)
        for sample in exam.samples[:n]:
            text = said[sample.question]
            response = Response(run.id, sample.id, 0, text, output_tokens=len(text) // 2 + 1, thinking_tokens=0)
            writer.put(response)
            writer.put_score(run.id, sample.id, 0, scorer.score(sample, response), exam.key)
        writer.finish_run(run.id, "done")
        writer.put_results(run.id, metrics.summarise(read.table(store, run.id), task, run.id))
