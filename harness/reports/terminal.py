"""The verdict for a terminal: the sentence first, then the table, at most 100 columns.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); 1 of 2 tasks regressed.
Plain text unless colour is asked for: logs are read by people too.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from harness.records import Finding, Judged, Verdict
from harness.reports import _plain
from harness.verdicts import wording
from harness.words import heads, listed, say

WORDS = {
    "regressed": say("REGRESSED"),
    "not_comparable": say("NOT COMPARABLE"),
    "inconclusive": say("INCONCLUSIVE"),
    "improved": say("improved"),
    "slipped": say("slipped"),
    "ok": say("ok"),
}
MARKS = {"refuse": (say("BREACHED"), "bold red"), "warn": (say("warning"), "yellow"), "info": (say("ok"), "")}
COLOURS = {
    "regressed": "bold red",
    "not_comparable": "bold red",
    "inconclusive": "yellow",
    "improved": "green",
}
STATUS = {
    "pass": say("PASS"),
    "fail": say("FAIL"),
    "not_comparable": say("NOT COMPARABLE"),
    "nothing": say("NOTHING"),
    "inconclusive": say("INCONCLUSIVE"),
}
# over two lines, so that all of them fit
TESTED = heads("change\n[90 % interval]", "lost/\ngained", "p\n(Holm)", "catches")
RATES = {
    "unparsed_rate": say("un-\nparsed %"),
    "truncated_rate": say("cut\noff %"),
}  # of the candidate, where there are any
QUIET_GUARDS = 4
MARK_WIDTH = 8


def render(verdict: Verdict, colour: bool = False) -> str:
    console = _plain.console(colour)
    console.print(_plain.words(_sides("bench gate", verdict), style="dim"))
    style = "bold green" if verdict.status == "pass" else "yellow" if verdict.exit_code in (0, 6) else "bold red"
    console.print(_plain.words(verdict.sentence, style=style))
    _body(console, verdict)
    if verdict.anchor:
        console.print()
        console.print(_plain.words(_sides(say("anchor"), verdict.anchor), style="dim"))
        console.print(_plain.words(verdict.anchor.sentence))
        _body(console, verdict.anchor)
    status = say("{status}  exit {code}", status=STATUS[verdict.status], code=verdict.exit_code)
    console.print(_plain.words(status, style=style))
    return _plain.text(console)


def _sides(what: str, verdict: Verdict) -> str:
    return say("{what}  {after}  vs  {before}", what=what, after=verdict.after or "–", before=verdict.before or "–")


def _body(console: Console, verdict: Verdict) -> None:
    """The table, what it has no room for, guards, notes."""
    if verdict.tasks:
        console.print()
        console.print(_tasks(verdict.tasks))
        if any(judged.change and judged.change.n for judged in verdict.tasks):
            caught = say("catches: the smallest true drop that fails here 8 times of 10")
            console.print(_plain.words(caught, style="dim"))
    for judged in verdict.tasks:
        for line in _remarks(judged):
            console.print(Padding(_plain.words(line), (0, 0, 0, 2)))
    shown = _shown(verdict.guards)
    if shown:
        console.print(_plain.words(say("guards")))
    for finding in shown:
        mark, tone = MARKS[finding.level]
        loud = finding.level != "info" and finding.evidence
        _guard(console, mark, listed([finding.what, finding.evidence], "; ") if loud else finding.what, tone)
    if len(shown) < len(verdict.guards):
        _guard(console, say("ok"), say("and {n} more within their limits", n=len(verdict.guards) - len(shown)))
    for note in verdict.notes:
        console.print(_plain.words(say("note: {note}", note=note)))


def _guard(console: Console, mark: str, what: str, tone: str = "") -> None:
    line = _plain.words(mark, style=tone)
    line.pad_right(MARK_WIDTH + 2 - line.cell_len)
    console.print(Padding(line + _plain.words(what, style=tone), (0, 0, 0, 2)))


def _shown(guards: Sequence[Finding]) -> list[Finding]:
    """The alarms first; of those that are quiet a few, since seven guards on ten tasks hide the one that is not."""
    ranked = sorted(guards, key=lambda g: ("refuse", "warn", "info").index(g.level))
    loud = sum(g.level != "info" for g in ranked)
    return ranked[: max(loud, QUIET_GUARDS)]


def _tasks(tasks: Sequence[Judged]) -> Table:
    rates = [name for name in RATES if any(any(t.rates.get(name, ())) for t in tasks)]
    named = [RATES[name] for name in rates]
    table = _plain.table([*heads("task", "n", "before", "after"), *TESTED, *named, say("verdict")])
    for judged in tasks:
        change = judged.change
        word = WORDS[judged.judgement]
        said = say("{verdict}, waived", verdict=word) if judged.waived else word
        verdict = _plain.words(said, style=COLOURS.get(judged.judgement, ""))
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
    lines: list[str] = []
    if judged.judgement in ("regressed", "slipped", "inconclusive"):
        settle = say("; about {n:,} questions would settle it", n=judged.needs_n) if judged.needs_n else ""
        tolerance = wording.number(judged.tolerance, points)
        lines.append(say("{task}: tolerance {n}{settle}", task=judged.task, n=tolerance, settle=settle))
    sure = [row for row in judged.change.moved if row["q"] <= wording.SURE][:3]
    if sure:
        moves = [
            say(
                "{what} {n} (q {q:.2f})",
                what=r["subject"],
                n=wording.number(r["change"], points, signed=True),
                q=r["q"],
            )
            for r in sure
        ]
        lines.append(say("{task} moved most in: {moves}", task=judged.task, moves=listed(moves)))
    return lines
