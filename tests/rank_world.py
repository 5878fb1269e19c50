"""A store with made checkpoints that answered made tasks: what compare and pick are tried on, through the real command.

Example: world.run("a", "quiz", [1, 0, 1]) stores checkpoint a with three graded answers to the task quiz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from harness import identity, metrics
from harness.cli import cli
from harness.errors import UserError
from harness.records import Checkpoint, EngineInfo, Exam, Lineage, Response, Run, Sample, Score, Settings, Task
from harness.store import read
from harness.store.open import open_store
from harness.store.write import Writer

ENGINE = EngineInfo("e0", "hf", "5.19", "float32")


@dataclass
class Done:
    code: int
    out: str
    err: str


@dataclass
class World:
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "bench.db"

    def bench(self, *words: object) -> Done:
        """The command in this process: a subprocess would spend a second on imports."""
        done = CliRunner().invoke(cli, [*map(str, words), "--store", str(self.store)], standalone_mode=False)
        if done.exception is not None and not isinstance(done.exception, UserError):
            raise done.exception
        wrong = done.exception
        return Done(wrong.exit_code if wrong else 0, done.stdout, done.stderr + (str(wrong) if wrong else ""))

    def checkpoint(self, name: str, **of: Any) -> Checkpoint:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        lineage: Lineage | None = of.get("lineage")
        return Checkpoint(
            identity.digest(name), name, "full", path=str(folder), bytes=of.get("bytes", 1_000_000_000),
            parts={"weights": name, "template": "tt"}, lineage=lineage,
        )  # fmt: skip

    def run(
        self, name: str, task: str, values: Sequence[float | None], settings: Settings | None = None, **of: Any
    ) -> str:
        """A finished run with these grades (None: an answer without a gold); its id."""
        checkpoint, settings = self.checkpoint(name, **of), settings or Settings()
        open_ = all(value is None for value in values)
        card = Task(
            name=task.partition(":")[0], form=task.partition(":")[2], scorer="text" if open_ else "number",
            metrics=("ends_itself" if open_ else "accuracy",), average=of.get("average", "micro"), ask=of.get("ask", "generate"),
        )  # fmt: skip
        texts, subjects = of.get("texts"), of.get("subjects", ("law", "physics"))
        samples = tuple(
            Sample(f"{task}{i}", i, f"question {i} of {task}", target=str(i), subject=subjects[i % len(subjects)])
            for i in range(len(values))
        )
        exam = Exam(f"exam-{task}", f"key-{task}", card, samples)
        run = Run(
            identity.run_id(checkpoint.id, exam.id, settings, ENGINE.id), checkpoint.id, exam.id, settings, ENGINE.id,
            expected=of.get("expected", len(values)), started=of.get("started", "2026-01-01T00:00:00Z"),
        )  # fmt: skip
        with open_store(self.store) as store, Writer(store) as writer:
            writer.add_checkpoint(checkpoint)
            writer.add_exam(exam)
            writer.add_engine(ENGINE)
            writer.start_run(run, "host", 1)
            for i, value in enumerate(values):
                text = texts[i] if texts else f"so it is {i}"
                stop = of.get("stop", "end")
                writer.put(Response(run.id, f"{task}{i}", 0, text, output_tokens=of.get("tokens", 10), stop=stop))
                outcome: Any = of.get("outcome") or (
                    "ungraded" if value is None else "correct" if value == 1 else "wrong"
                )
                graded = Score(card.scorer, 1, value, str(i), "last number", outcome)
                writer.put_score(run.id, f"{task}{i}", 0, graded, exam.key)
            writer.finish_run(run.id, of.get("status", "done"))
            writer.put_results(run.id, metrics.summarise(read.table(store, run.id), card, run.id))
        return run.id


def pattern(n: int, lost: int = 0, gained: int = 0) -> tuple[list[float], list[float]]:
    """Two sides of n questions: `lost` right ones become wrong, `gained` the other way; half of the rest is right."""
    rest = [float(i % 2) for i in range(n - lost - gained)]
    return [1.0] * lost + [0.0] * gained + rest, [0.0] * lost + [1.0] * gained + rest
