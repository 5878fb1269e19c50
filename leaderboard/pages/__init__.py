"""The kinds of pages, one module each: a new file here is a new page of the site.

A module offers `pages(view)`, which yields Page and Data records; one that stands in the navigation has
`NAV = (place, key of its name in i18n)` and `PATH`, and `present(view)` where a store may give it nothing to show.

Example: `[*about.pages(view)]` -> [Page("about.html", "about.html.j2", {"page": "about", …})].
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from harness import plugins
from harness.store.open import Store
from leaderboard import parents
from leaderboard.contaminated import Splits
from leaderboard.entries import Board
from leaderboard.parents import Against
from leaderboard.places import Places

Samples = Literal["all", "wrong", "none"]
LEAN_RUNS = 2_000  # 30 MB of pages at the full width of a row


@dataclass(frozen=True)
class Options:
    """What the one who publishes decides."""

    samples: Samples = "all"  # whose texts are published; outcomes always are
    title: str = ""
    language: Literal["en", "zh"] = "en"  # what readers without JavaScript see
    database: bool = False  # publish results.db too


@dataclass(frozen=True)
class View:
    """All that a page may look at."""

    store: Store
    board: Board
    where: Places
    options: Options = field(default_factory=Options)

    @functools.cached_property
    def against(self) -> Mapping[str, Against]:
        """Each checkpoint against its parent: several pages speak of it, and it is tested once."""
        return parents.against(self.board, self.store)

    @functools.cached_property
    def splits(self) -> Splits:
        """Scores on questions that were seen and on the others, each made when a page first shows it."""
        return Splits(self.board)

    @property
    def lean(self) -> bool:
        """So many runs that every byte of a row counts: pages then say once what rows share, and the rest behind links."""
        return len(self.board.entries) > LEAN_RUNS


@dataclass(frozen=True)
class Page:
    """A template with what it shows, as plain values."""

    path: str
    template: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Data:
    """A data script, `BENCH.put(id, payload)`; `make` is called only where the site that is there was made of another key."""

    path: str
    key: str  # digest of everything that `make` looks at
    make: Callable[[], tuple[str, Any]]  # (id, JSON)


@dataclass(frozen=True)
class File:
    """Any other file, for other programs."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Copy:
    """A file too large to be held in memory: `write` makes it at the path given."""

    path: str
    write: Callable[[Path], None]


@dataclass(frozen=True)
class Link:
    """A place in the navigation."""

    path: str
    key: str


def found() -> list[ModuleType]:
    return [plugins.find(__name__, name) for name in plugins.names(__name__)]


def everything(view: View) -> Iterator[Page | Data | File | Copy]:
    for module in found():
        if present(module, view):
            yield from module.pages(view)


def navigation(view: View) -> list[Link]:
    placed = [module for module in found() if hasattr(module, "NAV") and present(module, view)]
    return [Link(module.PATH, module.NAV[1]) for module in sorted(placed, key=lambda module: module.NAV)]


def present(module: ModuleType, view: View) -> bool:
    return bool(module.present(view)) if hasattr(module, "present") else True
