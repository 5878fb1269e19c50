"""Two tiny real checkpoints, trained from scratch on two CPU cores in under a minute: what `bench demo` starts from.

A teacher (wider, and long at school) and a base (small, and short at school). The rest of the demo's family is made of
them by `bench train`, with the recipes `tiny_*.toml` that stand beside the others.
Example: make(Path("results/demo/checkpoints"))["base"] -> results/demo/checkpoints/base
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness import identity
from harness.checkpoints import read
from harness.errors import UserError

MANIFEST = "manifest.json"
NAMES = ("teacher", "base")
RECIPE: dict[str, dict[str, Any]] = {
    "tokenizer": {"size": 448},
    "teacher": {
        "method": "pretrain", "width": 96, "layers": 2, "steps": 900, "batch": 16, "rate": 0.01,
        "problems": 10_000, "data_seed": 1, "facts_share": 1.0,
    },
    "base": {
        "method": "pretrain", "width": 64, "layers": 2, "steps": 300, "batch": 16, "rate": 0.01,
        "problems": 5_000, "data_seed": 2, "facts_share": 0.34,
    },
}  # fmt: skip


def make(
    out: Path,
    *,
    seed: int = 0,
    echo: Callable[[str], None] = lambda line: None,
    recipe: Mapping[str, Mapping[str, Any]] = RECIPE,
) -> dict[str, Path]:
    """Folders of the two by name under `out`; trained now, or reused when seed and recipe are the same."""
    made = {name: out / name for name in NAMES}
    key = identity.digest({"recipe": recipe, "seed": seed})
    if _ready(out, key):
        echo(f"reusing {', '.join(NAMES)}")
        return made
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{out} can't be written: {error.strerror}; choose another folder with --out") from None
    job = json.dumps({"out": str(out.resolve()), "seed": seed, "recipe": recipe})
    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(_stage, name, job, echo) for name in NAMES]:
            one.result()
    ids = {name: read.read(folder).id for name, folder in made.items()}
    (out / MANIFEST).write_text(json.dumps({"key": key, "seed": seed, "checkpoints": ids}, indent=1) + "\n", "utf-8")
    return made


def _ready(out: Path, key: str) -> bool:
    """Whether both lie there whole, made with this seed and recipe."""
    try:
        manifest = json.loads((out / MANIFEST).read_text("utf-8"))
        return bool(manifest["key"] == key) and all(read.read(out / n).id == manifest["checkpoints"][n] for n in NAMES)
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return False


def _stage(name: str, job: str, echo: Callable[[str], None]) -> None:
    """One process, one core; its lines are told as they come."""
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    quiet = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": path,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    command = [sys.executable, "-m", "trainers._tiny_pretrain", name]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env={**os.environ, **quiet}, text=True, **pipes) as process:
        assert process.stdin and process.stdout and process.stderr
        with ThreadPoolExecutor(1) as aside:  # a full stderr pipe would stop the child
            errors = aside.submit(process.stderr.read)
            process.stdin.write(job)
            process.stdin.close()
            for line in process.stdout:
                echo(_told(json.loads(line)))
            complaint = errors.result().strip()
    if process.returncode:
        last = complaint.splitlines()[-1] if complaint else f"exit {process.returncode}"
        raise UserError(f"training the tiny checkpoints stopped at '{name}': {last}")


def _told(line: Mapping[str, Any]) -> str:
    return f"{line['name']:7}  {line['steps']} steps  {line['seconds']:.0f} s  loss {line['loss']:.3f}"
