"""The TrainerCallback behind `callbacks.callback`.

Trap: transformers by default replaces a loss that is no number by the mean of those before it, so that a log stays
pretty while the weights are lost; that filter is switched off here.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from harness.words import say
from trainers import _training_log
from trainers._last_good import LastGood
from trainers.looking import Looker, steps_of_looks
from trainers.recipe import Watched
from trainers.watch import Look, Step, Watch, look_of, table

KNOWN = {"loss", "learning_rate", "epoch", "step", "total_flos"}
SUMMARY = "train_runtime"  # in the entry with which a Trainer ends its log


class Watching(TrainerCallback):  # type: ignore[misc]  # transformers' base has no types
    def __init__(self, watch: Watch, looker: Looker | None, watched: Watched, folder: Path | None) -> None:
        self._watch, self._looker, self._watched = watch, looker, watched
        self.log = folder / _training_log.NAME if folder else None
        self._log = _training_log.Log(self.log)
        self._good = LastGood(folder)
        self._due: frozenset[int] = frozenset()
        self._before, self._peak = (0, 0.0), 0  # tokens and seconds until a kill, and bytes
        self._begun = time.monotonic()
        self._counted: Any = 0
        self._counter: Any = None
        self._main = True  # one of several processes tells
        self._best: float | None = None
        self._waited = 0  # looks since the best one
        self.ended: str | None = None
        self.kept: int | None = None
        self.broken = False  # the model has weights that give no number
        self.steps = 0
        self.loss: list[tuple[int, float]] = []
        self.looks: list[Look] = []

    # -- what it knows ------------------------------------------------------------------------------------------

    @property
    def tokens(self) -> int:
        """Seen in training so far, padding not counted."""
        return self._before[0] + int(self._counted)

    @property
    def seconds(self) -> float:
        return self._before[1] + time.monotonic() - self._begun

    @property
    def peak_bytes(self) -> int:
        """Most memory so far, before a kill too: of the GPUs, else of this process with all that it imported."""
        import torch

        if torch.cuda.is_available():
            now = sum(torch.cuda.max_memory_allocated(i) for i in range(torch.cuda.device_count()))
        else:
            now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
        return max(now, self._peak)

    # -- what the Trainer calls ---------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        args.logging_nan_inf_filter = False
        self._main = bool(state.is_world_process_zero)
        self._due = steps_of_looks(state.max_steps, self._watched)
        self._log = _training_log.Log(self.log if self._main else None)
        self._log.resume(state.global_step)
        self._take_up(state.global_step)
        self._begun = time.monotonic()
        self._counter = model.register_forward_pre_hook(self._count, with_kwargs=True)
        self._good.clear()
        self._good.keep(model, state.global_step, on_disk=False)  # where large ones are read from they still lie
        if not state.global_step:
            self._good.confirm()  # the parent itself
            self._at(model, state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        self.steps = state.global_step
        if self.ended is None and state.global_step in self._due:
            self._good.keep(model, state.global_step)
            self._at(model, state, control)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, model: Any = None, **more: Any
    ) -> None:
        entry = {**(logs or {}), "step": state.global_step, "tokens": self.tokens, "seconds": round(self.seconds, 3)}
        if "loss" not in entry:
            if SUMMARY in entry:
                self._log.add(entry)
            return
        step = self._step(entry, state)
        self._log.add(entry | {"peak_bytes": step.peak_bytes})
        if step.loss is not None:
            self.loss.append((step.step, step.loss))
        if self._main:
            self._watch.step(step)
        wrong = [name for name in ("loss", "grad_norm") if not _finite(entry.get(name, 0.0))]
        if wrong and self.ended is None:
            self._lost(say("the loss") if "loss" in wrong else say("the gradient"), model, state.global_step, control)
        elif not wrong:
            self._confirm(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        last = self.steps if self.kept is None else self.kept
        if self._looker is not None and (not self.looks or self.looks[-1].step != last):
            self._look(model, last)
        if self._counter is not None:
            self._counter.remove()
        self._good.clear()

    # -- its parts ----------------------------------------------------------------------------------------------

    def _take_up(self, step: int) -> None:
        """What was known when the training was killed."""
        self.steps = step
        entries = self._log.entries
        self.loss = [(e["step"], e["loss"]) for e in entries if _finite(e.get("loss"))]
        self.looks = [look_of(e["look"]) for e in entries if isinstance(e.get("look"), Mapping)]
        if self._looker is not None:
            self._looker.looks[:] = self.looks
        logged = [e for e in entries if "seconds" in e]
        self._before = (logged[-1]["tokens"], logged[-1]["seconds"]) if logged else (0, 0.0)
        self._peak = max((e.get("peak_bytes") or 0 for e in logged), default=0)
        self._best, self._waited = None, 0
        for look in self.looks:
            self._rank(look)

    def _count(self, module: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Of what is learnt from, not of what the model writes itself in between."""
        import torch

        if not module.training or not torch.is_grad_enabled():
            return
        mask, ids = named.get("attention_mask"), named.get("input_ids", arguments[0] if arguments else None)
        if isinstance(mask, torch.Tensor) and mask.ndim == 2:
            self._counted = self._counted + mask.sum()  # stays on the device: to ask for it now would make it wait
        elif isinstance(ids, torch.Tensor):
            self._counted = self._counted + ids.numel()

    def _step(self, entry: Mapping[str, Any], state: Any) -> Step:
        extra = {k: float(v) for k, v in entry.items() if k not in KNOWN and isinstance(v, float | int) and _finite(v)}
        told = {k: entry[k] if _finite(entry.get(k)) else None for k in ("loss", "learning_rate", "epoch")}
        return Step(
            step=state.global_step,
            steps=state.max_steps,
            tokens=self.tokens,
            seconds=self.seconds,
            peak_bytes=self.peak_bytes,
            extra={k: v for k, v in extra.items() if k not in ("tokens", "seconds")} or None,
            **told,
        )

    def _at(self, model: Any, state: Any, control: Any) -> None:
        """A look that is due, and what follows from it."""
        if self._looker is None:
            return
        look = self._look(model, state.global_step)
        if look.loss is not None:
            self._good.confirm()
        if look.collapsed and self._watched.stop_on_collapse:
            self._end(say("the answers collapsed: {why}", why=look.collapsed), control)
            self._say(say("watch.stop_on_collapse = false in the recipe would have gone on"))
        self._rank(look)
        patience = self._watched.patience
        if patience is not None and self._waited >= patience and self.ended is None:
            what = say("score") if look.score is not None else say("held-out loss")
            self._end(say("no better {what} in {n} looks", what=what, n=patience), control)

    def _look(self, model: Any, step: int) -> Look:
        assert self._looker is not None
        look = self._looker.look(model, step)
        self.looks.append(look)
        self._log.add({"look": table(look)})
        if self._main:
            self._watch.looked(look)
        return look

    def _rank(self, look: Look) -> None:
        """By the score, of rows without a gold by the held-out loss."""
        loss = None if look.loss is None else -look.loss
        value = loss if look.score is None else look.score
        if value is None:
            return
        if self._best is None or value > self._best:
            self._best, self._waited = value, 0
        else:
            self._waited += 1

    def _confirm(self, step: int) -> None:
        """The loss of this step was computed with the weights of the steps before it."""
        waiting = self._good.waiting
        if waiting is not None and waiting < step:
            self._good.confirm()

    def _lost(self, what: str, model: Any, step: int, control: Any) -> None:
        self.kept = self._good.restore(model)
        self.broken = self.kept is None
        weights = say("the weights are those of step {step}", step=self.kept)
        if not self.kept:
            weights = say("no good weights are in memory") if self.broken else say("the weights are the parent's again")
        self._end(
            say("{what} is no number from step {step} on; {weights}", what=what, step=step, weights=weights), control
        )
        control.should_save = False

    def _end(self, why: str, control: Any) -> None:
        self.ended = why
        control.should_training_stop = True
        self._say(say("stopped: {why}", why=why))

    def _say(self, sentence: str) -> None:
        if self._main:
            self._watch.said(sentence)


def _finite(value: Any) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)
