"""What the user typed -> runs or outcomes; one grammar for every command.

| typed                     | means                                                            |
|---------------------------|------------------------------------------------------------------|
| `qwen-med`                | the newest finished run per task of the checkpoint with that name (or id) |
| `out/checkpoint-500`      | the same of the checkpoint in that folder, by its content        |
| `qwen-med@release`        | the same, only runs tagged `release`                             |
| `run:9f3c…`               | that run (a unique prefix of its id will do, also without `run:`) |
| `tag:release`             | the newest finished run per task with that tag                            |
| `branch:main`             | the newest finished run per task made on that git branch                  |
| `file:results/x.json`     | a blessed baseline file, no store needed                         |
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from harness.checkpoints import cached
from harness.checkpoints import read as folders
from harness.errors import NothingToCompare, UserError
from harness.plugins import nearest
from harness.questions import catalogue, stock
from harness.records import Checkpoint, Outcomes, Run
from harness.store import read
from harness.store.open import Store
from harness.verdicts import baseline


def runs(store: Store, spec: str, *, tasks: Sequence[str] = (), without: Collection[str] = ()) -> list[Run]:
    """The runs a spec names, per task the newest finished one, else the newest; `without`: ids that don't count.

    UserError when the store knows nothing by that name, or lacks one of `tasks`.
    """
    found = [run for run in matching(store, spec) if run.id not in without]
    if not found:
        other = " other than the run itself" if without else ""
        raise NothingToCompare(f"no run in {store.path} matches '{spec}'{other}; {_known(store, spec)}")
    best: dict[str, Run] = {}
    for run in sorted(found, key=lambda run: run.status != "done"):  # stable: newest first within each
        best.setdefault(read.get_task(store, run.exam).key, run)
    for task in tasks:
        if task not in best:
            raise NothingToCompare(f"'{spec}' has no run of {task} in {store.path}; {nearest(task, best)}")
    return [best[key] for key in sorted(best) if not tasks or key in tasks]


def tasks(names: Sequence[str]) -> tuple[str, ...]:
    """Task keys as runs carry them: groups opened, other names as they stand (imported tasks have no card)."""
    groups = {group.name for group in catalogue.groups()}
    opened = {name: [t.key for t in catalogue.find([name])] for name in names if re.split("[:~@]", name)[0] in groups}
    return tuple(key for name in names for key in opened.get(name) or _stock(name) or [name])


def _stock(name: str) -> list[str]:
    """The tasks of a group of lm-eval, named as such: a bare `mmlu` may be an imported task."""
    if not name.startswith(catalogue.STOCK):
        return []
    plain = name.removeprefix(catalogue.STOCK)
    return [catalogue.STOCK + member for member in (stock.opened(plain) if stock.known(plain) else ())]


def outcomes(
    spec: str, store: Store | None, *, tasks: Sequence[str] = (), without: Collection[str] = ()
) -> list[Outcomes]:
    """Per-sample outcomes of the runs a spec names, or of a baseline file; sorted by task."""
    if spec.startswith("file:"):
        path = Path(spec.removeprefix("file:"))
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise NothingToCompare(f"{path} can't be read: {why}; `bench baseline bless` writes one") from None
        except UnicodeDecodeError:
            raise NothingToCompare(f"{path} is no text file; `bench baseline bless` writes a baseline") from None
        blessed = baseline.load(text, str(path)).outcomes
        for task in tasks:
            if task not in {o.task for o in blessed}:
                raise NothingToCompare(f"{path} holds no {task}; {nearest(task, {o.task for o in blessed})}")
        kept = sorted((o for o in blessed if not tasks or o.task in tasks), key=lambda o: o.task)
        return [_with_ids(o, store) for o in kept]
    if store is None:
        raise UserError(f"'{spec}' needs a store; pass --store FILE, or file:PATH for a baseline file")
    return [read.outcomes(store, run.id) for run in runs(store, spec, tasks=tasks, without=without)]


def _with_ids(packed: Outcomes, store: Store | None) -> Outcomes:
    """A file's questions by their ids, where the store has their exam; two files of one exam pair without."""
    if store is None or not baseline.anonymous(packed) or not read.list_runs(store, exam=baseline.exam_of(packed)):
        return packed
    exam = read.get_exam(store, baseline.exam_of(packed))
    return baseline.named(packed, [sample.id for sample in exam.samples])


