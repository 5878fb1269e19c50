"""Two runs on the same questions: what is refused, what is tested, what a baseline file keeps, how ranks tie."""

from __future__ import annotations

import dataclasses
import json
import random

import numpy as np
import pytest

from harness import stats
from harness.errors import NotComparable, NothingToCompare, UserError
from harness.records import Outcomes
from harness.verdicts import audit, baseline, compare, power, ranking

FINGERPRINT = {
    "must": {
        "exam": "9f3c",
        "key": "aa01",
        "settings": {"shots": 5, "max_tokens": 512, "chat": False, "stop": ["\n\n"]},
        "scorer": "options@1",
        "metric": "accuracy@1",
        "judge": None,
    },
    "should": {"engine": {"name": "vllm", "dtype": "bfloat16"}},
    "own": {"template": "t1"},
    "recipe": {"lr": 8e-5},
}


def outcomes(values, **fields):
    n = len(values)
    made = {
        "task": "ceval",
        "metric": "accuracy",
        "checkpoint": "c0ffee",
        "fingerprint": FINGERPRINT,
        "samples": tuple(f"{7919 * i:016x}" for i in range(n)),
        "values": tuple(None if v is None else float(v) for v in values),
        **fields,
    }
    return Outcomes(**made)


def flips(n, lost, gained):
    """Baseline and candidate: `lost` right answers became wrong, `gained` the other way, a half right otherwise."""
    before = [1] * lost + [0] * gained + [i % 2 for i in range(n - lost - gained)]
    after = [0] * lost + [1] * gained + [i % 2 for i in range(n - lost - gained)]
    return before, after


def test_a_plain_change_is_mcnemar_with_tango():
    before, after = flips(1346, 118, 76)
    change = compare.compare(outcomes(before), outcomes(after))
    assert (change.lost, change.gained, change.n) == (118, 76, 1346)
    assert change.change == pytest.approx(-42 / 1346)
    assert (change.p, change.p_better) == stats.mid_p_mcnemar(118, 76)
    assert (change.low, change.high) == stats.tango(118, 76, 1346)
    assert change.mde == pytest.approx(0.026, abs=0.001)


@pytest.mark.parametrize("field", ["exam", "key", "scorer", "metric", "judge", "shots", "max_tokens", "chat", "stop"])
def test_each_must_field_alone_is_refused_by_name_with_both_values(field):
    other = json.loads(json.dumps(FINGERPRINT))
    where = other["must"] if field in other["must"] else other["must"]["settings"]
    old = where[field]
    where[field] = "something else"
    with pytest.raises(NotComparable) as refusal:
        compare.compare(outcomes([0, 1, 1]), outcomes([0, 1, 1], fingerprint=other))
    text = str(refusal.value)
    assert field in text and "something else" in text and audit.shown(audit.flat({"x": old})["x"]) in text


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("chat", (False, True), "settings.chat is False (raw) before and True (through the chat template) after; "),
        ("system", ("", "be brief"), "settings.system is empty before and be brief after; run one side again with the other's --system"),
        ("think", ("default", "off"), "again with the other's --think, so that both have one prompt form"),
    ],
)  # fmt: skip
def test_another_prompt_form_is_refused_with_the_option_that_mends_it(field, values, said):
    sides = []
    for value in values:
        fingerprint = json.loads(json.dumps(FINGERPRINT))
        fingerprint["must"]["settings"][field] = value
        sides.append(outcomes([0, 1, 1], fingerprint=fingerprint))
    with pytest.raises(NotComparable) as refusal:
        compare.compare(*sides)
    assert said in str(refusal.value)


@pytest.mark.parametrize("fields", [{"task": "mmlu"}, {"metric": "f1"}, {"average": "macro"}])
def test_another_task_metric_or_average_is_refused(fields):
    with pytest.raises(NotComparable, match=next(iter(fields))):
        compare.compare(outcomes([0, 1, 1]), outcomes([0, 1, 1], **fields))


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_another_repeat_count_is_refused_where_answers_are_sampled(temperature):
    asked = json.loads(json.dumps(FINGERPRINT))
    asked["must"]["settings"]["temperature"] = temperature
    once, four = outcomes([0, 1, 1], fingerprint=asked), outcomes([0, 1, 1], fingerprint=asked, repeats=4)
    if temperature:
        with pytest.raises(NotComparable, match="repeats"):
            compare.compare(once, four)
    else:  # greedy answers repeat themselves
        assert compare.compare(once, four).change == 0


def test_a_field_that_only_one_side_recorded_is_refused():
    silent = json.loads(json.dumps(FINGERPRINT))
    del silent["must"]["scorer"]
    with pytest.raises(NotComparable, match="scorer is not recorded before"):
        compare.compare(outcomes([1, 0], fingerprint=silent), outcomes([1, 0]))


