"""Recorded answers as runs: one job per system and exam, and never other answers under a run that is stored already.

Trap: a run's id doesn't hold its answers, so a corrected file imported under the same name and label would find its run
finished; it becomes another attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness import engines, evaluate, identity
from harness.cli import _watch
from harness.evaluate import Job
from harness.imports import Address
from harness.records import Checkpoint, EngineInfo, Exam, Response, Run, Settings
from harness.store import read
from harness.store.open import Store
from harness.store.write import Writer

Answers = Mapping[Address, Response]


def job(checkpoint: Checkpoint, exam: Exam, answers: Answers, label: str, tags: Sequence[str]) -> Job:
    """`answers`: of this exam only."""
    info = engines.describe("recorded", [checkpoint], {"label": label})
    settings = Settings(max_tokens=0, asked=f"elsewhere:{label}")
    answered = {sample for sample, _ in answers}
    run = Run(
        id=identity.run_id(checkpoint.id, exam.id, settings, info.id), checkpoint=checkpoint.id, exam=exam.id,
        settings=settings, engine=info.id, expected=len(answers), repeats=1 + max((k for _, k in answers), default=0),
        tags=tuple(tags),
    )  # fmt: skip
    samples = tuple(sample for sample in exam.samples if sample.id in answered)
    return Job(run, checkpoint, exam, info, samples, frozenset(answers))


def bring(
    store: Store, pairs: Sequence[tuple[Job, Answers]], quiet: bool, say: Callable[[str], None],
    declared: Mapping[str, Checkpoint] | None = None,
) -> list[Run]:  # fmt: skip
    """The runs, graded, in the order given; `declared` bases are kept by name where the store hasn't got them."""
    with Writer(store) as writer:
        for base in (declared or {}).values():
            if read.find_checkpoint(store, base.id) is None:
                writer.add_checkpoint(base)
    recorded: dict[tuple[str, str, int], Response] = {}
    jobs = []
    for planned, answers in pairs:
        fitting = _attempt(store, planned, answers)
        if fitting.run.attempt:
            name = f"{planned.checkpoint.name} × {planned.exam.task.key}"
            say(
                f"{name}: other answers are stored under this name and label; these are attempt {fitting.run.attempt} "
                "(of another system? give it a name of its own with --run NAME=…)"
            )
        jobs.append(fitting)
        recorded |= {(planned.checkpoint.id, *address): answer for address, answer in answers.items()}

    def load(info: EngineInfo, members: Sequence[Checkpoint]) -> engines.Engine:
        return engines.load(info, members, {"answers": recorded})

    return evaluate.evaluate(jobs, store, _watch.choose(quiet=quiet), load)


def _attempt(store: Store, planned: Job, answers: Answers) -> Job:
    """The first attempt that holds nothing else than these answers; more of them may be stored, or less."""
    run, attempt = planned.run, 0
    while read.list_runs(store, run=run.id):
        stored = ((r.sample, r.repeat, _said(r)) for r in read.responses(store, run.id))
        if all((s, k) not in answers or _said(answers[s, k]) == said for s, k, said in stored):
            break
        attempt += 1
        identifier = identity.run_id(run.checkpoint, run.exam, run.settings, run.engine, attempt)
        run = replace(run, id=identifier, attempt=attempt)
    return replace(planned, run=run)


def _said(answer: Response) -> tuple[str, str, tuple[float, ...] | None]:
    logprobs = None if answer.logprobs is None else tuple(round(value, 9) for value in answer.logprobs)
    return answer.text, answer.thinking, logprobs
