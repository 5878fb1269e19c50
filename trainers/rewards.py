"""Rewards of GRPO: the scorers that the board ranks by, so that what is trained for and what is measured are one thing.

Example: rewards(Grpo(rewards=("number",)), examples, tokenizer, stop_ids) -> one function that TRL calls with ids, and that
gives 1.0 to a right answer. Trap: a checkpoint so trained is better at being graded by that scorer, hence `trained_on` in
its lineage. An answer is graded apart and killed when it hangs; where there is nothing to say (None), and nowhere else in
bench, that counts as 0: a group of answers needs numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from harness import plugins, scoring
from harness.engines._answering import decoded
from harness.errors import UserError
from harness.records import Response, Sample
from harness.text import opens_thinking, split_thinking
from trainers.recipe import Grpo
from trainers.rows import Example

OWN = "own"  # the scorer that each row's task has
Reward = Callable[..., list[float]]


def names(grpo: Grpo, examples: Sequence[Example]) -> tuple[str, ...]:
    """The scorers that are trained for, as a lineage lists them; a sentence where a row can't be graded."""
    for example in examples:
        row = example.row
        if row.sample is None or row.sample.target is None:
            raise UserError(
                f"row {row.number} of {row.source} has no gold to reward an answer by; grpo needs one for each"
            )
        if not grpo.rewards and row.scorer is None:
            raise UserError(f'row {row.number} of {row.source} names no scorer; set grpo.rewards, such as ["number"]')
    if grpo.weights and len(grpo.weights) != len(grpo.rewards):
        raise UserError(
            f"grpo.weights has {len(grpo.weights)} numbers for {len(grpo.rewards)} rewards; give one for each"
        )
    found = grpo.rewards or tuple(sorted({str(e.row.scorer) for e in examples}))
    for name in found:
        plugins.find(scoring.SCORERS, name)
    return tuple(found)


def rewards(grpo: Grpo, examples: Sequence[Example], tokenizer: Any, stop_ids: Sequence[int]) -> list[Reward]:
    """One function for each scorer asked for; for none, one that grades each row by its own."""
    prompts = {i: str(tokenizer.decode(e.ids[-8:])) for i, e in enumerate(examples)}

    def reward(scorer: str) -> Reward:
        def grade(completion_ids: Sequence[Sequence[int]], row: Sequence[int], **_: Any) -> list[float]:
            asked = []
            for place, (ids, number) in enumerate(zip(completion_ids, row, strict=True)):
                example = examples[number].row
                response = written(place, ids, tokenizer, stop_ids, opened=opens_thinking(prompts[number]))
                assert example.sample is not None  # `names` has looked
                asked.append((str(example.scorer) if scorer == OWN else scorer, example.sample, response))
            return graded(asked)

        grade.__name__ = scorer
        return grade

    return [reward(scorer) for scorer in grpo.rewards or (OWN,)]


def written(
    place: int, ids: Sequence[int], tokenizer: Any, stop_ids: Sequence[int], *, opened: bool = False
) -> Response:
    """An answer as `bench run` would store it; `place` stands where the name of its run would."""
    split = split_thinking(decoded(ids, tokenizer), opened=opened)
    ended = bool(ids) and ids[-1] in stop_ids
    return Response(
        str(place), "", 0, text=split.answer, thinking=split.thinking, output_tokens=len(ids),
        stop="end" if ended else "length",
    )  # fmt: skip


def graded(asked: Sequence[tuple[str, Sample, Response]]) -> list[float]:
    """In the order of the answers; each by its scorer, in a process that is killed when it hangs."""
    values = [0.0] * len(asked)
    for _, response, score in scoring.score_each(asked):
        values[int(response.run)] = 0.0 if score.value is None else float(score.value)
    return values
