"""Intervals and tests against scipy, brute force and simulation: the numbers people will quote."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize
from scipy import stats as scipy_stats

from harness import stats


def binomial_mid_p(lost: int, gained: int) -> float:
    n = lost + gained
    return float(scipy_stats.binom.sf(lost, n, 0.5) + 0.5 * scipy_stats.binom.pmf(lost, n, 0.5))


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (5, 0), (0, 5), (23, 21), (118, 76), (900, 1000)])
def test_mid_p_is_the_binomial_tail_with_half_the_observed_point(lost, gained):
    worse, better = stats.mid_p_mcnemar(lost, gained)
    assert worse == pytest.approx(binomial_mid_p(lost, gained), abs=1e-12)
    assert better == pytest.approx(binomial_mid_p(gained, lost), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (25, 26), (621, 1346), (1, 3)])
def test_wilson_is_scipys_without_correction(k, n):
    expected = scipy_stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert stats.wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def likelihood_score(lost: int, gained: int, n: int, delta: float) -> float:
    """Tango's statistic with the nuisance parameter found by maximising the constrained likelihood numerically."""
    same = n - lost - gained

    def surprise(q: float) -> float:  # q = P(lost), P(gained) = q + delta
        cells = ((lost, q), (gained, q + delta), (same, 1 - 2 * q - delta))
        return -sum(k * np.log(max(p, 1e-300)) for k, p in cells if k)

    ends = (max(0.0, -delta), (1 - delta) / 2)
    q = optimize.minimize_scalar(surprise, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    return float((gained - lost - n * delta) / np.sqrt(n * (2 * q + delta - delta * delta)))


@pytest.mark.parametrize(("lost", "gained", "n"), [(118, 76, 1346), (3, 9, 50), (1, 0, 26), (12, 12, 80)])
def test_tango_ends_where_the_likelihood_score_is_the_normal_quantile(lost, gained, n):
    low, high = stats.tango(lost, gained, n, 0.90)
    z = scipy_stats.norm.ppf(0.95)
    assert likelihood_score(lost, gained, n, low) == pytest.approx(z, abs=2e-3)
    assert likelihood_score(lost, gained, n, high) == pytest.approx(-z, abs=2e-3)


def test_tango_keeps_a_width_without_flips_and_mirrors_when_sides_swap():
    low, high = stats.tango(0, 0, 26)
    assert low < -0.05 and high > 0.05
    ahead, back = stats.tango(7, 2, 90), stats.tango(2, 7, 90)
    assert ahead == pytest.approx((-back[1], -back[0]), abs=1e-12)
    assert stats.tango(5, 0, 5)[0] == -1.0


def test_tango_covers_90_of_100():
    rng = np.random.default_rng(1)
    cells = rng.multinomial(200, [0.085, 0.065, 0.85], size=2000)
    inside = [low <= -0.02 <= high for low, high in (stats.tango(int(a), int(b), 200) for a, b, _ in cells)]
    assert 0.88 <= np.mean(inside) <= 0.92


def brute_flip(units: np.ndarray) -> float:
    signs = np.array(list(itertools.product((-1, 1), repeat=units.size)))
    sums, observed = signs @ np.abs(units), units.sum()
    return float((sums < observed - 1e-9).mean() + (np.abs(sums - observed) <= 1e-9).mean() / 2)


def test_exact_sign_flip_is_every_assignment_of_signs():
    d = np.array([0.5, -1.0, -0.25, 0.0, -0.75, 0.5, -1.0, 0.1, -0.3, 0.2])
    worse, better = stats.sign_flip(d)
    assert worse == pytest.approx(brute_flip(d), abs=1e-12)
    assert worse + better == pytest.approx(1)


def test_weighted_sign_flip_by_strata_and_by_whole_clusters_is_brute_force_too():
    d = np.array([1, -1, 0, -1, -1, 1, -1, 0, -1, -1], float)
    strata = list("aabbbbbccc")
    assert stats.sign_flip(d, strata)[0] == pytest.approx(brute_flip(d * stats.weights(strata, 10)), abs=1e-12)
    clusters = ["x", "x", "", "y", "y", "y", "", "", "z", "z"]
    sums = np.array([0, 0, -1, -1, 0, -2]) / 10  # x, alone, y, alone, alone, z
    assert stats.sign_flip(d, None, clusters)[0] == pytest.approx(brute_flip(sums), abs=1e-12)


def test_sign_flip_of_equal_weights_is_mid_p_mcnemar():
    d = np.array([-1] * 57 + [1] * 41 + [0] * 300, float)
    assert stats.sign_flip(d) == pytest.approx(stats.mid_p_mcnemar(57, 41), abs=1e-9)
    assert stats.sign_flip(-np.ones(100))[0] == pytest.approx(0.5**101, rel=1e-9)  # small p keep their digits


def test_drawn_sign_flips_agree_with_the_normal_and_forget_the_order():
    rng = np.random.default_rng(2)
    d = rng.normal(-0.03, 1, 1500)
    z = d.sum() / np.sqrt((d**2).sum())
    worse, better = stats.sign_flip(d)
    assert worse == pytest.approx(scipy_stats.norm.cdf(z), abs=0.015)
    assert stats.sign_flip(rng.permutation(d)) == (worse, better)
    assert stats.sign_flip(-d) == (better, worse)


def test_a_million_samples_take_the_normal_road():
    d = np.random.default_rng(3).choice([-1.0, 0.0, 0.5, 1.0], 1_000_000, p=[0.1, 0.8, 0.01, 0.09])
    z = d.sum() / np.sqrt((d**2).sum())
    assert stats.sign_flip(d)[0] == pytest.approx(scipy_stats.norm.cdf(z), rel=1e-6)


def test_holm_and_bh_on_a_worked_example():
    ps = [0.01, 0.04, 0.03, 0.005]
    assert stats.holm(ps) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.bh(ps) == pytest.approx(scipy_stats.false_discovery_control(ps).tolist())
    assert stats.holm([]) == stats.bh([]) == []


def test_holm_is_bonferroni_over_every_subset_and_bh_is_scipys():
    """Closed testing: a member is rejected when every intersection that holds it is (Marcus, Peritz & Gabriel 1976)."""
    rng = np.random.default_rng(8)
    for size in (1, 2, 5, 9):
        ps = np.round(rng.random(size) ** 2, 2).tolist()  # with ties, and zeros
        subsets = [[i for i in range(size) if mask >> i & 1] for mask in range(1, 2**size)]
        closed = [max(min(1.0, len(s) * min(ps[j] for j in s)) for s in subsets if i in s) for i in range(size)]
        assert stats.holm(ps) == pytest.approx(closed)
        assert stats.bh(ps) == pytest.approx(scipy_stats.false_discovery_control(ps).tolist())


def test_mover_of_equal_members_shrinks_by_the_root_of_their_number():
    low, high = stats.mover([0.5] * 4, [0.4] * 4, [0.62] * 4)
    assert (low, high) == pytest.approx((0.45, 0.56))


def test_mde_and_needed_n_are_those_of_the_published_table():
    points = [(1346, 0.15, 2.6), (200, 0.05, 3.9), (500, 0.05, 2.5), (1000, 0.30, 4.3), (12342, 0.15, 0.9)]
    for n, flips, drop in points:
        assert 100 * stats.mde(n, flips) == pytest.approx(drop, abs=0.051)
    table = [(0.02, 0.15, 2317), (0.01, 0.05, 3090), (0.05, 0.30, 740), (0.03, 0.15, 1029)]
    for drop, flips, n in table:
        assert stats.needed_n(drop, flips) == pytest.approx(n, abs=1)
    assert stats.needed_n(0.0, 0.1) is None
    assert stats.mde(200, 0.0) > 0.02  # no flips seen is no promise to see a drop of one question


def test_a_drop_of_the_mde_is_caught_80_times_of_100():
    rng, n, flips = np.random.default_rng(4), 400, 0.2
    drop = stats.mde(n, flips)
    cells = rng.multinomial(n, [(flips + drop) / 2, (flips - drop) / 2, 1 - flips], size=3000)
    caught = np.mean([stats.mid_p_mcnemar(int(a), int(b))[0] <= 0.05 for a, b, _ in cells])
    assert 0.77 <= caught <= 0.84


def test_macro_interval_covers_the_mean_of_52_subjects():
    rng = np.random.default_rng(5)
    sizes = rng.integers(20, 34, 52)
    skills = np.clip(rng.normal(0.5, 0.2, 52), 0.05, 0.97)
    strata = np.repeat(np.arange(52), sizes).tolist()
    hits = []
    for _ in range(600):
        low, high = stats.macro((rng.random(len(strata)) < np.repeat(skills, sizes)).astype(float), strata)
        hits.append(low <= skills.mean() <= high)
    assert 0.93 <= np.mean(hits) <= 0.98
    all_right = stats.macro([1.0] * 6, list("aabbcc"))  # no proof of 100 %
    assert all_right == pytest.approx(stats.wilson(6, 6), abs=1e-6)


def test_paired_interval_of_graded_changes_that_are_all_alike_is_that_of_as_many_flips():
    for change in (-2.0, 0.25, 3.0):  # milliseconds, say: every answer two later
        low, high = stats.paired_interval(np.full(60, change))
        assert low <= change <= high and high - low == pytest.approx(abs(change) * 0.089, rel=0.02)
    low, high = stats.paired_interval([-0.5, -0.5])  # p is 0.125, so it must not speak of certainty
    assert low == -0.5 and high > 0


def test_paired_interval_of_a_macro_change_covers_and_has_a_width_without_flips():
    rng = np.random.default_rng(6)
    strata = np.repeat(np.arange(52), 26).tolist()
    hits = []
    for _ in range(600):
        d = rng.choice([-1.0, 0.0, 1.0], 1352, p=[0.09, 0.85, 0.06])
        low, high = stats.paired_interval(d, strata)
        hits.append(low <= -0.03 <= high)
    assert 0.87 <= np.mean(hits) <= 0.93
    low, high = stats.paired_interval(np.zeros(52), strata[::26])
    assert low < -0.03 and high > 0.03


def test_mean_t_is_scipys_and_clusters_widen_it():
    x = np.array([61.0, 77, 203, 12, 80, 66])
    expected = scipy_stats.t.interval(0.95, 5, x.mean(), scipy_stats.sem(x))
    assert stats.mean_t(x) == pytest.approx(expected)
    twins = np.repeat([0.0, 1, 0, 1, 1, 0, 1, 1], 20)
    names = np.repeat([f"case {i}" for i in range(8)], 20).tolist()
    plain, grouped = stats.mean_t(twins), stats.mean_t(twins, clusters=names)
    assert grouped[1] - grouped[0] > 4 * (plain[1] - plain[0])


def test_rank_draws_tie_equal_checkpoints_and_put_a_clear_leader_first():
    rng = np.random.default_rng(7)
    base = (rng.random(500) < 0.4).astype(float)
    strong = np.maximum(base, (rng.random(500) < 0.3).astype(float))
    ranks = stats.bootstrap_ranks(np.stack([base, strong, base]), draws=500)
    assert (ranks[:, 1] == 1).all() and (ranks[:, 0] == 2).all() and (ranks[:, 2] == 2).all()


def test_whole_clusters_flip_so_shared_direction_raises_no_false_alarm():
    """67 cases of 20 questions, half of the flips sharing their case's direction: the plain test is wrong 12 of 100."""
    rng, names, plain, whole = np.random.default_rng(8), [f"case {i // 20}" for i in range(1340)], 0, 0
    for _ in range(400):
        shared = np.repeat(rng.choice([-1.0, 1.0], 67), 20)
        direction = np.where(rng.random(1340) < 0.5, shared, rng.choice([-1.0, 1.0], 1340))
        d = np.where(rng.random(1340) < 0.15, direction, 0.0)
        plain += stats.sign_flip(d)[0] <= 0.05
        whole += stats.sign_flip(d, None, names)[0] <= 0.05
    assert plain / 400 > 0.08 and 0.02 <= whole / 400 <= 0.065
