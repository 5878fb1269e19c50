"""The only loop: ask what is missing, score what is unscored; the only place where engine and store meet.

A run that is finished costs nothing the second time: `plan` computes its id before anything is loaded, the store
says what is missing, and an engine starts only when something is. Responses are committed as they come and scores
follow in their own commits, so a kill between the two costs CPU seconds on resume, never GPU.

Example: 1,346 C-Eval questions, killed after 412: the same command asks 934 and ends with the same score.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol

from harness import engines, environment, identity, metrics, plugins, scoring
from harness.engines import Engine
from harness.questions import lmeval, load, prompts
from harness.records import (
    Checkpoint,
    EngineInfo,
    Exam,
    Request,
    Response,
    Run,
    Sample,
    Score,
)
from harness.store import read
from harness.store.open import Store
from harness.store.write import Writer

LoadEngine = Callable[[EngineInfo, Sequence[Checkpoint]], Engine]


@dataclass(frozen=True)
class Job:
    """One run to bring to its end: these samples of this exam, asked of this checkpoint."""

    run: Run
    checkpoint: Checkpoint
    exam: Exam
    engine: EngineInfo
    samples: tuple[Sample, ...]
    addresses: frozenset[tuple[str, int]] | None = None  # all there will ever be, where answers were given elsewhere


class Watch(Protocol):
    """Whoever looks on. Called in order: planned, (loading, loaded, answered…)*, finished per run."""

    def planned(self, jobs: Sequence[Job], missing: Mapping[str, int]) -> None: ...
    def loading(self, info: EngineInfo, checkpoints: Sequence[Checkpoint]) -> None: ...
    def loaded(self, seconds: float) -> None: ...
    def answered(self, job: Job, response: Response) -> None: ...
    def scored(self, job: Job, score: Score) -> None: ...
    def finished(self, run: Run) -> None: ...


def plan(
    checkpoints: Sequence[Checkpoint],
    exams: Sequence[Exam],
    asked: Mapping[str, Any],
    describe: Callable[[Checkpoint], EngineInfo],
    *,
    limit: int | None = None,
    repeats: int = 1,
    attempt: int = 0,
    tags: Sequence[str] = (),
    one_form: bool = False,
) -> list[Job]:
    """One job per checkpoint and exam, with every `auto` resolved; nothing is loaded and nothing is written.

    `one_form`: all are asked in one prompt form, through chat templates only where every checkpoint has one.
    """
    jobs = []
    templated = [c for c in checkpoints if "template" in c.parts]
    for checkpoint in checkpoints:
        info = describe(checkpoint)
        for exam in exams:
            chat = len(templated) == len(checkpoints) if one_form else checkpoint in templated
            settings = prompts.settings(exam.task, chat, asked)
            samples = load.select(exam, limit)
            if "shots" in asked:  # lacking solved examples are a mistake to tell before an engine starts
                deque(prompts.prompts(exam, settings, samples), maxlen=0)
            answers = repeats if exam.task.ask == "generate" else 1  # log-probabilities don't vary
            run = Run(
                id=identity.run_id(checkpoint.id, exam.id, settings, info.id, attempt),
                checkpoint=checkpoint.id,
                exam=exam.id,
                settings=settings,
                engine=info.id,
                attempt=attempt,
                expected=len(samples) * answers,
                repeats=answers,
                tags=tuple(tags),
            )
            jobs.append(Job(run, checkpoint, exam, info, samples))
    return jobs


def another_attempt(job: Job, store: Store) -> Job:
    """The same job under the first attempt number that the store doesn't know yet (`--again`)."""
    attempt = job.run.attempt
    run = job.run
    while read.list_runs(store, run=run.id):
        attempt += 1
        identifier = identity.run_id(job.checkpoint.id, job.exam.id, run.settings, job.engine.id, attempt)
        run = replace(run, id=identifier, attempt=attempt)
    return replace(job, run=run)


