"""`bench pick` for a terminal: which checkpoint to ship and what to report, then a line per checkpoint, best first.

Example: Ship checkpoint-500: the earliest of 4 that can't be told apart (best: checkpoint-1500, but its 46.2 is flattered by
about 1.0 points, the best of 8). Report 44.8 on ceval:test (95 % interval 43.9 to 45.7, 12,342 questions).
"""

from __future__ import annotations

from harness.reports import _plain
from harness.verdicts import wording
from harness.verdicts.pick import Picked, Place
from harness.words import heads, listed, say

SHORT = {
    "ends_itself": say("{task} ends %"),
    "answer_tokens": say("{task} tokens"),
    "repetition": say("{task} circles %"),
}


def render_choice(picked: Picked, sentence: str, colour: bool = False) -> str:
    console = _plain.console(colour)
    console.print(_plain.words(sentence, style="bold"))
    console.print()
    tasks, first = list(picked.n), picked.places[0]
    health = [(task, name) for task, found in first.health.items() for name in found]
    sizes = any(place.bytes is not None for place in picked.places)
    steps = any(place.steps is not None for place in picked.places)
    head = [say("checkpoint"), *tasks, *(heads("mean") if len(tasks) > 1 else []), *heads("behind", "p(Holm)", "tied")]
    head += [*(heads("size") if sizes else []), *(heads("steps") if steps else [])]
    head += [say(SHORT[name].template, task=task) for task, name in health]
    table = _plain.table([*head, ""])
    for place in picked.places:
        cells = [place.name, *(wording.number(place.scores[task], picked.points) for task in tasks)]
        cells += [wording.number(place.score, picked.points)] if len(tasks) > 1 else []
        cells += [
            wording.number(place.behind, picked.points),
            wording.p_value(place.p),
            say("tied") if place.tied else "",
        ]
        cells += ["–" if place.bytes is None else wording.size(place.bytes)] if sizes else []
        cells += ["–" if place.steps is None else f"{place.steps:,}"] if steps else []
        cells += [_health(place, task, name) for task, name in health]
        table.add_row(*map(_plain.words, [*cells, say("<- advised") if place.name == picked.advised else ""]))
    console.print(table)
    asked = listed(say("{n:,} questions of {task}", n=n, task=task) for task, n in picked.n.items())
    template = "{asked}; tied: paired test against the best, two-sided, Holm over {n}"
    console.print(_plain.words(say(template, asked=asked, n=len(picked.places) - 1)))
    for line in picked.warnings:
        console.print(_plain.words(line))
    return _plain.text(console)


def _health(place: Place, task: str, name: str) -> str:
    value = place.health[task].get(name)
    return wording.number(value, name != "answer_tokens", digits=1 if name != "answer_tokens" else 0)
