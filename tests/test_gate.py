"""The gate's promises: rarely wrong about no change, right about the drop it says it catches, and the same every time."""

from __future__ import annotations

import dataclasses
import json as stdlib_json
import random

import numpy as np
import pytest
from pairs import MUST, drawn, outcomes, pair

from harness.reports import json
from harness.verdicts import gate
from harness.verdicts.policy import TaskPolicy


def any_drop(*tasks):
    """A tolerance so small that significance is the only key left."""
    return gate.Policy(task={t: TaskPolicy(tolerance="0.01pt") for t in tasks})


# -- levels ---------------------------------------------------------------------------------------------------


def test_no_change_suites_fail_at_most_6_of_100_even_with_one_key():
    rng = np.random.default_rng(11)
    subjects = {"subjects": tuple(f"s{i % 20}" for i in range(400)), "average": "macro"}
    policy, failed, calm = any_drop("math", "choice", "exam"), 0, 0
    for _ in range(500):
        tokens = [{"answer_tokens": tuple(np.round(rng.lognormal(5, 0.5, 300)).tolist())} for _ in range(2)]
        math = drawn(rng, "math", 300, 0.2, 0)
        suite = [
            tuple(dataclasses.replace(o, measures=m) for o, m in zip(math, tokens, strict=True)),
            drawn(rng, "choice", 500, 0.1, 0),
            drawn(rng, "exam", 400, 0.15, 0, **subjects),
        ]
        verdict = gate.judge(suite, policy)
        failed += verdict.exit_code == 3
        calm += verdict.status in ("pass", "inconclusive") and verdict.exit_code == 0
    assert failed + calm == 500
    assert 0.01 <= failed / 500 <= 0.06


def test_noisy_health_measures_add_no_false_alarms_to_the_default_policy():
    rng, failed = np.random.default_rng(16), 0
    names = ("empty_rate", "truncated_rate", "unparsed_rate", "repetition", "wrong_language")
    for _ in range(250):
        suite = []
        for task, n in (("math", 250), ("cot", 400)):
            sides = []
            for o in drawn(rng, task, n, 0.15, 0):
                measures = {name: tuple((rng.random(n) < 0.04).astype(float).tolist()) for name in names}
                measures["answer_tokens"] = tuple(rng.lognormal(5, 0.6, n).tolist())
                sides.append(dataclasses.replace(o, measures=measures))
            suite.append(tuple(sides))
        failed += gate.judge(suite).exit_code == 3
    assert 0 < failed / 250 <= 0.06


@pytest.mark.parametrize(("n", "tolerance"), [(1346, "1.5pt"), (1346, "2.5pt"), (400, "")])
def test_a_drop_as_large_as_the_printed_one_is_caught_75_to_85_of_100(n, tolerance):
    rng = np.random.default_rng(n)
    policy = gate.Policy(task={"t": TaskPolicy(tolerance=tolerance)})
    printed = gate.judge([pair("t", n, round(0.075 * n), round(0.075 * n))], policy).tasks[0].change.mde
    caught = [gate.judge([drawn(rng, "t", n, 0.15, printed)], policy).exit_code == 3 for _ in range(400)]
    assert 0.75 <= np.mean(caught) <= 0.85


def test_among_several_tasks_too_the_printed_drop_is_kept():
    rng = np.random.default_rng(12)
    policy = gate.Policy(task={t: TaskPolicy(tolerance="1pt") for t in "abc"})
    still = [pair(t, 1000, 75, 75) for t in "bc"]
    printed = gate.judge([pair("a", 1000, 75, 75), *still], policy).tasks[0].change.mde
    caught = []
    for _ in range(200):
        verdict = gate.judge(
            [drawn(rng, "a", 1000, 0.15, printed), *(drawn(rng, t, 1000, 0.15, 0) for t in "bc")], policy
        )
        caught.append(verdict.tasks[0].judgement == "regressed")
    assert 0.75 <= np.mean(caught) <= 0.87


