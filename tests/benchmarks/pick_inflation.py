"""How much the best of several checkpoints is flattered on C-Eval val, and whether `bench pick` estimates it: by hand.

Example: python tests/benchmarks/pick_inflation.py ../shared/data/ceval/ceval-exam.zip (a minute on one core)
Eight checkpoints that are equally good, at the real subject sizes (52 subjects, 1,346 questions, plain mean of subjects).
Each question has a chance of its own to be answered, so that two checkpoints disagree on 15, 21 or 30 % of them.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from harness import stats
from harness.verdicts import pick

WORLDS = {"15 %": (0.22, 0.25), "21 %": (0.35, 0.40), "30 %": (0.70, 0.80)}  # flips between two -> Beta of the chances
APART = (0.0, 0.01, 0.03)  # standard deviation of the true scores
SEEDS = 150


def sizes(archive: Path) -> list[int]:
    """Questions of each subject of C-Eval val."""
    with zipfile.ZipFile(archive) as opened:
        names = [n for n in opened.namelist() if n.startswith("val/") and n.endswith(".csv")]
        return [sum(1 for _ in csv.reader(io.StringIO(opened.read(n).decode("utf-8-sig")))) - 1 for n in names]


def tried(subjects: np.ndarray, beta: tuple[float, float], apart: float, k: int) -> tuple[float, float]:
    """(how much the best really is flattered, how much we say it is), in points, over all seeds."""
    weights = stats.weights(subjects.tolist(), subjects.size)
    real, said = [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        chances = np.clip(rng.beta(*beta, subjects.size) + rng.normal(0, apart, (k, 1)), 0, 1)
        units = (rng.random((k, subjects.size)) < chances) * weights
        best = int(units.sum(axis=1).argmax())
        real.append(float(units[best].sum() - chances[best] @ weights))
        said.append(pick.inflation(units, subjects, draws=400))
    return 100 * float(np.mean(real)), 100 * float(np.mean(said))


def main() -> None:
    subjects = np.repeat(np.arange(52), sizes(Path(sys.argv[1])))
    print("flips   checkpoints   true scores apart   really flattered   said")
    for name, beta in WORLDS.items():
        for apart in APART:
            for k in (3, 8) if apart == 0 else (8,):
                real, said = tried(subjects, beta, apart, k)
                print(f"{name:<8}{k:>10}{100 * apart:>17.0f} points{real:>17.2f}{said:>9.2f}")


if __name__ == "__main__":
    main()
