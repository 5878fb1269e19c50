"""`bench store`: check that the store is whole and that its cache tells the truth."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import say


@click.group("store", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look after the store.

    \b
    Example: bench store check
    """


@command.command("check")
@_options.store_option
@_options.include_option
def check(store: Path | None) -> int:
    """Integrity of the file, and every cached result against its scores; exit 1 on a difference."""
    from harness.store import check as checks
    from harness.store.open import open_store

    path = _options.store_path(store)
    with open_store(path, mode="ro") as opened:
        problems = checks.check(opened)
    for problem in problems:
        echo(f"✗ {problem}")
    if not problems:
        echo(say("✓ {path} is whole; every cached result equals its scores", path=path))
    return 1 if problems else 0
