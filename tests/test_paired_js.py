"""The browser's statistics of a change against Python's, in a real Chromium."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pairs import outcomes

from harness import stats
from harness.records import Change
from harness.verdicts import compare

SCRIPT = Path(__file__).resolve().parents[1] / "leaderboard" / "static" / "paired.js"
DRAWS = 10_000  # of Python, where the sums are too many to count

Ask = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def ask(browser: Any) -> Iterator[Ask]:
    """ask("mcnemar", [[2, 3], …]) -> what the function says to each."""
    context = browser.new_context()
    page = context.new_page()
    page.add_script_tag(path=SCRIPT)
    yield lambda name, many: page.evaluate("([name, many]) => many.map(a => BENCH.paired[name](...a))", [name, many])
    context.close()


def both(ask: Ask, before: Any, after: Any, strata: Any = None, clusters: Any = None) -> tuple[dict[str, Any], Change]:
    """The same change by the browser and by Python, which is given whole runs."""
    fields: dict[str, Any] = {"average": "macro" if strata is not None else "micro"}
    if strata is not None:
        fields["subjects"] = tuple(map(str, strata))
    if clusters is not None:
        fields["clusters"] = tuple(clusters)
    before, after = np.asarray(before, float), np.asarray(after, float)
    listed = [None if one is None else np.asarray(one).tolist() for one in (strata, clusters)]
    theirs = ask("change", [[before.tolist(), after.tolist(), *listed]])[0]
    return theirs, compare.compare(outcomes("ceval", before, **fields), outcomes("ceval", after, **fields))


def same(theirs: dict[str, Any], ours: Change, p_within: float = 1e-9) -> None:
    for name in ("before", "after", "change", "low", "high"):
        assert theirs[name] == pytest.approx(getattr(ours, name), abs=1e-9), name
    assert (theirs["lost"], theirs["gained"], theirs["n"]) == (ours.lost, ours.gained, ours.n)
    assert theirs["p"] == pytest.approx(ours.p, abs=p_within)
    assert theirs["pBetter"] == pytest.approx(ours.p_better, abs=p_within)


def sampling(p: float | None) -> float:
    """Four and a half standard errors of a share of Python's draws."""
    assert p is not None
    return 4.5 * math.sqrt(max(p * (1 - p), 1 / DRAWS) / DRAWS) + 1e-4


