"""How honest the composite's intervals are: coverage of Overall, false alarms of a paired change, time of 10,000 draws.

Run by hand: `python tests/benchmarks/composite_levels.py`; about two minutes on one core. Prints one table a question.
"""

from __future__ import annotations

import time

import numpy as np

from harness.records import Outcomes
from harness.verdicts import composite, profile

RULES = profile.read("distill-v1")
SIMULATIONS, DRAWS = 1_000, 1_000
GIB = 2**30


def outcomes(
    right: np.ndarray, tokens: np.ndarray, health: np.ndarray, task: str = "gsm8k", **fields: object
) -> Outcomes:
    measures = {"answer_tokens": tuple(tokens.tolist()), "cot_health": tuple(health.tolist())}
    ids = tuple(f"{task}{i}" for i in range(right.size))
    made = {"measures": measures, "bytes": 3 * GIB, "unit": "share", "chance": 0.0} | fields
    return Outcomes(task, "accuracy", "c", {}, ids, tuple(right.astype(float).tolist()), **made)  # type: ignore[arg-type]


def drawn(rng: np.random.Generator, n: int, difficulty: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Hard questions are wrong, long and badly argued together, as real ones are."""
    hard = rng.random(n) if difficulty is None else difficulty
    right = rng.random(n) < 1 - hard
    tokens = 100 * np.exp(1.5 * hard + rng.normal(0, 0.4, n))
    health = np.clip(1 - 0.4 * hard * rng.random(n), 0, 1)
    return right, tokens, health


def coverage() -> None:
    print(f"coverage of the 95 % interval of Overall, {SIMULATIONS} simulations")
    rng = np.random.default_rng(0)
    truth = composite.overall([outcomes(*drawn(rng, 1_000_000))], RULES, draws=0).value
    assert truth is not None
    for n in (30, 100, 300, 1319):
        held = 0
        for seed in range(SIMULATIONS):
            found = composite.overall([outcomes(*drawn(rng, n))], RULES, draws=DRAWS, seed=seed)
            assert found.low is not None and found.high is not None
            held += found.low <= truth <= found.high
        print(f"  n {n:5}: {100 * held / SIMULATIONS:.1f} %")


def false_alarms() -> None:
    print(f"two samplings of one checkpoint called worse at one-sided 5 %, {SIMULATIONS} simulations")
    rng = np.random.default_rng(1)
    for n in (30, 100, 300, 1319):
        called = 0
        for seed in range(SIMULATIONS):
            hard = rng.random(n)
            sides = [[outcomes(*drawn(rng, n, hard))] for _ in range(2)]
            found = composite.change(*sides, RULES, counter="own", draws=DRAWS, seed=seed)[0]
            assert found.p is not None
            called += found.p <= 0.05
        print(f"  n {n:5}: {100 * called / SIMULATIONS:.1f} %")


def seconds() -> None:
    rng = np.random.default_rng(2)
    for n in (1_319, 5_000, 20_000):
        one = [outcomes(*drawn(rng, n))]
        before = time.process_time()
        composite.overall(one, RULES)
        middle = time.process_time()
        composite.change(one, [outcomes(*drawn(rng, n))], RULES, counter="own")
        print(
            f"10,000 draws, n {n:6,}: overall {middle - before:.2f} s, change {time.process_time() - middle:.2f} s of CPU"
        )


if __name__ == "__main__":
    seconds()
    coverage()
    false_alarms()
