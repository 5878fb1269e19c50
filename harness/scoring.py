"""Scores many answers, with a hard end for each: graders that may hang run in processes that are killed.

Example: for sample, response, score in score_all("number", pairs): store.put_score(...)
Trap: computer algebra hangs in C code where no thread-based limit and no alarm of a worker thread can end it, and a
training process has CUDA and threads, so it must not fork. Workers are therefore fresh interpreters (never a copy of
this process, never a second run of the user's script), started only when an answer needs one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from typing import NamedTuple

from harness import plugins
from harness.records import Response, Sample, Score

SCORERS = "harness.scorers"
STARTUP_SECONDS = 120.0  # imports on a cold, slow disk; not part of an answer's time
MEMORY_BYTES = 4 << 30

Pair = tuple[Sample, Response]
Scored = tuple[Sample, Response, Score]


def score_all(
    scorer: str, pairs: Iterable[Pair], workers: int | None = None, seconds: float = 10.0
) -> Iterator[Scored]:
    """Score every pair; lazy in its input, in finishing order.

    An answer whose grading takes longer than `seconds` gets outcome "error" by rule "timeout", one whose grading
    breaks "error" by rule "crash"; all others are untouched by it.
    """
    module = plugins.find(SCORERS, scorer)
    version: int = module.VERSION
    inline: Callable[[Sample, Response], Score | None] = module.score
    if getattr(module, "ISOLATED", True):  # what doesn't say so may hang
        inline = getattr(module, "quick", lambda sample, response: None)
    pool = _Pool(scorer, version, workers or max(1, min(4, os.cpu_count() or 1)), seconds)
    try:
        for sample, response in pairs:
            score: Score | None
            try:
                score = inline(sample, response)
            except Exception as error:  # a bad sample is data
                score = _failure(scorer, version, sample, "crash", repr(error))
            if score is not None:
                yield sample, response, score
                continue
            yield from pool.submit(sample, response)
        yield from pool.drain()
    finally:
        pool.close()


def _failure(scorer: str, version: int | str, sample: Sample, rule: str, why: str) -> Score:
    value = None if sample.target is None else 0.0
    return Score(scorer, version, value, None, rule, "error", {"why": why[:500]})


# -- the side that asks -------------------------------------------------------------------------------------


class _Job(NamedTuple):
    sample: Sample
    response: Response


class _Worker:
    """One interpreter with one job at most; the clock of a job starts when the interpreter is ready for it."""

    def __init__(self, scorer: str, seconds: float) -> None:
        self.job: _Job | None = None
        self.seconds = seconds
        self.connection, theirs = Pipe()
        context = {
            "scorer": scorer,
            "seconds": seconds,
            "path": sys.path,
            "scorers": list(importlib.import_module(SCORERS).__path__),
        }
        # the sources' folder comes first: a `harness` in the current directory must not win
        start = "import json,sys; c=json.loads(sys.argv[2]); sys.path[:]=c['path']; from harness.scoring import serve; serve(int(sys.argv[1]),c)"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, str(theirs.fileno()), json.dumps(context)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self.ready = False
        self.deadline = time.monotonic() + STARTUP_SECONDS

    def give(self, job: _Job) -> None:
        self.job = job
        if self.ready:
            self.deadline = time.monotonic() + self.seconds
            self.connection.send(job)

    def now_ready(self) -> None:
        self.ready = True
        if self.job:
            self.give(self.job)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()


class _Pool:
    def __init__(self, scorer: str, version: int, size: int, seconds: float) -> None:
        self.scorer, self.version, self.size, self.seconds = scorer, version, size, seconds
        self.workers: list[_Worker] = []

    def submit(self, sample: Sample, response: Response) -> Iterator[Scored]:
        """Hand over one job, yielding what has finished; waits while all workers are busy."""
        yield from self._collect(0.0)
        while (worker := self._idle()) is None:
            yield from self._collect(None)
        self._give(worker, _Job(sample, response))

    def drain(self) -> Iterator[Scored]:
        while any(w.job for w in self.workers):
            yield from self._collect(None)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def _idle(self) -> _Worker | None:
        for worker in self.workers:
            if worker.job is None:
                return worker
        if len(self.workers) < self.size:
            self.workers.append(_Worker(self.scorer, self.seconds))
            return self.workers[-1]
        return None

    def _give(self, worker: _Worker, job: _Job) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died idle; _collect sees the end of file
            worker.give(job)

    def _collect(self, timeout: float | None) -> Iterator[Scored]:
        """What has finished or run out of time; blocks until something has, unless `timeout` says otherwise."""
        busy = {w.connection: w for w in self.workers if w.job or not w.ready}
        if not busy:
            return
        if timeout is None:
            timeout = max(0.0, min(w.deadline for w in busy.values()) - time.monotonic())
        for connection in wait(list(busy), timeout):
            assert isinstance(connection, Connection)
            yield from self._receive(busy.pop(connection))
        now = time.monotonic()
        for worker in [w for w in busy.values() if w.deadline <= now]:
            if not worker.ready:
                raise TimeoutError(
                    f"the process that runs scorer '{self.scorer}' did not start in {STARTUP_SECONDS:.0f} s"
                )
            yield from self._lost(worker, "timeout", f"longer than {self.seconds:g} s")

    def _receive(self, worker: _Worker) -> Iterator[Scored]:
        try:
            score = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            if not worker.ready:
                worker.kill()
                raise RuntimeError(
                    f"the process that runs scorer '{self.scorer}' ended while starting; see above"
                ) from None
            yield from self._lost(worker, "crash", "the grading process died")
            return
        if score is None:
            worker.now_ready()
            return
        job, worker.job = worker.job, None
        assert job is not None
        yield job.sample, job.response, score

    def _lost(self, worker: _Worker, rule: str, why: str) -> Iterator[Scored]:
        self.workers.remove(worker)
        worker.kill()
        if worker.job:
            sample, response = worker.job
            yield sample, response, _failure(self.scorer, self.version, sample, rule, why)


# -- the side that grades -----------------------------------------------------------------------------------


def serve(descriptor: int, context: dict[str, object]) -> None:
    """A worker's life: says None when ready, then answers each job with its Score until the other side is gone."""
    import resource
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    scorer, seconds = str(context["scorer"]), context["seconds"]
    folders = context["scorers"]
    assert isinstance(seconds, float | int) and isinstance(folders, list)
    plugins.extend(SCORERS, folders)
    module = plugins.find(SCORERS, scorer)
    getattr(module, "warm", lambda: None)()
    connection = Connection(descriptor)
    connection.send(None)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = connection.recv()
            # should the parent be gone by then, the system ends this process: no orphan computes for ever
            signal.setitimer(signal.ITIMER_REAL, seconds + 30)
            try:
                score = module.score(*job)
            except Exception as error:
                score = _failure(scorer, module.VERSION, job.sample, "crash", repr(error))
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(score)
