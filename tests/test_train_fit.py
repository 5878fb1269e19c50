"""Training itself, on tiny real checkpoints: what is computed is what was prepared, and a kill changes nothing.

Each way of training runs for real. The longer runs, which show that something is learnt, are in `make soak`.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checkpoints import lineage, read
from harness.contamination import keep
from harness.errors import UserError
from harness.records import Checkpoint, Exam, Lineage, Response, Sample, Task
from harness.store.open import open_store
from leaderboard.overlapping import Overlapping
from trainers import _fit_course, _hardware, _training_state, parent, rewards
from trainers.recipe import Clean, Distil, Export, Grpo, Lora, Mix, Optim, Recipe, Source, Teacher, Watched
from trainers.rows import Example, Row
from trainers.train import train
from trainers.watch import Look, Step

WORDS = 545  # tokens of the tiny tokenizer; its parent's embedding has 576 rows
QUICK = Optim(learning_rate=3e-3, epochs=2, batch=8, warmup=0.0)
UNSEEN = Watched(held_out=0)


class Told:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.steps: list[Step] = []

    def said(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def looked(self, look: Look) -> None: ...

    @property
    def losses(self) -> list[float]:
        return [step.loss for step in self.steps if step.loss is not None]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """A folder with a parent and two files of sums, as a recipe would lie beside them."""
    folder = tmp_path_factory.mktemp("fit")
    (folder / "parent").symlink_to(tiny_checkpoint)
    sums = [{"instruction": f"{a}+{b}=?", "output": f"答案：{a + b}"} for a in range(8) for b in range(6)]
    write(folder / "sums.jsonl", sums)
    write(folder / "talk.jsonl", [{"instruction": f"说{n}次你好", "output": "你好" * n} for n in range(1, 9)])
    return folder


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def recipe(**fields: Any) -> Recipe:
    given = {
        "parent": "parent",
        "method": "full",
        "data": (Source(path="sums.jsonl"),),
        "optim": QUICK,
        "watch": UNSEEN,
    }
    return Recipe(**(given | fields))


def weights(folder: Path | str | None) -> dict[str, Any]:
    from safetensors.torch import load_file

    file = next(Path(str(folder)).glob("*.safetensors"))
    return dict(load_file(file))


def furthest(one: dict[str, Any], other: dict[str, Any]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name].float() - other[name].float()).abs().max()) for name in one)


# -- which rows, in which order -----------------------------------------------------------------------------


def test_a_progressive_course_sees_one_phase_after_the_other_each_as_often_as_the_epochs_say() -> None:
    found = _fit_course.course((3, 5), Optim(epochs=2, batch=4), seed=1)
    assert sorted(found.rows[:6]) == [0, 0, 1, 1, 2, 2]
    assert sorted(found.rows[6:]) == sorted([3, 4, 5, 6, 7] * 2)
    assert (found.steps, found.epochs, found.epoch_steps) == (4, 2.0, (2, 4))
    assert found == _fit_course.course((3, 5), Optim(epochs=2, batch=4), seed=1)
    assert found.rows != _fit_course.course((3, 5), Optim(epochs=2, batch=4), seed=2).rows
    assert sorted(found.rows[:3]) == [0, 1, 2], "every row once before any comes again"


def test_steps_take_the_place_of_epochs() -> None:
    found = _fit_course.course((100,), Optim(steps=30, batch=8), seed=0)
    assert (found.steps, len(found.rows), found.epochs) == (30, 240, 2.4)
    assert found.epoch_steps == (13, 25)
    half = _fit_course.course((100,), Optim(epochs=0.5, batch=8), seed=0)
    assert (half.steps, len(set(half.rows)), half.epoch_steps) == (7, 50, ())


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(UserError, match="no row is left"):
        _fit_course.course((0,), Optim(), 0)


# -- what the machine allows --------------------------------------------------------------------------------

CARD = _hardware.Machine("cuda", "a card", 24_000_000_000, True, 1)
SMALL = _hardware.Load(
    parameters=494_000_000,
    trained=4_400_000,
    hidden=896,
    middle=4864,
    layers=24,
    vocabulary=151_936,
    longest=1000,
    bits=16,
)


def test_a_card_decides_precision_rows_and_checkpointing() -> None:
    found = _hardware.choose(SMALL, Optim(batch=16), CARD)
    assert (found.bfloat16, found.checkpointing, found.per_device, found.accumulation) == (True, True, 16, 1)
    larger = replace(SMALL, parameters=7_600_000_000, hidden=3584, middle=18944, layers=28)
    found = _hardware.choose(larger, Optim(batch=16), CARD)
    assert found.per_device * found.accumulation == 16
    assert found.per_device == 8
    assert "a row of 1,000 tokens" in found.reasons[-1] and "15.3 GB" in found.reasons[-1]


def test_all_weights_need_room_for_gradients_and_moments() -> None:
    whole = replace(SMALL, trained=SMALL.parameters)
    assert _hardware.weights_bytes(whole, Optim()) == 494_000_000 * 16
    assert _hardware.weights_bytes(whole, Optim(optimizer="adafactor")) == 494_000_000 * 9
    assert _hardware.weights_bytes(replace(SMALL, bits=4), Optim()) == (494_000_000 - 4_400_000) // 2 + 4_400_000 * 16


def test_scores_of_the_whole_vocabulary_take_most_of_a_row() -> None:
    usual = _hardware.row_bytes(SMALL, True, True)
    whole = _hardware.row_bytes(replace(SMALL, whole_scores=True), True, True)
    assert whole - usual > 1000 * 151_936 * 4
    assert _hardware.row_bytes(SMALL, True, False) > 5 * usual


def test_what_may_not_fit_is_said_and_tried_with_one_row() -> None:
    found = _hardware.choose(replace(SMALL, parameters=20_000_000_000), Optim(batch=6), CARD)
    assert (found.per_device, found.accumulation) == (1, 6)
    assert any("may not fit" in reason for reason in found.reasons)


def test_a_cpu_computes_in_float32_unless_told_otherwise() -> None:
    cpu = _hardware.Machine("cpu", "CPU", 8_000_000_000, False)
    found = _hardware.choose(SMALL, Optim(batch=4), cpu)
    assert not found.bfloat16 and not found.checkpointing
    assert found.reasons[0] == "precision float32, since this is a CPU"
    assert _hardware.choose(SMALL, Optim(precision="bfloat16"), cpu).bfloat16
    old = replace(CARD, bfloat16=False)
    assert not _hardware.choose(SMALL, Optim(), old).bfloat16
    with pytest.raises(UserError, match="no bfloat16 units"):
        _hardware.choose(SMALL, Optim(precision="bfloat16"), old)


def test_rows_at_once_must_divide_the_batch() -> None:
    with pytest.raises(UserError, match="use one of 1, 2, 5, 10"):
        _hardware.choose(SMALL, Optim(batch=10, per_device=4), CARD)
    found = _hardware.choose(SMALL, Optim(batch=10, per_device=5), CARD)
    assert (found.per_device, found.accumulation) == (5, 2)
    assert _hardware.halved(found).per_device == 2


# -- the parent ---------------------------------------------------------------------------------------------


@pytest.fixture
def altered(make_checkpoint: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint whose tokenizer_config.json was changed; None removes a key. For a Qwen2 AutoTokenizer fills in its own."""

    def alter(template: bool = True, **changed: Any) -> Path:
        import shutil

        folder = Path(shutil.copytree(make_checkpoint("llama", architecture="Llama"), tmp_path / "altered"))
        file = folder / "tokenizer_config.json"
        told = json.loads(file.read_text("utf-8")) | changed
        file.write_text(json.dumps({k: v for k, v in told.items() if v is not None}), "utf-8")
        if not template:
            (folder / "chat_template.jinja").unlink()
        return folder

    return alter


