"""Free text without a gold: value None; only the reply's health is judged, its lengths are measured by metrics.

Example: a medical consultation of 300 words -> outcome "ungraded"; one cut off at max_tokens -> "truncated".
"""

from __future__ import annotations

from dataclasses import replace

from harness.records import Response, Sample, Score
from harness.scorers import Grader, reply

VERSION = 1
ISOLATED = False

_GRADER = Grader("text", VERSION)


def score(sample: Sample, response: Response) -> Score:
    sample = replace(sample, target=None)  # a reference text may be there, but nothing here can grade against it
    unhealthy = _GRADER.unhealthy(sample, response)
    if unhealthy:
        return unhealthy
    if response.stop == "length":
        return _GRADER.unanswered(sample, response)
    return _GRADER.verdict(sample, False, reply(response), "text")
