"""Tiny real checkpoints, requests for them, and what plain transformers says about both; used by several test files.

Example: `write_checkpoint(tmp_path / "x", seed=1)`; `naive(*reference(path), "…答案：", "A")` -> (-5.2, False)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.records import Checkpoint, Prompt, Request, Response, Settings

TINY_TEXTS = (
    "小明有三个苹果，又买了五个，一共有几个苹果？答案：八个。",
    "下列哪一项是光合作用的产物？\nA. 氧气\nB. 氮气\nC. 氢气\nD. 氦气\n答案：A",
    "患者因发热、咳嗽三天就诊，首先应做哪项检查？\nA. 血常规\nB. 心电图\nC. 胃镜\nD. 脑电图\n答案：A",
    "Question: A train travels 60 miles in 2 hours. How many miles does it travel in one hour?\nAnswer: 30",
    "The first and the second number add up to 12; let us think step by step. So the answer is 7.",
    "请一步一步地思考，最后写出答案。因为 3 + 5 = 8，所以答案是 8。",
)
TINY_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{{ 'assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}<think>{{ '\n\n' }}</think>{{ '\n\n' }}{% endif %}"
    "{% endif %}"
)
HEAD = "以下是中国关于生物考试的单项选择题，请选出其中的正确答案。\n\n"
SHOT = "下列哪一项是光合作用的产物？\nA. 氧气\nB. 氮气\nC. 氢气\nD. 氦气\n答案：A\n\n"
STEMS = (
    "1 加 12 等于几？",
    "What is the answer to 7?",
    "患者因发热就诊，首先应做哪项检查？",
    "光",
    "3 + 5 = 8 吗？请一步一步地思考。",
)
PLAIN = Settings()
OFTEN = tuple(range(300, 340))  # as stop ids they end a random model's text sooner or later
LETTERS = ("A", "B", "C", "D")
TEXTS = ("氧气", "three apples", "血常规和心电图", "8", "one two three four five six seven")


def full(path: Path, identifier: str = "m", **fields: Any) -> Checkpoint:
    return Checkpoint(identifier, identifier, "full", str(path), **fields)


def adapter(path: Path, base: Path) -> Checkpoint:
    return Checkpoint("a", "a", "adapter", str(path), base="m", base_path=str(base))


def letters(stems: Sequence[str] = STEMS, shots: int = 3) -> list[Prompt]:
    return [Prompt(f"s{i}", HEAD + SHOT * shots + s + "\n答案：", options=LETTERS) for i, s in enumerate(stems)]


def texts(stems: Sequence[str] = STEMS) -> list[Prompt]:
    return [Prompt(f"t{i}", HEAD + SHOT + s + "\nAnswer:", options=TEXTS[: 2 + i % 4]) for i, s in enumerate(stems)]


def written(stems: Sequence[str] = STEMS) -> list[Prompt]:
    return [Prompt(f"g{i}", HEAD * (i % 3) + s) for i, s in enumerate(stems)]


def requests(
    prompts: Iterable[Prompt], settings: Settings = PLAIN, model: str = "m", repeats: int = 1
) -> list[Request]:
    return [Request("r", model, p.sample, n, p, settings) for p in prompts for n in range(repeats)]


def by_sample(responses: Iterable[Response]) -> dict[tuple[str, int], Response]:
    found: dict[tuple[str, int], Response] = {}
    for response in responses:
        assert (response.sample, response.repeat) not in found, "answered twice"
        found[response.sample, response.repeat] = response
    return found


def reference(path: Path, adapter: Path | None = None, attention: str | None = None) -> tuple[Any, Any]:
    """Model and tokenizer as plain transformers and peft load them."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # without the eager kernel Gemma 2 loses the cap on its attention scores
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation=attention)
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval(), AutoTokenizer.from_pretrained(path)


