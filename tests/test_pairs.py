"""Which runs `bench compare` puts side by side: one prompt form on both, each form that both have, or the line to run."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import store_world as world

from harness import identity, pairs
from harness.errors import NothingToCompare
from harness.records import Checkpoint, Settings
from harness.store.open import Store, open_store
from harness.store.write import Writer

RAW, CHAT = Settings(), Settings(chat=True)
OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "bench.db") as opened:
        yield opened


def answered(
    store: Store,
    name: str,
    settings: Settings,
    started: str = OLD,
    *,
    n: int = 12,
    wrong: tuple[int, ...] = (),
    **of: Any,
) -> str:
    """A finished run of the checkpoint `name`, a folder beside the store; its id."""
    folder = Path(store.path).parent / name
    folder.mkdir(exist_ok=True)
    checkpoint = Checkpoint(
        identity.digest(name), name, of.get("kind", "full"), path=of.get("path", str(folder)),
        parts={"weights": name, **({"template": "aa"} if of.get("template", True) else {}), **of.get("parts", {})},
        base_path=of.get("base_path"),
    )  # fmt: skip
    run = replace(
        world.RUN, id=identity.run_id(checkpoint.id, "exam0", settings, "e0"), checkpoint=checkpoint.id,
        settings=settings, tags=(), started=started, expected=n,
    )  # fmt: skip
    with Writer(store) as writer:
        writer.add_checkpoint(checkpoint)
        world.begin(store, writer, run)
        for i in range(n):
            writer.put(replace(world.answer(i), run=run.id))
            writer.put_score(run.id, f"s{i}", 0, world.grade(i, 0.0 if i in wrong else 1.0), "key0")
        writer.finish_run(run.id, "done")
    return run.id


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_both_sides_are_taken_in_the_form_that_they_share(store: Store) -> None:
    shared = answered(store, "a", CHAT, OLD)
    answered(store, "a", RAW, NEW)
    other = answered(store, "b", CHAT, NEW)
    ((pair,), refused) = pairs.find(store, "a", "b")
    assert (pair.before.run, pair.after.run, refused) == (shared, other, [])
    assert pair.note == "quiz: both through the chat template; not the newest run of a, which was asked otherwise"


def test_the_newest_runs_in_one_form_need_no_word(store: Store) -> None:
    answered(store, "a", RAW)
    answered(store, "b", RAW)
    ((pair,), _) = pairs.find(store, "a", "b")
    assert (pair.note, pair.form) == ("", pairs.Form())


def test_each_form_that_both_have_is_compared(store: Store) -> None:
    system = Settings(chat=True, system="你是医生。", think="off")
    for settings, when in ((RAW, OLD), (system, NEW)):
        answered(store, "a", settings, when)
        answered(store, "b", settings, when)
    found, _ = pairs.find(store, "a", "b")
    assert [pair.note for pair in found] == [
        "quiz, both through the chat template, system prompt '你是医生。', thinking off",
        "quiz, both raw",
    ]
    ((alone,), _) = pairs.find(store, f"run:{found[1].before.run}", "b")
    assert alone.note == "quiz: both raw; not the newest run of b, which was asked otherwise"


def test_within_a_form_runs_whose_settings_match_are_preferred(store: Store) -> None:
    old = answered(store, "a", Settings(max_tokens=64), OLD)
    answered(store, "a", Settings(max_tokens=512), NEW)
    answered(store, "b", Settings(max_tokens=64), NEW)
    ((pair,), _) = pairs.find(store, "a", "b")
    assert pair.before.run == old


@pytest.mark.parametrize(
    ("left", "right", "n", "line"),
    [
        ((RAW, {}), (CHAT, {}), 12, "bench run --model {a} --tasks quiz --chat-template on"),
        ((RAW, {"template": False}), (CHAT, {}), 12, "bench run --model {b} --tasks quiz --chat-template off"),
        ((CHAT, {}), (RAW, {"template": False}), 12, "bench run --model {a} --tasks quiz --chat-template off"),
        (
            (CHAT, {}), (replace(CHAT, system="be brief", think="on", max_tokens=64, shots=2, temperature=0.5, seed=123456789), {}), 8,
            "bench run --model {a} --tasks quiz --chat-template on --system 'be brief' --think on --shots 2 "
            "--temperature 0.5 --max-tokens 64 --seed 123456789 --limit 8",
        ),
        (
            (RAW, {"kind": "adapter", "base_path": "/base model"}), (CHAT, {}), 12,
            "bench run --adapter {a} --base '/base model' --tasks quiz --chat-template on",
        ),
        (
            (RAW, {"kind": "endpoint", "path": None, "parts": {"endpoint": "http://h/v1", "model": "m"}}), (CHAT, {}), 12,
            "bench run --endpoint http://h/v1 --served-model m --tasks quiz --chat-template on",
        ),
        (
            (RAW, {"kind": "endpoint", "path": None, "parts": {"endpoint": "http://h/v1", "model": "m"}, "base_path": "/tok"}),
            (CHAT, {}), 12,
            "bench run --endpoint http://h/v1 --served-model m --tokenizer /tok --tasks quiz --chat-template on",
        ),
        ((CHAT, {}), (RAW, {}), 12, "bench run --model {b} --tasks quiz --chat-template on"),  # as is usual for such a task
        ((RAW, {"path": "/gone"}), (CHAT, {}), 12, "bench run --model {b} --tasks quiz --chat-template off"),
        ((RAW, {"path": "/gone"}), (CHAT, {"path": "/gone"}), 12, None),
    ],
)  # fmt: skip
def test_without_a_common_form_the_refusal_ends_with_the_line_that_makes_one(
    store: Store,
    left: tuple[Settings, dict[str, Any]],
    right: tuple[Settings, dict[str, Any]],
    n: int,
    line: str | None,
) -> None:
    answered(store, "a", left[0], n=n, **left[1])
    answered(store, "b", right[0], n=n, **right[1])
    found, (why,) = pairs.find(store, "a", "b")
    assert not found
    folder = Path(store.path).parent
    said = "run one of them again in the other's form" if line is None else f"run `{line}`"
    assert why.endswith("; " + said.format(a=folder / "a", b=folder / "b"))
    assert why.startswith("quiz can't be compared: a was asked ")


def test_the_line_makes_a_run_that_can_be_compared(tmp_path: Path, tiny_checkpoint: Path, tiny_other: Path) -> None:
    """Real checkpoints: one asked raw, one as a chat; the refusal's own line, run as it stands, mends it."""
    store = ("--store", str(tmp_path / "bench.db"))
    how = ("--tasks", "demo_math", "--limit", "4", "--max-tokens", "4", "--engine", "hf", *store)
    asked = bench("run", "--model", str(tiny_checkpoint), "--name", "first", "--chat-template", "off", *how)
    assert "first: a chat model (it stops at <|im_end|>, which ends a turn); demo_math raw (as asked)\n" in asked.stderr
    assert "note: first: a chat model is asked raw" in asked.stderr
    assert bench("run", "--model", str(tiny_other), "--name", "second", "--system", "be brief", *how).returncode == 0
    refused = bench("compare", "first", "second", *store)
    assert refused.returncode == 4
    words = shlex.split(refused.stderr.partition("`bench ")[2].rpartition("`")[0])
    assert words[:4] == ["run", "--model", str(tiny_checkpoint), "--tasks"]
    mended = bench("compare", "first", "second", "--run", *store)
    assert (mended.returncode, mended.stdout.count(" points on demo_math")) == (0, 1), mended.stderr
    assert f"running: {shlex.join(['bench', *words])}\n" in mended.stderr
    assert mended.stdout.startswith("No clear difference"), "what the run itself prints is not the comparison's"
    again = bench("compare", str(tiny_checkpoint), str(tiny_other), "--run", *store)
    assert (again.returncode, again.stdout) == (0, mended.stdout), "folders name what was run from them"
    assert "running" not in again.stderr


