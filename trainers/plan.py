"""What a training would be, without a step of it: parent, rows, course, precision, memory and disk, with the reasons.

Example: plan(planned.recipe, planned.folder, out).lines() -> ["parent      base: 0.1 M parameters, 0.5 MB", …]. The weights are
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
from harness.verdicts.wording import printable, size
from trainers import _export_space, _hardware, data, export, parent, plan_text
from trainers._data_count import listing
from trainers._fit_course import Course, course
from trainers.recipe import Lora, Recipe
from trainers.rows import Prepared

METHODS = {
    "lora": "a LoRA", "full": "all weights", "seqkd": "a teacher's answers", "logitkd": "a teacher's probabilities",
    "grpo": "answers of its own, by reward",
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

    def lines(self, rows: bool = True) -> list[str]:
        """For a terminal; with `rows` also what was dropped why, and the first rows as the model will see them."""
        told = [f"{word:11} {said}" for word, said in self._facts()]
        return told + (["", *plan_text.describe(self.prepared, self.recipe, self.start.tokenizer)] if rows else [])

    def _facts(self) -> Iterator[tuple[str, str]]:
        one, counts, way = self.start.checkpoint, self.prepared.counts, self.course
        yield "parent", f"{one.name}: {_parameters(one.parameters)}, {size(one.bytes) if one.bytes else 'size unknown'}"
        lora = (self.recipe.lora or Lora()) if parent.trains_adapter(self.recipe) else None
        shape = f" through a LoRA of rank {lora.r}" if lora and self.recipe.method != "lora" else ""
        rank = f" of rank {lora.r}" if lora and self.recipe.method == "lora" else ""
        yield (
            "method",
            f"{self.recipe.method}: {METHODS[self.recipe.method]}{rank}{shape}, {_learn(self.trained, one.parameters)}",
        )
        if (teacher := self.recipe.teacher) is not None:
            yield (
                "teacher",
                _teacher(self.recipe, self.teacher) + ("" if teacher.keep == "all" else ", verified answers only"),
            )
        asked = self.recipe.method == "seqkd"
        told = f"{counts['rows']:,} rows{' to be answered' if asked else ''}, {counts['held_out']:,} held out"
        yield (
            "data",
            f"{told}, {counts['tokens']:,} tokens{' without the replies' if not counts['learnt_tokens'] else ''}",
        )
        steps = f"{way.steps:,} steps of {self.recipe.optim.batch} rows, {way.epochs:.3g} epochs"
        yield "course", steps + (", fewer if the teacher errs" if asked and not self.recipe.optim.steps else "")
        for i, reason in enumerate(self.chosen.reasons):
            yield "" if i else "computed", reason
        yield "disk", f"about {size(self.disk_bytes)} while training, {size(self.free_bytes)} free"
        yield "checkpoint", ", ".join(str(folder) for folder in export.folders(self.recipe, self.out))


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
    """'sft.jsonl: 938 of 1,000 rows to train on, 50 held out; dropped: empty reply 12'; said when a training begins."""
    for source in prepared.sources:
        told = f"{source['name']}: {source['rows']:,} of {source['read']:,} rows to train on, {source['held_out']:,} held out"
        yield printable(told + (f"; dropped: {listing(source['dropped'])}" if source["dropped"] else ""))


def _computed(
    recipe: Recipe, one: Checkpoint, teacher: Checkpoint | None, longest: int
) -> tuple[_hardware.Chosen, int]:
    here = _hardware.machine()
    bfloat16, _ = _hardware.precise(recipe.optim, here)
    lora = (recipe.lora or Lora()) if parent.trains_adapter(recipe) else None
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


def _parameters(count: int | None) -> str:
    if not count:
        return "parameters unknown"
    return f"{count / 1e9:.2f} B parameters" if count >= 1e8 else f"{count / 1e6:.1f} M parameters"


def _learn(trained: int, whole: int | None) -> str:
    share = f", {100 * trained / whole:.2g} % of the parent's number" if whole and trained < whole else ""
    return f"{trained:,} weights learn{share}"


def _teacher(recipe: Recipe, opened: Checkpoint | None) -> str:
    teacher = recipe.teacher
    assert teacher is not None
    if opened is not None:
        return f"{opened.name}: {_parameters(opened.parameters)}"
    if teacher.answers:
        return f"answers in {teacher.answers}"
    who = teacher.model or f"{teacher.served_model} @ {teacher.endpoint}"
    return f"{who}, {teacher.samples} answers a question at temperature {teacher.temperature:g}"
