"""The doctor: a whole checkpoint has no finding, and each flaw has the one that names it and says what to do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from folders import SPECIAL, WORDS, change, lora, put, safetensors, tensor, tokens, weights, whole

from harness.checkpoints import doctor, lineage, read
from harness.records import Checkpoint, Finding, Lineage

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def found(path: Path, deep: bool = False, **how: str | Path) -> list[Finding]:
    return doctor.examine(read.read(path, **how), deep=deep)  # type: ignore[arg-type]  # base or adapter


def refusals(path: Path, **how: str | Path) -> list[str]:
    return [f.what for f in found(path, **how) if f.level == "refuse"]  # type: ignore[arg-type]


def warnings(path: Path, deep: bool = False) -> list[str]:
    return [f.what for f in found(path, deep) if f.level == "warn"]


def test_a_whole_checkpoint_has_no_finding(tmp_path: Path) -> None:
    assert found(whole(tmp_path / "base")) == []
    assert found(lora(tmp_path / "lora")) == []


def test_answers_without_a_folder_have_none() -> None:
    assert doctor.examine(Checkpoint("x", "gpt", "outputs")) == []


# -- weights --------------------------------------------------------------------------------------------------


def sharded(folder: Path) -> Path:
    whole(folder)
    (folder / "model.safetensors").unlink()
    tensors = list(weights().items())
    safetensors(folder / ONE, dict(tensors[:2]))
    safetensors(folder / TWO, dict(tensors[2:]))
    put(
        folder / "model.safetensors.index.json",
        {"weight_map": {n: ONE if i < 2 else TWO for i, (n, _) in enumerate(tensors)}},
    )
    return folder


def test_shards_against_their_index(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "m")
    assert found(folder) == []
    safetensors(folder / TWO, dict(list(weights().items())[3:]))
    assert refusals(folder) == ["shards lack tensors that the index promises"]
    (folder / TWO).unlink()
    assert refusals(folder) == ["1 of 2 shards are missing"]
    assert TWO in found(folder)[0].evidence
    (folder / "model.safetensors.index.json").unlink()
    assert refusals(folder) == ["1 of 2 shards are missing"]  # the numbering promises it


def test_short_empty_and_hostile_files(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    file = folder / "model.safetensors"
    content = file.read_bytes()
    for broken, says in (
        (content[:-7], "is truncated"),
        (b"", "is empty"),
        (b"1234", "too few for a header"),
        ((2**63).to_bytes(8, "little") + b"{}", "claims a header of 9223372036854775808 bytes"),
        ((300_000).to_bytes(8, "little") + b'{"a":' * 60_000, "not JSON"),
        ((11).to_bytes(8, "little") + b'{"a":[1,2]}', "without dtype, shape and offsets"),
        (content + b"more", "bytes left over"),
    ):
        file.write_bytes(broken)
        assert len(refusals(folder)) == 1
        assert says in refusals(folder)[0]
    table = {"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}
    text = json.dumps(table).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + b"1234")
    assert "its shape" in refusals(folder)[0]


@pytest.mark.parametrize(("dtype", "value"), [("F32", float("nan")), ("F16", float("inf")), ("BF16", float("-inf"))])
def test_nan_and_infinity(tmp_path: Path, dtype: str, value: float) -> None:
    healthy = {name: tensor(shape, 0.5, dtype) for name, (_, shape, _) in weights().items()}
    torch_name = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[dtype]
    folder = whole(tmp_path / "m", healthy, dtype=torch_name)
    assert found(folder) == []
    name = "model.layers.1.mlp.up_proj.weight"
    safetensors(folder / "model.safetensors", healthy | {name: tensor((8, 4), value, dtype)})
    assert refusals(folder) == ["the weights hold NaN or infinity"]
    assert f"{name} (32 of 32)" in found(folder)[0].evidence


def test_a_tie_that_would_lose_the_head(tmp_path: Path) -> None:
    same, other = tensor((10, 4)), tensor((10, 4), 0.25)
    assert found(whole(tmp_path / "same", weights() | {"lm_head.weight": same})) == []
    assert "would be lost" in refusals(whole(tmp_path / "lost", weights() | {"lm_head.weight": other}))[0]
    assert found(whole(tmp_path / "own", weights() | {"lm_head.weight": other}, tie_word_embeddings=False)) == []
    assert "would be random" in refusals(whole(tmp_path / "none", tie_word_embeddings=False))[0]


def test_config_and_weights_of_different_models(tmp_path: Path) -> None:
    assert "hold 2 layers and config.json says 3" in refusals(whole(tmp_path / "layers", num_hidden_layers=3))[0]
    assert "has 10 rows and config.json says vocab_size 12" in refusals(whole(tmp_path / "rows", vocab_size=12))[0]
    assert warnings(whole(tmp_path / "dtype", dtype="bfloat16")) == [
        "the weights are float32 and config.json says bfloat16"
    ]


def test_weights_that_were_never_merged(tmp_path: Path) -> None:
    tensors = weights() | {"model.layers.0.self_attn.q_proj.lora_A.weight": tensor((2, 4))}
    assert refusals(whole(tmp_path / "m", tensors)) == ["the weights still hold adapter names, so they were not merged"]
    both = lora(whole(tmp_path / "both"))
    assert "adapter and full weights" in refusals(both)[0]


def test_pickles_are_warned_about(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert warnings(folder) == ["the weights are pickles, which run code when loaded"]
    assert refusals(folder) == []


# -- tokens ---------------------------------------------------------------------------------------------------


def test_ids_outside_the_embedding(tmp_path: Path) -> None:
    small = whole(tmp_path / "small", weights(vocab=9), vocab_size=9)
    what = refusals(small)
    assert what[0] == "the tokenizer has ids up to 9, the embedding 9 rows"
    assert "eos_token_id 9 of config.json lies outside the embedding of 9 rows" in what
    padded = whole(tmp_path / "padded", weights(vocab=64), vocab_size=64)
    assert found(padded) == []  # more rows than tokens is how Qwen pads
    change(padded / "generation_config.json", bos_token_id=64)
    assert refusals(padded) == ["bos_token_id 64 of generation_config.json lies outside the embedding of 64 rows"]


def test_no_stop_token_anywhere(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m", eos_token_id=None)
    change(folder / "generation_config.json", eos_token_id=None)
    assert found(folder) == []  # the tokenizer still knows one
    change(folder / "tokenizer_config.json", eos_token=None)
    assert refusals(folder) == ["no stop token is known, so no answer would ever end"]


def test_a_template_that_ends_answers_with_another_token(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m", eos_token_id=7)
    change(folder / "generation_config.json", eos_token_id=7)
    change(folder / "tokenizer_config.json", eos_token="<|endoftext|>", pad_token="<|im_start|>")
    assert warnings(folder) == ["the chat template ends an answer with <|im_end|>, which is no stop token"]
    assert refusals(folder) == []


@pytest.mark.parametrize(
    ("template", "level", "says"),
    [
        (
            "{% for m in messages %}{{ m.content }}\n{% endfor %}",
            "warn",
            "puts no special token after an answer",
        ),
        ("{{ raise_exception('no roles') }}", "warn", "can't be rendered"),
        ("{% for m in messages %}", "refuse", "can't be rendered"),
        (
            "{% for m in messages %}<|user|>{{ m.content }}<|im_end|>{% endfor %}",
            "warn",
            "tokens that the tokenizer doesn't know",
        ),
        ("{{ ''.__class__.__mro__ }}", "warn", "can't be rendered"),
    ],
)
def test_templates_that_go_wrong(tmp_path: Path, template: str, level: str, says: str) -> None:
    folder = whole(tmp_path / "m")
    (folder / "chat_template.jinja").write_text(template)
    assert [(f.level, says in f.what) for f in found(folder)] == [(level, True)]


def test_a_training_template_is_understood(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% if loop.last %}{% break %}{% endif %}{% endfor %}"
    )
    assert found(folder) == []


def test_pad_is_eos_and_no_tokenizer(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    change(folder / "tokenizer_config.json", pad_token="<|im_end|>")
    assert warnings(folder) == ["pad and eos are the same token <|im_end|>"]
    (folder / "tokenizer.json").unlink()
    assert refusals(folder) == ["the folder has no tokenizer"]


def test_a_tokenizer_that_ends_every_prompt(tmp_path: Path) -> None:
    says = "the tokenizer puts <|im_end|> after every text"
    told = whole(tmp_path / "told")
    change(told / "tokenizer_config.json", add_eos_token=True)
    assert warnings(told) == [says]
    built = whole(tmp_path / "built")
    parts: list[dict[str, object]] = [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<|im_end|>"}}]
    change(built / "tokenizer.json", post_processor={"type": "TemplateProcessing", "single": parts})
    assert warnings(built) == [says]
    change(built / "tokenizer.json", post_processor={"type": "TemplateProcessing", "single": parts[::-1]})
    assert warnings(built) == []


# -- adapters -------------------------------------------------------------------------------------------------


def test_an_adapter_on_another_base(tmp_path: Path) -> None:
    whole(tmp_path / "base")
    adapter = lora(tmp_path / "lora")
    lineage.write(adapter, Lineage(method="lora", parent=read.read(tmp_path / "base").id))
    assert found(adapter) == []
    twin = whole(tmp_path / "twin", weights(value=0.25))
    assert refusals(adapter, base=twin) == ["the adapter was trained on another base"]
    (adapter / lineage.FILE).unlink()
    assert refusals(adapter, base=twin) == []  # without a history nothing tells twins apart
    wide = {"num_hidden_layers": 2, "vocab_size": 10}
    other = whole(tmp_path / "wide", weights(width=8), **wide)
    assert refusals(adapter, base=other) == ["the adapter's shapes are not the base's"]
    flat = whole(tmp_path / "flat", weights(layers=1), num_hidden_layers=1)
    assert refusals(adapter, base=flat) == ["1 modules of the adapter are not in the base"]
    deep = whole(tmp_path / "deep", weights(layers=3), num_hidden_layers=3)
    assert refusals(adapter, base=deep) == ["the adapter has 2 layers, the base 3"]
    change(adapter / "adapter_config.json", layers_to_transform=[0, 1])
    assert refusals(adapter, base=deep) == []


def test_an_adapter_whose_base_is_broken_or_absent(tmp_path: Path) -> None:
    base = whole(tmp_path / "base")
    adapter = lora(tmp_path / "lora")
    checkpoint = read.read(adapter)
    (base / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:-3])
    assert "is truncated" in refusals(adapter)[0]
    alone = Checkpoint(checkpoint.id, "lora", "adapter", str(adapter))
    assert [f.what for f in doctor.examine(alone)] == ["the adapter has no base"]


def test_an_adapter_that_changes_nothing_and_one_with_more_tokens(tmp_path: Path) -> None:
    whole(tmp_path / "base")
    assert warnings(lora(tmp_path / "zero", value=0.0)) == ["the adapter changes nothing"]
    more = lora(tmp_path / "more")
    tokens(more)
    vocab = {t: n for n, t in enumerate((*WORDS, *SPECIAL, "<think>"))}
    change(more / "tokenizer.json", model={"type": "BPE", "vocab": vocab, "merges": []})
    assert refusals(more) == ["the tokenizer has ids up to 10, the embedding 10 rows"]


# -- hostile folders ------------------------------------------------------------------------------------------


def bomb(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 300_000)


def nested(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"a":' * 200_000 + "1" + "}" * 200_000)


def text(folder: Path) -> None:
    (folder / "generation_config.json").write_bytes(b"\xff\xfe\x00garbage")


def circle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / ONE).symlink_to(folder / TWO)
    (folder / TWO).symlink_to(folder / ONE)
    put(folder / "model.safetensors.index.json", {"weight_map": {"a": ONE, "b": TWO}})


def escape(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    put(folder / "model.safetensors.index.json", {"weight_map": {"a": "../../etc/passwd", "b": ONE}})


def pipe(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    put(folder / "model.safetensors.index.json", {"weight_map": {"a": ONE}})


def wrong_types(folder: Path) -> None:
    put(
        folder / "tokenizer.json",
        {"model": {"vocab": [1, [], ["x"]]}, "added_tokens": [None, {"id": "7"}, {"id": 99, "content": "x"}]},
    )
    change(
        folder / "config.json",
        eos_token_id={"a": 1},
        text_config=[],
        architectures="x",
        quantization_config=[],
    )


@pytest.mark.parametrize("spoil", [bomb, nested, text, circle, escape, pipe, wrong_types])
def test_hostile_folders_are_refused_not_crashed_on(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = whole(tmp_path / "m")
    spoil(folder)
    started = time.monotonic()
    assert refusals(folder) != []
    assert time.monotonic() - started < 60  # a pipe that is opened would wait for ever


def test_refusing_findings_come_first_and_say_what_to_do(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m", num_hidden_layers=5, dtype="float16")
    change(folder / "tokenizer_config.json", pad_token="<|im_end|>")
    (folder / lineage.FILE).write_text("{")
    findings = found(folder)
    assert [f.level for f in findings] == ["refuse", "warn", "warn", "warn"]
    assert all(f.remedy and f.source == "doctor" for f in findings)


# -- deep -----------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_tokenizer_that_transformers_rewrites(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    folder = whole(tmp_path / "m", weights(vocab=600), vocab_size=600, eos_token_id=1)
    change(folder / "generation_config.json", eos_token_id=1)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # keeps 12 in one piece; Qwen2's rules don't
    learn = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<pad>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(["Question 12: 12 + 12 = 24"] * 9, learn)
    (folder / "chat_template.jinja").unlink()
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", pad_token="<pad>").save_pretrained(folder)
    assert found(folder) == []
    assert warnings(folder, deep=True) == ["AutoTokenizer splits text otherwise than tokenizer.json says"]


@pytest.mark.engine
def test_a_merge_that_did_nothing(tmp_path: Path, tiny_checkpoint: Path) -> None:
    import shutil

    shutil.copytree(tiny_checkpoint, tmp_path / "base")
    shutil.copytree(tiny_checkpoint, tmp_path / "merged")
    lineage.write(tmp_path / "merged", Lineage(method="merged", parent=read.read(tmp_path / "base").id))
    change(tmp_path / "merged" / "generation_config.json", temperature=0.5)
    assert "byte for byte" in " ".join(warnings(tmp_path / "merged", deep=True))
    assert warnings(tmp_path / "merged") == []
