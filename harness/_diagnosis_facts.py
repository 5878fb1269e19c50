"""The facts of a diagnosis: the folders, the lineage, which tasks the training was for, which answers are the parent's.

Example: lineage data named "huatuo medical dialogues" -> the domain is the tasks of the group medqa ("Medical questions").
What can't be looked at is told with its reason, never taken for fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import lookup
from harness.checkpoints import doctor, weights_change
from harness.errors import UserError
from harness.plugins import nearest
from harness.questions import catalogue
from harness.records import Checkpoint, Group, Task
from harness.store import read
from harness.store.open import Store
from harness.verdicts import diagnose
from harness.verdicts._aligned import questions
from harness.verdicts.diagnose import Facts, Unchecked, WeightsMoved

Answers = Mapping[tuple[str, int], object]  # (sample, repeat) -> what was said
PLAIN_DATA = re.compile(r"[a-z]{7,}")


def of(
    store: Store,
    both: diagnose.Pairs,
    said: Mapping[str, tuple[Answers, Answers]],
    categories: Mapping[str, Mapping[str, tuple[str, ...]]],
    cards: Mapping[str, Task],
    domain: Sequence[str],
) -> Facts:
    """What is known beside the answers, and why the rest isn't."""
    parent, child = (read.find_checkpoint(store, both[0][i].checkpoint) for i in (0, 1))
    unchecked: list[Unchecked] = []
    weights = _weights(child, parent, unchecked)
    named, source = _domain(domain, child, [after.task for _, after in both])
    if len(named) == len(both) > 1:
        why = "only tasks of the domain were run on both sides"
        unchecked.append(Unchecked("general tasks against the domain", why, "bench run --model … --tasks ceval"))
    new, looked = _doctor(child, parent)
    return Facts(
        child=both[0][1].name or (child.name if child else "the child"),
        parent=both[0][0].name or (parent.name if parent else "the parent"),
        weights=weights,
        lineage=child.lineage if child else None,
        doctor=new,
        doctor_looked=looked,
        stop_ids=(parent.stop_ids if parent else (), child.stop_ids if child else ()),
        scorers={task: card.scorer for task, card in cards.items()},
        same_answers=_same(said),
        domain=frozenset(named),
        domain_from=source,
        groups={task: group for _, after in both if (group := _group(task := after.task))},
        categories=categories,
        unchecked=tuple(unchecked),
    )


def _weights(child: Checkpoint | None, parent: Checkpoint | None, unchecked: list[Unchecked]) -> WeightsMoved | None:
    if child is None:
        return None
    try:
        return weights_change.change(child, parent)
    except (weights_change.Unseen, OSError, ValueError, ArithmeticError, MemoryError) as error:
        unchecked.append(Unchecked("the weights against the parent's", str(error)[:200]))
    return None


def _doctor(child: Checkpoint | None, parent: Checkpoint | None) -> tuple[tuple[Any, ...], bool]:
    """Findings of the child's folder that the parent's hasn't."""
    if child is None or child.path is None or not Path(child.path).is_dir() or child.kind in ("endpoint", "outputs"):
        return (), False
    known = set()
    if parent is not None and parent.path is not None and Path(parent.path).is_dir():
        known = {finding.what for finding in doctor.examine(parent)}
    return tuple(found for found in doctor.examine(child) if found.what not in known), True


def _domain(asked: Sequence[str], child: Checkpoint | None, tasks: Sequence[str]) -> tuple[set[str], str]:
    """Which of the tasks the training was for, and who says so."""
    if asked:
        members = set(lookup.tasks(asked))
        named = {task for task in tasks if task in members or questions(task) in members | set(asked)}
        if not named:
            raise UserError(f"--domain {','.join(asked)} is no task that both sides have; {nearest(asked[0], tasks)}")
        return named, "--domain"
    sources = child.lineage.data if child and child.lineage else ()
    words = " ".join(str(source.get("name") or "").lower() for source in sources if source.get("role") != "general")
    named = {task for task in tasks if any(word in words for word in _names(task))}
    return (named, "the lineage's data") if named and len(named) < len(tasks) else (set(), "")


def _group(task: str) -> str:
    """The first group that has the task as a member, in any form; "" for none."""
    return next((group.name for group in _groups(task)), "")


def _names(task: str) -> set[str]:
    """By what a data set may be named after a task: its own name, its group's, the words of the group's title."""
    found = {questions(task).lower()}
    for group in _groups(task):
        found.add(group.name.lower())
        found |= {w for w in PLAIN_DATA.findall(group.title.get("en", "").lower()) if w not in ("questions", "thought")}
    return found


def _groups(task: str) -> Iterator[Group]:
    own = questions(task)
    return (g for g in catalogue.groups() if g.name != "demo" and own in {questions(member) for member in g.members})


def _same(said: Mapping[str, tuple[Answers, Answers]]) -> dict[str, tuple[int, int]]:
    """Answers that are the parent's to the letter (log-probabilities to the last bit)."""
    found = {}
    for task, (before, after) in said.items():
        common = before.keys() & after.keys()
        if common:
            found[task] = (sum(before[k] == after[k] for k in common), len(common))
    return found