def test_a_baseline_file_is_met_in_its_form(store: Store, tmp_path: Path) -> None:
    answered(store, "a", RAW, OLD)
    blessed = tmp_path / "x.json"
    how = ("--name", "x", "--reason", "test", "-o", str(blessed), "--store", str(store.path))
    assert bench("baseline", "bless", "a", *how).returncode == 0
    wanted = answered(store, "b", RAW, OLD, wrong=(1,))
    answered(store, "b", CHAT, NEW)
    ((pair,), _) = pairs.find(store, f"file:{blessed}", "b")
    assert pair.after.run == wanted
    answered(store, "c", CHAT)
    _, (why,) = pairs.find(store, f"file:{blessed}", "c")
    assert why.endswith(f"run `bench run --model {tmp_path / 'c'} --tasks quiz --chat-template off`")


def test_no_common_task_is_nothing_to_compare(store: Store) -> None:
    answered(store, "a", RAW)
    with pytest.raises(NothingToCompare, match="no run"):
        pairs.find(store, "a", "nobody")


def test_the_command_shows_what_it_can_and_then_refuses(store: Store, tmp_path: Path) -> None:
    for settings in (RAW, CHAT):
        answered(store, "a", settings)
        answered(store, "b", settings, wrong=(1, 2))
    answered(store, "c", replace(CHAT, think="off"))
    place = ["--store", str(store.path)]
    both = bench("compare", "a", "b", *place)
    assert both.returncode == 0, both.stderr
    assert both.stdout.count("quiz, both ") == 2
    as_json = bench("compare", "a", "b", "--json", *place)
    forms = [change["form"]["chat"] for change in json.loads(as_json.stdout)["changes"]]
    assert sorted(forms) == [False, True]
    refused = bench("compare", "a", "c", *place)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert f"--chat-template on --think off --store {store.path}`" in refused.stderr
