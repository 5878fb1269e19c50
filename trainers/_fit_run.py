"""One training from its first step to its last: arguments for TRL, checkpoints on the way, going on after a kill.

Example: run(fit, build) -> Fitted(model, steps=120, ended=None, …); killed at step 70 and run again, it goes on from step
60 with the same rows in the same order. Traps: TRL's defaults are bfloat16 and checkpointing, which a CPU refuses; the
Trainer hides NaN from its log unless told not to; and the checkpoint written last before a NaN may hold it already.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from harness.errors import UserError
from harness.words import say
from trainers import _hardware, muon
from trainers._fit_course import Course
from trainers.parent import Parent
from trainers.recipe import Recipe
from trainers.rows import Example

CHECKPOINTS, FEWEST_STEPS = 10, 5  # over the whole training, and between two; the last two are kept
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor", "muon": "adamw_torch"}  # the last is put in its place


@dataclass(frozen=True)
class Fit:
    """All that a way of training is given."""

    recipe: Recipe
    parent: Parent
    examples: tuple[Example, ...]  # of all phases, one after the other
    course: Course
    chosen: _hardware.Chosen
    work: Path  # checkpoints to go on from
    watching: Any  # of trainers.callbacks
    said: Callable[[str], None]
    at_epoch: Callable[[Any, int, TrainerState], None] | None = None  # (model, epoch, state)
    teacher: Parent | None = None


@dataclass(frozen=True)
class Fitted:
    model: Any
    steps: int  # that its weights have seen
    tokens: int
    seconds: float
    peak_bytes: int | None
    ended: str | None = None


def arguments(fit: Fit) -> dict[str, Any]:
    """What SFT, GKD and GRPO have in common, for the config of each."""
    optim, chosen, steps = fit.recipe.optim, fit.chosen, fit.course.steps
    return {
        "output_dir": str(fit.work),
        "seed": fit.recipe.seed,
        "max_steps": steps,
        "per_device_train_batch_size": chosen.per_device,
        "gradient_accumulation_steps": chosen.accumulation,
        "learning_rate": optim.learning_rate,
        "lr_scheduler_type": SCHEDULES[optim.schedule],
        "warmup_steps": round(optim.warmup * steps),
        "weight_decay": optim.weight_decay,
        "max_grad_norm": optim.max_grad_norm,
        "optim": OPTIMIZERS[optim.optimizer],
        "use_cpu": chosen.device == "cpu",
        "bf16": chosen.bfloat16,
        "gradient_checkpointing": chosen.checkpointing,
        "dataloader_pin_memory": chosen.device != "cpu",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": max(FEWEST_STEPS, math.ceil(steps / CHECKPOINTS)),
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "eval_strategy": "no",
    }


def one_card(arguments_: TrainingArguments) -> TrainingArguments:
    """Without a launcher TRL refuses to see several cards; the first is taken."""
    if arguments_.n_gpu > 1:
        arguments_._n_gpu = 1
    return arguments_


def optimizers(fit: Fit, model: Any) -> tuple[Any, None]:
    """Ours where the recipe asks for it, else the Trainer's."""
    optim = fit.recipe.optim
    if optim.optimizer != "muon":
        return None, None
    return muon.with_adamw(model, optim.learning_rate, optim.weight_decay), None


def adapted(fit: Fit, model: Any) -> tuple[Any, Any]:
    """(model, peft config for the trainer); Muon has to see what is trained, so for it the adapter is put on here."""
    from trainers.parent import adapter_config

    if fit.recipe.adapter is None:
        return model, None
    config = adapter_config(model, fit.recipe.adapter)
    if fit.recipe.optim.optimizer != "muon":
        return model, config
    import peft

    torch.manual_seed(fit.recipe.seed)
    return peft.get_peft_model(model, config), None


