"""Guards, waivers and the [gate] table: alarms that need proof, exceptions that run out, misspelt limits refused."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import tomllib

import numpy as np
import pytest
from foreign_folders import inside
from pairs import pair

from harness.errors import UserError
from harness.verdicts import _guards_swapped, baseline, gate, wording
from harness.verdicts.policy import GuardPolicy, TaskPolicy, Waive

# -- guards ---------------------------------------------------------------------------------------------------


def rated(task, n, share_before, share_after, measure="empty_rate"):
    before, after = pair(task, n, n // 50, n // 50)
    ends = [tuple(1.0 if i < share * n else 0.0 for i in range(n)) for share in (share_before, share_after)]
    return tuple(dataclasses.replace(o, measures={measure: m}) for o, m in zip((before, after), ends, strict=True))


def test_a_guard_needs_its_limit_and_the_paired_test():
    assert gate.judge([rated("a", 1000, 0.0, 0.08)]).exit_code == 3
    few = gate.judge([rated("a", 50, 0.0, 0.04)])  # two empty answers of fifty: beyond the limit, proof of nothing
    assert few.exit_code == 0 and [g.level for g in few.guards] == ["warn"]
    long_so = gate.judge([rated("a", 1000, 0.08, 0.08)])  # as bad as it was is not a regression
    assert long_so.exit_code == 0 and [g.level for g in long_so.guards] == ["info"]


def test_limits_of_the_policy_replace_the_metrics_own():
    loose = gate.Policy(guard={"empty_rate": GuardPolicy(max_increase="10pt")})
    assert gate.judge([rated("a", 1000, 0.0, 0.08)], loose).exit_code == 0
    tight = gate.Policy(guard={"empty_rate": GuardPolicy(max="0.5%")})
    verdict = gate.judge([rated("a", 1000, 0.0, 0.009)], tight)
    assert verdict.exit_code == 3
    assert verdict.sentence == (
        "Failed by a guard, not by a score: empty answers rose from 0.0 % to 0.9 % on a (limit 0.5 %)."
    )


def test_lengths_are_compared_as_ratios_so_one_runaway_answer_is_no_alarm():
    rng = np.random.default_rng(14)
    lengths = np.round(rng.lognormal(5, 0.4, 200))
    rambling = lengths.copy()
    rambling[:8] = 8192
    doubled = lengths * 2
    before, after = pair("a", 200, 4, 4)
    for values, code in ((rambling, 0), (doubled, 3), (lengths / 2, 3)):
        suite = [
            dataclasses.replace(o, measures={"answer_tokens": tuple(v.tolist())})
            for o, v in ((before, lengths), (after, values))
        ]
        assert gate.judge([tuple(suite)]).exit_code == code
    assert rambling.mean() / lengths.mean() > 2


def test_a_task_without_gold_is_judged_by_its_guards_alone():
    before, after = rated("letters", 400, 0.0, 0.2)
    silent = [dataclasses.replace(o, values=(None,) * 400) for o in (before, after)]
    verdict = gate.judge([tuple(silent)])
    assert verdict.exit_code == 3 and verdict.tasks == ()
    assert verdict.notes == ("letters has no gold answers; only its guards are judged",)
    assert gate.judge([(silent[0], silent[0])]).exit_code == 0


def test_a_split_without_public_labels_stops_no_gate_and_says_where_its_answers_go():
    before, after = pair("ceval:submission", 40, 4, 4)
    silent = [dataclasses.replace(o, values=(None,) * 40, labelled=False) for o in (before, after)]
    verdict = gate.judge([tuple(silent), pair("ceval", 1000, 10, 10)])
    assert verdict.exit_code == 0 and [t.task for t in verdict.tasks] == ["ceval"]
    assert verdict.notes == (
        "ceval:submission has no public labels, so it is left out; `bench export` hands its answers in",
    )
    alone = gate.judge([tuple(silent)])
    assert alone.exit_code == 5 and "ceval:submission has no public labels" in alone.sentence
    read = baseline.load(baseline.dump([silent[0]], "b", "r", "2026-01-01", "me")).outcomes[0]
    assert not read.labelled  # also where the baseline is a file
    kept = [dataclasses.replace(o, labelled=False) for o in (before, after)]
    assert [t.task for t in gate.judge([tuple(kept)]).tasks] == ["ceval:submission"]  # numbers measured elsewhere


def test_what_a_metric_counts_but_nobody_limits_is_no_guard():
    before, after = pair("a", 1000, 10, 10)
    slow = [
        dataclasses.replace(o, measures={"first_token_seconds": (v,) * 1000})
        for o, v in ((before, 0.04), (after, 0.05))
    ]
    assert gate.judge([tuple(slow)]).guards == ()
    asked = gate.Policy(guard={"first_token_seconds": GuardPolicy(max=0.045)})
    assert "from 0.04 seconds to 0.05 seconds on a (limit 0.045 seconds)" in gate.judge([tuple(slow)], asked).sentence


def test_small_numbers_in_a_unit_of_their_own_keep_their_digits():
    said = [
        wording.number(v, False, signed=s) for v, s in ((1.701, False), (12.34, False), (-0.0163, True), (0.0, True))
    ]
    assert said == ["1.70", "12.3", "-0.016", "+0.0"]


def test_a_guard_that_nobody_measured_is_not_silent():
    policy = gate.Policy(guard={"tokens_per_second": GuardPolicy(min_ratio=0.85)})
    (finding,) = gate.judge([pair("a", 1000, 10, 10)], policy).guards
    assert finding.level == "warn" and "tokens_per_second was asked for but not measured" in finding.what


def test_answers_that_were_empty_have_not_grown():
    """LawBench's qwen-7b: 93 % empty as a base model, none as a chat model: "answers grew to 28x" failed the better one."""
    before, after = pair("a", 500, 5, 5)
    said = [float(i % 15 == 0) for i in range(500)]
    silent, none = tuple(1 - s for s in said), (0.0,) * 500
    sides = [dataclasses.replace(before, measures={"empty_rate": silent, "answer_tokens": tuple(40 * s for s in said)}),
             dataclasses.replace(after, measures={"empty_rate": none, "answer_tokens": (40.0,) * 500})]  # fmt: skip
    verdict = gate.judge([tuple(sides)])
    assert verdict.exit_code == 0 and "answers at 1.00x on a" in " ".join(g.what for g in verdict.guards)
    short = dataclasses.replace(sides[1], measures={"empty_rate": none, "answer_tokens": (2.0,) * 500})
    verdict = gate.judge([(sides[0], short)])  # 34 of 500 questions are no proof of how long the others became
    assert verdict.exit_code == 0 and "only 34 of 500 questions" in " ".join(g.evidence for g in verdict.guards)


