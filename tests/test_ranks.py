"""A board from numbers: values question by question, ranks, badges, and what lies on the shelf, against the slow way."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from site_world import ENGINE, MATHCOT, checkpoint, exam_of, put_run, small_world, task

from harness import identity, metrics, plugins, stats
from harness.records import Checkpoint, Exam, Lineage, Outcome, Response, Run, Score, Settings
from harness.store import grid, read, runs
from harness.store.open import Store, open_store
from harness.store.shelf import Shelf
from harness.store.write import Writer
from harness.verdicts import ranking
from leaderboard.entries import Board, read_board

WORDS = ("yes", "no", "maybe")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with small_world(tmp_path_factory.mktemp("store") / "bench.db") as made:
        yield made


@pytest.fixture(scope="module")
def board(store: Store) -> Board:
    return read_board(store)


# -- values -------------------------------------------------------------------------------------------------


def put_odd(store: Store, who: Checkpoint, exam: Exam, seed: int, kind: str = "") -> Run:
    """Answers of every sort: twice each, some missing, some without a grade, one an error; `kind`: letters | errors."""
    dice = random.Random(seed)
    run = Run(identity.run_id(who.id, exam.id, Settings(), ENGINE.id, seed), who.id, exam.id, Settings(), ENGINE.id,
              attempt=seed, expected=2 * len(exam.samples), repeats=2)  # fmt: skip
    with Writer(store) as writer:
        writer.add_checkpoint(who)
        writer.add_exam(exam)
        writer.add_engine(ENGINE)
        writer.start_run(run, "host", 1)
        for sample in exam.samples:
            for repeat in range(2 if sample.position % 3 else 1):
                if sample.position == 5 and kind != "errors":
                    continue
                broken = kind == "errors" or sample.position == 7
                value = None if dice.random() < 0.2 else round(dice.random(), 2) if dice.random() < 0.3 else 1.0
                answer = dice.choice(WORDS if sample.target in WORDS else ("A", "B", "12", "7.5"))
                outcome: Outcome = "error" if broken else "ungraded" if value is None else "correct"
                logprobs = (-1.5, -0.5, -2.0, -0.25) if kind == "letters" else None
                writer.put(
                    Response(run.id, sample.id, repeat, "" if logprobs else f"I say {answer} of 12, since 5 + 7 = 12.",
                             stop="error" if broken else "end", output_tokens=dice.randrange(4, 40), seconds=0.5,
                             thinking_tokens=2, first_token_seconds=0.1, logprobs=logprobs, option_tokens=(1, 1, 2, 1))
                )  # fmt: skip
                score = Score(exam.task.scorer, 1, 0.0 if broken else value, answer, "cue", outcome)
                writer.put_score(run.id, sample.id, repeat, score, exam.key)
        writer.finish_run(run.id, "done")
    return run


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[tuple[Exam, Run]]]]:
    with open_store(tmp_path_factory.mktemp("odd") / "bench.db") as store:
        made: list[tuple[Exam, Run]] = []
        for name, targets in (("words", WORDS), ("numbers", ("12", "7", "7.5")), ("letters", ("A", "B", "D"))):
            exam = exam_of(task(name, ask="letters" if name == "letters" else "generate"), 12)
            samples = [
                replace(s, target=targets[s.position % 3], cluster=f"c{s.position // 2}", choices=tuple("ABCD"))
                for s in exam.samples
            ]
            exam = replace(exam, samples=tuple(samples))
            made.append((exam, put_odd(store, checkpoint(name), exam, 1, name)))
        made.append((exam, put_odd(store, checkpoint("broken"), exam, 2, "errors")))
        yield store, made


def specs() -> list[str]:
    """All metrics that are means, and two that are none; meteor alone would load its library for seconds."""
    cards = {card.name: card for card in metrics.catalogue()}
    like = {name: getattr(plugins.find(metrics.PACKAGE, name), "LIKE", f"{name}(yes)") for name in cards}
    means = [name for name, card in cards.items() if card.is_mean and name != "meteor"]
    return [like[name] if cards[name].argument == "ARG" else name for name in [*means, "mse", "choice_skew"]]


def test_values_of_many_runs_are_those_that_a_verdict_would_read(odd: tuple[Store, list[tuple[Exam, Run]]]) -> None:
    store, made = odd
    scoring = {run: row for run, (row, _) in read.scorers(store).items()}
    seen = 0
    for exam in dict.fromkeys(exam.id for exam, _ in made):
        mine = {run.id: scoring.get(run.id) for of, run in made if of.id == exam}
        card = read.get_task(store, exam)
        places = {sample.id: sample.position for sample in read.get_exam(store, exam).samples}
        for spec in specs():
            try:
                slow = {run: read.outcomes(store, run, spec) for run in mine}
            except (ValueError, TypeError):  # a metric that means nothing for such answers
                continue
            wanted = np.full((len(mine), len(places)), np.nan)
            for row, found in enumerate(slow.values()):
                for sample, value in zip(found.samples, found.values, strict=True):
                    wanted[row, places[sample]] = np.nan if value is None else value
            got = grid.values(store, exam, card, spec, mine)
            np.testing.assert_allclose(got, wanted, rtol=1e-12, err_msg=f"{spec} of {card.name}")
            seen += not np.isnan(wanted).all()
    assert seen > 50, "most metrics have values in some of these runs"


def test_a_boards_values_are_the_headlines(board: Board, store: Store) -> None:
    checked = 0
    for column in board.columns:
        found = board.values(column.key)
        if column.task is None:
            assert found is None
            continue
        assert found is not None and column.exam is not None
        assert found.samples == tuple(s.id for s in column.exam.samples)
        assert found.subjects == tuple(s.subject for s in column.exam.samples)
        for id_, row in found.places.items():
            entry = column.cells[id_].entry
            assert entry is not None
            slow = read.outcomes(store, entry.run.id, column.metric)
            values = dict(zip(slow.samples, slow.values, strict=True))
            quick = [None if np.isnan(v) else v for v in found.matrix[row]]
            assert quick == [values.get(sample) for sample in found.samples]
            checked += 1
    assert checked == len(board.entries)


def test_no_text_is_read_for_a_number(tmp_path: Path) -> None:
    with small_world(tmp_path / "bench.db") as store:
        before = read_board(store)
        with store.transaction() as conn:  # texts that nobody could unpack
            conn.execute("UPDATE response_texts SET enc = 1, text = zeroblob(9) WHERE response IN (SELECT id FROM responses"
                         " WHERE run IN (SELECT run FROM results))")  # fmt: skip
        after = read_board(store)
        assert [c.key for c in after.columns] == [c.key for c in before.columns]
        for column in after.columns:
            again = before.column(column.key)
            assert [(c.value, c.rank, c.best, c.worst, c.tied) for c in column.cells.values()] == [
                (c.value, c.rank, c.best, c.worst, c.tied) for c in again.cells.values()
            ]


def test_the_shelf_holds_what_the_store_keeps(store: Store) -> None:
    shelf = Shelf(store)
    lacking = set(shelf.lacking())
    assert lacking, "a run killed in the middle has answers and no results"
    for run in read.list_runs(store):
        kept = {(r.metric, r.slice): r for r in runs.results(store, run.id)}
        assert (not kept) == (run.id in lacking)
        mine = shelf.of(run.id)
        assert dict(mine.items()) == kept and len(mine) == len(kept)
        for key, result in kept.items():
            assert mine[key] == result and mine.value(key) == result.value and key in mine
        for key in (("accuracy", "subject:nobody's"), ("answer_tokens", "macro"), ("nothing", "")):
            assert mine.get(key) is kept.get(key) is None and mine.value(key) is None
            assert mine.numbers(key) == (None, None, None, 0)


# -- ranks --------------------------------------------------------------------------------------------------


def field(rng: np.random.Generator, checkpoints: int, n: int, kind: str) -> tuple[Any, list[str] | None]:
    ability, hardness = rng.normal(0, 1, checkpoints), rng.normal(0, 1, n)
    right = (rng.random((checkpoints, n)) < 1 / (1 + np.exp(hardness - ability[:, None]))).astype(float)
    if "graded" in kind:
        right = np.round(right * rng.random((checkpoints, n)), 2)
    strata = [f"s{min(i % 7, 4)}" for i in range(n)] if "macro" in kind else None
    return right, strata


def plainly(x: Any, strata: Sequence[str] | None, draws: int) -> list[tuple[int, int, int, bool]]:
    """Ranks as they are defined: every two compared in every draw, every one tested against the leader."""
    share = stats.weights(strata, x.shape[1])
    groups = np.zeros(x.shape[1], int) if strata is None else np.unique(strata, return_inverse=True)[1]
    order = [np.flatnonzero(groups == g) for g in dict.fromkeys(groups.tolist())]
    means, rng = np.round(x @ share, 12), np.random.default_rng(0)
    counts = np.empty((draws, x.shape[1]))
    for where in order:
        counts[:, where] = rng.multinomial(where.size, np.full(where.size, 1 / where.size), size=draws)
    drawn = np.round((counts * share) @ x.T, 12)
    places = np.array([[1 + sum(other > mine for other in row) for mine in row] for row in drawn.tolist()])
    leader = int(np.argmax(means))
    others = [i for i in range(len(x)) if i != leader]
    ps = stats.holm([min(1.0, 2 * min(stats.sign_flip(x[i] - x[leader], strata))) for i in others])
    tied = {leader, *(i for i, p in zip(others, ps, strict=True) if p > 0.05)}
    found = []
    for i, mean in enumerate(means):
        rank = 1 + int((means > mean).sum())
        low, high = (np.quantile(places[:, i], q, method=m) for q, m in ((0.025, "lower"), (0.975, "higher")))
        found.append((rank, 1 if i in tied else min(int(low), rank), max(int(high), rank), i in tied))
    return found


@pytest.mark.parametrize("kind", ["right or wrong", "graded", "macro", "macro graded", "all alike"])
def test_ranks_are_those_of_every_pair_compared_in_every_draw(kind: str) -> None:
    rng = np.random.default_rng(3)
    for checkpoints, n in ((1, 9), (2, 30), (14, 60)):
        x, strata = field(rng, checkpoints, n, kind)
        if kind == "all alike":
            x[:] = x[0]
        found = ranking.rank(x, strata, draws=300)
        assert [(r.rank, r.low, r.high, r.tie_band) for r in found] == plainly(x, strata, 300)


def test_a_wide_field_has_a_band_by_the_same_rule(kind: str = "macro") -> None:
    """120 checkpoints: alike differences are tested once, sure ones not at all, and the band is the same."""
    for how in ("right or wrong", kind):
        x, strata = field(np.random.default_rng(11), 120, 200, how)
        leader = x[int(np.argmax(np.round(x @ stats.weights(strata, 200), 12)))]
        each = [min(1.0, 2 * min(stats.sign_flip(row - leader, strata))) for row in x]
        np.testing.assert_allclose(stats.against(x, leader, strata), each, rtol=1e-6, atol=1e-12)
        sure = stats.against(x, leader, strata, surely=1e-4)
        bounded = ~np.isclose(sure, each, rtol=1e-6)
        assert bounded.any() and (sure[bounded] < 1e-4).all()
        assert (sure >= np.array(each) * (1 - 1e-9)).all(), "a bound is never below the p that it stands for"
        band = [r.tie_band for r in ranking.rank(x, strata)]
        assert 1 < sum(band) < 120


@pytest.mark.parametrize("kind", ["right or wrong", "graded", "macro"])
def test_the_questions_of_a_case_are_drawn_and_swapped_together(kind: str) -> None:
    """Four questions a case that are right or wrong together tell no more than one: the p is that of a change."""
    rng = np.random.default_rng(7)
    x, strata = field(rng, 8, 60, kind)
    cases = [f"case {i // 4}" for i in range(240)]
    many = np.repeat(x, 4, axis=1)
    wide = [s for s in strata for _ in range(4)] if strata else None
    once, four = ranking.rank(x, strata, draws=300), ranking.rank(many, wide, draws=300, clusters=cases)
    assert [r.tie_band for r in four] == [r.tie_band for r in once]
    assert [(r.rank, r.low, r.high) for r in four] == [(r.rank, r.low, r.high) for r in once]
    apart = ranking.rank(many, wide, draws=300)
    assert sum(r.high - r.low for r in apart) < sum(r.high - r.low for r in four)
    nameless = [""] * 240
    assert ranking.rank(many, wide, draws=300, clusters=nameless) == ranking.rank(many, wide, draws=300)


def test_a_case_that_reaches_over_subjects_is_still_one_unit() -> None:
    x = np.repeat(np.random.default_rng(8).integers(0, 2, (5, 40)).astype(float), 2, axis=1)
    subjects, cases = ["law", "art"] * 40, [i // 2 for i in range(80)]
    found = ranking.rank(x, subjects, draws=300, clusters=[f"c{i}" for i in cases])
    leader = int(np.argmax(x.mean(axis=1)))
    ps = [
        min(1.0, 2 * min(stats.sign_flip(row - x[leader], subjects, cases))) for i, row in enumerate(x) if i != leader
    ]
    band = [p > 0.05 for p in stats.holm(ps)]
    assert [r.tie_band for i, r in enumerate(found) if i != leader] == band


def test_a_column_with_cases_has_the_tie_band_of_its_paired_tests(tmp_path: Path) -> None:
    """Nine cases of four lost against three gained: no proof, though 36 questions against twelve would be one."""
    exam = exam_of(task("cases"), 160)
    exam = replace(exam, samples=tuple(replace(s, cluster=f"case {s.position // 4}") for s in exam.samples))
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for name, right in (("first", range(25)), ("second", (*range(9, 25), 37, 38, 39))):
            who = checkpoint(name)
            run = Run(
                identity.run_id(who.id, exam.id, Settings(), ENGINE.id),
                who.id,
                exam.id,
                Settings(),
                ENGINE.id,
                expected=160,
            )
            writer.add_checkpoint(who)
            writer.add_exam(exam)
            writer.add_engine(ENGINE)
            writer.start_run(run, "host", 1)
            for sample in exam.samples:
                hit = sample.position // 4 in right
                writer.put(Response(run.id, sample.id, 0, "B"))
                score = Score(exam.task.scorer, 1, float(hit), "B", "last letter", "correct" if hit else "wrong")
                writer.put_score(run.id, sample.id, 0, score, exam.key)
            writer.finish_run(run.id, "done")
        writer.flush()
        (column,) = read_board(store).columns
    first, second = sorted(column.cells.values(), key=lambda cell: -(cell.value or 0))
    assert 2 * stats.mid_p_mcnemar(36, 12)[0] < 0.001 and 2 * stats.mid_p_mcnemar(9, 3)[0] > 0.05
    assert first.tied and second.tied and (second.best, second.worst) == (1, 2)


def test_nobody_in_the_tie_band_is_said_to_be_below_the_first() -> None:
    """A rank range of 4-9 beside the label 1= would order what can't be ordered."""
    for seed in range(20):
        equal = (np.random.default_rng(seed).random((10, 200)) < 0.5).astype(float)
        assert all(r.low == 1 for r in ranking.rank(equal, draws=200) if r.tie_band)


