"""The option text with the highest log-probability per character, as lm-eval's `acc_norm`.

Example: logprobs (-6.0, -8.0) for "肝" and "肾上腺皮质" -> per character -6.0, -1.6 -> answer "B"; the raw sum says "A".
Trap: the raw sum prefers short options; models too small to bind letters are asked this way.
"""

from __future__ import annotations

from harness.records import Response, Sample, Score
from harness.scorers import Grader
from harness.scorers.options import best, letter, share, usable

VERSION = 1
ISOLATED = False

_GRADER = Grader("option_texts", VERSION)


def score(sample: Sample, response: Response) -> Score:
    logprobs = usable(response)
    if logprobs is None:
        return _GRADER.failed(sample, "error" if response.stop == "error" else "no_logprobs")
    if len(logprobs) != len(sample.choices):
        return _GRADER.failed(sample, "choices_differ")
    per_character = [x / max(len(text), 1) for x, text in zip(logprobs, sample.choices, strict=True)]
    answer = letter(best(per_character))
    detail = {
        "logprobs": list(logprobs),
        "probability": share(per_character, sample.target),
        "raw_sum": letter(best(logprobs)),
    }
    return _GRADER.verdict(sample, answer == sample.target, answer, "argmax_per_character", detail)