def test_a_missing_pad_is_a_token_that_exists(altered: Callable[..., Path]) -> None:
    folder = altered(pad_token=None)
    found = parent.open_parent(recipe(parent=str(folder)), folder)
    assert found.tokenizer.pad_token == "<|endoftext|>"
    assert len(found.tokenizer) <= 640
    assert any("no pad token" in note for note in found.notes)


def test_a_parent_that_can_not_learn_to_end_is_refused(altered: Callable[..., Path]) -> None:
    folder = altered(eos_token=None)
    with pytest.raises(UserError, match="no eos_token, so no answer would learn to end"):
        parent.open_parent(recipe(parent=str(folder)), folder)


def test_a_template_is_for_parents_without_one(altered: Callable[..., Path], world: Path, tmp_path: Path) -> None:
    folder = altered(template=False)
    assert parent.open_parent(recipe(parent=str(folder)), tmp_path).template_text is None
    (tmp_path / "t.jinja").write_text("{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}")
    given = recipe(parent=str(folder), template="t.jinja")
    found = parent.open_parent(given, tmp_path)
    assert found.template_text == found.tokenizer.chat_template == (tmp_path / "t.jinja").read_text()
    with pytest.raises(UserError, match="has a chat template of its own"):
        parent.open_parent(replace(given, parent=str(world / "parent")), tmp_path)
    (tmp_path / "t.jinja").write_text("{% for m in %}")
    with pytest.raises(UserError, match="can't be rendered"):
        parent.open_parent(given, tmp_path)
    (tmp_path / "t.jinja").unlink()
    with pytest.raises(UserError, match="can't be read: No such file"):
        parent.open_parent(given, tmp_path)


def test_an_adapter_is_merged_for_a_full_training_and_no_base_of_another(
    tiny_adapter: Path, tiny_checkpoint: Path
) -> None:
    import torch
    from tinies import reference

    with pytest.raises(UserError, match="needs whole weights under it"):
        parent.open_parent(recipe(parent=str(tiny_adapter), method="lora"), tiny_adapter)
    found = parent.open_parent(recipe(parent=str(tiny_adapter)), tiny_adapter)
    model = parent.load(found.checkpoint, bfloat16=False, device="cpu")
    there, tokenizer = reference(tiny_checkpoint, tiny_adapter)
    ids = torch.tensor([tokenizer("一共有几个苹果？")["input_ids"]])
    assert torch.allclose(model(ids).logits, there(ids).logits, atol=1e-4)
    assert all(weight.requires_grad for weight in model.parameters())  # else nothing of it could learn


