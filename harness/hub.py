"""A file of a data set from the Hugging Face hub or ModelScope: pinned, cached, and quick to say when it can't be had.

`huggingface_hub` alone keeps retrying an unreachable hub for minutes, so one HEAD request with a time limit goes
first. HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE, MODELSCOPE_ENDPOINT and MODELSCOPE_CACHE are honoured.
Example: fetch("huggingface", "openai/gsm8k", "main/test-00000-of-00001.parquet", "cc7b047b6e5b…") -> Path in the cache
"""

from __future__ import annotations

import os
import shutil
import threading
import urllib.error
import urllib.request
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from harness.errors import MissingData

PATIENCE_SECONDS = 4.0  # an unreachable hub has to be noticed within 5 s
_HUGGING_FACE = "https://huggingface.co"
_MODELSCOPE = "https://www.modelscope.cn"


def fetch(hub: str, repository: str, name: str, revision: str) -> Path:
    """The cached file, downloaded if need be; MissingData with the bare reason (the caller adds the ways out)."""
    if hub == "modelscope":
        return _from_modelscope(repository, name, revision)
    return _from_hugging_face(repository, name, revision)


def _from_hugging_face(repository: str, name: str, revision: str) -> Path:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache  # half a second
    from huggingface_hub.constants import is_offline_mode
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT", _HUGGING_FACE).rstrip("/")
    cached = try_to_load_from_cache(repository, name, repo_type="dataset", revision=revision)
    if isinstance(cached, str):  # a pinned file never changes: what is cached needs no network
        return Path(cached)
    if is_offline_mode():
        raise MissingData("HF_HUB_OFFLINE is set and the file is not in the local cache")
    reason = unreachable(endpoint)
    if reason:
        raise MissingData(f"{endpoint} can't be reached ({reason})")
    try:
        path = hf_hub_download(
            repository,
            name,
            repo_type="dataset",
            revision=revision,
            endpoint=endpoint,
            etag_timeout=PATIENCE_SECONDS,
        )
    except (EntryNotFoundError, RepositoryNotFoundError):
        raise MissingData(f"{endpoint} has no {name} in data set {repository} at revision {revision}") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise MissingData(f"{endpoint} did not give it ({_short(error)})") from None
    return Path(path)


def _from_modelscope(repository: str, name: str, revision: str) -> Path:
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT", _MODELSCOPE).rstrip("/")
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    cache = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope")
    path = cache / "hub" / "datasets" / repository / revision / name
    if path.is_file():
        return path
    reason = unreachable(endpoint)
    if reason:
        raise MissingData(f"{endpoint} can't be reached ({reason})")
    url = f"{endpoint}/datasets/{repository}/resolve/{quote(revision)}/{quote(name)}"
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=60) as response, aside.open("wb") as file:
            shutil.copyfileobj(response, file)
        aside.replace(path)  # a killed download must not look like a whole one
    except urllib.error.HTTPError as error:
        raise MissingData(f"{url} answers {error.code}") from None
    except OSError as error:
        raise MissingData(f"{url} did not give it ({_short(error)})") from None
    finally:
        aside.unlink(missing_ok=True)
    return path


@lru_cache  # C-Eval on the hub is 104 files
def unreachable(endpoint: str, seconds: float = PATIENCE_SECONDS) -> str:
    """Why no HTTP answer comes from `endpoint` within `seconds`; '' when any does, an error status included."""
    outcome: list[str] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(endpoint, method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
            outcome.append("")
        except urllib.error.HTTPError:
            outcome.append("")
        except (OSError, ValueError) as error:
            outcome.append(_short(getattr(error, "reason", error)))

    # a thread, because looking up a name has no time limit of its own
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return outcome[0] if outcome else f"no answer within {seconds:.0f} s"


def _short(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
