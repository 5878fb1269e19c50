"""What lies in a checkpoint folder: its JSON files, and the one weight format that will be served.

A downloaded folder often holds the same weights two or three times: model.safetensors, pytorch_model.bin and
consolidated.safetensors. Only one counts, chosen as the loaders choose: safetensors over pickles over GGUF, and
with an index only the shards that it names. Optimizer state and training_args.bin are never weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

LARGE_BYTES = range(1 << 18, 1 << 26)  # worth keeping parsed, and not too much to keep
JSON_LIMIT_BYTES = 200_000_000  # the largest tokenizer.json in the wild is about 35 MB
NOT_WEIGHTS = re.compile(r"(adapter_|optimizer|scheduler|training_args|rng_state|consolidated|scaler|random_states)")
SHARD = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})(?P<suffix>\.\w+)$")


class Unreadable(ValueError):
    """A JSON file that is there and can't be used; the text says why."""


def load_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, None when the file is absent; Unreadable when it is broken, huge or no object."""
    if not path.is_file():
        return None
    try:
        stat = path.stat()
        if stat.st_size > JSON_LIMIT_BYTES:
            raise Unreadable(f"{path.name} has {stat.st_size} bytes, far too many")
        # a tokenizer of 11 MB is asked for ten times per checkpoint, and takes a fifth of a second to parse
        stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        value = _kept(path, stamp) if stat.st_size in LARGE_BYTES else _parsed(path)
    except OSError as error:
        raise Unreadable(f"{path.name} can't be read: {error.strerror or error}") from None
    except RecursionError:
        raise Unreadable(f"{path.name} is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"{path.name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{path.name} holds no JSON object")
    return value


def _parsed(path: Path) -> Any:
    return json.loads(path.read_text("utf-8-sig"))


@lru_cache(maxsize=2)
def _kept(path: Path, stamp: tuple[int, ...]) -> Any:
    """Read once while it stays as it is; nobody may change what comes back."""
    return _parsed(path)


def table(path: Path) -> dict[str, Any]:
    """Like load_json, but a broken or absent file is an empty table: for facts that the doctor reports on anyway."""
    try:
        return load_json(path) or {}
    except Unreadable:
        return {}


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of the one weight format to be served; `missing` are named by the index or the numbering."""

    format: str  # safetensors | bin | gguf | "" (none)
    files: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    index: Path | None = None

    @property
    def bytes(self) -> int:
        return sum(file.stat().st_size for file in self.files)


def weights(folder: Path) -> Weights:
    """Full weights of a folder; format "" when it has none."""
    for format_, single, suffixes in (
        ("safetensors", "model.safetensors", (".safetensors",)),
        ("bin", "pytorch_model.bin", (".bin", ".pt", ".pth")),
    ):
        found = _of_format(folder, format_, single, suffixes)
        if found.files or found.missing:
            return found
    files = weight_files(folder, (".gguf",))
    return Weights("gguf", files) if files else Weights("")


def adapter_weights(folder: Path) -> Weights:
    """The weights of an adapter folder; format "" when it has none."""
    for format_ in ("safetensors", "bin"):
        path = folder / f"adapter_model.{format_}"
        if path.is_file():
            return Weights(format_, (path,))
    return Weights("")


def _of_format(folder: Path, format_: str, single: str, suffixes: tuple[str, ...]) -> Weights:
    if (folder / single).is_file():
        return Weights(format_, (folder / single,))
    index = folder / f"{single}.index.json"
    names = _indexed(index)
    if names:
        present = tuple(folder / n for n in names if (folder / n).is_file())
        return Weights(format_, present, tuple(n for n in names if not (folder / n).is_file()), index)
    files = weight_files(folder, suffixes)
    return Weights(format_, files, _unnumbered(files))


def _indexed(index: Path) -> list[str]:
    """Shard names of an index; a name that leaves the folder is not a shard."""
    mapping = table(index).get("weight_map")
    if not isinstance(mapping, dict):
        return []
    names = {v for v in mapping.values() if isinstance(v, str)}
    return sorted(n for n in names if n and "/" not in n and "\\" not in n and "\0" not in n)


def weight_files(folder: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """Files that may hold weights, of any save."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return ()
    return tuple(f for f in entries if f.suffix in suffixes and not NOT_WEIGHTS.match(f.name) and f.is_file())


def _unnumbered(files: Iterable[Path]) -> tuple[str, ...]:
    """Parts that the numbering promises and the folder lacks: model-00001-of-00002 alone lacks the second."""
    present = {f.name for f in files}
    promised: set[str] = set()
    for match in filter(None, map(SHARD.match, sorted(present))):
        parts = min(int(match["parts"]), 10_000)
        promised |= {f"{match['stem']}-{i:05d}-of-{match['parts']}{match['suffix']}" for i in range(1, parts + 1)}
    return tuple(sorted(promised - present))
