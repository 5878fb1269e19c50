"""The verdict for a terminal: the sentence first, then the table, at most 100 columns.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); 1 of 2 tasks regressed.
Plain text unless colour is asked for: logs are read by people too.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.records import Finding, Judged, Verdict
from harness.reports import _plain
from harness.verdicts import wording

COLOURS = {
    "regressed": "bold red",
    "not_comparable": "bold red",
    "inconclusive": "yellow",
    "improved": "green",
}
STATUS = {"pass": "PASS", "fail": "FAIL", "not_comparable": "NOT COMPARABLE", "nothing": "NOTHING"}
TESTED = {  # column -> its head over two lines, so that all of them fit
    "change": "change\n[90 % interval]",
    "flips": "lost/\ngained",
    "p": "p\n(Holm)",
    "catches": "catches",
}
RATES = {"unparsed_rate": "un-\nparsed %", "truncated_rate": "cut\noff %"}  # of the candidate, where there are any
QUIET_GUARDS = 4


def render(verdict: Verdict, colour: bool = False) -> str:
    console = _plain.console(colour)
    console.print(_plain.words(f"bench gate  {verdict.after or '–'}  vs  {verdict.before or '–'}", style="dim"))
    style = "bold green" if verdict.status == "pass" else "yellow" if verdict.exit_code in (0, 6) else "bold red"
    console.print(_plain.words(verdict.sentence, style=style))
    _body(console, verdict)
    if verdict.anchor:
        console.print()
        console.print(_plain.words(f"anchor  {verdict.after or '–'}  vs  {verdict.anchor.before or '–'}", style="dim"))
        console.print(_plain.words(verdict.anchor.sentence))
        _body(console, verdict.anchor)
    status = STATUS.get(verdict.status, "INCONCLUSIVE")
    console.print(_plain.words(f"{status}  exit {verdict.exit_code}", style=style))
    return _plain.text(console)


def _body(console: Console, verdict: Verdict) -> None:
    """The table, what it has no room for, guards, notes."""
    if verdict.tasks:
        console.print()
        console.print(_tasks(verdict.tasks))
        if any(judged.change and judged.change.n for judged in verdict.tasks):
            console.print(_plain.words("catches: the smallest true drop that fails here 8 times of 10", style="dim"))
    for judged in verdict.tasks:
        for line in _remarks(judged):
            console.print(Padding(_plain.words(line), (0, 0, 0, 2)))
    shown = _shown(verdict.guards)
    if shown:
        console.print(_plain.words("guards"))
    for finding in shown:
        mark, tone = {"refuse": ("BREACHED", "bold red"), "warn": ("warning", "yellow")}.get(finding.level, ("ok", ""))
        evidence = f"; {finding.evidence}" if finding.level != "info" and finding.evidence else ""
        console.print(Padding(_plain.words(f"{mark:<8}  {finding.what}{evidence}", style=tone), (0, 0, 0, 2)))
    if len(shown) < len(verdict.guards):
        more = f"and {len(verdict.guards) - len(shown)} more within their limits"
        console.print(Padding(_plain.words(f"ok        {more}"), (0, 0, 0, 2)))
    for note in verdict.notes:
        console.print(_plain.words(f"note: {note}"))


def _shown(guards: Sequence[Finding]) -> list[Finding]:
    """The alarms first; of those that are quiet a few, since seven guards on ten tasks hide the one that is not."""
    ranked = sorted(guards, key=lambda g: ("refuse", "warn", "info").index(g.level))
    loud = sum(g.level != "info" for g in ranked)
    return ranked[: max(loud, QUIET_GUARDS)]


def _tasks(tasks: Sequence[Judged]) -> Table:
    rates = [name for name in RATES if any(any(t.rates.get(name, ())) for t in tasks)]
    table = _plain.table(["task", "n", "before", "after", *TESTED, *rates, "verdict"])
    for column, words in zip(
        table.columns, ["", "", "", "", *TESTED.values(), *map(RATES.get, rates), ""], strict=True
    ):
        if words:
            column.header = Text(words)
    for judged in tasks:
        change = judged.change
        word = judged.judgement.replace("_", " ")
        shout = word.upper() if judged.judgement in ("regressed", "not_comparable", "inconclusive") else word
        verdict = _plain.words(f"{shout}, waived" if judged.waived else shout, style=COLOURS.get(judged.judgement, ""))
        if change is None or not change.n:
            table.add_row(_plain.words(judged.task), *["–"] * (7 + len(rates)), verdict)
            continue
        points = wording.in_points(change)
        before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
        numbers = (f"{change.n:,}", before, after, wording.interval(change), f"{change.lost}/{change.gained}")
        shares = (wording.number(judged.rates.get(name, (None, None))[1], True) for name in rates)
        table.add_row(_plain.words(judged.task), *numbers, wording.p_value(judged.p_holm), caught, *shares, verdict)
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
    sure = [row for row in judged.change.moved if row["q"] <= wording.SURE][:3]
    if sure:
        moves = (f"{r['subject']} {wording.number(r['change'], points, signed=True)} (q {r['q']:.2f})" for r in sure)
        lines.append(f"{judged.task} moved most in: {', '.join(moves)}")
    return lines
