"""The log of experiments as text, Markdown and plain values: `bench log` in its three forms.

Example, of one experiment in a terminal:

    2026-11-20 23:41  med-lora-r8  lora from qwen-0.5b
      "rank 8, since 4 underfits"
      differs from med-lora-r4 in 1 setting: LoRA rank 4 -> 8
      against qwen-0.5b: better: ceval +3.1 [+1.2, +5.0]; not separable: gsm8k +0.4 [-1.0, +1.8]
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _tables
from harness.cli._echo import echo
from harness.verdicts import audit, wording
from harness.words import listed, say, told

if TYPE_CHECKING:
    from harness.experiments import Against, Experiment, Relative, Written
    from harness.records import Change

LEAST, MOST = 50, 120  # columns
SHOWN = 6  # tasks of one verdict
STRENGTH = {
    "worse": say("worse"),
    "better": say("better"),
    "alike": say("alike"),
    "not separable": say("not separable"),
}
LEGEND = say(
    "In brackets 90 % intervals of changes, in points of shares. Better and worse are sure at 5 % over all tasks of a line."
)
HINT = 'bench run … --note "rank 16, since 8 underfits"'


def show(found: Sequence[Experiment], earlier: int) -> None:
    columns = min(MOST, max(LEAST, shutil.get_terminal_size((_tables.WIDTH, 24)).columns))
    if earlier:
        echo(say("{n} earlier ones are left out; `bench log --last 0` shows all", n=earlier))
        echo("")
    for i, one in enumerate(found):
        if i:
            echo("")
        head, *rest = _lines(one)
        for line in _tables.folded(told(head), columns):
            click.secho(wording.printable(line), bold=True)
        for text in rest:
            for k, line in enumerate(_tables.folded(told(text), columns - 6)):
                echo(("  " if not k else "      ") + line)
    if any(one.against for one in found):
        echo("")
        echo("\n".join(_tables.folded(told(LEGEND), columns)))
    if not any(one.notes for one in found):
        hint = say("no notes yet: `{command}`, or `note = …` in a recipe, tells later why it was made", command=HINT)
        echo("\n".join(_tables.folded(told(hint), columns)))


def markdown(found: Sequence[Experiment]) -> str:
    """A heading per experiment and a list under it, the newest last, so that a file of it only grows at its end."""
    out = [f"# {told(say('Experiments'))}", ""]
    for one in found:
        head, *rest = (_escaped(wording.printable(told(line))) for line in _lines(one))
        out += [f"## {head}", "", *(f"- {line}" for line in rest), ""]
    if any(one.against for one in found):
        out += [told(LEGEND), ""]
    return "\n".join(out)


def _escaped(text: str) -> str:
    """Names and notes are no mark-up: no tag, no link, no emphasis comes in; brackets of intervals may stay."""
    return re.sub(r"[\\`*<]|\](?=[(\[])", lambda found: f"\\{found[0]}", text)


def plain(one: Experiment) -> dict[str, Any]:
    """Plain values; times in UTC, shares 0..1."""
    lineage = one.checkpoint.lineage
    return {
        "checkpoint": one.checkpoint.name, "checkpoint_id": one.checkpoint.id, "at": one.at, "parent": one.parent,
        "method": lineage.method if lineage else None, "ended": lineage.ended if lineage else None,
        "notes": [asdict(note) for note in one.notes],
        "relative": asdict(one.relative) if one.relative else None,
        "scores": {task: {"metric": r.metric, "value": r.value, "low": r.low, "high": r.high, "n": r.n} for task, r in one.scores.items()},
        "against": [
            {"name": a.name, "checkpoint": a.checkpoint, "is_parent": a.is_parent, "refused": a.refused,
             "changes": [{**_change(x.change), "verdict": x.verdict, "p_holm": x.p_worse, "p_better_holm": x.p_better} for x in a.lines]}
            for a in one.against
        ],
        "trained_on_metric": one.on_metric, "trained_on_test": one.on_test, "overlaps": [asdict(s) for s in one.splits],
    }  # fmt: skip


def _change(change: Change) -> dict[str, Any]:
    return {name: value for name, value in asdict(change).items() if name not in ("differences", "moved")}


# -- lines --------------------------------------------------------------------------------------------------------


def _lines(one: Experiment) -> Iterator[str]:
    """The heading, then what stands under it; parts that are not known are not there."""
    yield listed([_when(one.at), one.name, *filter(None, [_origin(one)])], "  ")
    yield from map(_note, one.notes)
    if one.relative:
        yield _moved(one.relative)
    yield from map(_against, one.against)
    if not one.against and one.scores:
        yield say("scores: {scores}", scores=listed(_score(task, r) for task, r in list(one.scores.items())[:SHOWN]))
    if one.checkpoint.lineage and one.checkpoint.lineage.ended:
        yield say("ended early: {why}", why=one.checkpoint.lineage.ended)
    if one.on_metric:
        yield say("! trained on the metric of {tasks}", tasks=listed(one.on_metric))
    if one.on_test:
        yield say("! trained on the test of {tasks}", tasks=listed(one.on_test))
    yield from map(_seen, one.splits)


def _when(at: str) -> str:
    """In the reader's own time, since the store's is UTC."""
    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return "–"


def _origin(one: Experiment) -> str:
    method = one.checkpoint.lineage.method if one.checkpoint.lineage else None
    if one.parent and method:
        return say("{method} from {parent}", method=method, parent=one.parent)
    if one.parent:
        return say("from {parent}", parent=one.parent)
    return method or ""


def _note(note: Written) -> str:
    if note.kind == "bless":
        return say('blessed as {name}: "{note}"', name=note.about, note=note.text)
    return say('"{note}"', note=note.text)


def _moved(relative: Relative) -> str:
    said = relative.variables
    seed = audit.change(said.beside[0]) if said.beside else ""
    if said.kind == "unknown":
        return say("how it differs from {name} is not known: {why}", name=relative.name, why=said.sentence)
    if said.kind == "replicate" and seed:
        return say("the recipe of {name} with another seed: {change}", name=relative.name, change=seed)
    if said.kind == "replicate":
        return say("the recipe of {name} once more", name=relative.name)
    values = {"name": relative.name, "n": len(said.differing), "what": audit.spoken(said.differing)}
    text = say("differs from {name} in {n} setting: {what}", **values)
    if said.kind == "confounded":
        text = say("differs from {name} in {n} settings, so the cause is not known: {what}", **values)
    return say("{said}; and in the seed ({change})", said=text, change=seed) if seed else text


def _against(against: Against) -> str:
    parts = []
    for verdict, word in STRENGTH.items():
        mine = [line.change for line in against.lines if line.verdict == verdict]
        shown = listed(f"{change.task} {wording.interval(change)}" for change in mine[:SHOWN])
        if len(mine) > SHOWN:
            shown = say("{first} and {n} more", first=shown, n=len(mine) - SHOWN)
        if mine:
            parts.append(say("{word}: {tasks}", word=word, tasks=shown))
    if against.refused:
        parts.append(say("asked otherwise: {tasks}", tasks=listed(against.refused[:SHOWN])))
    return say("against {name}: {verdicts}", name=against.name, verdicts=listed(parts, "; "))


def _score(task: str, result: Any) -> str:
    interval = _tables.interval(result.low, result.high, result.metric)
    return f"{task} {_tables.score(result.value, result.metric)} ({interval})"


def _seen(split: Any) -> str:
    values: Mapping[str, Any] = {
        "task": split.task, "n": split.dirty.n, "of": split.dirty.n + split.clean.n,
        "seen": _tables.score(split.dirty.value, split.metric), "rest": _tables.score(split.clean.value, split.metric),
    }  # fmt: skip
    if not split.clean.n:
        return say("! all {n:,} questions of {task} stand in its training data, word for word or nearly", **values)
    template = "! {n:,} of {of:,} questions of {task} stand in its training data, word for word or nearly: {seen} on those, {rest} on the others"
    return say(template, **values)
