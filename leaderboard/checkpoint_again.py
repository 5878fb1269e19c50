"""The command lines that would make a checkpoint's runs again: `bench run` with the tasks and what is not their default.

Example: `bench run --adapter base-lora --base base --tasks ceval,mathcot --chat-template off --shots 5`.
Trap: a page is published, so folders go by their last name; where they lie on somebody's disk is nobody's business. Where
no text is published, a system prompt is TEXT.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from harness import _commands
from harness.errors import UserError
from harness.records import Checkpoint
from leaderboard.cells import Entry

Way = tuple[str, ...]  # options, without place and tasks


@dataclass
class Again:
    """Remembers what a way of asking reads like: a thousand checkpoints are asked in few ways."""

    texts: bool = True  # are any published
    _told: dict[tuple[int | bool, ...], tuple[Way | None, str | None]] = field(default_factory=dict)

    def lines(self, checkpoint: Checkpoint, runs: Sequence[Entry]) -> list[str]:
        """One line a way of asking, the tasks of each together; nothing for answers that were imported."""
        found: dict[Way, dict[str, None]] = {}
        for entry in runs:
            way, task = self._way(entry, checkpoint)
            if way is not None and task is not None:
                found.setdefault(way, {})[task] = None
        place = _place(checkpoint)
        return [shlex.join(["bench", "run", *place, "--tasks", ",".join(tasks), *way]) for way, tasks in found.items()]

    def _way(self, entry: Entry, checkpoint: Checkpoint) -> tuple[Way | None, str | None]:
        """How it was asked, and the task as it is typed; the runs of a board share what the key names."""
        run = entry.run
        key = id(entry.exam), id(run.settings), run.repeats, run.expected, checkpoint.kind == "endpoint"
        if key not in self._told:
            self._told[key] = _options(entry, self.texts), _commands.typed(entry.task, checkpoint)
        return self._told[key]


def _options(entry: Entry, texts: bool) -> Way | None:
    run, settings = entry.run, entry.run.settings
    if settings.asked != _commands.HERE:
        return None
    system = settings.system if texts or not settings.system else "TEXT"
    form = _commands.Form(settings.chat, system, settings.think, settings.asked)
    try:
        found = _commands.options(entry.task, form, {name: getattr(settings, name) for name in _commands.FLAGS})
    except UserError:  # a card with settings that this version doesn't know
        return None
    found += ["--repeats", str(run.repeats)] if run.repeats > 1 else []
    asked = run.expected // max(run.repeats, 1)
    return (*found, *(["--limit", str(asked)] if asked < len(entry.exam.samples) else []))


def _place(checkpoint: Checkpoint) -> list[str]:
    if checkpoint.kind == "endpoint":
        return ["--endpoint", "URL", "--served-model", checkpoint.parts.get("model", checkpoint.name)]
    if checkpoint.kind == "adapter":
        return ["--adapter", _folder(checkpoint.path), "--base", _folder(checkpoint.base_path)]
    return ["--model", _folder(checkpoint.path)]


def _folder(path: str | None) -> str:
    return (PurePath(path).name if path else "") or "FOLDER"
