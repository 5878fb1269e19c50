"""A language model reads chains of thought and names the first wrong step; its word counts only where it was calibrated.

steps.py cuts a chain, prompt.py asks and reads, asking.py sends both forms through an engine, grades.py writes the
verdicts beside a run's scores, calibration.py says what a judge is worth, usable.py whether its scores may be shown.
Example: `standing(store, key, [run]).usable` is False for a judge that nobody has tried on labelled chains, that says
otherwise when the same steps are laid out otherwise, or that believes a solution which calls itself correct.
Trap: a judge is its checkpoint, prompt and settings together (`Judge.key`); grades of two keys never share a column.
"""

from harness.judge.asking import Judge
from harness.judge.grades import judge_all, summary, waiting
from harness.judge.usable import Standing, keep, standing

__all__ = ["Judge", "Standing", "judge_all", "keep", "standing", "summary", "waiting"]