def test_ranks_with_slack_count_who_is_larger_by_more_than_it() -> None:
    x = np.random.default_rng(5).integers(0, 6, (40, 9)) / 10 + np.random.default_rng(6).choice([0, 1e-10], (40, 9))
    wanted = 1 + (x[:, None, :] > x[:, :, None] + 1e-9).sum(axis=2)
    assert (stats.ordered(x, slack=1e-9) == wanted).all()
    assert (stats.ordered(x) == 1 + (x[:, None, :] > x[:, :, None]).sum(axis=2)).all()


def test_checkpoints_of_other_questions_stay_below_the_line(board: Board) -> None:
    for column in board.columns:
        for cell in column.cells.values():
            assert (cell.rank is None) == (not cell.ranked)
            if {"partial", "subset"} & set(cell.marks):
                assert cell.rank is None
    assert any("partial" in cell.marks for column in board.columns for cell in column.cells.values())


def test_a_group_asked_in_a_form_has_a_mean_of_its_own(tmp_path: Path) -> None:
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for name in MATHCOT:
            for form in ("", "brief"):
                put_run(writer, made, checkpoint("a"), exam_of(task(name, form=form, chance=0.0)), 0.5)
        put_run(writer, made, checkpoint("b"), exam_of(task(MATHCOT[0], form="brief", chance=0.0)), 0.5)
        writer.flush()
        board = read_board(made)
    means = {c.name: c for c in board.columns if c.members}
    assert set(means) == {"mathcot", "mathcot:brief"}
    brief = means["mathcot:brief"]
    assert [board.column(key).name for key in brief.members] == [f"{name}:brief" for name in MATHCOT]
    (cell,) = brief.cells.values()
    values = [board.column(key).cells[checkpoint("a").id].value for key in brief.members]
    assert cell.value == pytest.approx(sum(v for v in values if v is not None) / 4)
    assert brief.title["en"] == f"{means['mathcot'].title['en']} :brief"


