"""Two specs -> what can be compared: per task the runs of both sides that were asked in one prompt form.

Example: `before` was asked gsm8k raw and through its template, `after` through its template only: both are compared as
chats, though `before` was asked raw last. Where both have both forms, both comparisons are shown; where they share
none, the refusal ends with the command that would make one. Shots, limits of length and the like must match as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness import _commands, identity, lookup
from harness._commands import HERE, Form
from harness.errors import NotComparable, NothingToCompare
from harness.records import Outcomes, Run
from harness.store import read
from harness.store.open import Store
from harness.words import listed, say

__all__ = ["Form", "Lacking", "Pair", "again", "find", "lacking"]


@dataclass(frozen=True)
class Pair:
    """Two sides of one task in one form; `note`: what a reader must know of how they were chosen, or empty."""

    before: Outcomes
    after: Outcomes
    form: Form
    note: str = ""


@dataclass(frozen=True)
class _Candidate:
    """One run, or one task of a baseline file, that could stand on a side."""

    form: Form
    settings: Mapping[str, Any]
    exam: str
    run: Run | None = None
    outcomes: Outcomes | None = None

    def read(self, store: Store) -> Outcomes:
        return self.outcomes or read.outcomes(store, self.run.id if self.run else "")

    def suits(self, other: _Candidate) -> bool:
        return self.settings == other.settings and self.exam == other.exam


def find(
    store: Store, before: str, after: str, *, tasks: Sequence[str] = (), more: Sequence[str] = ()
) -> tuple[list[Pair], list[str]]:
    """All comparisons that two specs mean, by task, the newest form first; and why the tasks without one have none.

    `more`: what a command that is suggested must also say, as `--store FILE`.

    NothingToCompare without a common task.
    """
    left, right = (_side(store, spec, tasks) for spec in (before, after))
    common = [task for task in left if task in right]
    if not common:
        raise NothingToCompare(f"{before} has {', '.join(left)} and {after} has {', '.join(right)}: no task in common")
    pairs: list[Pair] = []
    refused = []
    for task in common:
        try:
            pairs += _of_task(store, task, left[task], right[task], more)
        except NotComparable as error:
            refused.append(str(error))
    return pairs, refused


def _side(store: Store, spec: str, tasks: Sequence[str]) -> dict[str, list[_Candidate]]:
    """Task -> what could stand for it, the best first; finished runs only where there are any."""
    if spec.startswith("file:"):
        blessed = lookup.outcomes(spec, store, tasks=tasks)
        return {o.task: [_of_outcomes(o)] for o in blessed}
    best = lookup.runs(store, spec, tasks=tasks)
    every = lookup.matching(store, spec)
    key = {exam: read.get_task(store, exam).key for exam in dict.fromkeys(run.exam for run in every)}
    return {
        key[run.exam]: [
            _of_run(run),
            *(
                _of_run(other)
                for other in every
                if key[other.exam] == key[run.exam]
                and other.id != run.id
                and (other.status == "done" or run.status != "done")
            ),
        ]
        for run in best
    }


def _of_run(run: Run) -> _Candidate:
    asked = run.settings
    form = Form(asked.chat, asked.system, asked.think, asked.asked)
    return _Candidate(form, identity.settings_fields(asked), run.exam, run=run)


def _of_outcomes(outcomes: Outcomes) -> _Candidate:
    must = outcomes.fingerprint.get("must", {})
    settings = must.get("settings") or {}
    form = Form(**{name: settings[name] for name in Form._fields if name in settings})
    plain = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
    return _Candidate(form, plain, str(must.get("exam")), outcomes=outcomes)


def _of_task(
    store: Store, task: str, left: Sequence[_Candidate], right: Sequence[_Candidate], more: Sequence[str]
) -> list[Pair]:
    forms = [form for form in dict.fromkeys(c.form for c in left) if any(c.form == form for c in right)]
    chosen = {
        form: both for form in forms
        if (both := next(((a, b) for a in left for b in right if a.form == b.form == form and a.suits(b)), None))
    }  # fmt: skip
    if not forms and left[0].form.asked == right[0].form.asked == HERE:
        raise NotComparable(_refusal(store, task, left[0], right[0], more))
    if not chosen:  # other settings differ: the audit will name them
        same = [(a, b) for form in forms for a in left for b in right if a.form == b.form == form]
        first = (same or [(left[0], right[0])])[0]
        chosen = {first[0].form: first}
    pairs = []
    for form, (a, b) in chosen.items():
        before, after = a.read(store), b.read(store)
        passed = [o.name for o, c, side in ((before, a, left), (after, b, right)) if c is not side[0]]
        note = say("{task}, both {form}", task=task, form=str(form)) if len(chosen) > 1 else ""
        if passed and not note:
            template = "{task}: both {form}; not the newest run of {names}, which was asked otherwise"
            note = say(template, task=task, form=str(form), names=listed(passed, " and "))
        pairs.append(Pair(before, after, form, note))
    return pairs


# -- what would help ----------------------------------------------------------------------------------------------


def _refusal(store: Store, task: str, left: _Candidate, right: _Candidate, more: Sequence[str]) -> str:
    names = [c.read(store).name or "the baseline" for c in (left, right)]
    forms = [str(left.form), str(right.form)]
    what = f"{task} can't be compared: {names[0]} was asked {forms[0]}, {names[1]} {forms[1]}"
    line = _remedy(store, left, right, more)
    return f"{what}; run `{line}`" if line else f"{what}; run one of them again in the other's form"


def _remedy(store: Store, left: _Candidate, right: _Candidate, more: Sequence[str]) -> str | None:
    """The line that asks one side in the other's form, the usual one first."""
    lines = [_command(store, *sides, more) for sides in ((left, right), (right, left))]
    usual = [
        line
        for line, like in zip(lines, (right, left), strict=True)
        if line and like.form.chat is _chats(store, left, right)
    ]
    return next(iter((*usual, *filter(None, lines))), None)


