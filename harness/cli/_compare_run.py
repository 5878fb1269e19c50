"""`bench compare --run`: the lines that would be suggested, printed and then run through `bench run` itself."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from harness.cli._echo import echo
from harness.errors import MissingData, UserError

ROUNDS = 2  # the second asks one side in the form that the first found the other in


def missing(
    store: Path, before: str, after: Sequence[str], tasks: Sequence[str], more: Sequence[str], typed: Container[str]
) -> None:
    """Run what is missing, each line once. What they print goes to stderr: stdout is the comparison's.

    Of a group, as in `bench run`, members whose data can't be had are left out; a task that was typed must be there.
    """
    done: set[str] = set()
    for _ in range(ROUNDS):
        lines = {line: task for line, task in _lines(store, before, after, tasks, more).items() if line not in done}
        for line, task in lines.items():
            done.add(line)
            echo(f"running: {line}", err=True)
            try:
                _run(shlex.split(line)[2:])
            except MissingData as error:
                if task in typed or not tasks:
                    raise
                echo(f"left out {task}: {error}", err=True)
        if not lines:
            return


def _lines(store: Path, before: str, after: Sequence[str], tasks: Sequence[str], more: Sequence[str]) -> dict[str, str]:
    """Line -> the task that it is about."""
    from harness import pairs
    from harness.store.open import open_store

    found: dict[str, str] = {}
    with open_store(store, mode="rw") as opened:
        for spec in after:
            for gap in pairs.lacking(opened, before, spec, tasks=tasks, more=more):
                if gap.line is None:
                    raise UserError(
                        f"{gap.why}, and {gap.spec} can't be run from here: its folder is not known; pass the folder"
                    )
                found[gap.line] = gap.task
    return found


def _run(words: Sequence[str]) -> None:
    """The command itself, in this process."""
    from harness.cli import run

    with contextlib.redirect_stdout(sys.stderr):
        run.command.main(args=list(words), prog_name="bench run", standalone_mode=False)
