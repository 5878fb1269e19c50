"""Print for people: names and answers come from files and models, so no line may steer the terminal."""

from __future__ import annotations

import click


def echo(text: str = "", err: bool = False) -> None:
    """Lines in the reader's language, less escape sequences and text that turns a line around."""
    from harness.verdicts.wording import printable
    from harness.words import told

    click.echo("\n".join(printable(line) for line in told(text).split("\n")), err=err)