def test_an_adapter_without_its_base_tells_where_to_name_it(tiny_adapter: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_adapter, tmp_path / "alone")
    config = json.loads((tmp_path / "alone" / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tmp_path / "gone")
    (tmp_path / "alone" / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"not on this machine; name its folder as base_model_name_or_path in .*alone$"):
        parent.open_parent(recipe(parent=str(tmp_path / "alone")), tmp_path)


@pytest.mark.parametrize(("name", "out"), [("parent", "parent"), ("a-merged", "a"), ("a-epoch-1", "a")])
def test_nothing_is_written_over_what_it_is_learnt_from(world: Path, tmp_path: Path, name: str, out: str) -> None:
    shutil.copytree(world / "parent", tmp_path / name)
    before = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
    given = recipe(
        parent=str(tmp_path / name),
        method="full" if out == "parent" else "lora",
        export=Export(merge=name == "a-merged", each_epoch=name == "a-epoch-1"),
    )
    with pytest.raises(UserError, match=f"{name} is what this training learns from"):
        train(given, world, tmp_path / out, Told(), again=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} == before


def test_a_module_that_the_parent_lacks_is_named_with_the_nearest(world: Path) -> None:
    found = parent.open_parent(recipe(), world)
    model = parent.load(found.checkpoint, bfloat16=False, device="cpu")
    with pytest.raises(UserError, match="no module query; it has"):
        parent.adapter_config(model, Lora(targets=("query",)))
    with pytest.raises(UserError, match="lm_head"):
        parent.adapter_config(model, Lora(targets=("q_proj", "lm_head")))
    with pytest.raises(UserError, match="matches no module"):
        parent.adapter_config(model, Lora(targets=r".*\.c_attn"))
    assert parent.adapter_config(model, Lora(targets=("q_proj",))).target_modules == {"q_proj"}


def test_four_bits_without_their_library_are_refused_in_a_sentence(world: Path) -> None:
    from importlib.util import find_spec

    if find_spec("bitsandbytes"):
        pytest.skip("bitsandbytes is here")
    found = parent.open_parent(recipe(), world)
    with pytest.raises(UserError, match="bitsandbytes, which is not installed"):
        parent.load(found.checkpoint, bfloat16=False, device="cpu", lora=Lora(quantise=True))


def test_a_teacher_of_another_vocabulary_is_refused_before_its_weights_are_read(
    world: Path, make_checkpoint: Callable[..., Path]
) -> None:
    other = make_checkpoint("other-words", texts=("zebra quartz vex jump " * 40,), vocabulary=300)
    given = recipe(method="logitkd", teacher=Teacher(model=str(other)))
    with pytest.raises(UserError, match="different vocabularies"):
        parent.open_teacher(given, world, parent.open_parent(given, world))
    with pytest.raises(UserError, match="a checkpoint on this machine"):
        parent.open_teacher(
            replace(given, teacher=Teacher(endpoint="http://127.0.0.1:1/v1")), world, parent.open_parent(given, world)
        )


# -- what is computed ---------------------------------------------------------------------------------------


def examples(tokenizer: Any, longest: int = 0) -> tuple[Example, ...]:
    """Rows of several lengths; the last has `longest` tokens."""
    made = []
    for n in range(6):
        question = f"{n}+{n * 7}等于几？" + "想一想。" * n
        turns = [{"role": "user", "content": question}]
        prompt = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))[
            "input_ids"
        ]
        reply = tokenizer(f"答案：{n * 8}<|im_end|>")["input_ids"]
        if n == 5 and longest:
            reply = (reply * longest)[: longest - len(prompt) - 1] + reply[-1:]
        made.append(Example((*prompt, *reply), len(prompt), Row(tuple(turns), "", "made", n + 1)))
    return tuple(made)


def fit_of(given: Recipe, folder: Path, rows: tuple[Example, ...], work: Path) -> Any:
    from trainers import callbacks
    from trainers._fit_run import Fit

    work.mkdir(exist_ok=True)
    chosen = _hardware.Chosen("cpu", False, False, given.optim.batch, 1, ())
    way = _fit_course.course([len(rows)], given.optim, given.seed)
    watching = callbacks.callback(Told(), None, given.watch, folder=work)
    return Fit(given, parent.open_parent(given, folder), rows, way, chosen, work, watching, print)


@pytest.mark.parametrize(("method", "packing"), [("full", False), ("lora", False), ("lora", True)])
def test_the_model_computes_exactly_our_ids_and_our_labels(
    world: Path, tmp_path: Path, method: str, packing: bool
) -> None:
    """Longer than TRL's own limit of 1,024 tokens, without an end mark of its own making, the whole first batch."""
    from trainers import _fit_sft

    given = recipe(method=method, optim=Optim(steps=1, batch=6, packing=packing, learning_rate=1e-3))
    opened = parent.open_parent(given, world)
    rows = examples(opened.tokenizer, longest=1500)
    fit = fit_of(given, world, rows, tmp_path / "work")
    model = parent.load(opened.checkpoint, bfloat16=False, device="cpu")
    seen: list[dict[str, Any]] = []
    model.register_forward_pre_hook(lambda module, a, named: seen.append(dict(named)), with_kwargs=True)
    _fit_sft.fit(fit, model)
    ids, labels = seen[0]["input_ids"], seen[0]["labels"]
    wanted = [rows[i] for i in fit.course.rows]
    expected = [[-100] * e.prompt + list(e.ids[e.prompt :]) for e in wanted]
    if packing:
        assert ids.tolist() == [[i for e in wanted for i in e.ids]]
        assert labels.tolist() == [[label for row in expected for label in row]]
        assert seen[0]["position_ids"].tolist() == [[n for e in wanted for n in range(len(e.ids))]]
        return
    for place, example in enumerate(wanted):
        size = len(example.ids)
        assert ids[place, :size].tolist() == list(example.ids)
        assert labels[place, :size].tolist() == expected[place]
        assert (labels[place, size:] == -100).all()
        assert seen[0]["attention_mask"][place].tolist() == [1] * size + [0] * (ids.shape[1] - size)