def _chats(store: Store, *sides: _Candidate) -> bool:
    """Whether the usual form of the task is a chat."""
    exam = next((c.run.exam for c in sides if c.run), None)
    return exam is not None and read.get_task(store, exam).ask == "generate"


def _command(store: Store, again: _Candidate, like: _Candidate, more: Sequence[str]) -> str | None:
    """The line that asks one side as the other was asked; None where that side can't be asked so."""
    checkpoint = read.find_checkpoint(store, again.run.checkpoint) if again.run else None
    if checkpoint is None or again.run is None or (like.form.chat and "template" not in checkpoint.parts):
        return None
    place = _commands.place(checkpoint)
    exam = read.get_exam(store, again.run.exam)
    task = _commands.typed(exam.task, checkpoint)
    if place is None or task is None:
        return None
    options = _commands.options(exam.task, like.form, like.settings)
    return _commands.line(place, [task], again.run, exam, options, more)


def again(store: Store, run: Run, tasks: Sequence[str], more: Sequence[str] = ()) -> str:
    """The line that asks a run's checkpoint other tasks as it was asked; `--model CKPT` where its folder is gone."""
    checkpoint = read.find_checkpoint(store, run.checkpoint)
    place = _commands.place(checkpoint) if checkpoint else None
    exam, as_asked = read.get_exam(store, run.exam), _of_run(run)
    options = _commands.options(exam.task, as_asked.form, as_asked.settings)
    return _commands.line(place or ["--model", "CKPT"], tasks, run, exam, options, more)


class Lacking(NamedTuple):
    """A task that can't be compared yet: which side lacks it, and the line that asks for it, where one can be given."""

    task: str
    spec: str
    why: str
    line: str | None
    absent: bool = False  # it was never run on that side


def lacking(
    store: Store, before: str, after: str, *, tasks: Sequence[str] = (), more: Sequence[str] = ()
) -> list[Lacking]:
    """What would have to be run before the two sides are compared on `tasks`, else on all that either side has."""
    left, right = _known(store, before), _known(store, after)
    found: list[Lacking] = []
    for task in tasks or sorted(left.keys() | right.keys()):
        a, b = left.get(task, []), right.get(task, [])
        if a and b:
            found += _unlike(store, task, (before, a[0], a), (after, b[0], b), more)
            continue
        for spec, own, known, other in ((before, a, left, b), (after, b, right, a)):
            if not own:
                why = say("{task} was run on neither {before} nor {after}", task=task, before=before, after=after)
                if other:
                    why = say("{task} was run on {name} only", task=task, name=before if spec == after else after)
                line = _missing_line(store, spec, task, known, other, more)
                found.append(Lacking(task, spec, why, line, absent=True))
    return found


def _known(store: Store, spec: str) -> dict[str, list[_Candidate]]:
    try:
        return _side(store, spec, ())
    except NothingToCompare:
        return {}


def _unlike(
    store: Store,
    task: str,
    before: tuple[str, _Candidate, Sequence[_Candidate]],
    after: tuple[str, _Candidate, Sequence[_Candidate]],
    more: Sequence[str],
) -> list[Lacking]:
    """Both have it: in another form, or one of them not to its end."""
    if not any(a.form == b.form for a in before[2] for b in after[2]):
        line = _remedy(store, before[1], after[1], more)
        forms = {"one": str(before[1].form), "other": str(after[1].form)}
        template = "{task}: {before} was asked {one}, {after} {other}"
        why = say(template, task=task, before=before[0], after=after[0], **forms)
        return [Lacking(task, after[0], why, line)]
    unfinished = [(spec, c.run) for spec, c, _ in (before, after) if c.run and c.run.status != "done"]
    return [
        Lacking(task, spec, say("{task} of {name} is not finished ({done:,} of {of:,} answers)", task=task, name=spec,
                                done=run.done, of=run.expected),
                again(store, run, [read.get_task(store, run.exam).key], more))
        for spec, run in unfinished
    ]  # fmt: skip


def _missing_line(
    store: Store,
    spec: str,
    task: str,
    known: Mapping[str, Sequence[_Candidate]],
    other: Sequence[_Candidate],
    more: Sequence[str],
) -> str | None:
    """Asked as the other side was; with the task's own settings where there is no other."""
    like = next((c for c in other if c.run), None)
    mine = next((c.run for side in known.values() for c in side if c.run), None)
    checkpoint = read.find_checkpoint(store, mine.checkpoint) if mine else None
    place = _commands.place(checkpoint) if checkpoint else ["--model", spec] if Path(spec).is_dir() else None
    if place is None or (other and like is None):  # the other side is a file, which knows no settings of a run
        return None
    if like is None or like.run is None:
        return _commands.plain(place, [task], more)
    exam = read.get_exam(store, like.run.exam)
    name = _commands.typed(exam.task, checkpoint) if checkpoint else exam.task.key
    options = _commands.options(exam.task, like.form, like.settings)
    return _commands.line(place, [name], like.run, exam, options, more) if name else None
