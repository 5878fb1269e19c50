"""`bench robustness`: show how a score holds when the same questions are asked otherwise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options, _tasks_card
from harness.cli._echo import echo
from harness.verdicts.wording import p_value
from harness.words import heads, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.store.open import Store
    from harness.variations import Variations
    from harness.verdicts.binding import Binding
    from harness.verdicts.robustness import Figure, Robustness


@click.command("robustness")
@click.argument("checkpoints", nargs=-1, required=True, metavar="CKPT…")
@click.option(
    "--task", "key", required=True, metavar="T", help="The task as it was run clean, as `ceval` or `ceval:cot`."
)
@click.option(
    "--variants",
    default="",
    metavar="V,…",
    help="circular, labels, paraphrase, width, numbers, noise, with a seed as noise.3. Default: all that were run.",
)
@_options.store_option
@_options.include_option
@_options.json_option
def command(checkpoints: tuple[str, ...], key: str, variants: str, store: Path | None, as_json: bool) -> None:
    """Show how a score holds when the same questions are asked otherwise.

    Reads stored runs of the task and of its variants that were asked alike; what was not run is named with the
    command that runs it. CKPT is a name, NAME@TAG, or tag:TAG. Where the task was also run as option texts, the gap
    between knowing and saying the letter stands below.

    \b
    Example: bench run --model ckpt/ --tasks ceval,ceval~circular,ceval~noise,ceval:texts
             bench robustness ckpt --task ceval
    """
    from harness.errors import NothingToCompare
    from harness.store.open import open_store

    with open_store(_options.store_path(store), mode="ro") as opened:
        more = ("--store", str(store)) if store else ()
        shown, refused = [], []
        for spec in checkpoints:
            try:
                shown.append(_of(opened, spec, key, _options.names(variants), more))
            except NothingToCompare as error:
                refused.append(str(error))
    if as_json and shown:
        _options.print_json({"robustness": [_plain(one) for one in shown]})
    for one in () if as_json else shown:
        _show(one)
    if refused:  # after what could be shown
        raise NothingToCompare("; ".join(refused))


@dataclass(frozen=True)
class _Shown:
    """One checkpoint's figures and what a reader must know beside them."""

    name: str
    found: Variations
    judged: Robustness
    command: str  # that runs what is missing
    bound: list[Binding]


def _of(store: Store, spec: str, key: str, wanted: list[str], more: tuple[str, ...]) -> _Shown:
    from harness import pairs, variations
    from harness.errors import NothingToCompare, UserError
    from harness.plugins import nearest
    from harness.store import read
    from harness.verdicts import robustness

    for variant in wanted:
        name = variant.removeprefix("~").partition(".")[0]
        if name not in variations.known():
            raise UserError(f"no variant '{name}'; {nearest(name, variations.known())}")
    found = variations.of(store, spec, key.partition("~")[0], wanted)
    lacking = list(found.missing)
    if not found.variants and not lacking:
        lacking = [f"{found.task.key}~{name}" for name in _tasks_card.variants(found.task)]
        if not lacking:
            raise NothingToCompare(
                f"no variant changes what {found.task.key} asks; `bench tasks` says which tasks take them"
            )
    command = pairs.again(store, found.clean, lacking, more) if lacking else ""
    if not found.variants:
        why = f"{', '.join(found.missing)}: {next(iter(found.missing.values()))}" if found.missing else "none was run"
        raise NothingToCompare(f"'{spec}' has no variant of {found.task.key} asked as it was ({why}); run `{command}`")
    asked = {variant: variations.asked(store, run) for variant, run in found.variants.items()}
    judged = robustness.judge(variations.asked(store, found.clean), asked, found.task.average)
    checkpoint = read.find_checkpoint(store, found.clean.checkpoint)
    return _Shown(checkpoint.name if checkpoint else spec, found, judged, command, _bound(store, spec, found))


