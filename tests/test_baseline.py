"""Baseline files: small, exact, refused when damaged; blessed only by a run that passes; judged without any store."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ceval_sizes import TEST, subjects
from gate_world import N, bench, stored, three_runs
from pairs import MUST, pair
from store_world import TASK

from harness import identity, lookup
from harness.errors import NotComparable, UserError
from harness.records import Outcomes, Settings
from harness.store.open import open_store
from harness.verdicts import baseline, compare, gate


def hashes(n: int, seed: int = 0) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.bytes(8).hex() for _ in range(n))


def made(values: Any, **fields: Any) -> Outcomes:
    fingerprint = {"must": {**MUST, "exam": "ceva1"}, "should": {}, "own": {"tokenizer": "t0"}, "recipe": {}}
    samples = hashes(len(values))
    plain = tuple(None if v is None else float(v) for v in values)
    return Outcomes(**{"task": "ceval", "metric": "accuracy", "checkpoint": "c0", "fingerprint": fingerprint,
                       "samples": samples, "values": plain, **fields})  # fmt: skip


def packed(o: Outcomes, order: tuple[str, ...] | None = None) -> str:
    return baseline.dump([o], "b", "r", "t", "w", orders={"ceva1": order} if order else None)


def loaded(text: str) -> Outcomes:
    (found,) = baseline.load(text).outcomes
    return found


# -- the file -------------------------------------------------------------------------------------------------


def test_cevals_test_split_is_three_kilobytes_with_its_subjects() -> None:
    names = subjects(TEST)
    rng = np.random.default_rng(3)
    whole = made(rng.random(len(names)) < 0.55, subjects=names, average="macro", chance=0.25, bytes=988_097_824)
    text = packed(whole, whole.samples)
    assert len(names) == 12_342
    assert len(gzip.compress(json.loads(text)["outcomes"][0]["values"]["data"].encode(), 9)) < 1_650
    assert len(gzip.compress(text.encode(), 9)) <= 3_000
    assert baseline.named(loaded(text), whole.samples) == whole
    assert loaded(packed(whole)) == whole  # and without the order with its ids written out


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, None, 1] * 60,
        [k / 3 for k in (0, 1, 2, 3)] * 50,  # three repeats
        [0.1, None, 2 / 3, 0.30000000000000004, 0.3] * 40,
        np.random.default_rng(1).random(300).tolist(),
        [7, 1800, 0, 70_000, -3],
    ],
)
def test_no_bit_is_lost_in_values_or_measures(values: list[float | None]) -> None:
    o = made(values, measures={"cot_health": tuple(values), "answer_tokens": tuple(float(i) for i in range(len(values)))},
             chance=0.25, bytes=12, bytes_declared=True)  # fmt: skip
    assert loaded(packed(o)) == o
    assert baseline.named(loaded(packed(o, o.samples)), o.samples) == o


def test_a_few_distinct_grades_cost_a_fraction_of_their_digits() -> None:
    thirds = made((np.random.default_rng(2).integers(0, 4, 3000) / 3).tolist())
    assert len(json.loads(packed(thirds, thirds.samples))["outcomes"][0]["values"]["data"]) < 3000


def test_the_parts_of_one_measure_are_packed_together() -> None:
    """Chosen letter minus the key's, a column per letter: what makes the file of a task with options large."""
    rng = np.random.default_rng(5)
    gold, chosen = rng.integers(0, 4, 12_342), rng.integers(0, 4, 12_342)
    chosen = np.where(rng.random(12_342) < 0.4, gold, chosen)
    parts = {f"choice_skew:{letter}": ((chosen == i).astype(float) - (gold == i)).tolist()
             for i, letter in enumerate("ABCD")}  # fmt: skip
    parts = {name: tuple(None if k % 97 == 0 else v for k, v in enumerate(column)) for name, column in parts.items()}
    o = made((chosen == gold).astype(float).tolist(), measures={**parts, "choice_skew:n": (1.0,) * 12_342})
    text = packed(o, o.samples)
    assert baseline.named(loaded(text), o.samples) == o
    assert len(gzip.compress(text.encode(), 9)) < 8_000  # 13 kB one by one


