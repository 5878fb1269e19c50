"""What `bench gate` holds against what: forms, variants, branches, anchors, missing sides; and what it keeps."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gate_world import N, bench, stored

from harness.records import Lineage, Settings
from harness.store.open import Store, open_store

RAW, CHAT = Settings(), Settings(chat=True)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path


@pytest.fixture
def store(work: Path) -> Iterator[Store]:
    with open_store(work / "results" / "bench.db") as opened:
        yield opened


def verdicts(work: Path) -> int:
    connection = sqlite3.connect(work / "results" / "bench.db")
    try:
        return int(connection.execute("select count(*) from verdicts").fetchone()[0])
    finally:
        connection.close()


def test_a_waiver_of_a_task_that_nobody_has_is_refused_unless_it_has_run_out(store: Store, work: Path) -> None:
    stored(store, "base", 180)
    stored(store, "ckpt", 120)
    rule = '[[gate.waive]]\ntask = "{}"\nreason = "agreed"\nuntil = {}\n'
    for task, until, code in (("quizz", "9999-12-31", 2), ("quizz", "2020-01-01", 3), ("quiz", "9999-12-31", 0)):
        (work / "bench.toml").write_text(rule.format(task, until))
        done = bench("gate", "ckpt", "--baseline", "base")
        assert done.exit_code == code, done.output
        assert ("task = 'quizz', which neither side has; nearest: quiz" in str(done.exception)) == (code == 2)


# -- forms and variants -----------------------------------------------------------------------------------------


def test_a_form_that_both_have_is_found_though_the_baseline_was_asked_otherwise_last(store: Store) -> None:
    old = stored(store, "base", 180, asked=CHAT, day=1)
    stored(store, "base", 180, asked=RAW, day=2)
    stored(store, "ckpt", 120, asked=CHAT, day=3)
    done = bench("gate", "ckpt", "--baseline", "base", "--json")
    verdict = json.loads(done.stdout)
    assert done.exit_code == 3 and verdict["sides"]["quiz"]["before"]["run"] == old
    assert "through the chat template" in verdict["notes"][0]


def test_without_a_common_form_it_is_exit_4_with_the_way_out(store: Store) -> None:
    stored(store, "base", asked=CHAT)
    stored(store, "ckpt", asked=RAW)
    done = bench("gate", "ckpt", "--baseline", "base")
    assert done.exit_code == 4 and "base was asked through the chat template, ckpt raw" in " ".join(done.stdout.split())


def test_an_older_run_with_the_candidates_settings_is_taken_before_a_newer_one_without(store: Store) -> None:
    fitting = stored(store, "base", asked=Settings(max_tokens=64), day=1)
    stored(store, "base", asked=Settings(max_tokens=512), day=2)
    stored(store, "ckpt", asked=Settings(max_tokens=64), day=3)
    done = bench("gate", "ckpt", "--baseline", "base", "--json")
    assert json.loads(done.stdout)["sides"]["quiz"]["before"]["run"] == fitting
    stored(store, "other", asked=Settings(max_tokens=32), day=4)
    refused = bench("gate", "other", "--baseline", "base")
    assert refused.exit_code == 4 and "settings.max_tokens" in refused.stdout


def test_variants_are_gated_only_where_they_are_named(work: Path, store: Store) -> None:
    for name, right in (("base", 180), ("ckpt", 100)):
        stored(store, name, 180)
        stored(store, name, right, variant="circular")
    calm = bench("gate", "ckpt", "--baseline", "base")
    assert calm.exit_code == 0 and "quiz~circular left out" in calm.stdout
    assert bench("gate", "ckpt", "--baseline", "base", "--tasks", "quiz~circular").exit_code == 3
    for named in ('[gate.task."quiz~circular"]\ntolerance = "1pt"\n', "[gate]\ninclude_variants = true\n"):
        (work / "bench.toml").write_text(named)
        assert bench("gate", "ckpt", "--baseline", "base").exit_code == 3


# -- what is missing ----------------------------------------------------------------------------------------------


def test_a_missing_task_is_exit_4_and_an_ungraded_run_exit_5(store: Store) -> None:
    for task in ("quiz", "lists"):
        stored(store, "base", task=task)
    stored(store, "ckpt")
    for more in ((), ("--tasks", "lists")):
        done = bench("gate", "ckpt", "--baseline", "base", *more)
        assert done.exit_code == 4 and "lists is in the baseline but was not run" in done.stdout
    stored(store, "silent", None)
    done = bench("gate", "silent", "--baseline", "base", "--tasks", "quiz")
    assert done.exit_code == 5 and "the candidate has no scored answer" in done.stdout


def test_no_baseline_is_exit_5_or_a_warning_under_which_floors_still_hold(work: Path, store: Store) -> None:
    stored(store, "ckpt", 120)
    silent = bench("gate", "ckpt", "--baseline", "nobody", "--junit", "gate.xml")
    assert silent.exit_code == 5 and "No baseline" in silent.stderr and "<error" in Path("gate.xml").read_text("utf-8")
    (work / "bench.toml").write_text('[gate]\non_missing_baseline = "warn"\n[gate.task.quiz]\nmin = 45\n')
    warned = bench("gate", "ckpt", "--baseline", "nobody")
    assert warned.exit_code == 0 and "No baseline" in warned.stdout and "every floor holds (1)" in warned.stdout
    (work / "bench.toml").write_text('[gate]\non_missing_baseline = "warn"\n[gate.task.quiz]\nmin = "60pt"\n')
    low = bench("gate", "ckpt", "--baseline", "nobody")
    assert low.exit_code == 3 and "quiz is at 50.0, below its floor of 60.0" in " ".join(low.stdout.split())
    assert bench("gate", "nobody", "--baseline", "ckpt").exit_code == 5  # that is no missing baseline
    assert bench("gate", "ckpt", "--baseline", "ckpt").exit_code == 3  # no run but itself, and the floor


def shell(work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *words]
    return subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)


def test_a_mistake_is_exit_2_and_a_crash_exit_1_so_that_neither_is_taken_for_a_regression(
    work: Path, store: Store
) -> None:
    for name in ("base", "ckpt"):
        stored(store, name, 180)
    (work / "bench.toml").write_text("[gate]\nalpha = \n")
    broken = shell(work, "gate", "ckpt", "--baseline", "base")
    assert broken.returncode == 2 and "is not valid TOML" in broken.stderr and "Traceback" not in broken.stderr
    (work / "bench.toml").unlink()
    metrics = work / "own" / "metrics"
    metrics.mkdir(parents=True)
    (metrics / "broken.py").write_text(
        '"""Fails."""\nfrom harness.metrics import Limit\nVERSION = 1\nNEEDS = ("text",)\nUNIT = "share"\n'
        "HIGHER_IS_BETTER = False\nLIMIT = Limit(max=0.1)\ndef per_sample(table):\n    return 1 / 0\n"
    )
    crashed = shell(work, "gate", "ckpt", "--baseline", "base", "--include", "own")
    assert crashed.returncode == 1 and "ZeroDivisionError" in crashed.stderr, crashed.stderr


def test_files_named_in_the_configuration_lie_beside_it(
    work: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("base", "ckpt"):
        stored(store, name, 180)
    assert bench("baseline", "bless", "base", "--name", "rel", "--reason", "v1").exception is None
    (work / "bench.toml").write_text(
        '[gate]\nbaseline = "file:results/baselines/rel.json"\n[gate.composite]\nprofile = "own.toml"\ncounter = "own"\n'
    )
    (work / "own.toml").write_text(
        'name = "own"\n[[part]]\nname = "AS"\nkind = "accuracy"\nweight = 1.0\n[task.quiz]\n[task.lists]\n'
    )
    (work / "deep").mkdir()
    monkeypatch.chdir(work / "deep")
    store_at = ("--store", work / "results" / "bench.db")
    done = bench("gate", "ckpt", *store_at, "--json")
    assert done.exit_code == 0 and {t["task"] for t in json.loads(done.stdout)["tasks"]} >= {"quiz", "composite"}
    part = bench("gate", "ckpt", *store_at, "--tasks", "quiz")
    assert part.exit_code == 0 and "the composite is left out" in part.stdout
    monkeypatch.chdir(work)
    again = json.loads(bench("gate", "ckpt", "--json").stdout)
    assert again["policy_sha"] == json.loads(done.stdout)["policy_sha"]


# -- which run is the baseline --------------------------------------------------------------------------------------


def test_a_branchs_baseline_is_its_newest_run_that_passed_its_own_gate(work: Path, store: Store) -> None:
    good = stored(store, "v1", 180, tags=("branch:main",), day=1)
    stored(store, "ckpt", 178, day=9)
    first = bench("gate", "ckpt", "--baseline", "branch:main", "--json")
    assert first.exit_code == 0 and "no run on branch:main was ever gated" in " ".join(
        json.loads(first.stdout)["notes"]
    )
    bad = stored(store, "v2", 90, tags=("branch:main",), day=2)
    unjudged = bench("gate", "ckpt", "--baseline", "branch:main", "--json")
    assert json.loads(unjudged.stdout)["sides"]["quiz"]["before"]["run"] == bad  # nobody has judged it
    assert bench("gate", "v2", "--baseline", "v1").exit_code == 3
    assert bench("gate", "v1", "--baseline", "ckpt").exit_code == 0
    after = bench("gate", "ckpt", "--baseline", "branch:main", "--json")
    assert json.loads(after.stdout)["sides"]["quiz"]["before"]["run"] == good
    assert bench("gate", "v1", "--baseline", "ckpt", "--strict").exit_code in (0, 6)
    with open_store(work / "results" / "bench.db") as opened:
        stored(opened, "v3", 20, tags=("branch:dev",))
    assert bench("gate", "v3", "--baseline", "v1").exit_code == 3
    none = bench("gate", "ckpt", "--baseline", "branch:dev")
    assert none.exit_code == 5 and "failed its own gate" in none.stderr


def git(*words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_branchs_run_counts_only_where_the_candidate_builds_upon_its_commit(work: Path, store: Store) -> None:
    git("init", "-q", "-b", "main")
    shas = []
    for message in ("first", "second"):
        git("commit", "-q", "--allow-empty", "-m", message)
        shas.append(git("rev-parse", "HEAD"))
    git("checkout", "-q", "-b", "mine", shas[0])
    git("commit", "-q", "--allow-empty", "-m", "mine")
    mine = git("rev-parse", "HEAD")
    old = stored(store, "v1", 180, tags=("branch:main", f"commit:{shas[0]}"), day=1)
    new = stored(store, "v2", 180, tags=("branch:main", f"commit:{shas[1]}"), day=2)
    stored(store, "ckpt", 178, tags=(f"commit:{mine}",), day=3)
    stored(store, "later", 178, tags=(f"commit:{shas[1]}",), day=4)
    for name, expected in (("ckpt", old), ("later", new)):
        done = bench("gate", name, "--baseline", "branch:main", "--json")
        assert json.loads(done.stdout)["sides"]["quiz"]["before"]["run"] == expected
    stored(store, "nowhere", 178, tags=("branch:side", f"commit:{'0' * 40}"), day=5)
    unknown = bench("gate", "ckpt", "--baseline", "branch:side", "--json")
    assert unknown.exit_code == 0 and "is not known" in " ".join(json.loads(unknown.stdout)["notes"])


def test_model_is_a_checkpoint_and_its_parent_is_what_a_fine_tune_came_from(store: Store) -> None:
    stored(store, "base", 180)
    stored(store, "ckpt", 120, lineage=Lineage(parent="id-base"))
    stored(store, "orphan", 120, lineage=None, base=None)
    for spec in ("model:base", "model:parent", "model:id-base"):
        assert bench("gate", "ckpt", "--baseline", spec).exit_code == 3
    lost = bench("gate", "orphan", "--baseline", "model:parent")
    assert lost.exit_code == 5 and "is not recorded" in lost.stderr


def test_a_slow_drift_shows_against_the_anchor_only(work: Path, store: Store) -> None:
    for name, right in (("release", 200), ("parent", 178), ("ckpt", 177)):
        stored(store, name, right)
    (work / "bench.toml").write_text('[gate]\nbaseline = "parent"\n[gate.task.quiz]\ntolerance = "5pt"\nmin = 70\n')
    assert bench("gate", "ckpt").exit_code == 0
    done = bench("gate", "ckpt", "--anchor", "release", "--md", "gate.md", "--junit", "gate.xml")
    said = " ".join(done.stdout.split())
    assert done.exit_code == 3 and "Against the anchor release: Worse: -9.6 points on quiz" in said
    assert "#### Against the anchor release" in Path("gate.md").read_text("utf-8")
    assert "bench.gate.anchor.tasks" in Path("gate.xml").read_text("utf-8")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "anchor  ckpt  vs  release" in done.stdout.splitlines()
    body = json.loads(bench("gate", "ckpt", "--anchor", "release", "--json").stdout)
    assert (body["exit_code"], body["anchor"]["exit_code"]) == (3, 3)
    assert [g["source"] for g in body["guards"]].count("min") == 1 and "min" not in [
        g["source"] for g in body["anchor"]["guards"]
    ]
    assert body["alpha"] == body["anchor"]["alpha"] == 0.025  # two comparisons cry wolf no more often than one
    gone = bench("gate", "ckpt", "--anchor", "nobody")
    assert gone.exit_code == 5 and "Against the anchor" in gone.stderr


# -- a look before the end ------------------------------------------------------------------------------------------


def test_fail_fast_stops_a_catastrophe_on_the_first_answers_and_never_passes_there(work: Path, store: Store) -> None:
    stored(store, "base", 180)
    stored(store, "lost", 10, n=80)
    stored(store, "fine", 78, n=80)
    for name in ("lost", "fine"):
        assert bench("gate", name, "--baseline", "base").exit_code == 4
    stopped = bench("gate", "lost", "--baseline", "base", "--fail-fast", "60")
    assert stopped.exit_code == 3 and "seen at the first 60 questions" in " ".join(stopped.stdout.split())
    going = bench("gate", "fine", "--baseline", "base", "--fail-fast", "60")
    assert going.exit_code == 4 and "which is no pass" in " ".join(going.stdout.split())
    stored(store, "whole", 178)
    assert bench("gate", "whole", "--baseline", "base", "--fail-fast", "60").exit_code == 0


# -- what is kept and written -----------------------------------------------------------------------------------------


def test_a_verdict_is_kept_once_and_never_changes_the_next(work: Path, store: Store) -> None:
    stored(store, "base", 180)
    stored(store, "ckpt", 120)
    first = bench("gate", "ckpt", "--baseline", "base", "--json")
    assert verdicts(work) == 1
    assert bench("gate", "ckpt", "--baseline", "base", "--json").stdout == first.stdout and verdicts(work) == 1
    bench("gate", "ckpt", "--baseline", "base", "--strict")  # another policy: another sentence about the same runs
    assert verdicts(work) == 2
    kept = sqlite3.connect(work / "results" / "bench.db").execute("select exit_code, after from verdicts").fetchall()
    assert [code for code, _ in kept] == [3, 3] and all(json.loads(after) for _, after in kept)


def test_a_failure_ends_with_the_command_that_shows_the_lost_answers(work: Path, store: Store) -> None:
    stored(store, "base", 180)
    stored(store, "ckpt", 120)
    last = bench("gate", "ckpt", "--baseline", "base").stdout.strip().splitlines()[-1]
    assert last.startswith("look:  bench compare run:")
    shown = bench(*last.split()[2:])
    assert shown.exception is None and "⟦" in shown.stdout and "60" in shown.stdout
    assert "look:" not in bench("gate", "base", "--baseline", "ckpt").stdout


def test_github_gets_the_page_and_a_line_on_the_tolerance(
    work: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(store, "base", 180)
    stored(store, "ckpt", 120)
    (work / "bench.toml").write_text('[gate]\nbaseline = "base"\n\n[gate.task.quiz]\ntolerance = "2pt"\nmin = 60\n')
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(work / "page.md"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(work))
    done = bench("gate", "ckpt")
    lines = done.stderr.splitlines()
    assert any(line.startswith("::error file=bench.toml,line=5,title=bench gate%3A quiz regressed::") for line in lines)
    assert any(line.startswith("::error file=bench.toml,line=6,title=bench gate%3A min::") for line in lines)
    assert "| quiz |" in (work / "page.md").read_text("utf-8")
    assert bench("gate", "ckpt", "--warn-only").exit_code == 0
    assert "--warn-only: exit 0 instead of 3" in (work / "page.md").read_text("utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(work))
    assert bench("gate", "ckpt").exit_code == 3  # a page that can't be written changes no verdict


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_store_that_cannot_be_written_is_still_judged_from(work: Path, store: Store) -> None:
    for name in ("base", "ckpt"):
        stored(store, name, 180)
    store.close()
    (work / "results" / "bench.db").chmod(0o444)
    (work / "results").chmod(0o555)
    done = bench("gate", "ckpt", "--baseline", "base")
    (work / "results").chmod(0o755)
    assert done.exit_code == 0 and "is not kept" in done.stderr


def test_all_that_two_runs_must_agree_on_is_refused_by_name_when_it_alone_differs(store: Store) -> None:
    from harness.reports import terminal
    from harness.store import read
    from harness.verdicts import gate
    from harness.verdicts._fields import flat

    before = read.outcomes(store, stored(store, "base", 180))
    after = read.outcomes(store, stored(store, "ckpt", 180))
    fields = flat(before.fingerprint["must"])
    assert len(fields) >= 13 and {"exam", "key", "scorer", "metric", "settings.max_tokens"} <= fields.keys()
    for name in fields:
        must = json.loads(json.dumps(dict(after.fingerprint["must"])))
        where = must
        *path, last = name.split(".")
        for part in path:
            where = where[part]
        where[last] = "changed"
        verdict = gate.judge([(before, replace(after, fingerprint={**after.fingerprint, "must": must}))])
        assert verdict.exit_code == 4 and f"{name} is" in verdict.sentence and "changed" in verdict.sentence
        assert "changed" in terminal.render(verdict)
    assert gate.judge([(before, after)]).exit_code == 0 and len(before.values) == N