def test_neither_packing_nor_accumulation_changes_a_number(world: Path, tmp_path: Path) -> None:
    """Rows that stand behind one another must not see each other, and a mean of means is another number."""
    ways: dict[str, dict[str, Any]] = {
        "whole": {"per_device": 8},
        "parts": {"per_device": 2},
        "packed": {"per_device": 4, "packing": True},
    }
    found = {
        name: train(recipe(optim=replace(QUICK, steps=3, **how)), world, tmp_path / name, Told())
        for name, how in ways.items()
    }
    for name in ("parts", "packed"):
        assert furthest(weights(found["whole"].path), weights(found[name].path)) < 2e-4
    assert furthest(weights(found["whole"].path), weights(world / "parent")) > 5e-3


# -- ways of training ---------------------------------------------------------------------------------------


def test_an_adapter_is_trained_and_everything_about_it_is_known(world: Path, tmp_path: Path) -> None:
    told = Told()
    given = recipe(
        method="lora", lora=Lora(r=4), optim=replace(QUICK, learning_rate=1e-2, epochs=3), note="first try",
        watch=Watched(held_out=4, max_tokens=6, every=9), export=Export(each_epoch=True), seed=5,
    )  # fmt: skip
    made = train(given, world, tmp_path / "sums", told)
    assert made.kind == "adapter" and made.base == read.read(world / "parent").id
    assert len({path.stat().st_mode for path in (tmp_path / "sums").iterdir()}) == 1  # weights as readable as the rest
    history = made.lineage
    assert history is not None
    assert (history.method, history.seed, history.note, history.parent) == ("lora", 5, "first try", made.base)
    assert (history.steps, history.epochs, history.ended) == (17, 3.0, None)  # 44 rows three times over, 8 a step
    assert history.tokens and history.seconds and history.peak_bytes
    assert {"torch", "transformers", "trl", "peft", "bench"} <= history.versions.keys()
    assert len(history.loss) == 17 and history.loss[-1][1] < history.loss[0][1] - 1
    assert history.data[0]["name"] == "sums.jsonl" and history.data[0]["rows"] == 44
    assert [told.steps[n - 1].epoch for n in (6, 11, 17)] == pytest.approx([1.0588, 1.9412, 3.0], abs=1e-3)
    assert any(s.startswith("precision float32") for s in told.sentences)
    assert any("8 of 8 rows at once" in s for s in told.sentences)
    for epoch in (1, 2):
        earlier = lineage.read(tmp_path / f"sums-epoch-{epoch}")
        assert earlier is not None and (earlier.steps, earlier.epochs) == ((6, 11)[epoch - 1], float(epoch))
    assert not (tmp_path / "sums-epoch-3").exists(), "the last one is the checkpoint itself"
    assert not (tmp_path / ".sums.training").exists()

    again = Told()
    assert train(given, world, tmp_path / "sums", again).id == made.id
    assert again.steps == [] and any("trained already" in s for s in again.sentences)
    with pytest.raises(UserError, match="--again"):
        train(replace(given, seed=6), world, tmp_path / "sums", again)
    other = train(replace(given, seed=6, export=Export()), world, tmp_path / "sums", again, again=True)
    assert other.lineage is not None and other.lineage.seed == 6 and other.id != made.id


@pytest.mark.soak
def test_looks_and_epoch_checkpoints_leave_the_training_as_it_is(world: Path, tmp_path: Path) -> None:
    """The held-out rows are the same, only nobody looks at them."""
    given = recipe(method="lora", lora=Lora(dropout=0.3), watch=Watched(held_out=4, max_tokens=4, every=1000))
    seldom = train(given, world, tmp_path / "seldom", Told())
    often = replace(given, watch=replace(given.watch, every=2), export=Export(each_epoch=True))
    assert furthest(weights(seldom.path), weights(train(often, world, tmp_path / "often", Told()).path)) < 1e-6


@pytest.mark.parametrize("optimizer", ["muon", "adafactor"])
def test_all_weights_are_trained_by_each_optimiser(world: Path, tmp_path: Path, optimizer: Any) -> None:
    given = recipe(optim=replace(QUICK, optimizer=optimizer, learning_rate=1e-2 if optimizer == "muon" else 3e-3))
    told = Told()
    made = train(given, world, tmp_path / "out", told)
    assert made.kind == "full" and told.losses[-1] < told.losses[0] - 1.5
    before = weights(world / "parent")
    changed = [name for name, tensor in weights(made.path).items() if not tensor.equal(before[name])]
    assert len(changed) == len(before), "every tensor is trained"


def test_a_progressive_schedule_ends_with_its_own_field(world: Path, tmp_path: Path) -> None:
    sources = (Source(path="sums.jsonl"), Source(path="talk.jsonl", role="general"))
    told = Told()
    made = train(recipe(data=sources, mix=Mix(schedule="progressive")), world, tmp_path / "out", told)
    assert made.lineage is not None and made.lineage.steps == 14 and len(made.lineage.data) == 2
    tokens = [step.tokens for step in told.steps]
    assert tokens[1] > 0


def answered(world: Path, told: dict[str, str]) -> Callable[[Sequence[Row]], list[Row]]:
    return lambda rows: [
        replace(row, reply=told[row.messages[-1]["content"]]) for row in rows if row.messages[-1]["content"] in told
    ]


def test_what_a_teacher_answered_is_what_is_learnt(world: Path, tmp_path: Path) -> None:
    from trainers import data

    given = recipe(method="seqkd", teacher=Teacher(answers="answers.jsonl"))
    opened = parent.open_parent(given, world)
    told = {"1+1=?": "我想是2", "2+3=?": "我想是5"}
    found = data.prepare(given, world, opened.tokenizer, answered=answered(world, told))
    rows = [e for phase in found.phases for e in phase]
    assert sorted(e.row.reply for e in rows) == ["我想是2", "我想是5"]
    fit = fit_of(replace(given, optim=replace(QUICK, steps=40, batch=2)), world, tuple(rows), tmp_path / "work")
    from trainers import _answers, _fit_sft

    fitted = _fit_sft.fit(fit, parent.load(opened.checkpoint, bfloat16=False, device="cpu"))
    asked = _answers.Asking(fitted.model.eval(), opened.tokenizer, opened.stop_ids, 12)
    assert [r.text for r in asked.answer(rows)] == [e.row.reply for e in rows]


