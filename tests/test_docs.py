"""README can't lie: its help texts and file map are generated, every command is in it, every option has help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli import cli

ROOT = Path(__file__).resolve().parents[1]


def commands(group: click.Group = cli, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*prefix, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*prefix, name))


def test_generated_parts_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", "README.md"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"run `make docs`\n{done.stdout[-3000:]}{done.stderr[-2000:]}"


@pytest.mark.parametrize("path", [" ".join(path) for path, _ in commands() if len(path) == 1])
def test_every_command_is_in_the_readme(path: str) -> None:
    assert f"bench {path}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("path", "command"), [(" ".join(path), command) for path, command in commands()])
def test_every_command_and_option_has_help(path: str, command: click.Command) -> None:
    assert command.help, path
    if isinstance(command, click.Group) or " " not in path:
        assert "Example" in command.help, f"bench {path} --help shows no example"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"bench {path} {parameter.opts[0]}"
