"""CoT health measured: how often gold is blamed, how well broken chains, wrong steps and wrong answers are told apart.

Example: python tests/benchmarks/cot_health.py --data ../shared/data prints Markdown tables. The rules were written while
looking at every other gold solution (the even ones); "held out" is the other half, and what counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import chains
from chains import KINDS, Chain, auc, broken, gold, graded

from harness.records import Score

PARTS = ("arith", "ground", "cover", "chain", "norep", "sure")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--every", type=int, default=1, help="take only every n-th row")
    asked = parser.parse_args()
    _golds(asked.data, asked.every)
    _corruptions(asked.data, asked.every)
    _labels(
        "Steps labelled by people: chains without against chains with a wrong step",
        chains.labelled(asked.data),
        asked.every,
    )
    _labels("Real outputs: right against wrong answers", chains.answered(asked.data), asked.every)
    return 0


def _scores(made: list[Chain | None]) -> list[Score]:
    return [graded(chain) for chain in made if chain is not None]


def _values(scores: list[Score]) -> list[float]:
    return [s.value for s in scores if s.value is not None]


def _golds(data: Path, every: int) -> None:
    print("\n| gold | n | a sum checked | sums | gold blamed | mean | ms |\n|---|---|---|---|---|---|---|")
    math = [Chain(r["problem"], r["solution"]) for r in chains.rows(data / "math" / "test.jsonl.gz")]
    sets = [("GSM8K test", gold(data)), ("GSM8K train", gold(data, "train.jsonl.gz")), ("MATH test", math)]
    for name, whole in sets:
        halves = [("", whole)] if "train" in name else [(", tuned on", whole[::2]), (", held out", whole[1::2])]
        for half, some in halves:
            start = time.process_time()
            scores = _scores(list(some[::every]))
            spent = (time.process_time() - start) / len(scores) * 1000
            checked = [s.detail["checked"] for s in scores]
            blamed = statistics.mean(bool(s.detail["faults"]) for s in scores)
            seen = statistics.mean(c > 0 for c in checked)
            mean = statistics.mean(_values(scores))
            print(
                f"| {name}{half} | {len(scores)} | {seen:.1%} | {sum(checked)} | {blamed:.2%} | {mean:.3f} | {spent:.2f} |"
            )


def _corruptions(data: Path, every: int) -> None:
    whole = gold(data)
    for half, first in (("tuned on", 0), ("held out", 1)):
        some = range(first, len(whole), 2 * every)
        good = [graded(whole[i]) for i in some]
        print(
            f"\n| GSM8K gold, {half} | n | AUC | paired | mean | {' | '.join(PARTS)} |\n|---|---|---|---|---|{'---|' * len(PARTS)}"
        )
        for kind in KINDS:
            made = [(broken(kind, whole, i), g) for i, g in zip(some, good, strict=True)]
            pairs = [(graded(b), g) for b, g in made if b is not None]
            bad = [b for b, _ in pairs]
            wins = statistics.mean(
                (b.value < g.value) + 0.5 * (b.value == g.value)
                for b, g in pairs
                if b.value is not None and g.value is not None
            )
            row = f"| {kind} | {len(bad)} | {auc(_values(good), _values(bad)):.3f} | {wins:.3f} | {statistics.mean(_values(bad)):.3f} |"
            print(row + "".join(f" {_part(good, bad, part)} |" for part in PARTS))


def _part(good: list[Score], bad: list[Score], part: str) -> str:
    """AUC of one feature alone; where it does not apply it counts as whole."""
    sides = [[1.0 if s.detail.get(part) is None else s.detail[part] for s in side] for side in (good, bad)]
    return f"{auc(*sides):.2f}"


def _labels(title: str, sets: object, every: int) -> None:
    print(
        f"\n| {title} | good | bad | a sum checked | AUC | blamed good | blamed bad | −length | {' | '.join(PARTS)} |"
    )
    print(f"|---|---|---|---|---|---|---|---|{'---|' * len(PARTS)}")
    for name, whole in sets:  # type: ignore[attr-defined]
        some = whole[::every]
        good, bad = [c for c in some if c.good], [c for c in some if not c.good]
        if not good or not bad:
            continue
        a, b = _scores(list(good)), _scores(list(bad))
        seen = statistics.mean(s.detail.get("checked", 0) > 0 for s in a + b)
        blamed = [statistics.mean(bool(s.detail.get("faults")) for s in side) for side in (a, b)]
        length = auc([-len(c.text) for c in good], [-len(c.text) for c in bad])
        row = f"| {name} | {len(a)} | {len(b)} | {seen:.0%} | {auc(_values(a), _values(b)):.3f} | {blamed[0]:.1%} | {blamed[1]:.1%} | {length:.2f} |"
        print(row + "".join(f" {_part(a, b, part)} |" for part in PARTS))


if __name__ == "__main__":
    sys.exit(main())
