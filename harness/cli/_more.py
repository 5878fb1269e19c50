"""A command with others beside it: `bench gate ckpt` judges, `bench gate power …` is the file `_gate_power.py`.

Example: `_gate_NAME.py` offers `command` and is there, in the help as well; nothing lists it. Trap: a checkpoint of such a
name is `./NAME` or `run:ID`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from harness.cli import first_line


class WithMore(click.Command):
    """Does its own job, unless the first word is the name of a file beside it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self._more():
            command = importlib.import_module(f"harness.cli._{self.name}_{args[0]}").command
            assert isinstance(command, click.Command)
            return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if rows := [(name, first_line(path)) for name, path in self._more().items()]:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _more(self) -> dict[str, Path]:
        files = sorted(Path(__file__).parent.glob(f"_{self.name}_*.py"))
        return {file.stem.removeprefix(f"_{self.name}_"): file for file in files}
