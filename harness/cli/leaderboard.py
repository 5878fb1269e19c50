"""`bench leaderboard`: write the store as a static site."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from harness import words
from harness.cli import _options
from harness.cli._echo import echo
from harness.words import say

if TYPE_CHECKING:
    from leaderboard.site import Written

PORT = 8000
MOVES = 0.1  # seconds between two moves of the line on a terminal


@click.command("leaderboard")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Default: results/site beside the store.")
@click.option(
    "--samples",
    type=click.Choice(["all", "wrong", "none"]),
    default="all",
    show_default=True,
    help="Whose texts are published; which answers are right always is.",
)
@click.option("--title", default="", help="Head of the board.")
@click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    help="Shown first; the page switches.",
)
@click.option("--db", "database", is_flag=True, help="Also publish results.db, the store as one file for SQL.")
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
@click.option(
    "--serve",
    "serving",
    is_flag=True,
    help="Serve it on this machine alone until Ctrl-C; made anew when the store has changed.",
)
@click.option("--port", type=click.IntRange(0, 65535), help=f"Of --serve; 0 takes a free one. Default: {PORT}.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    out: Path | None,
    samples: Literal["all", "wrong", "none"],
    title: str,
    language: Literal["en", "zh"],
    database: bool,
    open_: bool,
    serving: bool,
    port: int | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Write the board as a static site.

    It opens from its folder, without a server and without JavaScript. The same store gives the same bytes; only what
    has changed is written, and the new site takes the old one's place at once.

    \b
    Example: bench leaderboard --open
             bench leaderboard --out public/ --samples wrong --title "Medical 1.5B"
             bench leaderboard --serve --open        while runs go on
    """
    from harness.errors import UserError
    from harness.store.open import open_store
    from leaderboard import site

    if port is not None and not serving:
        raise UserError("--port is where --serve listens; pass both or neither")
    path = _options.store_path(store)
    folder = out or path.parent / "site"

    def build(watch: Callable[[str, int], None] = lambda path, done: None) -> Written:
        with open_store(path, mode="ro") as opened:
            return site.render(
                opened, folder, samples=samples, title=title, language=language, database=database, watch=watch
            )

    if serving:
        _serve(path, folder, build, PORT if port is None else port, open_, as_json)
        return
    address = (folder / "index.html").resolve().as_uri()
    with _watched(as_json) as watch:
        written = build(watch)
    _report(written, address, as_json)
    if open_:
        click.launch(address)


def _serve(path: Path, folder: Path, build: Callable[..., Written], port: int, open_: bool, as_json: bool) -> None:
    """Until Ctrl-C, which is how this ends and no failure."""
    from leaderboard import serve

    def tell(why: str) -> None:
        echo(say("note: the site could not be made anew: {why}; the one before is shown", why=why), err=True)

    fresh = serve.Fresh(path, build, tell)
    with serve.bind(folder, port, fresh, fresh.wait) as server:
        with _watched(as_json) as watch:
            written = build(watch)
        _report(written, server.address, as_json)
        if not as_json:
            echo(say("for this machine alone, made anew when the store has changed; Ctrl-C ends it"))
        if open_:
            click.launch(server.address)
        with suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.1)
    fresh.close()


def _report(written: Written, address: str, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        made: dict[str, Any] = {**asdict(written), "path": str(written.path), "address": address}
        _options.print_json(made)
        return
    counts = {"pages": written.pages, "size": f"{written.bytes / 1e6:.1f} MB", "new": written.rewritten}
    echo(say("{pages:,} pages, {size}, {new:,} files new or changed: {path}", **counts, path=written.path))
    echo(say("open  {address}", address=address))


@contextmanager
def _watched(quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Says how many files are written: in a line that moves on a terminal, in one every ten seconds elsewhere."""
    from harness.cli._pace import EVERY

    told = [time.monotonic()]

    def line(path: str, done: int) -> None:
        if time.monotonic() - told[0] >= EVERY and not quiet:
            told[0] = time.monotonic()
            echo(_line(path, done), err=True)

    if quiet or not sys.stderr.isatty():
        yield line
        return
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with console.status("") as status:

        def move(path: str, done: int) -> None:
            if time.monotonic() - told[0] >= MOVES:
                told[0] = time.monotonic()
                status.update(words.told(_line(path, done)))

        yield move


def _line(path: str, done: int) -> str:
    return say("{n:,} files of the site, now {path}", n=done, path=path)
