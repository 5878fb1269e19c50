"""A folder made aside and swapped in: a reader sees the old one or the new one, whatever happens to the process that makes it.

Example: `with aside(Path("results/site")) as folder:` writes into results/.site.making/new, which then is results/site.
Trap: between two renames there is no site. A process that was killed just there left the old one in the workshop; the next
one puts it back first. What other people keep at the top of a site (.git, CNAME) moves on with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError

MARKER = ".bench-site"  # a folder without it isn't ours to replace; it keeps what is ours, and of what key it was made


@contextlib.contextmanager
def aside(out: Path) -> Iterator[Path]:
    """A fresh folder that takes the place of `out` at the end; on an error it goes and `out` stays as it was."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with _workshop(out) as workshop:
        fresh, old = workshop / "new", workshop / "old"
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
        _keep(old, out)


@contextlib.contextmanager
def _workshop(out: Path) -> Iterator[Path]:
    """One at a time: two would link each other's files. What a killed one left is tidied up."""
    workshop = out.parent / f".{out.name}.making"
    workshop.mkdir(exist_ok=True)
    held = os.open(workshop, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if not _locked(held, workshop):
            raise UserError(f"the site {out} is being written by another bench leaderboard; wait until it is done")
        try:
            _tidy(workshop, out)
            yield workshop
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    finally:
        os.close(held)


def _locked(held: int, workshop: Path) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(held).st_ino == workshop.stat().st_ino  # else the one before has just tidied it away
    except (BlockingIOError, FileNotFoundError):
        return False


def _tidy(workshop: Path, out: Path) -> None:
    old = workshop / "old"
    if old.is_dir() and not out.exists():
        old.rename(out)
    _keep(old, out)
    for left in workshop.iterdir():
        shutil.rmtree(left)


def _keep(old: Path, out: Path) -> None:
    """Move what stands at the top of the old site and was never ours."""
    if not old.is_dir():
        return
    ours = told(old).get("own")
    for entry in sorted(old.iterdir()):
        known = entry.name in ours if isinstance(ours, list) else not entry.name.startswith(".")
        if not known and entry.name != MARKER and not (out / entry.name).exists():
            entry.rename(out / entry.name)


def told(site: Path) -> dict[str, object]:
    """What a site says of itself; of one that an older version made, or a broken one, nothing is known."""
    try:
        found = json.loads((site / MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
