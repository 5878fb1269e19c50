"""Logit distillation by TRL's GKD: the pupil learns the teacher's probabilities of every next token, not its words alone.

Example: 151,936 numbers of a 0.5B pupil against 152,064 of a 7B teacher: the tokenizer has 151,665, the rest is padding of
the embedding, so `Sized` gives the teacher's scores the pupil's width. Traps: GKD refuses such a pair; it is given the data
as ChatML unless the collator is ours; and its loss never sees the temperature that its configuration has.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from trl.experimental.gkd import GKDConfig, GKDTrainer

from harness.errors import UserError
from trainers import _fit_run, _fit_sft
from trainers._fit_run import Fit, Fitted
from trainers.parent import load

NEVER = -1e4  # the score of a token that the teacher has no row for; finite, since 0 * inf is no number
SIDES = ("left", "right")


def fit(asked: Fit, model: Any) -> Fitted:
    if asked.recipe.optim.packing:
        raise UserError("logitkd can't pack rows; leave optim.packing out")
    assert asked.teacher is not None
    teacher = load(asked.teacher.checkpoint, bfloat16=asked.chosen.bfloat16, device=asked.chosen.device)
    return _fit_run.run(asked, lambda fit, callbacks: trainer(fit, model, teacher, callbacks))


def trainer(fit: Fit, model: Any, teacher: Any, callbacks: Sequence[Any]) -> GKDTrainer:
    distil, longest = fit.recipe.distil, max(len(e.ids) - e.prompt for e in fit.examples)
    whole, config = _fit_run.adapted(fit, model)
    arguments = GKDConfig(
        **_fit_run.arguments(fit) | _fit_sft.OURS,
        lmbda=distil.lmbda,
        beta=distil.beta,
        temperature=distil.temperature,
        max_new_tokens=longest,
        disable_dropout=False,
    )
    made = GKDTrainer(
        model=whole,
        teacher_model=sized(teacher, model.config.get_text_config().vocab_size),
        args=_fit_run.one_card(arguments),
        data_collator=Batch(fit.parent.tokenizer.pad_token_id),
        train_dataset=_fit_sft.rows(fit.examples).select(fit.course.rows),
        processing_class=fit.parent.tokenizer,
        peft_config=config,
        callbacks=list(callbacks),
        optimizers=_fit_run.optimizers(fit, whole),
    )
    made.generalized_jsd_loss = partial(GKDTrainer.generalized_jsd_loss, temperature=distil.temperature)
    return made


class Batch:
    """Rows as tensors: whole ones padded on the right, their prompts, which a pupil goes on from, on the left."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        ids = [row["input_ids"] for row in rows]
        prompts = [
            [i for i, label in zip(row["input_ids"], row["labels"], strict=True) if label == _fit_sft.IGNORED]
            for row in rows
        ]
        return {
            "input_ids": _filled(ids, self.pad, "right"),
            "attention_mask": _filled([[1] * len(row) for row in ids], 0, "right"),
            "labels": _filled([row["labels"] for row in rows], _fit_sft.IGNORED, "right"),
            "prompts": _filled(prompts, self.pad, "left"),
            "prompt_attention_mask": _filled([[1] * len(row) for row in prompts], 0, "left"),
        }


def _filled(rows: Sequence[Sequence[int]], value: int, side: str) -> torch.Tensor:
    width = max(map(len, rows))
    holes = [[value] * (width - len(row)) for row in rows]
    both = zip(holes, rows, strict=True)
    return torch.tensor([[*hole, *row] if side == "left" else [*row, *hole] for hole, row in both])


class Sized(torch.nn.Module):
    """A head whose scores have another width: what is over is cut, what lacks is never likely."""

    def __init__(self, head: torch.nn.Module, width: int) -> None:
        super().__init__()
        self.head, self.width = head, width

    @property
    def weight(self) -> torch.Tensor:
        weight: torch.Tensor = self.head.weight  # type: ignore[assignment]  # torch calls every attribute either
        return weight

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(hidden)
        lacking = self.width - scores.shape[-1]
        if lacking <= 0:
            return scores[..., : self.width]
        return torch.nn.functional.pad(scores, (0, lacking), value=NEVER)


def sized(teacher: Any, width: int) -> Any:
    config = teacher.config.get_text_config()
    if config.vocab_size != width:
        teacher.set_output_embeddings(Sized(teacher.get_output_embeddings(), width))
        config.vocab_size = width
    return teacher.eval().requires_grad_(False)
