"""`bench log`: print the experiments in order: why each was made, the one variable that moved, what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import say

if TYPE_CHECKING:
    from datetime import datetime


@click.command("log")
@click.option("--task", "tasks", default="", metavar="T,…", help="Only these tasks, and experiments that have them.")
@click.option(
    "--last", type=click.IntRange(0), default=10, show_default=True, metavar="N", help="The newest N; 0 shows all."
)
@click.option("--since", metavar="DATE", help="First asked on or after that day, such as 2026-11-01.")
@click.option("--markdown", is_flag=True, help="As Markdown, for a log file in the repository.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(tasks: str, last: int, since: str | None, markdown: bool, store: Path | None, as_json: bool) -> None:
    """Print the experiments of the store, the newest last.

    An experiment is a checkpoint, at the time when it was first asked. Beside its notes (--note of `bench run`, `bench
    train` and `bench baseline bless`) stand what it was trained from, the settings that differ from its nearest earlier
    relative, and what its answers say against both: changes in points with their 90 % intervals. One setting that differs
    explains a change; of several none is known to be the cause.

    \b
    Example: bench log --last 5
             bench log --task ceval --since 2026-11-01
             bench log --last 0 --markdown > LOG.md
    """
    from harness import experiments, lookup
    from harness.cli import _log_shown
    from harness.errors import UserError
    from harness.store.open import open_store

    if markdown and as_json:
        raise UserError("--markdown and --json are two forms of one log; leave one out")
    with open_store(_options.store_path(store), mode="ro") as opened:
        named = lookup.tasks(_options.names(tasks))
        found, earlier = experiments.log(opened, tasks=named, last=last or None, since=_day(since))
    if as_json:
        _options.print_json({"experiments": [_log_shown.plain(one) for one in found], "earlier": earlier})
    elif not found and earlier:
        echo(say("no experiment since {since}; {n} are older, see `bench log --last 0`", since=since, n=earlier))
    elif not found:
        echo(_empty(tasks))
    elif markdown:
        click.echo(_log_shown.markdown(found), nl=False)
    else:
        _log_shown.show(found, earlier)


def _empty(tasks: str) -> str:
    if tasks:
        return say("no experiment has answered {tasks}; `bench runs` lists what was asked", tasks=tasks)
    template = "the store is empty; `{command}` makes the first entry"
    return say(template, command='bench run --model CKPT --tasks T,… --note "why"')


def _day(since: str | None) -> datetime | None:
    """The beginning of that day where the reader is."""
    from datetime import datetime

    from harness.errors import UserError

    if since is None:
        return None
    try:
        return datetime.fromisoformat(since).astimezone()
    except (ValueError, OverflowError):
        raise UserError(f"'{since}' is no date; write it as 2026-11-01") from None