class Guard(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Counts epochs as the recipe does, and hands over the model where one ends; a way of training adds its own stops."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.ended: str | None = None

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any) -> None:
        course = self.fit.course
        # to the Trainer the whole course is one epoch
        state.epoch = round(state.global_step / course.steps * course.epochs, 6)
        if self.fit.at_epoch is not None and state.global_step in course.epoch_steps:
            self.fit.at_epoch(model, course.epoch_steps.index(state.global_step) + 1, state)


def run(fit: Fit, build: Callable[[Fit, Sequence[TrainerCallback]], Any], guard: Guard | None = None) -> Fitted:
    """`build`: makes the trainer of TRL."""
    guard, watching = guard or Guard(fit), fit.watching
    try:
        logging.getLogger("trl").setLevel(logging.ERROR)
        trainer = build(fit, [guard, watching])
        trainer.remove_callback(PrinterCallback)
        last = next(checkpoints(fit.work), None)
        if last is not None:
            fit.said(say("going on behind step {step} of {steps}", step=step_of(last), steps=fit.course.steps))
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except torch.OutOfMemoryError as error:
        raise UserError(_too_large(fit)) from error
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    ended, steps = watching.ended or guard.ended, trainer.state.global_step
    if _lost(trainer.state.log_history):
        steps = _back(fit, trainer)
        ended = f"{str(ended).partition(';')[0]}; the weights are those of step {steps}"
    found = Fitted(model, steps, watching.tokens, watching.seconds, watching.peak_bytes, ended)
    if fit.chosen.device == "cuda":  # memory for what comes next; a CPU has it without looking through all objects
        trainer.optimizer = trainer.lr_scheduler = None
        trainer.accelerator.free_memory()
    return found


def checkpoints(work: Path) -> Iterator[Path]:
    """Those written whole, newest first: trainer_state.json is written last."""
    found = [p for p in work.glob("checkpoint-*") if p.name.partition("-")[2].isdigit()]
    for path in sorted(found, key=lambda p: -int(p.name.partition("-")[2])):
        if step_of(path) is not None:
            yield path


def step_of(checkpoint: Path) -> int | None:
    try:
        step = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))["global_step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


class Lost(UserError):
    """Nothing is left to be written; exit 1 as where the last good weights are."""

    exit_code = 1


def _lost(log: Sequence[dict[str, Any]]) -> bool:
    """Whether the training ended in numbers that are none."""
    last: dict[str, Any] = next((entry for entry in reversed(log) if "loss" in entry), {})
    return not all(math.isfinite(float(last.get(name, 0.0))) for name in ("loss", "grad_norm"))


def _back(fit: Fit, trainer: Any) -> int:
    """The step of the last good weights, which the model then has: those that were kept while watching, or a checkpoint's.

    The loss of a step is computed with the weights of the step before: of step n - 1 nobody knows any good.
    """
    kept = fit.watching.kept or 0
    for path in checkpoints(fit.work):
        step = step_of(path) or 0
        if kept < step <= trainer.state.global_step - 2:
            trainer._load_from_checkpoint(str(path))
            return step
    if kept:
        return int(kept)
    optim = fit.recipe.optim
    raise Lost(
        f"the loss was no number at step {trainer.state.global_step}, before any weights were worth keeping; lower "
        f"optim.learning_rate ({optim.learning_rate:g}) or raise optim.warmup ({optim.warmup:g})"
    )


def _too_large(fit: Fit) -> str:
    longest = max(len(e.ids) for e in fit.examples)
    fewer = _hardware.halved(fit.chosen).per_device
    ways = [f"optim.per_device = {fewer} (a step still sees all its rows)"] if fit.chosen.per_device > 1 else []
    ways += [] if fit.chosen.checkpointing else ["optim.gradient_checkpointing = true"]
    if fit.recipe.method == "grpo":  # all answers of a step are written at once
        ways += ["a smaller optim.batch or grpo.max_tokens"]
    ways += ["a smaller clean.max_tokens"]
    ways += [] if fit.recipe.method == "full" else ["lora.quantise = true"]
    return (
        f"the card's memory is too small for {fit.chosen.per_device} rows of up to {longest:,} tokens at once; set "
        f"{', or '.join(ways)}"
    )
