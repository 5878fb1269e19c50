"""What bench.toml's [gate] can ask for beyond a tolerance, and four mistakes of another gate that this one doesn't make."""

from __future__ import annotations

import dataclasses
import datetime
import json as stdlib_json
import tomllib

import numpy as np
import pytest
from pairs import drawn, ids, outcomes, pair

from harness.errors import UserError
from harness.reports import github, json, junit, markdown, terminal
from harness.verdicts import gate
from harness.verdicts.policy import CompositePolicy, GuardPolicy, TaskPolicy, Waive

TODAY = datetime.date(2026, 11, 21)


def policy(text, **more):
    return gate.policy(tomllib.loads(text), **more)


# -- what another gate got wrong (a peer's faults, each reproduced from its published code) ----------------------------


@pytest.mark.parametrize("repeats", [4, 5])
def test_a_26_point_drop_hidden_in_repeats_regresses(repeats):
    """700 of 1,346 questions fall from always right to right half of the time; none to never."""
    before = np.zeros(1346)
    before[:700] = 1.0
    after = before.copy()
    after[:700] = (repeats // 2) / repeats
    verdict = gate.judge([(outcomes("t", before, repeats=repeats), outcomes("t", after, repeats=repeats))])
    assert (verdict.tasks[0].judgement, verdict.exit_code) == ("regressed", 3)
    assert (
        verdict.tasks[0].change.change == pytest.approx(after.mean() - before.mean()) and "Worse: -" in verdict.sentence
    )


def test_a_small_drop_in_repeats_does_not_block_at_a_wide_tolerance():
    rng = np.random.default_rng(4)
    before = rng.integers(2, 5, 1346) / 4
    after = before - np.where(np.arange(1346) % 28 == 0, 0.25, 0.0)  # -0.9 points, sure as can be
    verdict = gate.judge(
        [(outcomes("t", before, repeats=4), outcomes("t", after, repeats=4))], policy('[task.t]\ntolerance = "5pt"')
    )
    assert verdict.tasks[0].change.change == pytest.approx(-0.009, abs=0.0005)
    assert (verdict.tasks[0].judgement, verdict.exit_code) == ("slipped", 0)


def test_good_evidence_is_not_called_none():
    """80 lost, 70 gained of 1,346 rule out a drop of 5 points by far; no further question is asked for."""
    verdict = gate.judge([pair("ceval", 1346, 80, 70)], policy('[task.ceval]\ntolerance = "5pt"'))
    (judged,) = verdict.tasks
    assert (judged.judgement, judged.needs_n, verdict.exit_code) == ("ok", None, 0)
    assert -0.026 < judged.change.low < -0.02


def test_questions_are_paired_by_what_they_are_not_by_where_they_stand():
    values = (np.arange(1000) % 2).astype(float)
    before = outcomes("t", values)
    turned = dataclasses.replace(before, samples=before.samples[::-1], values=before.values[::-1])
    same = gate.judge([(before, turned)])
    assert (same.tasks[0].change.lost, same.tasks[0].change.gained, same.exit_code) == (0, 0, 0)
    other = dataclasses.replace(before, samples=ids("other", 1000))  # as many questions, but others
    assert gate.judge([(before, other)]).exit_code == 4


def test_the_questions_that_would_settle_it_do_settle_it():
    (judged,) = gate.judge([pair("t", 240, 9, 4)]).tasks
    assert judged.judgement == "inconclusive" and 300 < judged.needs_n < 480  # and not 241: one more decides nothing
    rule = gate.Policy(task={"t": TaskPolicy(tolerance=f"{100 * judged.tolerance:.2f}pt")})
    assert gate.judge([pair("t", 480, 18, 8)], rule).tasks[0].judgement != "inconclusive"


def test_a_value_that_is_no_number_is_refused_and_never_a_pass():
    before, after = pair("t", 300, 2, 2)
    for odd in (float("nan"), float("inf"), -1e300):
        verdict = gate.judge([(before, dataclasses.replace(after, values=(odd, *after.values[1:])))])
        assert verdict.exit_code == 4 and "a value of med-r16 is no number" in verdict.sentence
        assert json.render(verdict)


# -- floors -----------------------------------------------------------------------------------------------------------


def test_a_floor_fails_what_the_baseline_would_have_excused():
    calm = [pair("t", 1000, 10, 10)]
    for floor in ("min = 50", 'min = "50pt"', "min = 50.0"):
        assert gate.judge(calm, policy(f"[task.t]\n{floor}")).exit_code == 0
    low = gate.judge(calm, policy("[task.t]\nmin = 51"))
    assert low.exit_code == 3 and low.tasks[0].judgement == "ok"
    assert low.sentence == "Too low, whatever the baseline had: t is at 50.0, below its floor of 51.0."
    (finding,) = [g for g in low.guards if g.source == "min"]
    assert finding.evidence == "95 % interval 46.9 to 53.1, so other questions might have passed"
    near = gate.judge(calm, policy("[task.t]\nmin = 50.03")).sentence
    assert "t is at 50.000, below its floor of 50.0" in near  # never "50.0 is below 50.0"


def test_a_floor_for_a_metric_in_which_less_is_better_is_a_mistake():
    sides = [outcomes("ppl", np.linspace(7, 9, 200), higher_is_better=False, unit="nats", metric="perplexity")] * 2
    with pytest.raises(UserError, match="lower is better for perplexity"):
        gate.judge([tuple(sides)], policy("[task.ppl]\nmin = 5"))


def test_a_floor_that_no_score_reaches_is_a_mistake():
    with pytest.raises(UserError, match="`min` of 300 points of 100"):
        gate.judge([pair("t", 100, 1, 1)], policy("[task.t]\nmin = 300"))


def test_unanswered_questions_count_against_the_floor():
    before, after = pair("t", 1000, 0, 0)
    silent = tuple(None if i % 60 == 1 else v for i, v in enumerate(after.values))
    after = dataclasses.replace(after, values=silent)
    assert gate.judge([(before, after)], policy('[task.t]\nmin = 49.5\ntolerance = "5pt"')).exit_code == 3


# -- the composite ----------------------------------------------------------------------------------------------------

PROFILE = """
name = "two"
[[part]]
name = "AS"
kind = "accuracy"
weight = 0.5
[[part]]
name = "ES"
kind = "tokens"
weight = 0.5
[task.math]
tokens_low = 10
tokens_high = 1000
"""


def brief(n=1000, lost=0, gained=0, tokens=(300, 300)):
    rng = np.random.default_rng(5)
    sides = []
    for side, length in zip(pair("math", n, lost, gained), tokens, strict=True):
        lengths = np.round(length * rng.lognormal(0, 0.1, n))
        must = {**side.fingerprint, "own": {"tokenizer": "t"}}
        sides.append(dataclasses.replace(side, measures={"answer_tokens": tuple(lengths.tolist())}, fingerprint=must))
    return tuple(sides)


@pytest.fixture
def composite(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(PROFILE)
    loose = {"math": TaskPolicy(tolerance="20pt")}
    off = {"answer_tokens": GuardPolicy(max_ratio=100.0)}
    return lambda **f: gate.Policy(composite=CompositePolicy(str(path), **f), task=loose, guard=off)


def test_the_composite_is_a_member_of_the_gate(composite):
    verdict = gate.judge([brief(tokens=(300, 600))], composite())
    by = {j.task: j for j in verdict.tasks}
    assert (verdict.exit_code, by["composite"].judgement, by["composite AS"].judgement) == (3, "regressed", "ok")
    assert verdict.holm[0][0] == "composite" and len(verdict.holm) == 3
    assert "points on composite (90 % interval" in verdict.sentence
    assert any("by profile two" in note and "ES " in note for note in verdict.notes)
    assert gate.judge([brief()], composite()).exit_code == 0


def test_the_drop_that_the_composite_is_said_to_catch_turns_both_keys(composite):
    suite = [brief(lost=40, gained=40)]
    plain, loose = (gate.judge(suite, composite(tolerance=t)).tasks for t in (0.001, 5))
    for tight, wide in zip(plain[:2], loose[:2], strict=True):
        deviation = (wide.change.mde - 5) / 0.8416
        assert wide.change.mde > 5 and tight.change.mde == pytest.approx((2.128 + 0.8416) * deviation, rel=0.01)


def test_an_overall_that_holds_with_accuracy_lost_fails(composite):
    verdict = gate.judge([brief(lost=60, gained=20, tokens=(600, 250))], composite())
    by = {j.task: j.judgement for j in verdict.tasks}
    assert by["composite"] in ("ok", "improved") and by["composite AS"] == "regressed" and by["math"] == "slipped"
    assert verdict.exit_code == 3 and "bought with accuracy" in verdict.sentence
    waived = dataclasses.replace(composite(), waive=(Waive("composite AS", "wanted", TODAY),))
    assert gate.judge([brief(lost=60, gained=20, tokens=(600, 250))], waived, today=TODAY).exit_code == 0


def test_overall_has_a_floor_and_a_missing_part_is_refused_not_passed(composite):
    low = gate.judge([brief()], composite(min=80))
    assert low.exit_code == 3 and "composite is at" in low.sentence and "below its floor of 80.0" in low.sentence
    assert gate.judge([brief()], composite(min=10)).exit_code == 0
    silent = gate.judge([pair("math", 1000, 0, 0)], composite())
    assert silent.exit_code == 4 and "composite can't be judged" in silent.sentence


# -- thresholds, waivers, first look ----------------------------------------------------------------------------------


def test_a_threshold_fails_on_luck_and_says_how_often():
    suite = [pair("t", 200, 16, 13)]
    assert gate.judge(suite, policy('[task.t]\ntolerance = "1pt"')).exit_code == 0
    verdict = gate.judge(suite, policy('rule = "threshold"\n[task.t]\ntolerance = "1pt"'))
    assert verdict.exit_code == 3 and any("without any change it fails t 39 % of the time" in n for n in verdict.notes)
    only = policy('[task.t]\ntolerance = "1pt"\nrule = "threshold"')
    rng = np.random.default_rng(6)
    failed = [gate.judge([drawn(rng, "t", 200, 0.145, 0)], only).exit_code == 3 for _ in range(400)]
    assert np.mean(failed) == pytest.approx(0.39, abs=0.07)


@pytest.mark.parametrize(("n", "flipped", "tolerance"), [(50, 0.16, 2), (100, 0.04, 1), (1346, 0.15, 1)])
def test_a_threshold_s_own_rate_of_false_alarms_is_the_one_of_coins(n, flipped, tolerance):
    half = round(n * flipped / 2)
    asked = policy(f'rule = "threshold"\n[task.t]\ntolerance = "{tolerance}pt"')
    (judged,) = gate.judge([pair("t", n, half, half)], asked).tasks
    rng = np.random.default_rng(0)
    flips = rng.binomial(n, 2 * half / n, 20_000)
    drops = 2 * rng.binomial(flips, 0.5) - flips
    assert judged.false_alarm == pytest.approx((drops >= tolerance * n / 100 - 1e-9).mean(), abs=0.02)


def test_a_first_look_asks_for_proof_where_the_whole_asks_for_a_threshold():
    before, after = pair("t", 1346, 60, 60)
    for seed in range(20):  # other ids, so other first questions
        names = tuple(f"{seed}-{i}" for i in range(1346))
        sides = [dataclasses.replace(side, samples=names) for side in (before, after)]
        text = 'rule = "threshold"\nfail_fast = 200\n[task.t]\ntolerance = "1pt"'
        assert gate.judge([tuple(sides)], policy(text)).exit_code == 0


def test_a_waived_task_neither_hides_the_others_nor_drags_them_down():
    names = [f"t{i}" for i in range(8)]
    tolerances = "".join(f'[task.{name}]\ntolerance = "3pt"\n' for name in names)
    waived = dataclasses.replace(policy(tolerances), waive=(Waive("w", "known", TODAY),))
    falls, calm = ([pair(name, 500, lost, 22) for name in names] for lost in (40, 22))
    verdict = gate.judge([*falls, pair("w", 500, 100, 20)], waived, today=TODAY)
    assert verdict.exit_code == 3 and "all 8 other tasks together fell by 1.2" in verdict.sentence
    assert gate.judge([*calm, pair("w", 500, 450, 0)], waived, today=TODAY).exit_code == 0


def test_one_question_asked_in_three_forms_is_no_three_questions():
    """Forms that always agree: pooled they prove what one of them proves."""
    names = ("ceval", "ceval:texts", "ceval~circular")
    text = "".join(f'[task."{name}"]\ntolerance = "3pt"\n' for name in names)
    suite = [pair("ceval", 500, 40, 24) for _ in names]
    forms = [tuple(dataclasses.replace(o, task=n) for o in sides) for n, sides in zip(names, suite, strict=True)]
    verdict = gate.judge(forms, policy(text))
    assert verdict.pooled_p == pytest.approx(verdict.tasks[0].change.p, abs=0.002) and verdict.exit_code == 0
    others = [pair(name, 500, 40, 24) for name in ("a", "b", "c")]
    apart = gate.judge(
        others, policy(text.replace("ceval:texts", "a").replace("ceval~circular", "b").replace("ceval", "c"))
    )
    assert apart.pooled_p < 0.001 and apart.exit_code == 3


def test_questions_that_settle_it_are_those_of_the_subjects_as_they_are():
    subjects = tuple("a" if i % 20 == 0 else "b" for i in range(400))
    before, after = (dataclasses.replace(side, subjects=subjects, average="macro") for side in pair("t", 400, 24, 20))
    (judged,) = gate.judge([(before, after)], policy('[task.t]\ntolerance = "4pt"')).tasks
    assert judged.judgement == "inconclusive" and judged.needs_n > 2_000  # 570, were all weighed alike


def test_a_guard_is_waived_alone_on_a_task_or_everywhere_until_its_day():
    def short(task):
        tokens = {"answer_tokens": tuple(200.0 + i % 50 for i in range(1000))}
        before, after = pair(task, 1000, 10, 10, measures=tokens)
        fewer = {"answer_tokens": tuple(v * 0.4 for v in tokens["answer_tokens"])}
        return before, dataclasses.replace(after, measures=fewer)

    suite = [short("a"), short("b")]
    for waive, code in ((None, 3), ('task = "a"', 3), ("", 0)):
        rule = f'[[waive]]\nguard = "answer_tokens"\n{waive}\nreason = "brief on purpose"\nuntil = 2026-12-31\n'
        verdict = gate.judge(suite, policy(rule if waive is not None else ""), today=TODAY)
        assert verdict.exit_code == code
    assert verdict.sentence.startswith("Passed only because a guard is waived: answers shrank to 0.40x on a")
    assert {g.level for g in verdict.guards} == {"warn"} and "waived until 2026-12-31" in verdict.guards[0].evidence
    assert gate.judge(suite, policy(rule), today=datetime.date(2027, 1, 1)).exit_code == 3
    with pytest.raises(UserError, match=r"waive\[0\].guard' is 'answer_token'; nearest: answer_tokens"):
        policy(rule.replace("answer_tokens", "answer_token"))
    with pytest.raises(UserError, match="task' or 'guard' is missing"):
        policy('[[waive]]\nreason = "b"\nuntil = 2026-12-31')


def test_a_waived_regression_is_marked_in_every_report():
    rule = policy('[[waive]]\ntask = "a"\nreason = "distilled | for length"\nuntil = 2026-12-31')
    verdict = gate.judge([pair("a", 1346, 200, 20), pair("b", 1346, 10, 10)], rule, today=TODAY)
    assert verdict.exit_code == 0 and "waived until 2026-12-31: distilled | for length" in verdict.sentence
    assert "REGRESSED, waived" in terminal.render(verdict)
    assert "waived until 2026-12-31: distilled \\| for length" in markdown.render(verdict)
    assert "<failure" not in junit.render(verdict) and "waived until" in junit.render(verdict)
    assert "::error" not in github.render(verdict) and "::warning" in github.render(verdict)


def test_looking_twice_keeps_the_level_and_stops_a_catastrophe():
    rng = np.random.default_rng(7)
    rule = policy('fail_fast = 100\n[task.a]\ntolerance = "0.01pt"\n[task.b]\ntolerance = "0.01pt"')
    failed = [
        gate.judge([drawn(rng, "a", 400, 0.15, 0), drawn(rng, "b", 300, 0.2, 0)], rule).exit_code == 3
        for _ in range(400)
    ]
    assert 0.01 <= np.mean(failed) <= 0.075  # 5 % and its error at 400
    verdict = gate.judge([pair("a", 400, 150, 2)], rule)
    assert (verdict.exit_code, verdict.first_look, verdict.alpha) == (3, 100, pytest.approx(0.049))
    with pytest.raises(UserError, match="leaves nothing after fail_fast"):
        policy("fail_fast = 100\nalpha = 0.001")


def test_the_first_look_is_at_the_same_questions_in_any_order():
    from harness.verdicts import _gate_looks

    before, after = pair("t", 500, 40, 10)
    turned = dataclasses.replace(after, samples=after.samples[::-1], values=after.values[::-1])
    ((a, b),), ((c, d),) = (_gate_looks.first([(before, x)], 50) for x in (after, turned))
    assert set(a.samples) == set(b.samples) == set(d.samples) and len(a.samples) == 50 and a == c
    assert set(a.samples) != set(before.samples[:50])


# -- the file and the contract ------------------------------------------------------------------------------------------

WHOLE = """
[gate]
baseline = "branch:main"
anchor   = "tag:release-2026.10"
on_missing_baseline = "fail"
alpha  = 0.05
policy = "default"
rule = "two-key"
[gate.task.ceval]
metric = "accuracy"
tolerance = "1.5pt"
min = 30
[gate.task.medqa]
tolerance = "1.5pt"
cluster = "case_id"
[gate.composite]
tolerance = "1.0"
[gate.guard]
empty_rate              = { max = "1%",  max_increase = "0.5pt" }
extraction_failure_rate = { max = "5%",  max_increase = "2pt" }
truncated_rate          = { max_increase = "2pt" }
answer_tokens           = { min_ratio = 0.7, max_ratio = 1.5 }
repetition_rate         = { max_increase = "1pt" }
wrong_language_rate     = { max_increase = "1pt" }
choice_skew             = { max = 0.15 }
model_bytes             = { max_ratio = 1.0 }
tokens_per_second       = { min_ratio = 0.85, same = ["device", "engine"] }
[[gate.waive]]
task = "mathcot"
reason = "known trade: distilled for length (#41)"
until = 2026-12-31
"""


def test_the_whole_file_is_read_and_other_tools_words_are_understood():
    found = gate.policy(tomllib.loads(WHOLE)["gate"])
    assert found.guard["unparsed_rate"].max_increase == "2pt" and {"repetition", "wrong_language"} <= found.guard.keys()
    assert found.task["ceval"].min == 30 and found.composite.points == 1.0 and found.anchor
    twice = WHOLE.replace("truncated_rate  ", "unparsed_rate ")
    with pytest.raises(UserError, match="is unparsed_rate, which is there already"):
        gate.policy(tomllib.loads(twice)["gate"])
    lines = github.places(WHOLE)
    rows = WHOLE.splitlines()
    assert rows[lines["ceval"] - 1].startswith("tolerance") and rows[lines["min.ceval"] - 1].startswith("min")
    assert (
        rows[lines["guard.unparsed_rate"] - 1].startswith("extraction")
        and rows[lines["composite"] - 1] == 'tolerance = "1.0"'
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('[task.a]\nmin = "high"', "'gate.task.a.min' is 'high'; write points of 100"),
        ('[composite]\ntolerance = "1%"', "'gate.composite.tolerance' is '1%'"),
        ('[composite]\nprofil = "demo"', "unknown key 'gate.composite.profil'; nearest: profile"),
        ("[task.a]\nmin = nan", "'gate.task.a.min' is nan"),
        ("[guard]\nempty_rate = { max = nan }", "'gate.guard.empty_rate.max' is nan"),
        ("[guard]\nanswer_tokens = { min_ratio = nan }", "'gate.guard.answer_tokens.min_ratio' is nan"),
        ("alpha = nan", "'gate.alpha' is nan"),
        ('rule = "luck"', "'gate.rule' is 'luck'"),
        ("fail_fast = 0", "give a number of questions"),
        ("[guard]\nextraction_failure_rat = { max = 0.1 }", "no measure 'gate.guard.extraction_failure_rat'"),
    ],
)
def test_what_is_misspelt_is_a_mistake(wrong, said):
    with pytest.raises(UserError) as refusal:
        policy(wrong)
    assert said in str(refusal.value)


def test_json_holds_what_was_decided_by():
    body = stdlib_json.loads(json.render(gate.judge([pair("b", 1346, 118, 76), pair("a", 500, 20, 20)])))
    assert (body["schema_version"], body["alpha"], body["seed"], body["first_look"]) == (1, 0.05, 0, None)
    assert [name for name, _, _ in body["holm"]] == ["b", "pooled", "a"]
    assert [p for _, p, _ in body["holm"]] == sorted(p for _, p, _ in body["holm"])
    task = body["tasks"][1]
    assert (task["change"]["lost"], task["change"]["gained"], task["p_holm"]) == (118, 76, body["holm"][0][2])
    assert body["sides"]["b"]["before"]["fingerprint"]["must"]["exam"] == "9f3c"


def test_unread_and_cut_off_answers_stand_beside_the_score():
    measures = [
        {
            "unparsed_rate": tuple(float(i < k) for i in range(500)),
            "truncated_rate": tuple(float(i < 5) for i in range(500)),
        }
        for k in (5, 60)
    ]
    before, after = (dataclasses.replace(o, measures=m) for o, m in zip(pair("t", 500, 60, 2), measures, strict=True))
    verdict = gate.judge([(before, after)])
    assert verdict.tasks[0].rates == {"unparsed_rate": (0.01, 0.12), "truncated_rate": (0.01, 0.01)}
    text = terminal.render(verdict)
    (row,) = [line for line in text.splitlines() if line.startswith("t ")]
    assert "12.0   1.0 REGRESSED" in row and max(map(len, text.splitlines())) <= 100
    assert "| 1.0 → 12.0 | 1.0 | **regressed**" in markdown.render(verdict)


def test_the_jobs_page_stays_below_what_github_takes():
    many = gate.judge(
        [pair(f"task-{i}-{'x' * 40}", 60, 1, 1, subjects=tuple(f"s{j % 6}" for j in range(60))) for i in range(40)]
    )
    whole = markdown.render(many)
    cut = markdown.render(many, most=8_000)
    assert len(whole.encode()) > 8_000 >= len(cut.encode()) and "--md FILE" in cut
    assert cut.count("<details>") == cut.count("</details>") and markdown.render(many, most=10**6) == whole