def test_a_part_of_an_exam_keeps_its_places_and_pairs_with_the_whole() -> None:
    order = hashes(200)
    part = made([i % 2 for i in range(197)], samples=tuple(order[3:]))
    whole = made([1 - i % 2 for i in range(200)], samples=order)
    from_file, other = loaded(packed(part, order)), loaded(packed(whole, order))
    assert baseline.anonymous(from_file) and baseline.named(from_file, order) == part
    expected = compare.compare(part, whole)
    for before, after in ((from_file, other), (baseline.named(from_file, order), whole)):
        found = compare.compare(before, after)
        assert (found.n, found.lost, found.gained, found.p) == (197, expected.lost, expected.gained, expected.p)


def test_another_order_of_the_same_questions_is_never_paired() -> None:
    order, turned = hashes(200), tuple(reversed(hashes(200)))
    one, two = made([1, 0] * 100, samples=order), made([1, 0] * 100, samples=turned)
    left, right = loaded(packed(one, order)), loaded(packed(two, turned))
    assert baseline.named(left, turned) == left  # not its order: it stays without ids
    for after in (right, two, one):
        with pytest.raises(NotComparable, match="only 0 of the baseline's 200"):
            compare.compare(left, after)
    shuffled = made([1, 0] * 100, samples=turned)  # answers in another order than the exam's: ids are written out
    assert loaded(packed(shuffled, order)) == shuffled


def test_a_verdict_from_files_is_the_one_from_the_store_byte_for_byte() -> None:
    from harness.reports import json as report

    lengths = {"answer_tokens": tuple(200.0 + i % 50 for i in range(1346))}
    before, after = pair("ceval", 1346, 118, 76, measures=lengths, subjects=tuple(f"s{i % 52}" for i in range(1346)))
    order = before.samples
    sides = [loaded(baseline.dump([o], "b", "", "", "", orders={"9f3c": order})) for o in (before, after)]
    assert report.render(gate.judge([(sides[0], sides[1])])) == report.render(gate.judge([(before, after)]))


def signed(whole: dict[str, Any]) -> str:
    """A file whose outer hash is right, so that what is wrong inside must be found by itself."""
    head = {key: value for key, value in whole.items() if key not in ("sha", "outcomes")}
    return json.dumps({**whole, "sha": identity.digest([head, [task["sha"] for task in whole["outcomes"]]])})


def test_a_task_taken_out_by_hand_or_a_value_said_twice_is_refused() -> None:
    text = baseline.dump([made([1, 0] * 20), made([1, 1] * 20, task="u")], "b", "why", "2026-11-21", "me")
    whole = json.loads(text)
    for edit in ({"outcomes": whole["outcomes"][1:]}, {"reason": "because"}, {"accepted": "fine"}):
        with pytest.raises(UserError, match="its hash does not fit its head"):
            baseline.load(json.dumps({**whole, **edit}))
    with pytest.raises(UserError, match="a key stands there twice"):
        baseline.load(text.replace('"mean":', '"mean": 0.99, "mean":', 1))
    assert baseline.load(signed(whole)) == baseline.load(text)


def damages(text: str) -> list[str]:
    whole = json.loads(text)

    def edited(**change: Any) -> str:
        task = {k: v for k, v in (whole["outcomes"][0] | change).items() if k != "sha"}
        return signed({**whole, "outcomes": [{**task, "sha": identity.digest(task)}]})

    values = whole["outcomes"][0]["values"]
    return [
        edited(samples={"order": "ab", "of": 10**12}),
        edited(n=10**12),
        edited(n=-1),
        edited(values={**values, "data": values["data"][:8]}),
        edited(values={"kind": "table", "table": values["data"], "data": values["data"]}),
        edited(values={"kind": "<f8", "data": _squeezed(np.full(40, np.nan))}),
        edited(subjects={"names": ["law"], "runs": "1000000000000"}),
        edited(subjects={"names": ["law", "art"], "runs": "41 -1"}),
        edited(chance="a quarter"),
        edited(
            measures={
                "skew:": {"parts": ["A"], "rows": [values], "of": 40, "each": {"kind": "<u2", "data": values["data"]}}
            }
        ),
        edited(fingerprint=[]),
        edited(average="mean"),
        edited(samples=["same"] * 40),
        signed({**whole, "outcomes": whole["outcomes"] * 2}),
        "[" * 100_000,
    ]


