"""`bench contam`: look for a benchmark's questions in training files, before or after training on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import _options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.contamination import Check, Split
    from harness.records import Checkpoint, Outcomes, Run
    from harness.store.open import Store


@click.command("contam")
@click.option(
    "--train", "files", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
    help="Training rows: Alpaca, ShareGPT, messages, question/answer or text, as jsonl, json, csv, parquet or .gz. Repeatable.",
)  # fmt: skip
@click.option("--tasks", default="", metavar="T,…", help="Tasks and groups whose questions are looked for.")
@click.option(
    "--checkpoint", metavar="CKPT",
    help="Its score on the questions found and on the others. Without --train: by the files its lineage names.",
)  # fmt: skip
@click.option(
    "--level", type=click.Choice(["exact", "near", "partial"]), default="near", show_default=True,
    help="From which overlap on a question counts as seen, and a row is left out by --write-clean.",
)  # fmt: skip
@click.option(
    "--write-clean", "clean", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows of the one --train file whose overlap stays below --level.",
)  # fmt: skip
@click.option(
    "--examples", type=click.IntRange(0), default=3, show_default=True, metavar="N", help="Overlaps shown per task."
)
@_options.data_option
@_options.hub_option
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    files: tuple[Path, ...], tasks: str, checkpoint: str | None, level: str, clean: Path | None, examples: int,
    data: Path | None, hub: str, store: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Look for a benchmark's questions in training files.

    A question is exact where all of it stands in one row; punctuation, widths, spaces, case and the order of a short
    question's options don't count. It is near where 80 % of its tokens do, also with other numbers, or where a short
    question stands there without its options; partial from 40 %. Chinese characters, words and numbers are the tokens.
    N-grams that more than ten questions share count for none. What is found is kept in the store for the leaderboard.

    \b
    Example: bench contam --train sft.jsonl --tasks ceval,gsm8k
             bench contam --train sft.jsonl --tasks ceval --write-clean sft.clean.jsonl
             bench contam --checkpoint med-lora --tasks ceval
    """
    from harness import _contamination_clean as cleaning
    from harness import contamination
    from harness.cli import _contam_show, _exams
    from harness.errors import UserError
    from harness.store.open import open_store

    if not files and not checkpoint:
        raise UserError("nothing to look in; name a training file with --train, or a checkpoint with --checkpoint")
    if files and not _options.names(tasks):
        raise UserError("nothing to look for; name tasks with --tasks, such as --tasks ceval,gsm8k")
    if clean is not None:
        if len(files) != 1:
            raise UserError(f"--write-clean writes the rows of one --train file, and {len(files)} are named")
        contamination.exists(files[0])
        cleaning.refuse(files[0], clean)
    checks: list[Check] = []
    if files:
        for file in files:
            contamination.exists(file)
        exams = _exams.gather(_options.names(tasks), _options.data_path(data), hub)
        questions = contamination.Questions(exams)
        checks = [questions.check(file) for file in files]
    splits: list[Split] = []
    notes: list[str] = []
    with open_store(_options.store_path(store), mode="rw" if checks else "ro") as opened:
        for check in checks:
            contamination.keep(opened, check)
        if checkpoint:
            splits, notes = _splits(opened, checkpoint, _options.names(tasks), checks, level)
    kept = cleaning.write(files[0], clean, checks[0].rows_at_least(level)) if clean else None
    shown = _contam_show.Shown(checks, splits, notes, level, clean, kept, checkpoint or "")
    if as_json:
        _options.print_json(_contam_show.plain(shown))
    else:
        _contam_show.show(shown, examples)


def _splits(
    store: Store, name: str, tasks: list[str], checks: Sequence[Check], level: str
) -> tuple[list[Split], list[str]]:
    """The checkpoint's newest run of each task, and what a reader must know beside the figures."""
    from harness import contamination, lookup
    from harness.errors import NothingToCompare
    from harness.store import overlaps, read

    found = lookup.checkpoint(store, name)
    data = found.lineage.data if found.lineage else ()
    named = [str(source.get("sha") or "") for source in data]
    named = [sha for sha in named if len(sha) >= overlaps.SHOWN]
    known = overlaps.train_files(store)
    shas = [check.sha for check in checks] or [sha for s in data if (sha := overlaps.looked_through(s, known))]
    notes = []
    if not shas and not named:
        raise NothingToCompare(f"the lineage of {found.name} names no training file by its hash; name it with --train")
    if strange := [c.file for c in checks if c.sha[: overlaps.SHOWN] not in {sha[: overlaps.SHOWN] for sha in named}]:
        notes.append(f"the lineage of {found.name} does not name {', '.join(strange)}, so it may not have seen it")
    levels = overlaps.levels(store, shas)
    if not levels:
        raise NothingToCompare(
            f"no file that {found.name} was trained on has been checked; run `bench contam --train FILE --tasks T,…`"
        )
    worst = overlaps.LEVELS[: overlaps.LEVELS.index(level) + 1]
    dirty = {sample for sample, one in levels.items() if one in worst}
    wanted = set(lookup.tasks(tasks)) if tasks else None
    splits: dict[str, Split] = {}
    for run in read.list_runs(store, checkpoint=found.id, status="done"):
        task = read.get_task(store, run.exam)
        if task.key in splits or (wanted is not None and task.key not in wanted) or not task.labelled:
            continue
        outcomes = read.outcomes(store, run.id)
        if not outcomes.is_mean:
            notes.append(f"{task.key}: {outcomes.metric} is no mean over questions, so it has no parts")
        elif any(sample in levels for sample in outcomes.samples):
            splits[task.key] = contamination.split(outcomes, dirty, _before(store, found, run))
    if not splits:
        raise NothingToCompare(f"{found.name} has no run of a task that was looked for; see `bench runs`")
    return list(splits.values()), notes


def _before(store: Store, checkpoint: Checkpoint, run: Run) -> Outcomes | None:
    """The same questions answered by what it was trained from, asked in the same way."""
    from harness.store import read

    parent = (checkpoint.lineage.parent if checkpoint.lineage else None) or checkpoint.base
    if parent is None:
        return None
    for other in read.list_runs(store, checkpoint=parent, exam=run.exam, status="done"):
        if other.settings == run.settings:
            return read.outcomes(store, other.id)
    return None