def test_engine_template_and_recipe_differences_are_told_not_refused():
    other = json.loads(json.dumps(FINGERPRINT))
    other["should"]["engine"]["dtype"], other["own"]["template"], other["recipe"]["lr"] = (
        "float16",
        "t2",
        1e-4,
    )
    pair = outcomes([0, 1, 1]), outcomes([0, 1, 1], fingerprint=other)
    found = {d.field: d.class_ for d in compare.compare(*pair).differences}
    assert found == {"engine.dtype": "should", "template": "own", "lr": "recipe"}
    with pytest.raises(NotComparable, match=r"engine\.dtype is bfloat16 before and float16 after"):
        compare.compare(*pair, same=["dtype"])
    with pytest.raises(NotComparable, match="dtype"):
        compare.compare(*pair, strict=True)


def test_a_fingerprint_survives_json_without_becoming_another():
    with_tuple = {**FINGERPRINT, "must": {**FINGERPRINT["must"], "stop": ("\n", "。")}}
    assert audit.differences(with_tuple, json.loads(json.dumps(with_tuple))) == []


def test_an_unanswered_question_counts_as_wrong_while_few_are():
    before, after = [1] * 200, [1] * 197 + [None] * 3
    change = compare.compare(outcomes(before), outcomes(after))
    assert (change.n, change.lost) == (200, 3)
    assert "3 unanswered" in change.method
    with pytest.raises(NotComparable, match=r"only 150 of the baseline's 200"):
        compare.compare(outcomes(before), outcomes([1] * 150 + [None] * 50))


def test_equally_many_failures_on_both_sides_are_no_change():
    before, after = [None] * 3 + [1] * 197, [1] * 197 + [None] * 3
    change = compare.compare(outcomes(before), outcomes(after))
    assert (change.n, change.lost, change.gained, change.change) == (200, 3, 3, 0.0)
    assert "3 unanswered by the candidate and 3 unanswered by the baseline count as wrong" in change.method


def test_a_subset_is_refused_and_a_handful_of_unasked_questions_left_out():
    whole = outcomes([1, 0] * 100)
    short = dataclasses.replace(whole, samples=whole.samples[:198], values=whole.values[:198])
    assert compare.compare(whole, short).n == 198
    half = dataclasses.replace(whole, samples=whole.samples[:100], values=whole.values[:100])
    for pair in ((whole, half), (half, whole)):
        with pytest.raises(NotComparable, match="samples"):
            compare.compare(*pair)


def test_no_answers_at_all_is_nothing_to_compare():
    with pytest.raises(NothingToCompare, match="candidate"):
        compare.compare(outcomes([1, 0]), outcomes([None, None]))
    with pytest.raises(NothingToCompare, match="neither side"):
        compare.compare(outcomes([]), outcomes([]))


def shuffled(o, order):
    def pick(values):
        return tuple(values[i] for i in order) if values else values

    measures = {k: pick(v) for k, v in o.measures.items()}
    moved = {k: pick(getattr(o, k)) for k in ("samples", "values", "subjects", "clusters")}
    return dataclasses.replace(o, **moved, measures=measures)


def test_the_order_of_samples_changes_no_bit():
    rng = np.random.default_rng(0)
    fields = {"subjects": tuple(f"s{i % 7}" for i in range(300)), "average": "macro"}
    before, after = (outcomes(rng.random(300), **fields) for _ in range(2))
    first = compare.compare(before, after)
    for seed in range(3):
        one, other = list(range(300)), list(range(300))
        random.Random(seed).shuffle(one)
        random.Random(seed + 9).shuffle(other)
        assert compare.compare(shuffled(before, one), shuffled(after, other)) == first


def test_swapping_sides_mirrors_the_change():
    rng = np.random.default_rng(1)
    fields = {"subjects": tuple(f"s{i % 52}" for i in range(1352)), "average": "macro"}
    a, b = (outcomes((rng.random(1352) < 0.5).astype(float), **fields) for _ in range(2))
    ahead, back = compare.compare(a, b), compare.compare(b, a)
    assert (ahead.lost, ahead.gained) == (back.gained, back.lost)
    assert (ahead.p, ahead.p_better) == pytest.approx((back.p_better, back.p), abs=1e-12)
    assert (ahead.change, ahead.low, ahead.high) == pytest.approx((-back.change, -back.high, -back.low))


def test_where_lower_is_better_a_rise_is_worse():
    rng = np.random.default_rng(2)
    low = rng.normal(8, 1, 300)
    change = compare.compare(
        outcomes(low, higher_is_better=False),
        outcomes(low + rng.normal(0.5, 0.5, 300), higher_is_better=False),
    )
    assert change.change > 0.4 and change.p < 0.001 and change.low < change.change < change.high


def test_macro_follows_the_mean_of_subjects_not_of_questions():
    """A big subject gains what many small ones lose: micro rises, macro falls, and the test follows macro."""
    subjects = ("big",) * 400 + tuple(f"small{i % 10}" for i in range(100))
    before = [0] * 60 + [1] * 340 + [1] * 100
    after = [1] * 400 + [0] * 40 + [1] * 60
    macro = compare.compare(*(outcomes(v, subjects=subjects, average="macro") for v in (before, after)))
    micro = compare.compare(outcomes(before, subjects=subjects), outcomes(after, subjects=subjects))
    assert micro.change > 0 and micro.p_better < 0.05
    assert macro.change < -0.3 and macro.p < 0.001
    assert macro.moved[0]["subject"] == "big" and {row["q"] <= 1 for row in macro.moved} == {True}


