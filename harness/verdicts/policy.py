"""The `[gate]` table of bench.toml: what counts as too much, written by people, read strictly.

Example: `[gate.task.ceval] tolerance = "1.5pt"` is the smallest drop one cares about; `tolerence` is refused with the
nearest name, because a misspelt limit is a gate that does not close.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness import plugins
from harness.config import fill
from harness.errors import UserError
from harness.identity import digest
from harness.records import Change
from harness.verdicts import profile

LARGE = 1_000  # questions from which one point is a sensible default tolerance
FIRST_LOOK_ALPHA = 0.001  # of --fail-fast; the look at everything keeps the rest of alpha
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(pt|%)")
FLOOR = re.compile(r"(\d+(?:\.\d+)?)\s*(?:pt)?")
NOT_METRICS = ("model_bytes", "tokens_per_second")  # guards over facts of a run, not over its answers
OTHER_ALARMS = ("min", "pooled")  # that fail like a guard and can be waived like one
OTHER_NAMES = {  # other tools' words for our measures
    "extraction_failure_rate": "unparsed_rate",
    "repetition_rate": "repetition",
    "wrong_language_rate": "wrong_language",
}
Rule = Literal["two-key", "threshold"]


@dataclass(frozen=True)
class TaskPolicy:
    metric: str = ""  # checked against the runs' headline
    tolerance: str = ""  # "1.5pt", "2%" of the baseline's score, "" = default
    cluster: str = ""  # the field that groups questions, as the task declares it
    min: str | float | None = None  # the score must reach it, whatever the baseline had: 45 or "45pt" of 100
    rule: Literal["", "two-key", "threshold"] = ""  # "" = the gate's


@dataclass(frozen=True)
class GuardPolicy:
    """Limits of one health measure; shares as "1%", points as "0.5pt", plain numbers in the measure's unit."""

    max: str | float | None = None
    max_increase: str | float | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class CompositePolicy:
    """The composite's own entry: Overall, and its accuracy part beside it, in points of 100."""

    profile: str = "distill-v1"  # a built-in name, or a .toml beside bench.toml
    tolerance: str | float = "1.0"
    min: str | float | None = None  # Overall must reach it
    counter: Literal["auto", "own", "neutral"] = "auto"  # the tokens that its efficiency counts
    cqs: str = "rule"  # or judge:ID

    @property
    def points(self) -> float:
        return _points(self.tolerance)

    @property
    def floor(self) -> float | None:
        return None if self.min is None else _points(self.min)


@dataclass(frozen=True)
class Waive:
    """What fails knowingly, until when: a task (its score and its guards), a guard on every task, or one on one."""

    task: str = ""
    reason: str = ""
    until: datetime.date | None = None
    guard: str = ""

    @property
    def what(self) -> str:
        return " on ".join(word for word in (self.guard, self.task) if word)

    def live(self, today: datetime.date | None) -> bool:
        """Whether it holds on that day; a waiver without a date, or without a day to hold it against, never does."""
        return today is not None and self.until is not None and today <= self.until


@dataclass(frozen=True)
class Policy:
    baseline: str = ""  # tag:NAME | branch:NAME | run:ID | file:PATH | model:REF
    anchor: str = ""
    on_missing_baseline: Literal["fail", "warn"] = "fail"
    alpha: float = 0.05  # false-alarm budget of the scores, one-sided; baseline and anchor share it, guards add a fifth
    policy: Literal["default", "strict"] = "default"
    rule: Rule = "two-key"  # threshold: any drop of the tolerance fails, real or not, as other tools do
    fail_fast: int | None = None  # a look at so many questions before all are there; it can only fail
    include_variants: bool = False  # gate `ceval~circular` and the like too; by default only where they are named
    same: tuple[str, ...] = ()  # should-match fields that must match
    task: dict[str, TaskPolicy] = field(default_factory=dict)
    composite: CompositePolicy | None = None
    guard: dict[str, GuardPolicy] = field(default_factory=dict)
    waive: tuple[Waive, ...] = ()

    @property
    def strict(self) -> bool:
        return self.policy == "strict"

    @property
    def sha(self) -> str:
        """Stored with every verdict: the same runs under another policy may be judged otherwise."""
        fields = dataclasses.asdict(self)
        if self.composite:  # wherever the profile lies, it is what it says that counts
            fields["composite"]["profile"] = profile.read(self.composite.profile).sha
        fields["waive"] = [[w.task, w.guard, w.reason, w.until.isoformat() if w.until else ""] for w in self.waive]
        return digest(fields)

    @property
    def shared(self) -> Policy:
        """One of two comparisons, with the baseline and with the anchor: each spends half of the false alarms."""
        return dataclasses.replace(self, alpha=self.alpha / 2)

    def rule_of(self, task: str) -> Rule:
        return self.task.get(task, TaskPolicy()).rule or self.rule

    def floor(self, task: str, shares: bool) -> float | None:
        """The task's `min` in the metric's own unit; points of 100 where the metric is a share."""
        asked = self.task.get(task, TaskPolicy()).min
        floor = None if asked is None else _points(asked)
        if shares and floor is not None and floor > 100:
            raise UserError(f"[gate.task.{task}] has a `min` of {floor:g} points of 100, which no score reaches")
        return floor / 100 if shares and floor is not None else floor

    def tolerance(self, change: Change) -> float:
        """Smallest drop of this change's metric that matters, in its own unit."""
        asked = self.task.get(change.task, TaskPolicy()).tolerance
        if not asked and change.unit not in ("", "share") and change.n >= LARGE:
            return 0.01 * abs(change.before or 0.0) or change.mde or 0.01  # a point of RMSE may be all or nothing
        if not asked:
            return 0.01 if change.n >= LARGE else change.mde or 0.01
        value, relative = amount(asked)
        if relative:  # of a baseline at zero any part is nothing: then one question is the least that can matter
            return max(value * abs(change.before or 0.0), 1 / max(change.n, 1))
        return value


