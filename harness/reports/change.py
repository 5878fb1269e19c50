"""`bench compare` for a terminal: what changed in one sentence, the numbers, where it moved, what else differs.

Example: Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4), 118 lost and 76 gained of 1,346 questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from harness.records import Change, Difference
from harness.reports import _plain
from harness.verdicts import audit, comparison, wording
from harness.words import heads, listed, say, told

SHOWN_RECIPE = 3
SHOWN_MOVES = 5
COLOURS = {"worse": "bold red", "better": "green"}
CONTROLLED = {"controlled": say(" (controlled)"), "confounded": "", "replicate": say(" (replicate)"), "unknown": ""}
VERDICTS: Mapping[comparison.Verdict, str] = {
    "worse": say("worse"),
    "better": say("better"),
    "alike": say("alike"),
    "not separable": say("not separable"),
}
CLASSES = {
    "must": say("must match"),
    "should": say("should match"),
    "own": say("the checkpoint's own"),
    "recipe": say("recipe"),
}
SHORT, LONG = 0.7, 1.5  # of the lengths before: worth a word
FOLLOWS = ("weights", "config")  # of the checkpoint's own: with other weights they differ as a matter of course


def render(base: str, lines: Sequence[comparison.Line], notes: Sequence[str] = (), colour: bool = False) -> str:
    """Everything that `bench compare` shows of one or more checkpoints against `base`: sentences, table, where it moved."""
    console = _plain.console(colour)
    names = list(dict.fromkeys(line.name for line in lines))
    by = {name: [line for line in lines if line.name == name] for name in names}
    for name, mine in by.items():
        sentence = comparison.sentence(mine)
        console.print(_plain.words(_of(name, sentence) if len(by) > 1 else sentence, style="bold"))
    console.print()
    console.print(_plain.words(say("before: {base}   after: {names}", base=base, names=listed(names))))
    console.print(_lines(base, sorted(lines, key=lambda x: x.change.task) if len(by) > 1 else lines, len(by) > 1))
    methods = dict.fromkeys(line.change.method for line in lines)
    family = say(", Holm over {n} lines", n=len(lines)) if len(lines) > 1 else ""
    template = "p: one-sided, in the direction seen{family}; catches: the smallest drop seen 8 times of 10; {methods}"
    console.print(_plain.words(say(template, family=family, methods=listed(methods, "; "))))
    for line in lines:
        if beside := _beside(line):
            console.print(_plain.words(_of(_titled(line, by), beside)))
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


def _of(name: str, said: str) -> str:
    return say("{name}: {said}", name=name, said=said)


def _lines(base: str, lines: Sequence[comparison.Line], several: bool) -> Table:
    """A line per task; of several checkpoints one for each under that of the base."""
    sides = heads("checkpoint", "n", "score") if several else heads("n", "before", "after")
    tested = heads("change [90 % interval]", "lost/gained", "p(Holm)", "catches", "verdict")
    table = _plain.table([say("task"), *sides, *tested])
    above = ""
    for line in lines:
        change, points = line.change, wording.in_points(line.change)
        before, after, caught = (wording.number(v, points) for v in (change.before, change.after, change.mde))
        if several and change.task != above:
            table.add_row(*map(_plain.words, [change.task, base, f"{change.n:,}", before, *[""] * len(tested)]))
            above = change.task
        cells = ["", line.name, f"{change.n:,}", after] if several else [change.task, f"{change.n:,}", before, after]
        cells += [wording.interval(change), f"{change.lost}/{change.gained}", wording.p_value(line.p), caught]
        table.add_row(
            *map(_plain.words, cells), _plain.words(VERDICTS[line.verdict], style=COLOURS.get(line.verdict, ""))
        )
    return table


def _titled(line: comparison.Line, by: Mapping[str, object]) -> str:
    return listed([line.change.task, line.name]) if len(by) > 1 else line.change.task


def _beside(line: comparison.Line) -> str:
    """'unparsed 0.4 -> 2.3 %, cut off 0.0 -> 1.0 %, answers 0.31x as long'."""
    found = []
    for name, both in line.beside.items():
        before, after = (wording.number(v, True) for v in both)
        found.append(say("{what} {before} -> {after} %", what=wording.UNREAD[name], before=before, after=after))
    if line.length is not None and not SHORT <= line.length <= LONG:
        found.append(say("answers {ratio:.2f}x as long", ratio=line.length))
    return listed(found)


def _variables(by: Mapping[str, Sequence[comparison.Line]]) -> Iterable[str]:
    """The one-variable audit: per checkpoint once where it is the same of all tasks, and once for all that say nothing."""
    if len(by) > 1 and all(x.variables.kind == "unknown" and not x.variables.differing for y in by.values() for x in y):
        yield say("How these were trained is not recorded, so no cause is known")
        return
    for name, lines in by.items():
        said = {x.change.task: _begun(told(x.variables.sentence) + told(CONTROLLED[x.variables.kind])) for x in lines}
        for text in dict.fromkeys(said.values()):
            tasks = [task for task, other in said.items() if other == text]
            text = _of(listed(tasks), text) if len(tasks) < len(said) else text
            yield _of(name, text) if len(by) > 1 else text


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] if sentence.startswith(("these ", "how ")) else sentence


def _elsewise(lines: Sequence[comparison.Line]) -> list[str]:
    """What should match and what came with the checkpoint, where the audit didn't name it already."""
    found: dict[str, None] = {}
    for line in lines:
        counted = {d.field.removeprefix("engine.") for d in line.variables.differing}
        for d in line.change.differences:
            known = d.field.removeprefix("engine.") in counted or d.field.startswith("environment.")
            if d.class_ in ("should", "own") and d.field not in FOLLOWS and not known:
                found.update(dict.fromkeys(_differences([d])))
    return list(found)


def _moves(change: Change) -> Table:
    points = wording.in_points(change)
    moves = _plain.table(heads("subject", "n", "before", "after", "change", "q"))
    for row in change.moved[:SHOWN_MOVES]:
        both = (wording.number(row[k], points) for k in ("before", "after"))
        moved = wording.number(row["change"], points, signed=True)
        moves.add_row(*map(_plain.words, (row["subject"], str(row["n"]), *both, moved, f"{row['q']:.2f}")))
    return moves


def _differences(found: Sequence[Difference]) -> list[str]:
    """A line each, but a recipe that differs in many fields is one line: then no field explains the change."""
    recipe = [d for d in found if d.class_ == "recipe"]
    shown = [d for d in found if d.class_ != "recipe" or len(recipe) <= SHOWN_RECIPE]
    lines: list[str] = []
    for d in shown:
        template = "differs: {field} ({kind}): {before} -> {after}"
        before, after = audit.shown(d.before), audit.shown(d.after)
        lines.append(say(template, field=d.field, kind=CLASSES[d.class_], before=before, after=after))
    if len(recipe) > SHOWN_RECIPE:
        fields = listed(d.field for d in recipe)
        lines.append(say("differs: {n} fields of the recipe: {fields}", n=len(recipe), fields=fields))
    return lines


def _where(change: Change, title: str) -> str:
    sure = sum(1 for row in change.moved if row["q"] <= wording.SURE)
    template = "{title}: where it moved: {n} of {of} subjects moved (q at most {q:.2f}); to look at, never judged"
    return say(template, title=title, n=sure, of=len(change.moved), q=wording.SURE)
