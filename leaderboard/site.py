"""The static site: store -> pages -> a folder of HTML that opens from file:// and needs no JavaScript to be read.

Example: `render(store, Path("results/site"))` -> Written(path=…/results/site, pages=41, bytes=3120455).
The folder is written aside and swapped in by rename, so a reader never sees half a site; the same store gives the same
bytes, because no clock, no random number and no folder name gets into a page.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2

from harness import __version__
from harness.errors import UserError
from harness.store import read
from harness.store.open import Store
from leaderboard import charts, composite_pages, composites, pages, words
from leaderboard.cells import MARKED_SHARE, Entry
from leaderboard.entries import Board, read_board
from leaderboard.samples import MAP_LIMIT, SHOWN, count_outcomes, outline, sample_pages

MARKER = ".bench-site"  # a folder without it isn't ours to replace


@dataclass(frozen=True)
class Written:
    path: Path
    pages: int
    bytes: int


def render(
    store: Store,
    out: Path,
    samples: Literal["all", "wrong", "none"] = "all",
    title: str = "",
    language: Literal["en", "zh"] = "en",
) -> Written:
    """Write the whole site to `out`. `language` is what readers without JavaScript see; both are on every page."""
    if samples not in SHOWN:
        raise UserError(f"samples can't be {samples!r}; one of {', '.join(SHOWN)}")
    if language not in words.LANGUAGES:
        raise UserError(f"language can't be {language!r}; one of {', '.join(words.LANGUAGES)}")
    _refuse_foreign(out)
    board = read_board(store)
    where = pages.paths(board, samples != "none")
    try:
        with _aside(out) as folder:
            press = Press(folder, _environment(store, title, language))
            press.copy_static()
            _print_all(press, store, board, where, samples)
            return Written(out, press.pages, press.size)
    except OSError as error:
        raise UserError(f"the site {out} can't be written: {error.strerror}; nothing was changed") from error


def _print_all(press: Press, store: Store, board: Board, where: pages.Paths, samples: str) -> None:
    fronts = composites.fronts(board.columns)
    press.environment.globals["pareto"] = bool(fronts)
    if fronts:
        press.page("pareto.html", "pareto.html.j2", {"page": "pareto"} | pages.pareto_page(board, where, fronts))
        press.data("pareto.json", composite_pages.pareto_data(fronts, board.by_id))
    press.page("index.html", "index.html.j2", {"page": "board"} | pages.board_page(board, where))
    press.page("about.html", "about.html.j2", {"page": "about"} | pages.about_page(board, where))
    for key, path in sorted(where.tasks.items()):
        press.page(path, "task.html.j2", pages.task_page(board, where, key))
    for checkpoint in board.by_id.values():
        press.page(
            where.checkpoints[checkpoint.id], "checkpoint.html.j2", pages.checkpoint_page(board, where, checkpoint)
        )
    for entry in board.entries:
        if entry.run.id in where.samples:
            _print_samples(press, store, board, where, entry, samples)


def _print_samples(press: Press, store: Store, board: Board, where: pages.Paths, entry: Entry, samples: str) -> None:
    places, answered = outline(store, entry.run.id, samples)
    counts = count_outcomes(places)
    common = pages.samples_page(board, where, entry) | {
        "total": len(places),
        "answered": answered,
        "counts": counts,
        "stacked": charts.stacked(counts),
        "pages": places[-1].page if places else 1,
    }
    folder = where.samples[entry.run.id]
    if not places:
        press.page(f"{folder}/1.html", "samples.html.j2", common | {"number": 1, "samples": [], "map": []})
        return
    overview = places if len(places) <= MAP_LIMIT else []
    for number, answers in sample_pages(read.sample_rows(store, entry.run.id), places):
        content = common | {"number": number, "samples": answers, "map": overview if number == 1 else []}
        press.page(f"{folder}/{number}.html", "samples.html.j2", content)


@dataclass
class Press:
    """Prints pages into one folder and counts them."""

    folder: Path
    environment: jinja2.Environment
    pages: int = 0
    size: int = 0
    _templates: dict[str, jinja2.Template] = field(default_factory=dict)

    def page(self, path: str, template: str, content: Mapping[str, Any]) -> None:
        if template not in self._templates:
            self._templates[template] = self.environment.get_template(template)
        root = "../" * path.count("/")
        plain = {"page": "", "heading": self.environment.globals["site"]}
        text = self._templates[template].render(plain | dict(content) | {"root": root})
        self._write(path, text.encode("utf-8"))
        self.pages += 1

    def data(self, path: str, content: Any) -> None:
        """For other programs; a page can't read it from file://, so none does."""
        self._write(path, (json.dumps(content, ensure_ascii=True, indent=1, allow_nan=False) + "\n").encode("ascii"))

    def copy_static(self) -> None:
        for name in ("board.js", "site.css"):
            self._write(f"static/{name}", (files("leaderboard") / "static" / name).read_bytes())
        self._write(MARKER, b"made by bench leaderboard; the next one replaces this folder\n")

    def _write(self, path: str, content: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.size += len(content)


def _environment(store: Store, title: str, language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("leaderboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("visible", "inline", "attribute", "points", "decimal", "tenth", "count", "size", "parameters"):
        environment.filters[name] = getattr(words, name)
    t = words.Words()
    uuid = store.db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()
    environment.globals |= {
        "t": t,
        "language": language,
        "site": title or t.plain("site_title", language),
        "site_words": words.inline(title) if title else t("site_title"),
        "version": __version__,
        "store_uuid": uuid[0] if uuid else "",
        "store_name": store.path.name,
        "marked_share": MARKED_SHARE,
        "whisker": charts.whisker,
        "axis": charts.axis,
    }
    return environment


def _refuse_foreign(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError(f"{out} is no folder; pass another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise UserError(f"{out} holds files that are not a site made by bench; pass another --out, or empty it")


@contextlib.contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A fresh folder beside `out` that takes its place at the end; on an error it goes and `out` stays as it was."""
    out.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh, old = workshop / "new", workshop / "old"
        fresh.mkdir()  # mkdtemp's own folder is closed to a web server's user
        yield fresh
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
