"""Tokens of a checkpoint without loading a tokenizer: chat template, special tokens, their ids, vocabulary size.

Trap: transformers 5 writes the template to chat_template.jinja and the added tokens to tokenizer.json only;
older folders keep both in tokenizer_config.json. One has to look in all places.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.checkpoints._folder import table

FILES = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "added_tokens.json",
    "special_tokens_map.json", "spiece.model", "sentencepiece.bpe.model", "qwen.tiktoken",
)  # fmt: skip
BESIDE = ("merges.txt", "added_tokens.json", "special_tokens_map.json")  # of a tokenizer, and none alone


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FILES if name not in BESIDE)


def template(folder: Path) -> str | None:
    """The chat template wherever it lies; of several named ones, the default."""
    jinja = folder / "chat_template.jinja"
    if jinja.is_file():
        try:
            return jinja.read_text("utf-8")
        except (OSError, ValueError):
            return None
    for name in ("chat_template.json", "tokenizer_config.json"):
        value = table(folder / name).get("chat_template")
        if isinstance(value, list):  # [{"name": "default", "template": …}, {"name": "tool_use", …}]
            named = {t.get("name"): t.get("template") for t in value if isinstance(t, dict)}
            value = named.get("default") or next(iter(named.values()), None)
        if isinstance(value, str) and value:
            return value
    return None


def special(folder: Path, which: str) -> str | None:
    """The text of eos_token, bos_token, pad_token …"""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        value = table(folder / name).get(which)
        if isinstance(value, dict):
            value = value.get("content")
        if isinstance(value, str):
            return value
    return None


def added(folder: Path) -> dict[str, int]:
    """Added (special) tokens and their ids, from all the places where they may stand."""
    ids: dict[str, int] = {}
    for entry in _list(table(folder / "tokenizer.json").get("added_tokens")):
        if isinstance(entry, dict) and isinstance(entry.get("content"), str) and isinstance(entry.get("id"), int):
            ids[entry["content"]] = entry["id"]
    for text, number in table(folder / "added_tokens.json").items():
        if isinstance(number, int):
            ids.setdefault(text, number)
    decoder = table(folder / "tokenizer_config.json").get("added_tokens_decoder")
    for number, entry in (decoder if isinstance(decoder, dict) else {}).items():
        if isinstance(entry, dict) and isinstance(entry.get("content"), str) and str(number).isdigit():
            ids.setdefault(entry["content"], int(number))
    return ids


def vocabulary(folder: Path) -> dict[str, int]:
    """The whole vocabulary with the added tokens; only the added ones for a sentencepiece-only tokenizer."""
    model = table(folder / "tokenizer.json").get("model")
    base = model.get("vocab") if isinstance(model, dict) else None
    ids: dict[str, int] = {}
    if isinstance(base, dict):
        ids = {t: n for t, n in base.items() if isinstance(n, int)}
    elif isinstance(base, list):  # unigram: [[token, score], …]
        ids = {
            entry[0]: n
            for n, entry in enumerate(base)
            if isinstance(entry, list) and entry and isinstance(entry[0], str)
        }
    else:
        ids = {t: n for t, n in table(folder / "vocab.json").items() if isinstance(n, int)}
    return ids | added(folder)


def adds_eos(folder: Path) -> bool:
    """Whether encoding a text puts the end token after it, which leaves a prompt nothing to go on with."""
    if table(folder / "tokenizer_config.json").get("add_eos_token") is True:
        return True
    end = special(folder, "eos_token")
    processor = table(folder / "tokenizer.json").get("post_processor")
    processor = processor if isinstance(processor, dict) else {}
    for one in (processor, *_list(processor.get("processors"))):
        last = (_list(one.get("single")) if isinstance(one, dict) else [])[-1:]
        token = last[0].get("SpecialToken") if last and isinstance(last[0], dict) else None
        if end is not None and isinstance(token, dict) and token.get("id") == end and len(one["single"]) > 1:
            return True
    return False


def id_of(folder: Path, token: str | None) -> int | None:
    if token is None:
        return None
    known = added(folder)
    return known[token] if token in known else vocabulary(folder).get(token)


def ids(value: Any) -> tuple[int, ...]:
    """eos_token_id as tuple: absent, one number or a list of numbers."""
    values = value if isinstance(value, list) else [value]
    return tuple(v for v in values if type(v) is int)


def stop_ids(folder: Path) -> tuple[int, ...]:
    """Union of what generation_config, config and tokenizer call the end; engines stop at any of them."""
    found = set(ids(table(folder / "generation_config.json").get("eos_token_id")))
    config = table(folder / "config.json")
    inner = config.get("text_config")
    found |= set(ids(config.get("eos_token_id")))
    found |= set(ids(inner.get("eos_token_id"))) if isinstance(inner, dict) else set()
    end = id_of(folder, special(folder, "eos_token"))
    return tuple(sorted(found | ({end} if end is not None else set())))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
