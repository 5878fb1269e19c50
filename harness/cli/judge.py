"""`bench judge`: let a language model read stored chains of thought and name the first wrong step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _judge, _options
from harness.cli._echo import echo
from harness.cli._more import WithMore
from harness.words import heads, say

if TYPE_CHECKING:
    from harness.judge import Judge, Standing
    from harness.records import Run
    from harness.store.open import Store


@click.command("judge", cls=WithMore)
@click.argument("specs", nargs=-1, required=True, metavar="RUN…")
@_judge.judge_options
@click.option("--limit", type=click.IntRange(1), help="Chains per run, always the same ones. Default: all.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(specs: tuple[str, ...], limit: int | None, store: Path | None, as_json: bool, **given: Any) -> None:
    """Let a language model read stored chains and name the first wrong step.

    Each chain is asked about in two layouts, without the gold and without the model's name, fenced off as text that
    gives no orders. A sound chain is worth 1, a faulty one half the share of steps before its first fault. What this
    judge has judged is not asked again. Its scores are shown only where `bench judge calibrate` found it usable, and
    never share a column with another judge's (judge, prompt and settings together).

    \b
    Example: bench judge ckpt --endpoint http://127.0.0.1:8000/v1 --served-model qwen --limit 200
             bench judge ckpt@release --judge Qwen/Qwen3-8B --engine vllm --think off
             bench judge calibrate --data processbench/gsm8k.json --judge Qwen/Qwen3-8B --think off
    """
    from harness import lookup
    from harness.errors import NothingToCompare
    from harness.judge import judge_all, keep, waiting
    from harness.store import read
    from harness.store.open import open_store

    path = _options.store_path(store)
    with open_store(path, mode="ro") as opened:  # nothing is written before there is something to judge
        runs = list({run.id: run for spec in specs for run in _generated(opened, lookup.runs(opened, spec))}.values())
    if not runs:
        raise NothingToCompare(
            f"{', '.join(specs)} has no run with reasoning to judge: all are scored by log-probabilities"
        )
    bench = _judge.seat(given)
    with open_store(path) as opened:
        work = [one for run in runs for one in waiting(opened, run, bench.judge, limit)]
        keep(opened, bench.judge)
        known = sum(len(read.grades(opened, run.id, "judge", bench.judge.key)) for run in runs)
        progress = _judge.pace(len(work), known, bench.judge.checkpoint.name, len(runs), "run")
        for _ in judge_all(opened, work, bench.judge, bench.load):
            progress.one()
        rows = [_row(opened, run, bench.judge) for run in runs]
    if as_json:
        _options.print_json({"judge": _about(bench.judge), "runs": rows})
    else:
        _show(bench.judge, rows)


def _generated(store: Store, runs: list[Run]) -> list[Run]:
    from harness.store import read

    return [run for run in runs if read.get_task(store, run.exam).ask == "generate"]


def _about(judge: Judge) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.judge.prompt import SHA

    return {
        "key": judge.key, "name": judge.checkpoint.name, "checkpoint": judge.checkpoint.id, "prompt": SHA,
        "settings": asdict(judge.settings),
    }  # fmt: skip


def _row(store: Store, run: Run, judge: Judge) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.judge import standing, summary
    from harness.judge.figures import by_length
    from harness.store import read

    grades = read.grades(store, run.id, "judge", judge.key)
    found = summary(grades)
    stands = standing(store, judge.key, [run.id])
    checkpoint = read.find_checkpoint(store, run.checkpoint)
    teacher = checkpoint.lineage.teacher if checkpoint and checkpoint.lineage else None
    kept = asdict(found) | {"corrected_faulty": _corrected(stands, found.said.faulty, found.asked)}
    if not stands.usable:  # a number that can't be trusted is not shown at all
        kept |= {"quality": None, "low": None, "high": None, "corrected_faulty": None}
    return {
        "run": run.id, "checkpoint": checkpoint.name if checkpoint else "", "task": read.get_task(store, run.exam).key,
        "usable": stands.usable, "why": stands.why, "calibrated_on": stands.calibration and ", ".join(stands.calibration.data),
        "teacher": teacher == judge.checkpoint.id, **kept,
        "length_correlation": by_length(read.sample_rows(store, run.id), grades),
    }  # fmt: skip


def _corrected(stands: Standing, faulty: float | None, n: int) -> tuple[float, float, float] | None:
    from harness.judge.calibration import corrected

    if stands.calibration is None or faulty is None or not n:
        return None
    return corrected(faulty, n, stands.calibration)


def _show(judge: Judge, rows: list[dict[str, Any]]) -> None:
    from harness.cli import _tables

    echo(f"judge {judge.checkpoint.name} ({judge.short}), quality 0..100 of the chains, 95 % intervals")
    head = heads("checkpoint", "task", "quality", "95 % interval", "chains", "no chain", "unparsed", "errors")
    lines = [[*head, *heads("flips", "same step", "swayed")]]
    for row in rows:
        said = row["said"]
        quality = _tables.percent(row["quality"]) if row["usable"] else say("withheld")
        ends = "–" if row["low"] is None else f"{100 * row['low']:.1f} – {100 * row['high']:.1f}"
        lines.append([
            row["checkpoint"], row["task"], quality, ends, str(row["chains"]), str(row["empty"]), str(row["unparsed"]),
            str(row["errors"]), _judge.percent(said["flip_rate"]), _judge.percent(said["same_step"]),
            _judge.percent(said["swayed"]),
        ])  # fmt: skip
    echo(_tables.table(lines))
    if rows[0]["calibrated_on"]:
        echo(f"calibrated on {rows[0]['calibrated_on']}; it means little for reasoning of another kind")
    for row in rows:
        for line in _remarks(row):
            echo(line)


def _remarks(row: dict[str, Any]) -> list[str]:
    name, said = f"{row['checkpoint']} × {row['task']}", row["said"]
    lines = [f"{name}: {row['why']}"] if not row["usable"] else []
    if row["teacher"]:
        lines.append(f"{name}: the judge is the teacher of what it judges, and may like its own way of writing")
    if row["corrected_faulty"]:
        rate, low, high = (_judge.percent(v) for v in row["corrected_faulty"])
        lines.append(
            f"{name}: calls {_judge.percent(said['faulty'])} of the chains faulty; with its own mistakes taken out that is"
            f" {rate} ({low} – {high})"
        )
    if row["length_correlation"] is not None and abs(row["length_correlation"]) >= 0.2:
        lines.append(
            f"{name}: among right answers quality goes with length (Spearman {row['length_correlation']:+.2f})"
        )
    if said["cut"] > _judge.CUT * 2 * max(1, row["asked"]):
        lines.append(
            f"{name}: {said['cut']} replies ran into the token limit; a larger --max-tokens, or --think off, may help"
        )
    return lines
