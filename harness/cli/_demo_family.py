"""The demo's checkpoints: two from scratch, four from those by `bench train`, two processes at a time on two cores.

Example line: `base-lora   step 250/500: loss 0.232, …`. Trap: two threads on one model of this size gain next to nothing,
so each training has one core; what waits for another's checkpoint comes behind it in the same row.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from harness.cli._packed import write
from harness.errors import UserError

PROGRESS = re.compile(r"step \d+/")  # said by every training every few seconds, and here two run at a time
SHORT = 60  # rows of answers without steps
Training = tuple[str, tuple[str, ...]]  # name of the checkpoint, arguments of `bench train`


def make(folder: Path, seed: int, shown: str) -> None:
    """Train what is not there yet: `folder`/teacher, base, sft, base-lora, distilled, damaged."""
    from trainers import tiny

    place = f"{shown}/checkpoints"
    click.echo(f"training a teacher and a base in {place} (real ones, from scratch, on the CPU)")
    tiny.make(folder, seed=seed, echo=lambda line: click.echo(f"  {line}"))
    short = f"{shown}/short_answers.jsonl"
    write(folder.parent / "short_answers.jsonl", _short_answers(seed))
    own = ("--set", f"seed={seed}", "--out", place, "--store", f"{shown}/bench.db")
    base, teacher = f"parent={place}/base", f"teacher.model={place}/teacher"
    rows: tuple[tuple[Training, ...], ...] = (
        (
            ("sft", ("tiny_sft", "--set", base, *own)),
            ("base-lora", ("tiny_lora", "--set", base, *own)),
        ),
        (
            ("distilled", ("tiny_distil", "--set", base, "--set", teacher, *own)),
            ("damaged", ("tiny_damaged", "--set", f"parent={place}/distilled", "--set", f"data[0].path={short}", *own)),
        ),
    )
    with ThreadPoolExecutor(len(rows)) as pool:
        for one in [pool.submit(_row, row) for row in rows]:
            one.result()


def _row(trainings: Sequence[Training]) -> None:
    for name, arguments in trainings:
        click.secho(f"\n$ bench train {shlex.join(arguments)}", bold=True)
        _train(name, arguments)


def _train(name: str, arguments: Sequence[str]) -> None:
    """A process of its own, whose lines come with the checkpoint's name before them."""
    code = "import sys; from harness.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "train", *arguments]
    quiet = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    said: list[str] = []
    with subprocess.Popen(
        command, env={**os.environ, **quiet}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() and line.strip() != name:
                said.append(line.strip())
                if not PROGRESS.match(line):
                    click.echo(f"  {name:10} {line.rstrip()}")
    if process.returncode:
        raise UserError(f"training {name} stopped: {said[-1] if said else f'exit {process.returncode}'}")


def _short_answers(seed: int) -> str:
    """Alpaca rows whose outputs are right, and nothing but the answer."""
    from tasks import demo_math

    asked = {row["question"] for row in demo_math.rows(None, "test")}
    rows = (
        {
            "instruction": row["question"],
            "input": "",
            "output": demo_math.boxed(int(row["answer"]), row["language"]).strip(),
        }
        for row in demo_math.problems(SHORT, seed * 100 + 5, exclude=asked)
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
