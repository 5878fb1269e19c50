"""A teacher asked through the engines of the harness, its answers kept in a store beside the checkpoints that it teaches.

Example: `results/train/teacher.db`, read by `bench show --store`: a killed distillation asks what is missing, and the next
recipe (another rank, another slice of the same data, more samples) asks only what no run of this teacher has asked before.
Trap: answers are kept by what was asked and how, never by a row's place in a file; another temperature is another answer.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import engines, evaluate, identity
from harness.checkpoints import endpoint
from harness.engines import Engine
from harness.errors import UserError
from harness.evaluate import Job
from harness.records import Checkpoint, EngineInfo, Request, Response, Run, Score
from harness.store import read as stored
from harness.store.open import Store, open_store
from harness.words import say
from trainers._teacher_choice import Answer
from trainers._teacher_exam import Lessons
from trainers.parent import placed, read_examined
from trainers.recipe import Teacher

STORE = "teacher.db"
EVERY = 20.0  # seconds between two lines on how far it is
Said = Callable[[str], None]
Answers = dict[str, list[Answer]]  # sample id -> its answers
Known = dict[tuple[str, str, int], Response]  # run, sample id, repeat


@dataclass(frozen=True)
class Asking:
    """Who is asked and how."""

    checkpoint: Checkpoint
    engine: str
    asked: Mapping[str, Any]  # settings that the recipe names
    repeats: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """As Lineage.teacher has it: the checkpoint's id, or the server and the model's name there."""
        parts = self.checkpoint.parts
        return f"{parts['endpoint']} {parts['model']}" if self.checkpoint.kind == endpoint.KIND else self.checkpoint.id

    def describe(self, checkpoint: Checkpoint) -> EngineInfo:
        return engines.describe(self.engine, [checkpoint], self.options)

    def load(self, info: EngineInfo, checkpoints: Sequence[Checkpoint]) -> Engine:
        return engines.load(info, checkpoints, self.options)


def asking(teacher: Teacher, folder: Path, said: Said) -> Asking:
    """The teacher of a recipe in `folder`, read and examined; UserError where it can't be asked."""
    sampled = teacher.samples > 1 and teacher.temperature > 0
    asked: dict[str, Any] = {"max_tokens": teacher.max_tokens}
    asked |= {"temperature": teacher.temperature, "top_p": teacher.top_p} if sampled else {"temperature": 0.0}
    repeats = teacher.samples if sampled else 1
    if teacher.endpoint:
        if not teacher.served_model:
            raise UserError("teacher.endpoint serves models by name; add teacher.served_model")
        return Asking(endpoint.read(teacher.endpoint, teacher.served_model), "openai", asked, repeats)
    return Asking(opened(str(teacher.model), folder, said), teacher.engine, asked, repeats)


def opened(model: str, folder: Path, said: Said = lambda line: None) -> Checkpoint:
    """A checkpoint named in a recipe, examined as `bench run` does."""
    checkpoint, notes = read_examined(placed(model, folder))
    for note in notes:
        said(note)
    return checkpoint


def ask(who: Asking, lessons: Sequence[Lessons], place: Path, said: Said) -> list[Answers]:
    """The answers to each of the lessons: those in the store, and the missing ones, which are asked for and stored."""
    jobs = [
        job
        for one in lessons
        for job in evaluate.plan(
            [who.checkpoint], [one.exam], {**who.asked, "system": one.system}, who.describe, repeats=who.repeats
        )
    ]
    return answered(jobs, place, said, who.load)


