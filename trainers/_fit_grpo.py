"""GRPO by TRL: the model answers each question several times, and is moved towards the answers that scored better.

Example: batch 16 with 8 generations is 2 questions a step, 8 answers each; each answer's reward is counted against its
group's mean, so a group in which all are right, or all wrong, teaches nothing. When that goes on, or when every answer runs
into the limit, the training stops and says so. Trap: TRL would tokenise prompts anew, and add a second BOS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from harness.errors import UserError
from trainers import _fit_run, rewards
from trainers._fit_run import Fit, Fitted, Guard
from trainers.recipe import Grpo, Recipe

GROUPS = 64  # without a difference, one after the other, that end a training
FEWEST_STEPS = 8


def questions_a_step(recipe: Recipe) -> int:
    """optim.batch counts answers, as it counts rows elsewhere."""
    batch, each = recipe.optim.batch, recipe.grpo.generations
    if each < 2:
        raise UserError(f"grpo.generations is {each}; answers are compared within a group, so give at least 2")
    if batch % each:
        raise UserError(
            f"optim.batch {batch} is no multiple of grpo.generations {each}; a step takes whole groups, such as {each * 2}"
        )
    return batch // each


def fit(asked: Fit, model: Any) -> Fitted:
    guard = Idle(asked)
    return _fit_run.run(asked, lambda fit, callbacks: trainer(fit, model, callbacks), guard)


def trainer(fit: Fit, model: Any, callbacks: Sequence[Any]) -> GRPOTrainer:
    grpo = fit.recipe.grpo
    whole, config = _fit_run.adapted(fit, model)
    model.generation_config.eos_token_id = list(fit.parent.stop_ids)  # TRL ends answers where this says
    arguments = GRPOConfig(
        **_fit_run.arguments(fit),
        num_generations=grpo.generations,
        max_completion_length=grpo.max_tokens,
        temperature=grpo.temperature,
        beta=grpo.beta,
        reward_weights=list(grpo.weights) or None,
        shuffle_dataset=False,
    )
    return _Asked(
        model=whole,
        reward_funcs=list(rewards.rewards(grpo, fit.examples, fit.parent.tokenizer, fit.parent.stop_ids)),
        args=_fit_run.one_card(arguments),
        train_dataset=prompts(fit),
        processing_class=fit.parent.tokenizer,
        peft_config=config,
        callbacks=list(callbacks),
        optimizers=_fit_run.optimizers(fit, whole),
    )


def prompts(fit: Fit) -> Dataset:
    """In the order of the course, filled up from its beginning: a step takes whole groups or none."""
    order = list(fit.course.rows)
    lacking = -len(order) % questions_a_step(fit.recipe)
    order += [order[i % len(order)] for i in range(lacking)]
    return Dataset.from_list([{"prompt": list(fit.examples[i].ids[: fit.examples[i].prompt]), "row": i} for i in order])


class _Asked(GRPOTrainer):  # type: ignore[misc]  # TRL is untyped
    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [list(ids) for ids in prompts], None, {}


class Idle(Guard):
    """Stops a training in which nothing can be learned any more."""

    def __init__(self, fit: Fit) -> None:
        super().__init__(fit)
        self.most = max(FEWEST_STEPS, -(-GROUPS // questions_a_step(fit.recipe)))
        self.same = self.cut = 0  # steps in a row

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
        if not logs or "frac_reward_zero_std" not in logs:
            return
        self.same = self.same + 1 if logs["frac_reward_zero_std"] >= 1 else 0
        self.cut = self.cut + 1 if logs.get("completions/clipped_ratio", 0) >= 1 else 0
        if self.ended is None and (
            why := idle(self.fit.recipe.grpo, self.same, self.cut, self.most, logs.get("reward"))
        ):
            self.ended = f"stopped at step {state.global_step}: {why}"
        if self.ended:
            control.should_training_stop = True


def idle(grpo: Grpo, same: int, cut: int, most: int, reward: float | None) -> str | None:
    """Why to stop, after so many steps in a row without a difference in any group, or without an answer that ended."""
    if cut >= most:
        return (
            f"for {cut} steps every answer ran into the limit of {grpo.max_tokens} tokens; raise grpo.max_tokens, or train "
            "the parent to answer first"
        )
    if same >= most:
        known = "" if reward is None else f" ({reward:.2f} in the last)"
        return (
            f"for {same} steps all answers to a question had the same reward{known}, so there was nothing to learn; take "
            "questions that the parent sometimes gets right"
        )
    return None
