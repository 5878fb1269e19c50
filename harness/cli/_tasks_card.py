"""One task's card for people and for scripts: what its YAML and its module say, and what a copy of the data holds.

Example: `bench tasks ceval --data data/` ends with "data  1346 questions, 52 subjects; right: A 331, B 340, …; 1 twin".
Trap: a copy that can't be scored is shown with every reason, and the command then fails with the first.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import listed, say

if TYPE_CHECKING:
    from harness.questions.checks import Facts
    from harness.records import Group, Task

_QUESTIONS = {  # to try variants on, long enough for what is changed at random, with words that are often misspelt
    "zh": "仓库里原有 1200 箱苹果，上午运走了 480 箱，下午又运来三百箱，检查之后放回了货架，以下哪种说法符合情况？",
    "en": "Of the 4200 boxes that were in a store 480 are taken away, and later they bring 300 more. ",
}
_CARDS = 20  # of lm-eval's groups only the names are shown
_LISTED = 10  # conflicts and refused golds shown before "and n more"


def show(name: str, data: Path | None, hub: str, as_json: bool) -> None:
    """Every task behind the name; with --data each with the facts of that copy. UserError where a copy can't be scored."""
    from harness.errors import UserError
    from harness.questions import catalogue

    found = catalogue.find([name])
    group = next((g for g in catalogue.groups() if g.name == name), None)
    folder = _options.data_path(data) if data is not None else None
    shown: list[dict[str, Any]] = []
    error: UserError | None = None
    for task in found:
        facts: Facts | None = None
        if folder is not None:
            try:
                facts = _look(task, folder, hub)
            except UserError as missing:
                error = error or missing
        shown.append({"task": task, "facts": facts})
    if as_json:
        cards = [
            {**asdict(s["task"]), **_more(s["task"]), "data": asdict(s["facts"]) if s["facts"] else None} for s in shown
        ]
        _options.print_json({"tasks": cards, "group": asdict(group) if group else None})
    else:
        if group:
            echo(group_line(group))
            echo()
        if len(found) > _CARDS and folder is None:
            echo("\n".join(f"{task.key} (version {task.version})" for task in found))
            echo(f"{len(found)} tasks; `bench tasks NAME` shows one")
            return
        echo("\n\n".join(_text(s["task"], s["facts"]) for s in shown))
    if error:
        raise error


def group_line(group: Group) -> str:
    template = "{name} = mean of {members} (version {version})"
    return say(template, name=group.name, members=listed(group.members), version=group.version)


def _look(task: Task, data: Path, hub: str) -> Facts:
    from harness.questions import checks, load

    if task.kind == "stock":
        exam = load.load(task, data, hub)
        return checks.facts(task, [sample.fields for sample in exam.samples], exam.samples)
    with warnings.catch_warnings(record=True) as caught:  # what is said about twins stands on the card
        warnings.simplefilter("always")
        facts = checks.look(task, data, hub)
    for warning in caught:
        if "twice" not in str(warning.message):
            echo(f"note: {warning.message}", err=True)
    return facts


def _more(task: Task) -> dict[str, Any]:
    from harness.questions import forms

    return {"forms": forms.takes(task), "variants": list(variants(task)), "about": _about(task)}


def _in_form(task: Task, form: str) -> str:
    """The key as it is typed: the form stands before the variant, `ceval:cot~circular`."""
    plain, tilde, variant = task.key.partition("~")
    return f"{plain}{'-' if task.form else ':'}{form}{tilde}{variant}"


def variants(task: Task) -> Iterator[str]:
    """The variants that don't refuse a question of this kind, tried on one."""
    from harness import dialect, plugins
    from harness.errors import UserError

    if task.kind != "ours" or task.variant:
        return
    language = "zh" if "zh" in task.languages else "en"
    row: dict[str, Any] = {"question": 5 * _QUESTIONS[language], "answer": "1020", "language": language}
    if task.ask in ("letters", "texts") or task.scorer == "choice":
        row |= {"choices": ["1020", "1,500", "三百"], "answer": "A"}
    module = replace(dialect.kit(task), rows=lambda find, split: [dict(row)])
    for name in plugins.names(dialect.VARIANTS):
        try:
            list(plugins.find(dialect.VARIANTS, name).wrap(module, task, 0).rows(lambda role: Path(), task.split))
        except UserError:
            continue
        yield name


def _about(task: Task) -> str:
    """What the module's author says: source, licence, a real row, the trap."""
    from harness import dialect
    from harness.errors import UserError

    if task.kind != "ours" or not task.path:
        return ""
    try:
        found = dialect.module(Path(task.path), task.module)
    except UserError:
        return ""
    return inspect.cleandoc(found.__doc__ or "") if isinstance(found, ModuleType) else ""


def _text(task: Task, facts: Facts | None) -> str:
    more = _more(task)
    files = [
        f"{role}: {f.get('path') or f.get('file')}" + (f" ({f['hub']}, revision {f.get('revision')})" if f.get("hub") else "")
        for role, f in task.files.items()
    ]  # fmt: skip
    labels = "" if task.labelled else "; without public golds: `bench export` hands the answers in"
    lines = [
        ("task", f"{task.key}, version {task.version}"),
        ("what", " / ".join(dict.fromkeys(task.title.values()))),
        ("source", task.source),
        ("licence", task.licence),
        ("split", f"{task.split}, {task.n or 'unknown number of'} questions; solved examples from {task.shots_split or 'nowhere'}{labels}"),
        ("asks", f"{task.ask}, {', '.join(f'{k} {v}' for k, v in task.settings.items())}".rstrip(", ")),
        ("graded by", task.scorer),
        ("metrics", f"{', '.join(task.metrics)}; headline {task.metrics[0]} ({task.average} average), chance {'unknown' if task.chance is None else task.chance}"),
        ("languages", ", ".join(task.languages)),
        ("forms", ", ".join(_in_form(task, form) for form in more["forms"])),
        ("variants", ", ".join(f"{task.key}~{variant}" for variant in more["variants"]) if not task.variant else ""),
        *(("file", line) for line in files),
        ("defined in", task.path or ""),
        *(("data", line) for line in (_facts(task, facts) if facts else ())),
    ]  # fmt: skip
    card = "\n".join(f"{name:<11}{value}" for name, value in lines if value)
    return f"{card}\n\n{more['about']}" if more["about"] else card


def _facts(task: Task, facts: Facts) -> Iterator[str]:
    """What this copy holds, and everything that is odd about it."""
    counted = f"{facts.n} questions" + (f" in {facts.subjects} subjects" if facts.subjects else "")
    claimed = f" (the card says {task.n})" if task.n not in (None, facts.n) else ""
    right = f"; right: {', '.join(f'{letter} {n}' for letter, n in facts.golds.items())}" if facts.golds else ""
    yield f"{counted}{claimed}{right}"
    if facts.twins:
        yield f"{len(facts.twins)} asked twice, {len(facts.conflicts)} of them with different golds"
    yield from _some(
        [f"{here} says {gold}, {before} says {old}: the same question" for here, gold, before, old in facts.conflicts]
    )
    if facts.repeated_options:
        yield f"{len(facts.repeated_options)} offer the same option twice, first {facts.repeated_options[0]}"
    if facts.unlabelled:
        yield f"{facts.unlabelled} without a gold"
    yield from _some([f"{problem.where}: {problem.what}" for problem in facts.refused])


def _some(lines: list[str]) -> Iterator[str]:
    yield from lines[:_LISTED]
    if len(lines) > _LISTED:
        yield f"… and {len(lines) - _LISTED} more like it"
