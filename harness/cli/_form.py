"""What is said before a run about how each checkpoint is asked: its form, the rule that says so, and what looks odd.

Example: "qwen: a chat model (it stops at <|im_end|>, which ends a turn); gsm8k through its chat template, ceval raw
(options are scored)". Nothing here refuses or changes anything: the note names the option that would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.cli._echo import echo
from harness.words import listed, say

if TYPE_CHECKING:
    from harness.evaluate import Job
    from harness.records import Checkpoint

SHORT = 2048  # tokens in which thinking seldom ends
SHOWN_TASKS = 3


def announce(jobs: Sequence[Job], asked: Mapping[str, Any] | None = None, base: Checkpoint | None = None) -> None:
    """A line per checkpoint and one per oddity, on stderr. `asked`: what the user said; `base`: that of --vs."""
    here = [job for job in jobs if job.run.settings.asked == "here"]
    if base is not None:
        for line in _one_form(here, asked or {}, base):
            echo(line, err=True)
    for members in _by_checkpoint(here):
        for line in _lines(members, asked or {}, base):
            echo(line, err=True)


def _by_checkpoint(jobs: Sequence[Job]) -> list[list[Job]]:
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.checkpoint.id, []).append(job)
    return list(found.values())


def _lines(jobs: Sequence[Job], asked: Mapping[str, Any], base: Checkpoint | None) -> Iterator[str]:
    from harness.checkpoints import form

    checkpoint = jobs[0].checkpoint
    found = form.form(checkpoint)
    ways: dict[str, list[Job]] = {}
    for job in jobs:
        ways.setdefault(_way(job, asked, base), []).append(job)
    how = listed(say("{tasks} {way}", tasks=_tasks(members), way=way) for way, members in ways.items())
    template = "{name}: {kind} ({rule}); {how}"
    yield say(template, name=checkpoint.name, kind=form.WORDS[found.kind], rule=found.rule, how=how)
    told = {
        form.mismatch(found, chat=job.run.settings.chat, generates=_generates(job), has_template=_has_template(job))
        for job in jobs
        if _generates(job) or not job.exam.task.settings.get("chat")  # a card that is made for templates
    }
    told |= {note(job) for job in jobs for note in (_thinking, _system)}
    for note in sorted(filter(None, told)):
        yield say("note: {note}", note=say("{name}: {said}", name=checkpoint.name, said=note))


def _way(job: Job, asked: Mapping[str, Any], base: Checkpoint | None) -> str:
    if job.run.settings.chat:
        return (
            say("through its chat template") if _generates(job) else say("with options scored behind its chat template")
        )
    if job.exam.task.ask == "rolling":
        return say("raw (its texts are measured)")
    if not _generates(job):
        return say("raw (options are scored)")
    if not _has_template(job):
        return say("raw (it has no chat template)")
    if asked.get("chat") is False:
        return say("raw (as asked)")
    return say("raw (the form that all share)") if base is not None else say("raw")


def _one_form(jobs: Sequence[Job], asked: Mapping[str, Any], base: Checkpoint) -> Iterator[str]:
    """What --vs made of the prompt form of generating tasks, and why."""
    if not any(map(_generates, jobs)):
        return
    chats = any(job.run.settings.chat for job in jobs if _generates(job))
    chosen = say("through chat templates") if chats else say("raw")
    lacking = list(dict.fromkeys(job.checkpoint.name for job in jobs if not _has_template(job)))
    why = say("{names} has no chat template", names=listed(lacking)) if lacking else say("all have one")
    if asked.get("chat") is not None:
        why = say("as asked")
    yield say("--vs {name}: both sides are asked {form} ({why})", name=base.name, form=chosen, why=why)


def _thinking(job: Job) -> str | None:
    """Thinking that is bound to be cut off, or that goes in circles because it is greedy."""
    from harness.checkpoints import generation, template

    settings = job.run.settings
    if not (settings.chat and _generates(job) and template.thinks(job.checkpoint, settings.think)):
        return None
    advice = []
    if settings.max_tokens < SHORT:
        off = ", or --think off" if template.thinking_switch(job.checkpoint) else ""
        advice.append(f"at most {settings.max_tokens} tokens are soon spent on it: --max-tokens 8192{off}")
    sampled = generation.sampling(job.checkpoint)
    if sampled and not settings.temperature:
        advice.append(f"greedy thinking may go in circles: its makers sample ({sampled})")
    return "it thinks before it answers; " + "; ".join(advice) if advice else None


def _system(job: Job) -> str | None:
    """A system prompt that never reaches the model."""
    from harness.checkpoints import template

    if not (job.run.settings.system and job.run.settings.chat):
        return None
    return {
        "dropped": "its chat template drops the system prompt, so --system changes nothing",
        "refused": "its chat template refuses a system prompt, so nothing could be asked; leave out --system",
    }.get(template.system(job.checkpoint) or "")


def _tasks(jobs: Sequence[Job]) -> str:
    keys = [job.exam.task.key for job in jobs]
    rest = len(keys) - SHOWN_TASKS
    first = listed(keys[:SHOWN_TASKS])
    return say("{first} and {n} more", first=first, n=rest) if rest > 0 else first


def _generates(job: Job) -> bool:
    return job.exam.task.ask == "generate"


def _has_template(job: Job) -> bool:
    return "template" in job.checkpoint.parts
