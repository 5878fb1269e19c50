"""Before the gate is trusted: what it would see, a bench.toml that it takes, and the engine's own flips."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ceval_sizes import VAL, subjects
from gate_world import bench, three_runs
from pairs import drawn, outcomes, pair

from harness import config
from harness.cli._gate_init import write
from harness.errors import UserError
from harness.store.open import open_store
from harness.verdicts import gate, noise, power
from harness.verdicts.policy import TaskPolicy

# -- power ----------------------------------------------------------------------------------------------------


def test_the_drop_and_the_questions_are_those_of_the_published_table() -> None:
    suite = [pair("ceval", 1346, 101, 101)]
    (found,) = power.power(suite)
    assert found.mde == pytest.approx(0.026, abs=0.0005) and found.method == "flips"
    assert dict(found.needed) == {
        0.01: pytest.approx(9272, rel=0.002), 0.02: pytest.approx(2317, rel=0.002),
        0.03: pytest.approx(1029, rel=0.002), 0.05: pytest.approx(369, rel=0.01),
    }  # fmt: skip
    said = power.sentence([found], power.Simulated(1000, 0.046, 0.046, 0.0))
    assert said == (
        "This gate fails 4.6 % of no-change comparisons and catches a drop of 2.6 points on ceval 8 times of 10; "
        "2.0 points on ceval would need 2,318 questions."
    )


def test_power_is_what_the_gate_itself_prints() -> None:
    policy = gate.Policy(alpha=0.01, task={"a": TaskPolicy(tolerance="3pt")})
    suite = [pair("a", 800, 60, 60), pair("b", 2000, 70, 60)]
    printed = {j.task: j.change.mde for j in gate.judge(suite, policy).tasks if j.change}
    assert {t.task: t.mde for t in power.power(suite, policy)} == printed


def test_an_unequal_weight_of_subjects_costs_questions() -> None:
    names = subjects(VAL)
    suite = [drawn(np.random.default_rng(1), "ceval", len(names), 0.15, 0, subjects=names, average="macro")]
    (macro,) = power.power(suite)
    (micro,) = power.power([tuple(dataclasses.replace(o, average="micro") for o in suite[0])])
    assert macro.mde > micro.mde
    assert dict(macro.needed)[0.02] > dict(micro.needed)[0.02] > 1346


def measured(n: int, seed: int, flips: float) -> tuple[Any, Any]:
    """Two classifiers on unequal classes whose f1 is no mean, made by the metric's own file."""
    import pandas as pd

    from harness import metrics

    rng = np.random.default_rng(seed)
    golds = np.where(rng.random(n) < 0.2, "yes", "no")
    sides = []
    for _ in range(2):
        answers = np.where(rng.random(n) < flips, np.where(golds == "yes", "no", "yes"), golds)
        table = pd.DataFrame({"sample": [str(i) for i in range(n)], "repeat": 0, "position": range(n), "answer": answers,
                              "target": golds, "value": (answers == golds).astype(float), "text": answers,
                              "choices": [()] * n, "outcome": "wrong"})  # fmt: skip
        found = metrics.find("f1_macro")
        columns = {name: tuple(np.asarray(v, float).tolist()) for name, v in found.statistics(table).items()}
        sides.append(outcomes("verdicts", np.asarray(table["value"]), metric="f1_macro", is_mean=False, unit="share",
                              statistics=columns))  # fmt: skip
    return sides[0], sides[1]


def test_a_measure_is_tried_by_its_own_swaps_and_keeps_what_it_says() -> None:
    suite = [measured(200, 3, 0.12)]
    (found,) = power.power(suite)
    assert found.method == "swaps"
    flips = (
        dataclasses.replace(suite[0][0], is_mean=True, statistics={}),
        dataclasses.replace(suite[0][1], is_mean=True, statistics={}),
    )
    (by_flips,) = power.power([flips])
    assert abs(found.mde - by_flips.mde) > 0.005  # the formula of accuracy says another number
    drop = power.simulate(suite, draws=30, seed=5, drops={"verdicts": found.mde})
    assert 0.6 <= dict(drop.caught)["verdicts"] <= 0.95  # more draws: tests/benchmarks/gate_levels.py


