"""Engines on odd checkpoints: stray weights, tied heads, added tokens, tokenizers and models with habits of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tinies import (
    STEMS,
    TINY_TEXTS,
    adapter,
    by_sample,
    copy,
    full,
    greedy,
    reference,
    requests,
    write_checkpoint,
    written,
)

from harness.checkpoints import doctor, read
from harness.engines import _answering, _asking
from harness.errors import UserError
from harness.records import Prompt, Settings

pytestmark = pytest.mark.engine
LONG = TINY_TEXTS[3] * 3


def texts_of(engine: Any, prompts: list[Prompt], tokens: int = 24, model: str = "m") -> dict[str, str]:
    found = by_sample(engine.answer(requests(prompts, Settings(max_tokens=tokens), model=model)))
    assert all(r.error is None for r in found.values())
    return {sample: r.text for (sample, _), r in found.items()}


def expected(path: Path, prompts: list[Prompt], tokens: int = 24, lora: Path | None = None) -> dict[str, str]:
    model, tokenizer = reference(path, lora)
    return {  # without a cache: generate() feeds Phi-3 one token without a past where the frequencies change
        p.sample: tokenizer.decode(
            greedy(model, tokenizer, p.text or "", tokens, cache=False), skip_special_tokens=True
        )
        for p in prompts
    }


# -- weights ----------------------------------------------------------------------------------------------------


def shards_beside(single: Path, other: Path, folder: Path) -> Path:
    """The single file counts; another model's shards with their index lie beside it."""
    reference(other)[0].save_pretrained(folder, max_shard_size="100KB")
    for file in copy(single, folder.with_name("single")).iterdir():
        file.replace(folder / file.name)
    return folder


def test_a_view_holds_the_weights_that_were_hashed(tiny_checkpoint: Path, tiny_other: Path, tmp_path: Path) -> None:
    from harness.engines._temporary import view

    beside = copy(tiny_checkpoint, tmp_path / "beside")
    (beside / "z_model.safetensors").write_bytes((tiny_other / "model.safetensors").read_bytes())
    for folder in (beside, shards_beside(tiny_checkpoint, tiny_other, tmp_path / "shards")):
        with view(folder) as exact:
            (only,) = exact.glob("*.safetensors")
            assert only.read_bytes() == (tiny_checkpoint / "model.safetensors").read_bytes()
            assert not list(exact.glob("*.index.json")) and (exact / "config.json").is_file()
        assert not exact.exists()
        found = [f.what for f in doctor.examine(read.read(folder))]
        assert "other weights lie beside those that count" in found


def test_a_file_of_another_name_and_an_adapter_beside_change_nothing(
    tiny_checkpoint: Path, tiny_adapter: Path, start: Any, tmp_path: Path
) -> None:
    folder = copy(tiny_checkpoint, tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).write_bytes((tiny_adapter / name).read_bytes())
    assert texts_of(start(full(folder)), written()) == expected(tiny_checkpoint, written())


def test_folders_of_the_dead_are_removed_and_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from harness.engines._temporary import temporary

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import os, tempfile; from harness.engines._temporary import temporary\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "with temporary('merged') as folder: (folder / 'x').write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = tmp_path.iterdir()
    kept = [tmp_path / f"bench-merged-{os.getpid()}-x", tmp_path / "bench-notes-1-x"]
    for folder in kept:
        folder.mkdir()
    with temporary("view") as mine:
        assert not left.exists() and sorted(tmp_path.iterdir()) == sorted([*kept, mine])


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("tied") / "tied", seed=12, tie_word_embeddings=True)


def lora(base: Path, folder: Path, more: int = 0, **how: Any) -> Path:
    from peft import LoraConfig, get_peft_model

    model, tokenizer = reference(base)
    if more:
        tokenizer.add_tokens([f"<new{i}>" for i in range(model.config.vocab_size - len(tokenizer) + more)])
        model.resize_token_embeddings(len(tokenizer))
        tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, **how))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.2)
            elif "modules_to_save" in name:
                weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "how",
    [
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": ["q_proj", "embed_tokens"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["q_proj"]},
    ],
)
def test_merged_equals_unmerged_where_head_and_embedding_are_tied(tied: Path, tmp_path: Path, how: Any) -> None:
    from harness.engines._merge import merged

    folder = lora(tied, tmp_path / "lora", **how)
    ids = torch.tensor([list(range(20, 120))])
    with torch.inference_mode(), merged(adapter(folder, tied)) as whole:
        ours, theirs = reference(whole)[0](ids).logits, reference(tied, folder)[0](ids).logits
        assert torch.allclose(ours, theirs, atol=2e-4)
        assert not torch.allclose(ours, reference(tied)[0](ids).logits, atol=0.1), "the adapter changes nothing"


