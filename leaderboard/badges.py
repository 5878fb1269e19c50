"""What stands beside a score because of the others on the board, or of what the checkpoint was trained on.

`stale`: graded by an older version of its scorer, or asked under an older version of its task, than another run of the
same task here. `trained`: the lineage names the task's scorer as a reward, or data after the task's own test set.
Example: of two runs of gsm8k, by number@1 and number@2, the first is stale. Trap: a checkpoint without a lineage has no
badge because nothing is known, not because it is clean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from harness.records import Checkpoint, Run, Task
from harness.verdicts import trained

VERSION = re.compile(r"\d+(?:\.\d+)*")
Version = tuple[int, ...]
Graded = tuple[Run, Task, str]  # its scorer as name@version


def badges(graded: Iterable[Graded], by_id: Mapping[str, Checkpoint]) -> Callable[[Run, Task, str], tuple[str, ...]]:
    """Of a run, its task and scorer: the badges that it has among all `graded` ones."""
    tasks: dict[str, Version] = {}
    scorers: dict[tuple[str, str], Version] = {}
    for task, scorer in {(run.exam, scorer): (task, scorer) for run, task, scorer in graded}.values():
        name, _, version = scorer.partition("@")
        tasks[task.key] = max(tasks.get(task.key, ()), _parsed(task.version))
        scorers[task.key, name] = max(scorers.get((task.key, name), ()), _parsed(version))
    known: dict[tuple[str, str], bool] = {}

    def of(run: Run, task: Task, scorer: str) -> tuple[str, ...]:
        name, _, version = scorer.partition("@")
        old = _older(task.version, tasks[task.key]) or _older(version, scorers[task.key, name])
        address = run.checkpoint, task.key
        if address not in known:
            known[address] = _trained(by_id[run.checkpoint], task)
        return (*(("stale",) if old else ()), *(("trained",) if known[address] else ()))

    return of


def _trained(checkpoint: Checkpoint, task: Task) -> bool:
    lineage = checkpoint.lineage
    if lineage is None:
        return False
    return trained.on_metric(lineage, task.scorer) or bool(trained.on_test(lineage, task.key))


def _parsed(version: str) -> Version:
    """() for what has no order: a name, a digest, a task that nothing has graded."""
    return tuple(int(part) for part in version.split(".")) if VERSION.fullmatch(version) else ()


def _older(version: str, newest: Version) -> bool:
    mine = _parsed(version)
    return bool(mine) and mine < newest
