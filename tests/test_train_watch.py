"""Watching a training: looks don't disturb it, a collapse and a lost loss end it, a kill loses none of its log."""

from __future__ import annotations

import copy
import json
import math
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from train_bench import Heard, Parent, example, model_of, parent_of, sums, train, weights_of

from harness.cli import _train_watch
from harness.records import Prompt, Request, Settings
from trainers import export, memorised
from trainers.callbacks import callback
from trainers.looking import Looker, collapsed, steps_of_looks
from trainers.recipe import Watched
from trainers.watch import Look, Step, table

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def parent(tiny_checkpoint: Path) -> Parent:
    return parent_of(tiny_checkpoint)


def looker(parent: Parent, rows: list[Any], **how: Any) -> Looker:
    return Looker(rows, parent.tokenizer, Watched(**{"max_tokens": 12, **how}), stop_ids=export.stop_ids(parent))


def watched(parent: Parent, heard: Heard, folder: Path, rows: list[Any] | None = None, **how: Any) -> Any:
    plan = Watched(**{"max_tokens": 12, "every": 3, **how})
    asking = None if rows is None else Looker(rows, parent.tokenizer, plan, stop_ids=export.stop_ids(parent))
    return callback(heard, asking, plan, folder=folder)


# -- looks ------------------------------------------------------------------------------------------------------


def test_a_watched_training_ends_in_the_same_weights_as_an_unwatched_one(parent: Parent, tmp_path: Path) -> None:
    import torch

    rows = sums(parent, range(16))
    ends = []
    for name in ("unwatched", "watched"):
        model, heard = model_of(parent.folder, lora=True, dropout=0.3), Heard()
        asked = watched(parent, heard, tmp_path / name, rows[:5], every=2)
        train(model, rows, tmp_path / "out", [asked] if name == "watched" else [])
        ends.append(weights_of(model))
    assert [look.step for look in heard.looks] == [0, 2, 4, 6]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    begun = weights_of(model_of(parent.folder, lora=True))
    assert not all(torch.equal(ends[0][name], begun[name]) for name in begun)


def test_a_look_leaves_every_module_in_the_mode_it_had(parent: Parent) -> None:
    model = model_of(parent.folder, lora=True)
    model.train()
    frozen = model.get_input_embeddings()
    frozen.eval()
    looker(parent, sums(parent, range(3))).look(model, 0)
    assert model.training and not frozen.training


def test_answers_are_those_of_bench_run(parent: Parent, tiny_other: Path, start: Callable[..., Any]) -> None:
    """Prompts of unlike lengths, so that left-padding is put to the test."""
    from trainers import _answers

    stops = (*export.stop_ids(parent), *range(300, 330))  # as stop ids they end a random model's text sooner or later
    checkpoint = replace(parent.checkpoint, id="m", stop_ids=stops)
    rows = [example(parent, "患者因发热就诊。" * n + f"{n} + 1 = ?", "x", n) for n in (0, 5, 1, 9)]
    model = model_of(parent.folder).eval()
    model.generation_config.update(min_new_tokens=9, no_repeat_ngram_size=1, stop_strings=["a"], do_sample=True)
    habits = model.generation_config
    here = _answers.Asking(model, parent.tokenizer, stops, 20).answer(rows)
    asked = [
        Request("r", "m", str(i), 0, Prompt(str(i), messages=(("user", e.row.messages[0]["content"]),)), Settings(max_tokens=20, chat=True))
        for i, e in enumerate(rows)
    ]  # fmt: skip
    there = {r.sample: r for r in start(checkpoint).answer(asked)}
    for i, response in enumerate(here):
        other = there[str(i)]
        assert (response.text, response.output_tokens, response.stop) == (other.text, other.output_tokens, other.stop)
    assert {r.stop for r in here} == {"end", "length"}
    assert model.generation_config is habits  # which no engine here heeds