# -- judgements -----------------------------------------------------------------------------------------------


def test_the_sentence_is_for_a_tired_person():
    tokens = {"answer_tokens": tuple(200.0 + i % 50 for i in range(1346))}
    before, after = pair("demo_math", 1346, 118, 76, measures=tokens)
    after = dataclasses.replace(after, measures={"answer_tokens": tuple(v * 0.16 for v in tokens["answer_tokens"])})
    verdict = gate.judge([(before, after), pair("demo_zh", 1346, 70, 72)])
    assert verdict.sentence == (
        "Worse: -3.1 points on demo_math (90 % interval -4.8 to -1.4), "
        "and answers shrank to 0.16x on demo_math (224 -> 36 tokens, limit 0.7x); 1 of 2 tasks regressed."
    )
    assert (verdict.status, verdict.exit_code, verdict.before, verdict.after) == (
        "fail",
        3,
        "base",
        "med-r16",
    )


def test_a_sure_but_tolerable_drop_slips_and_passes():
    policy = gate.Policy(task={"t": TaskPolicy(tolerance="2pt")})
    verdict = gate.judge([pair("t", 12342, 1000, 850)], policy)
    assert (verdict.tasks[0].judgement, verdict.exit_code) == ("slipped", 0)
    assert "within what you tolerate" in verdict.sentence


def test_a_large_but_unsure_drop_is_inconclusive_and_fails_only_when_strict():
    suite = [pair("t", 50, 6, 3)]
    verdict = gate.judge(suite, gate.Policy(task={"t": TaskPolicy(tolerance="2pt")}))
    assert (verdict.tasks[0].judgement, verdict.exit_code) == ("inconclusive", 0)
    assert verdict.tasks[0].needs_n > 2000 and f"{verdict.tasks[0].needs_n:,} questions" in verdict.sentence
    strict = gate.judge(suite, gate.Policy(policy="strict", task={"t": TaskPolicy(tolerance="2pt")}))
    assert (strict.status, strict.exit_code) == ("inconclusive", 6)


def test_ok_needs_the_interval_above_the_tolerance_and_better_is_said():
    assert gate.judge([pair("t", 5000, 100, 100)]).tasks[0].judgement == "ok"
    better = gate.judge([pair("t", 1346, 70, 130)])
    assert better.tasks[0].judgement == "improved" and better.sentence.startswith("Better: +4.5 points on t")