@torch.inference_mode()
def naive(model: Any, tokenizer: Any, context: str, option: str) -> tuple[float, bool]:
    """One option by one full forward pass; white space at the end of the context belongs to the option."""
    bare = context.rstrip()
    head = tokenizer(bare)["input_ids"]
    tail = tokenizer(context + option)["input_ids"][len(head) :]
    logprobs = model(torch.tensor([head + tail])).logits[0, len(head) - 1 : -1].log_softmax(-1)
    picked = logprobs[range(len(tail)), tail]
    return float(picked.sum()), logprobs.argmax(-1).tolist() == tail


@torch.inference_mode()
def greedy(model: Any, tokenizer: Any, text: str, tokens: int, cache: bool = True) -> list[int]:
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    out: list[int] = model.generate(ids, max_new_tokens=tokens, do_sample=False, use_cache=cache)[
        0, ids.shape[1] :
    ].tolist()
    return out


def copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def assert_same_options(response: Response, model: Any, tokenizer: Any, prompt: Prompt) -> None:
    assert prompt.text is not None and prompt.options is not None and response.logprobs is not None
    expected = [naive(model, tokenizer, prompt.text, option) for option in prompt.options]
    assert response.logprobs == pytest.approx([e[0] for e in expected], abs=1e-4)
    assert response.greedy == tuple(e[1] for e in expected)


def without_weight(source: Path, target: Path, name: str = "model.layers.1.mlp.down_proj.weight") -> Path:
    from safetensors.torch import load_file, save_file

    weights = load_file(copy(source, target) / "model.safetensors")
    del weights[name]
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


def write_checkpoint(
    folder: Path,
    seed: int = 0,
    texts: Sequence[str] = TINY_TEXTS,
    vocabulary: int = 600,
    context: int = 4096,
    architecture: str = "Qwen2",
    **shape: Any,
) -> Path:
    """A randomly initialised checkpoint of a few hundred thousand float32 weights; returns `folder`."""
    import transformers

    tokenizer = _tiny_tokenizer(texts, vocabulary, context)
    torch.manual_seed(seed)
    fields: dict[str, Any] = {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,  # head_dim 32: vLLM's CPU kernels take no smaller one
        "num_key_value_heads": 1,
        "max_position_embeddings": context,
        "initializer_range": 0.2,  # the usual 0.02 gives logits so flat that every comparison passes
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "dtype": "float32",
    }
    config = getattr(transformers, f"{architecture}Config")(**(fields | shape))
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tiny_tokenizer(texts: Sequence[str], vocabulary: int, context: int) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=context
    )
    tokenizer.chat_template = TINY_TEMPLATE
    return tokenizer


THINKER_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{{ 'assistant\n' }}"
    "{% if thinking is defined and not thinking %}</think>{% else %}<think>{{ '\n' }}{% endif %}{% endif %}"
)
TURN = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
THINKER_REPLIES = {  # prompt as the model sees it -> what it says
    "1 + 17 =": "<think>3\n\nQuestion: 4</think>\n\n18\n\nQuestion: 5",
    TURN.format("one") + "<think>\n": "a\n\nQuestion: b</think>\n\n18<|im_end|>",
    TURN.format("two") + "<think>\n": "so 18<|im_end|>",  # ends and never closes
    TURN.format("one") + "</think>": "18<|im_end|>",
}


def learn(model: Any, rows: Sequence[tuple[list[int], list[int]]], *, rate: float, enough: float) -> None:
    """The model learns by heart what comes behind each head; it must end below the loss `enough`."""
    longest = max(len(head) + len(tail) for head, tail in rows)
    ids = torch.tensor([[*h, *t, *[0] * (longest - len(h) - len(t))] for h, t in rows])
    labels = torch.tensor([[*[-100] * len(h), *t, *[-100] * (longest - len(h) - len(t))] for h, t in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(300):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.005:
            break
    assert loss.item() < enough, "it has not learnt its lines"


def write_thinker(folder: Path) -> Path:
    """The checkpoint in `folder` learns THINKER_REPLIES by heart and gets a template that opens its thinking."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = THINKER_TEMPLATE
    rows = [
        (tokenizer(prompt)["input_ids"], tokenizer(reply, add_special_tokens=False)["input_ids"])
        for prompt, reply in THINKER_REPLIES.items()
    ]
    learn(model, rows, rate=3e-3, enough=0.05)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
