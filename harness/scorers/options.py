"""The option with the highest log-probability, as lm-eval's `acc`: for options that are letters.

Example: logprobs (-2.3, -0.4, -3.1, -2.8), target "B" -> answer "B", value 1.0, probability 0.75.
Trap: a checkpoint that says "A" to everything scores chance, not zero; see metrics/choice_skew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.records import Response, Sample, Score
from harness.scorers import Grader

VERSION = 1
ISOLATED = False

_GRADER = Grader("options", VERSION)


def score(sample: Sample, response: Response) -> Score:
    logprobs = usable(response)
    if logprobs is None:
        return _GRADER.failed(sample, "error" if response.stop == "error" else "no_logprobs")
    answer = letter(best(logprobs))
    detail = {"logprobs": list(logprobs), "probability": share(logprobs, sample.target)}
    return _GRADER.verdict(sample, answer == sample.target, answer, "argmax", detail)


def usable(response: Response) -> tuple[float, ...] | None:
    """The options' log-probabilities, None where the engine failed or gave no numbers."""
    logprobs = response.logprobs
    if response.stop == "error" or not logprobs or any(math.isnan(x) for x in logprobs):
        return None
    return logprobs


def best(values: Sequence[float]) -> int:
    """Index of the largest value; of equal ones the first, as numpy's argmax in lm-eval does."""
    return max(range(len(values)), key=values.__getitem__)


def letter(index: int) -> str:
    return chr(ord("A") + index)


def share(logprobs: Sequence[float], target: str | None) -> float | None:
    """The softmax share of the gold option; None without a gold or with nothing but -inf."""
    top = max(logprobs)
    if not target or len(target) != 1 or not 0 <= ord(target) - ord("A") < len(logprobs) or math.isinf(top):
        return None
    weights = [math.exp(x - top) for x in logprobs]
    return weights[ord(target) - ord("A")] / sum(weights)
