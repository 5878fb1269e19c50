"""What publishing a million answers costs: CPU seconds, memory and bytes of the data scripts alone, then of a second build.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/answers_scale.py --store /tmp/scale/bench.db`; make the store first
with board_scale.py. Budget of the whole site: 90 CPU s, 500 MB of memory, 500 MB of files. Measured on 1,019,910 answers
of 1,033 bytes, spliced from real ones, two busy cores: 76 CPU s, 291 MB, 472 MB; a second build 3 s, no file written.
Each build is a process of its own, since memory is counted at its peak.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--store", type=Path, default=Path(tempfile.gettempdir()) / "scale" / "bench.db")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "scale" / "answers")
    parser.add_argument("--samples", choices=("all", "wrong", "none"), default="all")
    parser.add_argument("--once", action="store_true", help="one build in this process, over what is there")
    options = parser.parse_args()
    for _ in range(0 if options.once else 2):  # the second finds everything unchanged
        command = [sys.executable, __file__, "--once", "--store", str(options.store), "--out", str(options.out)]
        subprocess.run([*command, "--samples", options.samples], check=True)
    if options.once:
        _build(options.store, options.out, options.samples)


def _build(store_path: Path, out: Path, samples: str) -> None:
    from harness.store.open import open_store
    from leaderboard import answers, places
    from leaderboard.answers_runs import asked_of
    from leaderboard.entries import read_board
    from leaderboard.pages import Options, View
    from leaderboard.press import Press, of_templates

    with open_store(store_path, "ro") as store:
        started = time.process_time()
        board = read_board(store)
        reading = time.process_time() - started
        view = View(store, board, places.of(board), Options(samples))  # type: ignore[arg-type]
        fresh = out.with_name(out.name + ".new")
        fresh.mkdir(parents=True)
        press = Press(fresh, of_templates("answers", {}, {}), out if out.is_dir() else None)
        started = time.process_time()
        for item in answers.data(view, asked_of(view)):
            press.put(item)
        press.finish()
    took, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    files = sum(1 for path in fresh.rglob("*") if path.is_file())
    print(
        f"board {reading:.1f} CPU s, answers {took:.1f} CPU s, {press.rewritten} of {files} files written, "
        f"{press.size / 1e6:.0f} MB, {peak:.0f} MB peak"
    )
    if out.is_dir():
        subprocess.run(["rm", "-r", "--", str(out)], check=True)
    fresh.rename(out)


if __name__ == "__main__":
    main()
