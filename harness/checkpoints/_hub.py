"""Where a base or a hub id lies: local Hugging Face and ModelScope caches first, then the hub itself.

HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE are honoured (huggingface_hub reads them). ModelScope writes a dot in a name
as three underscores: Qwen/Qwen2.5-0.5B lies in Qwen/Qwen2___5-0___5B.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
REACH_SECONDS = 5.0
TEXT_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken"]


def cached(name: str) -> Path | None:
    """The folder of a hub id in the local caches, None when it isn't there."""
    heads = ("config.json", "adapter_config.json")
    return next((f for f in _cache_folders(name) if any((f / head).is_file() for head in heads)), None)


def fetch(name: str) -> Path:
    """The folder of a hub id, downloaded when the caches lack it; one sentence within 5 s when nobody answers."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return cached(name) or _fail(name, "HF_HUB_OFFLINE is set and the local caches lack it")
    info = _info(name)
    if isinstance(info, BaseException):
        found = cached(name)
        return found or _fail(name, _reason(info))
    from huggingface_hub import snapshot_download

    names = [s.rfilename for s in info.siblings or ()]
    weights = "*.safetensors" if any(n.endswith(".safetensors") for n in names) else "*.bin"
    try:
        return Path(snapshot_download(name, revision=info.sha, allow_patterns=[*TEXT_FILES, weights]))
    except Exception as error:
        raise _failure(name, _reason(error)) from None


def _cache_folders(name: str) -> Iterator[Path]:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    repo = hub / ("models--" + name.replace("/", "--"))
    with contextlib.suppress(OSError, ValueError):
        yield repo / "snapshots" / (repo / "refs" / "main").read_text("utf-8").strip()
    if (repo / "snapshots").is_dir():
        yield from sorted((repo / "snapshots").iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
    scope = os.environ.get("MODELSCOPE_CACHE")
    roots = [Path(scope)] if scope else [Path.home() / ".cache" / "modelscope"]
    for root in roots:
        for folder in (root, root / "models", root / "hub", root / "hub" / "models"):
            yield folder / name
            yield folder / name.replace(".", "___")


def _info(name: str) -> Any:
    """The hub's answer about a repository, or the error; a name server that hangs must not hang us."""
    answer: list[Any] = [TimeoutError("nobody answered within 5 seconds")]

    def ask() -> None:
        try:
            from huggingface_hub import HfApi

            answer[0] = HfApi().model_info(name, timeout=REACH_SECONDS)
        except Exception as error:
            answer[0] = error

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    return answer[0]


def _reason(error: BaseException) -> str:
    kind = type(error).__name__
    if kind == "GatedRepoError":
        return "the hub wants you to accept its terms there and to set HF_TOKEN"
    if kind == "RepositoryNotFoundError":
        return "the hub has no such model (a private one needs HF_TOKEN)"
    return f"the hub can't be reached ({kind})"


def _failure(name: str, reason: str) -> UserError:
    return UserError(
        f"{name} is no folder here, and {reason}; give a folder, set HF_ENDPOINT to a mirror, or download it "
        f"elsewhere and copy it into HF_HOME"
    )


def _fail(name: str, reason: str) -> Path:
    raise _failure(name, reason)
