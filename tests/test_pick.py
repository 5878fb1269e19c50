"""`bench pick` from outside: the tie band, what is advised, how much the best is flattered, and what may be reported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pairs import outcomes
from rank_world import World

from harness import stats
from harness.errors import NotComparable, NothingToCompare
from harness.records import Lineage, Outcomes, Settings
from harness.verdicts import pick


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def noisy(seed: int, p: float, n: int = 400) -> list[float]:
    """Answers that agree on three questions of four, whatever the seed."""
    alike = np.random.default_rng(99).random(n)
    own = np.random.default_rng(seed).random(n)
    return [float(v < p) for v in np.where(np.arange(n) % 4 == 0, own, alike)]


def eight(world: World) -> None:
    """Two early checkpoints that are clearly worse, six that differ by luck."""
    for i in range(1, 9):
        share = (0.2, 0.35)[i - 1] if i < 3 else 0.6
        world.run(f"out/checkpoint-{100 * i}", "quiz", noisy(i, share), lineage=Lineage(method="lora", steps=100 * i))


def test_the_earliest_of_the_tie_band_is_advised_and_its_confirmed_score_is_reported(world: World) -> None:
    eight(world)
    glob = str(world.folder / "out" / "checkpoint-*")
    done = world.bench("pick", glob, "--on", "quiz", "--confirm", "quiz:test")
    assert done.code == 0, done.err
    words = " ".join(done.out.split())
    assert words.startswith(
        "Ship out/checkpoint-300: the earliest of 6 that can't be told apart (best: out/checkpoint-"
    )
    assert "points, the best of 8)" in words and "flattered by about" in words
    line = f"Not confirmed yet: run `bench run --model {world.folder}/out/checkpoint-300 --tasks quiz:test"
    assert line in words
    assert max(map(len, done.out.splitlines()[3:])) <= 100
    first = [row.split()[0] for row in done.out.splitlines() if row.startswith("out/checkpoint-")]
    assert first[-2:] == ["out/checkpoint-200", "out/checkpoint-100"]

    world.run("out/checkpoint-300", "quiz:test", [1.0] * 50 + [0.0] * 50, lineage=Lineage(method="lora", steps=300))
    done = world.bench("pick", glob, "--on", "quiz", "--confirm", "quiz:test")
    assert "Report 50.0 on quiz:test (95 % interval" in " ".join(done.out.split())
    same = world.bench("pick", glob, "--on", "quiz", "--confirm", "quiz")
    assert same.code == 2 and "asks the questions that were chosen by" in same.err


def test_json_has_all_of_it_and_is_the_same_twice(world: World) -> None:
    eight(world)
    words = ("pick", "out/checkpoint-*", "--on", "quiz", "--json")
    first = world.bench(*words)
    assert first.out == world.bench(*words).out
    found = json.loads(first.out)
    assert found["advised"] == "out/checkpoint-300" and found["n"] == {"quiz": 400}
    assert 0 < found["inflation"] < 0.05
    assert [p["tied"] for p in found["places"]] == [True] * 6 + [False] * 2
    assert found["places"][0]["p"] is None and found["confirmed"] is None


def test_of_a_tie_the_smallest_is_advised(world: World) -> None:
    for i, size in enumerate((8_000_000_000, 2_000_000_000, 2_010_000_000)):
        world.run(f"m{i}", "quiz", noisy(i, 0.6), bytes=size)
    done = world.bench("pick", "m0", "m1", "m2", "--on", "quiz")
    assert done.out.startswith("Ship m1: the smallest of 3 that can't be told apart")
    assert "Don't report a score that was chosen by" in " ".join(done.out.split())
    assert "1.863 GiB" in done.out and "7.451 GiB" in done.out


def test_one_question_in_three_forms_is_no_three_questions() -> None:
    values = [np.random.default_rng(seed).random(300) < share for seed, share in ((1, 0.5), (2, 0.57))]

    def chosen(*tasks: str) -> pick.Picked:
        sides = [{t: replace(outcomes("q", v), task=t) for t in tasks} for v in values]
        return pick.pick([pick.Entrant(f"c{i}", side, age=i) for i, side in enumerate(sides)])

    one, forms = chosen("ceval"), chosen("ceval", "ceval:texts", "ceval~circular")
    assert forms.places[1].p == pytest.approx(one.places[1].p) and forms.inflation == pytest.approx(one.inflation)


def test_one_that_is_better_than_all_is_advised_whatever_its_size(world: World) -> None:
    world.run("small", "quiz", noisy(1, 0.3), bytes=1)
    world.run("large", "quiz", noisy(2, 0.9), bytes=9_000_000_000)
    done = world.bench("pick", "small", "large", "--on", "quiz")
    assert done.out.startswith("Ship large: it is better than every other one; its ")
    assert "hardly flattered" in done.out


def test_answers_without_golds_are_shown_and_never_ranked_by(world: World) -> None:
    for i in range(3):
        world.run(f"c-{i}", "quiz", noisy(i, 0.6))
        odd = {"tokens": 3, "stop": "length"} if i == 0 else {"tokens": 100}
        world.run(f"c-{i}", "chat", [None] * 20, **odd)
    done = world.bench("pick", "c-*", "--on", "quiz,chat")
    assert done.out.startswith("Ship c-0: the earliest of 3")
    assert "chat tokens" in " ".join(done.out.split())
    assert "c-0: its chat answers are 0.03x as long as is usual here" in done.out
    assert "c-0: only 0.0 % of its chat answers end by themselves" in done.out
    alone = world.bench("pick", "c-*", "--on", "chat")
    assert alone.code == 5 and "no gold answers to choose by" in alone.err


def test_several_tasks_weigh_the_same_whatever_their_size(world: World) -> None:
    world.run("a", "large", noisy(1, 0.6, 900))
    world.run("a", "small", [1.0] * 60)
    world.run("b", "large", noisy(1, 0.6, 900))
    world.run("b", "small", [1.0] * 20 + [0.0] * 40)
    found = json.loads(world.bench("pick", "a", "b", "--on", "large,small", "--json").out)
    best, other = found["places"]
    assert best["name"] == "a" and other["behind"] == pytest.approx((1 - 1 / 3) / 2)
    assert best["score"] == pytest.approx(sum(best["scores"].values()) / 2)
    assert not other["tied"]


def test_who_lacks_a_task_is_left_out_with_the_line_that_brings_it_in(world: World) -> None:
    for name in ("a", "b", "c"):
        settings = Settings(max_tokens=64) if name == "c" else Settings()
        world.run(name, "quiz", noisy(len(name), 0.5), settings=settings)
    done = world.bench("pick", "a", "b", "c", "--on", "quiz")
    assert done.code == 0
    told = " ".join(done.out.split())
    assert "c is left out: it lacks quiz, asked as of the others; `bench run --model" in told
    assert "--store" in told
    few = world.bench("pick", "a", "c", "--on", "quiz")
    assert few.code == 5 and "only 1 of 2 checkpoints have runs of quiz" in few.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("nobody-*", "--on", "quiz"), 5, "no checkpoint in"),
        (("a", "b", "--on", "quizz"), 5, "have runs of quizz"),
        (("a", "--on", "quiz"), 5, "a is the only checkpoint named"),
    ],
)
def test_mistakes_are_one_sentence(world: World, words: tuple[str, ...], code: int, told: str) -> None:
    for name in ("a", "b"):
        world.run(name, "quiz", noisy(1, 0.5, 20))
    done = world.bench("pick", *words)
    assert (done.code, done.out) == (code, "") and told in done.err and "\n" not in done.err


def graded(name: str, metric: str, unit: str, values: list[float], **of: Any) -> pick.Entrant:
    ids = tuple(f"{i:03}" for i in range(len(values)))
    made = Outcomes("fit", metric, name, {}, ids, tuple(values), unit=unit, name=name, **of)
    return pick.Entrant(name, {"fit": made})


def test_an_error_is_chosen_by_when_it_is_low_and_has_no_mean_with_a_share() -> None:
    rng = np.random.default_rng(0)
    small, large = (np.abs(rng.normal(0, sd, 300)).tolist() for sd in (1.0, 2.0))
    low = graded("low", "mae", "target", small, higher_is_better=False)
    high = graded("high", "mae", "target", large, higher_is_better=False)
    found = pick.pick([high, low])
    assert (found.advised, found.points) == ("low", False)
    assert found.places[0].score == pytest.approx(np.mean(small)) and found.places[1].behind > 0
    both = [pick.Entrant(e.name, {**e.outcomes, "quiz": replace(e.outcomes["fit"], task="quiz", unit="share", higher_is_better=True)}) for e in (high, low)]  # fmt: skip
    with pytest.raises(NotComparable, match="fit is scored by mae, which has no mean with quiz"):
        pick.pick(both)
    measure = [graded(name, "f1", "share", small, is_mean=False) for name in ("a", "b")]
    with pytest.raises(NothingToCompare, match="no value per question"):
        pick.pick(measure)


def units(values: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    return values * stats.weights(subjects.tolist(), values.shape[1])


def test_eight_equal_checkpoints_of_c_eval_size_flatter_the_best_by_about_a_point() -> None:
    """52 subjects of 26; 21 % flips. The truth of the simulation is 1.2 points (tests/benchmarks/pick_inflation.py)."""
    subjects = np.repeat(np.arange(52), 26)
    found, luck = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        hard = rng.beta(0.35, 0.40, subjects.size)
        x = (rng.random((8, subjects.size)) < hard).astype(float)
        u = units(x, subjects)
        found.append(pick.inflation(u, subjects, draws=400))
        luck.append(u.sum(axis=1).max() - float(hard @ stats.weights(subjects.tolist(), subjects.size)))
    assert np.mean(found) == pytest.approx(0.012, abs=0.003)
    assert np.mean(found) == pytest.approx(np.mean(luck), abs=0.006)


def test_a_clear_winner_is_not_flattered_and_two_equal_ones_are_less_than_eight() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros(1000, np.int64)
    x = (rng.random((8, 1000)) < 0.5).astype(float)
    ahead = x.copy()
    ahead[3] = rng.random(1000) < 0.9
    assert pick.inflation(ahead / 1000, none, draws=400) < 0.0005
    assert pick.inflation(x[:2] / 1000, none, draws=400) < pick.inflation(x / 1000, none, draws=400)
    assert pick.inflation(np.ones((3, 10)) / 10, np.zeros(10, np.int64), draws=50) == 0.0