def policy(table: Mapping[str, Any], where: str = "bench.toml", strict: bool = False) -> Policy:
    """A Policy from the [gate] table; unknown keys, guards and unreadable amounts are UserErrors."""
    found = fill(Policy, dict(table), where, "gate.")
    if not 0 < found.alpha <= 0.5:
        raise UserError(f"{where}: 'gate.alpha' is {found.alpha}; a false-alarm budget lies between 0 and 0.5")
    if found.fail_fast is not None and found.fail_fast < 1:
        raise UserError(f"{where}: 'gate.fail_fast' is {found.fail_fast}; give a number of questions")
    if found.fail_fast and found.alpha <= FIRST_LOOK_ALPHA:
        raise UserError(f"{where}: 'gate.alpha' {found.alpha} leaves nothing after fail_fast's {FIRST_LOOK_ALPHA}")
    for name, task in found.task.items():
        if task.tolerance:
            amount(task.tolerance, f"{where}: 'gate.task.{name}.tolerance'")
        _points(task.min, f"{where}: 'gate.task.{name}.min'")
    if found.composite:
        _points(found.composite.tolerance, f"{where}: 'gate.composite.tolerance'")
        _points(found.composite.min, f"{where}: 'gate.composite.min'")
    found = dataclasses.replace(found, guard=_guards(found.guard, where), waive=_waivers(found.waive, where))
    return dataclasses.replace(found, policy="strict") if strict else found


def _guards(asked: Mapping[str, GuardPolicy], where: str) -> dict[str, GuardPolicy]:
    known = [*plugins.names("harness.metrics"), *NOT_METRICS]
    found = {}
    for said, guard in asked.items():
        name = OTHER_NAMES.get(said, said)
        if name not in known:
            raise UserError(f"{where}: no measure 'gate.guard.{said}'; {plugins.nearest(said, known)}")
        if name in found:
            raise UserError(f"{where}: 'gate.guard.{said}' is {name}, which is there already; keep one of them")
        for key in ("max", "max_increase", "min_ratio", "max_ratio"):
            plain(getattr(guard, key), f"{where}: 'gate.guard.{said}.{key}'")
        found[name] = guard
    return found


def _waivers(asked: Sequence[Waive], where: str) -> tuple[Waive, ...]:
    """Every waiver says what, why and until when: one without an end is a gate that is off."""
    known = [*plugins.names("harness.metrics"), *NOT_METRICS, *OTHER_ALARMS]
    found = []
    for number, waive in enumerate(asked):
        lacks = [name for name in ("reason", "until") if not getattr(waive, name)]
        lacks += [] if waive.what else ["task' or 'guard"]
        if lacks:
            raise UserError(
                f"{where}: 'gate.waive[{number}].{lacks[0]}' is missing; say what is waived, why, till when"
            )
        guard = OTHER_NAMES.get(waive.guard, waive.guard)
        if guard and guard not in known:
            raise UserError(f"{where}: 'gate.waive[{number}].guard' is '{guard}'; {plugins.nearest(guard, known)}")
        found.append(dataclasses.replace(waive, guard=guard))
    return tuple(found)


def _points(value: str | float | None, where: str = "points") -> float:
    """30, "30" and "30pt" are 30 points of 100."""
    if isinstance(value, str):
        match = FLOOR.fullmatch(value.strip())
        if not match:
            raise UserError(f"{where} is '{value}'; write points of 100 as 45 or \"45pt\"")
        value = float(match[1])
    if not math.isfinite(value or 0.0):
        raise UserError(f"{where} is {value}; write points of 100 as 45")
    return float(value or 0.0)


def amount(text: str, where: str = "tolerance") -> tuple[float, bool]:
    """'1.5pt' -> (0.015, False); '2%' -> (0.02, True: relative to the baseline)."""
    match = AMOUNT.fullmatch(text.strip())
    if not match or float(match[1]) <= 0:
        raise UserError(f'{where} is \'{text}\'; write points as "1.5pt" or a share of the baseline as "2%"')
    return float(match[1]) / 100, match[2] == "%"


def plain(value: str | float | None, where: str = "limit") -> float | None:
    """A guard's limit as a number: "1%" and "1pt" are 0.01 of a rate, a bare number is in the measure's unit."""
    found = amount(value, where)[0] if isinstance(value, str) else value
    if found is not None and not math.isfinite(found):  # TOML knows nan; a limit of nan is crossed by nothing
        raise UserError(f"{where} is {found}; write a number")
    return found
