"""Temporary folders of engines: exactly the weights that were hashed, or an adapter merged; gone afterwards.

Example: `with view(folder) as exact:` holds links to model.safetensors and the JSON files, not to old_model.safetensors.
Trap: vLLM reads every *.safetensors in a folder, the last one wins; transformers takes an adapter lying beside weights.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.checkpoints._folder import weights

OURS = re.compile(r"^bench-(?:merged|view)-(\d+)-")
TEXT = (".json", ".jinja", ".txt", ".model", ".tiktoken")
LEFT_OUT = re.compile(r"(\.index\.json$|^adapter_|^params\.json$)")  # params.json makes vLLM look for Mistral's files


@contextmanager
def view(folder: Path) -> Iterator[Path]:
    """Links to the weights that count and to the text files beside them."""
    found = weights(folder)
    if found.format not in ("safetensors", "bin"):
        yield folder
        return
    with temporary("view") as place:
        single = {"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}[found.format]
        for file in found.files:
            (place / (single if len(found.files) == 1 and not found.index else file.name)).symlink_to(file.absolute())
        for file in [*folder.iterdir(), *([found.index] if found.index else [])]:
            text = file.suffix in TEXT and not LEFT_OUT.search(file.name) and file.is_file()
            if text or file == found.index:
                with suppress(FileExistsError):
                    (place / file.name).symlink_to(file.absolute())
        yield place


@contextmanager
def temporary(what: str) -> Iterator[Path]:
    """A folder named by this process, which a kill -9 leaves behind and the next one removes."""
    _remove_stale()
    with tempfile.TemporaryDirectory(prefix=f"bench-{what}-{os.getpid()}-", ignore_cleanup_errors=True) as name:
        held = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(held)


def _remove_stale() -> None:
    for folder in Path(tempfile.gettempdir()).glob("bench-*-*-*"):
        match = OURS.match(folder.name)
        with suppress(OSError):
            stat = folder.lstat()
            mine = stat.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink()
            if match and mine and not _alive(int(match[1])) and _unheld(folder):
                shutil.rmtree(folder)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _unheld(folder: Path) -> bool:
    """The number alone may belong to another container that shares this folder; the lock tells."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(held)
    return True
