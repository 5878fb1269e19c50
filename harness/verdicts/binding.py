"""Letter binding: accuracy by the options' texts minus accuracy by letters on the same questions, raw and above chance.

Example: a 1B model has 25.4 on ceval (letters) and 36.1 on ceval:texts: +10.7 points, 90 % interval +8.3 to +13.1, so it
knows more than it can say: it has not learnt that the letter stands for the option. Trap: the texts' way has its own
helps (a longer option, a rarer word), so only a gap whose interval leaves 0 out, with texts above chance, is called so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness import stats
from harness.records import Outcomes
from harness.verdicts.compare import CONFIDENCE
from harness.verdicts.wording import number
from harness.words import listed, say

TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Binding:
    """Shares in 0..1. `gap` = texts - letters, with a paired 90 % interval; scores with 95 % ones."""

    task: str  # the letters' key
    checkpoint: str  # its name
    n: int
    letters: float
    letters_low: float
    letters_high: float
    texts: float
    texts_low: float
    texts_high: float
    gap: float
    gap_low: float
    gap_high: float
    chance: float | None
    gap_above_chance: float | None  # gap / (1 - chance): the gap as a share of what there is to win over guessing
    letters_at_chance: bool | None  # the letters' interval is not above chance; None where chance isn't known
    sentence: str


def sentences(outcomes: Sequence[Outcomes], chances: Mapping[str, float | None]) -> list[str]:
    """One sentence per checkpoint and task that is there in both forms (`ceval` and `ceval:texts`), in order.

    `chances`: task key -> the card's expected score of guessing (Task.chance), where known.
    """
    return [found.sentence for found in pairs(outcomes, chances)]


def pairs(outcomes: Sequence[Outcomes], chances: Mapping[str, float | None]) -> list[Binding]:
    """Letters and texts of each checkpoint and task brought together; forms without a partner are left out."""
    by_key = {(o.checkpoint, o.task): o for o in outcomes}
    found = (
        binding(letters, by_key[checkpoint, texts_of(task)], chances.get(task))
        for (checkpoint, task), letters in by_key.items()
        if texts_of(task) and (checkpoint, texts_of(task)) in by_key
    )
    return [one for one in found if one is not None]


def texts_of(key: str) -> str:
    """The key of a task's option texts: ceval -> ceval:texts, ceval:test -> ceval:test-texts; "" for texts, variants."""
    name, _, form = key.partition(":")
    if "~" in key or form.rpartition("-")[2] == TEXTS:
        return ""
    return f"{name}:{form}-{TEXTS}" if form else f"{name}:{TEXTS}"


def binding(letters: Outcomes, texts: Outcomes, chance: float | None) -> Binding | None:
    """None without a common question."""
    said = {s: v for s, v in zip(texts.samples, texts.values, strict=True) if v is not None}
    there = [
        i for i, (s, v) in enumerate(zip(letters.samples, letters.values, strict=True)) if v is not None and s in said
    ]
    if not there:
        return None
    by_letter = np.array([letters.values[i] for i in there], float)
    by_text = np.array([said[letters.samples[i]] for i in there])
    subjects = [letters.subjects[i] for i in there] if letters.average == "macro" and letters.subjects else None
    clusters = [letters.clusters[i] for i in there] if any(letters.clusters) else None
    share = stats.weights(subjects, len(there))
    scores = [_score(values, subjects, clusters) for values in (by_letter, by_text)]
    change = by_text - by_letter
    if subjects is None and clusters is None and np.isin(change, (-1.0, 0.0, 1.0)).all():
        low, high = stats.tango(int((change < 0).sum()), int((change > 0).sum()), len(there), CONFIDENCE)
    else:
        low, high = stats.paired_interval(change, subjects, clusters, CONFIDENCE)
    gap = math.fsum((share * change).tolist())
    made = Binding(
        letters.task, letters.name or letters.checkpoint, len(there),
        math.fsum((share * by_letter).tolist()), *scores[0], math.fsum((share * by_text).tolist()), *scores[1],
        gap, low, high, chance, None if chance is None or chance >= 1 else gap / (1 - chance),
        None if chance is None else scores[0][0] <= chance, "",
    )  # fmt: skip
    return replace(made, sentence=_told(made, _otherwise(letters, texts)))


def _score(values: np.ndarray, subjects: list[str] | None, clusters: list[str] | None) -> tuple[float, float]:
    if subjects is not None and len(set(subjects)) > 1:
        return stats.macro(values, subjects, clusters=clusters)
    if clusters is None and np.isin(values, (0.0, 1.0)).all():
        return stats.wilson(float(values.sum()), len(values))
    low, high = stats.mean_t(values, clusters=clusters)
    if math.isclose(low, high):  # nothing varied: as wide as that of so many units, never "±0"
        units = len({c or i for i, c in enumerate(clusters)}) if clusters else len(values)
        return stats.wilson(float(values.mean()) * units, units)
    return max(low, 0.0), min(high, 1.0)


def _otherwise(letters: Outcomes, texts: Outcomes) -> str:
    """What else differs between the two runs and could make the gap."""
    asked = [o.fingerprint.get("must", {}).get("settings") or {} for o in (letters, texts)]
    differ = [name for name in ("shots", "chat", "system") if asked[0].get(name) != asked[1].get(name)]
    template = "{name} {one!r} by letters and {other!r} by texts"
    said = [say(template, name=name, one=asked[0].get(name), other=asked[1].get(name)) for name in differ]
    return say("; but they were asked otherwise too ({how})", how=listed(said)) if differ else ""


def _told(b: Binding, otherwise: str) -> str:
    gap, low, high = (number(v, True, signed=True) for v in (b.gap, b.gap_low, b.gap_high))
    return say(
        "{name} on {task}: {letters} by letters, {texts} by option texts on the same {n:,} questions ({gap} points, 90 % "
        "interval {low} to {high}): {meaning}{otherwise}.",
        name=b.checkpoint, task=b.task, letters=number(b.letters, True), texts=number(b.texts, True), n=b.n, gap=gap,
        low=low, high=high, meaning=_meaning(b), otherwise=otherwise,
    )  # fmt: skip


def _meaning(b: Binding) -> str:
    at_chance = say("; its letters are not above chance") if b.letters_at_chance else ""
    if b.letters_at_chance and b.chance is not None and b.texts_low <= b.chance:
        return say("neither is above chance, so nothing can be said about letter binding")
    if b.gap_low > 0:
        return say("it knows more than it can say by letter{at_chance}", at_chance=at_chance)
    if b.gap_high < 0:
        return say("it answers better by letter than by text, so letters hide nothing")
    return say("no clear difference between the two{at_chance}", at_chance=at_chance)
