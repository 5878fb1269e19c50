"""The files around the weights: tokenizer and template of the parent to the byte, its config, and where answers end.

Example: a parent whose template ends a turn with <|im_end|> while its generation_config.json stops at <|endoftext|> only
leaves a child that stops at both: it learnt to write <|im_end|>, and would otherwise run to the limit each time.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from harness.checkpoints import _tokens, served, template
from harness.checkpoints._folder import table
from harness.errors import UserError
from harness.records import Checkpoint

BESIDE = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json", "added_tokens.json")
NEAR = 4  # levels up to a folder that both share; beyond, a relative path is no help when one of the two is moved


def stop_ids(checkpoint: Checkpoint, tokenizer: Any, template_text: str | None) -> tuple[int, ...]:
    """All that ends an answer: of generation_config, config and tokenizer, and what the template puts after one."""
    found = set(checkpoint.stop_ids)
    if tokenizer.eos_token_id is not None:
        found.add(int(tokenizer.eos_token_id))
    closing = _closing(tokenizer, template_text)
    return tuple(sorted(found | ({closing} if closing is not None else set())))


def _closing(tokenizer: Any, template_text: str | None) -> int | None:
    if template_text is None:
        return None
    special = {name: getattr(tokenizer, name, None) or "" for name in template.SPECIAL}
    try:
        written = template.render(template_text, template.TURNS, special)
    except Exception:  # a template is a program and may fail in any way; the doctor has told about it
        return None
    if template.MARK not in written:
        return None
    after = written.rpartition(template.MARK)[2].lstrip()
    added = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
    text = max((t for t in added if t and after.startswith(t)), key=len, default=None)
    return None if text is None else added[text]


def copy_texts(checkpoint: Checkpoint, template_text: str | None, folder: Path) -> None:
    """Tokenizer and template; a template that the recipe brings is written beside the parent's files."""
    source = served.tokenizer_folder(checkpoint)
    for name in dict.fromkeys((*_tokens.FILES, *BESIDE)):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    if template_text is not None and _tokens.template(folder) != template_text:
        (folder / "chat_template.jinja").write_text(template_text, "utf-8")


def write_generation(checkpoint: Checkpoint, tokenizer: Any, stops: tuple[int, ...], folder: Path) -> None:
    """What the parent asks for, with our stop tokens."""
    asked = dict(table(served.generation_folder(checkpoint) / served.GENERATION))
    asked["eos_token_id"] = stops[0] if len(stops) == 1 else list(stops)
    if asked.get("pad_token_id") is None and tokenizer.pad_token_id is not None:
        asked["pad_token_id"] = tokenizer.pad_token_id
    _write(folder / served.GENERATION, asked)


def write_config(parent: Path, folder: Path, dtype: str) -> None:
    """The parent's config.json with what has changed: dtype and tie; where the model is of another class, its own."""
    saved, own = table(folder / "config.json"), dict(table(parent / "config.json"))
    if own.get("architectures") != saved.get("architectures"):
        own = saved
    for name in [n for n in ("dtype", "torch_dtype") if n in own] or ["dtype"]:
        own[name] = dtype
    inner = own.get("text_config")
    for config in (own, inner if isinstance(inner, dict) else {}):
        for name in ("dtype", "torch_dtype"):
            if name in config:
                config[name] = dtype
        if "tie_word_embeddings" in saved and ("tie_word_embeddings" in config or config is own):
            config["tie_word_embeddings"] = saved["tie_word_embeddings"]
    own.pop("quantization_config", None)
    _write(folder / "config.json", own)


def name_base(folder: Path, checkpoint: Checkpoint, out: Path) -> None:
    """Write into adapter_config.json where the base lies, as seen from `out`; sorted, so that equal adapters are equal."""
    path = folder / "adapter_config.json"
    config = dict(table(path))
    if not config:
        raise UserError(f"{path.name} of the adapter could not be written; look at the disk of {out.parent}")
    config["base_model_name_or_path"], config["revision"] = base_of(checkpoint, out)
    if isinstance(config.get("target_modules"), list):
        config["target_modules"] = sorted(config["target_modules"])
    _write(path, dict(sorted(config.items())))


def base_of(checkpoint: Checkpoint, out: Path) -> tuple[str, str | None]:
    """(how an adapter in `out` names its base, revision): a hub id for a cached one, a relative path where it is near."""
    base = Path(checkpoint.path or "")
    for part, after in zip(base.parts, base.parts[1:], strict=False):
        if part.startswith("models--") and after == "snapshots":
            return part.removeprefix("models--").replace("--", "/", 1), base.name
    way = Path(os.path.relpath(base.absolute(), out.absolute()))
    return str(way if way.parts.count("..") <= NEAR else base.absolute()), None


def share(folder: Path) -> None:
    """Files as open as the others of this user: safetensors leaves the weights for nobody but their owner."""
    usual = (folder / served.GENERATION).stat().st_mode & 0o777
    for path in folder.iterdir():
        path.chmod(usual)


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
