"""Made pairs of runs with known flips: what the tests of the gate judge.

Example: pair("ceval", 1346, 118, 76) -> baseline and candidate, 118 right answers lost and 76 gained.
"""

from __future__ import annotations

import functools

import numpy as np

from harness.records import Outcomes

MUST = {
    "exam": "9f3c",
    "key": "aa01",
    "settings": {"shots": 5, "max_tokens": 512},
    "scorer": "number@1",
    "judge": "none",
}


@functools.cache
def ids(task, n):
    return tuple(f"{task}{7919 * i % 100003:06d}" for i in range(n))


def outcomes(task, values, must=None, should=None, **fields):
    fingerprint = {
        "must": must or MUST,
        "should": should or {"engine": {"dtype": "bfloat16"}},
        "own": {},
        "recipe": {},
    }
    made = {
        "task": task,
        "metric": "accuracy",
        "checkpoint": "c0ffee",
        "fingerprint": fingerprint,
        "samples": ids(task, len(values)),
        "values": tuple(values.astype(float).tolist() if isinstance(values, np.ndarray) else values),
        **fields,
    }
    return Outcomes(**made)


def pair(task, n, lost, gained, **fields):
    """`lost` right answers became wrong, `gained` the other way; of the rest a half is right on both sides."""
    rest = [i % 2 for i in range(n - lost - gained)]
    before, after = [1] * lost + [0] * gained + rest, [0] * lost + [1] * gained + rest
    return outcomes(task, before, name="base", **fields), outcomes(task, after, name="med-r16", **fields)


def drawn(rng, task, n, flipped, drop, **fields):
    cells = [(flipped + drop) / 2, (flipped - drop) / 2, 0.45, 0.55 - flipped]
    kind = rng.choice(4, n, p=cells)
    return outcomes(task, np.isin(kind, (0, 2)), **fields), outcomes(task, np.isin(kind, (1, 2)), **fields)
