"""`bench score` and the composites on the board, from the outside: answers that exist are imported, scored, ranked."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import Said, inside
from score_world import STORE, Row, answered, bare, good, rows, silent, sloppy, twin

from harness import composites
from harness.records import Score
from harness.store import read
from harness.store.open import open_store
from harness.store.write import Writer
from harness.verdicts import composite_ranks, profile
from leaderboard.cells import Entry
from leaderboard.entries import read_board
from leaderboard.sides import Sides


def put(folder: Path, name: str, say: Callable[[int, Row], str], *more: str, n: int = 200) -> None:
    """Answers of one system as a file, with a token count each, imported."""
    lines = [
        {"question": row["question"], "said": say(i, row), "tokens": len(say(i, row)) // 2 + 1}
        for i, row in rows()
        if i < n
    ]
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    how = ("--task", "demo_math", "--label", "files", "--map", "question=question,tokens=tokens")
    inside(folder, "import", file, *how, "--run", f"{name}=said", *more, *STORE)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("score")
    for name, say in (("good", good), ("twin", twin), ("bare", bare), ("sloppy", sloppy), ("silent", silent)):
        answered(folder, name, say, 600_000 if name == "twin" else 500_000)
    return folder


def score(folder: Path, *names: str, ok: int = 0) -> Said:
    return inside(folder, "score", *names, "--profile", "demo", *STORE, ok=ok)


def scored(folder: Path, *names: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(score(folder, *names, "--json").stdout)
    return found | {"overalls": {one["name"]: one for one in found["overalls"]}}


def test_overall_is_the_weighted_sum_of_its_parts_with_an_interval(world: Path) -> None:
    one = scored(world, "good")["overalls"]["good"]
    parts = {part["name"]: part for part in one["parts"]}
    assert parts["AS"]["value"] == pytest.approx(87.5)
    assert parts["MLS"]["detail"]["declared"] is False
    assert 0 < parts["ES"]["value"] < parts["AS"]["value"]
    weights = {"AS": 0.4, "CQS": 0.3, "ES": 0.2, "MLS": 0.1}
    assert one["value"] == pytest.approx(sum(weights[name] * parts[name]["value"] for name in weights))
    assert one["low"] < one["value"] < one["high"]
    assert one["status"] == "ok"


def test_the_first_line_promises_no_board_and_each_part_is_explained(world: Path) -> None:
    said = score(world, "good", "bare").stdout
    assert re.match(r"The contest published its weights only.*doesn't predict its board", said.splitlines()[0])
    for words in ("AS, weight 0.4", "no judge of logic", "thinking included", "none at 128 or more", "measured"):
        assert words in said
    assert "200 questions" in said


def test_dropping_the_steps_costs_more_than_it_saves(world: Path) -> None:
    """The table of gaming: tokens fall, but so does the health of the chain."""
    found = scored(world, "good", "bare")
    good_, bare_ = found["overalls"]["good"], found["overalls"]["bare"]
    es = [{p["name"]: p["value"] for p in one["parts"]}["ES"] for one in (good_, bare_)]
    assert es[1] > es[0]
    assert bare_["value"] < good_["value"]
    change = found["changes"][0]
    assert [c["metric"] for c in change["changes"]] == ["Overall", "AS", "CQS", "ES", "MLS"]
    assert change["changes"][0]["high"] < 0
    assert change["changes"][1]["change"] == 0
    assert any(flip["part"] == "ES" and flip["ahead"] == "bare" and flip["at"] > 0.2 for flip in change["flips"])


def test_nobody_is_ranked_for_silence(world: Path) -> None:
    found = scored(world, "good", "silent")
    silent_ = found["overalls"]["silent"]
    assert silent_["status"] == "below_chance"
    assert {p["name"]: p["value"] for p in silent_["parts"]}["CQS"] == 0
    assert found["ranked"][0] == ["good"]
    assert "silent is not ranked" in score(world, "good", "silent").stdout


def test_a_part_that_lacks_something_leaves_no_overall_and_names_the_remedy(world: Path) -> None:
    put(world, "unsized", good)  # answers that came from a file, with a token count each
    said = score(world, "unsized").stdout
    assert "unsized has no Overall: MLS can't be had" in said
    assert "import with --model-bytes SIZE" in said
    assert scored(world, "unsized")["overalls"]["unsized"]["value"] is None
    put(world, "unsized", good, "--model-bytes", "500KB")
    one = scored(world, "unsized")["overalls"]["unsized"]
    assert one["value"] == pytest.approx(scored(world, "good")["overalls"]["good"]["value"])
    assert "as declared, nobody measured it" in score(world, "unsized").stdout


def test_neutral_counts_are_never_another_counter(world: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Own counts of a tokenizer that nobody knows are held against no other's."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    put(world, "foreign", good, "--model-bytes", "500KB")
    said = score(world, "good", "foreign").stdout
    assert "neutral tokens (o200k_base), the tokenizer of foreign is not known" in said
    assert "good, foreign: none, no answer to demo_math has a count of neutral tokens" in said
    assert "set TIKTOKEN_CACHE_DIR" in said


def test_other_questions_share_no_ranking(world: Path) -> None:
    answered(world, "half", good, n=100)
    said = score(world, "good", "twin", "half").stdout
    assert "not ranked with" in said
    assert "half, scored on other questions or golds" in said
    assert sorted(map(len, scored(world, "good", "twin", "half")["ranked"])) == [1, 2]


def test_an_unfinished_run_is_shown_and_not_ranked(world: Path) -> None:
    answered(world, "killed", good, n=120, expected=200)
    assert "killed is not ranked: run" in score(world, "killed").stdout
    assert "has 120 of 200 answers" in score(world, "killed").stdout
    assert scored(world, "killed")["ranked"] == [[]]


def test_who_is_dominated_and_by_whom(world: Path) -> None:
    found = json.loads(score(world, "good", "twin", "bare", "sloppy", "--pareto", "--json").stdout)["pareto"]
    by = {point["name"]: point["by"] for point in found["front"]}
    assert by["good"] == ["bare"], "as often right, fewer tokens, no more bytes"
    assert by["twin"] == by["bare"] == []
    said = score(world, "good", "twin", "bare", "--pareto").stdout
    assert "dominated by bare" in said
    assert "tokens per answer" in said


def test_lines_that_do_not_hold_are_listed(world: Path) -> None:
    said = score(world, "sloppy", "--faults", "-n", "2").stdout
    assert "50 of 200 chains have a line that doesn't hold" in said
    assert said.count("13+13=27") == 2
    assert "13+13 is 26" in said


def test_what_would_bring_points(world: Path) -> None:
    found = json.loads(score(world, "twin", "--what-if", "--json").stdout)["what_if"]["twin"]
    assert found["fewer_tokens"] > 0
    assert 0.4 < found["one_more_right"] < 0.6, "0.4 of AS and what its length is worth in ES"
    assert found["half_the_bytes"] == pytest.approx(0.1 * 100 / 4), "one of four halvings"


def test_three_checkpoints_say_what_tells_them_apart(world: Path) -> None:
    found = scored(world, "good", "bare", "sloppy")["explained"]
    assert sum(found.values()) == pytest.approx(1)
    assert "What tells these Overalls apart" in score(world, "good", "bare", "sloppy").stdout


def test_chains_are_read_once_and_results_stay(world: Path) -> None:
    answered(world, "fresh", good)
    cached = "select count(*) from results join runs r on r.id = run join checkpoints c on c.id = r.checkpoint where c.name = 'fresh'"
    with sqlite3.connect(world / "results/bench.db") as conn:
        before = conn.execute(cached).fetchone()[0]
        assert before > 0
        assert "reading" in score(world, "fresh").stderr
        assert conn.execute(cached).fetchone()[0] == before
    assert "reading" not in score(world, "fresh").stderr
    assert score(world, "fresh", "--json").stdout == score(world, "fresh", "--json").stdout
    assert inside(world, "store", "check", *STORE).stderr == ""


OWN = """
name = "mine"
[[part]]
name = "right"
kind = "accuracy"
weight = 0.75
[[part]]
name = "short"
kind = "metric"
weight = 0.25
metric = "answer_tokens"
tasks = ["demo_math"]
low = 60
high = 4
[task.demo_math]
[task.gsm8k]
"""


def test_a_composite_of_your_own_weighs_any_metric(world: Path) -> None:
    (world / "mine.toml").write_text(OWN, "utf-8")
    said = inside(world, "score", "bare", "--profile", "mine.toml", "--tasks", "demo_math", *STORE).stdout
    assert said.startswith("A composite of your own making")
    found = json.loads(inside(world, "score", "bare", "--profile", "mine.toml", "--json", *STORE).stdout)["overalls"][0]
    parts = {part["name"]: part["value"] for part in found["parts"]}
    tokens = [len(bare(i, row)) // 2 + 1 for i, row in rows()]
    assert parts["short"] == pytest.approx(100 * (60 - sum(tokens) / len(tokens)) / 56)
    assert found["value"] == pytest.approx(0.75 * parts["right"] + 0.25 * parts["short"])
    strange = ("score", "bare", "--profile", "mine.toml", "--tasks", "demo_maths", *STORE)
    assert "knows no task 'demo_maths'; nearest: demo_math" in inside(world, *strange, ok=2).stderr


def test_a_judge_that_nobody_calibrated_is_withheld_and_says_so(world: Path) -> None:
    answered(world, "judged", good)
    with open_store(world / "results" / "bench.db") as store, Writer(store) as writer:
        run = next(run for run in read.list_runs(store, checkpoint="judged"))
        for response in read.responses(store, run.id):
            verdict = Score("judge", 1, 1.0, None, "sound", "ungraded")
            writer.put_score(run.id, response.sample, 0, verdict, "0123456789abcdef")
    said = score(world, "judged", "--cqs", "judge:0123").stdout
    assert "judged: none, the scores of judge 01234567 are withheld: it has not been calibrated" in said
    assert "judged has no Overall: CQS can't be had" in said
    assert "Read by judge:01234567" in said and "health check by rules" not in said
    assert scored(world, "judged")["overalls"]["judged"]["status"] == "ok", "the rule's score stands"


def test_mistakes_are_one_sentence(world: Path, tmp_path: Path) -> None:
    assert "no store at" in score(tmp_path, "good", ok=2).stderr
    assert not (tmp_path / "results").exists()
    assert "nearest: distill-v1" in inside(world, "score", "good", "--profile", "distil-v1", *STORE, ok=2).stderr
    assert "no run of a task that profile distill-v1" in inside(world, "score", "good", *STORE, ok=5).stderr
    assert "neither 'rule' nor 'judge:ID'" in inside(world, "score", "good", "--cqs", "gpt", *STORE, ok=2).stderr
    assert "no judge fits" in inside(world, "score", "good", "--cqs", "judge:abcd", *STORE, ok=2).stderr


# -- the board ----------------------------------------------------------------------------------------------


def board(folder: Path) -> str:
    inside(folder, "leaderboard", *STORE, "--out", "site", "--samples", "none")
    return (folder / "site/index.html").read_text("utf-8")


def test_the_board_has_a_column_with_intervals_ranks_and_parts(world: Path) -> None:
    score(world, "good", "twin", "bare", "silent")
    page = board(world)
    assert "Overall: <bdi>demo</bdi>" in page
    assert "not above guessing" in page
    value = scored(world, "good")["overalls"]["good"]["value"]
    assert f">{value:.1f}<" in page
    again = {path: path.read_bytes() for path in (world / "site").rglob("*") if path.is_file()}
    board(world)
    assert again == {path: path.read_bytes() for path in (world / "site").rglob("*") if path.is_file()}
    own = next((world / "site/checkpoint").glob("silent-*.html")).read_text("utf-8")
    assert "Composite scores" in own
    assert "right answers, each worth more the fewer tokens it took" in own


def test_pareto_points_are_data_too(world: Path) -> None:
    score(world, "good", "bare")
    board(world)
    (front,) = json.loads((world / "site/pareto.json").read_text("utf-8"))
    names = {point["checkpoint"]: point["name"] for point in front["points"]}
    beaten = {point["name"]: [names[c] for c in point["dominated_by"]] for point in front["points"]}
    assert "bare" in beaten["good"]
    assert "dominated by" in (world / "site/pareto.html").read_text("utf-8")
    text = (world / "site/index.html").read_text("utf-8")
    assert "<b><bdi>AS</bdi></b>" in text and "right answers in a hundred" in text  # what the parts' names mean


def test_a_stale_score_is_not_shown(tmp_path: Path) -> None:
    answered(tmp_path, "good", good)
    score(tmp_path, "good")
    assert "Overall: <bdi>demo</bdi>" in board(tmp_path)
    answered(tmp_path, "good", good, size=900_000)
    assert "Overall: <bdi>demo</bdi>" not in board(tmp_path)
    with open_store(tmp_path / "results" / "bench.db", "ro") as store:
        (run,) = read.list_runs(store, checkpoint="good")
        assert read_board(store).stale == {run.checkpoint: ("demo",)}
    score(tmp_path, "good")
    with open_store(tmp_path / "results" / "bench.db", "ro") as store:
        assert read_board(store).stale == {}
    assert "Overall: <bdi>demo</bdi>" in board(tmp_path)


def test_the_board_ranks_composites_by_what_score_computes_them_from(world: Path) -> None:
    names = ("good", "twin", "bare", "sloppy")
    score(world, *names)
    neutral(world, *names)
    with open_store(world / "results" / "bench.db", "ro") as store:
        mine: dict[str, list[Entry]] = {}
        for entry in read_board(store).entries:
            if entry.checkpoint.name in names:
                mine.setdefault(entry.checkpoint.id, []).append(entry)
        rules = profile.read("demo")
        scoring = {run: row for run, (row, _) in read.scorers(store).items()}
        for counter in ("own", "neutral"):
            quick = Sides(store, scoring).of(mine, rules, counter, "rule")
            slow = {id_: composites.outcomes(store, [e.run for e in found], rules) for id_, found in mine.items()}
            assert composite_ranks.rank(quick, rules, counter, "rule") == composite_ranks.rank(
                slow, rules, counter, "rule"
            )
            for id_, (found,) in quick.items():
                (whole,) = slow[id_]
                assert (found.samples, found.values, found.subjects) == (whole.samples, whole.values, whole.subjects)
                assert set(found.measures) == {
                    "answer_tokens",
                    "cot_health",
                    *(["neutral_tokens"] * (counter != "own")),
                }
                assert all(values == whole.measures[name] for name, values in found.measures.items())


def neutral(folder: Path, *names: str) -> None:
    """Counts by a vocabulary that this machine may lack, as the scorer of tokens files them."""
    with open_store(folder / "results" / "bench.db") as store, Writer(store) as writer:
        for run in (run for name in names for run in read.list_runs(store, checkpoint=name)):
            for response in read.responses(store, run.id):
                count = Score("tokens", 1, None, None, "o200k_base", "ungraded", {"neutral": len(response.text)})
                writer.put_score(run.id, response.sample, 0, count, "")


def test_two_tokenizers_meet_in_neutral_tokens(tmp_path: Path) -> None:
    answered(tmp_path, "one", good)
    answered(tmp_path, "two", bare, tokenizer="8b")
    neutral(tmp_path, "one", "two")
    score(tmp_path, "one")
    score(tmp_path, "two")
    assert board(tmp_path).count("own tokens") == 2, "apart, as each was scored alone"
    said = score(tmp_path, "one", "two").stdout
    assert "neutral tokens (o200k_base), the entrants have 2 tokenizers" in said
    assert "own and" in said
    page = board(tmp_path)
    assert page.count("tokens by o200k_base") == 1
    assert "own tokens" not in page


def test_tokens_of_unknown_tokenizers_are_shown_and_not_ranked(tmp_path: Path) -> None:
    for name, say in (("one", good), ("two", bare)):
        put(tmp_path, name, say, "--model-bytes", "500KB")
        score(tmp_path, name)
    page = board(tmp_path)
    assert page.count('data-m="uncounted"') == 2
    assert not (tmp_path / "site/pareto.html").exists()


# -- published outputs --------------------------------------------------------------------------------------

SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def sliced(source: Path, into: Path, n: int) -> Path:
    """The first rows of a file, each with a count of tokens that somebody made: words and signs."""
    with gzip.open(source, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for _, line in zip(range(n), file, strict=False)]
    for row in lines:
        said = row["code"][0] if "code" in row else row[SYSTEMS[0]]["solution"]
        row["counted"] = len(re.findall(r"\w+|[^\w\s]", said))
    into.write_text("".join(json.dumps(row) + "\n" for row in lines), "utf-8")
    return into


@pytest.mark.data
def test_the_four_openai_systems_have_every_part_that_their_data_allow(data: Path, tmp_path: Path) -> None:
    file = sliced(data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz", tmp_path / "openai.jsonl", 150)
    how = ("--task", "gsm8k", "--data", data, "--label", "openai")
    every = [part for name in SYSTEMS for part in ("--run", f"{name}={name}.solution")]
    inside(tmp_path, "import", file, *how, "--map", "question=question", *every)
    found = json.loads(inside(tmp_path, "score", *SYSTEMS, "--counter", "own", "--json").stdout)
    for one in found["overalls"]:
        parts = {part["name"]: part for part in one["parts"]}
        assert one["value"] is None
        assert parts["AS"]["value"] > 10
        assert parts["CQS"]["value"] > 80
        assert "own tokens" in parts["ES"]["why"]
        assert "--model-bytes" in parts["MLS"]["why"]
    only = (
        "--run",
        f"{SYSTEMS[0]}={SYSTEMS[0]}.solution",
        "--model-bytes",
        "12GB",
        "--map",
        "question=question,tokens=counted",
    )
    inside(tmp_path, "import", file, "--task", "gsm8k", "--data", data, "--label", "counted", *only)
    one = json.loads(inside(tmp_path, "score", SYSTEMS[0], "--json").stdout)["overalls"][0]
    assert one["status"] == "ok"
    assert one["low"] < one["value"] < one["high"]


@pytest.mark.data
def test_tora_outputs_are_scored_too(data: Path, tmp_path: Path) -> None:
    file = sliced(data / "outputs_tora_gsm8k" / "tora-code-34b-v1.0.jsonl.gz", tmp_path / "tora.jsonl", 100)
    how = ("--task", "gsm8k", "--data", data, "--map", "question=question,tokens=counted", "--run", "tora=code.0")
    inside(tmp_path, "import", file, *how, "--model-bytes", "68GB")
    one = json.loads(inside(tmp_path, "score", "tora", "--json").stdout)["overalls"][0]
    parts = {part["name"]: part["value"] for part in one["parts"]}
    assert parts["AS"] > 60
    assert 0 < parts["ES"] < parts["AS"]
    assert one["value"] is not None
