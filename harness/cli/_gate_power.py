"""`bench gate power`: before you trust the gate: how often it is wrong, and the smallest drop it catches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options, _packed
from harness.cli._echo import echo
from harness.cli._pace import Pace
from harness.errors import NotComparable, NothingToCompare, UserError
from harness.words import heads, say

if TYPE_CHECKING:
    from harness.records import Outcomes
    from harness.store.open import Store
    from harness.verdicts.policy import Policy
    from harness.verdicts.power import Simulated, TaskPower

FLIPS = 15.0  # per cent; the median of published fine-tunes against their parents


@click.command("power")
@click.argument("candidate", metavar="CKPT|RUN")
@click.option("--baseline", help="As of `bench gate`. Without one, --flips is assumed.")
@click.option("--tasks", default="", metavar="T,…", help="Only these.")
@click.option(
    "--flips", type=click.FloatRange(0, 100, min_open=True), metavar="PERCENT",
    help=f"Questions whose answer changes sides between two checkpoints, where no pair tells. Default: {FLIPS:g}.",
)  # fmt: skip
@click.option("--draws", type=click.IntRange(0), default=400, show_default=True, help="No-change gates to simulate.")
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Default: bench.toml.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    candidate: str, baseline: str | None, tasks: str, flips: float | None, draws: int, config_path: Path | None,
    store: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what the gate would see, before anybody trusts it.

    From the stored answers of the two checkpoints: their own flips, the subjects' sizes, the clusters. The gate itself is
    run on no-change draws of them, guards included; a metric that is no mean is tried by its own test. Exit 0.

    \b
    Example: bench gate power ckpt --baseline base
             bench gate power base --flips 5              before there is a candidate
    """
    from harness import lookup
    from harness.cli import _gating
    from harness.verdicts import power

    policy, place = _gating.rules(config_path)
    wanted = lookup.tasks(_options.names(tasks))
    against = (baseline or _gating.lying(place, policy.baseline)) if flips is None else ""
    specs = [candidate, *([str(against)] if against else [])]
    with _packed.store_for(_options.store_path(store), *specs) as opened:
        pairs = _stored(opened, candidate, str(against), policy, wanted, bool(baseline)) if against else []
        runs = [] if pairs else lookup.outcomes(candidate, opened, tasks=wanted)
    share = (FLIPS if flips is None else flips) / 100
    assumed = not pairs
    pairs = pairs or _assumed(runs, share)
    found = power.power(pairs, policy)
    if not found:
        raise _why(pairs, policy)
    simulated = (
        power.simulate(pairs, policy, draws, watch=Pace(draws, say("no-change gates")).reached) if draws else None
    )
    said = power.sentence(found, simulated)
    if as_json:
        _options.print_json(_object(found, simulated, said, policy, assumed, share))
        return
    echo(said)
    _show(found, simulated, policy)
    if assumed:
        template = "assumed: {n:g} % of the questions flip; a stored pair says it of your own: --baseline NAME"
        echo(say(template, n=100 * share))


def _stored(
    store: Store | None, candidate: str, baseline: str, policy: Policy, tasks: Sequence[str], asked: bool
) -> list[tuple[Outcomes, Outcomes]]:
    """The pairs that `bench gate` would judge; none where bench.toml's baseline is not there yet."""
    from harness import gating

    try:
        sides = gating.find(store, candidate, baseline, policy, tasks)
    except gating.NoBaseline as error:
        if asked:
            raise
        echo(f"note: {error}; flips are assumed", err=True)
        return []
    for task, why in sides.refused.items():
        echo(f"note: {task} is left out: {why}", err=True)
    if not sides.pairs:
        raise NotComparable("; ".join(sides.refused.values()) or f"{candidate} and {baseline} have no task in common")
    return sides.pairs


def _assumed(runs: Sequence[Outcomes], share: float) -> list[tuple[Outcomes, Outcomes]]:
    from harness.verdicts import power

    found = []
    for run in runs:
        other = power.assumed(run, share)
        if other is None:
            echo(f"note: {run.task} ({run.metric}) is not made of right and wrong: name a --baseline", err=True)
        elif any(v is not None for v in run.values):
            found.append((run, other))
    return found


def _why(pairs: Sequence[tuple[Outcomes, Outcomes]], policy: Policy) -> UserError:
    """What `bench gate` would say of them."""
    from harness.verdicts import gate

    if not pairs:
        return NothingToCompare("there is no task with right and wrong answers to try a gate on")
    verdict = gate.judge(pairs, policy)
    kind = NotComparable if verdict.status == "not_comparable" else NothingToCompare
    return kind(verdict.sentence)


def _show(found: Sequence[TaskPower], simulated: Simulated | None, policy: Policy) -> None:
    from harness.cli import _tables
    from harness.verdicts.power import DROPS
    from harness.verdicts.wording import SHARES

    head = [*heads("task", "n", "flips", "tolerance", "caught 8 of 10"), *(say("{n:g} pt", n=100 * d) for d in DROPS)]
    lines = [head]
    for t in found:
        shares = t.unit in SHARES
        sizes = [f"{100 * v:.1f}" if shares else f"{v:.3g}" for v in (t.tolerance, t.mde)]
        flips = f"{_tables.percent(t.flipped)} %"
        needed = [_needed(n, drop, t) if shares else "–" for drop, n in t.needed]
        lines.append([t.task, f"{t.n:,}", flips, *sizes, *needed])
    echo(_tables.table(lines))
    template = (
        "the last {n} columns: questions that prove such a drop 8 times of 10; * proven, but within the tolerance"
    )
    echo(say(template, n=len(DROPS)))
    if simulated:
        error = 100 * 2 * (max(simulated.failed, 1 / simulated.draws) * (1 - simulated.failed) / simulated.draws) ** 0.5
        rate = 100 * simulated.failed
        template = (
            "false alarms: {rate:.1f} % ± {error:.1f} of {n} no-change gates ({scores:.1f} % by scores, {guards:.1f} % by guards "
            "alone); alpha {alpha:g}"
        )
        parts = {"scores": 100 * simulated.by_scores, "guards": 100 * simulated.by_guards}
        echo(say(template, rate=rate, error=error, n=simulated.draws, **parts, alpha=policy.alpha))


def _needed(n: int, drop: float, t: TaskPower) -> str:
    return f"{n:,}" + ("*" if drop <= t.tolerance else "")


def _object(
    found: Sequence[TaskPower], simulated: Simulated | None, said: str, policy: Policy, guessed: bool, share: float
) -> dict[str, Any]:
    tasks = [
        {
            "task": t.task, "metric": t.metric, "unit": t.unit, "n": t.n, "flipped": t.flipped,
            "tolerance": t.tolerance, "mde": t.mde, "method": t.method,
            "needed": [{"drop": d, "n": n, "within_tolerance": d <= t.tolerance} for d, n in t.needed],
        }
        for t in found
    ]  # fmt: skip
    alarms = None
    if simulated:
        alarms = {"draws": simulated.draws, "failed": simulated.failed, "by_scores": simulated.by_scores,
                  "by_guards": simulated.by_guards}  # fmt: skip
    return {"schema_version": 1, "sentence": said, "alpha": policy.alpha, "policy_sha": policy.sha,
            "assumed_flips": share if guessed else None, "false_alarms": alarms, "tasks": tasks}  # fmt: skip
