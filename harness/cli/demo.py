"""`bench demo`: train a family of tiny checkpoints, then run, rank, gate and explain them, by the commands that a user types."""

from __future__ import annotations

import itertools
import shlex
import time
from pathlib import Path

import click

NAMES = ("teacher", "base", "sft", "base-lora", "distilled", "damaged")
ORDER = ("base", "distilled", "teacher")  # each must beat the one before it, by intervals without zero


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Default: results/demo.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the training.")
@click.option(
    "--engine", type=click.Choice(["auto", "hf", "vllm"]), default="hf", show_default=True, help="Who answers."
)
def command(out: Path | None, seed: int, engine: str) -> int:
    """Train a family of tiny checkpoints, then run, rank, gate and explain them.

    About two and a half minutes on two quiet CPU cores. A teacher and a base, from scratch; by `bench train` a full
    fine-tuning and a LoRA of the base, a student distilled from the teacher, and that student damaged by short answers.
    The scores must put teacher over distilled over base, the gate must pass the student and fail the damaged one, and
    the diagnosis must name the damage. A second call reuses what is there.

    \b
    Example: bench demo
    """
    from harness import config
    from harness.cli import _demo_family
    from harness.cli._packed import short

    out = out or config.root() / "results" / "demo"
    started = time.monotonic()
    _demo_family.make(out / "checkpoints", seed, short(out))
    store = short(out / "bench.db")
    everything = f"{short(out / 'checkpoints')}/*"
    code = _bench("run", "--model", everything, "--tasks", "demo", "--engine", engine, "--store", store)
    if code:
        return code
    for weaker, stronger in itertools.pairwise(ORDER):
        _bench("compare", weaker, stronger, "--tasks", "demo_math", "--store", store)
    _bench("score", *NAMES, "--profile", "demo", "--store", store)
    _bench("log", "--store", store)
    _bench("leaderboard", "--store", store, "--out", short(out / "site"))
    good = _bench("gate", "distilled", "--baseline", "base", "--store", store)
    bad = _bench("gate", "damaged", "--baseline", "distilled", "--store", store)
    _bench("diagnose", "damaged", "--no-samples", "--store", store)
    complaints = _complaints(out / "bench.db", good, bad)
    click.echo(f"\nDone in {time.monotonic() - started:.0f} s.")
    if not complaints:
        click.echo(
            "teacher > distilled > base, by intervals without zero; the gate passed distilled and failed damaged, whose"
        )
        click.echo("answers became short. Next:")
    click.echo(f"  look:  {short(out / 'site' / 'index.html')}  (open it in a browser)")
    click.echo(f"  read:  bench show damaged --store {store} --wrong   (the answers that became short)")
    click.echo("  yours: bench train lora --set parent=YOUR/CKPT --set data[0].path=YOUR.jsonl --dry-run")
    click.echo("         bench run --model YOUR/CKPT --tasks ceval,mathcot,medqa --data YOUR/DATA")
    for complaint in complaints:
        click.echo(f"bench: the demo expected otherwise: {complaint}", err=True)
    return 1 if complaints else 0


def _complaints(path: Path, good: int, bad: int) -> list[str]:
    """What of the story did not come out of the stored answers."""
    from harness import diagnosis, lookup
    from harness.store.open import open_store
    from harness.verdicts import comparison

    found = []
    with open_store(path, mode="ro") as store:
        for weaker, stronger in itertools.pairwise(ORDER):
            before, after = (lookup.outcomes(name, store, tasks=["demo_math"])[0] for name in (weaker, stronger))
            (line,) = comparison.compare_all([(before, after)])
            if not isinstance(line, comparison.Line) or (line.change.low or 0.0) <= 0:
                found.append(f"{stronger} is not proven better than {weaker}")
        if (good, bad) != (0, 3):
            found.append(f"the gate's exits are {good} and {bad}, not 0 and 3")
        symptoms = diagnosis.of(store, "damaged", "distilled").diagnosis.symptoms
        if [symptom.kind for symptom in symptoms[:1]] != ["short"]:
            found.append("the first finding on damaged is not that its answers became short")
    return found


def _bench(*arguments: str) -> int:
    """Run a command as the user would, and show it."""
    from harness.cli import cli

    click.secho(f"\n$ bench {shlex.join(arguments)}", bold=True)
    code = cli.main(list(arguments), standalone_mode=False)
    return code if isinstance(code, int) else 0
