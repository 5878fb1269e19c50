"""The sources of a recipe, each read, cleaned and selected from, with its book of what was dropped and why.

Example: [[data]] path = "sft/huatuo.jsonl.gz" is called huatuo.jsonl.gz in counts and lineages, without its folder, and a
second file of that name "huatuo.jsonl.gz #2". Trap: a task's rows stay as the task asks them. A system prompt of the recipe's
before them would train on another prompt than the one `bench run` ranks by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import identity
from harness.errors import UserError
from harness.records import Sample
from trainers._data_clean import Cleaner, check_system, distinct
from trainers._data_count import Ledger
from trainers._data_mix import ratio
from trainers._data_read import read
from trainers.recipe import Recipe, Source
from trainers.rows import Row

ASKING = ("seqkd", "grpo")  # methods that learn from other replies than those of the data


@dataclass
class Loaded:
    """One source on its way."""

    source: Source
    ledger: Ledger
    sha: str
    rows: list[Row]


def check(recipe: Recipe) -> None:
    """What can be wrong before any file is read."""
    check_system(recipe.clean.system)
    if recipe.mix.ratio is not None:
        ratio(recipe.mix.ratio)
    if not recipe.data:
        raise UserError("the recipe names no data; give at least one [[data]] with a path or a task")
    for number, source in enumerate(recipe.data, 1):
        if (source.path is None) == (source.task is None):
            raise UserError(f"[[data]] number {number} needs either a path or a task, one of the two")
        if source.task is not None and source.format != "auto":
            raise UserError(f"[[data]] {source.task}: format is of files; a task knows its own rows")
        for key in ("limit", "keep", "per_subject"):
            if (value := getattr(source, key)) is not None and value < 1:
                raise UserError(f"[[data]] {source.path or source.task}: {key} = {value}; it must be at least 1")
    if recipe.method == "grpo" and any(source.path for source in recipe.data) and not recipe.grpo.rewards:
        raise UserError(
            'rows of a file don\'t say how answers are graded; name a scorer, such as grpo.rewards = ["number"]'
        )


def load(recipe: Recipe, folder: Path, data: Path | None, hub: str) -> list[Loaded]:
    """Each source read, cleaned, and selected from; then one row per question over all of them."""
    loaded: list[Loaded] = []
    for source in recipe.data:
        ledger = Ledger(_name(source, [one.ledger.name for one in loaded]))
        if source.task is None:
            sha, rows = _file(source, ledger, recipe, folder)
        else:
            sha, rows = _task(source, ledger, recipe, data, hub)
        if recipe.clean.deduplicate:
            rows = list(distinct(rows, set(), {ledger.name: ledger}))
        if source.subjects or source.per_subject or source.like or source.keep:
            from trainers import selection

            kept = list(selection.select(rows, source, data=data, hub=hub))
            if lost := len(rows) - len(kept):
                ledger.drop("not selected", 0, "", lost)
            rows = kept
        loaded.append(Loaded(source, ledger, sha, rows))
    if recipe.clean.deduplicate and len(loaded) > 1:
        seen: set[str] = set()
        for one in loaded:
            one.rows = list(distinct(one.rows, seen, {one.ledger.name: one.ledger}))
    if recipe.method == "grpo":
        for one in loaded:
            one.rows = _graded(one, recipe)
    return loaded


def _name(source: Source, taken: Sequence[str]) -> str:
    """What a source is called in counts and lineages: no folder of this machine, no name twice."""
    if source.path is not None:
        name = Path(source.path).name
    else:
        from trainers import questions

        name = questions.resolve(source).name
    alike = sum(other == name or other.startswith(f"{name} #") for other in taken)
    return f"{name} #{alike + 1}" if alike else name


def _file(source: Source, ledger: Ledger, recipe: Recipe, folder: Path) -> tuple[str, list[Row]]:
    path = folder / Path(str(source.path)).expanduser()
    if not path.is_file():
        raise UserError(f"the data {path} {'is a folder; name a file in it' if path.is_dir() else 'does not exist'}")
    replies = recipe.method not in ASKING
    cleaner = Cleaner(recipe.clean, ledger, source.role, replies)
    try:
        rows = [row for talk in read(path, source.format, replies) for row in cleaner.rows(talk)]
        return identity.file_digest(path), rows
    except OSError as error:
        raise UserError(f"the data {path} can't be read: {error.strerror}") from None


def _task(source: Source, ledger: Ledger, recipe: Recipe, data: Path | None, hub: str) -> tuple[str, list[Row]]:
    """A task's rows are asked as the task asks them: no system prompt is added, nothing in a question is cleaned."""
    from trainers import questions

    found = questions.read(source, data=data, hub=hub, train_on_test=recipe.train_on_test)
    rows = [replace(row, source=ledger.name, role=source.role) for row in found]
    ledger.read = len(rows)
    if recipe.method not in ASKING:
        cleaner = Cleaner(recipe.clean, ledger, source.role)
        rows = [kept for row in rows if (kept := cleaner.reply(row))]
    sha = identity.digest([[[dict(turn) for turn in row.messages], row.reply] for row in found])
    return sha, rows


def _graded(one: Loaded, recipe: Recipe) -> list[Row]:
    """Rows that only ask, with what an answer is graded against."""
    rows: list[Row] = []
    for row in one.rows:
        asked = row.messages[-1]["content"]
        if row.sample is not None:
            rows.append(replace(row, reply=""))
        elif row.reply:
            name = identity.sample_id(one.sha, "", "", asked, (), row.number)
            gold = row.reply.rpartition("####")[2].strip() or row.reply  # GSM8K's own way to end a worked solution
            sample = Sample(name, row.number - 1, asked, target=gold, language=row.language)
            rows.append(replace(row, reply="", sample=sample, scorer=recipe.grpo.rewards[0]))
        else:
            one.ledger.drop("no answer to grade against", row.number, asked)
    return rows
