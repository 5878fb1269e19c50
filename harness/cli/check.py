"""`bench check`: hold a known checkpoint's stored runs against published scores, like with like."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import heads, say

if TYPE_CHECKING:
    from harness.records import Checkpoint, Run
    from harness.store.open import Store
    from harness.verdicts.anchors import Anchor, Asked, Held


@click.command("check")
@click.argument("checkpoint")
@click.option("--as", "model", metavar="MODEL", help="The published model that it is, where its name doesn't say.")
@click.option("--tasks", default="", metavar="T,…", help="Only anchors of these. Default: all.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(checkpoint: str, model: str | None, tasks: str, store: Path | None, as_json: bool) -> None:
    """Hold a known checkpoint's stored runs against published scores.

    Only like with like: the same form, shots, split, chat template, thinking and average. What has no comparable run
    gets the command that makes one; numbers whose settings nobody wrote down are listed, and nothing is held against
    them. Exit 0 whatever comes out: a difference is a question about settings, not a regression.

    \b
    Example: bench check Qwen1.5-0.5B
             bench check out/base --as Qwen1.5-0.5B --tasks ceval
    """
    from harness import lookup
    from harness.store.open import open_store
    from harness.verdicts import anchors

    files = anchors.files()
    wanted = {name.partition(":")[0] for name in _options.names(tasks)}
    with open_store(_options.store_path(store), mode="ro") as opened:
        found = lookup.checkpoint(opened, _name(checkpoint))
        known, how = _recognise(found, model, anchors.models(files))
        files = [file for file in files if not wanted or file.task in wanted]
        runs = _asked(opened, found)
        held, alone = anchors.hold(files, known, runs), anchors.alone(files, known, runs)
    if as_json:
        others = [
            {"run": r.run, "key": r.key, "nearest": near.value, "asked": form(near), "differs": d}
            for r, near, d in alone
        ]
        shown = {"checkpoint": found.name, "model": known, "by": how}
        _options.print_json({**shown, "anchors": [_object(h, found) for h in held], "no_anchor": others})
        return
    echo(f"{found.name} is taken for {known} ({how})")
    _print(held, found)
    for run, near, differs in alone:
        what = f"{run.key} (run {run.run[:8]}): no anchor under this form"
        echo(f"\n{what}; the nearest, {near.value:g} at {form(near)}, differs in {', '.join(differs)}")


def _name(given: str) -> str:
    """A folder's last part is the name that its runs have."""
    return Path(given).name if "/" in given or Path(given).is_dir() else given


def _recognise(found: Checkpoint, model: str | None, known: dict[str, str]) -> tuple[str, str]:
    """(model, by what): by --as, by its own name, or by the name in its config; never by resemblance."""
    from harness.errors import UserError
    from harness.plugins import nearest
    from harness.verdicts import anchors

    if model is not None:
        if anchors.plain(model) not in known:
            raise UserError(f"no anchor is known for '{model}'; {nearest(anchors.plain(model), set(known))}")
        return known[anchors.plain(model)], "--as"
    for name, how in ((found.name, "by its name"), (_config_name(found), "by the name in its config.json")):
        if name and anchors.plain(name) in known:
            return known[anchors.plain(name)], how
    raise UserError(
        f"'{found.name}' is no model with published scores here; if it is one under another name, pass --as MODEL "
        f"({nearest(anchors.plain(found.name), set(known))})"
    )