def missing(jobs: Sequence[Job], store: Store) -> dict[str, list[tuple[str, int]]]:
    """Run id -> the (sample, repeat) addresses that have no stored answer; an unknown run lacks all of them."""
    all_of = {job.run.id: read.missing(store, job.run.id, job.samples, job.run.repeats) for job in jobs}
    return {j.run.id: [a for a in all_of[j.run.id] if j.addresses is None or a in j.addresses] for j in jobs}


def evaluate(
    jobs: Sequence[Job],
    store: Store,
    watch: Watch,
    load_engine: LoadEngine = engines.load,
    confirm: Callable[[Checkpoint], None] = lambda checkpoint: None,
) -> list[Run]:
    """Bring every job to its end and return the runs as the store now has them, in the order of `jobs`.

    Interrupted (KeyboardInterrupt, EngineFailure), what was answered is stored and the runs are marked so. `confirm`
    raises when a checkpoint is no longer what was hashed; it is called once its weights are loaded, before any of its
    answers is stored.
    """
    with Writer(store) as writer:
        started: list[Job] = []
        try:
            for job in jobs:
                started.append(_register(job, store, writer))
            todo = missing(started, store)
            watch.planned(started, {run: len(addresses) for run, addresses in todo.items()})
            for job in started:  # answers of a killed run that were never graded
                _score(job, list(read.unscored(store, job.run.id, *_scorer(job.exam))), writer, watch)
            for info, group in _by_engine([job for job in started if todo[job.run.id]]):
                _ask(info, group, todo, writer, watch, load_engine, confirm)
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell; a full disk fails here again
                for job in started:
                    _finish(job.run.id, store, writer)
            raise
        for job in started:
            _finish(job.run.id, store, writer)
            watch.finished(read.get_run(store, job.run.id))
    return [read.get_run(store, job.run.id) for job in started]


def rescore(runs: Iterable[Run], store: Store) -> int:
    """Grade stored answers that the current scorers and golds have not graded yet; how many scores were added.

    No engine and no checkpoint is needed: the golds are in the store. Old scores stay under their old version.
    """
    added = 0
    with Writer(store) as writer:
        for run in runs:
            exam = read.get_exam(store, run.exam)
            scorer, version, key = _scorer(exam)
            by_id = {sample.id: sample for sample in exam.samples}
            pairs = ((by_id[r.sample], r) for r in list(read.unscored(store, run.id, scorer, version, key)))
            for _, response, score in _graded(exam, pairs):
                writer.put_score(run.id, response.sample, response.repeat, score, key)
                added += 1
            _summarise(run.id, store, writer)  # not the status: the run may be live in another process
    return added


def _register(job: Job, store: Store, writer: Writer) -> Job:
    """Everything a run stands on is in the store before its first answer; returns the job as registered."""
    writer.add_checkpoint(job.checkpoint)
    writer.add_engine(job.engine)
    if writer.add_exam(job.exam):  # golds were corrected: every run of this exam is graded anew, no token spent
        rescore(read.list_runs(store, exam=job.exam.id), store)
    surroundings = writer.add_environment(environment.collect())
    run = replace(job.run, environment=surroundings, expected=_expected(job, store))
    writer.start_run(run, socket.gethostname(), os.getpid())
    return replace(job, run=run)


def _expected(job: Job, store: Store) -> int:
    """What is stored and what is missing; a smaller --limit on a run that was to hold more does not shrink it."""
    known = read.list_runs(store, run=job.run.id)
    if not known:
        return job.run.expected
    lacking = len(missing([job], store)[job.run.id])
    return max(known[0].expected, read.response_count(store, job.run.id) + lacking)


def _scorer(exam: Exam) -> tuple[str, int | str, str]:
    """(name, version, key of the golds) that grade this exam now."""
    if exam.task.kind == "stock":
        return exam.task.scorer, lmeval.version(), exam.key
    return exam.task.scorer, plugins.find("harness.scorers", exam.task.scorer).VERSION, exam.key