def test_a_file_of_a_teachers_answers_makes_a_pupil(world: Path, tmp_path: Path) -> None:
    told = [{"question": f"{a}+{b}=?", "answer": f"我想是{a + b}"} for a in range(6) for b in range(4)]
    write(tmp_path / "answers.jsonl", told)
    teacher = Teacher(answers=str(tmp_path / "answers.jsonl"), keep="all")
    made = train(recipe(method="seqkd", teacher=teacher, lora=Lora(r=4)), world, tmp_path / "out", Told())
    history = made.lineage
    assert history is not None and made.kind == "adapter" and history.method == "seqkd" and history.teacher
    questions, answers = history.data
    assert (questions["name"], questions["rows"]) == ("sums.jsonl", 24)
    assert answers["role"] == "teacher" and answers["rows"] == 24
    assert history.steps == 6


def divergence(model: Any, teacher: Any, rows: Sequence[Example]) -> float:
    """Mean KL of the teacher's next tokens to the model's, over the tokens that there are."""
    import torch

    found = []
    for example in rows:
        with torch.no_grad():
            ids = torch.tensor([example.ids])
            ours, theirs = (
                m(input_ids=ids).logits[0, example.prompt - 1 :, :WORDS].log_softmax(-1) for m in (model, teacher)
            )
        found.append(float((theirs.exp() * (theirs - ours)).sum(-1).mean()))
    return sum(found) / len(found)


@pytest.mark.parametrize("rows", [704, pytest.param(560, marks=pytest.mark.soak)])
def test_a_teacher_with_another_width_of_embedding_teaches_its_probabilities(
    world: Path, tmp_path: Path, make_checkpoint: Callable[..., Path], rows: int
) -> None:
    """704 rows against the parent's 576, and fewer; the tokenizer has less than either."""
    teacher = make_checkpoint(f"wide-{rows}", seed=3, hidden_size=96, num_attention_heads=3, vocab_size=rows)
    given = recipe(
        method="logitkd", teacher=Teacher(model=str(teacher)), distil=Distil(beta=0.0),
        optim=replace(QUICK, learning_rate=1e-2, steps=12),
    )  # fmt: skip
    made = train(given, world, tmp_path / "out", Told())
    history = made.lineage
    assert history is not None and history.teacher == read.read(teacher).id
    from tinies import reference

    (model, tokenizer), (master, _), (start, _) = (reference(p) for p in (tmp_path / "out", teacher, world / "parent"))
    some = examples(tokenizer)[:3]
    before, after = divergence(start, master, some), divergence(model, master, some)
    assert after < before * 0.9
    assert history.loss[-1][1] < history.loss[0][1]


@pytest.mark.soak
def test_the_temperature_of_a_distillation_reaches_its_loss(world: Path, tmp_path: Path, tiny_other: Path) -> None:
    losses = []
    for temperature in (1.0, 4.0):
        told = Told()
        given = recipe(
            method="logitkd", lora=Lora(r=2), teacher=Teacher(model=str(tiny_other)), optim=replace(QUICK, steps=1),
            distil=Distil(temperature=temperature),
        )  # fmt: skip
        train(given, world, tmp_path / str(temperature), told)
        losses.append(told.losses[0])
    assert losses[1] < losses[0] / 2


GROUPS = Grpo(rewards=("number",), generations=4, max_tokens=5)


def test_the_scorers_of_the_board_are_the_rewards(world: Path, tmp_path: Path) -> None:
    told = Told()
    given = recipe(method="grpo", lora=Lora(r=4), grpo=GROUPS, optim=replace(QUICK, steps=2, batch=8))
    made = train(given, world, tmp_path / "out", told)
    assert made.lineage is not None and made.lineage.trained_on == ("number",)
    assert made.kind == "adapter" and made.lineage.steps == 2
    extra = told.steps[-1].extra or {}
    assert 0.0 <= extra["rewards/number/mean"] <= 1.0 and extra["completions/mean_length"] <= 5