def test_mid_p_has_nine_right_digits_up_to_twenty_thousand_flips(ask: Ask) -> None:
    cases = [[0, 0], [1, 0], [0, 1], [5, 5], [118, 76], [57, 41], [20_000, 0], [10_000, 10_000], [9_900, 10_100]]
    rng = np.random.default_rng(7)
    for n in (1, 2, 7, 15, 16, 17, 60, 300, 1_500, 20_000):
        cases += [[int(k), n - int(k)] for k in rng.binomial(n, rng.uniform(0.3, 0.7, 12))]
        cases += [[k, n - k] for k in {0, 1, n // 2, n - 1, n}]
    for case, found in zip(cases, ask("mcnemar", cases), strict=True):
        wanted = stats.mid_p_mcnemar(*case)
        assert found == pytest.approx(wanted, abs=1e-11), case
        small = min(wanted)
        assert min(found) == pytest.approx(small, rel=1e-9) or small < 1e-290, case


def test_tango_s_interval_is_python_s(ask: Ask) -> None:
    cases = [[0, 0, 1, 0.9], [1, 0, 1, 0.9], [0, 26, 26, 0.9], [26, 0, 26, 0.95], [0, 0, 12_342, 0.9], [3, 3, 0, 0.9]]
    cases += [[118, 76, 1_346, 0.9], [2.5, 0.25, 17.75, 0.9], [900, 300, 12_342, 0.99], [0, 1, 20_000, 0.5]]
    rng = np.random.default_rng(8)
    for n in (2, 26, 400, 12_342):
        for _ in range(8):
            lost, gained, _rest = rng.multinomial(n, rng.dirichlet((1, 1, 4)))
            cases.append([int(lost), int(gained), n, 0.9])
    for case, found in zip(cases, ask("tango", cases), strict=True):
        assert found == pytest.approx(stats.tango(*case), abs=1e-9), case


def test_holm_s_correction_is_python_s(ask: Ask) -> None:
    cases = [[], [0.03], [0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.5], [1.0, 0.0, 1e-30], [0.2, 0.01, 0.2, 0.01]]
    assert ask("holm", [[case] for case in cases]) == [stats.holm(case) for case in cases]


@pytest.mark.parametrize(
    ("n", "lost", "gained"), [(1, 0, 1), (26, 0, 0), (40, 40, 0), (1_346, 118, 76), (12_342, 9, 30)]
)
def test_right_and_wrong_answers_get_mcnemar_and_tango(ask: Ask, n: int, lost: int, gained: int) -> None:
    rest = [i % 2 for i in range(n - lost - gained)]
    theirs, ours = both(ask, [1] * lost + [0] * gained + rest, [0] * lost + [1] * gained + rest)
    same(theirs, ours)
    assert (theirs["method"], ours.method) == ("mcnemar", "mid-p McNemar, Tango interval")


def test_subjects_of_few_sizes_are_counted_out_exactly(ask: Ask) -> None:
    """MMLU-like: 15 subjects of one size; and of four sizes with few flips, where every sum still can be listed."""
    rng = np.random.default_rng(9)
    equal = np.repeat(np.arange(15), 100)
    right = rng.random(1_500) < 0.6
    theirs, ours = both(ask, right, right ^ (rng.random(1_500) < 0.2), equal)
    same(theirs, ours)
    assert theirs["method"] == "flips-strata"
    sizes = np.repeat(np.arange(4), (20, 31, 22, 55))
    right = rng.random(128) < 0.5
    same(*both(ask, right, right ^ (rng.random(128) < 0.15), sizes))
    same(*both(ask, right, right, sizes))  # nothing flipped: p one half, and the interval still has a width
    same(*both(ask, np.ones(6), np.zeros(6), ["a", "a", "b", "c", "c", "c"]))
    same(*both(ask, [1, 0, 0], [0, 1, 0], ["a", "b", "b"]))


@pytest.mark.parametrize("drop", [0.0, 0.008])
def test_fifty_two_subjects_agree_within_python_s_own_sampling_error(ask: Ask, drop: float) -> None:
    rng = np.random.default_rng(10)
    strata = np.sort(rng.integers(0, 52, 12_342))
    right = rng.random(12_342) < 0.7
    flipped = rng.random(12_342) < np.where(right, 0.05 + drop / 0.7, 0.05 * 0.7 / 0.3)
    theirs, ours = both(ask, right, right ^ flipped, strata)
    same(theirs, ours, sampling(ours.p))
    assert theirs["p"] + theirs["pBetter"] == pytest.approx(1)


def test_graded_values_and_ties_agree_too(ask: Ask) -> None:
    rng = np.random.default_rng(11)
    tied = rng.integers(-2, 3, 60) / 4  # five values: every sum is listed
    same(*both(ask, np.full(60, 0.5), 0.5 + tied))
    same(*both(ask, np.zeros(9), np.full(9, 7.5)))  # all alike show no spread
    lengths = rng.lognormal(5, 1, 400)
    theirs, ours = both(ask, lengths, lengths * rng.lognormal(0.02, 0.2, 400))
    same(theirs, ours, sampling(ours.p))
    shares = rng.random(300)
    theirs, ours = both(ask, shares, np.clip(shares + rng.normal(0.02, 0.1, 300), 0, 1), rng.integers(0, 7, 300))
    same(theirs, ours, sampling(ours.p))


def test_whole_clusters_flip_together(ask: Ask) -> None:
    rng = np.random.default_rng(12)
    names = [f"case{i // 4}" for i in range(160)] + [""] * 40
    right = rng.random(200) < 0.6
    flipped = np.repeat(rng.random(50) < 0.3, 4) & (rng.random(200) < 0.8)
    theirs, ours = both(ask, right, right ^ flipped, None, names)
    same(theirs, ours)
    assert theirs["method"] == "flips-clusters"
    theirs, ours = both(ask, right, right ^ flipped, rng.integers(0, 5, 200), names)
    same(theirs, ours, sampling(ours.p))
    assert theirs["method"] == "flips-clusters-strata"


def test_the_inverted_distribution_is_the_counted_one(ask: Ask) -> None:
    """Eighteen different sizes: 262,144 sums, which Python draws from and which are all listed here."""
    rng = np.random.default_rng(13)
    sizes = np.sort(rng.uniform(0.2, 1, 18))
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    for signs in rng.choice((-1, 1), (6, 18)):
        d = signs * sizes
        found = ask("change", [[[0] * 18, d.tolist(), None]])[0]
        exact = (sums < d.sum() - 1e-9).mean() + (abs(sums - d.sum()) <= 1e-9).mean() / 2
        assert found["p"] == pytest.approx(exact, abs=1e-4)


def test_no_questions_have_no_change(ask: Ask) -> None:
    assert ask("change", [[[], [], None]]) == [None]


def test_more_than_fifty_thousand_units_are_normal_as_in_python(ask: Ask) -> None:
    rng = np.random.default_rng(14)
    d = rng.normal(0.001, 0.3, 50_001)
    found = ask("change", [[np.zeros(d.size).tolist(), d.tolist(), None]])[0]
    assert [found["p"], found["pBetter"]] == pytest.approx(stats.sign_flip(d), abs=1e-9)
    assert [found["low"], found["high"]] == pytest.approx(stats.paired_interval(d), abs=1e-9)