def test_an_adapter_with_added_tokens_is_served_or_refused_by_both(
    tiny_checkpoint: Path, start: Any, tmp_path: Path
) -> None:
    both = ["embed_tokens", "lm_head"]
    folder = lora(tiny_checkpoint, tmp_path / "more", more=8, target_modules=["q_proj"], modules_to_save=both)
    checkpoint = read.read(folder, base=tiny_checkpoint)
    assert [f.what for f in doctor.examine(checkpoint) if f.level == "refuse"] == []
    found = texts_of(start(checkpoint), written(), model=checkpoint.id)
    assert found != expected(tiny_checkpoint, written()) and all(found.values())
    tensors = tmp_path / "more" / "adapter_model.safetensors"
    from safetensors.torch import load_file, save_file

    save_file({k: v for k, v in load_file(tensors).items() if "lm_head" not in k}, tensors)
    half = read.read(folder, base=tiny_checkpoint)
    assert "the adapter's embedding is not the base's" in [f.what for f in doctor.examine(half) if f.level == "refuse"]
    with pytest.raises(UserError, match=r"brings no head of that size$"):
        texts_of(start(half), written(), model=half.id)


# -- tokenizers -------------------------------------------------------------------------------------------------


def test_an_adapter_keeps_the_template_and_habits_of_whoever_has_them(
    tiny_checkpoint: Path, tiny_adapter: Path, start: Any, tmp_path: Path
) -> None:
    from harness.engines._folder import habits, tokenizer_of

    folder = copy(tiny_adapter, tmp_path / "lora")
    bare = read.read(folder, base=tiny_checkpoint)
    assert "template" in bare.parts
    asked = requests([Prompt("c", messages=(("user", "1 + 1?"),))], Settings(chat=True, max_tokens=3), model=bare.id)
    (response,) = start(bare).answer(asked)
    assert response.error is None and (response.prompt or "").startswith("<|im_start|>user")
    (folder / "chat_template.jinja").write_text("Q: {{ messages[0].content }}")
    (folder / "generation_config.json").write_text('{"repetition_penalty": 1.5, "eos_token_id": 7}')
    own = read.read(folder, base=tiny_checkpoint)
    (response,) = start(own).answer(requests([asked[0].prompt], asked[0].settings, model=own.id))
    assert response.prompt == "Q: 1 + 1?"
    found = habits(own, tokenizer_of(own))
    assert found.repetition_penalty == 1.5 and 7 in found.stop_ids


