"""What a person sees while a checkpoint is trained: a bar with the loss, or a line for every tenth of the steps.

Example: step 40/400: loss 1.931, learning rate 7.9e-05, 3,412 tokens/s, 11.2 GB, about 6 min left
         step 40: 41.0 % of 64 right (at first 36.0 %), 33 tokens an answer, held-out loss 1.204
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.cli._echo import echo
from harness.cli._pace import duration
from harness.words import listed, say, told

if TYPE_CHECKING:
    from trainers.watch import Look, Step

LINES = 10  # in a whole training, where nobody looks at a bar
RECENT = 20  # steps that the speed is taken from
BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 12  # of the loss curve
ROOMY = 100  # columns of a terminal that has room for it


def choose(quiet: bool = False) -> Silent:
    """A bar on a terminal, lines elsewhere, nothing at all with --json; on stderr in each case."""
    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()


class Silent:
    """Tells nothing; `with` closes whatever tells more."""

    def said(self, sentence: str) -> None:
        return

    def step(self, step: Step) -> None:
        return

    def looked(self, look: Look) -> None:
        return

    def close(self) -> None:
        return

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Lines(Silent):
    """For logs and pipes."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._steps: deque[Step] = deque(maxlen=RECENT)
        self._origin: Step | None = None  # what a training that goes on had done before is no measure of the rest
        self._first: Look | None = None
        self._looked: int | None = None
        self._told = 0

    def said(self, sentence: str) -> None:
        self._say(sentence)

    def step(self, step: Step) -> None:
        self._take(step)
        if step.step * LINES // step.steps > self._told * LINES // step.steps or step.step == step.steps:
            self._told = step.step
            names = {"step": step.step, "steps": step.steps}
            self._say(say("step {step}/{steps}: {facts}", **names, facts=listed([*self._facts(), *self._left()])))

    def looked(self, look: Look) -> None:
        if self._looked is not None and look.step <= self._looked:  # the next training
            self._begin()
        self._say(seen(look, self._first))
        self._first, self._looked = self._first or look, look.step

    def _take(self, step: Step) -> None:
        if self._steps and step.step <= self._steps[-1].step:
            self._begin()
        self._origin = self._origin or step
        self._steps.append(step)

    def _facts(self, short: bool = False) -> list[str]:
        now = self._steps[-1]
        told = [] if now.loss is None else [say("loss {loss:.3f}", loss=now.loss)]
        reward = (now.extra or {}).get("reward")
        told += [] if reward is None else [say("reward {reward:.3f}", reward=reward)]
        template = "lr {rate:.2g}" if short else "learning rate {rate:.2g}"
        told += [] if now.learning_rate is None else [say(template, rate=now.learning_rate)]
        rate = self._rate()
        told += [] if rate is None else [say("{rate:,.0f} tokens/s", rate=rate)]
        return [*told, *([] if now.peak_bytes is None else [say("{n:.1f} GB", n=now.peak_bytes / 1e9)])]

    def _rate(self) -> float | None:
        """Tokens a second of the usual step: some have a look or a checkpoint in them."""
        pairs = [(b.tokens - a.tokens, b.seconds - a.seconds) for a, b in itertools.pairwise(self._steps)]
        rates = [tokens / seconds for tokens, seconds in pairs if tokens > 0 and seconds > 0]
        return statistics.median(rates) if rates else None

    def _left(self) -> list[str]:
        now, origin = self._steps[-1], self._origin
        if origin is None or now.step in (origin.step, now.steps):
            return []
        each = (now.seconds - origin.seconds) / (now.step - origin.step)
        return [say("about {left} left", left=duration(each * (now.steps - now.step)))]

    def _say(self, line: str) -> None:
        echo(line, err=True)


class Bar(Lines):
    """One moving line at the foot of the terminal; looks and sentences stay above it."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Any = None
        self._bar: Any = None
        self._losses: list[float] = []
        self._blocks = (sys.stderr.encoding or "").lower().startswith("utf")  # rich puts another stderr in its place

    def step(self, step: Step) -> None:
        self._take(step)
        if len(self._steps) == 1:
            self._losses = []
        self._losses += [] if step.loss is None else [step.loss]
        if self._progress is None:
            self._open(step.steps)
        roomy = self._blocks and self._progress.console.width >= ROOMY
        curve = sparkline(self._losses) if roomy else ""
        facts = listed(self._facts(short=True), "  ")
        self._progress.update(self._bar, completed=step.step, total=step.steps, facts=told(facts), curve=curve)
        if step.step >= step.steps:
            self.close()

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _open(self, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.fields[curve]}"), TextColumn("{task.fields[facts]}", markup=False))
        self._progress = Progress(
            BarColumn(bar_width=12), MofNCompleteColumn(), *columns, TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._bar = self._progress.add_task("", total=steps, facts="", curve="")
        self._progress.start()

    def _say(self, line: str) -> None:
        if self._progress is None:
            super()._say(line)
            return
        from harness.verdicts.wording import printable

        self._progress.console.print(printable(told(line)), markup=False, highlight=False, soft_wrap=True)

    def __del__(self) -> None:
        with suppress(AttributeError):  # it was never made whole
            self.close()


def seen(look: Look, first: Look | None) -> str:
    """A look in one line, with what the score was at first."""
    facts = []
    if look.score is not None:
        before = "" if first is None or first.score is None else say(" (at first {share:.1%})", share=first.score)
        facts.append(say("{share:.1%} of {n} right{before}", share=look.score, n=look.n, before=before))
    if look.answer_tokens is not None:
        facts.append(say("{n:.0f} tokens an answer", n=look.answer_tokens))
    if look.loss is not None:
        facts.append(say("held-out loss {loss:.3f}{roles}", loss=look.loss, roles=_roles(look)))
    if look.empty:
        facts.append(say("{share:.0%} empty", share=look.empty))
    if look.cut:
        facts.append(say("{share:.0%} cut off at the limit", share=look.cut))
    if look.collapsed:
        facts.append(say("a collapse: {why}", why=look.collapsed))
    return say("step {step}: {facts}", step=look.step, facts=listed(facts))


def _roles(look: Look) -> str:
    """What was known before may be forgotten while the domain is learnt."""
    if not look.roles:
        return ""
    names = {"domain": say("domain"), "general": say("general")}
    each = (say("{role} {loss:.3f}", role=names.get(role, role), loss=loss) for role, loss in look.roles.items())
    return say(" ({each})", each=listed(each))


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """The whole course in a few blocks, each the mean of its share; empty while there is nothing to see."""
    if len(values) < 2:
        return ""
    width = min(width, len(values))
    edges = [i * len(values) // width for i in range(width + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)
