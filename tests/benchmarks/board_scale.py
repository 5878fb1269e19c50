"""What a big board costs: CPU seconds, memory and bytes of reading it, of its site without and with answers.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/board_scale.py --store /tmp/scale/bench.db all`; the store is
made when it is not there. Budgets: 10 CPU s to build a site of 1,000 checkpoints x 60 tasks without answers and 60 KB
(gz) of first view; 90 CPU s, 500 MB of memory and of disk with a million answers. Each step is a process of its own,
since memory is counted at its peak. `--profile` prints where the time of a step goes.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import pstats
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

STEPS = ("read", "none", "all", "again")
BUDGETS = {"read": (4.0, 300), "none": (10.0, 500), "all": (90.0, 500), "again": (90.0, 500)}  # CPU s, MB


def main() -> None:
    options = _options()
    if not options.store.is_file():
        from _board_store import Shape, make

        started = time.process_time()
        make(options.store, Shape(options.checkpoints, options.tasks, options.answers, options.bytes))
        print(f"made {options.store} in {time.process_time() - started:.0f} CPU s, {_mb(options.store):.0f} MB")
    if options.step == "make":
        return
    if options.step == "every":
        for step in STEPS[:3]:
            command = [sys.executable, __file__, "--store", str(options.store), "--out", str(options.out), step]
            subprocess.run(command + ["--profile"] * options.profile, check=True)
        return
    _measured(options.step, options.store, options.out, options.profile)


def _measured(step: str, store_path: Path, out: Path, profile: bool) -> None:
    from harness.store.open import open_store

    if step != "again":
        shutil.rmtree(out / step, ignore_errors=True)
    profiler = cProfile.Profile()
    started, wall = _cpu(), time.monotonic()
    with open_store(store_path, "ro") as store:
        work = _work(step, store, out)
        told = profiler.runcall(work) if profile else work()
    seconds, wall = _cpu() - started, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    most, memory = BUDGETS[step]
    print(
        f"{step:<6} {seconds:6.1f} CPU s (budget {most:g}), {wall:6.1f} s, {peak:5.0f} MB peak (budget {memory}); {told}"
    )
    if profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


def _work(step: str, store: object, out: Path) -> Callable[[], str]:
    def reading() -> str:
        from leaderboard.entries import read_board

        board = read_board(store)  # type: ignore[arg-type]
        ranked = sum(cell.rank is not None for column in board.columns for cell in column.cells.values())
        return f"{len(board.entries)} runs, {len(board.columns)} columns, {ranked} ranked cells"

    def rendering() -> str:
        from leaderboard.site import render

        folder = out / ("all" if step == "again" else step)
        render(store, folder, samples="none" if step == "none" else "all")  # type: ignore[arg-type]
        files = [f for f in folder.rglob("*") if f.is_file()]
        size = sum(f.stat().st_size for f in files) / 1e6
        return f"{len(files)} files, {size:.0f} MB, first view {_first_view(folder) / 1000:.1f} KB gz"

    return reading if step == "read" else rendering


def _first_view(folder: Path) -> int:
    """Bytes of index.html with the styles and scripts that it names, each deflated as a server would."""
    page = (folder / "index.html").read_bytes()
    named = re.findall(rb'(?:href|src)="(static/[^"]+)"', page)
    parts = [page, *((folder / name.decode()).read_bytes() for name in dict.fromkeys(named))]
    return sum(len(gzip.compress(part, 6)) for part in parts)


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _mb(path: Path) -> float:
    return path.stat().st_size / 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("step", choices=("make", *STEPS, "every"), nargs="?", default="every")
    parser.add_argument("--store", type=Path, default=Path(tempfile.gettempdir()) / "scale" / "bench.db")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "scale" / "site")
    for name, value in (("checkpoints", 1000), ("tasks", 60), ("answers", 17), ("bytes", 1033)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--profile", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
