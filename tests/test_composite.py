"""The composite's promises: formulas by hand, one interval for all parts, null with a remedy, no rank that isn't earned."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from harness.errors import NotComparable, NothingToCompare, UserError
from harness.questions import catalogue
from harness.records import Outcomes
from harness.verdicts import composite, profile, ranking

GIB = 2**30
DISTILL = profile.read("distill-v1")


def made(task="gsm8k", right=(1, 0, 1, 1), tokens=128.0, health=0.8, *, name="a", **fields):
    """Outcomes of one task; a number stands for the same in every answer, None for a measure that was not taken."""
    n = len(right)
    measures = {"answer_tokens": tokens, "cot_health": health} | fields.pop("measures", {})
    given = {
        "task": task,
        "metric": "accuracy",
        "checkpoint": name,
        "fingerprint": {"must": {"exam": task, "scorer": "number@1"}, "own": {"tokenizer": "t1"}},
        "samples": tuple(f"{task}{i:05}" for i in range(n)),
        "values": tuple(None if v is None else float(v) for v in right),
        "measures": {k: spread(v, n) for k, v in measures.items() if v is not None},
        "unit": "share",
        "chance": 0.0,
        "bytes": 16 * GIB,
        "name": name,
    }
    return Outcomes(**(given | fields))


GRADED_BY_2 = {
    "must": {"exam": "gsm8k", "scorer": "number@1"},
    "own": {"tokenizer": "t1"},
    "beside": {"cot_health": "cot@2"},
}


def spread(value, n):
    return tuple(value) if isinstance(value, list | tuple | np.ndarray) else (value,) * n


def parts(overall):
    return {part.name: part for part in overall.parts}


def own_profile(tmp_path, text, tasks="[task.gsm8k]\ntokens_low = 64\ntokens_high = 4096\n"):
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\n{text}\n{tasks}', "utf-8")
    return profile.read(path)


def part(kind, weight=1.0, name="P", **keys):
    lines = [f"{k} = {v!r}".replace("True", "true").replace("False", "false") for k, v in keys.items()]
    return "\n".join(["[[part]]", f'name = "{name}"', f'kind = "{kind}"', f"weight = {weight}", *lines])


ALL_PARTS = "\n".join(
    [
        part("accuracy", 0.4, "AS"),
        part("cot", 0.3, "CQS"),
        part("tokens", 0.2, "ES"),
        part("bytes", 0.1, "MLS", bytes_low=268435456, bytes_high=68719476736),
    ]
)


# -- profiles -----------------------------------------------------------------------------------------------------


def test_the_contests_weights_and_the_other_reading_of_them_are_built_in():
    weights = {name: [part.weight for part in profile.read(name).part] for name in profile.names()}
    assert weights["distill-v1"] == [0.4, 0.3, 0.2, 0.1]
    assert weights["alt-2025"] == [0.3, 0.4, 0.2, 0.1]
    gated = {name: next(p.only_right for p in profile.read(name).part if p.kind == "cot") for name in weights}
    assert gated == {"distill-v1": None, "alt-2025": True, "demo": None}
    assert len({profile.read(name).sha for name in weights}) == len(weights)


@pytest.mark.parametrize("name", profile.names())
def test_every_task_of_a_built_in_profile_is_one_that_writes_answers(name):
    for task in catalogue.find(list(profile.read(name).task)):
        assert task.ask == "generate", task.key


def test_the_sha_follows_rules_and_not_words(tmp_path):
    one = own_profile(tmp_path, ALL_PARTS)
    worded = dataclasses.replace(one, name="other", title="T", note="N", source="S", auto=True)
    assert worded.sha == one.sha
    for field, value in (("counter", "neutral"), ("above_chance", False), ("part", one.part[::-1])):
        assert dataclasses.replace(one, **{field: value}).sha != one.sha
    assert own_profile(tmp_path, ALL_PARTS, "[task.gsm8k]\ntokens_low = 64\ntokens_high = 4095\n").sha != one.sha


@pytest.mark.parametrize(
    ("text", "tasks", "complaint"),
    [
        ("wieght = 1", None, "unknown key 'wieght'"),
        (part("accuracy", wieght=0.3), None, "nearest: weight"),
        (part("accuracy", 0.9), None, "sum to 1, they sum to 0.9"),
        (part("accuracy", "nan"), None, "sum to 1"),
        (part("accuracy", 1.5) + "\n" + part("tokens", -0.5, "E"), None, "above 0"),
        (part("accuracy", 0.5) + "\n" + part("tokens", 0.5), None, "two parts have one name"),
        (part("speed"), None, "one of 'accuracy', 'cot', 'tokens', 'bytes', 'metric'"),
        (part("tokens", only_right=False), None, "an empty reply would get full points"),
        (part("tokens"), "[task.gsm8k]", "need tokens_low and tokens_high"),
        (part("tokens"), "[task.gsm8k]\ntokens_low = 9\ntokens_high = 3", "the low one lower"),
        (part("bytes", bytes_low=1), None, "bytes_low and bytes_high must both be given"),
        (part("accuracy", bytes_low=1), None, "kind 'accuracy' doesn't read 'bytes_low'"),
        (part("accuracy", tasks=["gsm8"]), None, "nearest: gsm8k"),
        (part("metric", metric="f1"), None, "a metric needs metric, tasks, and two values low and high"),
        (part("metric", metric="f1", tasks=["gsm8k"], low=0, high=2, scale="log"), None, "above 0"),
        ("", None, "'part' is missing"),
        ("part = []", None, "at least one [[part]]"),
        (part("accuracy", name="A\\u001b[2J"), None, "plain characters"),
        (part("bytes", bytes_low=1, bytes_high=10**400), None, "can't be read as a profile"),
    ],
)  # fmt: skip
def test_a_profile_that_would_not_mean_what_it_says_is_refused(tmp_path, text, tasks, complaint):
    with pytest.raises(UserError) as refused:
        own_profile(tmp_path, text, *([tasks] if tasks is not None else []))
    assert complaint in str(refused.value) and "\n" not in str(refused.value)


def test_a_misspelt_profile_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UserError, match="nearest: distill-v1"):
        profile.read("distil-v1")
    with pytest.raises(UserError, match="can't be read"):
        (tmp_path / "folder.toml").mkdir()
        profile.read(tmp_path / "folder.toml")


# -- formulas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gib", "points"),
    [(0.1, 100), (0.25, 100), (0.5, 87.5), (0.99, 75.2), (3.1, 54.6), (7.6, 38.4), (15.2, 25.9), (64, 0), (500, 0)],
)
def test_every_halving_of_bytes_is_worth_the_same(gib, points):
    found = parts(composite.overall([made(bytes=round(gib * GIB))], DISTILL, draws=10))["MLS"]
    assert found.value == pytest.approx(points, abs=0.06)
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(("tokens", "points"), [(0, 100), (64, 100), (128, 500 / 6), (512, 50), (4096, 0), (9e9, 0)])
def test_every_halving_of_tokens_is_worth_the_same_and_wrong_answers_nothing(tokens, points):
    every = composite.overall([made(right=(1, 1, 1, 1), tokens=tokens)], DISTILL, draws=10)
    half = composite.overall([made(right=(1, 0, 1, 0), tokens=tokens)], DISTILL, draws=10)
    assert parts(every)["ES"].value == pytest.approx(points)
    assert parts(half)["ES"].value == pytest.approx(points / 2)


def test_overall_is_the_weighted_sum_and_a_gated_chain_counts_where_the_answer_is_right():
    sides = [made(right=(1, 0, 1, 1), tokens=512, health=(1.0, 1.0, 0.5, 0.5))]
    found = composite.overall(sides, DISTILL)
    assert [part.value for part in found.parts] == pytest.approx([75, 75, 37.5, 25])
    assert found.value == pytest.approx(0.4 * 75 + 0.3 * 75 + 0.2 * 37.5 + 0.1 * 25)
    assert found.status == "ok" and found.low < found.value < found.high
    gated = composite.overall(sides, profile.read("alt-2025"))
    assert parts(gated)["CQS"].value == pytest.approx(50)


def test_tasks_weigh_alike_however_many_questions_they_have_and_so_do_subjects():
    easy, hard = made(right=(1,) * 900 + (0,) * 100, tokens=64), made("math", (0,) * 9 + (1,), 256, 0.2)
    found = parts(composite.overall([easy, hard], DISTILL, draws=200))
    assert found["AS"].value == pytest.approx((90 + 10) / 2)
    assert found["ES"].value == pytest.approx((90 + 10) / 2)
    assert found["CQS"].value == pytest.approx((80 + 20) / 2)
    by_subject = made(right=(1, 1, 1, 0), subjects=("s", "s", "s", "t"), average="macro")
    assert parts(composite.overall([by_subject], DISTILL, draws=200))["AS"].value == pytest.approx(50)


def test_efficiency_never_passes_accuracy():
    rng = np.random.default_rng(3)
    for _ in range(30):
        sides = [
            made(t, rng.random(9) < 0.5, rng.lognormal(5, 2, 9), rng.random(9)) for t in ("gsm8k", "math", "cmath")
        ]
        found = parts(composite.overall(sides, DISTILL, draws=10))
        assert found["ES"].value <= found["AS"].value


def test_order_of_questions_and_of_tasks_changes_nothing():
    rng = np.random.default_rng(5)
    one, two = made(right=rng.random(301) < 0.4, tokens=rng.lognormal(5, 1, 301)), made("math", (1, 0, 1))
    turned = dataclasses.replace(
        one,
        samples=one.samples[::-1],
        values=one.values[::-1],
        measures={name: values[::-1] for name, values in one.measures.items()},
    )
    a, b, c = (composite.overall(sides, DISTILL) for sides in ([one, two], [two, one], [turned, two]))
    assert a == b
    assert (a.value, a.peers) == (c.value, c.peers)
    assert c.low == pytest.approx(a.low, abs=0.3)


# -- intervals ----------------------------------------------------------------------------------------------------


def test_parts_that_move_together_make_a_wider_overall_than_independent_ones_would():
    rng = np.random.default_rng(8)
    right = rng.random(400) < 0.5
    found = composite.overall([made(right=right, tokens=64, health=right.astype(float))], DISTILL)
    widths = {part.name: part.high - part.low for part in found.parts if part.low is not None}
    assert widths["AS"] == pytest.approx(widths["ES"]) == pytest.approx(widths["CQS"])
    assert found.high - found.low == pytest.approx(0.9 * widths["AS"], rel=1e-6)
    assert widths["AS"] == pytest.approx(2 * 1.96 * 100 * 0.5 / math.sqrt(400), rel=0.05)


def test_four_copies_of_each_question_tell_no_more_than_one():
    rng = np.random.default_rng(9)
    right = rng.random(200) < 0.5
    once = composite.overall([made(right=right)], DISTILL)
    copies = np.repeat(right, 4)
    alone = composite.overall([made(right=copies)], DISTILL)
    together = composite.overall([made(right=copies, clusters=tuple(str(i // 4) for i in range(800)))], DISTILL)
    width = [one.high - one.low for one in (once, alone, together)]
    assert width[2] == pytest.approx(width[0], rel=0.06)
    assert width[1] == pytest.approx(width[0] / 2, rel=0.06)


def test_the_interval_holds_the_truth_about_95_times_of_100():
    rng, held = np.random.default_rng(11), 0
    truth = 0.4 * 60 + 0.3 * (60 * 0.9 + 40 * 0.5) + 0.2 * 60 * 0.5 + 0.1 * 25
    for seed in range(300):
        right = rng.random(120) < 0.6
        side = made(right=right, tokens=512, health=np.where(right, 0.9, 0.5))
        found = composite.overall([side], DISTILL, draws=500, seed=seed)
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 300 <= 0.985


def test_a_measure_that_is_no_mean_is_computed_anew_in_every_draw(tmp_path):
    """RMSE of 12 at the far end of a scale from 20 to 0: 40 points; an own bootstrap of the square root agrees."""
    rng = np.random.default_rng(12)
    errors = rng.normal(0, 12, 300)
    columns = {"n": (1.0,) * 300, "error²": tuple((errors**2).tolist())}
    rmse = made(
        metric="rmse", right=(1,) * 300, is_mean=False, statistics=columns, unit="units", higher_is_better=False
    )
    wanted = own_profile(tmp_path, part("metric", metric="rmse", tasks=["gsm8k"], low=20.0, high=0.0))
    found = composite.overall([made(right=(1,) * 300), rmse], wanted)
    root = math.sqrt(float(np.mean(errors**2)))
    assert found.value == pytest.approx(100 * (20 - root) / 20)
    own = [100 * (20 - math.sqrt(np.mean(rng.choice(errors, 300) ** 2))) / 20 for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.quantile(own, (0.025, 0.975)), abs=0.4)
    unread = dataclasses.replace(rmse, statistics={"n": (None,) * 9 + (1.0,) * 291, "error²": columns["error²"]})
    assert "9 of 300 answers to gsm8k have no rmse" in composite.overall([made(right=(1,) * 300), unread], wanted).why


def test_subjects_of_few_questions_vary_as_much_as_they_do():
    """52 subjects of one or two questions each: the interval is that of the mean of subjects, not narrower."""
    rng = np.random.default_rng(14)
    for each in (1, 2, 3):
        subjects = tuple(f"s{i // each}" for i in range(52 * each))
        found, widths = [], []
        for seed in range(60):
            side = made(right=rng.random(52 * each) < 0.5, subjects=subjects, average="macro")
            as_ = parts(composite.overall([side], DISTILL, draws=300, seed=seed))["AS"]
            found.append(as_.value)
            widths.append(as_.high - as_.low)
        assert np.mean(widths) == pytest.approx(2 * 1.96 * 50 / math.sqrt(52 * each), rel=0.08)
        assert np.std(found) == pytest.approx(50 / math.sqrt(52 * each), rel=0.3)


def test_one_question_or_one_case_has_no_interval_and_no_rank():
    for side in (made(right=(1,)), made(right=(1, 1, 1), clusters=("case",) * 3)):
        found = composite.overall([side], DISTILL)
        assert found.value is not None and found.low is found.high is parts(found)["AS"].low is None
        assert found.status == "below_chance"
        worse = dataclasses.replace(side, values=(0.0,) * len(side.values), name="b")
        change = composite.change([side], [worse], DISTILL)[0]
        assert change.change < 0 and change.p is None and "no spread" in change.method


def test_any_tasks_any_metric_can_be_weighed(tmp_path):
    text = "\n".join((
        part("accuracy", 0.5, "School", tasks=["gsm8k"]),
        part("metric", 0.3, "Brief", tasks=["gsm8k"], metric="answer_tokens", low=400, high=100, scale="log"),
        part("metric", 0.2, "Calm", tasks=["math"], metric="repetition", low=0.5, high=0.0),
    ))  # fmt: skip
    wanted = own_profile(tmp_path, text, "[task.gsm8k]\n[task.math]")
    sides = [made(tokens=200), made("math", measures={"repetition": 0.1})]
    found = composite.overall(sides, wanted)
    assert [p.value for p in found.parts] == pytest.approx([75, 50, 80])
    assert found.value == pytest.approx(0.5 * 75 + 0.3 * 50 + 0.2 * 80)
    alone = composite.overall(sides[:1], wanted)
    assert alone.value is None and "math was not run; `bench run" in parts(alone)["Calm"].why
    bare = composite.overall([sides[0], made("math")], wanted)
    assert "bench rescore --metric repetition" in parts(bare)["Calm"].why


# -- what is missing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name", "remedy"),
    [
        ({"bytes": None}, "MLS", "--model-bytes"),
        ({"bytes": 0}, "MLS", "--model-bytes"),
        ({"tokens": None}, "ES", "--map tokens=FIELD"),
        ({"tokens": (9, None, None, 9)}, "ES", "2 of 4 answers to gsm8k have no count of own tokens"),
        ({"health": None}, "CQS", "`bench score` grades stored answers"),
        ({"right": (1, None, None, 1)}, "AS", "2 of 4 answers to gsm8k have no grade"),
        ({"labelled": False}, "AS", "no public answers"),
        ({"is_mean": False, "metric": "f1"}, "AS", "no share of right answers"),
        ({"unit": "tokens"}, "AS", "no share of right answers"),
    ],
)
def test_a_missing_part_names_its_remedy_and_takes_overall_with_it(fields, name, remedy):
    found = composite.overall([made(**fields)], DISTILL)
    lost = parts(found)[name]
    assert (lost.value, lost.low, lost.high) == (None, None, None) and remedy in lost.why and "\n" not in lost.why
    assert (found.value, found.low, found.high, found.status) == (None, None, None, "partial")
    assert remedy in found.why
    known = [p for p in found.parts if p.value is not None]
    assert found.beside["weight_of_known_parts"] == pytest.approx(sum(p.weight for p in known))
    assert found.beside["points_of_known_parts"] == pytest.approx(sum(p.weight * p.value for p in known))


def test_neutral_tokens_are_never_replaced_by_own_ones():
    found = composite.overall([made()], DISTILL, counter="neutral")
    assert parts(found)["ES"].value is None and "TIKTOKEN_CACHE_DIR" in found.why


def test_one_missing_answer_of_a_hundred_is_worth_nothing_and_three_make_the_part_null():
    right = [1.0] * 100
    one = composite.overall([made(right=[None, *right[1:]], tokens=[None] + [64] * 99)], DISTILL)
    assert parts(one)["AS"].value == pytest.approx(99) and parts(one)["ES"].value == pytest.approx(99)
    assert composite.overall([made(right=[None] * 3 + right[3:])], DISTILL).value is None


def test_a_judges_grades_are_another_column_and_few_unread_replies_are_worth_nothing():
    judged = made(right=(1,) * 100, measures={"cot_judge:abcd1234": [None] * 4 + [0.5] * 96})
    found = composite.overall([judged], DISTILL, cqs="judge:abcd1234")
    assert parts(found)["CQS"].value == pytest.approx(48)
    assert found.peers != composite.overall([judged], DISTILL).peers
    other = composite.overall([judged], DISTILL, cqs="judge:ffffffff")
    assert parts(other)["CQS"].value is None and "bench judge" in other.why


def test_tasks_read_from_log_probabilities_stay_out_of_efficiency_and_bare_verdicts_do_not(tmp_path):
    wanted = own_profile(tmp_path, ALL_PARTS, "[task.gsm8k]\ntokens_low = 64\ntokens_high = 4096\n[task.ceval]")
    letters = made("ceval", (1, 1, 0, 0), None, None, fingerprint={"must": {"scorer": "options@1"}})
    found = composite.overall([made(tokens=64), letters], wanted)
    assert parts(found)["ES"].value == pytest.approx(75) and parts(found)["AS"].value == pytest.approx((75 + 50) / 2)
    only = composite.overall([letters], wanted)
    assert parts(only)["ES"].value is None and "generates" in parts(only)["ES"].why
    verdicts = made("math", (1, 1, 1, 1), None, None)  # imported without texts
    assert composite.overall([made(tokens=64), verdicts], DISTILL).value is None


def test_what_no_task_of_a_profile_was_asked_of_is_no_score_at_all():
    with pytest.raises(NothingToCompare, match="scores gsm8k, cmath"):
        composite.overall([made("chat")], DISTILL)
    for nothing in ([], [made(right=())]):
        with pytest.raises(NothingToCompare):
            composite.overall(nothing, DISTILL)
    assert composite.overall([made(), made("math", ())], DISTILL).tasks == ("gsm8k",)
    with pytest.raises(NotComparable, match="two runs of gsm8k"):
        composite.overall([made(), made()], DISTILL)
    with pytest.raises(NotComparable, match="of one checkpoint"):
        composite.overall([made(), made("math", name="b")], DISTILL)
    with pytest.raises(UserError, match="'own' or 'neutral'"):
        composite.overall([made()], DISTILL, counter="mine")


# -- ranks that must be earned --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "chance", "status"),
    [
        ((0,) * 200, None, "below_chance"),
        ((1,) + (0,) * 199, 0.0, "below_chance"),
        ((1,) * 20 + (0,) * 180, None, "ok"),
        ((1,) * 50 + (0,) * 150, 0.25, "below_chance"),
        ((1,) * 80 + (0,) * 120, 0.25, "ok"),
    ],
)
def test_who_is_not_above_guessing_is_shown_and_not_ranked(right, chance, status):
    found = composite.overall([made(right=right, chance=chance, bytes=1000)], DISTILL)
    assert found.status == status and found.value is not None
    assert ("guessing" in found.why) == (status == "below_chance")


@pytest.mark.parametrize(
    "fields",
    [
        {"right": (1, 0, 1)},  # fewer questions
        {"task": "math"},
        {"fingerprint": {"must": {"exam": "other", "scorer": "number@1"}, "own": {"tokenizer": "t1"}}},
        {"fingerprint": {"must": {"exam": "gsm8k", "scorer": "number@2"}, "own": {"tokenizer": "t1"}}},
        {"fingerprint": GRADED_BY_2},
    ],
)
def test_only_the_same_questions_and_rules_share_a_ranking(fields):
    one = composite.overall([made()], DISTILL, draws=10)
    assert composite.overall([made(**fields)], DISTILL, draws=10).peers != one.peers
    assert (
        composite.overall([made(right=(0, 1, 1, 1), tokens=9, name="b", bytes=1)], DISTILL, draws=10).peers == one.peers
    )
    assert composite.overall([made()], profile.read("alt-2025"), draws=10).peers != one.peers


def test_own_tokens_count_within_one_tokenizer_and_neutral_ones_across():
    def told(*sides, rules=DISTILL):
        found = composite.counter({f"{i}{side.name}": [side] for i, side in enumerate(sides)}, rules)
        return found.name, found.why

    other, unknown = ({"own": {"tokenizer": name} if name else {}} for name in ("t2", None))
    assert told(made())[0] == told(made(), made())[0] == "own"
    assert told(made(), made(fingerprint=other)) == (
        "neutral",
        "neutral tokens (o200k_base), the entrants have 2 tokenizers",
    )
    assert told(made(), made(fingerprint=unknown))[0] == "neutral"
    assert told(made(tokens=None)) == ("neutral", "neutral tokens (o200k_base), 0a came without a count of its own")
    assert told(made(), rules=dataclasses.replace(DISTILL, counter="neutral"))[0] == "neutral"


def test_own_tokens_of_two_tokenizers_share_no_ranking_even_when_asked_to():
    sides = [
        made(),
        made(name="b"),
        made(name="c", fingerprint={"must": {"exam": "gsm8k", "scorer": "number@1"}, "own": {}}),
    ]
    sides.append(dataclasses.replace(sides[2], checkpoint="d", name="d"))
    own, neutral = (
        [composite.overall([side], DISTILL, counter=counter, draws=10).peers for side in sides]
        for counter in ("own", "neutral")
    )
    assert own[0] == own[1] and len(set(own)) == 3
    assert len(set(neutral)) == 1


def test_ids_that_leave_no_text_are_not_free_under_the_neutral_counter():
    """Special tokens are cut from texts: 3,000 of them beside 100 neutral tokens of text are counted as they are."""
    honest, letters, hidden = (made(tokens=own, measures={"neutral_tokens": 100.0}) for own in (130.0, 500.0, 3100.0))
    found = [
        parts(composite.overall([side], DISTILL, counter="neutral", draws=10))["ES"].value
        for side in (honest, letters, hidden)
    ]
    assert found[0] == found[1] == pytest.approx(75 * math.log(40.96) / math.log(64))
    assert found[2] < found[0] / 3


# -- change ---------------------------------------------------------------------------------------------------------


def pair(n=600, seed=4, moved=0.04, **after):
    rng = np.random.default_rng(seed)
    right = rng.random(n) < 0.6
    flipped = np.where(rng.random(n) < moved, ~right, right)
    tokens = rng.lognormal(5, 0.5, n)
    return made(right=right, tokens=tokens), made(right=flipped, tokens=tokens * 1.1, name="b", **after)


def test_a_change_is_paired_and_its_ends_are_the_two_scores():
    before, after = pair()
    found = composite.change([before], [after], DISTILL)
    a, b = (composite.overall([side], DISTILL) for side in (before, after))
    assert [c.metric for c in found] == ["Overall", "AS", "CQS", "ES", "MLS"]
    assert {c.unit for c in found} == {"points"} and found[0].task == "composite"
    assert (found[0].before, found[0].after) == pytest.approx((a.value, b.value))
    assert found[0].change == pytest.approx(sum(p.weight * c.change for p, c in zip(a.parts, found[1:], strict=True)))
    unpaired = math.hypot(a.high - a.low, b.high - b.low) * 1.645 / 1.96
    assert found[0].high - found[0].low < unpaired / 2
    assert found[0].low < found[0].change < found[0].high and found[0].n == 600


def test_p_and_interval_speak_with_one_voice():
    for seed in range(12):
        overall = composite.change(*([side] for side in pair(200, seed, 0.2)), DISTILL, draws=1000)[0]
        assert (overall.p < 0.05) == (overall.high < 0)
        assert (overall.p_better < 0.05) == (overall.low > 0)


def test_no_change_is_called_worse_about_5_times_of_100():
    rng, called = np.random.default_rng(21), 0
    for seed in range(400):
        shared, luck = rng.random(150) < 0.5, rng.random((2, 150))
        sides = [np.where(u < 0.2, rng.random(150) < 0.5, shared) for u in luck]
        made_ = [[made(right=side, tokens=300)] for side in sides]
        called += composite.change(*made_, DISTILL, draws=400, seed=seed)[0].p <= 0.05
    assert 0.02 <= called / 400 <= 0.085


def test_the_same_answers_from_half_the_bytes_are_better_for_certain():
    before, _ = pair()
    smaller = dataclasses.replace(before, bytes=8 * GIB, name="b")
    overall, *_, size = composite.change([before], [smaller], DISTILL)
    assert (overall.change, overall.low, overall.high) == pytest.approx((1.25, 1.25, 1.25))
    assert (overall.p, overall.p_better) == (1.0, 0.0) and overall.lost == overall.gained == 0
    assert size.change == pytest.approx(12.5) and "exact" in size.method
    same = composite.change([before], [before], DISTILL)[0]
    assert (same.change, same.p, same.p_better) == (0.0, 1.0, 1.0)


def test_few_questions_that_all_fell_are_no_certainty():
    for n, p in ((2, 1 / 8), (3, 1 / 16), (5, 1 / 64)):
        before, after = made(right=[1] * n, name="a"), made(right=[0] * n, name="b")
        for line in composite.change([before], [after], DISTILL, draws=200)[:2]:
            assert line.p == pytest.approx(p) and "alike" in line.method and line.low <= line.change < line.high


def test_of_five_questions_a_change_is_called_worse_no_more_often_than_of_many():
    rng = np.random.default_rng(8)
    rule = profile.read("distill-v1")
    worse = []
    for _ in range(300):
        sides = [
            made(right=rng.random(5) < 0.6, tokens=np.exp(rng.normal(5, 0.5, 5)).round(), name=name) for name in "ab"
        ]
        worse.append(composite.change(*([side] for side in sides), rule, draws=400)[0].p <= 0.05)
    assert np.mean(worse) <= 0.08  # 0.10 by plain percentiles


def test_a_change_without_a_part_says_which_and_how_to_have_it():
    before, after = pair()
    found = composite.change([before], [dataclasses.replace(after, bytes=None)], DISTILL)
    assert found[0].change is None and "--model-bytes" in found[0].method
    assert found[1].change is not None and found[4].change is None


def test_a_change_is_of_the_common_questions_and_refused_where_they_are_few():
    before, after = pair()
    lost = dataclasses.replace(
        after, samples=after.samples[5:], values=after.values[5:],
        measures={name: values[5:] for name, values in after.measures.items()},
    )  # fmt: skip
    found = composite.change([before], [lost], DISTILL)[0]
    assert found.n == 595 and "5 questions of one side only" in found.method
    shuffled = dataclasses.replace(
        lost, samples=lost.samples[::-1], values=lost.values[::-1],
        measures={name: values[::-1] for name, values in lost.measures.items()},
    )  # fmt: skip
    assert composite.change([before], [shuffled], DISTILL)[0] == found
    with pytest.raises(NotComparable, match="only 300 of 600"):
        composite.change([before], [pair(300)[1]], DISTILL)
    regraded = dataclasses.replace(after, fingerprint={"must": {"exam": "gsm8k", "scorer": "number@2"}})
    with pytest.raises(NotComparable, match="cot_health was graded by an unknown version and by cot@2"):
        composite.change([made()], [made(fingerprint=GRADED_BY_2)], DISTILL, draws=10)
    with pytest.raises(NotComparable, match="scorer: number@1 against number@2"):
        composite.change([before], [regraded], DISTILL)
    with pytest.raises(NothingToCompare):
        composite.change([before], [made("math", name="b")], DISTILL)
    extra = composite.change([before, made("math")], [after], DISTILL)[0]
    assert "math on one side only" in extra.method


# -- what a contestant asks next --------------------------------------------------------------------------------------


def test_at_the_weight_where_the_order_flips_both_tie(tmp_path):
    strong = composite.overall([made(right=(1, 1, 1, 0), tokens=2000, health=0.9, bytes=16 * GIB)], DISTILL)
    light = composite.overall([made(right=(1, 1, 0, 0), tokens=100, health=0.8, bytes=GIB, name="b")], DISTILL)
    flips = composite.sensitivity(strong, light)
    assert [flip.part for flip in flips] == ["AS", "CQS", "ES", "MLS"] and any(flip.at for flip in flips)
    for i, flip in enumerate(flips):
        rest = 1 - flip.weight

        def at(weight, overall, i=i, rest=rest):
            others = sum(p.weight * p.value for j, p in enumerate(overall.parts) if j != i)
            return weight * overall.parts[i].value + (1 - weight) * others / rest

        gaps = [at(w, strong) - at(w, light) for w in np.linspace(0, 1, 101)]
        assert (min(gaps) < 0 < max(gaps)) == (flip.at is not None)
        if flip.at is not None:
            assert at(flip.at, strong) == pytest.approx(at(flip.at, light))
            beyond = at((flip.at + 1) / 2, strong) - at((flip.at + 1) / 2, light)
            assert flip.ahead == ("a" if beyond > 0 else "b")
    with pytest.raises(NotComparable):
        composite.sensitivity(strong, composite.overall([made("math")], DISTILL))
    lacking = composite.overall([made(bytes=None, name="c")], DISTILL)
    with pytest.raises(NotComparable, match="--model-bytes"):
        composite.sensitivity(strong, lacking)


def test_what_if_is_what_a_new_score_would_say():
    rng = np.random.default_rng(6)
    right, tokens = np.arange(400) % 100 < 60, rng.lognormal(5.5, 0.6, 400)
    now = composite.overall([made(right=right, tokens=tokens)], DISTILL, draws=10)
    told = composite.what_if([made(right=right, tokens=tokens)], DISTILL)
    shorter = composite.overall([made(right=right, tokens=tokens * 0.9)], DISTILL, draws=10)
    lighter = composite.overall([made(right=right, tokens=tokens, bytes=8 * GIB)], DISTILL, draws=10)
    assert told.fewer_tokens == pytest.approx(shorter.value - now.value)
    assert told.half_the_bytes == pytest.approx(lighter.value - now.value)
    gains = []
    for chosen in np.flatnonzero(~right).reshape(-1, 4):  # one in a hundred of 400
        more = right.copy()
        more[chosen] = True
        gains.append(composite.overall([made(right=more, tokens=tokens)], DISTILL, draws=0).value - now.value)
    assert told.one_more_right == pytest.approx(np.mean(gains))
    split = dataclasses.replace(DISTILL, part=(
        *(dataclasses.replace(DISTILL.part[0], name=f"AS {i}", weight=0.2) for i in range(2)), *DISTILL.part[1:]))  # fmt: skip
    assert composite.what_if([made(right=right, tokens=tokens)], split) == told
    bare = composite.what_if([made(tokens=None, bytes=None)], DISTILL)
    assert (bare.fewer_tokens, bare.one_more_right, bare.half_the_bytes) == (None, None, None)


def test_the_answers_that_cost_most_are_named_with_their_cause():
    side = made(
        right=(1, 0, 0, 1), tokens=(200, 400, 100, 800),
        measures={"truncated_rate": (0, 1, 0, 0), "unparsed_rate": (0, 1, 1, 0), "thinking_tokens": (0, 0, 0, 700)},
    )  # fmt: skip
    told = composite.what_if([side], DISTILL)
    assert [(c.cause, c.sample) for c in told.costly] == [
        ("truncated", "gsm8k00001"), ("unparsed", "gsm8k00002"), ("thinking", "gsm8k00003"),
    ]  # fmt: skip
    mended = made(right=(1, 0, 1, 1), tokens=(200, 400, 100, 800))
    before, after = (composite.overall([one], DISTILL, draws=0) for one in (side, mended))
    assert told.costly[1].points == pytest.approx(after.value - before.value)
    unthinking = made(right=(1, 0, 0, 1), tokens=(200, 400, 100, 100))
    assert told.costly[2].points == pytest.approx(
        composite.overall([unthinking], DISTILL, draws=0).value - before.value
    )
    assert told.causes["truncated"][0] == 1


def test_explained_shares_sum_to_one_and_a_part_that_is_equal_everywhere_explains_nothing():
    found = [
        composite.overall([made(right=[i < k for i in range(20)], tokens=60 * k, name=f"m{k}")], DISTILL, draws=0)
        for k in (4, 9, 14, 19)
    ]
    shares = composite.explained(found)
    assert sum(shares.values()) == pytest.approx(1) and shares["MLS"] == pytest.approx(0) and shares["AS"] > 0.5
    assert composite.explained(found[:2]) == {} and composite.explained([found[0]] * 3) == {}


def test_the_pareto_front_is_what_nobody_beats():
    rng = np.random.default_rng(2)
    points = {f"m{i}": tuple(map(float, rng.integers(0, 5, 3))) for i in range(60)}
    higher = (True, False, False)

    def beats(a, b):
        signed = [(x - y) if up else (y - x) for x, y, up in zip(points[a], points[b], higher, strict=True)]
        return min(signed) >= 0 and max(signed) > 0

    found = ranking.pareto(points, higher)
    assert [one.name for one in found] == list(points)
    front = {one.name for one in found if not one.by}
    assert front == {a for a in points if not any(beats(b, a) for b in points)} and 0 < len(front) < 60
    for one in found:
        assert set(one.by) == {b for b in front if beats(b, one.name)}
    assert ranking.pareto({}, higher) == []
    with pytest.raises(ValueError, match="leave it out"):
        ranking.pareto({"a": (1.0, math.nan, 2.0)}, higher)