def checkpoint(store: Store, name: str) -> Checkpoint:
    """The newest checkpoint with that name, the one in that folder, or the one whose id starts so."""
    known = read.checkpoints(store)
    for candidate in known:
        if candidate.name == name:
            return candidate
    by_id = [c for c in known if len(name) >= 4 and c.id.startswith(name)]
    if len(by_id) == 1:
        return by_id[0]
    if (lying := in_folder(store, name)) is not None:
        return lying
    raise NothingToCompare(f"no checkpoint '{name}' in {store.path}; {_known(store, name)}")


def checkpoints(store: Store, pattern: str) -> list[Checkpoint]:
    """What a name, a folder or a glob over names or folders means, in natural order; of one folder the newest weights."""
    if not glob.has_magic(pattern) or any(c.name == pattern for c in read.checkpoints(store)):
        return [checkpoint(store, pattern)]
    place = os.path.abspath(Path(pattern).expanduser())  # noqa: PTH100 (as checkpoints are stored)
    found: dict[str, Checkpoint] = {}
    for known in read.checkpoints(store):  # newest first
        if fnmatch.fnmatch(known.name, pattern) or (known.path and fnmatch.fnmatch(known.path, place)):
            found.setdefault(known.path or known.id, known)
    if not found:
        raise NothingToCompare(
            f"no checkpoint in {store.path} has a name or folder like '{pattern}'; run them first: "
            f"`bench run --model '{pattern}' --tasks T,…`"
        )
    return sorted(found.values(), key=lambda c: folders.natural(c.path or c.name))


def in_folder(store: Store, path: str) -> Checkpoint | None:
    """The stored checkpoint that lies in a folder now; None for no folder, and for weights that were never run.

    Its files are hashed (remembered by size and dates), since a training may have written over what was run.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return None
    try:
        found = cached.read(folder)
    except UserError:  # an adapter whose base is elsewhere: then the place must do
        here = os.path.abspath(folder)  # noqa: PTH100 (as checkpoints are stored: without following links)
        return next((c for c in read.checkpoints(store) if c.path == here), None)
    return read.find_checkpoint(store, found.id)


def matching(store: Store, spec: str) -> list[Run]:
    """All runs a spec names, newest first."""
    kind, _, rest = spec.partition(":")
    if kind == "run" and rest:
        hits = [run for run in read.list_runs(store) if run.id.startswith(rest)]
        if len(hits) > 1:
            raise UserError(f"'{spec}' matches {len(hits)} runs; give more of the id")
        return hits
    if kind == "tag" and rest:
        return read.list_runs(store, tag=rest)
    if kind == "branch" and rest:
        return read.list_runs(store, tag=spec)
    if kind in ("run", "tag", "branch"):
        raise UserError(f"'{spec}' lacks a name after the colon")
    if kind == "file":
        raise UserError(f"'{spec}' is a baseline file, which holds no runs; `bench baseline show` reads it")
    name, _, tag = spec.partition("@")
    if not any(c.name == name or c.id.startswith(name) for c in read.checkpoints(store)):
        if (lying := in_folder(store, spec)) is not None:
            return read.list_runs(store, checkpoint=lying.id)
        return [run for run in read.list_runs(store) if len(spec) >= 6 and run.id.startswith(spec)]
    return read.list_runs(store, checkpoint=checkpoint(store, name).id, tag=tag or None)


def _known(store: Store, spec: str) -> str:
    names = [c.name for c in read.checkpoints(store)]
    if spec.partition("@")[0] in names:
        return "it is in the store, but has no such run; `bench runs` lists what there is"
    if Path(spec).is_dir():
        return f"nothing that lies there was run: `bench run --model {shlex.quote(spec)} --tasks T,…`"
    return nearest(spec, names) if names else "the store is empty: `bench run` fills it"
