"""What a judge that only works sums out again gets on chains that people labelled: the line a language model must beat.

By hand: `python tests/benchmarks/judge_rules.py ../shared/data/cot_steps`. It is asked through the very prompts a model
gets, in both layouts and with the canary, and reads its pieces back out of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from judge_server import Pieces, RuleEngine

from harness.judge import Judge
from harness.judge.calibration import calibration, labelled, verdict
from harness.judge.trial import trial
from harness.records import Checkpoint, Response, Sample, Settings
from harness.scorers import cot


def sums(pieces: Pieces, message: str) -> int:
    """The first piece that holds an equation which the rule scorer finds wrong."""
    text = "\n".join(pieces.values())
    faults = cot.score(Sample("s", 0, ""), Response("r", "s", 0, text)).detail.get("faults", [])
    wrong = [n for n, piece in pieces.items() if any(fault["line"] in " ".join(piece.split()) for fault in faults)]
    return min(wrong, default=-1)


def main() -> None:
    judge = Judge(Checkpoint("sums", "sums", "full"), Settings(chat=True))
    for path in sorted(Path(sys.argv[1]).glob("*.jsonl.gz")):
        if "redundant" in path.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = calibration(list(trial(judge, labelled([path]), lambda: RuleEngine(sums), Path(folder))))
        print(
            f"{path.name.split('.')[0]:42} n {found.chains:4} sound {found.right_on_sound:.3f} faulty {found.right_on_faulty:.3f}"
            f" F1 {found.f1:.3f} ({found.f1_low:.3f}-{found.f1_high:.3f}; guessing {found.f1_chance:.3f})"
            f" balanced {found.balanced or 0:.3f} flips {found.said.flip_rate or 0:.3f}: {verdict(found) or 'usable'}"
        )


if __name__ == "__main__":
    main()
