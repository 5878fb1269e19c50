"""A gate's rules as bench.toml has them, and its verdict: printed, written where CI looks, kept, an exit code.

Example: on GitHub the Markdown goes to the job's page and annotations to the tolerance's line; a page that can't be
written is a note, because a runner must not change a verdict.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli._echo import echo
from harness.words import say

if TYPE_CHECKING:
    from harness.records import Verdict
    from harness.verdicts.policy import Policy

NOTHING = 5


def rules(config_path: Path | None, *, strict: bool = False, fail_fast: int | None = None) -> tuple[Policy, Path]:
    """[gate] of a file, else of bench.toml, and where it stands; a profile that it names lies beside it."""
    from harness import config
    from harness.verdicts import gate

    settings = config.read(config_path, config.Bench) if config_path else config.bench()
    place = config_path or config.root() / "bench.toml"
    table = {**settings.gate, **({"fail_fast": fail_fast} if fail_fast else {})}
    policy = gate.policy(table, str(config_path or "bench.toml"), strict=strict)
    if policy.composite and policy.composite.profile.endswith(".toml"):
        profile = str(place.parent / policy.composite.profile)
        policy = dataclasses.replace(policy, composite=dataclasses.replace(policy.composite, profile=profile))
    return policy, place


def lying(place: Path, spec: str) -> str:
    """A baseline named in bench.toml: a file lies where bench.toml does, wherever the command was given."""
    return f"file:{place.parent / spec.removeprefix('file:')}" if spec.startswith("file:") else spec


def report(
    verdict: Verdict, place: Path, *, as_json: bool, md: Path | None, junit: Path | None, warn_only: bool,
    more: Sequence[str] | None = None,
) -> int:  # fmt: skip
    """Everything that is to be seen of a verdict, and the exit code; `place`: the file in which its rules stand.

    `more`: what a suggested command must also say; None where there is no store to look into.
    """
    from harness.reports import json, markdown, terminal
    from harness.reports import junit as junit_report

    softened = warn_only and verdict.exit_code in (3, 6)
    if as_json:
        click.echo(json.render(verdict), nl=False)
    else:
        echo(terminal.render(verdict).rstrip("\n"))
        if more is not None and (line := _next(verdict, more)):
            echo(line)
    said = f"--warn-only: exit 0 instead of {verdict.exit_code}"
    shown = dataclasses.replace(verdict, notes=(*verdict.notes, said)) if softened else verdict
    if md:
        _write(md, markdown.render(shown))
    if junit:
        _write(junit, junit_report.render(verdict))
    _github(shown, place)
    if verdict.exit_code == NOTHING:  # as every mistake of a call: the sentence on stderr
        echo(f"bench: {verdict.sentence}", err=True)
    if softened:
        echo(said, err=True)
        return 0
    return verdict.exit_code


def _next(verdict: Verdict, more: Sequence[str]) -> str:
    """The command that shows which answers were lost, where both runs are at hand."""
    for judged in verdict.tasks:
        sides = verdict.sides.get(judged.task, {})
        before, after = (str(sides.get(end, {}).get("run") or "") for end in ("before", "after"))
        if judged.judgement == "regressed" and before and after and not verdict.first_look:
            words = ["bench", "compare", f"run:{before[:12]}", f"run:{after[:12]}", "--lost", *more]
            return say("look:  {command}", command=shlex.join(words))
    return ""


def keep(path: Path, verdict: Verdict) -> None:
    """As history in the store; one that can't be written to, as a published copy, has none."""
    from harness import gating
    from harness.errors import UserError
    from harness.store.open import open_store

    try:
        with open_store(path) as store:
            gating.record(store, verdict)
    except (UserError, OSError) as error:
        echo(f"note: the verdict is not kept in {path}: {error}", err=True)


def _github(verdict: Verdict, place: Path) -> None:
    """Job summary and annotations; a runner that can't take them must not change the verdict."""
    from harness.reports import github, markdown

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return
    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown.render(verdict, most=github.SUMMARY_BYTES))
        lines = github.places(place.read_text("utf-8")) if place.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        echo(f"note: the job summary could not be written: {error}", err=True)
        return
    echo(github.render(verdict, lines, _in_repository(place)), err=True)


def _in_repository(place: Path) -> str:
    """As annotations name a file: from the repository's root."""
    for root in filter(None, (os.environ.get("GITHUB_WORKSPACE"), str(Path.cwd()))):
        if place.resolve().is_relative_to(Path(root).resolve()):
            return str(place.resolve().relative_to(Path(root).resolve()))
    return str(place)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
