"""What a training would be, without a step of it: parent, rows, course, precision, memory and disk, with the reasons.

Example: dict(plan(planned.recipe, planned.folder, out).facts())["course"] -> "300 steps of 16 rows, 3 epochs". The weights are
not read: their sizes come from the configuration. Trap: a teacher is not asked, so how many of its answers will be right,
and with them the number of steps, is not known before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records import Checkpoint
from harness.verdicts.wording import size
from harness.words import listed, say
from trainers import _export_space, _hardware, data, export, parent, plan_text
from trainers._data_count import CHOSEN, listing
from trainers._fit_course import Course, course
from trainers.recipe import Recipe, Teacher
from trainers.rows import Prepared

METHODS = {
    "lora": say("training on replies"), "full": say("training on replies"), "seqkd": say("training on a teacher's replies"),
    "logitkd": say("training on a teacher's probabilities"), "grpo": say("training on its own answers, by reward"),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    recipe: Recipe
    out: Path
    start: parent.Parent
    teacher: Checkpoint | None  # of a logit distillation
    prepared: Prepared
    course: Course
    chosen: _hardware.Chosen
    trained: int  # weights that learn
    disk_bytes: int
    free_bytes: int

    def facts(self) -> Iterator[tuple[str, str]]:
        """What -> how, in the order in which they are shown."""
        one, way, optim = self.start.checkpoint, self.course, self.recipe.optim
        yield say("parent"), say("{name}: {facts}", name=one.name, facts=listed([_parameters(one), _size(one)]))
        yield say("method"), listed([_method(self.recipe), _learn(self.trained, one.parameters)])
        if self.recipe.teacher is not None:
            yield say("teacher"), _teacher(self.recipe.teacher, self.teacher)
        yield say("data"), listed(self._rows())
        names = {"steps": way.steps, "rows": optim.batch, "epochs": way.epochs}
        steps = [say("{steps:,} steps of {rows} rows, {epochs:.3g} epochs", **names)]
        fewer = self.recipe.method == "seqkd" and not optim.steps
        yield say("course"), listed([*steps, *([say("fewer if the teacher errs")] if fewer else [])])
        for i, reason in enumerate(self.chosen.reasons):
            yield "" if i else say("computed"), reason
        sizes = {"need": size(self.disk_bytes), "free": size(self.free_bytes)}
        yield say("disk"), say("about {need} while training, {free} free", **sizes)
        yield say("checkpoint"), listed(str(folder) for folder in export.folders(self.recipe, self.out))

    def rows(self) -> list[str]:
        """What was dropped why, the mix, and the first rows as the model will see them."""
        return plan_text.describe(self.prepared, self.recipe, self.start.tokenizer)

    def _rows(self) -> Iterator[str]:
        counts = self.prepared.counts
        asked = self.recipe.method == "seqkd"
        yield say("{n:,} rows to be answered" if asked else "{n:,} rows", n=counts["rows"])
        yield say("{n:,} held out", n=counts["held_out"])
        bare = not counts["learnt_tokens"]
        yield say("{n:,} tokens without the replies" if bare else "{n:,} tokens", n=counts["tokens"])


def plan(
    recipe: Recipe, folder: Path, out: Path, *, tasks: Path | None = None, hub: str = "huggingface",
    prepared: Prepared | None = None,
) -> Plan:  # fmt: skip
    """`folder`: of the recipe; `tasks`: local copies of tasks' questions; `prepared`: where another arm has the same rows."""
    start = parent.open_parent(recipe, folder)
    teacher = parent.open_teacher(recipe, folder, start).checkpoint if recipe.method == "logitkd" else None
    prepared = prepared or data.prepare(recipe, folder, start.tokenizer, data=tasks, hub=hub)
    lengths = [len(example.ids) for phase in prepared.phases for example in phase]
    batch = recipe.optim.batch
    if recipe.method == "grpo":
        batch //= recipe.grpo.generations
    way = course([len(phase) for phase in prepared.phases], recipe.optim, recipe.seed, max(1, batch))
    longest = max(lengths)
    if recipe.method == "seqkd" and recipe.teacher is not None:  # the replies are still to come
        longest = min(longest + recipe.teacher.max_tokens, recipe.clean.max_tokens)
    chosen, trained = _computed(recipe, start.checkpoint, teacher, longest)
    free = shutil.disk_usage(next(p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())).free
    space = export.check_space(recipe, start, out)
    return Plan(recipe, out, start, teacher, prepared, way, chosen, trained, space, free)


