"""Where engines take the text parts of a checkpoint from: an adapter's own, else its base's.

Trap: PEFT saves an adapter without its tokenizer, so a chat template that only the base has must count as the adapter's,
or a chat model is asked in raw form.
"""

from __future__ import annotations

from pathlib import Path

from harness.checkpoints import _tokens
from harness.records import Checkpoint

GENERATION = "generation_config.json"


def folders(checkpoint: Checkpoint) -> list[Path]:
    """Its own folder, then its base's; those that are known."""
    return [Path(f) for f in (checkpoint.path, checkpoint.base_path) if f]


def tokenizer_folder(checkpoint: Checkpoint) -> Path:
    return tokenizer_among(folders(checkpoint))


def template_folder(checkpoint: Checkpoint) -> Path:
    return template_among(folders(checkpoint))


def generation_folder(checkpoint: Checkpoint) -> Path:
    return generation_among(folders(checkpoint))


def tokenizer_among(places: list[Path]) -> Path:
    """The first folder with a tokenizer, the first of all where none has one."""
    return next((f for f in places if _tokens.has_tokenizer(f)), _first(places))


def template_among(places: list[Path]) -> Path:
    return next((f for f in places if _tokens.template(f)), _first(places))


def generation_among(places: list[Path]) -> Path:
    return next((f for f in places if (f / GENERATION).is_file()), _first(places))


def _first(places: list[Path]) -> Path:
    return places[0] if places else Path()
