"""One million samples on one core: how long a verdict takes, plain, by subjects and by clusters, with all health measures.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/million.py`; the promise is 5 s of CPU for each line.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pairs import outcomes

from harness import metrics
from harness.reports import json
from harness.verdicts import gate

N = 1_000_000
PROMISED_SECONDS = 5.0


def main() -> None:
    rng = np.random.default_rng(0)
    ids = tuple(f"{x:016x}" for x in rng.integers(0, 2**63, N))
    kind = rng.choice(4, N, p=[0.06, 0.05, 0.4, 0.49])  # lost, gained, right, wrong
    rates = [name for name in metrics.health() if name.endswith("_rate") or name in ("repetition", "wrong_language")]
    shapes = {
        "plain": {},
        "52 subjects, macro": {"subjects": tuple(f"s{i % 52}" for i in range(N)), "average": "macro"},
        "200,000 clusters": {"clusters": tuple(f"c{i // 5}" for i in range(N))},
    }
    turned = rng.permutation(N).tolist()
    for name, shape in shapes.items():
        sides = []
        for right in ((0, 2), (1, 2)):
            measures = {rate: tuple((rng.random(N) < 0.02).astype(float).tolist()) for rate in rates}
            measures["answer_tokens"] = tuple(rng.lognormal(5, 0.5, N).round().tolist())
            side = outcomes("t", np.isin(kind, right), measures=measures, **shape)
            sides.append(dataclasses.replace(side, samples=ids))
        started = time.process_time()
        verdict = gate.judge([(sides[0], sides[1])])
        seconds = time.process_time() - started
        print(f"{name:<20} {seconds:.1f} s of CPU, {len(verdict.guards)} guards, exit {verdict.exit_code}")
        assert seconds <= PROMISED_SECONDS
        if not shape:
            other = sides[1]
            moved = {f: tuple(getattr(other, f)[i] for i in turned) for f in ("samples", "values")}
            measured = {k: tuple(v[i] for i in turned) for k, v in other.measures.items()}
            started = time.process_time()
            again = gate.judge([(sides[0], dataclasses.replace(other, **moved, measures=measured))])
            print(f"{'in another order':<20} {time.process_time() - started:.1f} s of CPU")
            assert json.render(again) == json.render(verdict)


if __name__ == "__main__":
    main()