def test_empty_answers_that_became_unreadable_are_no_new_fault():
    """A base that says nothing 80 times of 100, tuned until it says something: what can't be read of it was unread before."""
    before, after = pair("a", 1000, 20, 200)
    silent, chatty = (tuple(1.0 if i < n else 0.0 for i in range(1000)) for n in (800, 140))
    none = (0.0,) * 1000
    sides = [dataclasses.replace(before, measures={"empty_rate": silent, "unparsed_rate": none}),
             dataclasses.replace(after, measures={"empty_rate": none, "unparsed_rate": chatty})]  # fmt: skip
    verdict = gate.judge([tuple(sides)])
    assert verdict.exit_code == 0
    (told,) = [g for g in verdict.guards if g.source == "unparsed_rate"]
    assert told.level == "info" and "fewer answers than before are unread in all" in told.evidence
    worse = gate.judge([(dataclasses.replace(before, measures={"empty_rate": none, "unparsed_rate": none}), sides[1])])
    assert worse.exit_code == 3


# -- letters, bytes, speed -----------------------------------------------------------------------------------------


def lettered(chosen_before, chosen_after, key, **fields):
    """A pair whose measures are the parts of choice_skew: each letter chosen, minus the key's."""
    sides = pair("letters", len(key), 0, 0, **fields)
    made = []
    for side, chosen in zip(sides, (chosen_before, chosen_after), strict=True):
        parts = {f"choice_skew:{letter}": tuple(float(c == letter) - float(k == letter) for c, k in zip(chosen, key, strict=True))
                 for letter in sorted({*chosen, *key})}  # fmt: skip
        made.append(dataclasses.replace(side, measures=parts | {"choice_skew:n": (1.0,) * len(key)}))
    return tuple(made)


