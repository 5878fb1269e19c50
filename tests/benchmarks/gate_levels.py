"""How often the gate is wrong about no change, and how often it catches the drop it prints: by the gate itself.

Example: python tests/benchmarks/gate_levels.py --draws 1000 --markdown        (about 20 minutes on one core)
Each row is a suite: its own questions are drawn anew with replacement, the two answers change sides by a coin (no change)
or by an unfair one (the printed drop). `one key` leaves significance alone to decide; `both keys` is what ships, guards included. Exit 1 where a level is above 6 % or
a printed drop is caught less than 75 times of 100; more than 85 is told: with several tasks Holm's later steps add to it.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ceval_sizes import TEST, VAL, subjects
from pairs import drawn, outcomes

from harness.verdicts import gate, power
from harness.verdicts.policy import TaskPolicy

Suite = list[tuple[Any, Any]]


def plain(n: int, flipped: float) -> Suite:
    return [drawn(np.random.default_rng(n), "t", n, flipped, 0)]


def macro(sizes: dict[str, int], flipped: float) -> Suite:
    names = subjects(sizes)
    return [drawn(np.random.default_rng(1), "ceval", len(names), flipped, 0, subjects=names, average="macro")]


def clustered() -> Suite:
    return [drawn(np.random.default_rng(2), "cases", 600, 0.15, 0, clusters=tuple(f"c{i // 5}" for i in range(600)))]


def graded() -> Suite:
    rng = np.random.default_rng(3)
    base = rng.beta(2, 2, 500)
    sides = [np.clip(base + rng.normal(0, 0.15, 500), 0, 1) for _ in range(2)]
    return [(outcomes("cot", sides[0]), outcomes("cot", sides[1]))]


def repeats() -> Suite:
    rng = np.random.default_rng(4)
    easy = rng.beta(0.6, 0.6, 400)
    sides = [rng.binomial(5, easy) / 5 for _ in range(2)]
    return [(outcomes("gpqa", sides[0], repeats=5), outcomes("gpqa", sides[1], repeats=5))]


def f1() -> Suite:
    from test_power import measured

    return [measured(300, 3, 0.12)]


def several() -> Suite:
    """Three tasks with lengths and rates beside them, which the guards judge."""
    rng = np.random.default_rng(5)
    found = []
    for task, n in (("math", 250), ("cot", 800), ("choice", 1346)):
        sides = []
        for o in drawn(rng, task, n, 0.15, 0):
            measures = {
                name: tuple((rng.random(n) < 0.02).astype(float).tolist()) for name in ("truncated_rate", "repetition")
            }
            measures["answer_tokens"] = tuple(rng.lognormal(5, 0.6, n).tolist())
            sides.append(dataclasses.replace(o, measures=measures))
        found.append((sides[0], sides[1]))
    return found


ROWS: dict[str, Callable[[], Suite]] = {
    **{f"{n:,} questions, {100 * d:g} % flips": (lambda n=n, d=d: plain(n, d)) for n in (200, 1346) for d in (0.05, 0.15, 0.3)},
    "C-Eval val, macro of 52, 5 % flips": lambda: macro(VAL, 0.05),
    "C-Eval val, macro of 52, 15 % flips": lambda: macro(VAL, 0.15),
    "C-Eval test, macro of 52, 15 % flips": lambda: macro(TEST, 0.15),
    "120 cases of 5 questions": clustered,
    "500 graded answers": graded,
    "400 questions, five answers each": repeats,
    "macro-F1 of 300 answers": f1,
    "three tasks with guards": several,
}  # fmt: skip


def rows(draws: int, wanted: str) -> Iterator[tuple[str, list[str], bool]]:
    for name, make in ROWS.items():
        if wanted not in name:
            continue
        began = time.process_time()
        suite = make()
        tasks = {after.task: TaskPolicy(tolerance="0.001pt") for _, after in suite}
        asked = gate.Policy(task=tasks)
        found = power.power(suite)
        alone = power.simulate(suite, asked, draws, seed=1).by_scores
        both = power.simulate(suite, None, draws, seed=2).failed
        caught = [
            dict(power.simulate(suite, None, draws, seed=3, drops={t.task: t.mde}).caught)[t.task] for t in found
        ]  # fmt: skip
        cells = [f"{100 * alone:.1f}", f"{100 * both:.1f}", ", ".join(f"{100 * t.mde:.2f}" for t in found),
                 ", ".join(f"{100 * c:.1f}" for c in caught), f"{time.process_time() - began:.0f}"]  # fmt: skip
        slack = 2 * (0.05 / draws) ** 0.5  # two standard errors of a simulation of so many draws
        yield name, cells, alone <= 0.06 + slack and both <= 0.06 + slack and min(caught) >= 0.75 - 2 * slack


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    head = [
        "suite",
        "false alarms of scores, one key %",
        "of the gate, both keys %",
        "printed drop, points",
        "caught %",
        "CPU s",
    ]
    held = True
    if asked.markdown:
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    else:
        print("  ".join(head))
    for name, cells, good in rows(asked.draws, asked.only):
        held &= good
        line = [name, *cells]
        print(
            "| " + " | ".join(line) + " |" if asked.markdown else f"{name:40}" + "  ".join(f"{c:>16}" for c in cells),
            flush=True,
        )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
