"""The experiments of a store in the order they were made: what was tried, why, what moved, and what came of it.

Example: `log(store, last=1)[0]` -> Experiment(med-lora-r8, notes=("rank 8, since 4 underfits",), parent="qwen-0.5b",
relative=Relative("med-lora-r4", controlled: LoRA rank 4 -> 8), against=(better than qwen-0.5b on ceval, …)).
Trap: a store knows when a checkpoint was first asked, not when it was trained, so that is its place in the log.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness import identity
from harness._contamination_split import Split, split
from harness.errors import NotComparable
from harness.records import Checkpoint, Outcomes, Result, Run, Task
from harness.store import notes, overlaps, read, tables
from harness.store.open import Store
from harness.verdicts import audit, comparison, trained

KEPT = 256  # outcomes held at once; a run is compared with its children and with the next experiment
SEEN = ("exact", "near")


@dataclass(frozen=True, slots=True)
class Written:
    """A note: kind `train` (it lies in the lineage, without a time), `run` or `bless` (about: the baseline's name)."""

    text: str
    kind: str
    at: str | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Relative:
    """The earlier experiment that differs least, of those from the same parent; the parent itself is none."""

    name: str
    checkpoint: str
    variables: audit.Variables


@dataclass(frozen=True, slots=True)
class Against:
    """The same questions answered by another checkpoint; `refused`: tasks of both that were asked otherwise."""

    name: str
    checkpoint: str
    is_parent: bool
    lines: tuple[comparison.Line, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    name: str  # the checkpoint's, with a piece of its id where others are called so too
    checkpoint: Checkpoint
    at: str  # when it was first asked, ISO 8601, UTC
    notes: tuple[Written, ...]
    parent: str | None  # name of what it was made from; its id or path where the store doesn't have it
    relative: Relative | None
    against: tuple[Against, ...]
    scores: Mapping[str, Result]  # task -> headline of its newest finished run
    on_metric: tuple[str, ...] = ()  # tasks whose scorer was its reward
    on_test: tuple[str, ...] = ()  # tasks whose val or test split it was trained on, by its lineage
    splits: tuple[Split, ...] = ()  # tasks of which questions stand in its training files


def log(
    store: Store, *, tasks: Sequence[str] = (), last: int | None = None, since: datetime | None = None
) -> tuple[list[Experiment], int]:
    """The experiments, the oldest first, and how many there are before the first that is given."""
    maker = _Maker(store, frozenset(tasks))
    chosen = [c for c in maker.order if since is None or _time(maker.first[c]) >= since]
    chosen = chosen if last is None else chosen[max(0, len(chosen) - last) :]
    return [maker.experiment(c) for c in chosen], len(maker.order) - len(chosen)


def _time(at: str) -> datetime:
    return datetime.fromisoformat(at.replace("Z", "+00:00"))


class _Maker:
    """What all entries share, read once."""

    def __init__(self, store: Store, tasks: frozenset[str]) -> None:
        self.store = store
        self.card: dict[str, Task] = {}
        self.runs: dict[str, list[Run]] = {}  # checkpoint -> its runs, the newest first
        for run in read.list_runs(store):
            card = self.card.setdefault(run.exam, read.get_task(store, run.exam))
            if not tasks or card.key in tasks:
                self.runs.setdefault(run.checkpoint, []).append(run)
        self.by_id = {c.id: c for c in read.checkpoints(store)}
        many = Counter(c.name for c in self.by_id.values())
        self.named = {c.id: f"{c.name} ({c.id[:8]})" if many[c.name] > 1 else c.name for c in self.by_id.values()}
        self.first = {c: min(run.started or "9999-12-31T00:00:00Z" for run in mine) for c, mine in self.runs.items()}
        self.order = sorted(self.runs, key=lambda c: (self.first[c], self.by_id[c].name, c))
        self.place = {c: i for i, c in enumerate(self.order)}
        self.notes: dict[str, list[Written]] = {}
        for note in notes.notes(store):
            for c in note.checkpoints:
                self.notes.setdefault(c, []).append(Written(note.text, note.kind, note.at, note.about))
        self.checked = overlaps.train_files(store)
        self.outcomes = functools.lru_cache(KEPT)(lambda run: tables.values_only(store, run))

    def experiment(self, checkpoint_id: str) -> Experiment:
        found = self.by_id[checkpoint_id]
        own = [Written(found.lineage.note, "train")] if found.lineage and found.lineage.note else []
        parent = self._parent(found)
        relative = self._relative(found)
        before = self.by_id[relative.checkpoint] if relative else self._previous(found)
        others = dict.fromkeys(c for c in (parent, before.id if before else None) if c in self.by_id)
        against = [self._against(found, self.by_id[other], other == parent) for other in others if other]
        mine = self._best(checkpoint_id)
        return Experiment(
            name=self.named[checkpoint_id],
            checkpoint=found,
            at=self.first[checkpoint_id],
            notes=(*own, *self.notes.get(checkpoint_id, ())),
            parent=self.named.get(parent or "", parent),
            relative=relative,
            against=tuple(one for one in against if one.lines or one.refused),
            scores={key: score for key, run in mine.items() if (score := self._score(run))},
            on_metric=tuple(key for key, run in mine.items() if self._rewarded(found, run)),
            on_test=tuple(key for key in mine if found.lineage and trained.on_test(found.lineage, key)),
            splits=tuple(self._splits(found, mine)),
        )

    def _parent(self, checkpoint: Checkpoint) -> str | None:
        """Its id; by its name where a lineage was written by hand."""
        told = (checkpoint.lineage.parent if checkpoint.lineage else None) or checkpoint.base
        named = [c.id for c in self.by_id.values() if c.name == told]
        found = told if told in self.by_id or len(named) != 1 else named[0]
        return found if found != checkpoint.id else None

    def _best(self, checkpoint_id: str) -> dict[str, Run]:
        """Task -> the newest finished run."""
        found: dict[str, Run] = {}
        for run in self.runs.get(checkpoint_id, ()):
            if run.status == "done" and self.card[run.exam].labelled:
                found.setdefault(self.card[run.exam].key, run)
        return dict(sorted(found.items()))

    def _score(self, run: Run) -> Result | None:
        headline = (self.card[run.exam].metrics or ("accuracy",))[0]
        return next((r for r in read.results(self.store, run.id) if r.metric == headline and not r.slice), None)

    def _rewarded(self, checkpoint: Checkpoint, run: Run) -> bool:
        return checkpoint.lineage is not None and trained.on_metric(checkpoint.lineage, self.card[run.exam].scorer)

    # -- relatives ------------------------------------------------------------------------------------------------

    def _relative(self, checkpoint: Checkpoint) -> Relative | None:
        """Of the earlier ones from the same parent, that with the fewest settings moved; of several the newest."""
        mine = checkpoint.lineage
        if mine is None:
            return None
        found: list[tuple[int, int, Relative]] = []
        for other_id in self.order[: self.place[checkpoint.id]]:
            other = self.by_id[other_id]
            if other.lineage is None or not self._kin(checkpoint, other):
                continue
            said = audit.variables({"recipe": tables.recipe(other.lineage)}, {"recipe": tables.recipe(mine)})
            many = len(said.differing) if said.kind != "unknown" else 10_000
            found.append((many, -self.place[other_id], Relative(self.named[other_id], other_id, said)))
        return min(found, key=lambda entry: entry[:2])[2] if found else None

    def _kin(self, one: Checkpoint, other: Checkpoint) -> bool:
        mine, theirs = self._parent(one), self._parent(other)
        if mine and theirs:
            return mine == theirs
        named = [(c.lineage.recipe or {}).get("parent_name") if c.lineage else None for c in (one, other)]
        return mine == theirs and named[0] is not None and named[0] == named[1]

    def _previous(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The experiment before this one that answered the same questions."""
        exams = {run.exam for run in self._best(checkpoint.id).values()}
        for other in reversed(self.order[: self.place[checkpoint.id]]):
            if exams & {run.exam for run in self._best(other).values()}:
                return self.by_id[other]
        return None

    # -- what came of it ------------------------------------------------------------------------------------------

    def _against(self, checkpoint: Checkpoint, other: Checkpoint, is_parent: bool) -> Against:
        pairs, refused = [], []
        for key, run in self._best(checkpoint.id).items():
            asked = identity.settings_fields(run.settings)
            theirs = [r for r in self.runs.get(other.id, ()) if r.exam == run.exam and r.status == "done"]
            twin = next((r for r in theirs if identity.settings_fields(r.settings) == asked), None)
            if twin is not None:
                pairs.append((self.outcomes(twin.id), self.outcomes(run.id)))
            elif theirs:
                refused.append(key)
        lines = []
        for (_, after), line in zip(pairs, comparison.compare_all(pairs), strict=True):
            if isinstance(line, comparison.Line):
                lines.append(line)
            elif isinstance(line, NotComparable):
                refused.append(after.task)
        return Against(self.named[other.id], other.id, is_parent, tuple(lines), tuple(sorted(refused)))

    def _splits(self, checkpoint: Checkpoint, mine: Mapping[str, Run]) -> Iterator[Split]:
        data = checkpoint.lineage.data if checkpoint.lineage and self.checked else ()
        shas = [sha for source in data if (sha := overlaps.looked_through(source, self.checked))]
        levels = overlaps.levels(self.store, shas)
        dirty = {sample for sample, level in levels.items() if level in SEEN}
        for run in mine.values() if dirty else ():
            found: Outcomes = self.outcomes(run.id)
            if found.is_mean and not dirty.isdisjoint(found.samples):
                yield split(found, dirty)
