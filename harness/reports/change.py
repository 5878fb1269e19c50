"""`bench compare` for a terminal: what changed in one sentence, the numbers, where it moved, what else differs.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4), 118 lost and 76 gained of 1,346 questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Change, Difference
from harness.reports import _plain
from harness.verdicts import audit, wording

SHOWN_RECIPE = 3
SHOWN_MOVES = 5
SURE = 0.10  # Benjamini-Hochberg's q below which a subject is named


def render_change(change: Change, names: tuple[str, str], colour: bool = False) -> str:
    """`bench compare`: one task of two runs; `names` are those of (before, after)."""
    console = _plain.console(colour)
    console.print(_plain.words(wording.change_sentence(change), style="bold"))
    console.print()
    points = wording.in_points(change)
    table = _plain.table(
        ("task", "n", *names, "change [90 % interval]", "lost/gained", "p worse", "p better", "catches")
    )
    before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
    flips = f"{change.lost}/{change.gained}"
    ps = (wording.p_value(change.p), wording.p_value(change.p_better))
    table.add_row(
        *map(_plain.words, (change.task, f"{change.n:,}", before, after, _plain.interval(change), flips, *ps, caught))
    )
    console.print(table)
    console.print(_plain.words(f"test: {change.method}; p one-sided; catches: smallest drop seen 8 times of 10"))
    if change.moved:
        console.print()
        console.print(_plain.words(_where(change)))
        moves = _plain.table(("subject", "n", *names, "change", "q"))
        for row in change.moved[:SHOWN_MOVES]:
            both = (wording.number(row[k], points) for k in ("before", "after"))
            moved = wording.number(row["change"], points, signed=True)
            moves.add_row(*map(_plain.words, (row["subject"], str(row["n"]), *both, moved, f"{row['q']:.2f}")))
        console.print(moves)
    for line in _differences(change.differences):
        console.print(_plain.words(line))
    return _plain.text(console)


def _differences(found: Sequence[Difference]) -> list[str]:
    """A line each, but a recipe that differs in many fields is one line: then no field explains the change."""
    label = {"must": "must match", "should": "should match", "own": "the checkpoint's own", "recipe": "recipe"}
    recipe = [d for d in found if d.class_ == "recipe"]
    shown = [d for d in found if d.class_ != "recipe" or len(recipe) <= SHOWN_RECIPE]
    lines = [
        f"differs: {d.field} ({label[d.class_]}): {audit.shown(d.before)} -> {audit.shown(d.after)}" for d in shown
    ]
    if len(recipe) > SHOWN_RECIPE:
        lines.append(f"differs: {len(recipe)} fields of the recipe: {', '.join(d.field for d in recipe)}")
    return lines


def _where(change: Change) -> str:
    sure = sum(1 for row in change.moved if row["q"] <= SURE)
    lead = f"{sure} of {len(change.moved)} subjects moved (q at most {SURE:.2f})"
    return f"where it moved: {lead}; to look at, never judged"
