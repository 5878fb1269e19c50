"""The static site: store -> pages -> a folder of HTML that opens from file:// and needs no JavaScript to be read.

Example: `render(store, Path("results/site"))` -> Written(path=…/results/site, pages=41, bytes=3120455, rewritten=3).
The folder is written aside and swapped in by rename, so a reader never sees half a site; the same store gives the same
bytes, because no clock, no random number and no folder name gets into a page.
"""

from __future__ import annotations

import contextlib
import gc
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from harness import __version__
from harness.errors import UserError
from harness.store.board import uuid
from harness.store.open import Store
from leaderboard import charts, pages, places, words, written
from leaderboard.cells import MARKED_SHARE
from leaderboard.entries import read_board
from leaderboard.pages import Options, Samples, View
from leaderboard.press import Press, of_templates
from leaderboard.swap import MARKER, aside

FILTERS = ("visible", "inline", "attribute", "points", "decimal", "tenth", "count", "size", "parameters")


@dataclass(frozen=True)
class Written:
    path: Path
    pages: int
    bytes: int
    rewritten: int  # files that the site before did not have, or had with other bytes


def render(
    store: Store,
    out: Path,
    samples: Samples = "all",
    title: str = "",
    language: str = "en",
    database: bool = False,
    watch: Callable[[str, int], None] = lambda path, done: None,
) -> Written:
    """Write the whole site to `out`; `watch` hears of each file, with how many are done."""
    options = _checked(samples, title, language, database)
    try:
        _refuse_foreign(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    board = read_board(store)
    view = View(store, board, places.of(board), options)
    try:
        with _kept(), aside(out) as folder:
            press = Press(folder, _templates(view), out if out.is_dir() else None)
            press.static()
            for done, item in enumerate(pages.everything(view), 1):
                press.put(item)
                watch(item.path, done)
            press.finish()
        return Written(out, press.pages, press.size, press.rewritten)
    except (OSError, sqlite3.OperationalError) as error:
        raise _unwritable(out, error) from error


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """A board of a million records stays as it is while pages are printed: the collector of cycles need not look at it."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _unwritable(out: Path, error: Exception) -> UserError:
    why = getattr(error, "strerror", None) or str(error)
    return UserError(f"the site {out} can't be written: {why}; nothing was changed")


def _checked(samples: str, title: str, language: str, database: bool) -> Options:
    if samples not in get_args(Samples):
        raise UserError(f"samples can't be {samples!r}; one of {', '.join(get_args(Samples))}")
    if language not in words.LANGUAGES:
        raise UserError(f"language can't be {language!r}; one of {', '.join(words.LANGUAGES)}")
    if database and samples != "all":
        raise UserError(f"results.db holds every text and gold, so it doesn't go with samples={samples}; leave it out")
    return Options(samples, title, language, database)  # type: ignore[arg-type]


def _templates(view: View) -> Any:
    t = words.Words()
    title, language = view.options.title, view.options.language
    shown = {
        "t": t,
        "language": language,
        "site_words": words.inline(title) if title else t("site_title"),
        "version": __version__,
        "store_uuid": uuid(view.store),
        "store_name": view.store.path.name,
        "marked_share": MARKED_SHARE,
        "whisker": charts.whisker,
        "axis": charts.axis,
        "written": written,
        "links": pages.navigation(view),
    }
    filters = {name: getattr(words, name) for name in FILTERS}
    return of_templates(title or t.plain("site_title", language), shown, filters)


def _refuse_foreign(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError(f"{out} is no folder; pass another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise UserError(f"{out} holds files that are not a site made by bench; pass another --out, or empty it")
