"""What diagnose is told beside the answers' Outcomes, and what it tells: facts of folders and lineage, symptoms, tests.

Example: Test("short", "demo_math", p=1e-4, beyond=True, …) becomes a Symptom only where Holm over all tests of the report
leaves it proven. Facts that nobody could look at are None, with a reason and the command that would allow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.records import Change, Finding, Level, Lineage, Outcomes

Pairs = Sequence[tuple[Outcomes, Outcomes]]  # (parent, child)
ALPHA = 0.025  # of each of two families, scores and answers: a healthy pair gets a finding in 5 reports of 100 at most


@dataclass(frozen=True, slots=True)
class WeightsMoved:
    """How far the weights are from the parent's, in the tensors that both have."""

    kind: Literal["full", "adapter"]
    tensors: int  # compared, or the adapter's B matrices
    equal: int  # bit for bit, or B matrices of nothing but zeros
    relative: float | None  # norm of the change / norm of the parent's weights
    rounding: bool = False  # the two sides' dtypes differ: compared as the coarser one stores them
    sampled: bool = False  # too large to read whole: evenly spaced parts of each tensor
    largest: str = ""  # the tensor that moved most
    other: int = 0  # tensors of one side only, or of another shape


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What could not be looked at, why, and the command that would allow it ("" where none would)."""

    what: str
    why: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the folders, the store and the lineage say; all of it may be unknown."""

    child: str = "the child"
    parent: str = "the parent"
    weights: WeightsMoved | None = None
    lineage: Lineage | None = None
    doctor: tuple[Finding, ...] = ()  # of the child's folder and not of the parent's
    doctor_looked: bool = False
    stop_ids: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())  # parent's, child's
    parts_changed: tuple[str, ...] = ()  # template, tokenizer, generation: of the fingerprints' own parts
    scorers: Mapping[str, str] = field(default_factory=dict)  # task -> its scorer
    same_answers: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # task -> (equal, of)
    domain: frozenset[str] = frozenset()  # task keys
    domain_from: str = ""  # --domain | the lineage's data | ""
    groups: Mapping[str, str] = field(default_factory=dict)  # task -> its group, for when nobody names the domain
    categories: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # task -> sample -> names
    unchecked: tuple[Unchecked, ...] = ()
    more: tuple[str, ...] = ()  # options that say which store, for the lines to type

    def learning_rate(self) -> float | None:
        return self._setting(("lr", "learning_rate"))

    def rank(self) -> float | None:
        return self._setting(("r", "rank", "lora_r", "lora_rank"))

    def epochs(self) -> float | None:
        return self._setting(("epochs", "num_train_epochs", "num_epochs"))

    def last_loss(self) -> float | None:
        loss = self.lineage.loss if self.lineage else ()
        return loss[-1][1] if loss else None

    def data(self) -> str:
        """`demo_math answers without steps (60 rows), …`, as the lineage names it."""
        named = [
            str(source.get("name") or source.get("sha") or "?")[:60]
            + (f" ({source['rows']:,} rows)" if isinstance(source.get("rows"), int) else "")
            for source in (self.lineage.data if self.lineage else ())
        ]
        return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")

    def _setting(self, names: Sequence[str]) -> float | None:
        """A number of the recipe, however deep it lies."""
        tables: list[object] = [self.lineage.recipe if self.lineage else None]
        while tables:
            table = tables.pop(0)
            if isinstance(table, Mapping):
                for name in names:
                    if isinstance(table.get(name), int | float) and not isinstance(table.get(name), bool):
                        return float(table[name])
                tables += list(table.values())
        return None


@dataclass(frozen=True, slots=True)
class Test:
    """One question put to the answers, before anybody knows how many were put."""

    kind: str
    task: str
    p: float  # 1.0 where nothing moved beyond its limit
    beyond: bool
    what: str
    size: float  # of the effect, for the order: points of 100, or log2 of a ratio times 10
    samples: tuple[str, ...] = ()  # that show it, plainest first
    n: int = 0
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A finding of the report; `p` is adjusted for all tests of the report, None of what needs no test."""

    kind: str
    level: Level
    what: str
    evidence: tuple[str, ...]
    remedy: str
    tasks: tuple[str, ...] = ()
    p: float | None = None
    size: float = 0.0
    samples: tuple[str, ...] = ()  # of the first task

    def finding(self) -> Finding:
        task = self.tasks[0] if self.tasks else None
        return Finding(f"diagnose.{self.kind}", self.level, self.what, "; ".join(self.evidence), self.remedy, task)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The report: one sentence, findings by severity, what is fine, what could not be looked at."""

    sentence: str
    symptoms: tuple[Symptom, ...]
    unproven: tuple[str, ...]  # beyond a limit, but the answers don't prove it
    fine: tuple[str, ...]
    unchecked: tuple[Unchecked, ...]
    changes: tuple[Change, ...] = ()  # the scores, whatever they say
    domain: tuple[str, ...] = ()  # tasks that the training was for
    domain_from: str = ""
    schema_version: int = 1