def test_the_simulated_gate_wolf_cries_as_often_as_alpha_says_and_drops_are_seen() -> None:
    policy = gate.Policy(task={t: TaskPolicy(tolerance="0.01pt") for t in "ab"})
    suite = [pair("a", 400, 30, 30), pair("b", 300, 20, 25, clusters=tuple(f"c{i // 3}" for i in range(300)))]
    calm = power.simulate(suite, policy, draws=300)
    assert 0.015 <= calm.failed <= 0.085 and calm.by_guards == 0
    assert power.simulate(suite, policy, draws=20, seed=9) == power.simulate(suite, policy, draws=20, seed=9)
    lost = power.simulate(suite, policy, draws=40, drops={"a": 0.3})  # twice as much as all flips are
    assert dict(lost.caught)["a"] == 1.0


def test_guards_are_tried_with_the_answers_they_belong_to() -> None:
    """Answers of half the length breach a guard; changing sides at random, the same lengths are no collapse."""
    before, after = pair("t", 300, 15, 15)
    lengths = np.random.default_rng(2).lognormal(5, 0.5, 300)
    before = replace(before, measures={"answer_tokens": tuple(lengths.tolist()), "only_here": (1.0,) * 300})
    after = replace(after, measures={"answer_tokens": tuple((lengths * 0.5).tolist())})
    assert gate.judge([(before, after)]).exit_code == 3
    found = power.simulate([(before, after)], draws=60)
    assert found.failed <= 0.12 and found.failed == pytest.approx(found.by_scores + found.by_guards)


def test_without_a_pair_flips_are_assumed_and_balanced() -> None:
    run = outcomes("t", np.array([1.0] * 600 + [0.0] * 400))
    other = power.assumed(run, 0.15)
    assert other is not None
    verdict = gate.judge([(run, other)]).tasks[0].change
    assert verdict is not None and (verdict.lost, verdict.gained) == (75, 75)
    assert power.assumed(outcomes("t", np.array([0.3, 0.7])), 0.15) is None


# -- the commands ---------------------------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    three_runs(tmp_path)
    return tmp_path


def test_power_on_the_command_line(work: Path) -> None:
    done = bench("gate", "power", "good", "--baseline", "base", "--draws", "30")
    assert done.exception is None, done.output
    assert done.output.startswith("This gate fails ") and "false alarms:" in done.output and "quiz" in done.output
    found = json.loads(bench("gate", "power", "base", "--flips", "10", "--draws", "0", "--json").stdout)
    assert (found["assumed_flips"], found["false_alarms"], found["tasks"][0]["n"]) == (0.1, None, 240)
    assert found["tasks"][0]["flipped"] == pytest.approx(0.1)
    assert [row["drop"] for row in found["tasks"][0]["needed"]] == [0.01, 0.02, 0.03, 0.05]
    bench("export", "good", "-o", "good.json")
    bench("export", "base", "-o", "base.json")
    (work / "results" / "bench.db").unlink()
    files = bench("gate", "power", "file:good.json", "--baseline", "file:base.json", "--draws", "0")
    assert files.exception is None and "quiz" in files.output


def test_init_writes_what_the_gate_takes_and_never_overwrites(work: Path) -> None:
    done = bench("gate", "init", "base", "--gates-per-month", "100")
    assert done.exception is None and "alpha 0.01" in done.output
    text = Path("bench.toml").read_text("utf-8")
    read = gate.policy(config.read(Path("bench.toml"), config.Bench).gate)
    assert (read.alpha, read.baseline, read.task["quiz"].metric) == (0.01, "base", "accuracy")
    assert bench("gate", "good").return_value == 0  # at once, without another word
    assert bench("gate", "bad").return_value == 3
    again = bench("gate", "init", "base")
    assert isinstance(again.exception, UserError) and "is not overwritten" in str(again.exception)
    assert Path("bench.toml").read_text("utf-8") == text
    shown = bench("gate", "init", "base", "-o", "-", "--gates-per-month", "4").stdout
    assert tomllib.loads(shown)["gate"]["alpha"] == 0.05
    # every line that is commented out for taking is one that the gate takes as well
    taken = re.sub(r"^# ((?:[a-z_]+ = |\[).*)$", r"\1", text, flags=re.MULTILINE)
    policy = gate.policy(tomllib.loads(taken)["gate"])
    assert policy.guard and policy.composite and policy.waive[0].task == "quiz" and policy.task["quiz"].min == "75pt"
    assert (policy.anchor, policy.on_missing_baseline, policy.strict, policy.fail_fast) == (
        "tag:release-1",
        "warn",
        True,
        200,
    )