def letters(rng, n, shares):
    return rng.choice(list("ABCD"), n, p=shares).tolist()


EVEN = [0.25, 0.25, 0.25, 0.25]


def test_letters_that_collapse_to_one_are_caught_and_said():
    rng = np.random.default_rng(0)
    suite = lettered(letters(rng, 400, EVEN), letters(rng, 400, [0.94, 0.02, 0.02, 0.02]), letters(rng, 400, EVEN))
    verdict = gate.judge([suite])
    (alarm,) = verdict.guards
    assert verdict.exit_code == 3 and alarm.level == "refuse" and alarm.source == "choice_skew"
    assert "A is chosen +" in alarm.what and "limit 15.0 %" in alarm.what and "p <.001 over 400" in alarm.evidence


def test_skew_beyond_its_limit_that_few_questions_show_is_only_told():
    key, before = list("ABCD" * 3), list("ABCDABCDABCD")
    after = list("AACDABCDABAA")
    verdict = gate.judge([lettered(before, after, key)])
    assert verdict.exit_code == 0 and [g.level for g in verdict.guards] == ["warn"]
    turned = gate.judge([lettered(after, before, key)])  # the parent was skewed, the child is not
    assert [g.level for g in turned.guards] == ["info"]


def test_skew_cries_wolf_no_oftener_than_it_says():
    rng = np.random.default_rng(5)
    limit = gate.Policy(guard={"choice_skew": GuardPolicy(max=0.0)})  # every rise is beyond it
    shares, alarms = [0.4, 0.3, 0.2, 0.1], 0
    for _ in range(300):
        suite = lettered(letters(rng, 120, shares), letters(rng, 120, shares), letters(rng, 120, EVEN))
        alarms += gate.judge([suite], limit).exit_code == 3
    assert 3 <= alarms <= 27  # 5 % of 300, four standard errors


def test_the_swap_of_letters_is_that_of_all_assignments():
    key, before, after = list("AABBCCDD"), list("AABBCCDD"), list("AABBAAAA")
    found = _guards_swapped.read(*lettered(before, after, key), "choice_skew")
    changes = []
    for sides in itertools.product((0, 1), repeat=8):
        first = [after[i] if s else before[i] for i, s in enumerate(sides)]
        second = [before[i] if s else after[i] for i, s in enumerate(sides)]
        skew = [sum(abs(c.count(x) - key.count(x)) for x in "ABCD") / 16 for c in (first, second)]
        changes.append(skew[1] - skew[0])
    exact = sum((c > 0.5 - 1e-9) * (0.5 if abs(c - 0.5) < 1e-9 else 1) for c in changes) / len(changes)
    assert (found.before, found.after) == (0.0, 0.5)
    assert found.rose == pytest.approx(exact, abs=0.01)


def test_questions_of_one_case_change_sides_together():
    rng = np.random.default_rng(1)
    key = letters(rng, 40, EVEN)
    after = ["A"] * 40
    alone = _guards_swapped.read(*lettered(key, after, key), "choice_skew")
    cases = tuple(f"case{i // 20}" for i in range(40))
    whole = _guards_swapped.read(*lettered(key, after, key, clusters=cases), "choice_skew")
    assert alone.rose < 0.001 and whole.rose > 0.1  # two cases prove nothing


