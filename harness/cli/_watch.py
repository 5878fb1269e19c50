"""What a person sees while checkpoints answer: a bar with rate and time left, or plain lines when nobody looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from harness.cli._echo import echo
from harness.cli._pace import EVERY, duration
from harness.evaluate import Job, Watch
from harness.records import Checkpoint, EngineInfo, Response, Run, Score, Settings
from harness.words import listed, say

WAITING = 50  # answers without a grade that are worth a word


def choose(quiet: bool = False) -> Watch:
    """A bar on a terminal, a line every ten seconds elsewhere; on stderr in both cases."""
    if sys.stderr.isatty() and not quiet:
        return Bar()
    return Lines()


def _to_do(missing: int, run: Run) -> str:
    here = run.settings.asked == "here"
    state = say("{n} to ask", n=missing) if here else say("{n} to import", n=missing)
    return say("{state}, {n} stored", state=state, n=run.done) if run.done else state


class Lines:
    """One line when something begins or ends, and one every ten seconds in between."""

    def __init__(self) -> None:
        self._total = 0
        self._answered = 0
        self._graded = 0
        self._since = time.monotonic()
        self._told = self._since

    def planned(self, jobs: Sequence[Job], missing: Mapping[str, int]) -> None:
        self._total = sum(missing.values())
        for job in jobs:
            state: str = say("all {n} answers stored", n=job.run.done)
            if missing[job.run.id]:
                state = _to_do(missing[job.run.id], job.run)
            names = {"checkpoint": job.checkpoint.name, "task": job.exam.task.key, "form": form(job.run.settings)}
            self._say(say("{checkpoint} × {task} ({form}): {state}", **names, state=state))

    def loading(self, info: EngineInfo, checkpoints: Sequence[Checkpoint]) -> None:
        if info.device == "remote":
            served = listed(f"{c.parts['model']} @ {c.parts['endpoint']}" for c in checkpoints)
            self._say(say("asking {served}", served=served))
        elif info.name != "recorded":  # nothing starts: the answers are there
            names = {"name": info.name, "version": info.version, "dtype": info.dtype, "device": info.device}
            self._say(say("starting {name} {version} ({dtype}, {device})", **names))

    def loaded(self, seconds: float) -> None:
        self._since = self._told = time.monotonic()
        self._graded = self._answered  # not what was left from last time

    def answered(self, job: Job, response: Response) -> None:
        self._answered += 1
        now = time.monotonic()
        waiting = self._answered - self._graded
        if self._answered == 1:
            self._since = self._told = now  # weights are read before the first answer; that is no measure of the rest
        elif self._answered == self._total and waiting > WAITING:
            self._say(say("all {n} answered, {waiting} of them still to be graded", n=self._total, waiting=waiting))
        elif now - self._told >= EVERY:
            self._told = now
            rate = (self._answered - 1) / (now - self._since)
            left = (self._total - self._answered) / rate
            template = "{done:,}/{total:,} {what}, {rate:.1f}/s, about {left} left"
            counts = {"done": self._answered, "total": self._total, "what": say("answers")}
            self._say(say(template, **counts, rate=rate, left=duration(left)))

    def scored(self, job: Job, score: Score) -> None:
        self._graded += 1

    def finished(self, run: Run) -> None:
        return

    def _say(self, line: str) -> None:
        echo(line, err=True)


class Bar(Lines):
    """The same events as one moving bar."""

    def planned(self, jobs: Sequence[Job], missing: Mapping[str, int]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().planned(jobs, missing)
        rate = TextColumn("{task.fields[rate]}")
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._bar = self._progress.add_task("waiting", total=self._total, rate="")

    def loaded(self, seconds: float) -> None:
        super().loaded(seconds)
        self._progress.start()

    def answered(self, job: Job, response: Response) -> None:
        self._answered += 1
        rate = self._answered / max(time.monotonic() - self._since, 1e-3)
        name = f"{job.checkpoint.name} × {job.exam.task.key}"
        self._progress.update(self._bar, advance=1, description=name, rate=f"{rate:.1f}/s")
        if self._answered == self._total:
            self._progress.stop()

    def __del__(self) -> None:
        with suppress(AttributeError):  # nothing was planned
            self._progress.stop()


def form(settings: Settings) -> str:
    """How it was asked, in a few words: `chat 0-shot`, `raw 5-shot`, or where imported answers came from."""
    if settings.asked != "here":
        return say("import {source}", source=settings.asked.removeprefix("elsewhere:"))
    parts = [say("chat {n}-shot", n=settings.shots) if settings.chat else say("raw {n}-shot", n=settings.shots)]
    parts += [say("temperature {t:g}", t=settings.temperature)] if settings.temperature else []
    parts += [say("system prompt")] if settings.system else []
    parts += [say("thinking {mode}", mode=settings.think)] if settings.think != "default" else []
    return listed(parts)
