"""How often diagnose finds a fault in a healthy pair, and how small a planted one it finds. Run by hand.

    python tests/benchmarks/diagnose_alarms.py [worlds]

Each world is three tasks of 400 questions with all measures; of a healthy pair 15 % of the answers flip either way, and
each rate and length is drawn anew from the same distribution on both sides.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from pairs import outcomes

from harness.records import Outcomes
from harness.verdicts.diagnose import Facts, diagnose

N = 400
RATES = {"empty_rate": 0.004, "unparsed_rate": 0.04, "truncated_rate": 0.03, "repetition": 0.03, "wrong_language": 0.02, "refusal_rate": 0.02}  # fmt: skip
EXTRA = {"cut_at_the_limit": 0.05, "runs_on": 0.01}
TASKS = ("med", "sums", "trivia")
Pair = tuple[Outcomes, Outcomes]


def side(
    rng: np.random.Generator, task: str, right: np.ndarray, planted: dict[str, float], key: np.ndarray
) -> Outcomes:
    measures = {
        n: tuple((rng.random(N) < p + planted.get(n, 0.0)).astype(float).tolist()) for n, p in (RATES | EXTRA).items()
    }
    lengths = np.round(rng.lognormal(4.5, 0.6, N) * planted.get("ratio", 1.0)) + 1
    measures["answer_tokens"] = tuple(lengths.tolist())
    share = planted.get("letter", 0.0)
    chosen = np.where(rng.random(N) < share, 0, rng.integers(0, 4, N))
    for i, letter in enumerate("ABCD"):
        measures[f"choice_skew:{letter}"] = tuple(((chosen == i).astype(float) - (key == i)).tolist())
    measures["choice_skew:n"] = (1.0,) * N
    made: Outcomes = outcomes(task, right.astype(float), name="c", measures=measures, unit="share", chance=0.25)
    return made


def world(rng: np.random.Generator, planted: dict[str, float], drop: float) -> list[Pair]:
    pairs = []
    for task in TASKS:
        key, was = rng.integers(0, 4, N), rng.random(N) < 0.6
        fall = drop if task != "med" else 0.0
        flips = rng.random(N)
        now = np.where(was, flips >= 0.125 + fall / 1.2, flips < 0.1875)
        pairs.append((side(rng, task, was, {}, key), side(rng, task, now, planted, key)))
    return pairs


def main(worlds: int) -> None:
    rng = np.random.default_rng(0)
    facts = Facts(child="sft", parent="base", domain=frozenset({"med"}), domain_from="--domain")
    plans: dict[str, tuple[dict[str, float], float]] = {
        "healthy": ({}, 0.0),
        "answers 0.65x": ({"ratio": 0.65}, 0.0),
        "unparsed +5 points": ({"unparsed_rate": 0.05}, 0.0),
        "circles +3 points": ({"repetition": 0.03}, 0.0),
        "runs on +6 points": ({"runs_on": 0.06}, 0.0),
        "a letter, 1 answer of 4": ({"letter": 0.25}, 0.0),
        "general -6 points": ({}, 0.06),
        "general -10 points": ({}, 0.10),
    }
    for name, (planted, drop) in plans.items():
        found: Counter[str] = Counter()
        for _ in range(worlds):
            symptoms = diagnose(world(rng, planted, drop), facts).symptoms
            found.update({s.kind for s in symptoms if s.level != "info"} or {"none"})
        print(f"{name:25s}", ", ".join(f"{kind} {100 * n / worlds:.1f} %" for kind, n in found.most_common(4)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