def test_a_larger_model_is_told_and_fails_only_by_a_limit():
    before, after = (dataclasses.replace(o, bytes=b) for o, b in zip(pair("a", 1000, 10, 10), (3_000_000_000, 6_000_000_000), strict=True))  # fmt: skip
    other = tuple(dataclasses.replace(o, bytes=o_.bytes) for o, o_ in zip(pair("b", 1000, 9, 9), (before, after), strict=True))  # fmt: skip
    verdict = gate.judge([(before, after), other])
    assert verdict.exit_code == 0
    (told,) = verdict.guards  # once, not per task
    assert told.level == "warn" and told.what == "bytes of the model grew to 2.00x (3 GB -> 6 GB, limit 1.05x)"
    strict = gate.Policy(guard={"model_bytes": GuardPolicy(max_ratio=1.0)})
    assert gate.judge([(before, after)], strict).exit_code == 3
    assert gate.judge([(after, before)], strict).exit_code == 0
    absolute = gate.Policy(guard={"model_bytes": GuardPolicy(max=4e9)})
    assert "(3 GB -> 6 GB, limit 4 GB)" in gate.judge([(before, after)], absolute).sentence
    unknown = dataclasses.replace(before, bytes=None)
    (finding,) = gate.judge([(unknown, after)], strict).guards
    assert finding.level == "warn" and "not measured on both sides" in finding.what


def timed(per_second_before, per_second_after, devices):
    rng = np.random.default_rng(3)
    made = []
    for side, speed, device in zip(pair("a", 300, 3, 3), (per_second_before, per_second_after), devices, strict=True):
        tokens = rng.integers(50, 300, 300).astype(float)
        parts = {"tokens_per_second:tokens": tuple(tokens.tolist()), "tokens_per_second:seconds": tuple((tokens / speed).tolist())}  # fmt: skip
        engine = {"name": "vllm", "version": "0.32", "dtype": "bfloat16", "quantization": None, "device": device}
        fingerprint = {**side.fingerprint, "should": {"engine": engine}}
        made.append(dataclasses.replace(side, measures=parts, fingerprint=fingerprint))
    return tuple(made)


def test_speed_is_judged_on_the_same_device_only():
    policy = gate.Policy(guard={"tokens_per_second": GuardPolicy(min_ratio=0.85)})
    verdict = gate.judge([timed(1000, 500, ("NVIDIA H100", "NVIDIA H100"))], policy)
    assert verdict.exit_code == 3 and "tokens per second shrank to 0.50x on a (1,000 -> 500, limit 0.85x)" in verdict.sentence  # fmt: skip
    assert gate.judge([timed(1000, 950, ("NVIDIA H100", "NVIDIA H100"))], policy).exit_code == 0
    for devices, why in ((("NVIDIA H100", "NVIDIA A100"), "device was NVIDIA H100 before"), (("cpu", "cpu"), "a device without a name")):  # fmt: skip
        told = gate.judge([timed(1000, 500, devices)], policy)
        assert told.exit_code == 0 and [g.level for g in told.guards] == ["info"] and why in told.guards[0].evidence
    unlimited = gate.judge([timed(1000, 500, ("NVIDIA H100", "NVIDIA H100"))])
    assert unlimited.exit_code == 0 and [g.level for g in unlimited.guards] == ["warn"]


def test_the_letters_of_a_stored_run_reach_the_guard(tmp_path):
    """From the store's rows on: what the answers were, not what a test made of them."""
    key = "ABCD" * 30
    rows = [{"q": f"Which is {i}?", "a": "w", "b": "x", "c": "y", "d": "z", "gold": k, "even": f"答案：{k}", "stuck": "答案：B"}
            for i, k in enumerate(key)]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    columns = "question=q,gold=gold"
    inside(tmp_path, "import", "a.jsonl", "--task", "new:quiz", "--kind", "choice", "--map", columns, "--run", "even=even", "--run", "stuck=stuck")  # fmt: skip
    said = inside(tmp_path, "gate", "stuck", "--baseline", "even", "--json", ok=3).stdout
    alarms = [g for g in json.loads(said)["guards"] if g["source"] == "choice_skew"]
    assert [g["level"] for g in alarms] == ["refuse"] and "from 0.0 % to 75.0 %" in alarms[0]["what"]
    assert "B is chosen +75 points" in alarms[0]["what"]


# -- waivers, config, repetition --------------------------------------------------------------------------------


