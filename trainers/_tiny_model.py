"""The tiny checkpoints' tokenizer and models: real Qwen2 files of half a megabyte, which every engine loads.

Qwen2's own digit-splitting pre-tokenizer with 448 tokens; 2 layers, tied embeddings, heads of 32 numbers (vLLM's CPU
kernels know no smaller ones). Trap: with another pre-tokenizer AutoTokenizer would silently put Qwen2's in its place,
because the config says `qwen2`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from trainers._export_files import share

END, START, PAD = "<|im_end|>", "<|im_start|>", "<|endoftext|>"
TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
HEAD_SIZE = 32
CONTEXT_TOKENS = 512


def tokenizer(texts: Iterable[str], size: int) -> Any:
    """A byte-level BPE of `size` tokens with Qwen2's rules; few merges, because merged digits can't be added up."""
    qwen = Qwen2Tokenizer().backend_tokenizer
    plain = Tokenizer(models.BPE())
    plain.normalizer, plain.pre_tokenizer = qwen.normalizer, qwen.pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learn = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[PAD, START, END], initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(texts, learn)
    learned = json.loads(plain.to_str())["model"]
    made = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(pair) for pair in learned["merges"]],
        eos_token=END,
        pad_token=PAD,
        unk_token=PAD,
        extra_special_tokens=[START],
        model_max_length=CONTEXT_TOKENS,
    )
    made.chat_template = TEMPLATE
    return made


def model(tokens: Any, shape: Mapping[str, Any], seed: int) -> Any:
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=-(-len(tokens) // 64) * 64,
        hidden_size=shape["width"],
        intermediate_size=3 * shape["width"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["width"] // HEAD_SIZE,
        num_key_value_heads=shape["width"] // HEAD_SIZE,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(config)


def save(made: Any, tokens: Any, folder: Path) -> None:
    """Weights, tokenizer with template, generation_config with the stop token."""
    made.generation_config.eos_token_id = tokens.eos_token_id
    made.generation_config.pad_token_id = tokens.pad_token_id
    made.generation_config.do_sample = False
    made.save_pretrained(folder)
    tokens.save_pretrained(folder)
    share(folder)


def versions() -> dict[str, str]:
    names = ("torch", "transformers", "peft", "tokenizers")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
