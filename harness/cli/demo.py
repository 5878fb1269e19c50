"""`bench demo`: train tiny checkpoints, then run, rank and gate them, by the commands that a user types."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Default: results/demo.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the training.")
@click.option(
    "--engine", type=click.Choice(["auto", "hf", "vllm"]), default="hf", show_default=True, help="Who answers."
)
def command(out: Path | None, seed: int, engine: str) -> int:
    """Train tiny checkpoints, then run, rank and gate them.

    About eighty seconds on two quiet CPU cores, three minutes on busy ones.

    A teacher, a base, a student distilled from the teacher, a LoRA on the base, and the student damaged by
    fine-tuning on short answers; the gate must pass the student and fail the damaged one. A second call reuses
    what is there.

    \b
    Example: bench demo
    """
    from harness import config
    from trainers import tiny

    out = out or config.root() / "results" / "demo"
    started = time.monotonic()
    click.echo(f"training tiny checkpoints in {_short(out)} (real ones, from scratch, on the CPU)")
    tiny.make(out / "checkpoints", seed=seed, echo=lambda line: click.echo(f"  {line}"))
    store = _short(out / "bench.db")
    everything = f"{_short(out / 'checkpoints')}/*"
    code = _bench("run", "--model", everything, "--tasks", "demo", "--engine", engine, "--store", store)
    if code:
        return code
    _bench("compare", "base", "distilled", "--tasks", "demo_math", "--store", store)
    _bench("score", *tiny.NAMES, "--profile", "demo", "--store", store)
    _bench("leaderboard", "--store", store, "--out", _short(out / "site"))
    good = _bench("gate", "distilled", "--baseline", "base", "--store", store)
    bad = _bench("gate", "damaged", "--baseline", "distilled", "--store", store)
    click.echo(
        f"\nDone in {time.monotonic() - started:.0f} s: distilled passed (exit {good}), damaged failed (exit {bad}). Next:"
    )
    click.echo(f"  look:  {_short(out / 'site' / 'index.html')}  (open it in a browser)")
    click.echo(f"  read:  bench show damaged --store {store} --wrong   (the answers that became short)")
    click.echo("  yours: bench run --model YOUR/CKPT --tasks ceval,mathcot,medqa --data YOUR/DATA")
    if (good, bad) != (0, 3):
        click.echo(f"bench: the demo expected exits 0 and 3, not {good} and {bad}", err=True)
        return 1
    return 0


def _bench(*arguments: str) -> int:
    """Run a command as the user would, and show it."""
    from harness.cli import cli

    click.secho(f"\n$ bench {shlex.join(arguments)}", bold=True)
    code = cli.main(list(arguments), standalone_mode=False)
    return code if isinstance(code, int) else 0


def _short(path: Path) -> str:
    """Relative where that is shorter to read and to type."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