def _graded(exam: Exam, pairs: Iterable[scoring.Pair]) -> Iterator[scoring.Scored]:
    """Stock tasks are graded by lm-eval's own filters and metrics, of which the headline is kept."""
    if exam.task.kind != "stock":
        yield from scoring.score_all(exam.task.scorer, pairs)
        return
    grade = lmeval.score(exam)
    for sample, response in pairs:
        yield sample, response, grade(sample, response)[0]


def _by_engine(jobs: Sequence[Job]) -> Iterator[tuple[EngineInfo, list[Job]]]:
    order = {info: i for i, info in enumerate(dict.fromkeys(job.engine.id for job in jobs))}
    for _, group in groupby(sorted(jobs, key=lambda job: order[job.engine.id]), key=lambda job: job.engine.id):
        members = list(group)
        yield members[0].engine, members


def _ask(
    info: EngineInfo,
    jobs: list[Job],
    todo: Mapping[str, list[tuple[str, int]]],
    writer: Writer,
    watch: Watch,
    load_engine: LoadEngine,
    confirm: Callable[[Checkpoint], None],
) -> None:
    """One engine for all these jobs; one stream per checkpoint and scorer, graded while it flows."""
    checkpoints = list({job.checkpoint.id: job.checkpoint for job in jobs}.values())
    watch.loading(info, checkpoints)
    before = time.monotonic()
    engine = load_engine(info, checkpoints)
    watch.loaded(time.monotonic() - before)
    try:
        for checkpoint in checkpoints:
            mine = [job for job in jobs if job.checkpoint.id == checkpoint.id]
            for job in sorted(mine, key=lambda job: (job.exam.task.scorer, job.exam.task.key)):
                answers = _confirmed(engine.answer(requests(job, todo[job.run.id])), checkpoint, confirm)
                _score(job, _stored(job, answers, writer, watch), writer, watch)
    finally:
        engine.close()


def requests(job: Job, addresses: Sequence[tuple[str, int]]) -> Iterator[Request]:
    """The missing questions of a job in exam order, which keeps a subject's shared prefix together."""
    wanted: dict[str, list[int]] = {}
    for sample, repeat in addresses:
        wanted.setdefault(sample, []).append(repeat)
    samples = [sample for sample in job.samples if sample.id in wanted]
    for prompt in prompts.prompts(job.exam, job.run.settings, samples):
        for repeat in wanted[prompt.sample]:
            yield Request(job.run.id, job.checkpoint.id, prompt.sample, repeat, prompt, job.run.settings)


def _confirmed(
    answers: Iterable[Response], checkpoint: Checkpoint, confirm: Callable[[Checkpoint], None]
) -> Iterator[Response]:
    """A trainer may overwrite `out/latest` between hashing and loading: the answers would stand under another id."""
    for number, response in enumerate(answers):
        if number == 0:
            confirm(checkpoint)
        yield response


def _stored(job: Job, answers: Iterable[Response], writer: Writer, watch: Watch) -> Iterator[Response]:
    for response in answers:
        writer.put(response)
        watch.answered(job, response)
        yield response


def _score(job: Job, responses: Iterable[Response], writer: Writer, watch: Watch) -> None:
    by_id = {sample.id: sample for sample in job.exam.samples}
    pairs = ((by_id[response.sample], response) for response in responses)
    for _, response, score in _graded(job.exam, pairs):
        writer.put_score(job.run.id, response.sample, response.repeat, score, job.exam.key)
        watch.scored(job, score)


def _finish(run_id: str, store: Store, writer: Writer) -> None:
    """Status by what is really there, and the cache of results made anew."""
    writer.flush()
    exam = read.get_exam(store, read.get_run(store, run_id).exam)
    ungraded = next(read.unscored(store, run_id, *_scorer(exam)), None)
    # the store makes `done` `interrupted` where answers are lacking; grades that lack are as bad
    writer.finish_run(run_id, "done" if ungraded is None else "interrupted")
    _summarise(run_id, store, writer)


def _summarise(run_id: str, store: Store, writer: Writer) -> None:
    writer.flush()
    task = read.get_task(store, read.get_run(store, run_id).exam)
    writer.put_results(run_id, metrics.summarise(read.table(store, run_id), task, run_id))