def test_tolerances_default_to_a_point_or_to_what_the_run_can_see():
    small, large = (gate.judge([pair("t", n, n // 20, n // 20)]).tasks[0] for n in (200, 2000))
    assert large.tolerance == 0.01
    assert small.tolerance == pytest.approx(0.0556, abs=0.0005)
    relative = gate.judge([pair("t", 2000, 100, 100)], gate.Policy(task={"t": TaskPolicy(tolerance="4%")}))
    assert relative.tasks[0].tolerance == pytest.approx(0.04 * 0.5, abs=0.001)


def test_everything_a_bit_worse_is_seen_by_the_pooled_test_alone():
    policy = gate.Policy(task={f"t{i}": TaskPolicy(tolerance="2pt") for i in range(8)})
    verdict = gate.judge([pair(f"t{i}", 300, 26, 17) for i in range(8)], policy)
    assert {t.judgement for t in verdict.tasks} == {"inconclusive"}
    assert (
        verdict.exit_code == 3 and "no single task proves it, but all 8 tasks together fell by 1.5" in verdict.sentence
    )
    assert gate.judge([pair("t0", 300, 26, 17)], policy).exit_code == 0


def test_lower_is_better_regresses_upwards():
    rng = np.random.default_rng(13)
    low = rng.normal(8, 1, 1500)
    worse, better = low + 0.3 + rng.normal(0, 0.2, 1500), low - 0.3 + rng.normal(0, 0.2, 1500)
    before = outcomes("ppl", low, higher_is_better=False)
    for values, judgement in ((worse, "regressed"), (better, "improved")):
        verdict = gate.judge([(before, outcomes("ppl", values, higher_is_better=False))])
        assert verdict.tasks[0].judgement == judgement


# -- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["exam", "key", "scorer", "judge", "shots", "max_tokens"])
def test_every_must_field_flipped_alone_is_exit_4_naming_it(field):
    other = stdlib_json.loads(stdlib_json.dumps(MUST))
    (other if field in other else other["settings"])[field] = "changed"
    before, after = pair("ceval", 1346, 300, 10)
    after = dataclasses.replace(after, fingerprint={**after.fingerprint, "must": other})
    verdict = gate.judge([(before, after), pair("ok", 1000, 10, 10)])
    assert (verdict.status, verdict.exit_code) == ("not_comparable", 4)
    assert f"{field} is" in verdict.sentence and "changed" in verdict.sentence
    assert [t.judgement for t in verdict.tasks] == ["not_comparable", "ok"]


def test_a_vanished_task_is_exit_4_even_beside_a_regression():
    verdict = gate.judge([pair("a", 1346, 200, 20)], missing=["mathcot"])
    assert verdict.exit_code == 4
    assert "mathcot is in the baseline but was not run" in verdict.sentence and "on a (90 %" in verdict.sentence


def test_nothing_is_exit_5_and_never_a_pass():
    for pairs in ([], [(outcomes("a", [1, 0]), outcomes("a", []))], [(outcomes("a", []), outcomes("a", []))]):
        verdict = gate.judge(pairs)
        assert (verdict.status, verdict.exit_code) == ("nothing", 5)
        assert verdict.sentence.startswith("Nothing to compare:")


def test_another_engine_is_a_note_by_default_and_refused_when_strict_or_asked():
    before, after = pair("a", 1000, 20, 20)
    after = dataclasses.replace(after, fingerprint={**after.fingerprint, "should": {"engine": {"dtype": "float16"}}})
    verdict = gate.judge([(before, after)])
    assert verdict.exit_code == 0
    assert verdict.notes == ("a: engine.dtype should match: bfloat16 before, float16 after",)
    for policy in (gate.Policy(policy="strict"), gate.Policy(same=("dtype",))):
        assert gate.judge([(before, after)], policy).exit_code == 4


def test_two_pairs_of_one_task_are_the_callers_mistake():
    with pytest.raises(ValueError, match="one pair"):
        gate.judge([pair("a", 50, 1, 1)] * 2)


def shuffled(o, seed):
    order = list(range(len(o.samples)))
    random.Random(seed).shuffle(order)

    def pick(values):
        return tuple(values[i] for i in order) if values else values

    moved = {k: pick(getattr(o, k)) for k in ("samples", "values", "subjects", "clusters")}
    return dataclasses.replace(o, **moved, measures={k: pick(v) for k, v in o.measures.items()})


def test_the_same_runs_in_any_order_give_the_same_bytes():
    rng = np.random.default_rng(15)
    measures = [{"answer_tokens": tuple(rng.lognormal(m, 0.5, 520).tolist())} for m in (5, 4)]
    fields = {"subjects": tuple(f"s{i % 13}" for i in range(520)), "average": "macro"}
    exam = [outcomes("exam", rng.random(520), measures=m, **fields) for m in measures]
    cases = {"clusters": tuple(f"case {i // 4}" for i in range(400))}
    suite = [tuple(exam), pair("cot", 700, 60, 30), drawn(rng, "med", 400, 0.2, 0.05, **cases)]
    first = json.render(gate.judge(suite))
    assert json.render(gate.judge(suite)) == first
    for seed in range(3):
        other = [(shuffled(a, seed), shuffled(b, seed + 50)) for a, b in suite]
        random.Random(seed).shuffle(other)
        assert json.render(gate.judge(other)) == first
