"""`bench baseline`: bless, list, show and refresh baselines, the small reviewed files that CI judges against."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options, _packed
from harness.cli._baseline_refresh import refresh
from harness.cli._echo import echo
from harness.words import heads, listed, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.records import Baseline, Outcomes


@click.group("baseline", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Bless, list, show and refresh baselines.

    \b
    Example: bench baseline bless ckpt --name release --reason "shipped on 21 November"
             bench gate other --baseline file:results/baselines/release.json
    """


command.add_command(refresh)


@command.command("bless")
@click.argument("spec", metavar="CKPT|RUN|file:EXPORT")
@click.option("--name", required=True, help="File name under results/baselines/.")
@click.option("--reason", required=True, help="Why this is the line that must hold; stands in the file.")
@click.option(
    "--accept-regression", "accept", metavar="REASON", help="Bless it although its gate against the old file fails."
)
@click.option("--tasks", default="", metavar="T,…", help="Only these.")
@click.option("--note", metavar="TEXT", help="A line for the experiment log; `bench log` shows it.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: results/baselines/NAME.json."
)
@_options.store_option
@_options.include_option
@_options.json_option
def bless(
    spec: str, name: str, reason: str, accept: str | None, tasks: str, note: str | None, out: Path | None,
    store: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write the outcomes of a run as a baseline file to be committed and reviewed.

    Where the file is there already, the run must pass its gate against it. Who blessed which run, when and why stands in
    the file; it changes in no other way.

    \b
    Example: bench baseline bless ckpt --name release --reason "shipped on 21 November"
             bench baseline bless short --name release --reason v2 --accept-regression "half the length, agreed in #41"
    """
    from harness import lookup
    from harness.errors import UserError
    from harness.verdicts import baseline

    if not reason.strip():
        raise UserError("a baseline needs a reason: pass --reason TEXT")
    if accept is not None and not accept.strip():
        raise UserError("an accepted regression needs a reason: pass --accept-regression REASON")
    path = _packed.place(name, out)
    note = _noted(note, _options.store_path(store))
    with _packed.store_for(_options.store_path(store), spec) as opened:
        outcomes = lookup.outcomes(spec, opened, tasks=lookup.tasks(_options.names(tasks)))
        old = lookup.outcomes(f"file:{path}", opened) if path.is_file() and _readable(path, accept) else []
        orders = _packed.orders(opened, outcomes) if opened else {}
    for o in outcomes:
        if all(v is None for v in o.values):
            raise UserError(
                f"{o.task} has no scored answer, so nothing could be held against it; leave it out by --tasks"
            )
    accepted = _accepted(old, outcomes, path, accept) if old else accept or "" if path.is_file() else ""
    existed = path.is_file()
    blessed_at, by = _packed.now(), _packed.user()
    if spec.startswith("file:"):
        exported, tasks_kept = _packed.text(Path(spec.removeprefix("file:"))), [o.task for o in outcomes]
        content = baseline.blessed(exported, tasks_kept, name, reason, blessed_at, by, accepted)
    else:
        content = baseline.dump(outcomes, name, reason, blessed_at, by, accepted, orders)
    _packed.write(path, content)
    if note:
        _keep(_options.store_path(store), note, name, [o.run for o in outcomes])
    if as_json:
        _options.print_json(_summary(path, baseline.load(content)))
        return
    template = "replaced {path} ({size:,} bytes): {tasks}" if existed else "wrote {path} ({size:,} bytes): {tasks}"
    tasks_ = listed(o.task for o in outcomes)
    echo(say(template, path=_packed.short(path), size=len(content.encode()), tasks=tasks_))
    if accepted:
        echo(say("accepted: {why}", why=accepted))
    echo(say("commit it, then: bench gate CANDIDATE --baseline file:{path}", path=_packed.short(path)))


def _noted(note: str | None, store: Path) -> str | None:
    from harness.errors import UserError

    if note and not store.exists():
        raise UserError(f"a note is kept in the store, and there is none at {store}; pass --store, or leave out --note")
    return _options.note(note)


def _keep(store: Path, note: str, name: str, runs: Sequence[str]) -> None:
    from harness.store import notes
    from harness.store.open import open_store

    with open_store(store) as opened:
        notes.record(opened, "bless", note, runs, about=name)


def _readable(path: Path, accept: str | None) -> bool:
    from harness.errors import UserError
    from harness.verdicts import baseline

    try:
        baseline.load(_packed.text(path), str(path))
    except UserError as error:
        if accept is None:
            raise UserError(f"{error}; --accept-regression REASON replaces it without a gate") from None
        return False
    return True


def _accepted(old: Sequence[Outcomes], new: Sequence[Outcomes], path: Path, accept: str | None) -> str:
    """ "" where the gate passes; else the user's reason and what the gate said, or UserError without a reason."""
    from harness import gating
    from harness.cli import _gating
    from harness.errors import UserError

    policy, _ = _gating.rules(None)
    verdict = gating.of_outcomes(old, new, policy, date.today())
    if verdict.exit_code not in (3, 4, 5):
        return ""
    if accept is None:
        raise UserError(
            f"not blessed, its gate against {path} fails: {verdict.sentence.rstrip('.')}; if that is meant, say why with "
            "--accept-regression REASON"
        )
    return f"{accept.strip()} (the gate said: {verdict.sentence})"


@command.command("list")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@_options.json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List the baseline files of FOLDER (default: results/baselines/); a damaged one is named, exit 2.

    \b
    Example: bench baseline list
    """
    from harness.cli import _tables
    from harness.errors import UserError
    from harness.verdicts import baseline

    folder = folder or _packed.folder()
    found: list[dict[str, Any]] = []
    damaged = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_summary(path, baseline.load(_packed.text(path), str(path))))
        except UserError as error:
            damaged.append(str(error))
    if as_json:
        _options.print_json({"baselines": found, "damaged": damaged})
    elif found:
        rows = [[r["file"], r["blessed_at"], r["blessed_by"], ", ".join(t["task"] for t in r["tasks"]), r["reason"]]
                for r in found]  # fmt: skip
        echo(_tables.table([heads("file", "blessed", "by", "tasks", "reason"), *rows]))
    elif not damaged:
        echo(say("no baselines in {folder}; `bench baseline bless` writes one", folder=folder))
    if damaged:
        raise UserError("; ".join(damaged))


@command.command("show")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@_options.json_option
def show(path: Path, as_json: bool) -> None:
    """Show what a baseline holds; PATH is a file, or a name under results/baselines/.

    \b
    Example: bench baseline show release
    """
    from harness.cli import _tables
    from harness.verdicts import baseline

    path = _packed.find(path)
    blessed = baseline.load(_packed.text(path), str(path))
    summary = _summary(path, blessed)
    if as_json:
        _options.print_json(summary)
        return
    said = say("not blessed: an export")
    if blessed.reason:
        said = say("{why} ({by}, {at})", why=blessed.reason, by=blessed.blessed_by, at=blessed.blessed_at)
    echo(say("{name}: {said}", name=blessed.name, said=said))
    if blessed.accepted:
        echo(say("accepted: {why}", why=blessed.accepted))
    lines = [heads("task", "metric", "checkpoint", "run", "n", "mean")]
    for row in summary["tasks"]:
        mean = "–" if row["mean"] is None else _tables.score(row["mean"], row["metric"])
        lines.append([row["task"], row["metric"], row["checkpoint"], row["run"][:8], str(row["n"]), mean])
    echo(_tables.table(lines))
    for row in summary["tasks"]:
        if row["measures"]:
            held = listed(dict.fromkeys(m.partition(":")[0] for m in row["measures"]))
            echo(say("{task} also holds {measures}", task=row["task"], measures=held))


def _summary(path: Path, blessed: Baseline) -> dict[str, Any]:
    return {
        "file": path.name, "name": blessed.name, "reason": blessed.reason, "accepted": blessed.accepted,
        "blessed_at": blessed.blessed_at, "blessed_by": blessed.blessed_by, "bytes": path.stat().st_size,
        "tasks": [_task(o) for o in blessed.outcomes],
    }  # fmt: skip


def _task(o: Outcomes) -> dict[str, Any]:
    from harness import stats

    values = [value for value in o.values if value is not None]
    return {
        "task": o.task, "metric": o.metric, "checkpoint": o.name or o.checkpoint, "run": o.run, "n": len(values),
        "mean": stats.mean(values), "measures": sorted(o.measures),
    }  # fmt: skip
