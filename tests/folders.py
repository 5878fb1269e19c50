"""Checkpoint folders written byte by byte, so that a test can break exactly one thing; no torch.

Example: `whole(tmp_path / "m")` is a two-layer checkpoint without a flaw; `whole(path, vocab=9)` one with nine rows.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

BYTES = {"F32": 4, "F16": 2, "BF16": 2}
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
WORDS = ("a", "b", "c", "d", "e", "f", "g")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
WIDTH = 4

Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]


def tensor(shape: tuple[int, ...], value: float = 0.5, dtype: str = "F32") -> tuple[str, tuple[int, ...], bytes]:
    form = {"F32": "<f", "F16": "<e"}
    one = struct.pack("<f", value)[2:] if dtype == "BF16" else struct.pack(form[dtype], value)
    return dtype, shape, one * math.prod(shape)


def safetensors(path: Path, tensors: Tensors) -> Path:
    head: dict[str, Any] = {}
    body = b""
    for name, (dtype, shape, content) in tensors.items():
        head[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [len(body), len(body) + len(content)],
        }
        body += content
    text = json.dumps(head).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def weights(layers: int = 2, vocab: int = 10, width: int = WIDTH, value: float = 0.5) -> Tensors:
    found = {"model.embed_tokens.weight": tensor((vocab, width), value)}
    for layer in range(layers):
        found[f"model.layers.{layer}.self_attn.q_proj.weight"] = tensor((width, width), value)
        found[f"model.layers.{layer}.mlp.up_proj.weight"] = tensor((2 * width, width), value)
    return found


def tokens(folder: Path, **config: Any) -> None:
    vocab = {word: n for n, word in enumerate((*WORDS, *SPECIAL))}
    added = [{"id": vocab[t], "content": t, "special": True} for t in SPECIAL]
    put(
        folder / "tokenizer.json",
        {"model": {"type": "BPE", "vocab": vocab, "merges": []}, "added_tokens": added},
    )
    put(folder / "tokenizer_config.json", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", **config})
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")


def whole(folder: Path, tensors: Tensors | None = None, **config: Any) -> Path:
    """A checkpoint without a flaw; `config` goes into config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    safetensors(folder / "model.safetensors", weights() if tensors is None else tensors)
    fields = {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 10, "num_hidden_layers": 2,
        "tie_word_embeddings": True, "max_position_embeddings": 128, "dtype": "float32", "eos_token_id": 9,
    }  # fmt: skip
    put(folder / "config.json", fields | config)
    put(folder / "generation_config.json", {"eos_token_id": [9, 7], "transformers_version": "5.0.0"})
    tokens(folder)
    return folder


def lora(
    folder: Path,
    base: str = "../base",
    layers: int = 2,
    width: int = WIDTH,
    value: float = 0.5,
    **config: Any,
) -> Path:
    """An adapter folder for `whole`: rank 2 on every q_proj."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for layer in range(layers):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_"
        found[f"{name}A.weight"], found[f"{name}B.weight"] = tensor((2, width)), tensor((width, 2), value)
    safetensors(folder / "adapter_model.safetensors", found)
    fields = {
        "peft_type": "LORA",
        "r": 2,
        "target_modules": ["q_proj", "k_proj"],
        "base_model_name_or_path": base,
    }
    put(folder / "adapter_config.json", fields | config)
    return folder


def put(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")


def change(path: Path, **values: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    content = json.loads(path.read_text("utf-8")) | values
    put(path, {k: v for k, v in content.items() if v is not None})