def answered(jobs: Sequence[Job], place: Path, said: Said, load: evaluate.LoadEngine) -> list[Answers]:
    """What each job comes to: asked where it is missing, graded, and read back."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open_store(place) as store:
        known = _known(store, jobs)

        def remembering(info: EngineInfo, checkpoints: Sequence[Checkpoint]) -> Engine:
            return _Remembering(info, known, lambda: load(info, checkpoints))

        runs = evaluate.evaluate(jobs, store, _Told(said, len(known)), remembering)
        found = [_read(store, run) for run in runs]
        _refuse_silence(store, runs, found)
    return found


def _read(store: Store, run: Run) -> Answers:
    found: Answers = {}
    for row in stored.table(store, run.id).to_dict("records"):
        found.setdefault(row["sample"], []).append(
            Answer(
                text=row["text"].strip(),
                repeat=int(row["repeat"]),
                ended=row["stop"] == "end" and row["outcome"] not in ("truncated", "empty", "error"),
                tokens=int(row["output_tokens"]) if row["output_tokens"] > 0 else None,  # NaN is not known
                value=float(row["value"]) if row["value"] >= 0 else None,
                answer=row["answer"],
                outcome=row["outcome"] or "ungraded",
            )
        )
    return found


def _refuse_silence(store: Store, runs: Sequence[Run], found: Sequence[Answers]) -> None:
    """UserError where not one question could be asked: a template that takes no system prompt, a window too small."""
    if any(answer.outcome != "error" for some in found for mine in some.values() for answer in mine):
        return
    why = next((error for run in runs if (error := stored.first_error(store, run.id))), "")
    if why:
        raise UserError(f"the teacher could not be asked a single question: {why}")


# -- what was answered before -------------------------------------------------------------------------------------


def _known(store: Store, jobs: Sequence[Job]) -> Known:
    """Answers to these questions that other runs of the same teacher hold, asked in the same way by the same engine."""
    missing = evaluate.missing(jobs, store)
    known: Known = {}
    for job in jobs:
        wanted = set(missing[job.run.id])
        same = identity.settings_fields(job.run.settings)
        for run in stored.list_runs(store, checkpoint=job.checkpoint.id) if wanted and job.addresses is None else ():
            if run.id == job.run.id or run.engine != job.engine.id or identity.settings_fields(run.settings) != same:
                continue
            for response in stored.responses(store, run.id):
                if (response.sample, response.repeat) in wanted and response.stop != "error":
                    known[job.run.id, response.sample, response.repeat] = response
    return known


class _Remembering:
    """An engine before the engine: what was answered before is said again, and the model is loaded for the rest alone."""

    def __init__(self, info: EngineInfo, known: Known, load: Callable[[], Engine]) -> None:
        self.info, self._known, self._load = info, known, load
        self._engine: Engine | None = None

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        new: list[Request] = []
        for request in requests:
            found = self._known.get((request.run, request.sample, request.repeat))
            if found is None:
                new.append(request)
            else:
                yield dataclasses.replace(found, run=request.run)
        if new:
            self._engine = self._load()
            yield from self._engine.answer(new)

    def peak_bytes(self) -> int | None:
        tell: Callable[[], int | None] = getattr(self._engine, "peak_bytes", lambda: None)
        return tell()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()


# -- what is told meanwhile ---------------------------------------------------------------------------------------


class _Told:
    """A Watch that says how many answers are wanted, and every so often how far it is."""

    def __init__(self, said: Said, known: int) -> None:
        self._said, self._known = said, known
        self._wanted = self._done = 0
        self._since = self._last = time.monotonic()

    def planned(self, jobs: Sequence[Job], missing: Mapping[str, int]) -> None:
        self._wanted = sum(missing.values())
        if not jobs:  # such as no wording worth an answer
            return
        have = sum(job.run.done for job in jobs) + self._known
        name = jobs[0].checkpoint.name
        self._said(
            say(
                "teacher {name}: {n:,} answers to ask, {have:,} stored",
                name=name,
                n=self._wanted - self._known,
                have=have,
            )
        )

    def loading(self, info: EngineInfo, checkpoints: Sequence[Checkpoint]) -> None: ...

    def loaded(self, seconds: float) -> None:
        self._since = self._last = time.monotonic()

    def answered(self, job: Job, response: Response) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            rate = self._done / (now - self._since)
            self._said(say("teacher: {done:,}/{n:,} answers, {rate:.1f}/s", done=self._done, n=self._wanted, rate=rate))

    def scored(self, job: Job, score: Score) -> None: ...

    def finished(self, run: Run) -> None: ...