def test_a_waiver_is_shown_and_runs_out():
    waive = Waive("a", "distilled for length (#41)", datetime.date(2026, 12, 31))
    policy, suite = gate.Policy(waive=(waive,)), [pair("a", 1346, 200, 20)]
    waived = gate.judge(suite, policy, today=datetime.date(2026, 12, 31))
    assert waived.exit_code == 0 and waived.tasks[0].judgement == "regressed"
    assert waived.sentence.startswith("Passed only because a regression is waived")
    for today in (datetime.date(2027, 1, 1), None):
        verdict = gate.judge(suite, policy, today=today)
        assert verdict.exit_code == 3 and "distilled for length (#41)" in verdict.notes[0]


WRITTEN = """
baseline = "branch:main"
anchor = "tag:release-2026.10"
on_missing_baseline = "fail"
alpha = 0.01
policy = "strict"
[task.ceval]
metric = "accuracy"
tolerance = "1.5pt"
[task.medqa]
tolerance = "2%"
cluster = "case_id"
[composite]
tolerance = "1.0"
[guard]
empty_rate = { max = "1%", max_increase = "0.5pt" }
answer_tokens = { min_ratio = 0.7, max_ratio = 1.5 }
choice_skew = { max = 0.15 }
model_bytes = { max_ratio = 1.0 }
tokens_per_second = { min_ratio = 0.85, same = ["device", "engine"] }
[[waive]]
task = "mathcot"
reason = "known trade"
until = 2026-12-31
"""


def test_the_config_file_is_read_whole():
    policy = gate.policy(tomllib.loads(WRITTEN))
    assert policy.strict and policy.alpha == 0.01 and policy.task["ceval"].tolerance == "1.5pt"
    assert policy.guard["empty_rate"].max == "1%" and policy.waive[0].until == datetime.date(2026, 12, 31)
    assert gate.policy({}) == gate.Policy() and gate.policy({}, strict=True).strict
    assert gate.policy({}).sha != policy.sha


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("alhpa = 0.05", "unknown key 'gate.alhpa'; nearest: alpha"),
        ('[task.a]\ntolerence = "1pt"', "unknown key 'gate.task.a.tolerence'; nearest: tolerance"),
        ('[task.a]\ntolerance = "1.5"', "gate.task.a.tolerance' is '1.5'; write points as \"1.5pt\""),
        ('[task.a]\ntolerance = "0pt"', "write points as"),
        ('[guard]\nempty_rat = { max = "1%" }', "no measure 'gate.guard.empty_rat'; nearest: empty_rate"),
        ('[guard]\nempty_rate = { max = "one" }', "'gate.guard.empty_rate.max' is 'one'"),
        ("alpha = 5", "'gate.alpha' is 5"),
        ('policy = "lenient"', "'gate.policy' is 'lenient'; one of 'default', 'strict'"),
        ('[[waive]]\ntask = "a"\nreason = "b"', "until'"),
    ],
)
def test_a_misspelt_config_is_refused_by_name(wrong, said):
    with pytest.raises(UserError) as refusal:
        gate.policy(tomllib.loads(wrong))
    assert said in str(refusal.value) and refusal.value.exit_code == 2


def test_gating_by_another_metric_than_the_run_holds_is_a_mistake():
    with pytest.raises(UserError, match="gates a by 'acc' but the run holds 'accuracy'"):
        gate.judge([pair("a", 50, 1, 1)], gate.Policy(task={"a": TaskPolicy(metric="acc")}))


def test_guards_spend_a_fifth_of_the_false_alarms_that_scores_spend():
    """With all of alpha each, 8 of 100 gates of tight limits failed without a change, 15 with an anchor."""
    rng, failed = np.random.default_rng(9), 0
    limit = gate.Policy(guard={"empty_rate": GuardPolicy(max_increase="0.1pt")})
    suite = pair("a", 300, 5, 5)
    for _ in range(500):
        measures = [{"empty_rate": tuple((rng.random(300) < 0.2).astype(float).tolist())} for _ in suite]
        sides = [dataclasses.replace(side, measures=m) for side, m in zip(suite, measures, strict=True)]
        failed += gate.judge([tuple(sides)], limit).exit_code == 3
    assert failed <= 12  # 5 expected; 25 of all alpha