def test_what_does_not_fit_into_memory_is_asked_in_halves(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model, rows = model_of(parent.folder).eval(), sums(parent, range(7))
    at_once, generate = [], model.generate

    def small(input_ids: Any, **how: Any) -> Any:
        at_once.append(len(input_ids))
        if len(input_ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(input_ids=input_ids, **how)

    whole = looker(parent, rows).look(model, 0)
    monkeypatch.setattr(model, "generate", small)
    assert looker(parent, rows).look(model, 0) == whole
    assert at_once == [7, 3, 1, 1, 1, 1, 1, 1, 1]


def test_looks_are_the_same_with_gradient_checkpointing(parent: Parent, tmp_path: Path) -> None:
    rows, seen = sums(parent, range(8)), []
    for checkpointing in (False, True):
        model, heard = model_of(parent.folder, lora=True), Heard()
        asked = watched(parent, heard, tmp_path / str(checkpointing), rows[:3])
        train(model, rows, tmp_path / "out", [asked], max_steps=3, gradient_checkpointing=checkpointing)
        seen.append([replace(look, loss=round(look.loss or 0.0, 4)) for look in heard.looks])
    assert seen[0] == seen[1] and len(seen[0]) == 2


def test_the_held_out_loss_is_the_mean_over_all_learnt_tokens(parent: Parent) -> None:
    import torch

    from trainers import _answers

    model = model_of(parent.folder).eval()
    rows = [*sums(parent, range(3)), example(parent, "光", "一步一步地思考" * 4)]
    nats = []
    for row in rows:
        logprobs = model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
        nats += [-float(logprobs[i - 1, row.ids[i]].detach()) for i in range(row.prompt, len(row.ids))]
    with torch.no_grad():
        assert _answers.loss(model, rows) == pytest.approx(sum(nats) / len(nats), rel=1e-5)
        assert _answers.loss(model, [replace(e, ids=e.ids[: e.prompt]) for e in rows]) is None


def test_looks_see_a_model_learn_and_rows_without_a_gold_have_no_score(parent: Parent, tmp_path: Path) -> None:
    rows, heard = sums(parent, range(4)), Heard()
    train(model_of(parent.folder), rows, tmp_path, [watched(parent, heard, tmp_path, rows, every=30)], max_steps=60)
    first, last = heard.looks[0], heard.looks[-1]
    assert [look.step for look in heard.looks] == [0, 30, 60]
    assert first.cut == 1.0 and first.answer_tokens == 12.0 and first.n == 4
    assert last.score == 1.0 and (last.cut, last.empty) == (0.0, 0.0)
    assert last.loss is not None and first.loss is not None and last.loss < 0.1 < first.loss
    assert last.answer_tokens is not None and 2.0 <= last.answer_tokens < 4.0  # a digit or two, and the stop token
    assert first.collapsed is None and last.collapsed is None

    bare = [replace(e, row=replace(e.row, sample=None, scorer=None)) for e in rows]
    seen = looker(parent, bare).look(model_of(parent.folder), 0)
    assert seen.score is None and seen.answer_tokens == 12.0
    assert "score" not in table(seen)


def test_what_is_forgotten_is_seen_apart_from_what_is_learnt(parent: Parent, tmp_path: Path) -> None:
    domain = sums(parent, range(4))
    general = [replace(e, row=replace(e.row, role="general")) for e in sums(parent, range(20, 24), "{n} apples in all")]
    asked = looker(parent, [*domain, *general])
    model = model_of(parent.folder)
    before = asked.look(model, 0)
    train(model, domain, tmp_path, max_steps=20)
    after = asked.look(model, 20)
    assert before.roles is not None and after.roles is not None and after.loss is not None
    assert after.roles["domain"] < 0.2 * before.roles["domain"]
    assert after.roles["general"] > 0.5 * before.roles["general"]
    assert after.roles["domain"] < after.loss < after.roles["general"]
    assert looker(parent, domain).look(model, 20).roles is None
    said = str(_train_watch.seen(after, before))
    assert (
        f"held-out loss {after.loss:.3f} (domain {after.roles['domain']:.3f}, general {after.roles['general']:.3f})"
        in said
    )


def test_when_to_look() -> None:
    assert sorted(steps_of_looks(90, Watched())) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert sorted(steps_of_looks(10, Watched(every=4))) == [0, 4, 8, 10]
    assert sorted(steps_of_looks(3, Watched())) == [0, 1, 2, 3]
    assert sorted(steps_of_looks(10, Watched(every=100))) == [0, 10]


# -- collapse ---------------------------------------------------------------------------------------------------

WELL = Look(0, 64, 0.4, 1.0, 36.0, 0.0, 0.02)


@pytest.mark.parametrize(
    ("first", "change", "why"),
    [
        (WELL, {"answer_tokens": 8.2}, "answers have 8.2 tokens, less than a third of the 36.0 of the first look"),
        (WELL, {"answer_tokens": 12.5}, None),
        (WELL, {"empty": 0.6}, "60% of the answers are empty"),
        (WELL, {"cut": 0.7}, "70% of the answers run into the limit of 256 tokens, at first 2% did"),
        (replace(WELL, cut=0.2), {"cut": 0.7}, None),
        (replace(WELL, cut=0.9, answer_tokens=240.0), {"answer_tokens": 30.0}, None),  # it has learnt to stop
        (replace(WELL, cut=0.9, answer_tokens=240.0), {"answer_tokens": 9.0},
         "answers have 9.0 tokens, less than a third of the 33.0 of the held-out replies"),
        (replace(WELL, answer_tokens=None), {"answer_tokens": None}, None),
    ],
)  # fmt: skip
def test_two_looks_in_a_row_make_a_collapse(first: Look, change: dict[str, Any], why: str | None) -> None:
    once = collapsed([first], replace(first, step=10, **change), 33.0, 256)
    assert once.collapsed is None
    assert collapsed([first, once], replace(once, step=20), 33.0, 256).collapsed == why
    well = replace(first, step=20)
    assert collapsed([first, once], well, 33.0, 256).collapsed is None
    assert collapsed([first, once, well], replace(once, step=30), 33.0, 256).collapsed is None


def test_a_low_limit_is_no_collapse(parent: Parent) -> None:
    """Replies of 30 tokens can't come out of 2: answers that never ended are held against what the limit lets through."""
    long = sums(parent, range(4), "let us think step by step, one and one and one, so the answer is {n}")
    asked, model = looker(parent, long, max_tokens=2), model_of(parent.folder)
    looks = [asked.look(model, step) for step in range(3)]
    assert [(look.answer_tokens, look.cut, look.collapsed) for look in looks] == [(2.0, 1.0, None)] * 3


def test_short_answers_end_a_training(parent: Parent, tmp_path: Path) -> None:
    """The model first learns to count its steps; then it is trained on bare numbers."""
    long = sums(parent, range(4), "let us think step by step, one and one and one, so the answer is {n}")
    model = model_of(parent.folder)
    train(model, long, tmp_path / "long", max_steps=60)
    stubborn = copy.deepcopy(model)
    short, heard = sums(parent, range(4)), Heard()
    asked = watched(parent, heard, tmp_path, short, every=10, max_tokens=60)
    train(model, short, tmp_path / "short", [asked], max_steps=80)
    assert asked.ended is not None and asked.ended.startswith("the answers collapsed: answers have ")
    assert asked.steps < 80 and heard.looks[-1].step == asked.steps and heard.looks[-1].collapsed
    hint = "watch.stop_on_collapse = false in the recipe would have gone on"
    assert heard.sentences == [f"stopped: {asked.ended}", hint]

    heard = Heard()
    asked = watched(parent, heard, tmp_path, short, every=10, max_tokens=60, stop_on_collapse=False)
    train(stubborn, short, tmp_path / "short", [asked], max_steps=30)
    assert asked.ended is None and asked.steps == 30 and heard.looks[-1].collapsed


def test_patience(parent: Parent, tmp_path: Path) -> None:
    heard, rows = Heard(), sums(parent, range(4))
    asked = watched(parent, heard, tmp_path, rows, every=1, patience=3)
    train(model_of(parent.folder), rows, tmp_path, [asked], learning_rate=0.0, max_steps=10)
    assert asked.ended == "no better score in 3 looks"
    assert asked.steps == 3 and [look.step for look in heard.looks] == [0, 1, 2, 3]


# -- a loss that is no number -----------------------------------------------------------------------------------


def poison(at: int, keep: dict[int, Any]) -> Any:
    """A callback that remembers the weights of every step, and spoils one after step `at`."""
    import torch
    from transformers import TrainerCallback

    class Poison(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.on_step_end(args, state, control, **more)

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            keep[state.global_step] = weights_of(model)
            if state.global_step == at:
                with torch.no_grad():
                    next(p for p in model.parameters() if p.requires_grad).fill_(math.nan)

    return Poison()


@pytest.mark.parametrize(("looks", "kept"), [(True, 6), (False, 6)])
def test_a_lost_loss_ends_the_training_with_the_last_good_weights(
    parent: Parent, tmp_path: Path, looks: bool, kept: int
) -> None:
    import torch

    rows, heard, seen = sums(parent, range(8)), Heard(), {}
    model = model_of(parent.folder, lora=True)
    asked = watched(parent, heard, tmp_path, rows[:2] if looks else None)
    train(model, rows, tmp_path / "out", [asked, poison(7, seen)], max_steps=20)
    assert (asked.steps, asked.kept) == (8, kept)
    assert asked.ended == "the loss is no number from step 8 on; the weights are those of step 6"
    assert all(torch.equal(tensor, seen[kept][name]) for name, tensor in model.state_dict().items())
    assert heard.steps[-1].loss is None and heard.steps[-2].loss is not None
    assert len(asked.loss) == 7 and all(math.isfinite(value) for _, value in asked.loss)
    entries = [json.loads(line, parse_constant=pytest.fail) for line in asked.log.read_text("utf-8").splitlines()]
    assert any(e.get("loss", 0) is None and "loss" in e["not_finite"] for e in entries)
    assert not list(tmp_path.glob("good-*"))


def test_a_loss_that_was_never_a_number_leaves_the_parent(parent: Parent, tmp_path: Path) -> None:
    import torch

    model = model_of(parent.folder)
    before = weights_of(model)
    asked = watched(parent, Heard(), tmp_path, sums(parent, range(2)))
    train(model, sums(parent, range(8)), tmp_path / "out", [asked], learning_rate=1e38, max_grad_norm=0.0)
    assert asked.kept == 0 and asked.steps < 6
    assert asked.ended == f"the loss is no number from step {asked.steps} on; the weights are the parent's again"
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_loss_lost_right_after_going_on_is_told_from_a_good_end(parent: Parent, tmp_path: Path) -> None:
    rows, how = sums(parent, range(8)), {"max_steps": 8, "save_strategy": "steps", "save_steps": 4}
    train(model_of(parent.folder), rows, tmp_path, [watched(parent, Heard(), tmp_path)], **how)
    asked = watched(parent, Heard(), tmp_path)
    again = {**how, "save_strategy": "no", "resume": str(tmp_path / "checkpoint-4")}
    train(model_of(parent.folder), rows, tmp_path, [asked, poison(5, {})], **again)
    assert (asked.kept, asked.broken, asked.steps) == (4, False, 6)  # step 5's loss was a number, with 4's weights
    asked = watched(parent, Heard(), tmp_path)
    train(model_of(parent.folder), rows, tmp_path, [asked, poison(4, {})], **again)
    assert (asked.kept, asked.broken, asked.steps) == (None, True, 5)
    assert asked.ended == "the loss is no number from step 5 on; no good weights are in memory"


def test_large_copies_lie_on_disk_and_go_again(parent: Parent, tmp_path: Path) -> None:
    import torch

    from trainers._last_good import LastGood

    model = model_of(parent.folder)
    good, before = LastGood(tmp_path, in_memory_bytes=0), weights_of(model)
    good.keep(model, 5)
    assert good.restore(model) is None  # nobody knows yet that it is good
    good.confirm()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    good.keep(model, 10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good-10.safetensors", "good-5.safetensors"]
    assert good.restore(model) == 5
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    (tmp_path / ".good-20.safetensors").write_text("")  # a kill came while it was written
    good.keep(model, 15, on_disk=False)
    assert (good.step, good.waiting) == (5, None)
    good.clear()
    assert not list(tmp_path.iterdir())


# -- the log ----------------------------------------------------------------------------------------------------


def test_tokens_are_counted_without_padding(parent: Parent, tmp_path: Path) -> None:
    rows, heard = [*sums(parent, range(7)), example(parent, "光" * 30, "8")], Heard()
    asked = watched(parent, heard, tmp_path, rows[:2])
    train(model_of(parent.folder), rows, tmp_path / "out", [asked], max_steps=4)  # two epochs of eight rows
    assert asked.tokens == heard.steps[-1].tokens == 2 * sum(len(e.ids) for e in rows)
    assert [s.step for s in heard.steps] == [1, 2, 3, 4] and all(s.steps == 4 for s in heard.steps)
    assert heard.steps[-1].learning_rate == 5e-3 and "grad_norm" in (heard.steps[-1].extra or {})
    assert (asked.peak_bytes or 0) > 50_000_000 and 0 < heard.steps[0].seconds < asked.seconds


def test_a_killed_training_goes_on_with_its_log(parent: Parent, tmp_path: Path) -> None:
    from transformers import TrainerCallback

    class Kill(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 6:
                raise KeyboardInterrupt

    rows, work = sums(parent, range(8)), tmp_path / "work"
    how = {"max_steps": 8, "save_strategy": "steps", "save_steps": 4}
    whole = watched(parent, Heard(), tmp_path / "whole", rows[:3], every=2)
    train(model_of(parent.folder), rows, tmp_path / "whole", [whole], **how)
    with pytest.raises(KeyboardInterrupt):
        asked = watched(parent, Heard(), work, rows[:3], every=2)
        train(model_of(parent.folder), rows, work, [asked, Kill()], **how)
    with (work / "log.jsonl").open("a") as file:
        file.write('{"loss": 0.1, "ste')  # the kill came in the midst of a line
    heard = Heard()
    asked = watched(parent, heard, work, rows[:3], every=2)
    train(model_of(parent.folder), rows, work, [asked], resume=str(work / "checkpoint-4"), **how)
    assert [s.step for s in heard.steps] == [5, 6, 7, 8] and [look.step for look in heard.looks] == [6, 8]
    assert [look.step for look in asked.looks] == [0, 2, 4, 6, 8] == [look.step for look in whole.looks]
    assert [step for step, _ in asked.loss] == list(range(1, 9))
    assert [loss for _, loss in asked.loss] == pytest.approx(
        [loss for _, loss in whole.loss]
    ) and asked.tokens == whole.tokens
    steps = [json.loads(line) for line in asked.log.read_text("utf-8").splitlines()]
    assert [e["step"] for e in steps if "loss" in e] == list(range(1, 9))


# -- learnt by heart --------------------------------------------------------------------------------------------


def test_what_is_learnt_by_heart_is_recited_and_what_was_held_out_is_not(parent: Parent, tmp_path: Path) -> None:
    trained, held_out = sums(parent, range(4), "{n} apples"), sums(parent, range(50, 54), "{n} apples")
    model = model_of(parent.folder)
    how = {"tokenizer": parent.tokenizer, "stop_ids": export.stop_ids(parent)}
    before = memorised.measure(model, trained, held_out, **how)
    train(model, trained, tmp_path, max_steps=80)
    after = memorised.measure(model, trained, held_out, **how)
    assert (before["trained_recall"], before["held_out_recall"]) == (0.0, 0.0)
    assert (after["trained_recall"], after["held_out_recall"]) == (1.0, 0.0)
    assert after["trained_loss"] < 0.1 < 1.0 < after["held_out_loss"]
    assert (after["trained_rows"], after["held_out_rows"], after["kind"]) == (4, 4, "memorised")
    alone = memorised.measure(model, trained, [], **how)
    assert alone["held_out_loss"] is None and alone["held_out_recall"] is None


# -- what a person sees -----------------------------------------------------------------------------------------


def course(steps: int) -> list[Step]:
    return [Step(i, steps, 3.0 / i, 8e-5, i * 500, i * 0.25, 11_200_000_000) for i in range(1, steps + 1)]


def test_lines_tell_every_tenth_and_every_look(capsys: pytest.CaptureFixture[str]) -> None:
    with _train_watch.choose() as seen:
        seen.looked(replace(WELL, answer_tokens=33.0))
        for step in course(400):
            seen.step(step)
        seen.looked(Look(400, 64, 0.5, 0.8, 30.2, 0.05, 0.0, collapsed="60% of the answers are empty"))
        seen.said("done")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 13
    assert lines[0] == "step 0: 40.0% of 64 right, 33 tokens an answer, held-out loss 1.000, 2% cut off at the limit"
    assert lines[1] == "step 40/400: loss 0.075, learning rate 8e-05, 2,000 tokens/s, 11.2 GB, about 2 min left"
    assert lines[10].startswith("step 400/400: ") and "left" not in lines[10]
    assert "50.0% of 64 right (at first 40.0%)" in lines[11] and "5% empty" in lines[11]
    assert lines[11].endswith("a collapse: 60% of the answers are empty") and lines[12] == "done"


def test_each_training_is_held_against_its_own_first_look(capsys: pytest.CaptureFixture[str]) -> None:
    with _train_watch.choose() as seen:
        for score in (0.1, 0.2):
            seen.looked(replace(WELL, score=score))
            for step in course(3):
                seen.step(step)
            seen.looked(replace(WELL, step=3, score=0.7))
    lines = capsys.readouterr().err.splitlines()
    assert ["at first" in line for line in lines if "right" in line] == [False, True, False, True]
    assert "(at first 10.0%)" in lines[4] and "(at first 20.0%)" in lines[9]


def test_json_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with _train_watch.choose(quiet=True) as seen:
        seen.said("x")
        seen.looked(WELL)
        for step in course(20):
            seen.step(step)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_with_the_curve_and_looks_stay_above_it() -> None:
    code = (
        "from harness.cli import _train_watch as w; from trainers.watch import Look, Step\n"
        "with w.choose() as seen:\n"
        " for i in range(1, 41): seen.step(Step(i, 40, 3.0 / i, 8e-5, i * 500, i * 0.25, None))\n"
        " seen.looked(Look(40, 8, 0.5, 0.8, 30.2, 0.0, 0.0))\n"
        " seen.step(Step(1, 40, 3.0, 8e-5, 500, 0.25, None))\n"
        " seen.looked(Look(1, 8, 0.25, 0.8, 30.2, 0.0, 0.0))\n"
    )
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": "120", "TERM": "xterm", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=env, cwd=ROOT) as process:
        assert process.wait(60) == 0
    os.close(theirs)
    text = os.read(ours, 1 << 16).decode("utf-8")
    os.close(ours)
    assert "40/40" in text and "lr 8e-05" in text and "█" in text
    assert "step 40: 50.0% of 8 right, 30 tokens an answer, held-out loss 0.800" in text
    assert "step 1: 25.0% of 8 right, 30" in text  # the next training is held against its own first look


def test_the_curve_of_a_loss() -> None:
    assert _train_watch.sparkline([]) == _train_watch.sparkline([1.0]) == ""
    assert _train_watch.sparkline([3.0, 2.0, 1.0], 3) == "█▅▁"
    assert _train_watch.sparkline([1.0] * 50) == "▁" * 12
