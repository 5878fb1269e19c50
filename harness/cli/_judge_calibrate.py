"""`bench judge calibrate`: try a judge on chains whose first wrong step is marked, and keep what it is worth."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from harness.cli import _judge, _options
from harness.cli._echo import echo


@click.command("calibrate")
@click.option(
    "--data", "files", multiple=True, required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="Labelled chains: ProcessBench, BIG-Bench-Mistake, MR-MATH, or question, steps, first_wrong_step. Repeatable.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1), default=200, show_default=True,
    help="Chains tried per file, always the same ones, half of them sound where there are so many.",
)  # fmt: skip
@_judge.judge_options
@click.option("--again", is_flag=True, help="Ask anew, such as after the model behind an endpoint was exchanged.")
@_options.store_option
@_options.json_option
def command(files: tuple[Path, ...], limit: int, again: bool, store: Path | None, as_json: bool, **given: Any) -> None:
    """Try a judge on chains whose first wrong step is marked, and keep what it is worth.

    Its scores are shown only once this was done, with the same settings, and its figures are above the floors: 100
    chains with 30 sound and 30 faulty ones, F1 0.40, better than a coin, 95 % of the replies readable, at most 10 % of
    the chains judged otherwise in another layout, at most 5 % of the faults hidden by praise. The last trial counts.
    Use chains like those to be judged: one who only checks sums does well on arithmetic, and on nothing else.

    \b
    Example: bench judge calibrate --data processbench/gsm8k.json --endpoint http://127.0.0.1:8000/v1 --served-model qwen
    """
    from harness import config, identity
    from harness.judge import calibration, keep, standing
    from harness.judge.trial import forget, trial
    from harness.store.open import open_store

    chains = calibration.labelled(files, limit)
    bench = _judge.seat(given)
    place = config.cache() / "judges"
    if again:
        forget(bench.judge, place)
    progress = _judge.pace(len(chains), 0, bench.judge.checkpoint.name, len(files), "file")
    pairs = []
    for pair in trial(bench.judge, chains, bench.load, place):
        pairs.append(pair)
        progress.one()
    pairs.sort(key=lambda pair: identity.digest(pair[0]))  # the order of arrival must not move an interval
    found = replace(
        calibration.calibration(pairs),
        data=tuple(path.name for path in files),
        data_sha=identity.digest([identity.digest(chain) for chain in chains]),
        at=datetime.now(UTC).date().isoformat(),
    )
    with open_store(_options.store_path(store)) as opened:
        keep(opened, bench.judge, found)
        stands = standing(opened, bench.judge.key)
    if as_json:
        _options.print_json(
            {"key": stands.key, "usable": stands.usable, "why": stands.why, "calibration": asdict(found)}
        )
        return
    echo(f"judge {bench.judge.checkpoint.name} ({bench.judge.short})")
    for line in _judge.worth(found):
        echo(line)
    echo(f"usable: `bench judge RUN` and `bench score --cqs judge:{bench.judge.short}` show its scores"
         if stands.usable else stands.why)  # fmt: skip
