"""The command lines that are suggested: `bench run` for a checkpoint as it lies there, asked as another run was asked.

Example: bench run --adapter out/a --base qwen/ --tasks ceval --chat-template off --shots 5 --limit 200
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from harness.records import Checkpoint, Exam, Run, Settings, Task
from harness.words import listed, say

HERE = "here"
FLAGS = ("shots", "temperature", "top_p", "max_tokens", "seed")  # settings that have an option of their name


class Form(NamedTuple):
    """How a run was asked, beside the numbers: what no reader may overlook."""

    chat: bool = False
    system: str = ""
    think: str = "default"
    asked: str = HERE

    def __str__(self) -> str:
        if self.asked != HERE:
            return say("import {source}", source=self.asked.removeprefix("elsewhere:"))
        words = [say("through the chat template") if self.chat else say("raw")]
        words += [say("system prompt {text!r}", text=self.system[:40])] if self.system else []
        words += [say("thinking {mode}", mode=self.think)] if self.think != "default" else []
        return listed(words)


def line(
    place: Sequence[str], tasks: Sequence[str], run: Run, exam: Exam, options: Sequence[str], more: Sequence[str]
) -> str:
    """`bench run` with this run's repeats and number of questions."""
    repeats = ["--repeats", str(run.repeats)] if run.repeats > 1 else []
    asked = run.expected // run.repeats
    limit = ["--limit", str(asked)] if asked < len(exam.samples) else []
    return shlex.join(["bench", "run", *place, "--tasks", ",".join(tasks), *options, *repeats, *limit, *more])


def plain(place: Sequence[str], tasks: Sequence[str], more: Sequence[str]) -> str:
    """`bench run` with the tasks' own settings."""
    return shlex.join(["bench", "run", *place, "--tasks", ",".join(tasks), *more])


def typed(task: Task, checkpoint: Checkpoint) -> str | None:
    """The task as `bench run` takes it. Options asked in words have no name of their own: only endpoints fall back to it."""
    if task.scorer != "choice" or task.form.rpartition("-")[2] != "generate":
        return task.key
    return replace(task, form=task.form.rpartition("-")[0]).key if checkpoint.kind == "endpoint" else None


def place(checkpoint: Checkpoint) -> list[str] | None:
    if checkpoint.kind == "endpoint":
        parts = checkpoint.parts
        if "endpoint" not in parts:
            return None
        tokenizer = (
            ["--tokenizer", checkpoint.base_path] if checkpoint.base_path else []
        )  # without it, another checkpoint
        return ["--endpoint", parts["endpoint"], "--served-model", parts["model"], *tokenizer]
    if checkpoint.path is None or not Path(checkpoint.path).is_dir():
        return None
    if checkpoint.kind == "adapter":
        return ["--adapter", checkpoint.path, *(["--base", checkpoint.base_path] if checkpoint.base_path else [])]
    return ["--model", checkpoint.path]


def options(task: Task, form: Form, settings: Mapping[str, Any]) -> list[str]:
    """The form, and what else of the settings is not the task's own."""
    from harness.questions import prompts

    found = ["--chat-template", "on" if form.chat else "off"]
    found += ["--system", form.system] if form.system else []
    found += ["--think", form.think] if form.think != "default" else []
    usual: Settings = prompts.settings(task, form.chat, {"chat": form.chat})
    for name in FLAGS:
        value = settings.get(name, getattr(usual, name))
        if task.ask == "generate" or name == "shots":
            found += [f"--{name.replace('_', '-')}", str(value)] if value != getattr(usual, name) else []
    return found
