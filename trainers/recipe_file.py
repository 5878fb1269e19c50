"""A recipe's file -> what is to be trained: `--set` applied, a list opened into arms, replicates counted out, all checked.

Example: read(Path("lora.toml"), ["lora.r=[4, 8]", "seeds=2"]) -> lora-r4-s0, lora-r4-s1, lora-r8-s0, lora-r8-s1.
Trap: what stands in a recipe is relative to its file, what is typed with --set to the current folder.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness import config
from harness.errors import UserError
from harness.plugins import nearest
from trainers import _recipe_checks as checks
from trainers import _recipe_keys as keys
from trainers import ablation
from trainers.recipe import Recipe

PLACES = ("parent", "template", "data.path", "teacher.model", "teacher.answers")  # may name a file or a folder
UNTOLD = ("name", "note", "seed", "seeds", "train_on_test", "parent", "template", "data", "teacher", "lora")
BY_MEMORY = ("per_device", "gradient_checkpointing")  # how the same step is computed on a smaller card
ANSWERERS = ("model", "endpoint", "served_model", "answers")  # who the teacher is; the rest is how it is asked


@dataclass(frozen=True)
class Planned:
    """One checkpoint to be made."""

    recipe: Recipe  # with its own name and seed
    folder: Path  # paths of the recipe are relative to it
    name: str
    moved: Mapping[str, Any] = field(default_factory=dict)  # ablated key -> this one's value
    arm: str = ""  # the name without the seed: replicates share it


def shipped() -> dict[str, Path]:
    """Recipes that come with the package, by name."""
    folder = Path(str(files("trainers") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(named: str) -> Path:
    """The file of a recipe: a path, else the name of a shipped one."""
    path = Path(named).expanduser()
    if path.is_file():
        return path
    known = shipped()
    if named.removesuffix(".toml") in known:
        return known[named.removesuffix(".toml")]
    if path.is_dir():
        raise UserError(f"{named} is a folder; name the recipe's file, such as {path / 'recipe.toml'}")
    raise UserError(f"no recipe '{named}': no such file, and none is shipped by that name; {nearest(path.stem, known)}")


def read(path: Path, sets: Sequence[str] = (), *, grid: bool = False) -> tuple[Planned, ...]:
    """Every checkpoint that the recipe in `path` asks for; UserError in one sentence that names the file and the key."""
    ours = path in shipped().values()
    where = path.name if ours else str(path)
    try:
        table = config.table(path)
        for one in sets:
            _set(table, one)
        where += " with --set" if sets else ""
        opened = ablation.arms(table, where, grid)
        planned = [made for arm in opened for made in _planned(arm, path, where, ours)]
    except RecursionError:
        raise UserError(f"{where} is nested too deeply for a recipe") from None
    if len(planned) > ablation.TOO_MANY:
        most = f"{ablation.TOO_MANY:,}"
        raise UserError(f"{where} asks for {len(planned):,} checkpoints; nobody trains more than {most}")
    return tuple(planned)


def _planned(arm: ablation.Arm, path: Path, where: str, ours: bool) -> list[Planned]:
    if arm.suffix:
        where += " with " + ", ".join(f"{key} = {_spelt(value)}" for key, value in arm.moved.items())
    recipe = config.fill(Recipe, arm.table, where)
    checks.check(recipe, where)
    folder = Path.cwd() if ours else path.absolute().parent
    base = (recipe.name or path.name.partition(".")[0]) + arm.suffix
    made = []
    for seed in range(recipe.seed, recipe.seed + recipe.seeds):
        name = f"{base}-s{seed}" if recipe.seeds > 1 else base
        own = dataclasses.replace(recipe, name=name, seed=seed, seeds=1)
        made.append(Planned(own, folder, name, arm.moved, base))
    return made


def _spelt(value: Any) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _set(table: dict[str, Any], one: str) -> None:
    """`key=value` into the table; a value is TOML, what is no TOML is a text, and none at all takes the key out."""
    key, equals, text = one.partition("=")
    key, where = key.strip(), f"--set {one}"
    if not equals or not key:
        raise UserError(f"{where} is no key=value, such as --set optim.learning_rate=1e-4")
    if not text.strip():  # the default again
        keys.drop(table, key, where)
        return
    value = _value(text.strip(), where)
    if keys.plain(key) in PLACES:
        value = [_here(v) for v in value] if isinstance(value, list) else _here(value)
    keys.put(table, key, value, where)


def _value(text: str, where: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        if text[0] in "[{\"'":  # meant as TOML, and the reason helps more than a wrong type
            raise UserError(f"{where}: {text} is not valid TOML; a list is [4, 8], texts in it are in quotes") from None
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _here(value: Any) -> Any:
    """What is typed is relative to where one types."""
    if isinstance(value, str) and value and Path(value).expanduser().exists():
        return str(Path(value).expanduser().absolute())
    return value


# -- what of it can change a checkpoint ----------------------------------------------------------------------------


def canonical(
    recipe: Recipe,
    sources: Sequence[Mapping[str, Any]] = (),
    *,
    parent: str | None = None,
    teacher: str | None = None,
) -> dict[str, Any]:
    """The recipe as its lineage keeps it; `identity.digest` of it is its hash.

    Defaults are filled in; data are names and hashes (`sources`: those of Prepared, in the recipe's order), parent and
    teacher are ids. Left out is what changes no weight (names, notes, permissions, what memory asks for) and what the lineage says itself:
    the seed, so that replicates share one hash, and the template. `output` holds what is written beside.
    """
    told = _plain(dataclasses.asdict(recipe))
    made: dict[str, Any] = {key: value for key, value in told.items() if key not in UNTOLD}
    made |= {key: value for key, value in (("parent", parent), ("teacher", teacher)) if value}
    if recipe.adapter is not None:
        made["lora"] = _plain(dataclasses.asdict(recipe.adapter))
    if recipe.teacher is not None:
        made["teaching"] = {key: value for key, value in told["teacher"].items() if key not in ANSWERERS}
    made["optim"] = {key: value for key, value in told["optim"].items() if key not in BY_MEMORY}
    export = made.pop("export")
    made["export"], made["output"] = {"dtype": export.pop("dtype")}, export
    made["data"] = [_source(row, sources[i] if i < len(sources) else {}) for i, row in enumerate(told["data"])]
    return made


def _source(row: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in row.items() if key != "path"}
    own["name"] = told.get("name") or Path(str(row["path"] or row["task"])).name
    return own | ({"sha": told["sha"]} if told.get("sha") else {})


def _plain(value: Any) -> Any:
    """Tuples as lists, as they come back from JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