def sources_told(prepared: Prepared) -> Iterator[str]:
    """'sft.jsonl: 938 of 1,000 rows to train on, 50 held out; dropped: empty reply 12'; what was left out by choice apart."""
    for source in prepared.sources:
        names = {key: source[key] for key in ("name", "rows", "read", "held_out")}
        told = say("{name}: {rows:,} of {read:,} rows to train on, {held_out:,} held out", **names)
        dirt = {reason: n for reason, n in source["dropped"].items() if reason not in CHOSEN}
        chosen = {reason: n for reason, n in source["dropped"].items() if reason in CHOSEN}
        told = say("{told}; dropped: {why}", told=told, why=listing(dirt)) if dirt else told
        yield say("{told}; left out: {why}", told=told, why=listing(chosen)) if chosen else told


def _computed(
    recipe: Recipe, one: Checkpoint, teacher: Checkpoint | None, longest: int
) -> tuple[_hardware.Chosen, int]:
    here = _hardware.machine()
    bfloat16, _ = _hardware.precise(recipe.optim, here)
    lora = recipe.adapter
    model = _empty(one)
    whole = sum(p.numel() for p in model.parameters())
    trained = whole if lora is None else _export_space.adapter_parameters(one, lora)
    grpo = recipe.method == "grpo"
    copies = whole if grpo and recipe.grpo.beta and lora is None else 0
    load = _hardware.load_of(
        model, trained, longest + (recipe.grpo.max_tokens if grpo else 0),
        4 if lora and lora.quantise else 16 if bfloat16 else 32,
        whole_scores=recipe.method == "logitkd",
        other_parameters=(teacher.parameters or 0) if teacher else copies,
    )  # fmt: skip
    return _hardware.choose(load, recipe.optim, here), trained


def _empty(one: Checkpoint) -> Any:
    """The shape of the model, without its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from harness.engines._folder import weights_folder

    config = AutoConfig.from_pretrained(weights_folder(one), trust_remote_code=False)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def _parameters(one: Checkpoint) -> str:
    if not one.parameters:
        return say("parameters unknown")
    if one.parameters >= 1e8:
        return say("{n:,.2f} B parameters", n=one.parameters / 1e9)
    return say("{n:,.1f} M parameters", n=one.parameters / 1e6)


def _size(one: Checkpoint) -> str:
    return size(one.bytes) if one.bytes else say("size unknown")


def _method(recipe: Recipe) -> str:
    what = METHODS[recipe.method]
    if recipe.adapter is not None:
        what = say("{what} through a LoRA of rank {r}", what=what, r=recipe.adapter.r)
    return say("{name}: {said}", name=recipe.method, said=what)


def _learn(trained: int, whole: int | None) -> str:
    if not whole or trained >= whole:
        return say("{n:,} weights learn", n=trained)
    return say("{n:,} weights learn, {share:.2g} % of the parent's number", n=trained, share=100 * trained / whole)


def _teacher(teacher: Teacher, opened: Checkpoint | None) -> str:
    if opened is not None:
        return say("{name}: {facts}", name=opened.name, facts=_parameters(opened))
    if teacher.answers:
        facts = [say("answers in {file}", file=teacher.answers)]
    else:
        who = teacher.model or f"{teacher.served_model} @ {teacher.endpoint}"
        template = "{who}, {n} answers a question at temperature {t:g}"
        facts = [say(template, who=who, n=teacher.samples, t=teacher.temperature)]
    return listed([*facts, *([] if teacher.keep == "all" else [say("verified answers only")])])