def test_answers_are_asked_for_by_exactly_our_ids(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> None:
    """A tokenizer that puts a token of its own before every text would put it there a second time."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    from trainers import _fit_grpo

    folder = make_checkpoint("begins", architecture="Llama")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    mark = ("<|im_start|>", tokenizer.convert_tokens_to_ids("<|im_start|>"))
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<|im_start|> $A", special_tokens=[mark])
    tokenizer.save_pretrained(folder)
    assert AutoTokenizer.from_pretrained(folder)("a")["input_ids"][0] == mark[1]
    given = recipe(
        parent=str(folder), method="grpo", grpo=replace(GROUPS, generations=2), optim=replace(QUICK, steps=1, batch=4)
    )
    opened = parent.open_parent(given, tmp_path)
    rows = tuple(
        replace(e, ids=e.ids[: e.prompt], row=replace(e.row, sample=Sample(str(n), n, "?", target="3")))
        for n, e in enumerate(examples(opened.tokenizer)[:2])
    )
    fit = fit_of(given, tmp_path, rows, tmp_path / "work")
    fit = replace(fit, course=_fit_course.course([2], given.optim, 0, 2))
    model = parent.load(opened.checkpoint, bfloat16=False, device="cpu")
    seen: list[dict[str, Any]] = []
    model.register_forward_pre_hook(lambda module, a, named: seen.append(dict(named)), with_kwargs=True)
    _fit_grpo.fit(fit, model)
    asked = [
        [int(i) for i, keep in zip(ids, mask, strict=True) if keep]
        for ids, mask in zip(seen[0]["input_ids"], seen[0]["attention_mask"], strict=True)
    ]
    assert asked == [list(rows[i].ids) for i in fit.course.rows for _ in range(2)]


def test_groups_without_a_difference_end_a_training(world: Path, tmp_path: Path) -> None:
    """A random model is always wrong, and never stops: 8 questions a step, so 64 groups are 8 steps."""
    given = recipe(
        method="grpo", grpo=replace(GROUPS, generations=2, max_tokens=2), optim=replace(QUICK, steps=20, batch=16)
    )
    made = train(given, world, tmp_path / "out", Told())
    assert made.lineage is not None and made.lineage.steps == 8
    assert "nothing to learn" in str(made.lineage.ended) or "ran into the limit" in str(made.lineage.ended)


def test_a_training_that_changes_no_weight_says_so(world: Path, tmp_path: Path) -> None:
    told = Told()
    given = recipe(optim=replace(QUICK, steps=1, learning_rate=0.0))
    assert train(given, world, tmp_path / "out", told).id == read.read(world / "parent").id
    assert any("nothing was learnt" in s for s in told.sentences)


def test_what_can_not_be_rewarded_is_refused(world: Path, tmp_path: Path) -> None:
    given = recipe(method="grpo", grpo=replace(GROUPS, generations=3))
    with pytest.raises(UserError, match=r"no multiple of grpo.generations 3"):
        train(given, world, tmp_path / "out", Told())
    with pytest.raises(UserError, match="no scorer 'numbr'; nearest: number"):
        train(replace(given, grpo=replace(GROUPS, rewards=("numbr",))), world, tmp_path / "out", Told())
    with pytest.raises(UserError, match="2 numbers for 1 rewards"):
        train(replace(given, grpo=replace(GROUPS, weights=(1.0, 2.0))), world, tmp_path / "out", Told())


def test_an_answer_without_a_verdict_is_worth_nothing_and_an_order_is_kept() -> None:
    right, open_ = Sample("a", 0, "1+1=?", target="2"), Sample("b", 1, "how?", target=None)
    asked = [
        ("number", open_, Response("0", "", 0, text="2")),
        ("number", right, Response("1", "", 0, text="答案：2")),
        ("number", right, Response("2", "", 0, text="答案：3")),
        ("number", replace(right, target="4"), Response("3", "", 0, text=r"\boxed{\sqrt{16}}")),
        ("number", right, Response("4", "", 0, text=r"\boxed{9^{9^{9^{9^{9}}}}}")),
    ]
    assert rewards.graded(asked) == [0.0, 1.0, 0.0, 1.0, 0.0]


# -- when it goes wrong -------------------------------------------------------------------------------------


class Spoils(Told):
    """Puts a NaN into the weights once a step is reached, as a gradient that overflows does."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.model: Any = None

    def step(self, step: Step) -> None:
        super().step(step)
        if step.step == self.at:
            import gc

            import torch
            from transformers import Qwen2ForCausalLM

            for found in gc.get_objects():
                if isinstance(found, Qwen2ForCausalLM):
                    with torch.no_grad():
                        found.lm_head.weight.fill_(float("nan"))


def test_a_loss_that_is_no_number_leaves_the_last_good_weights(world: Path, tmp_path: Path) -> None:
    import torch

    given = recipe(optim=replace(QUICK, steps=20))
    made = train(given, world, tmp_path / "out", Spoils(13))
    assert made.lineage is not None and made.lineage.ended is not None
    assert "no number" in made.lineage.ended and f"of step {made.lineage.steps}" in made.lineage.ended
    assert 8 <= (made.lineage.steps or 0) <= 13
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights(made.path).values())


def test_a_loss_that_is_no_number_from_the_start_leaves_nothing(world: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lower optim.learning_rate"):
        train(recipe(optim=replace(QUICK, steps=20)), world, tmp_path / "out", Spoils(1))
    assert not (tmp_path / "out").exists()


def test_memory_that_is_too_small_is_told_with_what_to_set(world: Path, tmp_path: Path) -> None:
    """Thrown by the training itself; a card of its own is not needed for that."""
    import torch

    class Full(Told):
        def step(self, step: Step) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match=r"8 rows of up to \d+ tokens at once; set optim.per_device = 4 \(") as found:
        train(recipe(optim=replace(QUICK, steps=1)), world, tmp_path / "out", Full())
    assert "gradient_checkpointing = true" in str(found.value) and "quantise" not in str(found.value)


