"""Which place of a reply a scorer read: other signs are put there, and the real scorer reads again.

Example: confirmed("choice", sample, "A 错。故选 B。", (7, 8)) is "changed": with C in its place the scorer says C. Trap: an answer
that is said twice survives the loss of either place; there the place must be enough by itself ("again").
"""

from __future__ import annotations

import re

from harness import plugins
from harness.records import Response, Sample
from harness.spans import Span

HOLE = "□"


def read(scorer: str, sample: Sample, text: str) -> tuple[str | None, str]:
    """(answer, rule) of the real scorer, by exact arithmetic where that is enough."""
    module, response = plugins.find("harness.scorers", scorer), Response("r", "s", 0, text=text)
    score = getattr(module, "quick", lambda *_: None)(sample, response) or module.score(sample, response)
    return score.answer, score.rule


def confirmed(scorer: str, sample: Sample, text: str, span: Span) -> str | None:
    """ "swapped", "changed" or "again"; None where the scorer doesn't miss what stands there."""
    start, end = span
    answer, rule = read(scorer, sample, text)
    said = text[start:end]
    other = _other(scorer, said)
    if other != said:
        new = read(scorer, sample, text[:start] + other + text[end:])[0]
        if new == _other(scorer, answer or ""):
            return "swapped"
    if read(scorer, sample, text[:start] + HOLE * len(said) + text[end:]) != (answer, rule):
        return "changed"
    alone = _without_the_others(scorer, text, span)
    kept = read(scorer, sample, alone) == (answer, rule)
    gone = alone[:start] + HOLE * len(said) + alone[end:]
    return "again" if kept and read(scorer, sample, gone) != (answer, rule) else None


def _other(scorer: str, said: str) -> str:
    """Another answer of the same kind."""
    if scorer == "number":
        return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 9 + 1), said)
    if scorer == "yesno":
        return said
    other = re.sub("[A-R]", lambda letter: "ABCD"[(ord(letter[0]) - ord("A") + 1) % 4], said)
    return "".join(sorted(other)) if said == "".join(sorted(said)) and said.isalpha() else other


def _without_the_others(scorer: str, text: str, span: Span) -> str:
    """The text in which the answer stands at this place only."""
    start, end = span
    said = text[start:end]
    one = (
        re.escape(said)
        if scorer in ("number", "yesno")
        else f"(?<![A-Za-z])[{''.join(re.findall('[A-R]', said))}](?![A-Za-z])"
    )
    if one.startswith("(?<![A-Za-z])[]"):
        one = re.escape(said)
    return re.sub(one, lambda at: at[0] if at.start() < end and at.end() > start else HOLE * len(at[0]), text)
