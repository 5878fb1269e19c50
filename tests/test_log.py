"""Notes are kept beside runs, and `bench log` tells the experiments in order, with the one variable that moved.

Example: `world(path)` trains med-r4 and med-r8 from base in one store; the log says "differs from med-r4 in 1 setting:
LoRA rank 4 -> 8" and by how many points of ceval med-r8 beats both.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import site_world
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.errors import UserError
from harness.records import Checkpoint, Lineage, Settings
from harness.store import notes, overlaps, read
from harness.store.open import Store, open_store
from harness.store.write import Writer
from harness.verdicts import trained

BASE = site_world.checkpoint("base", kind="base")
CEVAL = site_world.exam_of(site_world.task("ceval", ask="letters", scorer="options", average="macro"), 240)
GSM8K = site_world.exam_of(site_world.task("gsm8k", chance=0.0, scorer="number"), 200)
RECIPE: dict[str, Any] = {"lora": {"r": 4, "alpha": 16.0}, "optim": {"learning_rate": 8e-5, "epochs": 3.0}}
DATA = ({"name": "ward.jsonl", "sha": "d" * 16, "rows": 900},)


def child(name: str, *, recipe: Mapping[str, Any] | None = None, **told: Any) -> Checkpoint:
    had: dict[str, Any] = {"parent": BASE.id, "seed": 0, "steps": 90, "data": DATA, "method": "lora"} | told
    return site_world.checkpoint(name, kind="adapter", base=BASE.id, lineage=Lineage(recipe=recipe or RECIPE, **had))


def lora(**moved: Any) -> dict[str, Any]:
    return RECIPE | {"lora": RECIPE["lora"] | moved}


PEOPLE = {  # name -> checkpoint, share right
    "base": (BASE, 0.4),
    "med-r4": (child("med-r4", note="the contest's values"), 0.55),
    "med-r8": (child("med-r8", recipe=lora(r=8)), 0.8),
    "med-seed": (child("med-seed", recipe=lora(r=8), seed=1), 0.8),
    "med-all": (
        child("med-all", recipe=lora(r=64, alpha=99.0) | {"optim": {"learning_rate": 1.0, "epochs": 3.0}}),
        0.2,
    ),
    "blind": (site_world.checkpoint("blind", kind="full"), 0.5),
}


@contextmanager
def world(path: Path) -> Iterator[Store]:
    """A day between two experiments."""
    with open_store(path) as made, Writer(made) as writer:
        for day, (who, right) in enumerate(PEOPLE.values()):
            for exam in (CEVAL, GSM8K) if day < 3 else (CEVAL,):
                begun(made, site_world.put_run(writer, made, who, exam, right).id, f"2026-11-{10 + day}T01:00:00.000Z")
        writer.flush()
        yield made


def begun(store: Store, run: str, at: str) -> None:
    with store.transaction() as conn:
        conn.execute("UPDATE runs SET started = ? WHERE uid = ?", [at, run])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "bench.db"
    with world(path) as made:
        run = read.list_runs(made, checkpoint="med-r8", task="ceval")[0].id
        notes.record(made, "run", "rank 8, since 4 underfits", [run])
        notes.record(made, "bless", "shipped", [run], about="release")
        for _, (who, _) in zip(range(3), PEOPLE.values(), strict=False):
            assert read.find_checkpoint(made, who.id)
    return path


def run(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner(env={"BENCH_LANG": "en", "COLUMNS": "100", "TZ": "UTC", **(env or {})}).invoke(cli, [*arguments])


def log(store: Path, *more: str, **env: str) -> str:
    found = run("log", "--store", str(store), *more, env=env)
    assert found.exit_code == 0, found.output
    return found.stdout


def entries(store: Path, *more: str) -> dict[str, dict[str, Any]]:
    return {one["checkpoint"]: one for one in json.loads(log(store, "--json", *more))["experiments"]}


def refused(found: Result, says: str) -> bool:
    return isinstance(found.exception, UserError) and found.exception.exit_code == 2 and says in str(found.exception)


def flowing(text: str) -> str:
    return " ".join(text.split())


# -- the log --------------------------------------------------------------------------------------------------------


def test_the_experiments_stand_in_order_the_newest_last(store: Path) -> None:
    assert list(entries(store)) == list(PEOPLE)
    said = log(store)
    assert [said.index(f"  {name}") for name in PEOPLE] == sorted(said.index(f"  {name}") for name in PEOPLE)
    assert "2026-11-12" in said and "lora from base" in said


def test_the_one_variable_that_moved_is_named(store: Path) -> None:
    said = flowing(log(store))
    assert "differs from med-r4 in 1 setting: LoRA rank 4 -> 8" in said
    assert "the recipe of med-r8 with another seed: 0 -> 1" in said
    assert "differs from med-seed in 3 settings, so the cause is not known:" in said
    found = entries(store)
    assert (found["med-r8"]["relative"]["name"], found["med-r8"]["relative"]["variables"]["kind"]) == (
        "med-r4",
        "controlled",
    )
    assert found["med-r4"]["relative"] is None and found["blind"]["relative"] is None


def test_the_verdict_against_the_parent_and_the_relative_has_intervals(store: Path) -> None:
    found = entries(store)["med-r8"]
    assert [(a["name"], a["is_parent"]) for a in found["against"]] == [("base", True), ("med-r4", False)]
    change = found["against"][0]["changes"][0]
    assert (change["task"], change["verdict"]) == ("ceval", "better") and 0 < change["low"] < change["change"] < change[
        "high"
    ]
    text = flowing(log(store))
    assert (
        f"against base: better: ceval +{100 * change['change']:.1f} [+{100 * change['low']:.1f}, +{100 * change['high']:.1f}]"
        in text
    )
    assert [a["name"] for a in entries(store)["blind"]["against"]] == ["med-all"], "no parent: the one before it"
    assert "worse: ceval" in text, "med-all fell"


def test_notes_stand_where_they_belong(store: Path) -> None:
    said = log(store)
    lines = {line.strip() for line in said.splitlines()}
    assert {'"the contest\'s values"', '"rank 8, since 4 underfits"', 'blessed as release: "shipped"'} <= lines
    kinds = [(n["kind"], n["about"]) for n in entries(store)["med-r8"]["notes"]]
    assert kinds == [("run", ""), ("bless", "release")] and "no notes yet" not in said


def test_filters(store: Path) -> None:
    assert list(entries(store, "--last", "2")) == ["med-all", "blind"]
    assert "4 earlier ones are left out" in log(store, "--last", "2")
    assert list(entries(store, "--task", "gsm8k")) == ["base", "med-r4", "med-r8"]
    assert [c["task"] for c in entries(store, "--task", "gsm8k")["med-r8"]["against"][0]["changes"]] == ["gsm8k"]
    assert list(entries(store, "--since", "2026-11-14")) == ["med-all", "blind"]
    assert "no experiment since 2030-01-01; 6 are older" in log(store, "--since", "2030-01-01")
    assert "no experiment has answered nosuch" in log(store, "--task", "nosuch")
    for wrong in ("yesterday", "2026-13-40", "", "9" * 30):
        assert refused(run("log", "--store", str(store), "--since", wrong), "is no date; write it as 2026-11-01")
    assert refused(run("log", "--store", str(store), "--json", "--markdown"), "leave one out")


def test_any_width_and_both_languages(store: Path) -> None:
    from harness.cli import _tables

    for columns, language in ((50, "zh"), (50, "en"), (120, "en")):
        said = log(store, COLUMNS=str(columns), BENCH_LANG=language)
        assert max(map(_tables.width, said.splitlines())) <= columns
    said = log(store, BENCH_LANG="zh")
    assert (
        "与 med-r4 只差 1 项设置：LoRA 秩 4 -> 8" in said
        and "更好：ceval" in said
        and "定为基线 release：“shipped”" in said
    )
    assert "against" not in said


def test_markdown_is_a_file_for_the_repository(store: Path) -> None:
    said = log(store, "--markdown")
    assert (
        said.startswith("# Experiments\n\n## 2026-11-10")
        and "\n- differs from med-r4 in 1 setting: LoRA rank 4 -> 8\n" in said
    )
    assert said.index("med-r4") < said.index("blind")


def test_an_empty_store_and_one_without_notes_tell_what_to_do(tmp_path: Path) -> None:
    assert refused(run("log", "--store", str(tmp_path / "no.db")), "run `bench run` first")
    with open_store(tmp_path / "empty.db"):
        pass
    assert 'bench run --model CKPT --tasks T,… --note "why"' in log(tmp_path / "empty.db")
    with open_store(tmp_path / "b.db") as made, Writer(made) as writer:
        site_world.put_run(writer, made, BASE, GSM8K, 0.5)
    said = log(tmp_path / "b.db")
    assert "no notes yet:" in said and "scores: gsm8k" in said
    assert json.loads(log(tmp_path / "empty.db", "--json")) == {"experiments": [], "earlier": 0}


def test_what_a_score_is_not_worth_is_said(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    rewarded = child("rl", method="grpo", trained_on=("options",), ended="answers shrank to a third")
    admitted = child("peeked", on_test=("gsm8k test",), recipe=lora(r=5))
    with open_store(path) as made, Writer(made) as writer:
        for who in (BASE, rewarded, admitted):
            for exam in (CEVAL, GSM8K):
                site_world.put_run(writer, made, who, exam, 0.5)
        writer.flush()
        seen = [
            overlaps.Found(s.id, "exact" if i < 10 else "none", 1.0, 9, False, True, i)
            for i, s in enumerate(GSM8K.samples)
        ]
        overlaps.record(made, "d" * 16, "ward.jsonl", 900, GSM8K, seen)
    said = flowing(log(path))
    assert "! trained on the metric of ceval" in said and "! trained on the test of gsm8k" in said
    assert "ended early: answers shrank to a third" in said
    assert "! 10 of 200 questions of gsm8k stand in its training data, word for word or nearly:" in said
    said = run("diagnose", "peeked", "--parent", "base", "--store", str(path))
    assert "peeked was trained on gsm8k's own questions" in said.stdout, said.output
    found = entries(path)
    assert found["rl"]["trained_on_metric"] == ["ceval"] and found["peeked"]["trained_on_test"] == ["gsm8k"]
    assert {s["dirty"]["n"] for s in found["rl"]["overlaps"]} == {10} and found["base"]["overlaps"] == []


def test_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    twins = [child("first"), replace(child("second", recipe=lora(r=9)), name="first")]
    with open_store(path) as made, Writer(made) as writer:
        for day, who in enumerate((BASE, *twins)):
            begun(made, site_world.put_run(writer, made, who, GSM8K, 0.5).id, f"2026-11-{10 + day}T01:00:00.000Z")
    assert f"differs from first ({twins[0].id[:8]}) in 1 setting" in flowing(log(path))


def test_other_settings_are_not_compared_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with open_store(path) as made, Writer(made) as writer:
        site_world.put_run(writer, made, BASE, GSM8K, 0.5)
        site_world.put_run(writer, made, child("one"), GSM8K, 0.6, Settings(chat=True))
    assert "against base: asked otherwise: gsm8k" in log(path)


def test_hostile_names_and_notes_steer_nothing(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    evil = "\x1b[2J<script>`*[x](javascript:1)\u202e\nfoo\ud800"
    with open_store(path) as made, Writer(made) as writer:
        done = site_world.put_run(writer, made, replace(BASE, name=evil.replace("\ud800", "")), GSM8K, 0.5)
        writer.flush()
        notes.record(made, "run", evil, [done.id])
        begun(made, done.id, "not a date")
    for more in ((), ("--markdown",)):
        said = log(path, *more)
        assert "\x1b" not in said and "\u202e" not in said
    assert "<script" not in log(path, "--markdown").replace("\\<", "") and "](" not in log(path, "--markdown").replace(
        "\\](", ""
    )


# -- notes ----------------------------------------------------------------------------------------------------------


def test_a_note_of_run_is_kept_once_beside_its_runs(tmp_path: Path, tiny_checkpoint: Path) -> None:
    path = tmp_path / "b.db"
    asked = (
        "run",
        "--model",
        str(tiny_checkpoint),
        "--prompts",
        str(questions(tmp_path)),
        "--max-tokens",
        "4",
        "--store",
        str(path),
    )
    assert run(*asked, "--note", "  first\n try ").exit_code == 0
    assert run(*asked, "--note", "first try").exit_code == 0, "shown, not asked again"
    with open_store(path) as made:
        (note,) = notes.notes(made)
        assert (note.text, note.kind, len(note.runs), len(note.checkpoints)) == ("first try", "run", 1, 1)
    assert '"first try"' in log(path)
    assert run(*asked, "--note", "second look").exit_code == 0
    with open_store(path) as made:
        assert [n.text for n in notes.notes(made)] == ["first try", "second look"]
    assert refused(run(*asked, "--note", " "), "a note needs words")


def questions(folder: Path) -> Path:
    path = folder / "mine.jsonl"
    path.write_text('{"prompt": "1 + 1 ="}\n{"prompt": "2 + 2 ="}\n', "utf-8")
    return path


def test_a_note_of_bless_is_kept_under_the_baselines_name(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "b.db"
    with sqlite3.connect(store) as old, sqlite3.connect(copy) as new:
        old.backup(new)
    blessed = run("baseline", "bless", "med-seed", "--name", "mine", "--reason", "ok", "-o", str(tmp_path / "mine.json"),
                  "--note", "the seed that we keep", "--store", str(copy))  # fmt: skip
    assert blessed.exit_code == 0, blessed.output
    assert 'blessed as mine: "the seed that we keep"' in log(copy)
    exported = (
        "baseline",
        "bless",
        f"file:{tmp_path / 'mine.json'}",
        "--name",
        "two",
        "--reason",
        "ok",
        "-o",
        str(tmp_path / "two.json"),
    )
    assert refused(run(*exported, "--note", "x", "--store", str(tmp_path / "none.db")), "a note is kept in the store")
    assert not (tmp_path / "two.json").exists()


def test_a_store_from_before_notes_gets_their_tables(store: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(store) as source, sqlite3.connect(old) as target:
        source.backup(target)
    with sqlite3.connect(old) as conn:
        conn.execute("drop table note_runs")
        conn.execute("drop table notes")
        conn.execute("delete from _sqlite_migrations where name = 'm007_notes'")
    assert "no notes yet" not in log(old), "the lineage's own note is one"
    with open_store(old) as made:
        assert notes.notes(made) == []


# -- what the lineage admits ----------------------------------------------------------------------------------------


def test_a_split_that_was_let_in_is_certain_one_that_is_named_so_a_suspicion() -> None:
    told = Lineage(on_test=("gsm8k test",), data=({"name": "ceval_val.jsonl"},))
    assert trained.admitted(told, "gsm8k:texts") == trained.on_test(told, "gsm8k") == ("gsm8k test",)
    assert trained.admitted(told, "ceval") == () and trained.on_test(told, "ceval") == ("ceval_val.jsonl",)
    assert trained.on_test(told, "cmath") == () and set(trained.held_out(told)) == {"gsm8k test", "ceval_val.jsonl"}
