"""What a training leaves: folders that the doctor, the reader and the engines take, with drift, stop ids and history."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from train_bench import Heard, Parent, model_of, parent_of, recipe, sums, train, weights_of

from harness.checkpoints import doctor, lineage, read
from harness.errors import UserError
from harness.records import Checkpoint, Lineage, Prompt, Request, Settings
from trainers import _export_files, export
from trainers.callbacks import callback
from trainers.recipe import Export, Lora, Optim, Watched

HISTORY = Lineage(method="lora", recipe={"method": "lora"}, recipe_sha="0" * 16, seed=0, steps=6)
UNMEASURED = {"dtype": "bfloat16", "kl_nats": None, "argmax_changed": None, "probes": 0, "positions": 0}
FULL = replace(HISTORY, method="full")
TEXTS = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@pytest.fixture(scope="module")
def bases(make_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parent]:
    """In one folder, as people keep them: float32 untied, and bfloat16 tied."""
    import torch
    from transformers import AutoModelForCausalLM

    root = tmp_path_factory.mktemp("models")
    shutil.copytree(make_checkpoint("plain", vocabulary=400), root / "plain")
    tied = make_checkpoint("tied", vocabulary=400, tie_word_embeddings=True, seed=3)
    shutil.copytree(tied, root / "tied")
    AutoModelForCausalLM.from_pretrained(tied, dtype=torch.bfloat16).save_pretrained(root / "tied")
    return {name: parent_of(root / name) for name in ("plain", "tied")}


@pytest.fixture(scope="module")
def trained(bases: dict[str, Parent], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An adapter that really changes its base, on each of them."""
    work = tmp_path_factory.mktemp("work")
    found = {}
    for name, parent in bases.items():
        model = model_of(parent.folder, lora=True)
        train(model, sums(parent, range(8)), work, max_steps=12, learning_rate=2e-2)
        found[name] = model
    return found


def sound(folder: Path) -> Checkpoint:
    """Read back, with nothing for the doctor to say."""
    checkpoint = read.read(folder)
    assert doctor.examine(checkpoint, deep=True) == []
    assert lineage.problem(folder) is None
    return checkpoint


def answers(engine: Any, checkpoint: str) -> list[tuple[str, int | None]]:
    questions = [(str(i), f"{i} + 1 = ?") for i in range(5)]
    asked = [
        Request("r", checkpoint, name, 0, Prompt(name, messages=(("user", text),)), Settings(max_tokens=16, chat=True))
        for name, text in questions
    ]
    return sorted((r.sample, r.text, r.output_tokens) for r in engine.answer(asked))


# -- adapters ---------------------------------------------------------------------------------------------------


def test_an_adapter_is_found_by_its_reader_wherever_base_and_adapter_move(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path
) -> None:
    parent = bases["plain"]
    root = tmp_path / "here"
    shutil.copytree(parent.folder, root / "models" / "plain")
    near = parent_of(root / "models" / "plain")
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "loss": 2.0}\n')
    out = root / "train" / "medical"
    assert export.write(trained["plain"], near, recipe(near), out, HISTORY, log=log) == [out]
    made = sound(out)
    assert (made.kind, made.base, made.lineage and made.lineage.parent) == (
        "adapter",
        near.checkpoint.id,
        near.checkpoint.id,
    )
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "../../models/plain"
    assert (out / "training_log.jsonl").read_text() == log.read_text()
    assert sorted(p.name for p in out.parent.iterdir()) == ["medical"]  # nothing else is left lying there
    for name in TEXTS:
        assert (out / name).read_bytes() == (parent.folder / name).read_bytes()
    shutil.move(root, tmp_path / "there")
    assert sound(tmp_path / "there" / "train" / "medical").id == made.id


def test_two_saves_of_one_adapter_are_one_checkpoint(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path
) -> None:
    parent = bases["plain"]
    for name in ("a", "b"):
        export.write(trained["plain"], parent, recipe(parent), tmp_path / name, HISTORY)
    one, other = read.read(tmp_path / "a"), read.read(tmp_path / "b")
    assert one.id == other.id
    assert (tmp_path / "a" / "adapter_config.json").read_bytes() == (
        tmp_path / "b" / "adapter_config.json"
    ).read_bytes()


def test_how_a_base_is_named(tmp_path: Path) -> None:
    def named(base: Path, out: Path) -> tuple[str, str | None]:
        return _export_files.base_of(Checkpoint("x", "x", "full", str(base)), out)

    assert named(tmp_path / "a/base", tmp_path / "b/c/out") == ("../../../a/base", None)
    far = tmp_path / "1/2/3/4/5/6/out"
    assert named(tmp_path / "base", far) == (str(tmp_path / "base"), None)
    cached = tmp_path / "hub/models--Qwen--Qwen2.5-0.5B/snapshots/060db6499f32faf8b98477b0a26969ef7d8b9987"
    assert named(cached, tmp_path / "out") == ("Qwen/Qwen2.5-0.5B", cached.name)


