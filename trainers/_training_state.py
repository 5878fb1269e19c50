"""The working folder of a training, `.NAME.training` beside NAME: whose it is, and that one process has it alone.

Example: `with alone(work, history, again=False):` fits; steps to go on from lie in work/checkpoint-60, and how they were
computed in work/plan.json. Trap: memory is looked at when the weights are loaded, and is another one after a kill; rows of
another number at once would be other numbers in the end, so the number is kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.checkpoints import lineage
from harness.errors import UserError
from harness.records import Lineage

PLAN = "plan.json"


def folder(out: Path) -> Path:
    return out.with_name(f".{out.name}.training")


def finished(out: Path, history: Lineage, again: bool) -> bool:
    """Whether this very training lies there and is not to be done again; UserError where something else does."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    there = lineage.read(out)
    if there is None:
        raise UserError(f"{out} holds something else than a trained checkpoint; choose another folder with --out")
    if again:
        return False
    if _key(there) == _key(history):
        return True
    raise UserError(
        f"{out} was trained by another recipe, data or parent; pass --again to replace it, or --out elsewhere"
    )


@contextmanager
def alone(work: Path, history: Lineage, again: bool) -> Iterator[None]:
    """The working folder is this process's, and holds nothing of another training."""
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{work.parent} can't be written: {error.strerror}; choose another folder with --out") from None
    with (work / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another process is training {work.name[1:].removesuffix('.training')} right now; wait for it, or give this "
                "one another name"
            ) from None
        _same(work, _key(history), again)
        yield


def _key(history: Lineage) -> dict[str, Any]:
    """What makes two trainings the same one."""
    return {name: getattr(history, name) for name in ("recipe_sha", "seed", "parent", "template_sha")}


def _same(work: Path, key: Mapping[str, Any], again: bool) -> None:
    known = plan(work)
    if known and {name: known.get(name) for name in key} != key:
        if not again and any(path.is_dir() for path in work.iterdir()):  # without a kept step nothing is lost
            raise UserError(
                f"{work} holds an unfinished training by another recipe, data or parent; remove it, or pass --again"
            )
        known = {}
    if again or not known:
        for path in work.iterdir():
            if path.name != ".lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        note(work, key)


def plan(work: Path) -> dict[str, Any]:
    try:
        found = json.loads((work / PLAN).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def note(work: Path, plan: Mapping[str, Any]) -> None:
    aside = work / f".{PLAN}.{os.getpid()}"
    aside.write_text(json.dumps(plan), "utf-8")
    aside.replace(work / PLAN)
