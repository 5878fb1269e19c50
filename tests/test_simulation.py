"""The gate's two promises, by simulation: no change is called worse 5 times of 100, the printed drop is seen 80 times.

Larger runs of the same, with other sizes, flips and measures: tests/benchmarks/gate_levels.py.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from ceval_sizes import TEST, VAL, subjects
from pairs import drawn, outcomes

from harness import stats
from harness.cli._gate_init import write
from harness.verdicts import compare, gate, power
from harness.verdicts.compare import pair


def flips(rng: np.random.Generator, n: int, flipped: float, drop: float) -> np.ndarray:
    """Differences of n questions: -1 lost, 1 gained."""
    return rng.choice([-1.0, 0.0, 1.0], n, p=[(flipped + drop) / 2, 1 - flipped, (flipped - drop) / 2])


def test_no_change_suites_of_the_file_that_init_writes_fail_at_most_6_of_100() -> None:
    rng = np.random.default_rng(1)
    lengths = {"answer_tokens": tuple(np.round(rng.lognormal(5, 0.6, 250)).tolist())}
    other = {"answer_tokens": tuple(np.round(rng.lognormal(5, 0.6, 250)).tolist())}
    suite = [
        (drawn(rng, "math", 250, 0.2, 0, measures=lengths)[0], drawn(rng, "math", 250, 0.2, 0, measures=other)[1]),
        drawn(rng, "choice", 400, 0.1, 0),
    ]
    policy = gate.policy(tomllib.loads(write([before for before, _ in suite], "base", gates=20))["gate"])
    assert set(policy.task) == {"math", "choice"}
    found = power.simulate(suite, policy, draws=1000)
    assert 0.01 <= found.failed <= 0.06


def test_the_macro_tests_level_and_power_at_cevals_real_subject_sizes() -> None:
    """52 subjects of 12 to 55 questions: a flip in the smallest weighs 4.6 of one in the largest."""
    names = subjects(VAL)
    n = len(names)
    weights = stats.weights(names, n)
    effective = 1 / float(weights @ weights)
    drop = stats.mde(effective, 0.15)
    rng = np.random.default_rng(2)
    unmoved = [flips(rng, n, 0.15, 0) for _ in range(700)]
    calm = np.array([stats.sign_flip(one, names, draws=2000) for one in unmoved])
    assert all(0.034 <= share <= 0.068 for share in (calm <= 0.05).mean(axis=0))  # worse, and better
    ends = np.array([stats.paired_interval(one, names, confidence=0.90) for one in unmoved])
    assert 0.87 <= np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0)) <= 0.93
    fallen = [stats.sign_flip(flips(rng, n, 0.15, drop), names, draws=2000)[0] for _ in range(500)]
    assert 0.75 <= np.mean(np.array(fallen) <= 0.05) <= 0.85


def test_the_gate_prints_the_drop_that_its_macro_test_catches() -> None:
    names = subjects(VAL)
    suite = [drawn(np.random.default_rng(4), "ceval", len(names), 0.15, 0, subjects=names, average="macro")]
    (found,) = power.power(suite)
    paired = pair(*suite[0])
    assert paired.effective[0] < len(names) and found.mde == paired.mde(0.05)
    caught = power.simulate(suite, draws=60, drops={"ceval": found.mde}).caught
    assert 0.64 <= dict(caught)["ceval"] <= 0.93  # 1,000 draws: gate_levels.py


def test_an_injected_drop_is_as_large_as_it_says() -> None:
    from harness.verdicts._power_draws import Drawer

    names = subjects(VAL)
    before, after = drawn(np.random.default_rng(6), "ceval", len(names), 0.15, 0, subjects=names, average="macro")
    drawer, rng = Drawer(before, after), np.random.default_rng(7)
    for drop in (0.0, 0.02, 0.05, 0.2):  # the last is more than all flips: right answers are lost too
        changes = []
        for _ in range(60):
            paired = pair(*drawer.draw(rng, drop))
            changes.append(float((paired.weights * paired.better).sum()))
        assert np.mean(changes) == pytest.approx(-drop, abs=4 * np.std(changes) / 60**0.5)
        assert len(set(drawer.draw(rng, drop)[0].samples)) == len(names)


@pytest.mark.data
def test_the_sizes_are_those_of_the_real_files(data: Path) -> None:
    from harness.questions import catalogue, load

    exam = load.load(catalogue.find(["ceval"])[0], data)
    assert dict(Counter(sample.subject for sample in exam.samples)) == VAL
    assert (sum(VAL.values()), sum(TEST.values()), min(VAL.values()), max(VAL.values())) == (1346, 12342, 12, 55)


# How many of GPQA Diamond's 198 questions one model answered right in k of 5 runs (row) and another in j of 5 (column):
# counted from the public scores behind inspect_ai's issue 4206, which gives the figures that a paired test must find.
GPQA = [
    [19, 5, 6, 3, 2, 6],
    [3, 2, 2, 5, 3, 8],
    [2, 4, 0, 1, 2, 5],
    [2, 1, 1, 0, 2, 5],
    [4, 1, 2, 2, 2, 7],
    [1, 4, 2, 9, 8, 67],
]


def test_a_public_paired_vector_of_five_runs_a_question() -> None:
    """Published: 5.9 points, 95 % interval 0.4 to 11.3, two-sided p .036 paired and .149 unpaired."""
    cells = [(k / 5, j / 5) for k, row in enumerate(GPQA) for j, count in enumerate(row) for _ in range(count)]
    left, right = np.array(cells).T
    found = compare.compare(outcomes("gpqa", left, repeats=5), outcomes("gpqa", right, repeats=5))
    assert found.n == 198 and found.change == pytest.approx(0.059, abs=0.0005)
    ends = stats.paired_interval(right - left, confidence=0.95)
    assert ends == (pytest.approx(0.004, abs=0.0005), pytest.approx(0.113, abs=0.0005))
    assert found.p_better is not None and 2 * found.p_better == pytest.approx(0.036, abs=0.006)
    unpaired = (right.mean() - left.mean()) / np.sqrt(left.var(ddof=1) / 198 + right.var(ddof=1) / 198)
    assert 2 * (1 - NormalDist().cdf(unpaired)) == pytest.approx(0.149, abs=0.003)
    five = compare.compare(  # epochs counted as questions would be five times as sure
        outcomes("gpqa", np.repeat(left, 5)), outcomes("gpqa", np.repeat(right, 5))
    )
    assert five.p_better is not None and five.p_better < found.p_better / 50
