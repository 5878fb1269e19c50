"""`bench import`: answers that exist become runs, one per --run, graded by the task's own scorer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options

if TYPE_CHECKING:
    from harness.evaluate import Job
    from harness.imports import Columns, Matched
    from harness.records import Exam, Response

UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--task",
    required=True,
    help="The task these answers belong to; new:NAME makes one from the file, NAME then adds systems to it.",
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
    required=True,
    metavar="NAME=FIELD",
    help="A system and the field with its answer. Repeatable.",
)
@click.option(
    "--map",
    "columns",
    default="",
    metavar="K=PATH,…",
    help="question, gold, id, tokens, prompt, choices, subject, language; dotted paths.",
)
@click.option("--label", help="Answers compare only within one label. Default: the file's name.")
@click.option(
    "--model-bytes",
    "sizes",
    multiple=True,
    metavar="[NAME=]SIZE",
    help="Declared size to serve, such as 15.2GB; shown as declared.",
)
@click.option("--base", metavar="NAME", help="Declared base of these systems; shown as declared.")
@click.option("--tag", "tags", multiple=True, help="Label on the runs. Repeatable.")
@_options.data_option
@_options.hub_option
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    file: Path, task: str, kind: str | None, runs: tuple[str, ...], columns: str, label: str | None, **given: Any
) -> None:
    """Make runs of answers that exist.

    JSONL, JSON or CSV, also .gz. Rows are matched by id or by question; the import is refused when more than 2 % match none.

    \b
    Example: bench import answers.jsonl --task gsm8k --run mine=answer --map id=id,tokens=usage.tokens
             bench import chat.csv --task new:ward --kind text --run a=model_a --run b=model_b --map question=q
    """
    from harness import engines, evaluate, files, imports
    from harness.cli import _watch
    from harness.cli.run import report
    from harness.errors import UserError
    from harness.store.open import open_store

    if not file.is_file():
        raise UserError(f"{file} does not exist")
    mapping = _columns(columns)
    systems = dict(_pair(run, "--run NAME=FIELD") for run in runs)
    sizes = _sizes(given["sizes"], list(systems))
    rows = list(files.rows(file))
    if not rows:
        raise UserError(f"{file} holds no rows")
    exam = _exam(task, kind, rows, mapping, given)
    if exam.task.kind == "imported":  # made from questions; ids of one file say nothing in another
        mapping = replace(mapping, id=None)
    matched = imports.match(rows, exam, mapping)
    recorded: dict[tuple[str, str, int], Response] = {}
    jobs = []
    for name, field in systems.items():
        job, said = _job(name, field, exam, matched, mapping, sizes.get(name), label or file.name, given)
        jobs.append(job)
        recorded |= said
    with open_store(_options.store_path(given["store"])) as opened:
        done = evaluate.evaluate(
            jobs, opened, _watch.choose(quiet=given["as_json"]),
            lambda info, members: engines.load(info, members, {"answers": recorded}),
        )  # fmt: skip
        report(opened, done, given["as_json"], _options.store_path(given["store"]))
    if matched.unmatched:
        click.echo(
            f"{matched.unmatched} of {matched.total} rows match no question of {exam.task.key} and were left out",
            err=True,
        )
    covered = len({sample for sample, _ in matched.rows})
    if covered < len(exam.samples):
        click.echo(f"the file answers {covered} of the {len(exam.samples)} questions of {exam.task.key}", err=True)


def _exam(task: str, kind: str | None, rows: list[Any], columns: Columns, given: dict[str, Any]) -> Exam:
    from harness import imports
    from harness.errors import UserError
    from harness.questions import catalogue, load
    from harness.records import Task

    if not task.startswith("new:"):
        if earlier := _imported_before(task, _options.store_path(given["store"])):
            return earlier
        found = catalogue.find([task])
        if len(found) != 1:
            raise UserError(f"'{task}' is a group; import the answers of one task: {', '.join(t.key for t in found)}")
        return load.load(found[0], _options.data_path(given["data"]), hub=given["hub"])
    name = task.removeprefix("new:")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise UserError(f"'{name}' can't name a task; use letters, digits, '_', '-' and '.'")
    if kind is None:
        raise UserError("a new task needs --kind choice, number or text")
    card = Task(name=name, ask="generate", scorer=kind, kind="imported", source="made by bench import")
    return load.from_rows(card, imports.questions(rows, columns, kind))


def _imported_before(task: str, store: Path) -> Exam | None:
    """An exam that an earlier `--task new:NAME` made: its questions are in the store, so more systems can join it."""
    from harness.store import read
    from harness.store.open import open_store

    if not store.is_file():
        return None
    with open_store(store, mode="ro") as opened:
        runs = read.list_runs(opened, task=task)
        exam = read.get_exam(opened, runs[0].exam) if runs else None
    return exam if exam is not None and exam.task.kind == "imported" else None


def _job(
    name: str,
    field: str,
    exam: Exam,
    matched: Matched,
    columns: Columns,
    bytes_: int | None,
    label: str,
    given: dict[str, Any],
) -> tuple[Job, dict[tuple[str, str, int], Response]]:
    from harness import engines, identity, imports
    from harness.evaluate import Job
    from harness.records import Run, Settings

    checkpoint = imports.checkpoint(name, matched, field, bytes_, given["base"])
    recorded = imports.answers(matched, field, columns, checkpoint.id)
    info = engines.describe("recorded", [checkpoint], {"label": label})
    settings = Settings(max_tokens=0, asked=f"elsewhere:{label}")
    repeats = 1 + max((repeat for _, _, repeat in recorded), default=0)
    answered = {sample for _, sample, _ in recorded}
    run = Run(
        id=identity.run_id(checkpoint.id, exam.id, settings, info.id), checkpoint=checkpoint.id, exam=exam.id,
        settings=settings, engine=info.id, expected=len(recorded), repeats=repeats, tags=tuple(given["tags"]),
    )  # fmt: skip
    samples = tuple(sample for sample in exam.samples if sample.id in answered)
    return Job(run, checkpoint, exam, info, samples), recorded


def _columns(given: str) -> Columns:
    from dataclasses import fields

    from harness.errors import UserError
    from harness.imports import Columns
    from harness.plugins import nearest

    pairs = dict(_pair(part, "--map K=PATH") for part in _options.names(given))
    known = [field.name for field in fields(Columns)]
    for key in pairs:
        if key not in known:
            raise UserError(f"--map knows no '{key}'; {nearest(key, known)}")
    return Columns(**pairs)


def _pair(text: str, form: str) -> tuple[str, str]:
    from harness.errors import UserError

    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise UserError(f"'{text}' is not of the form {form}")
    return left, right


def _sizes(given: tuple[str, ...], systems: list[str]) -> dict[str, int]:
    """--model-bytes 15.2GB for all, or NAME=15.2GB for one."""
    from harness.errors import UserError

    sizes: dict[str, int] = {}
    for text in given:
        name, equals, size = text.rpartition("=")
        found = re.fullmatch(r"([0-9.]+)\s*([A-Za-z]*)", size)
        if not found or found[2].upper() not in UNITS:
            raise UserError(f"--model-bytes {text}: give a size such as 15.2GB")
        for system in [name] if equals else systems:
            sizes[system] = round(float(found[1]) * UNITS[found[2].upper()])
    return sizes
