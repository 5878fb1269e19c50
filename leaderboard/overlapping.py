"""Which questions of an exam stand in the data that a checkpoint was trained on, as `bench contam` found them.

Example: `Overlapping(store).of(checkpoint, exam)` -> Overlap(files=("sft.jsonl",), asked=1346, exact=12, near=3, partial=5).
Trap: None is "never looked for", not "clean": a lineage must name its files by hash, and somebody must have run the check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from harness.records import Checkpoint, Exam
from harness.store import overlaps
from harness.store.open import Store


@dataclass(frozen=True)
class Overlap:
    """Questions by the worst level that any of the files has; the rest of `asked` was looked for and not found."""

    files: tuple[str, ...]
    asked: int  # questions of the exam that were looked for
    exact: int
    near: int
    partial: int

    @property
    def seen(self) -> int:
        """Word for word, or nearly so."""
        return self.exact + self.near


class Overlapping:
    """Reads the checks of a store once a set of files, and counts them once an exam."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._checked = overlaps.train_files(store)
        self._levels: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._counted: dict[tuple[tuple[str, ...], str], Overlap | None] = {}
        self._trained: dict[str, tuple[str, ...]] = {}  # checkpoint id -> its files that were checked

    @property
    def any(self) -> bool:
        return bool(self._checked)

    def of(self, checkpoint: Checkpoint, exam: Exam) -> Overlap | None:
        shas = self._files(checkpoint)
        if not shas:
            return None
        if (shas, exam.id) not in self._counted:
            self._counted[shas, exam.id] = self._count(shas, exam)
        return self._counted[shas, exam.id]

    def levels(self, checkpoint: Checkpoint) -> Mapping[str, str]:
        """Sample.id -> the worst level that any of its files has; empty where nothing was looked for."""
        shas = self._files(checkpoint)
        return self._read(shas) if shas else {}

    def _files(self, checkpoint: Checkpoint) -> tuple[str, ...]:
        """Those it was trained on that were checked."""
        if not self._checked:
            return ()
        if checkpoint.id not in self._trained:
            data = checkpoint.lineage.data if checkpoint.lineage else ()
            named = (overlaps.looked_through(source, self._checked) for source in data)
            self._trained[checkpoint.id] = tuple(sorted({sha for sha in named if sha}))
        return self._trained[checkpoint.id]

    def _count(self, shas: tuple[str, ...], exam: Exam) -> Overlap | None:
        levels = self._read(shas)
        found = Counter(levels[sample.id] for sample in exam.samples if sample.id in levels)
        if not found:
            return None  # these files were held against other exams
        names = tuple(self._checked[sha] for sha in shas)
        return Overlap(names, found.total(), found["exact"], found["near"], found["partial"])

    def _read(self, shas: tuple[str, ...]) -> Mapping[str, str]:
        if shas not in self._levels:
            self._levels[shas] = overlaps.levels(self._store, shas)
        return self._levels[shas]
