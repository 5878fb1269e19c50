"""The records of the board: a run with its results, the cell it fills, the column it stands in.

Example: Cell(value=0.273, low=0.250, high=0.298, n=1346, unparsed=0.0, truncated=None, marks=("chance",), rank=3)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.records import Checkpoint, Exam, Overall, Result, Run, Task
from harness.store.shelf import Results
from harness.verdicts.profile import Profile
from leaderboard.charts import Scale
from leaderboard.words import slug

MARKED_SHARE = 0.05  # unparsed or truncated answers above it make a score doubtful
PERCENT_UNITS = ("share", "fraction", "percent", "%", "accuracy", "")
UNGRADED = "text"  # the scorer of tasks without gold
UNRANKED = frozenset(("partial", "subset", "ungraded", "lacking", "guessing", "uncounted"))  # longer is not better


@dataclass(frozen=True, slots=True)
class Entry:
    """One run with what it stands on; the results of its metrics by (metric, slice)."""

    run: Run
    checkpoint: Checkpoint
    exam: Exam
    results: Results
    engine: str = ""
    scorer: str = ""  # name@version that graded it: other versions stand in other columns
    badges: tuple[str, ...] = ()  # stale trained contaminated

    @property
    def task(self) -> Task:
        return self.exam.task

    @property
    def metric(self) -> str:
        """What its column shows; answers that nothing can grade still have a length, in tokens where counted."""
        if self.task.metrics and not self.ungraded:
            return self.task.metrics[0]
        return "answer_tokens" if ("answer_tokens", "") in self.results else "answer_characters"

    @property
    def ungraded(self) -> bool:
        """Text that nothing was held against: no gold, and no headline of its own: references, `ends_itself` of chat."""
        if self.task.scorer != UNGRADED:
            return False
        from harness import metrics

        headline = metrics.headline(self.task)
        found = metrics.find(headline) if metrics.known(headline) else None
        return found is None or not ("target" in found.NEEDS or (found.UNIT == "share" and "value" not in found.NEEDS))

    @property
    def headline(self) -> Result | None:
        found: Result | None = self.results.get((self.metric, ""))
        return found

    @property
    def complete(self) -> bool:
        return self.run.status == "done" and self.run.done >= self.run.expected

    @property
    def samples(self) -> int:
        """Questions answered so far or, where more were asked for, to be answered."""
        answered = self.results.numbers((self.metric, ""))[3]
        return max(answered, 0 if self.complete else self.run.expected // max(self.run.repeats, 1))

    def value(self, metric: str, slice_: str = "") -> float | None:
        return self.results.value((metric, slice_))


@dataclass(frozen=True, slots=True)
class Cell:
    value: float | None
    low: float | None
    high: float | None
    n: int
    unparsed: float | None
    truncated: float | None
    marks: tuple[str, ...] = ()  # keys of i18n: partial subset ungraded below chance unparsed truncated empty
    entry: Entry | None = None  # None: the mean of a group
    done: int = 0
    expected: int = 0
    rank: int | None = None
    best: int | None = None  # the 95 % interval of the rank
    worst: int | None = None
    tied: bool = False  # can't be told from the leader
    overall: Overall | None = None  # of a composite's column
    badges: tuple[str, ...] = ()  # stale trained contaminated: facts beside the score, which stays ranked

    @property
    def ranked(self) -> bool:
        return self.value is not None and (not self.marks or UNRANKED.isdisjoint(self.marks))

    def at(self, rank: int, best: int, worst: int, tied: bool) -> Cell:
        """The same with its place; made a hundred thousand times a board, where `replace` would take half a second."""
        return Cell(
            self.value, self.low, self.high, self.n, self.unparsed, self.truncated, self.marks, self.entry, self.done,
            self.expected, rank, best, worst, tied, self.overall, self.badges,
        )  # fmt: skip


@dataclass(frozen=True)
class Column:
    """`members`: keys of the columns whose mean this is. `form`: (chat, shots, think, asked, extras) for the head."""

    key: str
    title: Mapping[str, str]
    name: str
    form: Form
    metric: str
    average: str
    unit: str
    better_high: bool
    chance: float | None
    cells: Mapping[str, Cell] = field(default_factory=dict)  # checkpoint id -> cell
    task: Task | None = None
    members: tuple[str, ...] = ()
    composite: Composite | None = None
    exam: Exam | None = None  # None: a group's mean, a composite

    @property
    def percent(self) -> bool:
        return self.unit in PERCENT_UNITS

    @cached_property
    def slug(self) -> str:
        """For the URL: sort=ceval-3f2a91c0."""
        return slug(self.name, self.key)

    @cached_property
    def scale(self) -> Scale:
        spans = [
            (c.low if c.low is not None else c.value, c.high if c.high is not None else c.value)
            for c in self.cells.values()
        ]
        return Scale.around(spans)

    @cached_property
    def ranked(self) -> int:
        """How many of its checkpoints have a rank."""
        return sum(cell.ranked for cell in self.cells.values())


@dataclass(frozen=True)
class Composite:
    """By which rules the Overalls of a column were made."""

    profile: Profile
    sha: str
    tasks: tuple[str, ...]
    asked: tuple[str, ...]  # exam, golds and scorer of each
    counter: str  # own | neutral
    cqs: str  # rule | judge:ID


@dataclass(frozen=True)
class Form:
    """How a column was asked, in the words of its head."""

    chat: bool
    shots: tuple[int, ...]
    think: str
    asked: str
    extras: tuple[str, ...] = ()  # what tells this column from another of the same name: "max_tokens 256"

    @property
    def elsewhere(self) -> str:
        return self.asked.removeprefix("elsewhere:") if self.asked != "here" else ""
