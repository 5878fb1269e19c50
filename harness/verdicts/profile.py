"""A composite's rules as data: parts, weights, anchors and gates in a TOML file, hashed with every score made by them.

Example: `read("distill-v1")` is the contest's 0.4 AS + 0.3 CQS + 0.2 ES + 0.1 MLS; `read("mine.toml")` is yours. A part
of kind `metric` weighs any task's any metric. Trap: a misspelt key would silently be a default, so it is refused with
the nearest name, and efficiency that counts wrong answers too is refused because an empty reply would lead.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness import config, identity
from harness.errors import UserError
from harness.plugins import nearest

FOLDER = Path(__file__).parent / "profiles"
RULES = 1  # of the formulas in composite.py; another number is another sha, so old scores don't mix with new ones
LONGEST = 24  # characters of a part's name, which heads a column
Kind = Literal["accuracy", "cot", "tokens", "bytes", "metric"]


@dataclass(frozen=True)
class Plan:
    """One part as the profile wants it, 0..100 points each."""

    name: str
    kind: Kind
    weight: float
    tasks: tuple[str, ...] = ()  # all of these are needed; () = those of the profile that a checkpoint has
    only_right: bool | None = None  # cot: only chains of right answers count; tokens: always so
    bytes_low: float | None = None  # kind bytes: at or below it 100 points
    bytes_high: float | None = None  # at or above it none
    metric: str = ""  # kind metric: any spec, as accuracy_guessed or sensitivity(yes)
    low: float | None = None  # kind metric: the metric's value that is worth no point
    high: float | None = None  # and the one that is worth all 100; below `low` where lower is better
    scale: Literal["linear", "log"] = "linear"  # between the two
    meaning: str = ""  # one sentence for readers


@dataclass(frozen=True)
class Anchors:
    """What a task's answers may cost: at or below the low count full points, at or above the high one none."""

    tokens_low: float | None = None
    tokens_high: float | None = None


@dataclass(frozen=True)
class Profile:
    name: str
    part: tuple[Plan, ...]
    task: dict[str, Anchors]
    title: str = ""
    source: str = ""  # where weights and anchors come from
    note: str = ""
    auto: bool = False  # scored after `bench run` wherever a checkpoint has one of its tasks
    counter: Literal["auto", "own", "neutral"] = "auto"  # auto: own within one tokenizer, neutral across
    above_chance: bool = True  # who is not above guessing is shown and not ranked

    @property
    def sha(self) -> str:
        """Of everything that can change a number or a rank; words are not in it."""
        fields = dataclasses.asdict(self)
        for words in ("name", "title", "source", "note", "auto"):
            fields.pop(words)
        for part in fields["part"]:
            part.pop("meaning")
        return identity.digest([RULES, fields])


def names() -> list[str]:
    """The built-in profiles: stems of profiles/*.toml."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name_or_path: str | Path) -> Profile:
    """A built-in profile by name, or a file whose name ends in .toml; UserError naming what is wrong in it."""
    text = str(name_or_path)
    if text in names():
        return checked(config.read(FOLDER / f"{text}.toml", Profile), f"profile {text}")
    if not text.endswith(".toml"):
        raise UserError(f"no profile '{text}'; {nearest(text, names())}, or the path of a .toml file of your own")
    try:
        return checked(config.read(Path(text), Profile), text)
    except (OSError, OverflowError) as error:
        raise UserError(f"{text} can't be read as a profile: {error}") from None


def of(table: dict[str, Any], where: str = "profile") -> Profile:
    """A profile from a table that was read already, as a store keeps it."""
    return checked(config.fill(Profile, table, where), where)


def checked(profile: Profile, where: str) -> Profile:
    """The profile, or the UserError that says which rule it breaks."""
    if not profile.part or not profile.task:
        raise UserError(f"{where}: a profile needs at least one [[part]] and one [task.NAME]")
    parts = [part.name for part in profile.part]
    for part in parts:
        if not part.isprintable() or not 0 < len(part) <= LONGEST:
            raise UserError(f"{where}: a part's name has 1 to {LONGEST} plain characters, {part[:40]!r} has not")
    if len(set(parts)) < len(parts):
        raise UserError(f"{where}: two parts have one name; parts are {', '.join(parts)}")
    total = math.fsum(part.weight for part in profile.part)
    if not all(0 < part.weight <= 1 for part in profile.part) or not abs(total - 1) <= 1e-9:
        raise UserError(f"{where}: weights must be above 0 and sum to 1, they sum to {total:g}")
    for name, anchors in profile.task.items():
        ends = (anchors.tokens_low, anchors.tokens_high)
        if ends != (None, None):
            _ordered(*ends, f"{where}: task.{name}: tokens_low and tokens_high")
    for plan in profile.part:
        _check_part(plan, profile, f"{where}: part {plan.name}")
    return profile


def _check_part(part: Plan, profile: Profile, where: str) -> None:
    for task in part.tasks:
        if task not in profile.task:
            raise UserError(f"{where}: task '{task}' has no [task.{task}] table; {nearest(task, profile.task)}")
    if part.kind == "bytes":
        _ordered(part.bytes_low, part.bytes_high, f"{where}: bytes_low and bytes_high")
    if part.kind == "tokens":
        if part.only_right is False:
            raise UserError(f"{where}: tokens count for right answers only, or an empty reply would get full points")
        anchored = [t for t in part.tasks or profile.task if profile.task[t].tokens_low is not None]
        if not anchored or (part.tasks and len(anchored) < len(part.tasks)):
            raise UserError(f"{where}: its tasks need tokens_low and tokens_high in their [task.NAME]")
    if part.kind == "metric":
        if not part.metric or not part.tasks or part.low is None or part.high is None or part.low == part.high:
            raise UserError(f"{where}: a metric needs metric, tasks, and two values low and high")
        if part.scale == "log" and min(part.low, part.high) <= 0:
            raise UserError(f"{where}: a log scale needs low and high above 0")
        if not (math.isfinite(part.low) and math.isfinite(part.high)):
            raise UserError(f"{where}: low and high must be finite numbers")
    _no_strangers(part, where)


OWN_KEYS = {
    "bytes": ("bytes_low", "bytes_high"),
    "cot": ("only_right", "tasks"),
    "tokens": ("only_right", "tasks"),
    "accuracy": ("tasks",),
    "metric": ("tasks", "metric", "low", "high", "scale"),
}


def _no_strangers(part: Plan, where: str) -> None:
    """A key of another kind would be read by nobody."""
    shared = ("name", "kind", "weight", "meaning")
    for key in dataclasses.fields(Plan):
        if key.name not in (*shared, *OWN_KEYS[part.kind]) and getattr(part, key.name) != key.default:
            raise UserError(f"{where}: kind '{part.kind}' doesn't read '{key.name}'")


def _ordered(low: float | None, high: float | None, what: str) -> None:
    if low is None or high is None or not (0 < low < high and math.isfinite(high)):
        raise UserError(f"{what} must both be given, above 0 and the low one lower")
