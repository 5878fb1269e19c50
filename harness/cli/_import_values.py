"""`bench import FILE --metric NAME`: numbers that were measured elsewhere, per item or one for the whole of a system.

Example: boxes.csv with image,yolo,detr becomes the task `detection` with two runs that can be tested pair by pair.
Trap: a mean of means is no mean: whole numbers stand on the board without an interval, and nothing is tested on them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import files, imports
from harness.cli import _import_exams, _import_runs, _import_systems, _options
from harness.cli._echo import echo
from harness.cli._report import report
from harness.errors import UserError
from harness.imports import Columns
from harness.plugins import nearest
from harness.questions import load
from harness.records import Exam, Response, Task
from harness.store.open import open_store

WHOLE = "the whole of it"  # the only item of a task with one number per system


def run(file: Path, systems: Mapping[str, str], columns: Columns, given: Mapping[str, Any]) -> None:
    """Read the numbers, make or find the task, and its runs."""
    rows: list[Any] = list(files.rows(file))
    if given["kind"]:
        raise UserError("--kind is for answers; numbers of --metric are graded already")
    if given["whole"] and len(rows) != 1:
        raise UserError(f"{file} has {len(rows)} rows; --whole takes one row with a field per system")
    if not rows:
        raise UserError(f"{file} holds no rows")
    ids = [WHOLE] if given["whole"] else _ids(rows, columns.id or "id", file)
    store = _options.store_path(given["store"])
    exam = _exam(given["task"], _spec(given), ids, store)
    label = given["label"] or _import_exams.label(file.name, [exam], store)
    sample_of = {sample.question: sample.id for sample in exam.samples}
    strange = [id_ for id_ in ids if id_ not in sample_of]
    if len(strange) > imports.UNMATCHED_LIMIT * len(ids):
        raise UserError(
            f"{len(strange)} of {len(ids)} ids are not those of {exam.task.key} (first: {strange[0]!r}; at most 2 % may)"
        )
    bases = _import_systems.bases(given["bases"], list(systems), store)
    pairs = []
    for name, field in systems.items():
        values = {
            sample_of[i]: _value(row, field, given["unit"]) for i, row in zip(ids, rows, strict=True) if i in sample_of
        }
        answers = {
            (sample, 0): Response(run="", sample=sample, repeat=0, logprobs=(value,))
            for sample, value in values.items() if value is not None
        }  # fmt: skip
        if not answers:
            raise UserError(f"no row has a number in '{field}'")
        if len(answers) < len(exam.samples):
            _say(f"{name}: {len(exam.samples) - len(answers)} of {len(exam.samples)} items have no number in '{field}'")
        checkpoint = imports.checkpoint(name, given["sizes"].get(name), bases.get(name))
        pairs.append((_import_runs.job(checkpoint, exam, answers, label, given["tags"]), answers))
    with open_store(store) as opened:
        report(opened, _import_runs.bring(opened, pairs, given["as_json"], _say, bases), given["as_json"], store)
    if len(exam.samples) == 1:
        _say(
            "one number per system: how it would vary is unknown, so there is no interval and no test; import it per item"
        )
    _say(f"these numbers compare only with runs of label '{label}'; --label sets it")


def _say(line: str) -> None:
    echo(line, err=True)


def _spec(given: Mapping[str, Any]) -> str:
    """`given(mAP)`, or with the unit `given_error(RMSE, mg/dl)`."""
    name, unit = given["metric"].strip(), given["unit"].strip()
    if not name or len(f"{name}, {unit}") > 60 or set("()") & set(name + unit):
        raise UserError(f"--metric {name!r} with --unit {unit!r}: use short names without parentheses")
    if unit == "share" and not given["lower_is_better"]:
        return f"given({name})"
    return f"given_{'error' if given['lower_is_better'] else 'number'}({name}, {unit})"


def _ids(rows: Sequence[Any], path: str, file: Path) -> list[str]:
    if not all(path in row for row in rows):
        remedy = f"pass --map id=COLUMN ({nearest(path, rows[0])}), or --whole for one number per system"
        raise UserError(f"{file} has no column '{path}' that names the items; {remedy}")
    ids = [str(row[path]) for row in rows]
    twice = [id_ for id_, count in Counter(ids).items() if count > 1]
    if twice:
        raise UserError(
            f"{file} has item {twice[0]!r} {ids.count(twice[0])} times; each item has one number per system"
        )
    return ids


def _value(row: Any, field: str, unit: str) -> float | None:
    """A finite number; None where the row has none."""
    if field not in row:
        raise UserError(f"{imports.where(row)}: no '{field}'; {nearest(field, row)}")
    said = row[field]
    if said is None or str(said).strip() in ("", "-", "NA", "N/A", "null", "None"):
        return None
    try:
        value = float(said)
    except (TypeError, ValueError):
        raise UserError(f"{imports.where(row)}: '{field}' is {str(said)[:40]!r}, which is no number") from None
    except OverflowError:
        value = math.inf
    if isinstance(said, bool):
        raise UserError(f"{imports.where(row)}: '{field}' is {said}, which is no number; write 1 or 0")
    if not math.isfinite(value):
        raise UserError(f"{imports.where(row)}: '{field}' is {value}, which is no finite number; leave it empty")
    if unit == "share" and not 0 <= value <= 1:
        raise UserError(
            f"{imports.where(row)}: '{field}' is {value:g}, which is no share of 1; name its --unit, or divide"
        )
    return value


def _exam(task: str, spec: str, ids: Sequence[str], store: Path) -> Exam:
    """A task made of the items, or the one of that name in the store; another metric is another task."""
    name = task.removeprefix("new:")
    earlier = [exam for exam in _import_exams.stored(name, store) if exam.task.kind == "imported"]
    if task == name:
        if not earlier:
            raise UserError(f"the store holds no imported task '{name}'; new:{name} makes one")
        if earlier[0].task.metrics[:1] != (spec,):
            raise UserError(f"'{name}' holds {earlier[0].task.metrics[0]}, not {spec}; another metric is another task")
        return earlier[0]
    _import_exams.check_name(name)
    card = Task(
        name=name, ask="generate", scorer="given", metrics=(spec,), kind="imported", labelled=False,
        source="measured elsewhere, brought by bench import --metric",
    )  # fmt: skip
    exam = load.from_rows(card, [{"question": id_} for id_ in ids])
    if earlier and (earlier[0].id, earlier[0].task.metrics) != (exam.id, (spec,)):
        raise UserError(
            f"the store holds a task '{name}' already, with other items or another metric; leave out `new:`, or rename"
        )
    return replace(exam, key=earlier[0].key) if earlier else exam