def test_an_adapter_on_another_base_is_refused(
    bases: dict[str, Parent], trained: dict[str, Any], make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "adapter"
    export.write(trained["plain"], bases["plain"], recipe(bases["plain"]), out, HISTORY)

    def refused(base: Path) -> str:
        found = [f.what for f in doctor.examine(read.read(out, base=base)) if f.level == "refuse"]
        return "; ".join(found)

    llama = make_checkpoint("llama", vocabulary=400, architecture="Llama")  # its modules have the very same names
    shallow = make_checkpoint("shallow", vocabulary=400, num_hidden_layers=1)
    wide = make_checkpoint("wide", vocabulary=400, intermediate_size=192)
    other = make_checkpoint("neox", vocabulary=400, architecture="GPTNeoX")
    assert refused(bases["plain"].folder) == ""
    for base in (llama, shallow, wide, other):
        assert "the adapter was trained on another base" in refused(base)
    (out / lineage.FILE).unlink()  # as of another trainer, which tells no fingerprint of its base
    assert "modules of the adapter are not in the base" in refused(shallow)
    assert "the adapter's shapes are not the base's" in refused(wide)
    assert "modules of the adapter are not in the base" in refused(other)


# -- merged -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "dtype"), [("plain", "float32"), ("plain", "bfloat16"), ("tied", "float32")])
def test_merged_weights_answer_as_their_adapter_and_drift_is_told(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path, start: Callable[..., Any], base: str, dtype: str
) -> None:
    parent, probes = bases[base], sums(bases[base], range(20, 30))
    out = tmp_path / "medical"
    asked = recipe(parent, export=Export(merge=True, dtype=dtype))
    before = weights_of(trained[base])
    assert export.folders(asked, out) == [out, tmp_path / "medical-merged"]
    assert export.write(trained[base], parent, asked, out, HISTORY, held_out=probes) == export.folders(asked, out)
    adapter, merged = sound(out), sound(tmp_path / "medical-merged")
    assert (merged.kind, merged.dtype, merged.base) == ("merged", dtype, None)
    assert merged.lineage is not None and adapter.lineage is not None
    assert merged.lineage.parent == parent.checkpoint.id and merged.lineage.merge == adapter.lineage.merge
    assert merged.parameters == parent.checkpoint.parameters  # a tied head is not stored twice
    drift = merged.lineage.merge or {}
    assert (drift["dtype"], drift["probes"], drift["positions"]) == (dtype, 10, sum(len(e.ids) for e in probes))
    if dtype == "float32":
        assert drift["kl_nats"] < 1e-6 and drift["argmax_changed"] == 0.0
        engine = start(replace(adapter, id="a"), replace(merged, id="m"), dtype="float32")
        said = answers(engine, "m")
        assert said == answers(engine, "a") and len({text for _, text, _ in said}) > 1
    else:
        assert 1e-7 < drift["kl_nats"] < 0.05 and 0.0 <= drift["argmax_changed"] < 0.2
    own, theirs = (json.loads((f / "config.json").read_text()) for f in (tmp_path / "medical-merged", parent.folder))
    assert {k for k in own if own[k] != theirs[k]} == ({"dtype"} if dtype != parent.checkpoint.dtype else set())
    for name in TEXTS:
        assert (tmp_path / "medical-merged" / name).read_bytes() == (parent.folder / name).read_bytes()
    import torch

    assert all(torch.equal(t, before[name]) for name, t in weights_of(trained[base]).items())


def test_without_a_dtype_merged_weights_have_the_parents_and_are_merged_however_they_were_taught(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path
) -> None:
    asked = recipe(bases["tied"], "seqkd", lora=Lora(r=4), export=Export(merge=True))
    history = replace(HISTORY, method="seqkd")
    adapter, merged = export.write(trained["tied"], bases["tied"], asked, tmp_path / "x", history)
    made = sound(merged)
    assert (sound(adapter).kind, made.kind, made.dtype) == ("adapter", "merged", "bfloat16")
    assert made.lineage is not None and made.lineage.merge == UNMEASURED


def test_an_adapter_is_merged_later_as_it_would_have_been_at_once(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path
) -> None:
    parent, probes = bases["plain"], sums(bases["plain"], range(3))
    asked = recipe(parent, export=Export(merge=True, dtype="bfloat16"))
    at_once = export.write(trained["plain"], parent, asked, tmp_path / "now", HISTORY, held_out=probes)
    later = export.write(trained["plain"], parent, recipe(parent), tmp_path / "later", HISTORY)
    assert export.merge(later[0], parent, asked, held_out=probes) == tmp_path / "later-merged"
    one, other = sound(at_once[1]), sound(tmp_path / "later-merged")
    assert one.id == other.id and one.lineage == other.lineage
    assert read.read(later[0]).lineage == one.lineage


# -- full weights -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "dtype"), [("plain", "float32"), ("tied", "auto")])
def test_full_weights_are_stored_as_asked(
    bases: dict[str, Parent], tmp_path: Path, start: Callable[..., Any], base: str, dtype: str
) -> None:
    import torch

    parent = bases[base]
    model = model_of(parent.folder)
    train(model, sums(parent, range(8)), tmp_path / "work", max_steps=6)
    model.generation_config.temperature = 0.3  # without do_sample transformers refuses to save it
    before, out = weights_of(model), tmp_path / "full"
    asked = recipe(parent, "full", export=Export(dtype=dtype))
    assert export.write(model, parent, asked, out, FULL, held_out=sums(parent, range(30, 34))) == [out]
    made = sound(out)
    assert (made.kind, made.dtype) == ("full", parent.checkpoint.dtype)
    assert made.lineage is not None and made.lineage.parent == parent.checkpoint.id
    assert made.parameters == parent.checkpoint.parameters  # a tied head is not stored twice
    assert all(torch.equal(t, before[name]) for name, t in weights_of(model).items()) and model.dtype == torch.float32
    assert model.generation_config.temperature == 0.3
    stored = [look for look in made.lineage.looks if look.get("kind") == "stored"]
    assert made.lineage.merge is None and len(stored) == (base == "tied")
    if base == "plain":  # nothing was rounded
        again = weights_of(model_of(out))
        assert all(torch.equal(t, again[name]) for name, t in before.items())
    else:
        assert 0 < stored[0]["kl_nats"] < 0.05 and stored[0]["probes"] == 4
    assert answers(start(replace(made, id="f")), "f")


# -- texts around the weights -----------------------------------------------------------------------------------


def test_a_child_stops_where_its_template_ends_an_answer(
    tmp_path: Path, bases: dict[str, Parent], trained: dict[str, Any]
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(bases["plain"].folder, folder)
    for name, change in (("config.json", {"eos_token_id": 0}), ("generation_config.json", {"eos_token_id": 0, "repetition_penalty": 1.1}),
                         ("tokenizer_config.json", {"eos_token": "<|endoftext|>"})):  # fmt: skip
        content = json.loads((folder / name).read_text()) if (folder / name).is_file() else {}
        (folder / name).write_text(json.dumps(content | change))
    parent = parent_of(folder)
    assert parent.checkpoint.stop_ids == (0,) and export.stop_ids(parent) == (0, 2)
    asked = recipe(parent, export=Export(merge=True))
    out, merged = export.write(trained["plain"], parent, asked, tmp_path / "out", HISTORY)
    for made in (read.read(out), read.read(merged)):
        assert made.stop_ids == (0, 2) and made.lineage is not None
        assert made.lineage.stop_ids == {"before": [0], "after": [0, 2]}
        assert not [f for f in doctor.examine(made) if "ends an answer" in f.what]
        generation = json.loads((Path(made.path or "") / "generation_config.json").read_text())
        assert generation["eos_token_id"] == [0, 2] and generation["repetition_penalty"] == 1.1


def test_a_template_of_the_recipe_goes_with_the_checkpoint(
    tmp_path: Path, bases: dict[str, Parent], trained: dict[str, Any]
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(bases["plain"].folder, folder)
    text = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    parent = parent_of(folder)
    assert parent.template_text is None
    parent.template_text = text + "{# of the recipe #}"
    out = export.write(trained["plain"], parent, recipe(parent), tmp_path / "out", HISTORY)[0]
    assert (out / "chat_template.jinja").read_text() == parent.template_text
    assert sound(out).parts["template"] != parent.checkpoint.parts.get("template")


# -- whole or not at all ----------------------------------------------------------------------------------------


def test_weights_that_the_doctor_refuses_replace_nothing(bases: dict[str, Parent], tmp_path: Path) -> None:
    import torch

    parent, out = bases["plain"], tmp_path / "full"
    model = model_of(parent.folder)
    asked = recipe(parent, "full")
    export.write(model, parent, asked, out, FULL)
    former = read.read(out).id
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = math.nan
    with pytest.raises(UserError, match=r"full was not written, since bench run would refuse it: the weights hold NaN"):
        export.write(model, parent, asked, out, FULL)
    assert [p.name for p in tmp_path.iterdir()] == ["full"] and read.read(out).id == former
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = 5.0
    export.write(model, parent, asked, out, FULL)
    assert [p.name for p in tmp_path.iterdir()] == ["full"] and read.read(out).id != former


def test_a_folder_of_something_else_is_never_replaced(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("…")
    with pytest.raises(UserError, match="holds something else than a trained checkpoint"):
        export.write(trained["plain"], bases["plain"], recipe(bases["plain"]), tmp_path / "thesis", HISTORY)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "…"


def test_a_place_that_cannot_be_written_is_told(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"medical can't be written: Not a directory; free some space, or choose another"
    ):
        export.write(trained["plain"], bases["plain"], recipe(bases["plain"]), tmp_path / "file" / "medical", HISTORY)


def test_an_epochs_checkpoint_does_not_disturb_the_training(bases: dict[str, Parent], tmp_path: Path) -> None:
    import torch
    from transformers import TrainerCallback

    parent = bases["tied"]
    asked = recipe(parent, export=Export(merge=True))

    class Epochs(TrainerCallback):  # type: ignore[misc]
        def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            export.write(model, parent, asked, tmp_path / f"x-epoch-{round(state.epoch)}", HISTORY)

    ends = []
    for callbacks in ([], [Epochs()]):
        model = model_of(parent.folder, lora=True, dropout=0.3)
        train(model, sums(parent, range(8)), tmp_path / "work", callbacks, max_steps=4)
        ends.append(weights_of(model))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    made = [sound(tmp_path / name) for name in ("x-epoch-1", "x-epoch-2", "x-epoch-1-merged", "x-epoch-2-merged")]
    assert len({checkpoint.id for checkpoint in made}) == 4


# -- space ------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sets how much of every disk is free."""
    yield lambda free: monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))


def test_space_is_counted_before_the_training(
    bases: dict[str, Parent], trained: dict[str, Any], tmp_path: Path, disk: Callable[[int], None]
) -> None:
    from trainers import _export_space

    parent = bases["plain"]
    asked = recipe(parent, lora=Lora(r=4), export=Export(merge=True, dtype="bfloat16"))
    out, merged = export.write(trained["plain"], parent, asked, tmp_path / "out", HISTORY)
    parts = _export_space.needed(asked, parent.checkpoint, dtype="bfloat16")
    stored = {"the adapter": out / "adapter_model.safetensors", "merged weights": merged / "model.safetensors"}
    for what, file in stored.items():
        assert parts[what] == pytest.approx(file.stat().st_size, rel=0.1)
    needed = export.check_space(asked, parent, tmp_path / "not" / "there" / "yet")
    assert needed > sum(parts.values()) > 0
    disk(needed)
    assert export.check_space(asked, parent, tmp_path / "new") == needed
    disk(needed - 1)
    with pytest.raises(UserError) as error:
        export.check_space(asked, parent, tmp_path / "new")
    text = str(error.value)
    assert (
        "MB free and this training needs about" in text
        and "for merged weights" in text
        and "export.merge = false" in text
    )
    each = replace(asked, export=replace(asked.export, each_epoch=True), optim=Optim(epochs=3.0))
    assert export.check_space(replace(asked, export=Export()), parent, tmp_path / "new") < needed - 1
    disk(1 << 40)
    assert export.check_space(each, parent, tmp_path / "new") > needed
    full = recipe(parent, "full", export=Export(merge=True))
    assert export.check_space(full, parent, tmp_path) > 12 * (parent.checkpoint.parameters or 0)


def test_a_watched_training_tells_its_lineage_and_ends_as_a_checkpoint(
    bases: dict[str, Parent], tmp_path: Path
) -> None:
    """The pieces together, as a training uses them."""
    from trainers.looking import Looker
    from trainers.watch import table

    parent, heard, work = bases["plain"], Heard(), tmp_path / ".medical.training"
    rows = sums(parent, range(12))
    plan = Watched(every=2, max_tokens=12)
    asked = callback(
        heard, Looker(rows[:4], parent.tokenizer, plan, stop_ids=export.stop_ids(parent)), plan, folder=work
    )
    model = model_of(parent.folder, lora=True)
    train(model, rows[4:], work, [asked], max_steps=4)
    history = replace(
        HISTORY, steps=asked.steps, tokens=asked.tokens, seconds=asked.seconds, loss=lineage.thin(asked.loss),
        looks=tuple(map(table, asked.looks)), peak_bytes=asked.peak_bytes, ended=asked.ended,
    )  # fmt: skip
    out = export.write(model, parent, recipe(parent), tmp_path / "medical", history, log=asked.log)[0]
    made = sound(out).lineage
    assert made is not None and [look["step"] for look in made.looks] == [0, 2, 4]
    assert (made.steps, made.tokens, len(made.loss)) == (4, asked.tokens, 4)
    logged = [json.loads(line) for line in (out / "training_log.jsonl").read_text().splitlines()]
    assert [e["look"]["step"] for e in logged if "look" in e] == [0, 2, 4]
