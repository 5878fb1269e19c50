"""What a training leaves behind: an adapter, merged weights where they are asked for, or full weights; each with its history.

Example: write(model, parent, recipe, Path("results/train/medical"), lineage, held_out=prepared.held_out)
-> [results/train/medical, results/train/medical-merged], each with tokenizer, template, generation_config and lineage.
Traps: a tokenizer that is saved again is no longer the parent's to the byte, so its files are copied; a config that
transformers 5 saves again has keys that older engines don't read; and weights merged in bfloat16 change 1.4-4 % of a
model's likeliest tokens, so merging is done in float32, of a parent loaded anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError

from harness.checkpoints import doctor, lineage, read
from harness.errors import EngineFailure, UserError
from harness.records import Checkpoint, Lineage
from trainers import _export_files, _export_space, _training_log
from trainers.recipe import Recipe
from trainers.rows import Example

MERGED = "-merged"


class Parent(Protocol):
    """What is to be known of the checkpoint that was trained from; `trainers.parent.Parent` is one."""

    @property
    def checkpoint(self) -> Checkpoint: ...
    @property
    def tokenizer(self) -> Any: ...
    @property
    def template_text(self) -> str | None: ...


def stop_ids(parent: Parent) -> tuple[int, ...]:
    """Where answers of the trained checkpoint will end: at the parent's stops, and at what its template puts after one."""
    return _export_files.stop_ids(parent.checkpoint, parent.tokenizer, parent.template_text)


def folders(recipe: Recipe, out: Path) -> list[Path]:
    """The checkpoint folders that `write` leaves, `out` first."""
    return [out, *([merged_folder(out)] if recipe.merges else [])]


def merged_folder(out: Path) -> Path:
    return out.with_name(out.name + MERGED)


def check_space(recipe: Recipe, parent: Parent, out: Path) -> int:
    """Bytes that this training may write under `out` and beside it; UserError where the disk lacks them."""
    return _export_space.check(
        recipe,
        parent.checkpoint,
        out,
        dtype=_dtype(recipe, parent),
    )


def write(
    model: Any,
    parent: Parent,
    recipe: Recipe,
    out: Path,
    history: Lineage,
    *,
    held_out: Sequence[Example] = (),
    log: Path | None = None,
) -> list[Path]:
    """The trained model as checkpoint folders, whole or not at all; parent, stop ids and drift are put into the lineage.

    `held_out`: texts that the drift is measured on; `log`: kept as training_log.jsonl. The model and all streams of chance
    stay as they are, so that an epoch's checkpoint may be written while the training goes on.
    """
    from trainers._undisturbed import undisturbed

    stops = {"before": list(parent.checkpoint.stop_ids), "after": list(stop_ids(parent))}
    history = replace(history, parent=parent.checkpoint.id, stop_ids=stops)
    with undisturbed():
        if recipe.adapter is None:
            return [_write_full(model, parent, recipe, out, history, held_out, log)]
        _write_adapter(model, parent, out, history, log)
        return [out, *([_merged(out, parent, recipe, history, held_out)] if recipe.merges else [])]


def merge(adapter: Path, parent: Parent, recipe: Recipe, *, held_out: Sequence[Example] = ()) -> Path:
    """The folder of merged weights of an adapter that `write` left; the drift goes into both lineages."""
    return _merged(adapter, parent, recipe, lineage.read(adapter) or Lineage(), held_out)


def _merged(adapter: Path, parent: Parent, recipe: Recipe, history: Lineage, held_out: Sequence[Example]) -> Path:
    from trainers import _export_merge

    dtype, out = _dtype(recipe, parent), merged_folder(adapter)
    checkpoint = read.read(adapter, base=parent.checkpoint.path)
    with _published(out) as aside:
        try:
            drift = _export_merge.merge(checkpoint, aside, dtype, held_out)
        except EngineFailure:
            raise UserError(
                f"{adapter} is written, but the parent in float32 does not fit into memory beside it, so nothing is merged; "
                "run the same command where there is more, it trains nothing again"
            ) from None
        _texts(parent, aside)
        _export_files.write_config(Path(parent.checkpoint.path or ""), aside, dtype)
        _log(adapter / _training_log.KEPT, aside)
        lineage.write(aside, replace(history, merge=drift))
    lineage.write(adapter, replace(history, merge=drift))
    return out


def _write_adapter(model: Any, parent: Parent, out: Path, history: Lineage, log: Path | None) -> None:
    with _published(out, base=parent.checkpoint.path) as aside:
        # the base's embedding is the base's: "auto" would ask the hub whether it is
        model.save_pretrained(aside, save_embedding_layers=False)
        (aside / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        _export_files.name_base(aside, parent.checkpoint, out)
        _texts(parent, aside)
        _log(log, aside)
        lineage.write(aside, history)


def _write_full(
    model: Any,
    parent: Parent,
    recipe: Recipe,
    out: Path,
    history: Lineage,
    held_out: Sequence[Example],
    log: Path | None,
) -> Path:
    from trainers import _export_merge

    dtype = _dtype(recipe, parent)
    base = parent.checkpoint.base_path or parent.checkpoint.path or ""
    with _published(out) as aside:
        drift = _export_merge.store(model, aside, dtype, held_out)
        _texts(parent, aside)
        _export_files.write_config(Path(base), aside, dtype)
        _log(log, aside)
        looks = (*history.looks, *([drift] if drift else []))
        lineage.write(aside, replace(history, looks=looks))
    return out


def _texts(parent: Parent, folder: Path) -> None:
    _export_files.copy_texts(parent.checkpoint, parent.template_text, folder)
    _export_files.write_generation(parent.checkpoint, parent.tokenizer, stop_ids(parent), folder)


def _log(log: Path | None, folder: Path) -> None:
    if log is not None and log.is_file():
        shutil.copyfile(log, folder / _training_log.KEPT)


@contextmanager
def _published(out: Path, base: str | None = None) -> Iterator[Path]:
    """A folder beside `out` that takes its place when all is in it and the doctor lets it pass."""
    if out.exists() and not _ours(out):
        raise UserError(f"{out} holds something else than a trained checkpoint; choose another folder with --out")
    aside, former = (out.with_name(f".{out.name}.{what}") for what in ("writing", "former"))
    try:
        shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
        aside.mkdir(parents=True)
        yield aside
        _must_pass(aside, out, base)
        _export_files.share(aside)
        if out.exists():
            shutil.rmtree(former, ignore_errors=True)
            out.rename(former)
        aside.rename(out)
        shutil.rmtree(former, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"{out} can't be written: {why}; free some space, or choose another folder with --out"
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _must_pass(folder: Path, out: Path, base: str | None) -> None:
    wrong = [f for f in doctor.examine(read.read(folder, base=base)) if f.level == "refuse"]
    if wrong:
        raise UserError(
            f"{out} was not written, since bench run would refuse it: {wrong[0].what} ({wrong[0].evidence})"
        )


def _ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / lineage.FILE).is_file() or not any(folder.iterdir()))


def _dtype(recipe: Recipe, parent: Parent) -> str:
    """Of stored weights; the parent's, where it is a plain one."""
    if recipe.export.dtype != "auto":
        return recipe.export.dtype
    own = parent.checkpoint.dtype
    return own if own in _export_space.BYTES else "bfloat16"