def _squeezed(numbers: Any) -> str:
    from harness.verdicts import _packing

    return _packing.squeeze(numbers.tobytes())


def test_a_damaged_file_says_so_even_where_its_hash_was_made_to_fit() -> None:
    for bad in damages(packed(made([1, 0, 1, 1] * 10))):
        with pytest.raises(UserError, match=r"b\.json is damaged .*restore it from git or bless the run again"):
            baseline.load(bad, "b.json")


def test_ids_of_others_may_look_like_places() -> None:
    foreign = made([1, 0, 1], samples=("q#1", "q#2#b", "0123456789abcdef#7"))
    assert baseline.named(loaded(packed(foreign)), foreign.samples) == foreign
    alike = made([1, 0], samples=("0123456789abcdef#0", "0123456789abcdef#99999999"))
    assert baseline.named(loaded(packed(alike)), ("a", "b")) == alike


# -- the commands ---------------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return three_runs(tmp_path)


@pytest.fixture
def work(runs: dict[str, str], tmp_path: Path) -> Path:
    return tmp_path


def bless(*words: str) -> Any:
    return bench("baseline", "bless", *words)


def said(result: Any) -> str:
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


def test_a_worse_run_is_blessed_only_with_a_reason_that_stands_in_the_file(work: Path, runs: dict[str, str]) -> None:
    first = bless("base", "--name", "rel", "--reason", "v1")
    assert first.exception is None and "wrote" in first.output and "quiz" in first.output
    path = work / "results" / "baselines" / "rel.json"
    whole = path.read_text("utf-8")
    refusal = said(bless("bad", "--name", "rel", "--reason", "v2"))
    assert "Worse: -25.0 points on quiz" in refusal and "--accept-regression" in refusal
    assert path.read_text("utf-8") == whole
    assert "needs a reason" in said(bless("bad", "--name", "rel", "--reason", "v2", "--accept-regression", " "))
    assert bless("good", "--name", "rel", "--reason", "v2").exception is None  # passes: no flag needed
    assert baseline.load(path.read_text("utf-8")).accepted == ""
    done = bless("bad", "--name", "rel", "--reason", "v3", "--accept-regression", "half the size (#41)")
    assert done.exception is None
    blessed = baseline.load(path.read_text("utf-8"))
    assert blessed.reason == "v3" and blessed.accepted.startswith(
        "half the size (#41) (the gate said: Worse: -27.5 points"
    )
    assert {o.run for o in blessed.outcomes} == {runs["bad"]} and blessed.blessed_by and blessed.blessed_at
    shown = bench("baseline", "show", "rel").output
    assert "half the size (#41)" in shown and "quiz" in shown and runs["bad"][:8] in shown


def test_a_run_is_blessed_by_the_same_rules_as_it_is_gated(work: Path) -> None:
    with open_store(work / "results" / "bench.db") as store:
        stored(store, "base", 180, variant="circular")
        stored(store, "good", 100, variant="circular")
    assert bless("base", "--name", "rel", "--reason", "v1").exception is None
    assert bless("good", "--name", "rel", "--reason", "v2").exception is None  # a variant that nobody named
    assert bench("gate", "good", "--baseline", "base").exit_code == 0
    missing = bench("gate", "good", "--baseline", "file:rel.jsn")
    assert missing.exit_code == 5 and "rel.jsn can't be read: no such file" in missing.stderr


def test_what_cannot_be_compared_or_read_is_not_overwritten_in_silence(work: Path) -> None:
    path = work / "results" / "baselines" / "rel.json"
    assert bless("base", "--name", "rel", "--reason", "v1").exception is None
    with open_store(work / "results" / "bench.db") as store:
        stored(store, "brief", 180, asked=Settings(stop=("\n\n",), max_tokens=16))
        stored(store, "silent", None)
    refusal = said(bless("brief", "--name", "rel", "--reason", "v2"))
    assert "settings.max_tokens is 512 before and 16 after" in refusal and "--accept-regression" in refusal
    assert "quiz has no scored answer" in said(bless("silent", "--name", "empty", "--reason", "v1"))
    assert not path.with_name("empty.json").exists()
    path.write_text(path.read_text("utf-8").replace('"accuracy"', '"accuracies"'), "utf-8")
    assert "damaged" in said(bless("good", "--name", "rel", "--reason", "v2"))
    assert "rel.json is damaged" in said(bench("baseline", "list"))
    assert "rel.json is damaged" in said(bench("baseline", "show", "rel"))
    again = bless("good", "--name", "rel", "--reason", "v2", "--accept-regression", "the file was broken by a merge")
    assert again.exception is None
    listed = json.loads(bench("baseline", "list", "--json").output)
    assert [(b["name"], b["reason"], b["tasks"][0]["n"]) for b in listed["baselines"]] == [("rel", "v2", N)]


