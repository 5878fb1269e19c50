"""What `bench judge` and `bench judge calibrate` share: who judges, how it is asked, and a line about how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli import _engine
from harness.cli._echo import echo
from harness.cli._pace import Pace
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.engines import Engine
    from harness.judge import Judge, Standing
    from harness.judge.calibration import Calibration

F = TypeVar("F", bound=Callable[..., Any])
CUT = 0.02  # share of replies that ran into the token limit, from which on it is worth a word


def judge_options(function: F) -> F:
    """Who judges and how it is asked; the engine's own options follow."""
    function = _engine.engine_option(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option("--judge", "judge_path", metavar="CKPT", help="The judge: checkpoint folder or hub id. Or --endpoint."),
    click.option(
        "--max-tokens", type=click.IntRange(16), default=1024, show_default=True,
        help="Longest reply of the judge, its thinking included. Another number is another judge.",
    ),
    click.option(
        "--think", type=click.Choice(["on", "off", "auto"]), default="auto", show_default=True,
        help="Switch of the judge's chat template, where it has one.",
    ),
    click.option(
        "--chat-template", "chat", type=click.Choice(["on", "off", "auto"]), default="auto", show_default=True,
        help="auto: on when the judge has one.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """The judge, and how to start what answers for it."""

    judge: Judge
    load: Callable[[], Engine]


def seat(given: dict[str, Any]) -> Bench:
    """The one judge that the options name; nothing is loaded before it is asked."""
    from harness.checkpoints import template
    from harness.cli import _checkpoints
    from harness.judge import Judge
    from harness.records import Settings

    if bool(given["judge_path"]) == bool(given["endpoint"]):
        raise UserError("name one judge: --judge CKPT, or --endpoint URL with --served-model NAME")
    given = {
        **given, "models": (given["judge_path"],) if given["judge_path"] else (), "adapters": (), "base": None, "vs": None,
        "name": None,
    }  # fmt: skip
    answering = _engine.chosen(given)
    examined = _checkpoints.gather(given)
    if len(examined.checkpoints) != 1:
        raise UserError(f"--judge names {len(examined.checkpoints)} checkpoints; give one")
    checkpoint = examined.checkpoints[0]
    if given["think"] != "auto" and checkpoint.kind != "endpoint" and not template.thinking_switch(checkpoint):
        raise UserError(f"the chat template of {checkpoint.name} has no thinking switch; leave out --think")
    forced = {"on": True, "off": False, "auto": _engine.form_of(given)}[given["chat"]]
    chat = "template" in checkpoint.parts if forced is None else forced
    settings = Settings(chat=chat, max_tokens=given["max_tokens"])
    judge = Judge(checkpoint, settings if given["think"] == "auto" else replace(settings, think=given["think"]))

    def load() -> Engine:
        info = answering.describe(checkpoint)
        echo(
            f"asking {checkpoint.name}" if info.device == "remote" else f"starting {info.name} {info.version}", err=True
        )
        engine = answering.load(info, [checkpoint])
        examined.confirm(checkpoint)
        return engine

    return Bench(judge, load)


def pace(total: int, known: int, name: str, of: int, what: str) -> Pace:
    """Says what there is to judge; its lines say how far it is."""
    before = f", {known} judged before" if known else ""
    echo(f"{name} × {of} {what}{'s' * (of != 1)}: {total} to judge{before}", err=True)
    return Pace(total, "chains")


def plain(standing: Standing) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(standing)


def worth(found: Calibration) -> list[str]:
    """A calibration in lines."""
    said = found.said
    lines = [
        f"{found.chains} labelled chains ({found.sound} sound, {found.faulty} faulty) of {', '.join(found.data)}",
        f"right on sound chains {percent(found.right_on_sound)}, names the marked step of faulty ones"
        f" {percent(found.right_on_faulty)}: F1 {found.f1:.3f} ({found.f1_low:.3f} – {found.f1_high:.3f};"
        f" guessing {found.f1_chance:.3f})",
        f"calls faulty chains faulty {percent(found.sensitivity)}, sound ones sound {percent(found.specificity)}:"
        f" balanced accuracy {percent(found.balanced)} ({percent(found.balanced_low)} –"
        f" {percent(found.balanced_high)}; a coin 50.0 %)",
        f"replies that could be read {percent(said.parse_rate)}; flips between the two forms {percent(said.flip_rate)} of"
        f" {said.pairs}, names the same step {percent(said.same_step)}; hid {percent(said.swayed)} of {said.canaries}"
        " faults when the solution praised itself",
    ]
    lines += [f"{name}: F1 {f1:.3f} on {chains} chains" for name, chains, f1 in found.by_file]
    if found.errors:
        lines.append(f"{found.errors} chains had a request that failed; the same command asks them again")
    if said.cut > CUT * 2 * found.chains:
        lines.append(f"{said.cut} replies ran into the token limit; a larger --max-tokens, or --think off, may help")
    return lines


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
