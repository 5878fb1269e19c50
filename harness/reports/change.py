"""`bench compare` for a terminal: what changed in one sentence, the numbers, where it moved, what else differs.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4), 118 lost and 76 gained of 1,346 questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from harness.records import Change, Difference
from harness.reports import _plain
from harness.verdicts import audit, comparison, wording

SHOWN_RECIPE = 3
SHOWN_MOVES = 5
COLOURS = {"worse": "bold red", "better": "green"}
CONTROLLED = {"controlled": " (controlled)", "confounded": "", "replicate": " (replicate)", "unknown": ""}
SHORT, LONG = 0.7, 1.5  # of the lengths before: worth a word
FOLLOWS = ("weights", "config")  # of the checkpoint's own: with other weights they differ as a matter of course


def render(base: str, lines: Sequence[comparison.Line], notes: Sequence[str] = (), colour: bool = False) -> str:
    """Everything that `bench compare` shows of one or more checkpoints against `base`: sentences, table, where it moved."""
    console = _plain.console(colour)
    names = list(dict.fromkeys(line.name for line in lines))
    by = {name: [line for line in lines if line.name == name] for name in names}
    for name, mine in by.items():
        lead = f"{name}: " if len(by) > 1 else ""
        console.print(_plain.words(lead + comparison.sentence(mine), style="bold"))
    console.print()
    console.print(_plain.words(f"before: {base}   after: {', '.join(names)}"))
    console.print(_lines(base, sorted(lines, key=lambda x: x.change.task) if len(by) > 1 else lines, len(by) > 1))
    methods = dict.fromkeys(line.change.method for line in lines)
    family = f", Holm over {len(lines)} lines" if len(lines) > 1 else ""
    catches = "catches: the smallest drop seen 8 times of 10"
    console.print(_plain.words(f"p: one-sided, in the direction seen{family}; {catches}; {'; '.join(methods)}"))
    for line in lines:
        if told := _beside(line):
            console.print(_plain.words(f"{_titled(line, by)}: {told}"))
    for text in _variables(by):
        console.print(_plain.words(text))
    for text in [*notes, *_elsewise(lines)]:
        console.print(_plain.words(text))
    for line in lines:
        sure = any(row["q"] <= wording.SURE for row in line.change.moved)
        if sure or (line.change.moved and len(by) == 1):
            console.print()
            console.print(_plain.words(_where(line.change, _titled(line, by))))
            if sure:
                console.print(_moves(line.change))
    return _plain.text(console)


def _lines(base: str, lines: Sequence[comparison.Line], several: bool) -> Table:
    """A line per task; of several checkpoints one for each under that of the base."""
    heads = ["change [90 % interval]", "lost/gained", "p(Holm)", "catches", "verdict"]
    table = _plain.table(["task", *(["checkpoint", "n", "score"] if several else ["n", "before", "after"]), *heads])
    above = ""
    for line in lines:
        change, points = line.change, wording.in_points(line.change)
        before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
        if several and change.task != above:
            table.add_row(*map(_plain.words, [change.task, base, f"{change.n:,}", before, *[""] * len(heads)]))
            above = change.task
        cells = ["", line.name, f"{change.n:,}", after] if several else [change.task, f"{change.n:,}", before, after]
        cells += [wording.interval(change), f"{change.lost}/{change.gained}", wording.p_value(line.p), caught]
        table.add_row(*map(_plain.words, cells), _plain.words(line.verdict, style=COLOURS.get(line.verdict, "")))
    return table


def _titled(line: comparison.Line, by: Mapping[str, object]) -> str:
    return line.change.task + (f", {line.name}" if len(by) > 1 else "")


def _beside(line: comparison.Line) -> str:
    """'unparsed 0.4 -> 2.3 %, cut off 0.0 -> 1.0 %, answers 0.31x as long'."""
    told = [
        f"{wording.UNREAD[name]} {' -> '.join(wording.number(v, True) for v in both)} %"
        for name, both in line.beside.items()
    ]
    if line.length is not None and not SHORT <= line.length <= LONG:
        told.append(f"answers {line.length:.2f}x as long")
    return ", ".join(told)


def _variables(by: Mapping[str, Sequence[comparison.Line]]) -> Iterable[str]:
    """The one-variable audit: per checkpoint once where it is the same of all tasks, and once for all that say nothing."""
    if len(by) > 1 and all(x.variables.kind == "unknown" and not x.variables.differing for y in by.values() for x in y):
        yield "How these were trained is not recorded, so no cause is known"
        return
    for name, lines in by.items():
        said = {x.change.task: f"{x.variables.sentence}{CONTROLLED[x.variables.kind]}" for x in lines}
        lead = f"{name}: " if len(by) > 1 else ""
        for text in dict.fromkeys(said.values()):
            tasks = [task for task, other in said.items() if other == text]
            yield (
                lead
                + (f"{', '.join(tasks)}: " if len(tasks) < len(said) else "")
                + (text[:1].upper() + text[1:] if text.startswith(("these ", "how ")) else text)
            )


def _elsewise(lines: Sequence[comparison.Line]) -> list[str]:
    """What should match and what came with the checkpoint, where the audit didn't name it already."""
    found: dict[str, None] = {}
    for line in lines:
        counted = {d.field.removeprefix("engine.") for d in line.variables.differing}
        for d in line.change.differences:
            told = d.field.removeprefix("engine.") in counted or d.field.startswith("environment.")
            if d.class_ in ("should", "own") and d.field not in FOLLOWS and not told:
                found.update(dict.fromkeys(_differences([d])))
    return list(found)


def _moves(change: Change) -> Table:
    points = wording.in_points(change)
    moves = _plain.table(("subject", "n", "before", "after", "change", "q"))
    for row in change.moved[:SHOWN_MOVES]:
        both = (wording.number(row[k], points) for k in ("before", "after"))
        moved = wording.number(row["change"], points, signed=True)
        moves.add_row(*map(_plain.words, (row["subject"], str(row["n"]), *both, moved, f"{row['q']:.2f}")))
    return moves


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


def _where(change: Change, title: str) -> str:
    sure = sum(1 for row in change.moved if row["q"] <= wording.SURE)
    lead = f"{sure} of {len(change.moved)} subjects moved (q at most {wording.SURE:.2f})"
    return f"{title}: where it moved: {lead}; to look at, never judged"