def test_a_tolerance_of_init_costs_no_power() -> None:
    run = outcomes(
        "ceval:texts", np.arange(1346) % 2, measures={"answer_tokens": (5.0,) * 1346, "empty_rate": (0.0,) * 1346}
    )
    table = tomllib.loads(write([run], "base", gates=20))["gate"]
    asked = gate.policy(table)
    assert asked.task["ceval:texts"].tolerance == "1.5pt"
    other = power.assumed(run, 0.15)
    assert other is not None
    tiny = gate.Policy(task={"ceval:texts": TaskPolicy(tolerance="0.001pt")})
    assert power.power([(run, other)], asked)[0].mde == power.power([(run, other)], tiny)[0].mde


def test_a_number_is_asked_of_a_person_only(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli import _gate_init

    assert _gate_init._asked(as_json=True) == _gate_init.GATES
    assert bench("gate", "init", "base", input="").exception is None  # no terminal: the default
    assert tomllib.loads(Path("bench.toml").read_text("utf-8"))["gate"]["alpha"] == 0.05
    assert [_gate_init.alpha_of(n) for n in (1, 20, 30, 100, 400)] == [0.05, 0.05, 0.033, 0.01, 0.0025]


# -- the engine's own flips -----------------------------------------------------------------------------------


def test_noise_is_counted_and_told_of_a_comparison() -> None:
    first, second = pair("ceval", 1346, 10, 9)
    found = noise.noise(first, second)
    assert (found.n, found.flipped, found.lost, found.gained) == (1346, 19, 10, 9)
    assert found.low < 19 / 1346 < found.high
    change = gate.judge([pair("ceval", 1346, 118, 94)]).tasks[0].change
    assert change is not None
    assert noise.within(found, change).startswith(
        "ceval: about 19 of 212 flips are within engine noise (1.4 % of 1,346"
    )


@pytest.mark.engine
def test_aa_asks_the_same_checkpoint_again_in_a_store_of_its_own(
    tiny_checkpoint: Path, tiny_other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness import lookup
    from harness import noise as places

    monkeypatch.chdir(tmp_path)
    ran = bench(
        "run", "--model", tiny_checkpoint, "--tasks", "demo_facts", "--limit", "20", "--engine", "hf", "--name", "a"
    )
    assert ran.exception is None, ran.output
    store = tmp_path / "results" / "bench.db"
    with open_store(store, mode="ro") as opened:
        (before,) = lookup.outcomes("a", opened)
    assert places.known(store, before) is None
    done = bench("gate", "aa", "a", "--json")
    assert done.exception is None, done.output
    (task,) = json.loads(done.stdout)["tasks"]
    assert (task["n"], task["flipped"], task["first"]) == (20, 0, before.run) and task["second"] != before.run
    known = places.known(store, before)
    assert known is not None and (known.n, known.flipped) == (20, 0)
    with open_store(store, mode="ro") as opened:  # the run stays what it was
        assert lookup.outcomes("a", opened) == [before]
    _told_of_a_verdict(store, tiny_other)
    refused = bench("gate", "aa", "a", "--dtype", "bfloat16")
    assert "was answered with dtype 'float32', here it would be dtype 'bfloat16'" in str(refused.exception)
    with open_store(store) as opened, opened.transaction() as db:
        db.execute("UPDATE checkpoints SET path = ?", [str(tiny_other)])
    assert "is not what was run" in str(bench("gate", "aa", "a").exception)


def _told_of_a_verdict(store: Path, other: Path) -> None:
    """A gate on runs whose engine was tried says how many of the flips are the engine's; --json stays JSON."""
    ran = bench("run", "--model", other, "--tasks", "demo_facts", "--limit", "20", "--engine", "hf", "--name", "b")
    assert ran.exception is None, ran.output
    done = bench("gate", "b", "--baseline", "a", "--json")
    verdict = json.loads(done.stdout)
    change = verdict["tasks"][0]["change"]
    flips = change["lost"] + change["gained"]
    assert flips and f"about 0 of {flips} flips are within engine noise (0.0 % of 20" in done.stderr