def test_questions_of_one_case_flip_together():
    before, after = flips(400, 40, 20)
    cases = tuple(f"case {i // 20}" for i in range(400))
    plain = compare.compare(outcomes(before), outcomes(after))
    grouped = compare.compare(outcomes(before, clusters=cases), outcomes(after, clusters=cases))
    alone = compare.compare(outcomes(before, clusters=tuple(map(str, range(400)))), outcomes(after))
    assert plain.p < 0.01 < 0.05 < grouped.p  # three cases say nothing where sixty questions would
    assert alone.p == plain.p


def full(values, **fields):
    n = len(values)
    tokens = tuple(None if i == 3 else float(50 + i % 90) for i in range(n))
    odd = tuple(random.Random(i).gauss(0, 1) for i in range(n))
    more = {
        "subjects": tuple(f"科目{i % 5}" for i in range(n)),
        "clusters": tuple("" if i % 3 else f"case {i}" for i in range(n)),
        "measures": {"answer_tokens": tokens, "entropy": odd},
        "name": "qwen3-0.6b med|r16",
        "run": "beef",
        "repeats": 4,
        "average": "macro",
    }
    return outcomes(values, **{**more, **fields})


def test_a_baseline_file_gives_back_exactly_what_was_blessed():
    bits = full([1, 0, 1, None, 1, 0, 1, 1, 0] * 30)
    graded = full([i / 4 % 1 for i in range(77)], task="cot", samples=tuple(f"row-{i}" for i in range(77)))
    thirds = full([1 / 3, 0.1, None, 2 / 3], task="odd")
    none = outcomes([], task="empty")
    text = baseline.dump([graded, bits, none, thirds], "med", "发布 3", "2026-11-18T10:00:00Z", "Ann")
    loaded = baseline.load(text)
    assert (loaded.name, loaded.reason, loaded.blessed_by) == ("med", "发布 3", "Ann")
    assert {o.task: o for o in loaded.outcomes} == {o.task: o for o in (bits, graded, none, thirds)}
    assert baseline.dump([bits, thirds, none, graded], "med", "发布 3", "2026-11-18T10:00:00Z", "Ann") == text


def test_a_baseline_of_cevals_size_is_a_small_file():
    rng = np.random.default_rng(4)
    ids = tuple(rng.bytes(8).hex() for _ in range(1346))
    text = baseline.dump([outcomes(rng.integers(0, 2, 1346), samples=ids)], "n", "r", "t", "w")
    assert len(text) < 20_000 and '"exam": "9f3c"' in text  # fingerprints can be reviewed


def test_a_damaged_or_edited_baseline_is_refused_in_a_sentence():
    text = baseline.dump([full([1, 0, 1, 1] * 10)], "med", "r", "t", "w")
    damaged = [text[:-40], "", "[]", "{}", "null", text.replace('"max_tokens": 512', '"max_tokens": 256')]
    edited = json.loads(text)
    edited["outcomes"][0]["values"]["data"] = "AAAA"
    for bad in (*damaged, json.dumps(edited)):
        assert bad != text
        with pytest.raises(UserError, match=r"med\.json is damaged .*restore it"):
            baseline.load(bad, "med.json")
    with pytest.raises(UserError, match="update bench"):
        baseline.load(text.replace('"schema_version": 1', '"schema_version": 9'))


def test_ranks_are_intervals_and_the_leaders_tie_band_is_paired():
    rng = np.random.default_rng(5)
    leader = (rng.random(700) < 0.62).astype(float)
    twin = np.where(rng.random(700) < 0.06, 1 - leader, leader)
    twin[np.flatnonzero(leader)[:3]] = 0
    close = leader.copy()
    close[np.flatnonzero(leader)[:25]] = 0  # 3.6 points below on the very same questions: single intervals overlap
    last = (rng.random(700) < 0.35).astype(float)
    ranks = ranking.rank(np.stack([last, close, leader, twin]))
    assert ranks[2].rank == 1 and ranks[2].tie_band
    assert ranks[3].tie_band and not ranks[1].tie_band and not ranks[0].tie_band
    assert stats.wilson(close.sum(), 700)[1] > stats.wilson(leader.sum(), 700)[0]
    assert (ranks[0].rank, ranks[0].low, ranks[0].high) == (4, 4, 4)
    assert all(r.low <= r.rank <= r.high for r in ranks)
    assert ranking.rank(np.empty((0, 0))) == []
    with pytest.raises(ValueError, match="every sample"):
        ranking.rank([[1.0, float("nan")]])


def test_power_says_the_questions_needed_before_anybody_trusts_the_gate():
    before, after = flips(1346, 101, 101)
    (found,) = power.power([(outcomes(before), outcomes(after))])
    assert found.mde == pytest.approx(0.026, abs=0.0005)
    assert dict(found.needed)[0.02] == pytest.approx(2317, abs=5)
