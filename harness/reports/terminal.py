"""The verdict and the comparison for a terminal: the sentence first, then the table, at most 100 columns.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); 1 of 2 tasks regressed.
Plain text unless colour is asked for: logs are read by people too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.records import Change, Difference, Judged, Verdict
from harness.verdicts import audit, wording

WIDTH = 100
COLOURS = {
    "regressed": "bold red",
    "not_comparable": "bold red",
    "inconclusive": "yellow",
    "improved": "green",
}
STATUS = {"pass": "PASS", "fail": "FAIL", "not_comparable": "NOT COMPARABLE", "nothing": "NOTHING"}
SHOWN_RECIPE = 3
SHOWN_MOVES = 5
SURE = 0.10  # Benjamini-Hochberg's q below which a subject is named


def render(verdict: Verdict, colour: bool = False) -> str:
    console = _console(colour)
    console.print(_words(f"bench gate  {verdict.after or '–'}  vs  {verdict.before or '–'}", style="dim"))
    style = "bold green" if verdict.status == "pass" else "yellow" if verdict.exit_code in (0, 6) else "bold red"
    console.print(_words(verdict.sentence, style=style))
    if verdict.tasks:
        console.print()
        console.print(_tasks(verdict.tasks))
    for judged in verdict.tasks:
        for line in _remarks(judged):
            console.print(Padding(_words(line), (0, 0, 0, 2)))
    if verdict.guards:
        console.print(_words("guards"))
    for finding in sorted(verdict.guards, key=lambda g: ("refuse", "warn", "info").index(g.level)):
        mark, tone = {"refuse": ("BREACHED", "bold red"), "warn": ("warning", "yellow")}.get(finding.level, ("ok", ""))
        evidence = f"; {finding.evidence}" if finding.level != "info" and finding.evidence else ""
        console.print(Padding(_words(f"{mark:<8}  {finding.what}{evidence}", style=tone), (0, 0, 0, 2)))
    for note in verdict.notes:
        console.print(_words(f"note: {note}"))
    status = STATUS.get(verdict.status, "INCONCLUSIVE")
    console.print(_words(f"{status}  exit {verdict.exit_code}", style=style))
    return _text(console)


def render_change(change: Change, names: tuple[str, str], colour: bool = False) -> str:
    """`bench compare`: one task of two runs; `names` are those of (before, after)."""
    console = _console(colour)
    console.print(_words(wording.change_sentence(change), style="bold"))
    console.print()
    points = wording.in_points(change)
    table = _table(("task", "n", *names, "change [90 % interval]", "lost/gained", "p worse", "p better", "catches"))
    before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
    flips = f"{change.lost}/{change.gained}"
    ps = (wording.p_value(change.p), wording.p_value(change.p_better))
    table.add_row(*map(_words, (change.task, f"{change.n:,}", before, after, _interval(change), flips, *ps, caught)))
    console.print(table)
    console.print(_words(f"test: {change.method}; p one-sided; catches: smallest drop seen 8 times of 10"))
    if change.moved:
        console.print()
        console.print(_words(_where(change)))
        moves = _table(("subject", "n", *names, "change", "q"))
        for row in change.moved[:SHOWN_MOVES]:
            both = (wording.number(row[k], points) for k in ("before", "after"))
            moved = wording.number(row["change"], points, signed=True)
            moves.add_row(*map(_words, (row["subject"], str(row["n"]), *both, moved, f"{row['q']:.2f}")))
        console.print(moves)
    for line in _differences(change.differences):
        console.print(_words(line))
    return _text(console)


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


def _tasks(tasks: Sequence[Judged]) -> Table:
    heads = (
        "task",
        "n",
        "before",
        "after",
        "change [90 % interval]",
        "lost/gained",
        "p(Holm)",
        "catches",
        "verdict",
    )
    table = _table(heads)
    for judged in tasks:
        change = judged.change
        word = judged.judgement.replace("_", " ")
        shout = word.upper() if judged.judgement in ("regressed", "not_comparable", "inconclusive") else word
        verdict = _words(shout, style=COLOURS.get(judged.judgement, ""))
        if change is None or not change.n:
            table.add_row(_words(judged.task), *["–"] * 7, verdict)
            continue
        points = wording.in_points(change)
        before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
        numbers = (f"{change.n:,}", before, after, _interval(change), f"{change.lost}/{change.gained}")
        table.add_row(_words(judged.task), *numbers, wording.p_value(judged.p_holm), caught, verdict)
    return table


def _remarks(judged: Judged) -> list[str]:
    """What the table has no room for: reasons, the tolerance, the questions that would settle it, where it moved."""
    if judged.change is None or not judged.change.n:
        return [judged.why]
    points = wording.in_points(judged.change)
    lines = []
    if judged.judgement in ("regressed", "slipped", "inconclusive"):
        settle = f"; about {judged.needs_n:,} questions would settle it" if judged.needs_n else ""
        lines.append(f"{judged.task}: tolerance {wording.number(judged.tolerance, points)}{settle}")
    sure = [row for row in judged.change.moved if row["q"] <= SURE][:3]
    if sure:
        moves = (f"{r['subject']} {wording.number(r['change'], points, signed=True)} (q {r['q']:.2f})" for r in sure)
        lines.append(f"{judged.task} moved most in: {', '.join(moves)}")
    return lines


def _interval(change: Change) -> str:
    points = wording.in_points(change)
    what, low, high = (wording.number(v, points, signed=True) for v in (change.change, change.low, change.high))
    return f"{what} [{low}, {high}]"


def _table(heads: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for i, head in enumerate(heads):
        words = head in ("task", "subject", "verdict")
        table.add_column(_words(head), justify="left" if words else "right", overflow="fold", no_wrap=i > 0 and words)
    return table


def _words(text: str, style: str = "") -> Text:
    return Text(wording.printable(text), style=style)


def _console(colour: bool) -> Console:
    return Console(
        file=io.StringIO(),
        width=WIDTH,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def _text(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
