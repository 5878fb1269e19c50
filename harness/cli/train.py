"""`bench train`: make a checkpoint by a recipe, with its history; of a list one per value; rank them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _engine, _options
from harness.errors import UserError

if TYPE_CHECKING:
    from trainers.recipe import Recipe


@click.command("train")
@click.argument("recipe", required=False)
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE",
    help="Another value for a key, such as optim.learning_rate=1e-4 or lora.r=[4,8,16]; paths from here; KEY= takes it out. Repeatable.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the checkpoints, each in a folder of its name. Default: results/train.",
)  # fmt: skip
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and the first rows as the model will see them; train nothing."
)
@click.option("--grid", is_flag=True, help="Allow more than one list: a checkpoint per combination.")
@click.option("--again", is_flag=True, help="Train anew what is trained already, or was begun by another recipe.")
@click.option("--train-on-test", is_flag=True, help="Let val and test splits of tasks in; the board says so.")
@click.option("--note", metavar="TEXT", help="One line for the experiment log.")
@click.option(
    "--tasks", default="", metavar="T,…", help="Then run the parent and what was made on these, and rank them."
)
@click.option(
    "--write-prompts", "prompts", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the questions that the recipe's teacher has to answer, for teacher.answers; train nothing.",
)  # fmt: skip
@click.option("--list", "listing", is_flag=True, help="List the recipes that are shipped.")
@_options.data_option
@_options.hub_option
@click.option(
    "--engine", type=click.Choice(["auto", *_engine.local_engines()]), default="auto", show_default=True,
    help="Who answers for --tasks.",
)  # fmt: skip
@_options.store_option
@_options.include_option
@_options.json_option
def command(recipe: str | None, listing: bool, as_json: bool, **given: Any) -> int:
    """Make a checkpoint by a recipe, with its history.

    RECIPE is a TOML file, or the name of a shipped one. A list where one value belongs makes one checkpoint per value
    and tells what moved; seeds = 3 makes replicates. A training that was stopped goes on by the same command, a finished
    one is not done again. Exit 1 when a loss was no number: the last good weights are kept.

    \b
    Example: bench train lora --set parent=Qwen/Qwen2.5-0.5B-Instruct --set data[0].path=sft.jsonl --dry-run
             bench train my.toml --set lora.r=[4,8,16] --tasks ceval,gsm8k --data data/
             bench train --list
    """
    from harness.cli import _train_made, _train_plan
    from trainers import recipe_file

    if listing:
        _train_plan.listing(as_json)
        return 0
    if recipe is None:
        raise UserError("name a recipe: a TOML file, or a shipped one of `bench train --list`")
    if as_json and given["dry_run"]:
        raise UserError("--dry-run prints a plan for people; leave out --json")
    planned = [
        replace(p, recipe=_told(p.recipe, given))
        for p in recipe_file.read(recipe_file.find(recipe), given["sets"], grid=given["grid"])
    ]
    given = {
        **given,
        "out": _train_made.place(given["out"]),
        "data": _options.data_path(given["data"]),
        "json": as_json,
    }
    given["store"] = _options.store_path(given["store"])
    if given["prompts"]:
        _train_plan.write_prompts(planned, given["prompts"], given)
        return 0
    if given["dry_run"]:
        _train_plan.show(planned, given)
        return 0
    return _train_made.make(planned, given)


def _told(recipe: Recipe, given: dict[str, Any]) -> Recipe:
    """What options say of every recipe of the file."""
    recipe = replace(recipe, train_on_test=True) if given["train_on_test"] else recipe
    return replace(recipe, note=given["note"]) if given["note"] is not None else recipe