def test_members_asked_in_several_lengths_make_a_mean_for_each_and_not_for_every_mixture(tmp_path: Path) -> None:
    """Three limits times four members would be 81 columns under one and the same head."""
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for who in ("a", "b"):
            for name in MATHCOT:
                for limit in (256, 512, 1024):
                    settings = Settings(chat=True, max_tokens=limit)
                    put_run(writer, made, checkpoint(who), exam_of(task(name, chance=0.0), 8), 0.5, settings)
        for name in MATHCOT:  # one that was asked each in another length has no member in two
            settings = Settings(chat=True, max_tokens=256 if name == MATHCOT[0] else 512)
            put_run(writer, made, checkpoint("mixed"), exam_of(task(name, chance=0.0), 8), 0.5, settings)
        writer.flush()
        board = read_board(made)
    means = [column for column in board.columns if column.members]
    assert len({(c.name, c.form) for c in means}) == len(means) == 4
    asked = sorted({x for key in mean.members for x in board.column(key).form.extras} for mean in means)
    assert sorted(map(len, asked)) == [1, 1, 1, 2]
    assert sum(checkpoint("mixed").id in mean.cells for mean in means) == 1


# -- badges -------------------------------------------------------------------------------------------------


def test_older_graders_and_versions_are_stale_and_others_are_not(tmp_path: Path) -> None:
    exam, newer = exam_of(task("quiz")), exam_of(task("quiz", version="2"))

    def anew(writer: Writer, run: Run, of: Exam) -> None:
        for sample in of.samples:
            writer.put_score(run.id, sample.id, 0, Score("number", 2, 1.0, "B", "cue", "correct"), of.key)
        writer.flush()

    def stale(store: Store) -> set[str]:
        board = read_board(store)
        cells = [cell for column in board.columns for cell in column.cells.values() if cell.entry]
        assert all(cell.badges == cell.entry.badges for cell in cells if cell.entry)
        return {entry.run.id for entry in board.entries if "stale" in entry.badges}

    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        one, two = (put_run(writer, made, checkpoint(name), exam, 0.5) for name in ("one", "two"))
        put_run(writer, made, checkpoint("lone"), exam_of(task("else")), 0.5)
        writer.flush()
        assert stale(made) == set()
        anew(writer, two, exam)
        assert stale(made) == {one.id}, "graded by number@1 where another was graded by number@2"
        last = put_run(writer, made, checkpoint("two"), newer, 0.5)
        anew(writer, last, newer)
        assert stale(made) == {one.id, two.id}, "of version 1 of the task"


def test_a_lineage_tells_what_was_trained_on_and_silence_tells_nothing(tmp_path: Path) -> None:
    facts = {
        "rewarded": Lineage("grpo", trained_on=("number",)),
        "saw the test": Lineage("lora", data=[{"name": "Quiz test 2024"}]),
        "saw another": Lineage("lora", data=[{"name": "other test"}, {"name": "quiz train"}]),
        "silent": None,
    }
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for name, lineage in facts.items():
            put_run(writer, made, checkpoint(name, lineage=lineage), exam_of(task("quiz")), 0.5)
        writer.flush()
        (column,) = read_board(made).columns
    badges = {cell.entry.checkpoint.name: cell.badges for cell in column.cells.values() if cell.entry}
    assert badges == {"rewarded": ("rewarded",), "saw the test": ("trained",), "saw another": (), "silent": ()}
    assert all(cell.ranked for cell in column.cells.values()), "a badge is no verdict"