def test_rows_beyond_the_parents_window_are_refused_before_training(
    world: Path, tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    short = make_checkpoint("short", max_position_embeddings=25)
    with pytest.raises(UserError, match=r"the longest has \d+; set clean.max_tokens = 25"):
        train(recipe(parent=str(short)), world, tmp_path / "out", Told())
    train(
        recipe(parent=str(short), clean=Clean(max_tokens=25, max_dropped=1.0), optim=replace(QUICK, steps=1)),
        world,
        tmp_path / "out",
        Told(),
    )


def test_one_process_trains_at_a_time(world: Path, tmp_path: Path) -> None:
    work = _training_state.folder(tmp_path / "out")
    other = Lineage(recipe_sha="a", seed=0, parent="p")
    with _training_state.alone(work, other, False), pytest.raises(UserError, match="another process is training out"):
        train(recipe(), world, tmp_path / "out", Told())
    (work / "checkpoint-10").mkdir()
    with pytest.raises(UserError, match="unfinished training by another recipe"):
        train(recipe(), world, tmp_path / "out", Told())
    train(recipe(optim=replace(QUICK, steps=1)), world, tmp_path / "out", Told(), again=True)


def test_something_else_in_the_place_of_a_checkpoint_is_left_alone(world: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        train(recipe(), world, tmp_path / "out", Told())
    told = Told()
    with pytest.raises(UserError, match="something else"):
        train(recipe(), world, tmp_path / "out", told, again=True)
    assert told.steps == [], "hours of training come after that look"
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_what_could_not_be_written_at_the_end_is_not_trained_twice(world: Path, tmp_path: Path) -> None:
    class Intrudes(Told):
        def step(self, step: Step) -> None:
            (tmp_path / "out").mkdir(exist_ok=True)
            (tmp_path / "out" / "thesis.txt").write_text("mine")

    given = recipe(optim=replace(QUICK, steps=2))
    with pytest.raises(UserError, match="something else"):
        train(given, world, tmp_path / "out", Intrudes())
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    told = Told()
    made = train(given, world, tmp_path / "out", told)
    assert told.steps == [] and made.lineage is not None and len(made.lineage.loss) == 2


def test_exam_questions_among_the_trained_rows_are_told_and_kept(world: Path, tmp_path: Path) -> None:
    asked = "小明有三个苹果，又买了五个，后来吃掉两个，请问现在一共还有几个苹果？"
    write(tmp_path / "leak.jsonl", [{"instruction": asked, "output": "6"}, {"instruction": "1+1=?", "output": "2"}])
    exam = Exam(
        "e",
        "k",
        Task("fruit"),
        (Sample("q1", 0, asked, target="6"), Sample("q2", 1, "火车从北京开到上海需要几个小时才能到达呢？")),
    )
    kept: list[Any] = []
    told = Told()
    given = recipe(data=(Source(path=str(tmp_path / "leak.jsonl")),), optim=replace(QUICK, steps=1, batch=2))
    made = train(given, world, tmp_path / "out", told, exams=(exam,), keep=kept.append)
    assert made.lineage is not None
    assert made.lineage.data[0]["overlap"] == {"fruit": {"exact": 1, "near": 0, "partial": 0}}
    assert any("1 of fruit word for word" in s for s in told.sentences)
    assert [(check.sha, check.rows) for check in kept] == [(made.lineage.data[0]["trained_sha"], 2)]


def test_what_a_few_rows_hold_is_not_told_of_a_training_on_others(world: Path, tmp_path: Path) -> None:
    asked = [f"小明有{n}个苹果，又买了五个，后来吃掉两个，请问现在一共还有几个苹果？" for n in "三四六七八九"]
    write(tmp_path / "leak.jsonl", [{"instruction": one, "output": "6"} for one in asked])
    exam = Exam("e", "k", Task("fruit"), tuple(Sample(f"q{i}", i, one, target="6") for i, one in enumerate(asked)))
    trained = {}
    with open_store(tmp_path / "bench.db") as store:
        for limit in (6, 1):
            source = Source(path=str(tmp_path / "leak.jsonl"), limit=limit)
            given = recipe(data=(source,), optim=replace(QUICK, steps=1, batch=1))
            trained[limit] = train(
                given, world, tmp_path / str(limit), Told(), exams=(exam,), keep=lambda check: keep(store, check)
            )
        seen = {n: Overlapping(store).of(checkpoint, exam) for n, checkpoint in trained.items()}
    assert seen[6] is not None and seen[1] is not None
    assert (seen[6].exact, seen[1].exact) == (6, 1)


# -- going on after a kill ----------------------------------------------------------------------------------

RUN = """
    import sys
    from pathlib import Path
    from tests_of_fit import Told, killed_recipe
    from trainers.train import train

    class Loud(Told):
        def step(self, step):
            print(step.step, flush=True)

    train(killed_recipe(sys.argv[3]), Path(sys.argv[1]), Path(sys.argv[2]), Loud())
"""


def killed_recipe(kind: str = "adamw") -> Recipe:
    """Of thirty steps, with chance in each of them."""
    given = recipe(
        method="lora", lora=Lora(r=4, dropout=0.2), optim=replace(QUICK, steps=30), watch=Watched(held_out=4, max_tokens=4),
        seed=3,
    )  # fmt: skip
    if kind == "grpo":
        scored = Source(path="golds.jsonl", format="question")
        return replace(given, method="grpo", grpo=replace(GROUPS, max_tokens=8), parent="guesser", data=(scored,))
    if kind == "logitkd":
        return replace(given, method="logitkd", teacher=Teacher(model="guesser"), distil=Distil(lmbda=0.5))
    return replace(given, optim=replace(given.optim, optimizer=kind))  # type: ignore[arg-type]


def kill_at(step: int, world: Path, out: Path, kind: str = "adamw") -> None:
    """The real training in a process of its own, ended by SIGKILL once it has told of this step."""
    script = out.parent / "run.py"
    script.write_text(textwrap.dedent(RUN), "utf-8")
    (out.parent / "tests_of_fit.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
    root = Path(__file__).resolve().parents[1]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join((str(root), str(root / "tests")))}
    command = [sys.executable, str(script), str(world), str(out), kind]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().isdigit() and int(line) >= step:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL


def test_a_killed_training_goes_on_and_ends_in_the_same_weights(world: Path, tmp_path: Path) -> None:
    whole = train(killed_recipe(), world, tmp_path / "whole", Told())
    kill_at(17, world, tmp_path / "killed")
    assert (tmp_path / ".killed.training").is_dir() and not (tmp_path / "killed").exists()
    told = Told()
    made = train(killed_recipe(), world, tmp_path / "killed", told)
    assert any("going on behind step 15 of 30" in s for s in told.sentences)
    assert any("8 rows at once, as before it was stopped" in s for s in told.sentences)
    assert [step.step for step in told.steps] == list(range(16, 31))
    assert furthest(weights(whole.path), weights(made.path)) < 1e-5
    assert made.lineage is not None and whole.lineage is not None
    assert [step for step, _ in made.lineage.loss] == list(range(1, 31))
    assert made.lineage.tokens == whole.lineage.tokens
    assert [look.get("step") for look in made.lineage.looks] == [look.get("step") for look in whole.lineage.looks]
    assert not (tmp_path / ".killed.training").exists()


def test_a_step_to_go_on_from_that_was_not_written_whole_is_passed_over(tmp_path: Path) -> None:
    from trainers._fit_run import checkpoints

    for step, state in ((5, '{"global_step": 5}'), (10, '{"global_step": 10}'), (15, '{"global_st'), (20, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-notes").mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-10", "checkpoint-5"]


def test_muon_goes_on_from_what_it_stored() -> None:
    """Two optimisers that a trainer sees as one, with one schedule over both."""
    import torch

    from trainers.muon import with_adamw

    def world_() -> tuple[Any, Any, Any]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Linear(4, 6))
        optimizer = with_adamw(model, 0.02)
        return model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))

    def steps(model: Any, optimizer: Any, schedule: Any, first: int, last: int) -> None:
        for step in range(first, last):
            torch.manual_seed(step)
            model(torch.randn(8, 6)).pow(2).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()

    model, optimizer, schedule = world_()
    steps(model, optimizer, schedule, 0, 3)
    stored = copy.deepcopy((model.state_dict(), optimizer.state_dict(), schedule.state_dict()))
    assert sorted({group["lr"] for group in optimizer.param_groups}) == pytest.approx([0.004 / 4, 0.02 / 4])
    steps(model, optimizer, schedule, 3, 6)
    other, again, later = world_()
    for one, state in zip((other, again, later), stored, strict=True):
        one.load_state_dict(state)
    steps(other, again, later, 3, 6)
    assert furthest(model.state_dict(), other.state_dict()) < 1e-7


