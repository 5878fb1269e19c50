"""Print for people: names and answers come from files and models, so no line may steer the terminal."""

from __future__ import annotations

import click


def echo(text: str = "", err: bool = False) -> None:
    """Lines as they are, less escape sequences and text that turns a line around."""
    from harness.verdicts.wording import printable

    click.echo("\n".join(printable(line) for line in text.split("\n")), err=err)
