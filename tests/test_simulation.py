"""The gate's two promises, by simulation: no change is called worse 5 times of 100, the printed drop is seen 80 times.

Larger runs of the same, with other sizes, flips and measures: tests/benchmarks/gate_levels.py.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ceval_sizes import TEST, VAL, subjects
from pairs import drawn, outcomes

from harness import stats
from harness.cli._gate_init import write
from harness.verdicts import gate, power
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
    calm = [stats.sign_flip(flips(rng, n, 0.15, 0), names, draws=2000)[0] for _ in range(1000)]
    assert 0.034 <= np.mean(np.array(calm) <= 0.05) <= 0.068
    fallen = [stats.sign_flip(flips(rng, n, 0.15, drop), names, draws=2000)[0] for _ in range(600)]
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


def test_five_answers_a_question_are_one_question_with_a_finer_value() -> None:
    """198 questions of five answers each (GPQA Diamond's shape): pairing sees what two overlapping intervals hide."""
    rng = np.random.default_rng(8)
    easy = rng.beta(0.6, 0.6, 198)  # how often each question is answered right: most always or never
    before = rng.binomial(5, easy) / 5
    after = rng.binomial(5, np.clip(easy + 0.06, 0, 1)) / 5
    found = pair(outcomes("gpqa", before, repeats=5), outcomes("gpqa", after, repeats=5))
    worse, better = stats.sign_flip(found.better)
    apart = (after.mean() - before.mean()) / np.sqrt(before.var(ddof=1) / 198 + after.var(ddof=1) / 198)
    assert better < 0.05 < worse and apart < 1.645
