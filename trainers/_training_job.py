"""One training with all that it needs at hand: how it is computed, its looks, its epochs, and what its lineage tells.

Example: Job(recipe, start, None, prepared, history, out, work, watch).run() -> [results/train/medical]. Trap: all weights
are trained in float32 even where products are bfloat16, since most steps are too small to change a bfloat16 number.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.checkpoints import lineage
from harness.records import Lineage
from harness.words import say
from trainers import _export_space, _training_state, callbacks, export, looking, memorised, parent
from trainers._fit_course import Course, course
from trainers.recipe import Lora, Recipe
from trainers.rows import Example, Prepared
from trainers.watch import Watch, table

if TYPE_CHECKING:
    from trainers._fit_run import Fit, Fitted
    from trainers._hardware import Chosen, Machine


@dataclass
class Job:
    recipe: Recipe
    start: parent.Parent
    teacher: parent.Parent | None
    prepared: Prepared
    history: Lineage
    out: Path
    work: Path
    watch: Watch

    def run(self) -> list[Path]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TRL's, on what of it is experimental and on versions of vLLM
            from trainers import _fit_distil, _fit_grpo, _fit_sft
        way: Any = {"grpo": _fit_grpo, "logitkd": _fit_distil}.get(self.recipe.method, _fit_sft)
        batch = _fit_grpo.questions_a_step(self.recipe) if way is _fit_grpo else None
        fit, model = self.planned(
            course([len(phase) for phase in self.prepared.phases], self.recipe.optim, self.recipe.seed, batch)
        )
        fitted = way.fit(fit, model)
        told = self.told(fit, fitted)
        return export.write(
            fitted.model, self.start, self.recipe, self.out, told, held_out=self.prepared.held_out, log=fit.watching.log
        )

    @property
    def examples(self) -> tuple[Example, ...]:
        return tuple(e for phase in self.prepared.phases for e in phase)

    @property
    def lora(self) -> Lora | None:
        return self.recipe.adapter

    def planned(self, way: Course) -> tuple[Fit, Any]:
        """The weights in memory, and all that is settled before the first step."""
        from trainers import _hardware
        from trainers._fit_run import Fit

        here = _hardware.machine()
        bfloat16, _ = _hardware.precise(self.recipe.optim, here)
        frozen = bfloat16 and self.lora is not None
        model = parent.load(self.start.checkpoint, bfloat16=frozen, device=here.device, lora=self.lora)
        chosen = self.chosen(model, here, bfloat16)
        for reason in chosen.reasons:
            self.watch.said(reason)
        counts = {"steps": way.steps, "epochs": way.epochs, "rows": len(self.examples)}
        self.watch.said(say("{steps:,} steps, {epochs:.3g} epochs of {rows:,} rows", **counts))
        watching = callbacks.callback(self.watch, self.looker(), self.recipe.watch, folder=self.work)
        fit = Fit(
            self.recipe, self.start, self.examples, way, chosen, self.work, watching, self.watch.said,
            self.at_epoch(way, watching) if self.recipe.export.each_epoch else None, self.teacher,
        )  # fmt: skip
        return fit, model

    def chosen(self, model: Any, here: Machine, bfloat16: bool) -> Chosen:
        """As before a kill, else by what is free now."""
        from trainers import _hardware

        plan = _training_state.plan(self.work)
        optim, before = self.recipe.optim, plan.get("per_device")
        if optim.per_device is not None or type(before) is not int or before < 1 or optim.batch % before:
            before = None
        optim = optim if before is None else replace(optim, per_device=before)
        grpo = self.recipe.method == "grpo"
        longest = max(len(e.ids) for e in self.examples) + (self.recipe.grpo.max_tokens if grpo else 0)
        whole = sum(p.numel() for p in model.parameters())
        trained = whole if self.lora is None else _export_space.adapter_parameters(self.start.checkpoint, self.lora)
        copies = whole if grpo and self.recipe.grpo.beta and self.lora is None else 0
        load = _hardware.load_of(
            model, trained, longest, 4 if self.lora and self.lora.quantise else 16 if bfloat16 else 32,
            whole_scores=self.recipe.method == "logitkd",
            other_parameters=(self.teacher.checkpoint.parameters or 0) if self.teacher else copies,
        )  # fmt: skip
        chosen = _hardware.choose(load, optim, here)
        if before is not None:
            again = say("{rows} rows at once, as before it was stopped", rows=before)
            return replace(chosen, reasons=(*chosen.reasons[:-1], again))
        _training_state.note(self.work, plan | {"per_device": chosen.per_device})
        return chosen

    def looker(self) -> looking.Looker | None:
        from harness.engines._folder import habits

        held_out, tokenizer = self.prepared.held_out, self.start.tokenizer
        if not held_out:
            return None
        penalty = habits(self.start.checkpoint, tokenizer).repetition_penalty
        stops = self.start.stop_ids
        return looking.Looker(held_out, tokenizer, self.recipe.watch, stop_ids=stops, repetition_penalty=penalty)

    # -- what is told -------------------------------------------------------------------------------------------

    def at_epoch(self, way: Course, watching: Any) -> Any:
        """Writes an epoch's checkpoint while the training goes on; the last epoch's is the checkpoint itself."""

        def write(model: Any, epoch: int, state: Any) -> None:
            folder = self.out.with_name(f"{self.out.name}-epoch-{epoch}")
            there = lineage.read(folder) if folder.exists() else None
            same = there is not None and (there.recipe_sha, there.steps) == (self.history.recipe_sha, state.global_step)
            if state.global_step == way.steps or same:
                return
            told = replace(self.progress(watching), steps=state.global_step, epochs=float(epoch))
            export.write(
                model, self.start, self.recipe, folder, told, held_out=self.prepared.held_out, log=watching.log
            )
            self.watch.said(say("epoch {n}: {folder}", n=epoch, folder=folder))

        return write

    def progress(self, watching: Any) -> Lineage:
        return replace(
            self.history,
            tokens=watching.tokens,
            seconds=round(watching.seconds, 2),
            peak_bytes=watching.peak_bytes,
            loss=lineage.thin(watching.loss),
            looks=tuple(table(look) for look in watching.looks),
        )

    def told(self, fit: Fit, fitted: Fitted) -> Lineage:
        """The whole history, with what was learnt by heart."""
        way = fit.course
        trained: Sequence[Example] = [self.examples[i] for i in dict.fromkeys(way.rows)]
        found = memorised.measure(
            fitted.model, trained, self.prepared.held_out, self.start.tokenizer,
            stop_ids=self.start.stop_ids, seed=self.recipe.seed,
        )  # fmt: skip
        done = self.progress(fit.watching)
        return replace(
            done,
            steps=fitted.steps,
            epochs=round(way.epochs * fitted.steps / way.steps, 4),
            ended=fitted.ended,
            looks=(*done.looks, {k: v for k, v in found.items() if v is not None}),
        )
