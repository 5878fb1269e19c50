"""What `bench train` shows without training: the shipped recipes, the plan of each checkpoint, the questions for a teacher.

Example: of an ablation of three ranks the rows are prepared and shown once, and each arm's plan says what moves in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _options, _tables
from harness.cli._echo import echo
from harness.cli._packed import short
from harness.errors import UserError
from harness.words import heads, listed, say, told

if TYPE_CHECKING:
    from trainers.recipe_file import Planned
    from trainers.rows import Prepared, Row

ROWS_OF = ("parent", "method", "data", "clean", "mix", "watch", "template", "train_on_test")  # decide the rows


def listing(as_json: bool) -> None:
    from trainers import recipe_file

    shipped = {name: first_comment(path) for name, path in recipe_file.shipped().items()}
    if as_json:
        _options.print_json(shipped)
        return
    echo(_tables.table([heads("recipe", "what it does"), *([name, said] for name, said in shipped.items())], fold=1))
    folder = short(next(iter(recipe_file.shipped().values())).parent)
    template = "`bench train NAME --set KEY=VALUE` uses one; copy it from {folder} to keep your changes"
    echo(say(template, folder=folder))


def first_comment(path: Path) -> str:
    return path.read_text("utf-8").partition("\n")[0].lstrip("# ")


def show(planned: Sequence[Planned], given: Mapping[str, Any]) -> None:
    """Every plan; rows where they are others than those of the arm before."""
    from trainers import plan

    before: tuple[Any, Prepared] | None = None
    for number, one in enumerate(planned):
        rows = tuple(getattr(one.recipe, name) for name in ROWS_OF)
        known = before[1] if before is not None and before[0] == rows else None
        made = plan.plan(
            one.recipe, one.folder, given["out"] / one.name, tasks=given["data"], hub=given["hub"], prepared=known
        )
        headline(planned, number, err=False)
        facts = [(told(word), told(said)) for word, said in made.facts()]
        widest = max(_tables.width(word) for word, _ in facts)
        for word, said in facts:
            echo(f"{word}{' ' * (widest - _tables.width(word))}  {said}")
        for line in ["", *made.rows()] if known is None else []:
            echo(line)
        before = rows, made.prepared
    hint(planned)


def headline(planned: Sequence[Planned], number: int, err: bool) -> None:
    """[2/3] lora-r8: lora.r = 8"""
    one = planned[number]
    facts = [f"{key} = {_spelt(value)}" for key, value in one.moved.items()]
    facts += [say("seed {seed}", seed=one.recipe.seed)] if len(planned) > 1 else []
    name = say("{name}: {facts}", name=one.name, facts=listed(facts)) if facts else one.name
    count = f"[{number + 1}/{len(planned)}] " if len(planned) > 1 else ""
    if number:
        echo(err=err)
    echo(f"{count}{told(name)}", err=err)


def hint(planned: Sequence[Planned]) -> None:
    """Arms of other data take other steps, and then two variables move."""
    if any("data" in one.moved for one in planned) and not all(one.recipe.optim.steps for one in planned):
        template = (
            "note: arms of different data take different numbers of steps, which is a second variable; "
            "--set optim.steps=N gives all of them the same"
        )
        echo(say(template), err=True)


def _spelt(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " + ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def write_prompts(planned: Sequence[Planned], path: Path, given: Mapping[str, Any]) -> None:
    """The questions of all arms, each once, for a teacher that answers elsewhere."""
    from trainers import data, parent, teacher

    rows: dict[tuple[str, int], Row] = {}
    for one in planned:
        recipe = one.recipe
        if recipe.method != "seqkd":
            raise UserError(f"--write-prompts is for recipes with a teacher (seqkd), and {one.name} is {recipe.method}")
        start = parent.open_parent(recipe, one.folder)
        found = data.prepare(recipe, one.folder, start.tokenizer, data=given["data"], hub=given["hub"])
        asked = (example.row for phase in found.phases for example in phase)
        rows |= {(row.source, row.number): row for row in asked}
    limits = {one.recipe.teacher.max_tokens for one in planned if one.recipe.teacher}
    count = teacher.write_prompts(rows.values(), path, max(limits, default=None))
    others = [key for key in ("model", "endpoint") if any(getattr(one.recipe.teacher, key) for one in planned)]
    sets = " ".join([*(f"--set teacher.{key}=" for key in others), f"--set teacher.answers={path}"])
    template = "{n:,} questions in {path}; add each line's `answer`, then train with {sets}"
    echo(say(template, n=count, path=path, sets=sets))