def _config_name(found: Checkpoint) -> str:
    """`_name_or_path` as trainers leave it; "" where the folder is gone."""
    try:
        config = json.loads((Path(found.path or "") / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("_name_or_path") or "") if isinstance(config, dict) else ""


def _asked(store: Store, found: Checkpoint) -> list[Asked]:
    """Finished runs of the checkpoint, newest first, and how each was asked."""
    from harness.store import read

    asked = []
    for run in read.list_runs(store, checkpoint=found.id, status="done"):
        one = _one(store, run)
        if one:
            asked.append(one)
    return asked


def _one(store: Store, run: Run) -> Asked | None:
    from harness.store import read
    from harness.verdicts.anchors import Asked

    task = read.get_task(store, run.exam)
    values = {
        result.slice: (result.value, result.low, result.high)
        for result in read.results(store, run.id)
        if result.metric == (task.metrics or ("accuracy",))[0] and result.slice in ("macro", "micro")
        and result.value is not None and result.low is not None and result.high is not None
    }  # fmt: skip
    if set(values) != {"macro", "micro"}:
        return None
    row = read.board_row(store, run.id)
    shots, chat = (
        _imported(run.settings.asked) if run.settings.asked != "here" else (run.settings.shots, run.settings.chat)
    )
    return Asked(
        run=run.id, key=task.key, split=task.split, shots=shots, chat=chat, thinking=run.settings.think,
        sampled=run.settings.temperature > 0, values=values, n=row["n"], of=row["questions"],
        system=bool(run.settings.system),
    )  # fmt: skip


def _imported(label: str) -> tuple[int | None, bool | None]:
    """What the label of an imported folder says: `elsewhere:opencompass, 5-shot, raw`."""
    parts = [part.strip() for part in label.partition(":")[2].split(",")]
    shots = next((int(found[1]) for part in parts if (found := re.fullmatch(r"(\d+)-shot", part))), None)
    return shots, True if "chat" in parts else False if "raw" in parts else None


# -- showing --------------------------------------------------------------------------------------------------------

WORDS = {
    "agrees": say("agrees"),
    "differs": say("differs by more than settings explain"),
    "no run": say("no comparable run"),
}


def _print(held: Sequence[Held], found: Checkpoint) -> None:
    from harness.cli import _tables

    judged = [h for h in held if h.verdict in ("agrees", "differs")]
    if judged:
        head = heads("task", "asked", "published", "ours", "95 % interval", "difference", "verdict")
        echo(_tables.table([head, *(_row(h) for h in judged)]))
        for one in judged:
            echo(f"  {one.anchor.key}: {one.anchor.source}{_note(one.anchor)}; {_margin(one)}")
    for one in held:
        if one.verdict == "no run":
            echo(
                f"\n{one.anchor.value:g} on {one.anchor.key}, {form(one.anchor)}: {one.why}; a comparable one is made by"
            )
            echo(f"  {_command(one.anchor, found)}")
    loose = [h for h in held if h.verdict == "information"]
    if loose:
        echo(say("\nfor information only, nothing is held against these:"))
        for one in loose:
            echo(
                f"  {one.anchor.value:g} on {one.anchor.task}, {form(one.anchor)} ({one.anchor.source}){_note(one.anchor)}"
            )
    if not held:
        echo(say("no anchor is known for these tasks"))
    elif not judged:
        echo(say("\nno run was asked as a published number was, so nothing is compared"))


def _row(one: Held) -> list[str]:
    return [
        one.anchor.key, form(one.anchor), f"{one.anchor.value:.1f}", f"{one.ours:.1f}", f"{one.low:.1f} – {one.high:.1f}",
        f"{one.difference:+.1f}", WORDS[one.verdict],
    ]  # fmt: skip


def _margin(one: Held) -> str:
    told = f"within {one.allowed:.1f} points is agreement"
    return f"{told}; {one.why}" if one.why else told


def _note(anchor: Anchor) -> str:
    return f"; {anchor.note}" if anchor.note else ""


def form(anchor: Anchor) -> str:
    """`val, 5-shot, raw, macro`; what nobody wrote down is `?`."""
    chat = {True: "chat", False: "raw", None: "raw or chat?"}[anchor.chat]
    parts = [
        "split?" if anchor.split == "unknown" else anchor.split, "shots?" if anchor.shots is None else f"{anchor.shots}-shot",
        chat, *([f"thinking {anchor.thinking}"] if anchor.thinking else []), *(["sampled"] if anchor.sampled else []), anchor.average,
    ]  # fmt: skip
    return ", ".join(parts)


def _command(anchor: Anchor, found: Checkpoint) -> str:
    """The `bench run` that asks as the anchor was asked."""
    more = f" --think {anchor.thinking}" if anchor.thinking else ""
    more += " --temperature 0.7" if anchor.sampled else ""
    chat = "on" if anchor.chat else "off"
    model = f"--model {found.path or 'PATH'} --name {found.name}"
    return f"bench run {model} --tasks {anchor.key} --shots {anchor.shots} --chat-template {chat}{more}"


def _object(one: Held, found: Checkpoint) -> dict[str, Any]:
    anchor = one.anchor
    return {
        "task": anchor.task, "key": anchor.key or None, "asked": form(anchor), "published": anchor.value, "source": anchor.source,
        "note": anchor.note, "verdict": one.verdict, "run": one.run.run if one.run else None, "ours": one.ours, "low": one.low,
        "high": one.high, "difference": one.difference, "allowed": one.allowed, "why": one.why,
        "command": _command(anchor, found) if one.verdict == "no run" else None,
    }  # fmt: skip
