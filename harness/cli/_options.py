"""Options that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness import config, plugins
from harness.errors import UserError

F = TypeVar("F", bound=Callable[..., Any])

_EXTENSIBLE = {"tasks": "tasks", "harness.scorers": "scorers", "harness.metrics": "metrics"}


def store_option(function: F) -> F:
    text = "The SQLite store. Default: `paths.store` of bench.toml, else results/bench.db."
    return click.option("--store", type=click.Path(path_type=Path), help=text)(function)


def data_option(function: F) -> F:
    text = "Folder with local copies of the questions, as upstream ships them. Default: `paths.data` of bench.toml, else the hub."
    return click.option("--data", type=click.Path(path_type=Path), help=text)(function)


def hub_option(function: F) -> F:
    hubs = click.Choice(["huggingface", "modelscope"])
    return click.option(
        "--hub", type=hubs, default="huggingface", show_default=True, help="Where questions are fetched from."
    )(function)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")(function)


def include_option(function: F) -> F:
    text = "Folder with your own tasks (or tasks/, scorers/, metrics/ in it). Repeatable."
    return click.option(
        "--include", multiple=True, type=click.Path(path_type=Path), help=text, expose_value=False, callback=_include
    )(function)


def _include(ctx: click.Context, parameter: click.Parameter, value: tuple[Path, ...]) -> None:
    include([*value, *(config.root() / folder for folder in config.bench().paths.include)])


def include(folders: list[Path]) -> None:
    """Make own tasks, scorers and metrics findable; what is in the folder itself counts as tasks."""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--include {folder} is not a folder")
        for package, name in _EXTENSIBLE.items():
            inner = folder / name
            if inner.is_dir():
                plugins.extend(package, [str(inner.resolve())])
        if not any((folder / name).is_dir() for name in _EXTENSIBLE.values()):
            plugins.extend("tasks", [str(folder.resolve())])


def store_path(given: Path | None) -> Path:
    """--store, else bench.toml, else results/bench.db under the folder of bench.toml or the current one."""
    if given is not None:
        return given
    root = config.root()
    return root / (config.bench().paths.store or "results/bench.db")


def data_path(given: Path | None) -> Path | None:
    """--data, else bench.toml, else None (the hub)."""
    if given is None:
        named = config.bench().paths.data
        given = config.root() / named if named else None
    if given is not None and not given.is_dir():
        raise UserError(f"--data {given} is not a folder")
    return given


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def names(value: str) -> list[str]:
    """`a,b` -> [a, b]"""
    return [part.strip() for part in value.split(",") if part.strip()]


def note(given: str | None) -> str | None:
    """A note in one line; an empty one is a mistake, such as a variable that was never set."""
    if given is not None and not given.strip():
        raise UserError("a note needs words, and this one is empty; leave out --note, or write why")
    return None if given is None else " ".join(given.split())
