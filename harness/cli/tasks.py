"""`bench tasks`: list what can be asked, show one task's card, or make a task of your own file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import words
from harness.cli import _options
from harness.cli._echo import echo
from harness.words import heads, listed, say

if TYPE_CHECKING:
    pass


class Cards(click.Group):
    """`new` is a command; any other word is the name of a task, whose card is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["new"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        if name != "new":
            return card
        from harness.cli import _tasks_new

        return _tasks_new.command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == "new":
            return "new", self.get_command(ctx, "new"), args[1:]
        return args[0], card, args


@click.group("tasks", cls=Cards, invoke_without_command=True, subcommand_metavar="[NAME | new]")
@click.option("--metrics", is_flag=True, help="List the metrics that a task can name instead.")
@_options.include_option
@_options.json_option
@click.pass_context
def command(ctx: click.Context, metrics: bool, as_json: bool) -> None:
    """List what can be asked, show one task's card, or make a task of your own file.

    Any stock task of lm-eval can be asked too: by its name where no task here has it, else as lm-eval:NAME.

    \b
    Example: bench tasks
             bench tasks ceval --data data/
             bench tasks new --from my.csv --question 题干 --choices A,B,C,D --answer 答案
    """
    if ctx.invoked_subcommand is not None:
        return
    if metrics:
        _list_metrics(as_json)
    else:
        _list(as_json)


@click.command("card", add_help_option=True)
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with a copy of the questions: say what it holds.")
@_options.hub_option
@_options.include_option
@_options.json_option
@click.pass_context
def card(ctx: click.Context, name: str, data: Path | None, hub: str, as_json: bool) -> None:
    """Show a task's card: source, licence, how it is asked and graded, and with --data what this copy holds.

    \b
    Example: bench tasks ceval --data data/
    """
    from harness.cli import _tasks_card

    above = ctx.parent.params if ctx.parent else {}
    _tasks_card.show(name, data, hub, as_json or bool(above.get("as_json")))


def _list(as_json: bool) -> None:
    from harness import dialect, plugins
    from harness.questions import catalogue, forms

    tasks, groups = catalogue.tasks(), catalogue.groups()
    taken = {task.key: forms.takes(task) for task in tasks}
    variants = plugins.names(dialect.VARIANTS)
    for path, error in catalogue.broken().items():
        echo(f"note: left out {path.name}: {error}", err=True)
    if as_json:
        listed = [{**asdict(task), "forms": taken[task.key]} for task in tasks]
        _options.print_json({"tasks": listed, "groups": [asdict(g) for g in groups], "variants": variants})
        return
    from harness.cli import _tables
    from harness.cli._tasks_card import group_line

    language = words.language()
    rows = [
        [
            task.key, task.title.get(language) or task.title.get("en", ""), str(task.n or "–"), task.ask,
            " ".join(task.languages),
        ]
        for task in tasks
    ]  # fmt: skip
    echo(_tables.table([heads("task", "what", "n", "asks", "languages"), *rows], fold=1))
    echo()
    for group in groups:
        _fold(group_line(group))
    echo()
    _fold(say("card: `bench tasks NAME` shows split, metrics, forms, licence, source and a real row"))
    kinds = "|".join(sorted({form for found in taken.values() for form in found}))
    _fold(say("forms: NAME:{forms}, where the task's card names it", forms=kinds))
    template = (
        "variants: NAME~KIND of {variants}, of any task here whose questions it can change; see `bench robustness`"
    )
    _fold(say(template, variants=" ".join(variants)))
    _fold(say("more: any task or group of lm-eval by its name; `bench tasks new --help` for your own file"))


def _list_metrics(as_json: bool) -> None:
    from harness import metrics
    from harness.cli import _tables

    cards = metrics.catalogue()
    if as_json:
        _options.print_json({"metrics": [asdict(card) for card in cards]})
        return
    lines = [heads("metric", "what", "mean", "unit", "better")]
    lines += [
        [
            f"{card.name}({card.argument.strip('[]')})" if card.argument else card.name, card.what,
            say("yes") if card.is_mean else say("no"), card.unit,
            say("higher") if card.higher_is_better else say("lower"),
        ]
        for card in cards
    ]  # fmt: skip
    echo(_tables.table(lines, fold=1))
    health = listed(card.name for card in cards if card.health)
    echo()
    echo(say("mean: the mean of a value per question, with an interval, a paired test and subjects of its own"))
    template = (
        "health, computed for every run that it applies to; the others are named in a card or by --metric: {names}"
    )
    _fold(say(template, names=health))


def _fold(text: str) -> None:
    from harness.cli import _tables

    for line in _tables.folded(words.told(text), _tables.WIDTH):
        echo(line)
