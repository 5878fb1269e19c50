"""What stands beside a score because of the others on the board, or of what the checkpoint was trained on.

`stale`: graded by an older version of its scorer, or asked under an older version of its task, than another run of the
same task here. `rewarded`: the task's scorer was a reward of the training. `trained`: the lineage says that the task's own
test was trained on, or names data so.
Example: of two runs of gsm8k, by number@1 and number@2, the first is stale. Trap: a checkpoint without a lineage has no
badge because nothing is known, not because it is clean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from harness.records import Checkpoint, Run, Task
from harness.verdicts import trained

VERSION = re.compile(r"\d+(?:\.\d+)*")
Version = tuple[int, ...]
Graded = tuple[Run, Task, str]  # its scorer as name@version


def badges(graded: Iterable[Graded], by_id: Mapping[str, Checkpoint]) -> Callable[[Run, Task, str], tuple[str, ...]]:
    """Of a run, its task and scorer: the badges that it has among all `graded` ones."""
    tasks: dict[str, Version] = {}
    scorers: dict[tuple[str, str], Version] = {}
    cards: list[Task] = []
    for task, scorer in {(run.exam, scorer): (task, scorer) for run, task, scorer in graded}.values():
        name, _, version = scorer.partition("@")
        cards.append(task)
        tasks[task.key] = max(tasks.get(task.key, ()), _parsed(task.version))
        scorers[task.key, name] = max(scorers.get((task.key, name), ()), _parsed(version))
    olds: dict[tuple[str, str], bool] = {}
    seen: dict[str, Mapping[str, tuple[str, ...]]] = {}

    def of(run: Run, task: Task, scorer: str) -> tuple[str, ...]:
        asked = run.exam, scorer
        if asked not in olds:
            name, _, version = scorer.partition("@")
            olds[asked] = _older(task.version, tasks[task.key]) or _older(version, scorers[task.key, name])
        if run.checkpoint not in seen:
            seen[run.checkpoint] = dict(_trained(by_id[run.checkpoint], cards))
        if not olds[asked] and task.key not in seen[run.checkpoint]:
            return ()
        return (*(("stale",) if olds[asked] else ()), *seen[run.checkpoint].get(task.key, ()))

    return of


def _trained(checkpoint: Checkpoint, cards: Iterable[Task]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The tasks that the lineage says it has seen, with the badges of how."""
    lineage = checkpoint.lineage
    if lineage is None or not (lineage.trained_on or trained.held_out(lineage)):
        return
    for card in cards:
        metric = ("rewarded",) if trained.on_metric(lineage, card.scorer) else ()
        test = ("trained",) if trained.on_test(lineage, card.key) else ()
        if metric or test:
            yield card.key, (*metric, *test)


def _parsed(version: str) -> Version:
    """() for what has no order: a name, a digest, a task that nothing has graded."""
    return tuple(int(part) for part in version.split(".")) if VERSION.fullmatch(version) else ()


def _older(version: str, newest: Version) -> bool:
    mine = _parsed(version)
    return bool(mine) and mine < newest
