"""Packed outcomes as files: what `bench baseline` and `bench export` share.

Example: write(path, text) puts a whole file in place or none; orders(store, outcomes) says in which order each exam asks
its questions, so that a file needs no ids. Trap: a baseline that can't be read is never overwritten in silence.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.records import Outcomes
    from harness.store.open import Store


def folder() -> Path:
    from harness import config

    return config.root() / "results" / "baselines"


def place(name: str, out: Path | None = None) -> Path:
    """Where the baseline of that name lies."""
    if not re.fullmatch(r"[\w][\w.-]*", name):
        raise UserError(f"'{name}' can't name a baseline; use letters, digits, '_', '-' and '.'")
    return out or folder() / f"{name}.json"


def find(named: Path) -> Path:
    """The file that a path, or a name under results/baselines/, means."""
    path = named if named.is_file() else folder() / f"{named.name.removesuffix('.json')}.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist; `bench baseline list` shows what there is")
    return path


def short(path: Path) -> str:
    """Relative where that is shorter to read and to type."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path.resolve() if ".." in path.parts else path)


def text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is damaged (not UTF-8 at byte {error.start}); restore it from git or bless the run again"
        ) from None


def orders(store: Store, outcomes: Sequence[Outcomes]) -> dict[str, list[str]]:
    """Exam id -> the ids of all its questions, in order."""
    from harness.store import read
    from harness.verdicts import baseline

    exams = dict.fromkeys(baseline.exam_of(o) for o in outcomes)
    return {exam: [sample.id for sample in read.get_exam(store, exam).samples] for exam in exams if exam}


def write(path: Path, content: str) -> None:
    """The file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".tmp")
    aside.write_text(content, "utf-8")
    aside.replace(path)


@contextmanager
def store_for(path: Path, *specs: str) -> Iterator[Store | None]:
    """The store; None where there is none and packed files need none."""
    from harness.store.open import open_store

    if all(spec.startswith("file:") for spec in specs) and not path.exists():
        yield None
        return
    with open_store(path, mode="ro") as opened:
        yield opened


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def user() -> str:
    try:
        return os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN") or getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "unknown"
