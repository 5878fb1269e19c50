"""Git's answers, where git is there: which branch and commit are checked out, and is one an ancestor of another.

Example: a run of `main` made after the candidate's branch was cut is no baseline for it: `ancestor(theirs, ours, folder)`
is False. Trap: a shallow clone, as CI makes it, doesn't know old commits: None, which is said and never taken for a no.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SHA = re.compile(r"[0-9a-f]{7,64}")
SECONDS = 10.0


def branch(folder: Path) -> str:
    """The branch checked out at or above `folder`, "" where there is none; read from .git, git is not needed."""
    for parent in (folder, *folder.parents):
        head = parent / ".git" / "HEAD"
        if head.is_file():
            try:
                reference = head.read_text("utf-8", "replace").strip()
            except OSError:
                return ""
            return reference.removeprefix("ref: refs/heads/") if reference.startswith("ref: ") else ""
    return ""


def head(folder: Path) -> str:
    """The commit checked out at `folder`; "" where there is no git or no commit."""
    done = _git(folder, "rev-parse", "HEAD")
    sha = done.stdout.strip() if done and done.returncode == 0 else ""
    return sha if SHA.fullmatch(sha) else ""


def ancestor(older: str, newer: str, folder: Path) -> bool | None:
    """Whether `older` is `newer` or comes before it; None where nobody here knows."""
    if not (SHA.fullmatch(older) and SHA.fullmatch(newer)):
        return None
    if older == newer:
        return True
    done = _git(folder, "merge-base", "--is-ancestor", older, newer)
    return None if done is None or done.returncode not in (0, 1) else done.returncode == 0


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