# -- longer runs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guesser(world: Path) -> Checkpoint:
    """Knows that an answer is a digit below five, and not which."""
    rows = [{"instruction": f"{n}+{3 - n}=?", "output": f"{digit}"} for n in range(4) for digit in range(5)]
    write(world / "guesses.jsonl", rows)
    given = recipe(
        data=(Source(path="guesses.jsonl"),), clean=Clean(deduplicate=False), optim=replace(QUICK, epochs=15), name="guesser",
    )  # fmt: skip
    write(world / "golds.jsonl", [{"question": f"{n}+{3 - n}=?", "answer": "3"} for n in range(4)])
    return train(given, world, world / "guesser", Told())


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["muon", "adafactor", "logitkd", "grpo"])
def test_every_way_goes_on_after_a_kill(world: Path, tmp_path: Path, guesser: Checkpoint, kind: str) -> None:
    whole = train(killed_recipe(kind), world, tmp_path / "whole", Told())
    kill_at(17, world, tmp_path / "killed", kind)
    told = Told()
    made = train(killed_recipe(kind), world, tmp_path / "killed", told)
    assert told.steps[0].step == 16
    assert furthest(weights(whole.path), weights(made.path)) < 1e-5
    assert furthest(weights(whole.path), {n: t * 0 for n, t in weights(whole.path).items()}) > 1e-3


@pytest.mark.soak
@pytest.mark.parametrize("lora", [None, Lora(r=16, alpha=32, dropout=0.0)])
def test_grpo_moves_a_guesser_towards_what_is_rewarded(
    world: Path, tmp_path: Path, guesser: Checkpoint, lora: Lora | None
) -> None:
    """With a term that holds it near its parent, and as an adapter without."""
    given = recipe(
        parent=str(guesser.path), method="grpo", lora=lora, data=(Source(path="golds.jsonl", format="question"),),
        grpo=Grpo(rewards=("number",), generations=8, max_tokens=4, beta=0.02 if lora is None else 0.0),
        optim=Optim(learning_rate=5e-3 if lora else 3e-4, steps=40, batch=32, warmup=0.0, schedule="constant"),
    )  # fmt: skip
    told = Told()
    made = train(given, world, tmp_path / "out", told)
    reward = [(step.extra or {})["reward"] for step in told.steps]
    assert sum(reward[:3]) / 3 < 0.5
    assert sum(reward[-5:]) / 5 > 0.85, reward
    assert made.lineage is not None and made.lineage.trained_on == ("number",)


@pytest.mark.soak
def test_a_pupil_that_writes_itself_learns_from_its_teacher(world: Path, tmp_path: Path, tiny_other: Path) -> None:
    given = recipe(
        method="logitkd", teacher=Teacher(model=str(tiny_other)), distil=Distil(lmbda=1.0, beta=0.5),
        optim=replace(QUICK, learning_rate=1e-2, steps=60),
    )  # fmt: skip
    told = Told()
    train(given, world, tmp_path / "out", told)
    assert sum(told.losses[-5:]) < 0.7 * sum(told.losses[:5])
