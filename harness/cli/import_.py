"""`bench import`: make runs of answers that exist, graded by the task's own scorer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo

if TYPE_CHECKING:
    from harness.imports import Address, Columns, Matched
    from harness.records import Response


@click.command("import")
@click.argument("source", metavar="FILE|DIR", type=click.Path(path_type=Path))
@click.option(
    "--task",
    help="The task (or group) these answers belong to; new:NAME makes one from the file, NAME then adds systems to it. "
    "Of a folder: the only tasks to look for its questions in.",
)
@click.option(
    "--kind",
    type=click.Choice(["choice", "number", "text"]),
    help="Of a new task; text has no gold and gets health metrics only.",
)
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="NAME=FIELD",
    help="A system and the field with its answer; of a folder, a name and the system there. Repeatable. With `--map "
    "system=PATH` the rows of that system; '*=FIELD' takes every one.",
)
@click.option(
    "--map",
    "columns",
    default="",
    metavar="K=PATH,…",
    help="question, gold, id, tokens, prompt, choices, subject, language, system; dotted paths.",
)
@click.option("--metric", metavar="NAME", help="The fields hold numbers of this name, not answers: mAP, IoU, RMSE.")
@click.option("--unit", default="share", show_default=True, help="Of --metric; a share (0 to 1) is shown in percent.")
@click.option("--lower-is-better", is_flag=True, help="Of --metric: an error, a distance, a time.")
@click.option("--whole", is_flag=True, help="--metric has one number for the whole of a system: no interval, no test.")
@click.option(
    "--format",
    "format_",
    metavar="NAME",
    help="Of a result folder: lm-eval, opencompass, evalscope. Default: found by looking.",
)
@click.option("--dry-run", is_flag=True, help="Show what a result folder would become; write nothing.")
@click.option(
    "--label",
    help="Answers compare only within one label. Default: that of the imported task's runs, else the file's name; of a "
    "folder, its format and how it asked.",
)
@click.option(
    "--model-bytes",
    "sizes",
    multiple=True,
    metavar="[NAME=]SIZE",
    help="Declared size to serve, such as 15.2GB; shown as declared.",
)
@click.option(
    "--base", "bases", multiple=True, metavar="[NAME=]BASE", help="Declared base of these systems; shown as declared."
)
@click.option("--tag", "tags", multiple=True, help="Label on the runs. Repeatable.")
@_options.data_option
@_options.hub_option
@_options.store_option
@_options.include_option
@_options.json_option
def command(source: Path, runs: tuple[str, ...], **given: Any) -> None:
    """Make runs of answers that exist.

    A FILE is JSONL, JSON or CSV, also .gz. Rows are matched by id or by question; the import is refused when more than
    2 % match none. A list of texts is as many answers. Letters are read out of the text and get a column of their own,
    `ceval:generate`. A DIR holds results of lm-eval (with --log_samples), OpenCompass or evalscope: every data set
    becomes a run of the task that has its questions, or of a new one, and our score is shown beside the published one.

    \b
    Example: bench import answers.jsonl --task gsm8k --run mine=answer --map id=id,tokens=usage.tokens
             bench import chat.csv --task new:ward --kind text --run a=model_a --run b=model_b --map question=q
             bench import outputs/20260801_101500 --data data/ --dry-run
             bench import boxes.csv --metric mAP --task new:detection --map id=image --run yolo=yolo_map
    """
    from harness.cli import _import_systems
    from harness.errors import UserError

    if not source.exists():
        raise UserError(f"{source} does not exist")
    systems = _import_systems.named(runs)
    if source.is_dir():
        _refuse(given, ("kind", "columns", "metric", "whole", "lower_is_better"), "a file; a folder says it itself")
        from harness.cli import _import_folder

        sizes = _import_systems.sizes(given["sizes"], list(systems))
        _import_folder.run(source, {**given, "systems": systems, "sizes": sizes})
        return
    if source.suffix == ".zip" and not given["task"]:
        raise UserError(f"{source} is a zip; unpack a result folder first, or name its --task and --run NAME=FIELD")
    _refuse(given, ("format_", "dry_run"), "a result folder, not a file")
    if not given["task"] or not systems:
        raise UserError("a file needs --task NAME and --run NAME=FIELD; `bench import --help` shows examples")
    mapping = _columns(given["columns"])
    if given["metric"]:
        if mapping.system:
            raise UserError("--map system is for answers; numbers of --metric have a field for each system")
        from harness.cli import _import_values

        _import_values.run(
            source, systems, mapping, {**given, "sizes": _import_systems.sizes(given["sizes"], list(systems))}
        )
        return
    _refuse(given, ("whole", "lower_is_better"), "--metric")
    _answers(source, systems, mapping, given)


def _refuse(given: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    from harness.errors import UserError

    for name in names:
        if given[name]:
            option = {"columns": "map", "format_": "format"}.get(name, name).replace("_", "-")
            raise UserError(f"--{option} is for {where}")


def _answers(file: Path, systems: dict[str, str], mapping: Columns, given: dict[str, Any]) -> None:
    """One file of answers to one task, or to the members of a group."""
    from harness import files, imports
    from harness.cli import _import_exams, _import_runs, _import_systems
    from harness.cli._report import report
    from harness.errors import UserError
    from harness.store.open import open_store

    rows: list[Any] = list(files.rows(file))
    if not rows:
        raise UserError(f"{file} holds no rows")
    store = _options.store_path(given["store"])
    groups = _import_systems.groups(rows, systems, mapping.system)
    asked = _import_systems.questions(groups, mapping.question)
    exams = _import_exams.exams(given["task"], given["kind"], asked, mapping, given, store)
    if exams[0].task.kind == "imported":  # made from questions; ids of one file say nothing in another
        mapping = replace(mapping, id=None)
    label = given["label"] or _import_exams.label(file.name, exams, store)
    names = [name for _, mine in groups for name in mine]
    sizes = _import_systems.sizes(given["sizes"], names)
    bases = _import_systems.bases(given["bases"], names, store)
    pairs: list[Any] = []
    notes: dict[str, list[str]] = {}  # what a file says of every system is said once
    for every, mine in groups:
        own = every if exams[0].task.kind == "imported" else _import_exams.own_rows(list(every), exams, file)
        matches, unmatched = imports.match(own, exams, mapping)
        for name, field in mine.items():
            answers = imports.answers(matches, field, mapping)
            checkpoint = imports.checkpoint(name, sizes.get(name), bases.get(name))
            for found in matches:
                if said := {address: answer for address, answer in answers.items() if address[0] in found.rows}:
                    exam = imports.as_text(found.exam)
                    pairs.append((_import_runs.job(checkpoint, exam, said, label, given["tags"]), said))
            _note_gaps(name, field, matches, answers)
        for note in _row_notes(matches, unmatched, len(own)):
            notes.setdefault(note, []).extend(mine)
    with open_store(store) as opened:
        report(opened, _import_runs.bring(opened, pairs, given["as_json"], _say, bases), given["as_json"], store)
    for note, of in notes.items():
        _say(note if len(of) == len(names) else f"{', '.join(of)}: {note}")
    _say(f"these answers compare only with runs of label '{label}'; --label sets it")


# -- notes ----------------------------------------------------------------------------------------------------------


def _note_gaps(name: str, field: str, matches: list[Matched], answers: dict[Address, Response]) -> None:
    answered = {sample for sample, _ in answers}
    lacking = sum(sample not in answered for matched in matches for sample in matched.rows)
    if lacking:
        _say(f"{name}: {lacking} question{'s have' if lacking > 1 else ' has'} no answer in '{field}'")


def _row_notes(matches: list[Matched], unmatched: list[Any], total: int) -> Iterator[str]:
    from harness import imports

    keys = " or ".join(matched.exam.task.key for matched in matches)
    if unmatched:
        many = f"{len(unmatched)} of {total} rows match" if len(unmatched) > 1 else f"1 of {total} rows matches"
        yield f"{many} no question of {keys} and {_was(len(unmatched))} left out (first: {imports.where(unmatched[0])})"
    for matched in matches:
        if matched.repeated:
            yield f"{_rows(matched.repeated, 'repeats', 'repeat')} a question and count as further answers"
        if len(matched.rows) < len(matched.exam.samples):
            yield f"the file answers {len(matched.rows)} of the {len(matched.exam.samples)} questions of {matched.exam.task.key}"


def _say(line: str) -> None:
    echo(line, err=True)


def _rows(count: int, one: str, many: str) -> str:
    return f"1 row {one}" if count == 1 else f"{count} rows {many}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


# -- options --------------------------------------------------------------------------------------------------------


def _columns(given: str) -> Columns:
    from dataclasses import fields

    from harness.cli import _import_systems
    from harness.errors import UserError
    from harness.imports import Columns
    from harness.plugins import nearest

    pairs = dict(_import_systems.pair(part, "--map K=PATH") for part in _options.names(given))
    known = [field.name for field in fields(Columns)]
    for key in pairs:
        if key not in known:
            raise UserError(f"--map knows no '{key}'; {nearest(key, known)}")
    return Columns(**pairs)
