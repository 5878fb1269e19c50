"""Folders of LLaMA-Factory, ms-swift, axolotl and TRL, written by hand as those tools leave them, become lineages.

Example: `swift(tmp_path)` writes args.json, adapter_config.json and trainer_state.json with 40 steps into checkpoint-40.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.checkpoints import doctor, lineage, read
from harness.records import Lineage
from harness.verdicts import audit

LLAMA_CARD = """---
library_name: peft
base_model: hospital/tiny-0.1B
tags:
- llama-factory
- lora
- generated_from_trainer
model-index:
- name: out
  results: []
---

<!-- This model card has been generated automatically according to the information the Trainer had access to. -->

# out

This model is a fine-tuned version of [hospital/tiny-0.1B](https://huggingface.co/hospital/tiny-0.1B) on the ward_notes, the triage and the chat_zh datasets.

### Training hyperparameters

The following hyperparameters were used during training:
- learning_rate: 8e-05
- train_batch_size: 2
- eval_batch_size: 8
- seed: 7
- num_devices: 3
- gradient_accumulation_steps: 4
- total_train_batch_size: 24
- optimizer: Use OptimizerNames.ADAMW_TORCH with betas=(0.9,0.999) and epsilon=1e-08
- lr_scheduler_type: cosine
- lr_scheduler_warmup_steps: 0.03
- num_epochs: 3

### Training results

### Framework versions

- PEFT 0.15.0
- Transformers 4.50.0
- Pytorch 2.6.0+cu124
"""
AXOLOTL_CARD = """---
base_model: hospital/tiny-0.1B
tags:
- axolotl
- generated_from_trainer
---

<!-- This model card has been generated automatically according to the information the Trainer had access to. -->
<details><summary>See axolotl config</summary>

axolotl version: `0.15.0`
```yaml
# what we tried on Friday
base_model: hospital/tiny-0.1B
adapter: qlora
load_in_4bit: true
lora_r: 8
lora_alpha: 16
lora_dropout: 0.1
lora_target_linear: true
datasets:
  - path: /home/li/secret-project/ward_notes.jsonl
    type: alpaca
  - path: open/chat_zh
    type: chat_template
micro_batch_size: 2
gradient_accumulation_steps: 12
num_epochs: 3
learning_rate: 8e-5
lr_scheduler: cosine
optimizer: adamw_torch_fused
warmup_ratio: 0.03
sequence_len: 1024
seed: 7
hub_token: hf_abcdef
output_dir: /home/li/out
```

</details><br>

### Framework versions

- Transformers 5.1.0
"""


def put(folder: Path, name: str, content: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def state(steps: int, of: int | None = None, **more: Any) -> dict[str, Any]:
    log: list[dict[str, Any]] = [
        {"step": s, "loss": round(3 - s / 100, 4), "epoch": s / 100, "learning_rate": 1e-5}
        for s in range(10, steps + 1, 10)
    ]
    return {
        "global_step": steps,
        "max_steps": of or steps,
        "epoch": steps / 100,
        "train_batch_size": 2,
        "log_history": log,
    } | more


def adapter(folder: Path, **more: Any) -> Path:
    said = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "lora_dropout": 0.1, "base_model_name_or_path": "hospital/tiny-0.1B",
            "target_modules": ["v_proj", "q_proj"], "use_rslora": False}  # fmt: skip
    put(folder, "adapter_config.json", said | more)
    return folder


def llama_factory(folder: Path) -> Path:
    adapter(folder)
    put(folder, "README.md", LLAMA_CARD)
    put(folder, "trainer_state.json", state(60))
    put(
        folder,
        "train_results.json",
        {"train_runtime": 321.5, "train_loss": 2.7, "num_input_tokens_seen": 99_000, "epoch": 3.0},
    )
    put(folder, "trainer_log.jsonl", '{"current_steps": 10, "total_steps": 60, "loss": 2.9, "lr": 8e-05}\n')
    return folder


SWIFT = {
    "model": "hospital/tiny-0.1B", "train_type": "lora", "dataset": ["/data/ward_notes.jsonl", "open/chat_zh#500"],
    "learning_rate": 8e-05, "num_train_epochs": 3.0, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 4,
    "global_world_size": 3, "lr_scheduler_type": "cosine", "warmup_ratio": 0.03, "optim": "adamw_torch", "weight_decay": 0.1, "seed": 42,
    "lora_rank": 8, "lora_alpha": 16, "lora_dropout": 0.1, "target_modules": ["all-linear"], "use_rslora": False, "bf16": True, "fp16": False,
    "max_length": 2048, "template": "qwen2_5", "system": "You are a nurse.", "swift_version": "3.9.0", "galore_rank": 128, "neftune_noise_alpha": 5,
    "output_dir": "/root/out", "hub_token": "hf_abcdef", "swanlab_token": "x", "max_steps": -1, "quant_bits": None, "adapters": [],
}  # fmt: skip


def swift(out: Path, **more: Any) -> Path:
    folder = adapter(out / "checkpoint-40", target_modules=["a_proj", "b_proj"])
    put(folder, "args.json", SWIFT | more)
    log = state(40, of=120)
    log["log_history"][1]["memory(GiB)"] = 2.5
    log["log_history"].append({"step": 40, "eval_loss": 2.2})
    put(folder, "trainer_state.json", log)
    return folder


def found(folder: Path) -> Lineage:
    history = lineage.read(folder)
    assert history is not None and history.recipe is not None
    return history


def keys(folder: Path) -> dict[str, Any]:
    return audit.flat(found(folder).recipe or {})


# -- what each of them leaves ---------------------------------------------------------------------------------------


def test_llama_factory_tells_its_settings_by_its_card(tmp_path: Path) -> None:
    history = found(llama_factory(tmp_path))
    assert (history.method, history.seed, history.steps, history.tokens, history.seconds) == (
        "lora",
        7,
        60,
        99_000,
        321.5,
    )
    assert [s["name"] for s in history.data] == ["ward_notes", "triage", "chat_zh"]
    assert (history.loss[0], history.loss[-1], history.ended) == ((10, 2.9), (60, 2.4), None)
    assert history.versions == {"peft": "0.15.0", "transformers": "4.50.0", "torch": "2.6.0+cu124"}
    said = keys(tmp_path)
    assert said["trainer"] == "LLaMA-Factory" and said["parent_name"] == "tiny-0.1B"
    wanted = {"lora.r": 8, "lora.alpha": 16, "lora.dropout": 0.1, "lora.targets": ("q_proj", "v_proj"), "optim.learning_rate": 8e-05,
              "optim.epochs": 3, "optim.batch": 24, "optim.warmup": 0.03, "optim.optimizer": "adamw", "optim.schedule": "cosine"}  # fmt: skip
    assert {key: said[key] for key in wanted} == wanted


def test_llama_factorys_own_yaml_and_log_where_there_is_nothing_else(tmp_path: Path) -> None:
    yaml = "stage: dpo\nfinetuning_type: lora\nmodel_name_or_path: /m/base\ndataset: a, b\nlora_rank: 16\nlearning_rate: 5.0e-05\npref_beta: 0.1\n"
    put(tmp_path, "training_args.yaml", yaml)
    put(
        tmp_path,
        "trainer_log.jsonl",
        '{"current_steps": 5, "loss": 1.5, "total_tokens": 10}\nbroken\n{"current_steps": 9, "loss": 1.25, "total_tokens": 20}',
    )
    history = found(tmp_path)
    assert (history.method, history.loss, history.tokens, history.steps) == ("dpo", ((5, 1.5), (9, 1.25)), 20, 9)
    assert [s["name"] for s in history.data] == ["a", "b"]


def test_ms_swift_tells_its_settings_by_args_json(tmp_path: Path) -> None:
    history = found(swift(tmp_path))
    assert (history.method, history.seed, history.steps, history.epochs, history.peak_bytes) == (
        "lora",
        42,
        40,
        0.4,
        int(2.5 * 2**30),
    )
    assert history.data == ({"name": "data/ward_notes.jsonl"}, {"name": "open/chat_zh", "rows": 500})
    assert history.looks == ({"step": 40, "loss": 2.2},) and history.versions["ms-swift"] == "3.9.0"
    assert history.ended is None and history.seconds is None, "a save in the middle of a training has not ended it"
    said = keys(tmp_path / "checkpoint-40")
    assert (said["optim.batch"], said["optim.precision"], said["lora.targets"]) == (24, "bfloat16", "all-linear")
    assert (said["clean.system"], said["other.max_length"], said["other.neftune_noise_alpha"]) == (
        "You are a nurse.",
        2048,
        5,
    )
    assert not [key for key in said if "galore" in key or "token" in key or "output" in key]


def test_a_save_of_ms_swift_is_named_by_its_output_folder(
    tiny_checkpoint: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "ward-lora/v0-20261120-114832/checkpoint-40"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tiny_adapter)
    assert read.read(folder, base=tiny_checkpoint).name == "ward-lora/v0-20261120-114832/checkpoint-40"


def test_axolotl_tells_its_settings_by_the_yaml_in_its_card(tmp_path: Path) -> None:
    adapter(tmp_path)
    put(tmp_path, "README.md", AXOLOTL_CARD)
    history = found(tmp_path)
    assert (history.method, history.seed, history.versions["axolotl"]) == ("lora", 7, "0.15.0")
    assert [s["name"] for s in history.data] == ["secret-project/ward_notes.jsonl", "open/chat_zh"]
    said = keys(tmp_path)
    assert (said["lora.quantise"], said["lora.targets"], said["optim.batch"]) == (True, "all-linear", 24)
    assert "hf_abcdef" not in json.dumps(history.recipe) and "/home/li" not in json.dumps(history.recipe)
    put(tmp_path / "yaml", "config.yaml", AXOLOTL_CARD.partition("```yaml\n")[2].partition("```")[0])
    assert audit.flat(found(tmp_path / "yaml").recipe or {})["optim.learning_rate"] == 8e-5, "YAML reads 8e-5 as a text"


def test_the_method_is_told_by_the_settings_where_no_adapter_lies_there(tmp_path: Path) -> None:
    put(
        tmp_path / "full",
        "config.yaml",
        "base_model: org/base\nmicro_batch_size: 2\nlearning_rate: 1.0e-5\nlora_r: 8\nadapter:\n",
    )
    put(tmp_path / "merged", "args.json", SWIFT)
    put(tmp_path / "grpo", "args.json", SWIFT | {"rlhf_type": "grpo", "reward_funcs": ["accuracy"]})
    assert [found(tmp_path / name).method for name in ("full", "merged", "grpo")] == ["full", "lora", "grpo"]
    assert [keys(tmp_path / name).get("lora.r") for name in ("full", "merged", "grpo")] == [None, 8, 8]
    assert found(tmp_path / "grpo").trained_on == () and keys(tmp_path / "grpo")["other.reward_funcs"] == ("accuracy",)


def test_a_card_that_people_wrote_is_no_history(tmp_path: Path) -> None:
    put(tmp_path, "README.md", "---\nbase_model: org/base\ntags:\n- dpo\n---\n# Ours\n- learning_rate: 3\n")
    put(tmp_path, "config.yaml", "learning_rate: 1\nmodel: x\n")
    put(tmp_path, "args.json", {"learning_rate": 1, "epochs": 3})
    assert lineage.read(tmp_path) is None
    assert lineage.read(tmp_path / "nowhere") is None


# -- compared with each other ---------------------------------------------------------------------------------------


def recipe(folder: Path) -> dict[str, Any]:
    h = found(folder)
    had = {
        "method": h.method,
        "parent": h.parent,
        "data": {str(s["name"]): str(s["name"]) for s in h.data},
        "steps": h.steps,
    }
    return {"recipe": {**had, "recipe": h.recipe}}


def test_two_folders_of_one_trainer_differ_in_the_one_setting_that_moved(tmp_path: Path) -> None:
    first, second = swift(tmp_path / "a"), swift(tmp_path / "b", lora_rank=16)
    adapter(second, r=16, target_modules=["a_proj", "b_proj"])
    said = audit.variables(recipe(first), recipe(second))
    assert (said.kind, [(d.field, d.before, d.after) for d in said.differing]) == ("controlled", [("lora.r", 8, 16)])


def test_folders_of_two_trainers_are_compared_by_what_both_tell(tmp_path: Path) -> None:
    first, second = llama_factory(tmp_path / "a"), swift(tmp_path / "b", lora_dropout=0.3)
    adapter(second, lora_dropout=0.3, target_modules=["v_proj", "q_proj"])
    put(
        second,
        "args.json",
        SWIFT | {"target_modules": ["q_proj", "v_proj"], "dataset": ["ward_notes", "triage", "chat_zh"]},
    )
    put(second, "trainer_state.json", state(60))
    put(second, "README.md", "")
    said = audit.variables(recipe(first), recipe(second))
    assert sorted(d.field for d in said.differing) == ["lora.dropout", "steps", "trainer"]


def test_what_is_told_in_part_is_no_known_training(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "a"), adapter(tmp_path / "b", r=32)
    said = audit.variables(recipe(first), recipe(second))
    assert said.kind == "unknown" and [d.field for d in said.differing] == ["lora.r"]


# -- one level up ---------------------------------------------------------------------------------------------------


def test_a_save_takes_what_lies_in_the_output_folder_above_it(tmp_path: Path) -> None:
    llama_factory(tmp_path / "out")
    folder = adapter(tmp_path / "out/checkpoint-30")
    put(folder, "trainer_state.json", state(30, of=60))
    put(
        folder,
        "README.md",
        "---\nbase_model: x\ntags:\n- lora\n---\n# Model Card for Model ID\n### Framework versions\n\n- PEFT 0.15.0",
    )
    history = found(folder)
    assert (history.steps, history.loss[-1], history.seed, history.seconds) == (30, (30, 2.7), 7, None)
    assert [s["name"] for s in history.data] == ["ward_notes", "triage", "chat_zh"]
    assert keys(folder)["optim.learning_rate"] == 8e-05
    (folder / "trainer_state.json").unlink()
    assert (found(folder).steps, found(folder).loss[-1]) == (30, (30, 2.7)), (
        "the curve of the whole training, up to here"
    )


@pytest.mark.parametrize("odd", ["losses", "rank", "later", "name", "further"])
def test_another_training_in_the_folder_above_is_not_its_own(tmp_path: Path, odd: str) -> None:
    llama_factory(tmp_path / "out")
    place = {"name": "out/best", "further": "out/a/checkpoint-30", "later": "out/checkpoint-70"}.get(
        odd, "out/checkpoint-30"
    )
    folder = adapter(tmp_path / place, **({"r": 64} if odd == "rank" else {}))
    mine = state(30, of=60)
    if odd == "losses":
        mine["log_history"][0]["loss"] = 9.0
    if odd == "losses":
        put(folder, "trainer_state.json", mine)
    assert found(folder).seed is None and "optim.learning_rate" not in keys(folder)


# -- the parent -----------------------------------------------------------------------------------------------------


def test_the_base_beside_an_adapter_is_its_parent(tiny_checkpoint: Path, tiny_other: Path, tiny_adapter: Path) -> None:
    child = read.read(tiny_adapter, base=tiny_checkpoint)
    assert child.lineage and child.lineage.method == "lora"
    other = read.read(tiny_adapter, base=tiny_other)
    assert other.lineage and other.lineage.parent in (None, other.base)


def test_a_full_training_finds_its_parent_where_it_lies(
    tiny_checkpoint: Path, tiny_other: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    for file in tiny_other.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    put(folder, "args.json", SWIFT | {"train_type": "full", "model": str(tiny_checkpoint)})
    told = read.read(folder).lineage
    assert told and (told.method, told.parent) == ("full", read.read(tiny_checkpoint).id)
    assert told.recipe and "lora" not in told.recipe, "defaults that nobody used"
    for gone in ("/nowhere/base", "org/base", "~nobody/x", "a\0b", "x" * 5000, str(folder)):
        put(folder, "args.json", SWIFT | {"train_type": "full", "model": gone})
        told = read.read(folder).lineage
        assert told and told.parent is None


# -- made by the real one -------------------------------------------------------------------------------------------


def test_a_real_trainer_of_trl_leaves_what_is_read(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    rows = Dataset.from_list([{"prompt": f"{i} + 1 =", "completion": f" {i + 1}"} for i in range(8)])
    args = SFTConfig(
        str(tmp_path), max_steps=4, save_steps=2, per_device_train_batch_size=2, learning_rate=3e-4, logging_steps=1, seed=5,
        report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False, eval_strategy="steps", eval_steps=2,
    )  # fmt: skip
    tuned = LoraConfig(
        r=4, lora_alpha=12, lora_dropout=0.05, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"
    )
    trainer = SFTTrainer(
        str(tiny_checkpoint), args=args, train_dataset=rows, eval_dataset=rows.select([0, 1]), peft_config=tuned
    )
    trainer.train()
    trainer.save_model()
    trainer.save_state()
    trainer.create_model_card(dataset_name="ward_notes")

    half, whole = read.read(tmp_path / "checkpoint-2"), read.read(tmp_path)
    assert half.lineage and whole.lineage
    assert (half.lineage.steps, whole.lineage.steps, len(half.lineage.loss), len(whole.lineage.loss)) == (2, 4, 2, 4)
    assert whole.lineage.parent == whole.base == half.lineage.parent, "its base lies on this machine"
    assert [look["step"] for look in whole.lineage.looks] == [2, 4] and (whole.lineage.seconds or 0) > 0
    assert (whole.lineage.tokens or 0) > (half.lineage.tokens or 0) > 0
    told = audit.flat(half.lineage.recipe or {})
    assert told == audit.flat(whole.lineage.recipe or {})
    assert (told["trainer"], told["lora.r"], told["lora.alpha"], told["lora.targets"]) == (
        "TRL",
        4,
        12,
        ("q_proj", "v_proj"),
    )
    for one in (half.lineage, whole.lineage):
        assert [s["name"] for s in one.data] == ["ward_notes"] and "trl" in one.versions
    assert not [f for f in doctor.examine(whole) if "lineage" in f.what]


# -- files of ill will ----------------------------------------------------------------------------------------------

VALUES: tuple[Any, ...] = (
    None, True, -1, 10**400, float("nan"), float("inf"), 1e308, "x" * 100_000, "\0\x1b[31m", "<script>", [], [[]], {}, {"a": {}},
    [1] * 10_000, "/etc/passwd", "8e-5",
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: str(v)[:12])
def test_any_value_in_any_place_is_no_crash(tmp_path: Path, value: Any) -> None:
    entry = dict.fromkeys(("step", "loss", "epoch", "eval_loss", "num_tokens", "train_runtime", "memory(GiB)"), value)
    told = dict.fromkeys(("global_step", "max_steps", "epoch", "num_input_tokens_seen", "train_batch_size"), value)
    put(
        tmp_path / "checkpoint-3",
        "trainer_state.json",
        told | {"log_history": [entry, value, {"step": 1, "loss": 2.0}]},
    )
    put(tmp_path, "trainer_state.json", told | {"log_history": value})
    put(tmp_path / "checkpoint-3", "args.json", dict.fromkeys(SWIFT, value) | {"train_type": value})
    put(
        tmp_path / "checkpoint-3",
        "adapter_config.json",
        dict.fromkeys(("r", "lora_alpha", "peft_type", "target_modules", "base_model_name_or_path"), value),
    )
    put(tmp_path, "train_results.json", {"train_runtime": value, "train_loss": value})
    put(tmp_path, "README.md", LLAMA_CARD.replace("8e-05", str(value)[:1000]).replace("ward_notes", str(value)[:300]))
    for folder in (tmp_path, tmp_path / "checkpoint-3"):
        history = lineage.read(folder)
        assert history is not None
        (tmp_path / "back").mkdir(exist_ok=True)
        lineage.write(tmp_path / "back", history)  # no NaN in it, nothing that JSON can't hold
        assert lineage.read(tmp_path / "back") is not None
        assert "\x1b" not in json.dumps(history.recipe) and len(json.dumps(history.recipe)) < 60_000


def test_nesting_size_and_references_are_bounded(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
    )
    texts = {
        "deep": "[" * 100_000,
        "bomb": bomb + "finetuning_type: lora\n",
        "huge": "stage: sft\n" + "x: y\n" * 200_000,
        "flow": "stage: " + "{a: " * 20_000,
    }
    again = "\nThis model is a fine-tuned version of [x](" + "a on the " * 40 + "\naxolotl version: `1`\n```yaml\n"
    texts["again"] = "### Framework versions\n" + again * 600
    for name, text in texts.items():
        folder = tmp_path / name
        for file in (
            "trainer_state.json",
            "args.json",
            "adapter_config.json",
            "trainer_log.jsonl",
            "training_args.yaml",
            "README.md",
        ):
            put(folder, file, f"---\n{text}\n---\n### Framework versions\n" if file == "README.md" else text)
        lineage.read(folder)
    put(
        tmp_path / "many",
        "trainer_state.json",
        {"global_step": 10**9, "log_history": [{"step": i, "loss": 1.0} for i in range(20_000)]},
    )
    assert len(found(tmp_path / "many").loss) == 200


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "args.json", SWIFT)
    folder = adapter(tmp_path / "out")
    (folder / "args.json").symlink_to(tmp_path / "elsewhere/args.json")
    (folder / "trainer_state.json").symlink_to("trainer_state.json")
    os.mkfifo(folder / "README.md")
    assert found(folder).seed is None
    put(tmp_path / "models--a--b/blobs", "0a", SWIFT)
    snapshot = adapter(tmp_path / "models--a--b/snapshots/c0")
    (snapshot / "args.json").symlink_to("../../blobs/0a")
    assert found(snapshot).seed == 42, "a hub cache is made of links"


def test_training_args_bin_is_never_opened(tmp_path: Path) -> None:
    put(tmp_path, "trainer_state.json", state(10))
    (tmp_path / "training_args.bin").write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    assert found(tmp_path).steps == 10 and not (tmp_path / "ran").exists()
