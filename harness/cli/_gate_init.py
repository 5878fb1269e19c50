"""`bench gate init`: write a commented bench.toml from a run, with tolerances that its questions can hold."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import click

from harness.cli import _options, _packed
from harness.cli._echo import echo

if TYPE_CHECKING:
    from harness.metrics import Limit
    from harness.records import Outcomes
    from harness.verdicts.power import TaskPower

GATES = 20  # a month, where nobody says
FLIPS = 0.15
ALPHA = 0.05
STEP = 0.5  # points; tolerances are numbers that people remember


@click.command("init")
@click.argument("spec", metavar="CKPT|RUN")
@click.option(
    "--gates-per-month",
    "gates",
    type=click.IntRange(1),
    help=f"Of which most change nothing. Default: asked, else {GATES}.",
)
@click.option("--baseline", help="What candidates are held against. Default: the checkpoint itself.")
@click.option("--tasks", default="", metavar="T,…", help="Gate only these: fewer tasks, more power for each.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: bench.toml; - shows it.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    spec: str, gates: int | None, baseline: str | None, tasks: str, out: Path | None, store: Path | None, as_json: bool
) -> None:
    """Write a commented bench.toml from a run.

    Tolerances are the smallest that cost no power at the run's questions, from a point upwards; alpha is such that a month
    of gates without any change has about one false red. Never overwrites a file.

    \b
    Example: bench gate init base --gates-per-month 100
             bench gate ckpt
    """
    from harness import lookup

    path = out or Path("bench.toml")
    shown = str(path) == "-"
    if not shown:
        _refuse(path)
    with _packed.store_for(_options.store_path(store), spec) as opened:
        runs = lookup.outcomes(spec, opened, tasks=lookup.tasks(_options.names(tasks)))
    gates = gates or _asked(as_json)
    kept = Path(os.path.relpath(store, path.parent)) if store and not store.is_absolute() else store
    text = write(runs, _beside(path, baseline or _baseline(spec, runs)), gates, kept)
    _read_back(text, path)
    if shown:
        click.echo(text, nl=False)
        return
    _packed.write(path, text)
    if as_json:
        _options.print_json({"file": str(path), "alpha": alpha_of(gates), "tasks": [o.task for o in _gated(runs)]})
        return
    echo(f"wrote {path}: alpha {alpha_of(gates):g} for {gates} gates a month, {len(_gated(runs))} tasks; next:")
    echo("  bench gate CANDIDATE          bench gate power CANDIDATE   what it sees, before you trust it")


def _refuse(path: Path) -> None:
    from harness.errors import UserError

    if path.exists():
        raise UserError(
            f"{path} is there already and is not overwritten; pass -o FILE, or -o - to see what would be written"
        )


def _asked(as_json: bool) -> int:
    """Ask a person; a script gets the default."""
    if as_json or not sys.stdin.isatty():
        return GATES
    return int(click.prompt("How many gates will run a month", type=click.IntRange(1), default=GATES, err=True))


def alpha_of(gates: int) -> float:
    """One false red a month, and never more than 5 % of the gates."""
    return min(ALPHA, float(f"{1 / gates:.2g}"))


def _baseline(spec: str, runs: Sequence[Outcomes]) -> str:
    """The checkpoint's name, under which a candidate will not be found; or what was typed, where that says more."""
    names = {o.name for o in runs}
    return spec if ":" in spec or "@" in spec or len(names) != 1 else names.pop() or spec


def _beside(place: Path, spec: str) -> str:
    """A file is named from the folder of bench.toml."""
    path = Path(spec.removeprefix("file:"))
    if not spec.startswith("file:") or path.is_absolute():
        return spec
    return f"file:{os.path.relpath(path, place.parent)}"


def _gated(runs: Sequence[Outcomes]) -> list[Outcomes]:
    """Tasks with golds; a robustness variant is no headline."""
    return [o for o in runs if any(v is not None for v in o.values) and "~" not in o.task]


