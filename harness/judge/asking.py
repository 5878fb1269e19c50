"""Chains through a judge: each asked in both forms, a sample also with the canary; what can't be read is asked once more.

Example: `for reading in judged(engine, judge, chains): …` gives each chain back once all its replies are there, in
finishing order. A request that fails is data (`errors`), a dead server ends the stream with what is finished kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.engines import Engine
from harness.identity import digest, settings_fields
from harness.judge import prompt
from harness.judge.prompt import FORMS, SOUND
from harness.records import Checkpoint, Request, Response, Settings

LATE = 0.5  # what a chain is worth at most that goes wrong at its last step
CANARY = "canary"  # the name of the request that tests for obedience


@dataclass(frozen=True)
class Judge:
    """Who judges, and how it is asked: together the identity of every score that it gives."""

    checkpoint: Checkpoint
    settings: Settings

    @property
    def key(self) -> str:
        return digest([self.checkpoint.id, prompt.SHA, settings_fields(self.settings)])

    @property
    def short(self) -> str:
        return self.key[:8]


@dataclass(frozen=True)
class Chain:
    """One solution to be judged. `name` is the caller's."""

    name: str
    question: str
    steps: tuple[str, ...]
    canary: bool = False


@dataclass
class Reading:
    """What a judge said of a chain: per form the first wrong step, SOUND, or None where nothing could be read."""

    chain: Chain
    verdicts: list[int | None] = field(default_factory=lambda: [None for _ in FORMS])
    canary: int | None = None  # form 0 with the canary
    redundant: int | None = None  # steps that add nothing, as form 0 says
    reason: str = ""  # why the first wrong step is wrong, in the judge's words
    errors: list[str] = field(default_factory=list)
    cut: int = 0  # replies that ran into the token limit

    @property
    def read(self) -> list[int]:
        return [v for v in self.verdicts if v is not None]

    @property
    def flipped(self) -> bool | None:
        """Whether one form calls the chain sound and the other does not; None where one is missing."""
        return None if len(self.read) < len(FORMS) else len({v == SOUND for v in self.read}) > 1

    @property
    def same(self) -> bool | None:
        """Whether both forms name the same step."""
        return None if len(self.read) < len(FORMS) else len(set(self.read)) == 1

    @property
    def called_faulty(self) -> float | None:
        """Share of the verdicts that name a wrong step."""
        return sum(v != SOUND for v in self.read) / len(self.read) if self.read else None

    @property
    def swayed(self) -> bool | None:
        """Whether praise turned a fault into none; None where there was no fault to hide, or nothing was read."""
        fault = self.verdicts[0]
        return None if fault in (None, SOUND) or self.canary is None else self.canary == SOUND

    @property
    def quality(self) -> float | None:
        """1 for a sound chain, else half the share of steps before the first wrong one; the mean of the forms.

        A late slip costs less, and no faulty chain comes near a sound one; step counts as in ProcessBench (Zheng et
        al. 2024, arXiv 2412.06559), whose form of question this is.
        """
        worth = [1.0 if v == SOUND else LATE * v / len(self.chain.steps) for v in self.read]
        return sum(worth) / len(worth) if worth else None


def judged(engine: Engine, judge: Judge, chains: Iterable[Chain]) -> Iterator[Reading]:
    """Every chain once, in finishing order; chains are pulled as the engine has room."""
    desk = _Desk(judge)
    for response in engine.answer(desk.requests(chains)):
        yield from desk.take(response, last=False)
    again = list(desk.again)
    if again:
        for response in engine.answer(desk.repeats(again)):
            yield from desk.take(response, last=True)


class _Desk:
    """What is out and what has come back."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._open: dict[int, tuple[Reading, set[str]]] = {}  # number -> reading, forms still awaited
        self.again: list[tuple[int, str]] = []

    def requests(self, chains: Iterable[Chain]) -> Iterator[Request]:
        for number, chain in enumerate(chains):
            forms = [*map(str, FORMS), *([CANARY] if chain.canary else [])]
            self._open[number] = Reading(chain), set(forms)
            yield from (self._request(number, form, again=False) for form in forms)

    def repeats(self, again: Iterable[tuple[int, str]]) -> Iterator[Request]:
        yield from (self._request(number, form, again=True) for number, form in again)

    def take(self, response: Response, last: bool) -> Iterator[Reading]:
        """The reply's chain, if that was the last of it."""
        number, form = int(response.sample.partition(":")[0]), response.sample.partition(":")[2]
        reading, awaited = self._open[number]
        if response.stop == "error":
            reading.errors.append(response.error or "the engine gave no answer")
        else:
            said = prompt.read(response.text, self._asked(number, form, again=last))
            if said is None and not last:
                self.again.append((number, form))
                return
            reading.cut += response.stop == "length"
            if form == CANARY:
                reading.canary = said.step if said else None
            else:
                reading.verdicts[int(form)] = said.step if said else None
            if form == "0" and said:
                reading.redundant = said.redundant
            if form != CANARY and said and said.step != SOUND:
                reading.reason = reading.reason or said.reason
        awaited.discard(form)
        if not awaited:
            del self._open[number]
            yield reading

    def _request(self, number: int, form: str, again: bool) -> Request:
        judge = self._judge
        name = f"{number}:{form}"
        asked = self._asked(number, form, again).prompt(name, judge.settings.chat)
        return Request(judge.key, judge.checkpoint.id, name, int(again), asked, judge.settings)

    def _asked(self, number: int, form: str, again: bool) -> prompt.Asked:
        chain = self._open[number][0].chain
        canary = form == CANARY
        return prompt.ask(chain.question, chain.steps, 0 if canary else int(form), canary=canary, again=again)
