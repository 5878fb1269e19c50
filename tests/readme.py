"""Writes the generated parts of README.md: help texts and the file map. Called by cog, checked by test_docs."""

from __future__ import annotations

import ast
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "tasks", "leaderboard", "trainers")


def help_text(*command: str) -> str:
    """What `bench COMMAND --help` prints."""
    return output(*command, "--help")


def output(*arguments: str) -> str:
    """What `bench ARGUMENTS` prints, in a fenced block, at 100 columns."""
    from click.testing import CliRunner

    from harness.cli import cli

    os.environ["COLUMNS"] = "100"
    os.environ["BENCH_LANG"] = "en"
    result = CliRunner().invoke(cli, list(arguments), prog_name="bench", terminal_width=100)
    assert result.exit_code == 0, result.output
    return f"```\n$ bench {' '.join(arguments)}\n{result.output.rstrip()}\n```"


def file_map() -> str:
    """The tree with the first docstring line of every public module."""
    lines = []
    for package in PACKAGES:
        folder = ROOT / package
        for path in sorted(folder.rglob("*.py"), key=_order):
            name = path.relative_to(ROOT)
            if path.stem.startswith("_") and path.stem != "__init__":
                continue
            depth = len(name.parts) - (2 if path.stem == "__init__" else 1)
            shown = f"{name.parts[-2]}/" if path.stem == "__init__" else name.name
            lines.append(f"{'  ' * depth}{shown:<{26 - 2 * depth}}{_first_line(path)}".rstrip())
    return "```\n" + "\n".join(lines) + "\n```"


def _order(path: Path) -> tuple[object, ...]:
    parts = path.relative_to(ROOT).parts
    return tuple((len(parts) > i + 1, part if part != "__init__.py" else "") for i, part in enumerate(parts))


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return docstring.split("\n", 1)[0]