def write(runs: Sequence[Outcomes], baseline: str, gates: int, store: Path | None = None) -> str:
    """The file's text."""
    from harness.errors import NothingToCompare

    gated = _gated(runs)
    if not gated:
        raise NothingToCompare("the run has no scored task to gate; finish it first, or name another")
    alpha = alpha_of(gates)
    names = ", ".join(sorted({o.name or o.checkpoint for o in gated}))
    lines = [
        "# When `bench gate CANDIDATE` says that a checkpoint got worse. A misspelt key is refused, never ignored.",
        f"# Written by `bench gate init` from the runs of {_comment(names)}; every line is yours to change.",
        "",
        *(["[paths]", f"store = {json.dumps(str(store), ensure_ascii=False)}", ""] if store else []),
        "[gate]",
        "# A checkpoint's name (NAME@TAG), tag:NAME, branch:NAME, run:ID, or a reviewed file, which needs no store and no GPU:",
        '#   bench baseline bless NAME --name main --reason "why"     then     "file:results/baselines/main.json"',
        f"baseline = {json.dumps(baseline, ensure_ascii=False)}",
        '# anchor = "tag:release-1"        # a second, fixed baseline: slow drift shows in no single step',
        '# on_missing_baseline = "warn"    # default: fail (exit 5)',
        f"# False alarms: of {gates} gates a month that change nothing, about {gates * alpha:.2g} fail by their scores, a fifth",
        "# as many by a guard. Baseline and anchor share them.",
        f"alpha = {alpha:g}",
        '# policy = "strict"               # what is undecided fails too (exit 6); for release branches',
        "# fail_fast = 200                 # a look at the first 200 questions, which can only fail",
        "",
        "# A task fails by two keys: the drop is real, and at least the tolerance, the smallest drop that you care about.",
        *_tasks(gated, alpha),
        *_guards(gated),
        "# [gate.composite]               # the weighted score, with its accuracy beside it",
        '# profile = "distill-v1"',
        '# tolerance = "1.0"',
        "",
        "# [[gate.waive]]                  # a failure that is known and agreed, until a day; every report shows it",
        f"# task = {json.dumps(gated[0].task, ensure_ascii=False)}",
        '# reason = "half the length, agreed in #41"',
        "# until = 2030-12-31",
    ]
    return "\n".join(lines) + "\n"


def _tasks(gated: Sequence[Outcomes], alpha: float) -> list[str]:
    """A table per task, with what it can see."""
    from harness.verdicts import power
    from harness.verdicts.policy import Policy, TaskPolicy

    pairs = [(o, other) for o in gated if (other := power.assumed(o, FLIPS))]
    tiny = Policy(alpha=alpha, task={o.task: TaskPolicy(tolerance="0.001pt") for o in gated})
    free = {t.task: _free(t, alpha, len(gated)) for t in power.power(pairs, tiny)}
    asked = Policy(alpha=alpha, task={task: TaskPolicy(tolerance=f"{t:g}pt") for task, t in free.items()})
    found = {t.task: t for t in power.power(pairs, asked)}
    lines = []
    for o in gated:
        known = [v for v in o.values if v is not None]
        lines += [f"[gate.task.{_key(o.task)}]", f"metric = {json.dumps(o.metric, ensure_ascii=False)}"]
        if o.task in free:
            t = found[o.task]
            lines += [
                f"# {t.n:,} questions: if {100 * t.flipped:.0f} % of them flip, a drop of {100 * t.mde:.1f} points is caught 8 times of 10",
                f'tolerance = "{free[o.task]:g}pt"',
                f'# min = "{math.floor(100 * sum(known) / len(known))}pt"  # whatever the baseline had; this run has {100 * sum(known) / len(known):.1f}',
            ]  # fmt: skip
        else:
            lines += ["# a share of the baseline's value, since it has a unit of its own", 'tolerance = "5%"']
        lines.append("")
    return lines


def _free(t: TaskPower, alpha: float, tasks: int) -> float:
    """The largest tolerance that costs no power, in points: what is smaller wouldn't be significant anyway."""
    normal = NormalDist()
    first = normal.inv_cdf(1 - alpha / (tasks + (tasks > 1)))
    line = 100 * t.mde * first / (first + normal.inv_cdf(0.8))
    return max(1.0, math.floor(line / STEP) * STEP)


def _guards(gated: Sequence[Outcomes]) -> list[str]:
    """The limits that hold anyway, to be changed by taking away the sign."""
    from harness import metrics

    there = {name.partition(":")[0] for o in gated for name in o.measures}
    found = {name: _limits(metrics.find(name).LIMIT) for name in metrics.health() if name in there}
    lines = ["# Alarms beside the score; these limits hold without being written here.", "[gate.guard]"]
    lines += [f"# {name} = {{ {limits} }}" for name, limits in found.items() if limits]
    return [*lines, "# model_bytes = { max_ratio = 1.0 }", ""]


def _limits(limit: Limit) -> str:
    shares = {"max": limit.max, "max_increase": limit.max_increase}
    said = [f'{key} = "{100 * value:g}%"' for key, value in shares.items() if value is not None]
    ratios = {"min_ratio": limit.min_ratio, "max_ratio": limit.max_ratio}
    return ", ".join([*said, *(f"{key} = {value:g}" for key, value in ratios.items() if value is not None)])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _comment(text: str) -> str:
    from harness.verdicts.wording import printable

    return printable(text)


def _read_back(text: str, path: Path) -> None:
    """What is written is what `bench gate` takes, or nothing is written."""
    import tomllib

    from harness import config
    from harness.verdicts import gate

    gate.policy(config.fill(config.Bench, tomllib.loads(text), str(path)).gate, str(path))
