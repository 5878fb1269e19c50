"""A path becomes a checkpoint: what it is, what identifies it, where its base lies, and what a user reads when it isn't one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from folders import change, lora, put, safetensors, tensor, tokens, weights, whole

from harness.checkpoints import lineage, read, served, template
from harness.errors import UserError
from harness.records import Lineage


def test_a_full_checkpoint_is_described_from_its_files(tmp_path: Path) -> None:
    found = read.read(whole(tmp_path / "medical"))
    assert (found.name, found.kind, found.base) == ("medical", "full", None)
    assert found.parameters == 10 * 4 + 2 * (4 * 4 + 8 * 4)
    assert found.bytes == (tmp_path / "medical" / "model.safetensors").stat().st_size
    assert (found.dtype, found.architecture, found.context_tokens) == ("float32", "Qwen2ForCausalLM", 128)
    assert found.stop_ids == (7, 9)  # generation_config's two, config's and the tokenizer's one
    assert set(found.parts) == {"weights", "config", "tokenizer", "template", "generation"}


def test_a_copy_under_another_name_is_the_same_checkpoint(tmp_path: Path) -> None:
    first = read.read(whole(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "b")
    moved = tmp_path / "elsewhere" / "b"
    change(moved / "config.json", transformers_version="9.9", _name_or_path="/somebody/else")
    change(moved / "generation_config.json", transformers_version="9.9")
    (moved / "README.md").write_text("a card")
    (moved / "optimizer.pt").write_bytes(b"1234")
    (moved / "training_args.bin").write_bytes(b"1234")
    assert read.read(moved).id == first.id
    assert read.read(moved).bytes == first.bytes


@pytest.mark.parametrize("part", ["weights", "config", "tokenizer", "template", "generation"])
def test_whatever_changes_an_answer_changes_the_id(tmp_path: Path, part: str) -> None:
    before = read.read(whole(tmp_path / "m"))
    folder = tmp_path / "m"
    if part == "weights":
        safetensors(folder / "model.safetensors", weights(value=0.25))
    elif part == "config":
        change(folder / "config.json", rope_theta=1e6)
    elif part == "tokenizer":
        change(folder / "tokenizer.json", normalizer={"type": "NFC"})
    elif part == "template":
        (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    else:
        change(folder / "generation_config.json", eos_token_id=[9])
    after = read.read(folder)
    assert {k for k in before.parts if before.parts[k] != after.parts[k]} == {part}
    assert after.id != before.id


def test_the_template_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    before = read.read(folder)
    text = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    change(folder / "tokenizer_config.json", chat_template=text)
    assert read.read(folder).id == before.id
    change(
        folder / "tokenizer_config.json",
        chat_template=[{"name": "tool_use", "template": "x"}, {"name": "default", "template": text}],
    )
    assert read.read(folder).id == before.id
    change(folder / "tokenizer_config.json", chat_template=None)
    put(folder / "chat_template.json", {"chat_template": text})
    assert read.read(folder).parts["template"] == before.parts["template"]


def test_one_weight_format_counts(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    before = read.read(folder)
    (folder / "pytorch_model.bin").write_bytes(b"x" * 5000)
    (folder / "consolidated.safetensors").write_bytes(b"x" * 5000)
    (folder / "model-Q4.gguf").write_bytes(b"x" * 5000)
    assert (read.read(folder).bytes, read.read(folder).id) == (before.bytes, before.id)


def test_weights_beside_a_tiny_file_are_served_by_some_engines_and_so_weigh(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    honest = (folder / "model.safetensors").stat().st_size
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    safetensors(folder / "model.safetensors", dict(list(weights().items())[:1]))
    found = read.read(folder)
    assert found.bytes == honest + (folder / "model.safetensors").stat().st_size
    (folder / "copy.safetensors").write_bytes((folder / "model.safetensors").read_bytes())  # nothing new in it
    assert read.read(folder).bytes == found.bytes


def test_shards_of_the_index_only_and_links_followed(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    tensors = list(weights().items())
    (tmp_path / "blobs").mkdir()
    safetensors(tmp_path / "blobs" / "one", dict(tensors[:2]))
    (folder / "model-00001-of-00002.safetensors").symlink_to(tmp_path / "blobs" / "one")
    safetensors(folder / "model-00002-of-00002.safetensors", dict(tensors[2:]))
    safetensors(folder / "left-over.safetensors", dict(tensors))
    names = ["model-00001-of-00002.safetensors"] * 2 + ["model-00002-of-00002.safetensors"] * 3
    put(folder / "model.safetensors.index.json", {"weight_map": dict(zip(dict(tensors), names, strict=True))})
    found = read.read(folder)
    assert found.bytes == sum((folder / n).stat().st_size for n in set(names))
    assert found.parameters == 136


def test_quantised_base_and_merged_are_told_apart(tmp_path: Path) -> None:
    assert read.read(whole(tmp_path / "q", quantization_config={"quant_method": "gptq", "bits": 4})).kind == "quantised"
    lineage.write(whole(tmp_path / "p"), Lineage(method="pretrain"))
    assert read.read(tmp_path / "p").kind == "base"
    lineage.write(whole(tmp_path / "l"), Lineage(method="lora"))
    assert read.read(tmp_path / "l").kind == "merged"
    packed = {**weights(), "x.qweight": ("I32", (400, 4), b"\0" * 6400)}
    assert read.read(whole(tmp_path / "packed", packed)).parameters is None


# -- adapters -------------------------------------------------------------------------------------------------


def test_an_adapter_finds_its_base_beside_it(tmp_path: Path) -> None:
    base = read.read(whole(tmp_path / "base"))
    found = read.read(lora(tmp_path / "medical" / "checkpoint-500", base="../../base"))
    assert (found.kind, found.base, found.base_path) == ("adapter", base.id, str(tmp_path / "base"))
    assert found.name == "medical/checkpoint-500"
    small = (tmp_path / "medical" / "checkpoint-500" / "adapter_model.safetensors").stat().st_size
    assert found.bytes == small + (base.bytes or 0)
    assert found.parameters == 136 + 2 * 16
    assert found.stop_ids == base.stop_ids
    assert served.tokenizer_folder(found) == tmp_path / "base"
    tokens(tmp_path / "medical" / "checkpoint-500")
    assert served.tokenizer_folder(read.read(found.path or "")) == tmp_path / "medical" / "checkpoint-500"


def test_an_adapter_without_a_tokenizer_has_its_bases_text_parts(tmp_path: Path) -> None:
    base = read.read(whole(tmp_path / "base"))
    folder = lora(tmp_path / "lora")
    bare = read.read(folder)
    text = ("tokenizer", "template", "generation")
    assert [bare.parts[p] for p in text] == [base.parts[p] for p in text]
    assert template.text(bare) == template.text(base)
    (folder / "special_tokens_map.json").write_text("{}")  # not a tokenizer yet
    assert served.tokenizer_folder(read.read(folder)) == tmp_path / "base"
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    put(folder / "generation_config.json", {"eos_token_id": 3})
    own = read.read(folder)
    assert template.text(own) == "{{ messages }}"
    assert own.parts["tokenizer"] == base.parts["tokenizer"]
    assert all(own.parts[p] != base.parts[p] for p in text[1:]) and own.id != bare.id
    assert own.stop_ids == tuple(sorted({3, *base.stop_ids}))


def test_a_base_is_found_from_where_the_command_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole(tmp_path / "project" / "models" / "base")
    adapter = lora(tmp_path / "elsewhere" / "out" / "lora", base="models/base")
    monkeypatch.chdir(tmp_path / "project")
    assert read.read(adapter).base_path == str(tmp_path / "project" / "models" / "base")


def test_an_adapter_is_another_checkpoint_on_another_base(tmp_path: Path) -> None:
    whole(tmp_path / "base")
    whole(tmp_path / "other", weights(value=0.125))
    adapter = lora(tmp_path / "lora")
    own = read.read(adapter)
    assert read.read(adapter, base=tmp_path / "other").id != own.id
    assert read.read(tmp_path / "base", adapter=adapter).id == own.id
    change(
        adapter / "adapter_config.json",
        base_model_name_or_path=str(tmp_path / "base"),
        target_modules=["k_proj", "q_proj"],
    )
    assert read.read(adapter).id == own.id  # neither the base's address nor the order of a set


def test_the_caches_are_searched_for_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    adapter = lora(tmp_path / "lora", base="org/Tiny-0.5B")
    with pytest.raises(UserError, match=r"its base org/Tiny-0.5B is not on this machine; pass --base PATH"):
        read.read(adapter)
    whole(tmp_path / "ms" / "hub" / "models" / "org" / "Tiny-0___5B")
    found = read.read(adapter)
    assert found.base_path == str(tmp_path / "ms" / "hub" / "models" / "org" / "Tiny-0___5B")
    repo = tmp_path / "hf" / "hub" / "models--org--Tiny-0.5B"
    whole(repo / "snapshots" / "abc")
    whole(repo / "snapshots" / "zzz")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    assert read.read(adapter).base_path == str(repo / "snapshots" / "abc")


def test_an_adapter_without_weights_or_on_an_adapter(tmp_path: Path) -> None:
    whole(tmp_path / "base")
    adapter = lora(tmp_path / "lora")
    with pytest.raises(UserError, match="is an adapter itself"):
        read.read(lora(tmp_path / "second"), base=adapter)
    with pytest.raises(UserError, match="not both"):
        read.read(tmp_path / "base", base=tmp_path / "base", adapter=adapter)
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no adapter_model.safetensors"):
        read.read(adapter)


# -- what is not a checkpoint ---------------------------------------------------------------------------------


def test_a_folder_that_is_no_checkpoint_names_those_inside(tmp_path: Path) -> None:
    whole(tmp_path / "out" / "checkpoint-10")
    whole(tmp_path / "out" / "checkpoint-2")
    with pytest.raises(UserError, match=r"no config.json and no weights .*it holds checkpoint-2, checkpoint-10"):
        read.read(tmp_path / "out")
    (tmp_path / "out" / "checkpoint-2" / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"is not a checkpoint: no weights"):
        read.read(tmp_path / "out" / "checkpoint-2")
    with pytest.raises(UserError, match="is a file"):
        read.read(tmp_path / "out" / "checkpoint-2" / "config.json")
    with pytest.raises(UserError, match="does not exist"):
        read.read(tmp_path / "out" / "checkpoint-3")


def test_globs_come_in_natural_order(tmp_path: Path) -> None:
    for step in (10, 2, 100):
        whole(tmp_path / f"checkpoint-{step}")
    (tmp_path / "checkpoint-3.txt").write_text("no folder")
    found = read.expand(str(tmp_path / "checkpoint-*"))
    assert [f.name for f in found] == ["checkpoint-2", "checkpoint-10", "checkpoint-100"]
    assert read.expand("org/name") == [Path("org/name")]
    whole(tmp_path / "run[1]")
    assert read.expand(tmp_path / "run[1]") == [tmp_path / "run[1]"]
    with pytest.raises(UserError, match="no folder matches"):
        read.expand(str(tmp_path / "step-*"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("out/medical/checkpoint-500", "medical/checkpoint-500"),
        ("out/medical", "medical"),
        ("runs/r8/final", "r8/final"),
        ("sft/v2/merged", "sft/v2/merged"),
        ("demo/checkpoints/lora", "demo/lora"),
        ("hub/models--Qwen--Qwen2.5-0.5B/snapshots/060db6", "Qwen/Qwen2.5-0.5B"),
    ],
)
def test_names_tell_checkpoints_apart(tmp_path: Path, path: str, name: str) -> None:
    assert read.read(whole(tmp_path / path)).name == name
    assert read.read(tmp_path / path, name="mine").name == "mine"


def test_an_unreachable_hub_is_one_sentence_within_seconds(tmp_path: Path) -> None:
    code = (
        "import time\nfrom harness.checkpoints import read\nfrom harness.errors import UserError\n"
        "try: read.read('org/not-here')\nexcept UserError as error: print(error)"
    )
    world = {**os.environ, "HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    for offline, says in (("0", "can't be reached"), ("1", "HF_HUB_OFFLINE is set")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=world | {"HF_HUB_OFFLINE": offline},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert says in done.stdout, done.stderr
        assert "HF_ENDPOINT" in done.stdout


def test_hashes_are_remembered_by_size_and_time(tmp_path: Path) -> None:
    folder, cache = whole(tmp_path / "m"), dict[str, str]()
    first = read.read(folder, cache=cache)
    assert cache
    for key in cache:
        cache[key] = "0" * 16  # what is remembered is used: nothing is hashed twice
    assert read.read(folder, cache=cache).parts["weights"] != first.parts["weights"]
    safetensors(folder / "model.safetensors", {**weights(), "more": tensor((2,))})
    assert read.read(folder, cache=cache).parts["weights"] == read.read(folder).parts["weights"]


def test_other_bytes_are_noticed_though_size_and_time_were_put_back(tmp_path: Path) -> None:
    folder, cache = whole(tmp_path / "m"), dict[str, str]()
    before, file = read.read(folder, cache=cache), folder / "model.safetensors"
    stat = file.stat()
    with file.open("r+b") as opened:
        opened.seek(-4, os.SEEK_END)
        opened.write(b"\0\0\0\0")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert read.read(folder, cache=cache).id == read.read(folder).id != before.id


# -- lineage --------------------------------------------------------------------------------------------------


def test_lineage_comes_back_as_it_was_written(tmp_path: Path) -> None:
    history = Lineage(
        method="seqkd", recipe={"rate": 8e-5}, recipe_sha="ab", parent="p" * 16, teacher="t" * 16,
        data=({"name": "gold", "rows": 3},), seed=0, steps=7, tokens=99, seconds=1.5,
        loss=((1, 3.0), (7, 0.5)), versions={"torch": "2"}, trained_on=("number",),
    )  # fmt: skip
    lineage.write(tmp_path, history)
    assert lineage.read(tmp_path) == history
    change(tmp_path / lineage.FILE, from_the_future=1)
    assert lineage.read(tmp_path) == history
    assert lineage.problem(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"steps": "many"}', '{"loss": [[1]]}', '{"data": {}}', "[" * 200_000, '{"seed": true}'],
)
def test_a_broken_lineage_is_none_and_says_why(tmp_path: Path, text: str) -> None:
    (tmp_path / lineage.FILE).write_text(text)
    assert lineage.read(tmp_path) is None
    assert lineage.FILE in (lineage.problem(tmp_path) or "")


def test_a_loss_curve_keeps_its_ends(tmp_path: Path) -> None:
    curve = [(step, 1 / step) for step in range(1, 5001)]
    lineage.write(tmp_path, replace(Lineage(), loss=curve))
    kept = (lineage.read(tmp_path) or Lineage()).loss
    assert (len(kept), kept[0], kept[-1]) == (200, curve[0], curve[-1])
    assert lineage.thin([(1, float("nan")), (2, 0.5)]) == ((2, 0.5),)


def test_other_trainers_leave_a_history_too(tmp_path: Path) -> None:
    log = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.0}, {"step": 20, "train_runtime": 33.0}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"global_step": 20, "log_history": log}))
    found = lineage.read(tmp_path)
    assert found is not None
    assert (found.method, found.steps, found.seconds, found.loss) == (
        "full",
        20,
        33.0,
        ((10, 2.0), (20, 1.0)),
    )
