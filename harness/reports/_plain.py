"""What all terminal reports are made of: a console that writes into a string, tables without borders, tame words.

Example: `print(words("\\x1b[2Jbase"))` on `console()` shows a replacement sign: names come from files and models.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.verdicts import wording
from harness.words import told

WIDTH = 100


def table(heads: Sequence[str]) -> Table:
    """`heads` are ours, and may stand on two lines; what is in the cells is not, and stays on one."""
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for i, head in enumerate(heads):
        left = head in ("task", "checkpoint", "subject", "verdict")
        lines = [words(line) for line in told(head).split("\n")]
        made.add_column(
            Text("\n").join(lines), justify="left" if left else "right", overflow="fold", no_wrap=i > 0 and left
        )
    return made


def words(said: str, style: str = "") -> Text:
    return Text(wording.printable(told(said)), style=style)


def console(colour: bool) -> Console:
    return Console(
        file=io.StringIO(),
        width=WIDTH,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def text(filled: Console) -> str:
    file = filled.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
