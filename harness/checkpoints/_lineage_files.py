"""The files that a trainer leaves beside its weights, read with a limit on everything: they may come from anywhere.

Example: `Traces.of(Path("out/checkpoint-500"))` has trainer_state.json of the folder itself, and ms-swift's args.json of
`out`, since a checkpoint inside an output folder belongs to the training above it, as far as nothing speaks against that.
Trap: a link may point at any file of the reader's disk, and what is read is published; so a link out of the folder is
not followed, but for the blobs of a hub cache. training_args.bin is a pickle and is never opened.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.checkpoints._folder import load_json
from harness.checkpoints._lineage_values import number, whole

STATE_BYTES = 64_000_000  # of trainer_state.json: 100,000 logged steps are 20 MB
JSON_BYTES = 4_000_000
TEXT_BYTES = 262_144  # of a README or YAML file; PyYAML takes seconds for a megabyte
LOG_BYTES = 20_000_000
LOG_LINES = 200_000
TOKENS = 20_000  # of a YAML file
DEEP = 40  # libyaml has a stack of its own, and PyYAML's C loader dies of 1,000 levels
SAVED = re.compile(r"^checkpoint-(\d{1,9})(?:-merged)?$")
TELLING = ("### Training hyperparameters", "axolotl version:", "[TRL]")
YAMLS = ("training_args.yaml", "axolotl_config.yaml", "axolotl_config.yml", "config.yaml", "config.yml")
Table = Mapping[str, Any]


@dataclass(frozen=True)
class Traces:
    """What was found; an empty table where there is no such file, or none that can be used."""

    folder: Path
    saved_at: int | None = None  # N of checkpoint-N
    state: Table = field(default_factory=dict)  # trainer_state.json
    results: Table = field(default_factory=dict)  # train_results.json, else all_results.json
    log: tuple[Table, ...] = ()  # trainer_log.jsonl of LLaMA-Factory
    adapter: Table = field(default_factory=dict)  # adapter_config.json
    args: Table = field(default_factory=dict)  # args.json of ms-swift
    config: Table = field(default_factory=dict)  # a trainer's YAML
    card: str = ""  # README.md
    above: bool = False  # some of it lies in the output folder

    @classmethod
    def of(cls, folder: Path) -> Traces:
        mine = _lying(folder)
        saved = SAVED.match(folder.name)
        if saved is None:
            return cls(folder, **mine)
        step = int(saved[1])
        over = _lying(folder.parent)
        if not any(over.values()) or not _same_training(mine, over, step):
            return cls(folder, step, **mine)
        del over["results"]  # of the whole training, not of the part before this save
        if mine["state"]:
            del over["state"]
        if not any(mark in mine["card"] for mark in TELLING):  # PEFT puts a card without settings beside every save
            mine["card"] = over["card"] or mine["card"]
        filled = {name: mine.get(name) or found for name, found in over.items()}
        return cls(
            folder, step, **{**mine, **filled}, above=any(found and not mine[name] for name, found in over.items())
        )


def _lying(folder: Path) -> dict[str, Any]:
    results = _json(folder, "train_results.json") or _json(folder, "all_results.json")
    args = _json(folder, "args.json")
    return {
        "state": _json(folder, "trainer_state.json", STATE_BYTES),
        "results": results if "train_runtime" in results or "train_loss" in results else {},
        "log": tuple(_lines(folder, "trainer_log.jsonl")),
        "adapter": _json(folder, "adapter_config.json"),
        "args": args if {"train_type", "tuner_type", "sft_type"} & args.keys() else {},  # others write args.json too
        "config": next(filter(None, (_yaml(folder, name) for name in YAMLS)), {}),
        "card": _text(folder, "README.md"),
    }


def _same_training(mine: Mapping[str, Any], over: Mapping[str, Any], step: int) -> bool:
    """Whether what lies in the output folder may be about this save: one thing that differs is enough to say no."""
    small, large = mine["state"], over["state"]
    if whole(large.get("global_step")) is not None and large["global_step"] < step:
        return False
    if mine["adapter"] and over["adapter"]:
        keys = ("r", "lora_alpha", "base_model_name_or_path", "peft_type")
        if any(mine["adapter"].get(key) != over["adapter"].get(key) for key in keys):
            return False
    if bool(mine["adapter"]) < bool(over["adapter"]) and not mine["args"]:
        return False  # full weights under the output folder of an adapter
    if small and large:
        same = all(small.get(key) == large.get(key) for key in ("max_steps", "train_batch_size"))
        return same and _losses(small) == _losses(large)[: len(_losses(small))]
    if small and over["log"]:
        return whole(small.get("max_steps")) in (None, whole(over["log"][-1].get("total_steps")))
    if small and over["args"]:
        pairs = (("num_train_epochs", "num_train_epochs"), ("train_batch_size", "per_device_train_batch_size"))
        both = [(number(small.get(a)), number(over["args"].get(b))) for a, b in pairs]
        return all(a is None or b is None or abs(a - b) < 1 for a, b in both)  # the state counts epochs in whole ones
    return True


def _losses(state: Table) -> list[tuple[Any, Any]]:
    log = state.get("log_history")
    entries = [e for e in itertools.islice(log, 1000) if isinstance(e, dict)] if isinstance(log, list) else []
    return [(e.get("step"), e["loss"]) for e in entries if "loss" in e]


# -- one file -----------------------------------------------------------------------------------------------------


def _text(folder: Path, name: str, limit: int = TEXT_BYTES) -> str:
    """The text of a file that may be read, else ""."""
    try:
        return (folder / name).read_text("utf-8-sig", errors="replace") if _may_read(folder, name, limit) else ""
    except OSError:
        return ""


def _may_read(folder: Path, name: str, limit: int) -> bool:
    """A regular file that lies in the folder and is no longer than the limit."""
    path = folder / name
    try:
        return path.is_file() and path.stat().st_size <= limit and _inside(path, folder)
    except (OSError, RuntimeError):
        return False


def _inside(path: Path, folder: Path) -> bool:
    if not path.is_symlink():
        return True
    target, home = path.resolve(), folder.resolve()
    cached = home.parent.name == "snapshots" and target.is_relative_to(home.parent.parent / "blobs")
    return cached or target.is_relative_to(home)


def _json(folder: Path, name: str, limit: int = JSON_BYTES) -> dict[str, Any]:
    try:
        return (load_json(folder / name) or {}) if _may_read(folder, name, limit) else {}
    except ValueError:
        return {}


def _lines(folder: Path, name: str) -> Iterator[Table]:
    for line in itertools.islice(_text(folder, name, LOG_BYTES).splitlines(), LOG_LINES):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def _yaml(folder: Path, name: str) -> dict[str, Any]:
    return parse_yaml(_text(folder, name))


def parse_yaml(text: str) -> dict[str, Any]:
    """A YAML table; {} for anything else, and for what would take gigabytes, minutes or the stack of the C parser."""
    if not text.strip():
        return {}
    import yaml

    try:
        found = yaml.load(text, Loader=_loader()) if _harmless(text) else {}
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _harmless(text: str) -> bool:
    """Without references, not deep, not long: looked at token by token, before anything is built of it."""
    import yaml

    depth = 0
    for count, token in enumerate(yaml.scan(text, Loader=_loader())):
        kind = type(token).__name__
        depth += kind.endswith("StartToken") - kind.endswith("EndToken")  # the stream's own are the first of both
        if isinstance(token, yaml.AliasToken) or depth > DEEP or count > TOKENS:
            return False
    return True


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
