"""A recipe becomes a checkpoint: parent, data, checks, training, and what it leaves; TRL does the training itself.

Example: train(recipe, Path("recipes"), Path("results/train/medical"), watch) -> Checkpoint(kind="adapter", lineage=…).
Killed at any moment and called again it goes on behind its last saved step, in `.medical.training` beside it; called again
when done it says so and trains nothing. Trap: an end before the last step (no number as loss, collapse, nothing to learn)
is no error here: the checkpoint is written, and lineage.ended says why.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__, identity
from harness.checkpoints import read
from harness.errors import UserError
from harness.records import Checkpoint, Exam, Lineage
from harness.words import say
from trainers import _training_state, export, parent, plan, questions, recipe_file, rewards
from trainers.data import prepare
from trainers.recipe import Recipe
from trainers.rows import Prepared, Row
from trainers.watch import Watch

if TYPE_CHECKING:
    from harness.contamination import Check
    from trainers.teacher import Taught

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


def train(
    recipe: Recipe,
    folder: Path,
    out: Path,
    watch: Watch,
    *,
    data: Path | None = None,
    hub: str = "huggingface",
    exams: Sequence[Exam] = (),
    again: bool = False,
    keep: Callable[[Check], None] | None = None,
) -> Checkpoint:
    """`folder`: of the recipe; `exams`: their questions are looked for in the rows, `keep` is given what was found."""
    from trainers import _overlap
    from trainers._training_job import Job

    start = parent.open_parent(recipe, folder)
    for note in start.notes:
        watch.said(note)
    _spare(recipe, folder, out, start)
    teacher = parent.open_teacher(recipe, folder, start) if recipe.method == "logitkd" else None
    for note in teacher.notes if teacher else ():
        watch.said(note)
    prepared, taught = _prepared(recipe, folder, out, start, watch, data, hub)
    who = teacher.checkpoint.id if teacher else taught.teacher if taught else None
    history = _history(recipe, start, who, prepared)
    if _training_state.finished(out, history, again):
        watch.said(say("{folder} is trained already", folder=out))
        if not all(written.exists() for written in export.folders(recipe, out)):
            export.merge(out, start, recipe, held_out=prepared.held_out)
        return _read(recipe, start, out)
    _fits_window(start, prepared)
    sources = _overlap.checked(prepared, exams, watch.said, keep)
    history = replace(history, data=(*sources, *([] if taught is None else [_answers(taught)])))
    export.check_space(recipe, start, out)
    work = _training_state.folder(out)
    with _training_state.alone(work, history, again):
        Job(recipe, start, teacher, prepared, history, out, work, watch).run()
        shutil.rmtree(work)
    made = _read(recipe, start, out)
    if made.id == start.checkpoint.id:
        watch.said(say("nothing was learnt: the weights are those of the parent to the last bit"))
    return made


def _spare(recipe: Recipe, folder: Path, out: Path, start: parent.Parent) -> None:
    """Nothing is written over what it is learnt from: with --again the parent would be gone."""
    model = recipe.teacher.model if recipe.teacher else None
    used = [start.checkpoint.path, start.checkpoint.base_path, parent.placed(model, folder) if model else None]
    written = {path.resolve() for path in export.folders(recipe, out)}
    for path in [Path(text).resolve() for text in used if text]:
        epoch = recipe.export.each_epoch and path.name.startswith(f"{out.name}-epoch-")
        if path in written or (epoch and path.parent == out.resolve().parent):
            raise UserError(
                f"{path.name} is what this training learns from, and would be written over; give another name"
            )


def _prepared(
    recipe: Recipe, folder: Path, out: Path, start: parent.Parent, watch: Watch, data: Path | None, hub: str
) -> tuple[Prepared, Taught | None]:
    """The rows, and what a teacher had to do with them."""
    told: list[Taught] = []

    def answered(rows: Sequence[Row]) -> Sequence[Row]:
        from trainers import teacher

        assert recipe.teacher is not None
        taught = teacher.ask(recipe.teacher, rows, folder=folder, out=out, said=watch.said)
        told.append(taught)
        return taught.rows

    if recipe.method == "seqkd" and recipe.teacher is None:
        raise UserError("seqkd learns a teacher's answers; give [teacher] model, endpoint or answers")
    asks = answered if recipe.method == "seqkd" else None
    found = prepare(recipe, folder, start.tokenizer, data=data, hub=hub, answered=asks)
    for line in (*plan.sources_told(found), *found.warnings):
        watch.said(line)
    return found, told[0] if told else None


def _answers(taught: Taught) -> dict[str, Any]:
    """The teacher's answers as a source of data: how many were asked, and what became of them."""
    counts = {name: n for name, n in taught.counts.items() if name not in ("name", "sha", "rows", "role")}
    return {"name": f"answers of {taught.teacher}", "role": "teacher", "rows": len(taught.rows), **counts}


def _fits_window(start: parent.Parent, prepared: Prepared) -> None:
    window = start.checkpoint.context_tokens
    lengths = [len(e.ids) for phase in prepared.phases for e in phase]
    if window is not None and (over := sum(n > window for n in lengths)):
        raise UserError(
            f"{over:,} rows are longer than the {window:,} tokens that {start.checkpoint.name} can read, the longest has "
            f"{max(lengths):,}; set clean.max_tokens = {window}"
        )


def _history(recipe: Recipe, start: parent.Parent, teacher: str | None, prepared: Prepared) -> Lineage:
    """What is known before the first step."""
    told = recipe_file.canonical(recipe, prepared.sources, parent=start.checkpoint.id, teacher=teacher)
    examples = [e for phase in prepared.phases for e in phase]
    return Lineage(
        method=recipe.method,
        recipe=told,
        recipe_sha=identity.digest(told),
        parent=start.checkpoint.id,
        teacher=teacher,
        data=prepared.sources,
        seed=recipe.seed,
        template_sha=None if start.template_text is None else identity.digest(start.template_text),
        versions={"bench": __version__} | {name: found for name in LIBRARIES if (found := _version(name))},
        trained_on=rewards.names(recipe.grpo, examples) if recipe.method == "grpo" else (),
        on_test=questions.on_test(recipe.data),
        note=recipe.note,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read(recipe: Recipe, start: parent.Parent, out: Path) -> Checkpoint:
    return read.read(out, base=start.checkpoint.path if recipe.adapter else None)