def test_two_files_are_judged_where_there_is_no_store(
    work: Path, runs: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert bless("base", "--name", "rel", "--reason", "v1").exception is None
    for name in ("good", "bad"):
        done = bench("export", name, "-o", f"{name}.json")
        assert done.exception is None and f"quiz ({N})" in done.output
    once = Path("good.json").read_bytes()
    told = json.loads(bench("export", "good", "-o", "good.json", "--json").stdout)
    assert told == {"file": "good.json", "bytes": len(once), "tasks": [{"task": "quiz", "run": runs["good"], "n": N}]}
    assert Path("good.json").read_bytes() == once  # no date in it
    runner = tmp_path_factory.mktemp("runner")
    for name in ("good.json", "bad.json", "results/baselines/rel.json"):
        (runner / Path(name).name).write_bytes((work / name).read_bytes())
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.chdir(runner)
        codes = {
            n: bench("gate", f"file:{n}.json", "--baseline", "file:rel.json").return_value for n in ("good", "bad")
        }
        assert codes == {"good": 0, "bad": 3}
        assert not (runner / "results" / "bench.db").exists()
        promoted = bless("file:good.json", "--name", "next", "--reason", "merged")  # what was judged, nothing else
        assert promoted.exception is None
        assert said(bless("file:bad.json", "--name", "next", "--reason", "no")).startswith("not blessed")
        new, old = (json.loads(Path(p).read_text("utf-8")) for p in ("results/baselines/next.json", "good.json"))
        assert new["outcomes"] == old["outcomes"] and (new["reason"], old["reason"]) == ("merged", "")
    with open_store(work / "results" / "bench.db", mode="ro") as store:  # and a file against a run of the store
        (from_file,) = lookup.outcomes("file:good.json", store)
        (from_store,) = lookup.outcomes("good", store)
    assert from_file == dataclasses.replace(from_store, fingerprint=from_file.fingerprint)
    assert bench("gate", "bad", "--baseline", "file:results/baselines/rel.json").return_value == 3
    assert bench("gate", "file:bad.json", "--baseline", "base").return_value == 3


def test_refresh_grades_the_stored_answers_anew_and_says_what_moved(work: Path) -> None:
    assert bless("base", "--name", "rel", "--reason", "v1").exception is None
    path = work / "results" / "baselines" / "rel.json"
    before = path.read_text("utf-8")
    dry = json.loads(bench("baseline", "refresh", "rel", "--dry-run", "--json").output)
    (task,) = dry["tasks"]
    # the grades of the file are those of scorer number@1, written by hand: 60 right answers were called wrong
    assert (task["task"], task["moved"], task["up"], task["down"]) == (TASK.key, 60, 60, 0)
    assert (task["before"], task["after"]) == (0.75, 1.0) and not dry["written"]
    assert "scorer" in {f["field"] for f in task["fields"]}
    assert path.read_text("utf-8") == before
    done = bench("baseline", "refresh", "rel")
    assert done.exception is None and "scorer was number@1" in done.output and "review and commit it" in done.output
    after = baseline.load(path.read_text("utf-8"))
    assert after.reason == "v1" and after.outcomes[0].values == (1.0,) * N
    assert "is up to date" in bench("baseline", "refresh", "rel").output
    (work / "results" / "bench.db").rename(work / "moved.db")
    with open_store(work / "results" / "bench.db") as store:
        stored(store, "other", 5)
    assert "refresh where its answers are" in said(bench("baseline", "refresh", "rel"))
