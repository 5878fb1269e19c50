"""The verdict for a terminal: the sentence first, then the table, at most 100 columns.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); 1 of 2 tasks regressed.
Plain text unless colour is asked for: logs are read by people too.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.padding import Padding
from rich.table import Table

from harness.records import Judged, Verdict
from harness.reports import _plain
from harness.verdicts import wording

COLOURS = {
    "regressed": "bold red",
    "not_comparable": "bold red",
    "inconclusive": "yellow",
    "improved": "green",
}
STATUS = {"pass": "PASS", "fail": "FAIL", "not_comparable": "NOT COMPARABLE", "nothing": "NOTHING"}
SURE = 0.10  # Benjamini-Hochberg's q below which a subject is named


def render(verdict: Verdict, colour: bool = False) -> str:
    console = _plain.console(colour)
    console.print(_plain.words(f"bench gate  {verdict.after or '–'}  vs  {verdict.before or '–'}", style="dim"))
    style = "bold green" if verdict.status == "pass" else "yellow" if verdict.exit_code in (0, 6) else "bold red"
    console.print(_plain.words(verdict.sentence, style=style))
    if verdict.tasks:
        console.print()
        console.print(_tasks(verdict.tasks))
    for judged in verdict.tasks:
        for line in _remarks(judged):
            console.print(Padding(_plain.words(line), (0, 0, 0, 2)))
    if verdict.guards:
        console.print(_plain.words("guards"))
    for finding in sorted(verdict.guards, key=lambda g: ("refuse", "warn", "info").index(g.level)):
        mark, tone = {"refuse": ("BREACHED", "bold red"), "warn": ("warning", "yellow")}.get(finding.level, ("ok", ""))
        evidence = f"; {finding.evidence}" if finding.level != "info" and finding.evidence else ""
        console.print(Padding(_plain.words(f"{mark:<8}  {finding.what}{evidence}", style=tone), (0, 0, 0, 2)))
    for note in verdict.notes:
        console.print(_plain.words(f"note: {note}"))
    status = STATUS.get(verdict.status, "INCONCLUSIVE")
    console.print(_plain.words(f"{status}  exit {verdict.exit_code}", style=style))
    return _plain.text(console)


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
    table = _plain.table(heads)
    for judged in tasks:
        change = judged.change
        word = judged.judgement.replace("_", " ")
        shout = word.upper() if judged.judgement in ("regressed", "not_comparable", "inconclusive") else word
        verdict = _plain.words(shout, style=COLOURS.get(judged.judgement, ""))
        if change is None or not change.n:
            table.add_row(_plain.words(judged.task), *["–"] * 7, verdict)
            continue
        points = wording.in_points(change)
        before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
        numbers = (f"{change.n:,}", before, after, _plain.interval(change), f"{change.lost}/{change.gained}")
        table.add_row(_plain.words(judged.task), *numbers, wording.p_value(judged.p_holm), caught, verdict)
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
