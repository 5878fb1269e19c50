"""Add by adding a file: a folder is walked, the file's stem is the name on the command line.

Example: `find("harness.scorers", "choice")` imports harness/scorers/choice.py; `find("harness.scorers", "choise")`
raises UserError: no scorer 'choise'; nearest: choice, choices.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from harness.errors import UserError


def names(package: str) -> list[str]:
    """Stems of the public modules of a package, sorted; nothing is imported but the package itself."""
    folder = importlib.import_module(package).__path__
    return sorted(m.name for m in pkgutil.iter_modules(folder) if not m.name.startswith("_"))


def find(package: str, name: str) -> ModuleType:
    """The module `package.name`; UserError with the nearest names when there is none."""
    loaded = sys.modules.get(f"{package}.{name}")
    if loaded is not None and not name.startswith("_"):  # a gate asks ten thousand times; the folder is walked once
        return loaded
    known = names(package)
    if name not in known:
        kind = package.rsplit(".", 1)[-1].rstrip("s")
        raise UserError(f"no {kind} '{name}'; {nearest(name, known)}")
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:
        spec = importlib.util.find_spec(f"{package}.{name}")
        if spec is None or spec.origin is None or Path(spec.origin).is_relative_to(Path(__file__).parents[1]):
            raise  # ours: a crash is a crash
        raise UserError(f"{spec.origin} can't be loaded: {type(error).__name__}: {error}") from None


def extend(package: str, folders: Sequence[str]) -> None:
    """Let a package also be found in the user's own folders (`--include DIR`); the package's own files win."""
    path = importlib.import_module(package).__path__
    for folder in folders:
        if folder not in path:
            path.append(folder)


def nearest(name: str, known: Iterable[str]) -> str:
    """'nearest: a, b' or, where nothing is near, 'known: …'; for the end of an error sentence."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return "nearest: " + ", ".join(close)
    return "known: " + ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
