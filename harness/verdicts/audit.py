"""How two runs differ, before any statistics: what must match, what should, what came with the checkpoint.

Example: max_tokens 512 before and 256 after is a `must` difference: "75 % -> 60 %" would then mean nothing, so it is
refused by name. Another engine is a `should`: said in every output. A chat template is the checkpoint's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from harness.errors import NotComparable
from harness.records import Difference, Outcomes
from harness.verdicts._fields import flat, shown
from harness.verdicts._variable_words import change, spoken
from harness.verdicts._variables import Variables, variables

__all__ = [
    "Variables", "change", "differences", "flat", "of", "promote", "refuse", "shown", "spoken", "variables",
]  # fmt: skip

Class = Literal["must", "should", "own", "recipe"]
CLASSES: tuple[Class, ...] = ("must", "should", "own", "recipe")
FORMS = {False: "raw", True: "through the chat template"}
REMEDIES = {
    "chat": "run one side again with --chat-template on or off, so that both have one prompt form",
    "system": "run one side again with the other's --system, so that both have one prompt form",
    "think": "run one side again with the other's --think, so that both have one prompt form",
    "other": "run one side again so that they match",
}
NO_VALUE = None  # a field only one side has is a difference: silence must not pass for agreement


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Fields that differ between two fingerprints ({class: {field: value}}), nested ones as `settings.max_tokens`."""
    found: list[Difference] = []
    for class_ in CLASSES:
        left, right = flat(before.get(class_) or {}), flat(after.get(class_) or {})
        for name in sorted(left.keys() | right.keys()):
            a, b = left.get(name, NO_VALUE), right.get(name, NO_VALUE)
            if a != b:
                found.append(Difference(name, a, b, class_))
    return found


def of(before: Outcomes, after: Outcomes) -> list[Difference]:
    """The same for two Outcomes: what they are of (task, metric, average, repeats) must match too."""
    fields = ["task", "metric", "average", "higher_is_better"]
    if _sampled(before) or _sampled(after):  # greedy answers repeat; imported ones were asked as they were
        fields.append("repeats")
    plain = [
        Difference(name, getattr(before, name), getattr(after, name), "must")
        for name in fields
        if getattr(before, name) != getattr(after, name)
    ]
    said = {d.field for d in plain}
    return plain + [d for d in differences(before.fingerprint, after.fingerprint) if d.field not in said]


def _sampled(side: Outcomes) -> bool:
    settings = side.fingerprint.get("must", {}).get("settings", {})
    return bool(settings.get("temperature")) and settings.get("asked", "here") == "here"


def promote(found: Sequence[Difference], strict: bool, same: Iterable[str]) -> list[Difference]:
    """`should` fields that the policy wants to match become `must`: all of them when strict, else those in `same`."""
    wanted = set(same)
    return [
        Difference(d.field, d.before, d.after, "must")
        if d.class_ == "should" and (strict or d.field in wanted or d.field.rsplit(".", 1)[-1] in wanted)
        else d
        for d in found
    ]


def refuse(task: str, found: Iterable[Difference]) -> None:
    """NotComparable if any difference is a `must`, naming the first field with both values, and the others."""
    must = [d for d in found if d.class_ == "must"]
    if not must:
        return
    first, rest = must[0], [d.field for d in must[1:]]
    more = f" (also: {', '.join(rest[:5])}{' …' if len(rest) > 5 else ''})" if rest else ""
    what = f"{first.field} is {_spelt(first, first.before)} before and {_spelt(first, first.after)} after"
    remedy = REMEDIES["other"]
    for name in ("chat", "system", "think"):
        remedy = REMEDIES[name] if first.field == f"settings.{name}" else remedy
    raise NotComparable(f"{task} can't be compared: {what}{more}; {remedy}")


def _spelt(difference: Difference, value: Any) -> str:
    form = FORMS.get(value) if difference.field == "settings.chat" and isinstance(value, bool) else None
    return shown(value) + (f" ({form})" if form else "")
