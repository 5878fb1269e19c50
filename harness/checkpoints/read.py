"""A path becomes a Checkpoint: full weights, an adapter on its base, or a hub id; with the identity of its parts.

Example: read("out/medical/checkpoint-500") -> Checkpoint(name="medical/checkpoint-500", kind="adapter", base="07ab…")
The id covers what changes an answer (weights, config, tokenizer, template, generation_config) and nothing else:
the same folder moved, renamed or saved by another transformers version is the same checkpoint.
Broken files do not stop the reading; the doctor says what is wrong with them.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import identity
from harness.checkpoints import _facts, _hub, _tokens, lineage, served
from harness.checkpoints._folder import Weights, adapter_weights, load_json, table, weights
from harness.errors import UserError
from harness.records import Checkpoint, Lineage

VOLATILE = {
    "config.json": ("_name_or_path", "transformers_version"),
    "generation_config.json": ("transformers_version", "_from_model_config"),
    "tokenizer_config.json": (
        "chat_template",
        "name_or_path",
        "tokenizer_file",
        "transformers_version",
        "is_local",
        "local_files_only",
    ),
    "adapter_config.json": ("base_model_name_or_path", "revision", "peft_version", "parent_library"),
}
CHEAP_BYTES = 1 << 30  # a second to hash
MEANINGLESS = re.compile(
    r"^(checkpoints?|ckpts?|step|epoch|iter|global_step|run|v|version)?[-_]?\d*$|"
    r"^v\d+-\d{8}-\d{6}$|"  # of ms-swift: the version and when it began
    r"^(final|best|last|latest|models?|output|out|hf|merged|adapter|adapters|lora|weights|export|exported)$",
    re.IGNORECASE,
)


def read(
    path: str | Path,
    base: str | Path | None = None,
    adapter: str | Path | None = None,
    name: str | None = None,
    cache: dict[str, str] | None = None,
) -> Checkpoint:
    """The checkpoint at `path`: a folder, an adapter folder (`base` overrides its own), a base with `adapter`, a hub id."""
    folder = _folder(path)
    if adapter is not None:
        if base is not None:
            raise UserError("give the base either as the model or with --base, not both")
        return _adapter(_folder(adapter), folder, name, cache)
    if (folder / "adapter_config.json").is_file() and not weights(folder).format:
        return _adapter(folder, None if base is None else _folder(base), name, cache)
    return _full(folder, name or _name(folder, path), cache)


def expand(pattern: str | Path) -> list[Path]:
    """The checkpoint folders of a glob in natural order (checkpoint-2 before checkpoint-10); a plain path as it is."""
    text = str(pattern)
    if not glob.has_magic(text) or Path(text).expanduser().exists():
        return [Path(text)]
    found = [Path(p) for p in glob.glob(str(Path(text).expanduser()), recursive=True)]  # noqa: PTH207 (Path.glob refuses absolute patterns)
    folders = [f for f in found if f.is_dir()]
    if not folders:
        raise UserError(
            f"no folder matches {text}" + (" (files do; name the folders)" if found else "; check the path")
        )
    return sorted(folders, key=lambda f: natural(str(f)))


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


# -- finding it ---------------------------------------------------------------------------------------------


def _folder(path: str | Path) -> Path:
    """The folder that a user's path or hub id means; UserError when there is none or it holds no checkpoint."""
    text = str(path)
    if text.lower().startswith(("http:/", "https:/")):  # not repeated: it may hold a key
        raise UserError(
            "a web address is no checkpoint folder; a server is asked with --endpoint URL --served-model NAME"
        )
    folder = _absolute(text)
    if folder.is_dir():
        _must_be_checkpoint(folder, text)
        return folder
    if folder.exists():
        raise UserError(f"{text} is a file; give the folder of the checkpoint")
    if not _hub.HUB_ID.match(text) or Path(text).parts[0] in (".", "..") or Path(text).parent.is_dir():
        raise UserError(f"{text} does not exist; give a checkpoint folder, an adapter folder or a hub id like org/name")
    folder = _hub.fetch(text)
    _must_be_checkpoint(folder, text)
    return folder


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (a symlink's own name is the one people know)


def _must_be_checkpoint(folder: Path, shown: str) -> None:
    if (folder / "adapter_config.json").is_file():
        return
    lacks = [] if (folder / "config.json").is_file() else ["config.json"]
    lacks += [] if weights(folder).format else ["weights (*.safetensors)"]
    if not lacks:
        return
    inside = _checkpoints_inside(folder)
    hint = f"; it holds {', '.join(inside)}: name one of them or {shown.rstrip('/')}/*" if inside else ""
    raise UserError(
        f"{shown} is not a checkpoint: no {' and no '.join(lacks)}" + (hint or "; give the folder that has both")
    )


def _checkpoints_inside(folder: Path) -> list[str]:
    try:
        entries = [f for f in folder.iterdir() if f.is_dir()]
    except OSError:
        return []
    names = [
        f.name
        for f in entries
        if (f / "adapter_config.json").is_file() or ((f / "config.json").is_file() and weights(f).format)
    ]
    names.sort(key=natural)
    return names if len(names) <= 5 else [*names[:4], f"… {len(names) - 4} more"]


def _base_of(folder: Path) -> Path:
    """The base folder that an adapter names, looked for where it may lie."""
    named = table(folder / "adapter_config.json").get("base_model_name_or_path")
    recipe = lineage.read(folder)
    hints: Iterable[Any] = (recipe.recipe.get("base"), recipe.recipe.get("model")) if recipe and recipe.recipe else ()
    candidates = [n for n in (named, *hints) if isinstance(n, str) and n not in ("", "None") and "\0" not in n]
    for text in candidates:
        # an absolute text stands for itself; PEFT writes a relative one as it was typed where training began
        for place in (folder / text, folder.parent / text, Path.cwd() / text):
            if (place / "config.json").is_file():
                return _absolute(place)
        found = _hub.cached(text) if _hub.HUB_ID.match(text) else None
        if found is not None:
            return found
    what = f"its base {candidates[0]} is not on this machine" if candidates else "it does not name its base"
    raise UserError(f"{folder.name} holds an adapter but {what}; pass --base PATH")


# -- the record ---------------------------------------------------------------------------------------------


def _full(folder: Path, name: str, cache: dict[str, str] | None) -> Checkpoint:
    found = weights(folder)
    parts = {"weights": _weights_digest(found, cache), **_text_parts([folder], "config.json", cache)}
    config = table(folder / "config.json")
    quantization = _facts.quantization(config, found)
    parameters, dtype = _facts.counted(found)
    history = _with_parent(lineage.read(folder), folder, cache)
    return Checkpoint(
        id=identity.checkpoint_id(parts, None),
        name=name,
        kind=_kind(quantization, history),
        path=str(folder),
        parts=parts,
        bytes=found.bytes + _facts.bytes_beside(folder, found),
        parameters=parameters,
        dtype=dtype or _facts.config_dtype(config),
        quantization=quantization,
        architecture=_facts.first(config.get("architectures")) or _facts.text(config.get("model_type")),
        context_tokens=_facts.context(config),
        stop_ids=_tokens.stop_ids(folder),
        lineage=history,
    )


def _adapter(folder: Path, base: Path | None, name: str | None, cache: dict[str, str] | None) -> Checkpoint:
    if not (folder / "adapter_config.json").is_file():
        raise UserError(f"{folder} is not an adapter: no adapter_config.json")
    found = adapter_weights(folder)
    if not found.format:
        raise UserError(f"{folder} has adapter_config.json but no adapter_model.safetensors; save the adapter again")
    base = base or _base_of(folder)
    if not weights(base).format:
        what = "an adapter itself; merge it first" if adapter_weights(base).format else "a folder without weights"
        raise UserError(f"the base {base} of {folder.name} is {what}")
    under = _full(base, _name(base, base), cache)
    parts = {"weights": _weights_digest(found, cache), **_text_parts([folder, base], "adapter_config.json", cache)}
    elements, dtype = _facts.counted(found)
    return Checkpoint(
        id=identity.checkpoint_id(parts, under.id),
        name=name or _name(folder, folder),
        kind="adapter",
        path=str(folder),
        base=under.id,
        base_path=str(base),
        parts=parts,
        bytes=found.bytes + (under.bytes or 0),
        parameters=None if elements is None or under.parameters is None else elements + under.parameters,
        dtype=under.dtype or dtype,
        quantization=under.quantization,
        architecture=under.architecture,
        context_tokens=under.context_tokens,
        stop_ids=tuple(sorted({*_tokens.stop_ids(folder), *under.stop_ids})),
        lineage=_with_parent(lineage.read(folder), folder, cache, (base, under.id)),
    )


def _with_parent(
    history: Lineage | None, folder: Path, cache: dict[str, str] | None, base: tuple[Path, str] | None = None
) -> Lineage | None:
    """Other trainers name a parent by its place: its id, where that is the base given or a small folder on this machine."""
    named = lineage.parent_place(folder) if history and history.parent is None else None
    if history is None or named is None or "\0" in named:
        return history
    try:
        if base is not None:  # one that was given instead of the named one is not what it was trained from
            return replace(history, parent=base[1]) if base[0] == _base_of(folder) else history
        places = [_absolute(at / Path(named).expanduser()) for at in (folder, folder.parent, Path.cwd())]
        found = next((_small_id(p, cache) for p in places if p != folder and (p / "config.json").is_file()), None)
    except (OSError, ValueError, RuntimeError, UserError):  # too long a name, a link to itself, ~nobody, no base
        return history
    return replace(history, parent=found)


def _small_id(folder: Path, cache: dict[str, str] | None) -> str | None:
    found = weights(folder)
    if not found.format or found.missing or found.bytes > CHEAP_BYTES:
        return None
    return identity.checkpoint_id(
        {"weights": _weights_digest(found, cache), **_text_parts([folder], "config.json", cache)}, None
    )


def _kind(quantization: str | None, history: Lineage | None) -> str:
    if quantization:
        return "quantised"
    if history and history.merge:  # an adapter of seqkd or grpo, say
        return "merged"
    return {"pretrain": "base", "lora": "merged", "merged": "merged"}.get((history and history.method) or "", "full")


def _weights_digest(found: Weights, cache: dict[str, str] | None) -> str:
    return identity.digest(sorted([f.name, identity.file_digest(f, cache)] for f in found.files))


def _text_parts(places: list[Path], config: str, cache: dict[str, str] | None) -> dict[str, str]:
    """The parts that are text, each only where there is one, from where an engine takes it."""
    folder = served.tokenizer_among(places)
    names = [n for n in _tokens.FILES if (folder / n).is_file()]
    tokenizer = [[n, identity.file_digest(folder / n, cache)] for n in names]
    settings = _json_digest(folder / "tokenizer_config.json")
    template = _tokens.template(served.template_among(places))
    parts = {
        "config": _json_digest(places[0] / config),
        "tokenizer": identity.digest([tokenizer, settings]) if tokenizer else None,
        "template": identity.digest(template) if template else None,
        "generation": _json_digest(served.generation_among(places) / served.GENERATION),
    }
    return {k: v for k, v in parts.items() if v is not None}


def _json_digest(path: Path) -> str | None:
    """Digest of a JSON file without its volatile keys; of its bytes where it is broken."""
    if not path.is_file():
        return None
    try:
        value = load_json(path) or {}
        kept = {k: v for k, v in value.items() if k not in VOLATILE.get(path.name, ())}
        if isinstance(kept.get("target_modules"), list):  # PEFT writes a set: another order in every process
            kept["target_modules"] = sorted(map(str, kept["target_modules"]))
        return identity.digest(kept)
    except (ValueError, RecursionError):
        return identity.file_digest(path)


def _name(folder: Path, asked: str | Path) -> str:
    """A short name that tells checkpoints apart: the hub id, or the end of the path from the last part that says something."""
    if not Path(asked).expanduser().is_dir():
        return str(asked)
    parts = folder.parts[1:]
    for part in parts:
        if part.startswith("models--"):  # a snapshot in the Hugging Face cache is named by a commit
            return part.removeprefix("models--").replace("--", "/", 1)
    if not parts:
        return "/"
    last = len(parts) - 1
    start = next((i for i in range(last, -1, -1) if not MEANINGLESS.match(parts[i])), last)
    between = [part for part in parts[start + 1 : last] if re.search(r"\d", part)]  # v2 says something, out doesn't
    return "/".join([*parts[start : start + 1], *between, *parts[max(start + 1, last) :]])