def _bound(store: Store, spec: str, found: Variations) -> list[Binding]:
    """Letters against texts, where both are stored."""
    from harness import lookup
    from harness.store import read
    from harness.verdicts import binding

    texts = binding.texts_of(found.task.key)
    runs = [run for run in lookup.matching(store, spec) if read.get_task(store, run.exam).key == texts]
    runs = [run for run in runs if run.checkpoint == found.clean.checkpoint]
    if found.task.ask != "letters" or not runs:
        return []
    run = max(runs, key=lambda run: run.settings == found.clean.settings)  # of equal ones the newest
    outcomes = [read.outcomes(store, r.id) for r in (found.clean, run)]
    return binding.pairs(outcomes, {found.task.key: found.task.chance})


# -- shown ----------------------------------------------------------------------------------------------------


def _show(one: _Shown) -> None:
    from harness.cli import _tables

    judged = one.judged
    template = "{name}, {task}, {n:,} questions ({average} mean), 95 % intervals"
    echo(say(template, name=one.name, task=one.found.task.key, n=judged.n, average=judged.average))
    lines = [heads("asked", "score", "change (90 %)", "right → wrong", "same answer", "asked otherwise")]
    lines += [[say("clean"), _with_interval(judged.clean), "", "", "", ""]]
    lines += [
        [
            f"~{line.variant}", _with_interval(line.score), _change(line.change), _with_interval(line.flips),
            _with_interval(line.same), str(line.changed),
        ]
        for line in judged.lines
    ]  # fmt: skip
    echo(_tables.table(lines))
    figures = [
        (say("mean of the variants"), judged.mean),
        (say("worst (~{variant})", variant=judged.worst_variant), judged.worst),
        (say("spread, highest - lowest"), judged.spread),
        (say("performance drop rate"), judged.drop_rate),
        (say("consistency, pairs of answers that are the same"), judged.consistency),
    ]
    figures += [
        (say("right every time it was asked (~{variant})", variant=line.variant), line.every)
        for line in judged.lines
        if line.every
    ]
    echo("")
    echo(_tables.table([["", "%"], *([what, _with_interval(figure)] for what, figure in figures)]))
    for said in _remarks(one):
        echo(said)
    echo("")


def _remarks(one: _Shown) -> Iterator[str]:
    clean, chance = one.judged.clean, one.found.task.chance
    if chance is not None and clean.low is not None and clean.low <= chance:
        yield say("the clean score is not above chance ({n:.1f}), so what is kept of it says little", n=100 * chance)
    template = "the spread is no more than chance alone makes, up to {n:.1f} points (p {p})"
    if one.judged.spread_p <= 0.05:
        template = "the spread is more than chance alone makes, up to {n:.1f} points (p {p})"
    yield say(template, n=100 * one.judged.spread_by_chance, p=p_value(one.judged.spread_p))
    if one.judged.dropped:
        yield say("{n} questions left out: not all of these runs have an answer to them", n=one.judged.dropped)
    yield from one.found.notes
    yield from (bound.sentence for bound in one.bound)
    yield from (f"{key}: {why}" for key, why in one.found.missing.items())
    if one.command:
        yield say("run `{command}`", command=one.command)


def _with_interval(figure: Figure) -> str:
    from harness.cli import _tables

    return f"{_tables.percent(figure.value)} ({_tables.interval(figure.low, figure.high)})"


def _change(figure: Figure) -> str:
    value, low, high = ("–" if v is None else f"{100 * v:+.1f}" for v in (figure.value, figure.low, figure.high))
    return f"{value} ({low} to {high})"


def _plain(one: _Shown) -> dict[str, Any]:
    return {
        "checkpoint": one.name,
        "task": one.found.task.key,
        "run": one.found.clean.id,
        "runs": {variant: run.id for variant, run in one.found.variants.items()},
        **asdict(one.judged),
        "binding": [asdict(bound) for bound in one.bound],
        "missing": dict(one.found.missing),
        "notes": list(one.found.notes),
        "command": one.command,
    }