def test_an_end_token_after_a_prompt_is_taken_off(tiny_checkpoint: Path, start: Any, tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    _, tokenizer = reference(tiny_checkpoint)
    end = (tokenizer.eos_token, tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=f"$A {end[0]}", special_tokens=[end])
    folder = copy(tiny_checkpoint, tmp_path / "ending")
    tokenizer.save_pretrained(folder)
    assert reference(folder)[1]("1")["input_ids"][-1] == end[1], "this tokenizer adds nothing"
    prompts = [*written(), Prompt("o", STEMS[0], options=("A", "B 1"))]
    plain, ending = (
        by_sample(start(full(f)).answer(requests(prompts, Settings(max_tokens=12)))) for f in (tiny_checkpoint, folder)
    )
    for key, response in ending.items():
        assert (response.text, response.logprobs) == (plain[key].text, plain[key].logprobs)
        assert response.prompt_tokens == plain[key].prompt_tokens
        assert response.notes == ("eos_removed",) and plain[key].notes == ()


@pytest.mark.parametrize("special", [True, False])
def test_thinking_is_found_whether_its_marks_are_special_or_not(tiny_checkpoint: Path, special: bool) -> None:
    _, tokenizer = reference(tiny_checkpoint)
    tokenizer.add_tokens(["<think>", "</think>"], special_tokens=special)
    ids = tokenizer("<think>3 + 5</think>\n\n答案：8", add_special_tokens=False)["input_ids"]
    (request,) = requests([Prompt("g", "?")])
    (asked,) = _asking.ask_all([request], tokenizer, 4096)
    assert isinstance(asked, _asking.Asked)
    found = _answering.generated(asked, [*ids, tokenizer.eos_token_id], tokenizer, True, 0.0)
    assert (found.thinking, found.text) == ("3 + 5", "答案：8")
    assert found.output_tokens == len(ids) + 1
    assert found.thinking_tokens == ids.index(tokenizer.convert_tokens_to_ids("</think>")) + 1


def test_no_room_for_a_prompt_says_what_to_do(tiny_checkpoint: Path, start: Any) -> None:
    (response,) = start(full(tiny_checkpoint), max_model_len=64).answer(
        requests(written()[:1], Settings(max_tokens=64))
    )
    assert response.stop == "error"
    assert "--max-tokens N or a larger --max-model-len" in (response.error or "")


# -- models -----------------------------------------------------------------------------------------------------


HYBRID: dict[str, dict[str, Any]] = {
    "Lfm2": {"layer_types": ["conv", "full_attention"]},
    "Qwen3Next": {
        "layer_types": ["linear_attention", "full_attention"], "head_dim": 32, "linear_num_key_heads": 2,
        "linear_num_value_heads": 2, "linear_key_head_dim": 32, "linear_value_head_dim": 32, "num_experts": 4,
        "num_experts_per_tok": 2, "moe_intermediate_size": 64, "shared_expert_intermediate_size": 64,
    },
}  # fmt: skip


@pytest.mark.parametrize("architecture", HYBRID)
def test_rows_leave_a_hybrid_cache_when_they_end(architecture: str, start: Any, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / architecture, seed=11, architecture=architecture, **HYBRID[architecture])
    many = [Prompt(f"g{i}", LONG[: 11 * i] + stem) for i, stem in enumerate(STEMS * 3)]
    ends = tuple(range(300, 420))
    together, alone = (
        by_sample(start(full(path, stop_ids=ends), batch_size=n).answer(requests(many, Settings(max_tokens=24))))
        for n in (16, 1)
    )
    assert len({r.output_tokens for r in alone.values()}) > 2, "all rows end together"
    assert {k: r.text for k, r in together.items()} == {k: r.text for k, r in alone.items()}


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        ("Mpt", {"d_model": 64, "n_heads": 2, "n_layers": 2, "max_seq_len": 4096}),
        ("Falcon", {"alibi": True, "num_kv_heads": 2, "new_decoder_architecture": False, "multi_query": False}),
        (
            "Phi3",  # other frequencies past 128 tokens, for every row of a batch that has one such row
            {
                "original_max_position_embeddings": 128,
                "rope_scaling": {
                    "type": "longrope", "rope_type": "longrope", "original_max_position_embeddings": 128,
                    "short_factor": [1.0] * 16, "long_factor": [4.0] * 16,
                },
            },
        ),
    ],
)  # fmt: skip
def test_text_is_the_same_in_any_batch(architecture: str, shape: Any, start: Any, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / architecture, seed=10, architecture=architecture, **shape)
    prompts = [Prompt(f"g{i}", LONG + LONG[: 7 * (i % 9)] + STEMS[i % 5] + str(i)) for i in range(16)]
    prompts += [Prompt(f"h{i}", STEMS[i % 5] * (i + 1)) for i in range(10)]
    lengths = sorted(len(reference(path)[1](p.text)["input_ids"]) for p in prompts)
    assert lengths[0] + 24 < 128 < lengths[-1] and any(n <= 128 < n + 20 for n in lengths)
    together, alone = (texts_of(start(full(path), batch_size=n), prompts) for n in (16, 1))
    assert together == alone == expected(path, prompts)
    options = [Prompt(p.sample, p.text, options=("A", "B 12")) for p in prompts]
    many, single = (by_sample(start(full(path), batch_size=n).answer(requests(options))) for n in (16, 1))
    for key, response in many.items():
        assert response.logprobs == pytest.approx(single[key].logprobs, abs=1e-4)
