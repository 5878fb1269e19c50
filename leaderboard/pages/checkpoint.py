"""A checkpoint as a data sheet: what it is, where it comes from, its scores, and how it stands to its parent.

Example: `checkpoint/base-lora-1f2a3b4c.html` shows base > base-lora (here) > distilled, its loss curve, 2 scores with rank
and interval, the subjects that moved, the guards beside their limits, and the command that would ask it again.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from harness.records import Checkpoint, Lineage
from harness.store import verdicts
from harness.verdicts import trained
from leaderboard import checkpoint_training, shown
from leaderboard.cells import Entry
from leaderboard.checkpoint_again import Again
from leaderboard.checkpoint_parent import Both, Health
from leaderboard.checkpoint_rows import Rows
from leaderboard.composite_pages import Composites
from leaderboard.contaminated import Table
from leaderboard.family import Kin, Node
from leaderboard.overlapping import Overlapping
from leaderboard.pages import Page, View
from leaderboard.parents import Against
from leaderboard.words import Words

VERDICTS = 12  # the newest


def pages(view: View) -> Iterator[Page]:
    maker = _Maker(view)
    for checkpoint in view.board.by_id.values():
        yield Page(view.where.checkpoints[checkpoint.id], "checkpoint.html.j2", maker.content(checkpoint))


@dataclass
class _Maker:
    """What all checkpoint pages share, made once."""

    view: View
    kin: Kin = field(init=False)
    rows: Rows = field(init=False)
    health: Health = field(init=False)
    pairs: Mapping[str, Sequence[Both]] = field(init=False)  # child -> what it can be held against its parent in
    again: Again = field(init=False)
    overlapping: Overlapping = field(init=False)
    splits: Mapping[str, Table] = field(init=False)
    judged: Mapping[str, list[dict[str, Any]]] = field(init=False)
    tasks: Mapping[str, str] = field(init=False)  # exam -> key of its task
    composites: Composites = field(init=False)
    nodes: dict[str, Markup] = field(default_factory=dict)

    def __post_init__(self) -> None:
        t = Words()
        self.kin, self.rows = Kin(self.view), Rows(self.view, t)
        self.health, self.judged = Health(self.view, t), _judged(self.view)
        self.pairs = {child: self._pairs(edge) for child, edge in self.kin.against.items()}
        self.health.hold(self.pairs)
        self.overlapping = self.view.board.overlapping
        self.splits = self.view.splits.tables(self.rows.heads)
        self.tasks = {exam.id: exam.task.key for exam in {id(e.exam): e.exam for e in self.view.board.entries}.values()}
        self.composites = Composites(self.view.board.columns, t)
        self.again = Again(texts=self.view.options.samples != "none")

    def content(self, checkpoint: Checkpoint) -> dict[str, Any]:
        board, lineage = self.view.board, checkpoint.lineage
        mine = sorted(board.runs_of.get(checkpoint.id, ()), key=self._place)
        edge = self.kin.against.get(checkpoint.id)
        tree = self.kin.tree(checkpoint.id)
        pairs = self.pairs.get(checkpoint.id, ())
        subjects, left = self.health.subjects(pairs)
        return {
            "heading": checkpoint.name,
            "checkpoint": checkpoint,
            "base": shown.name(board, checkpoint.base),
            "base_href": self.view.where.checkpoints.get(checkpoint.base or "", ""),
            "t": self.rows.t,
            "lean": self.view.lean,
            "slug": self.view.where.slug(checkpoint.id),
            "scores": self.rows.scores(mine, edge),
            "runs": self.rows.runs(mine),
            "stale": ", ".join(board.stale.get(checkpoint.id, ())),
            "composites": self.composites.lines(checkpoint.id),
            "tree": tree if tree.children or tree.folded else None,
            "once": self._once,
            "taught": self.kin.taught(checkpoint.id),
            "lineage": checkpoint_training.section(lineage, self.rows.t),
            "edge": self._edge(edge),
            "subjects": subjects,
            "subjects_left": left,
            "guards": self.health.guards(checkpoint.id, pairs),
            "contamination": _contamination(lineage, mine),
            "tested": _on_tests(lineage, mine),
            "overlaps": _overlaps(checkpoint, mine, self.overlapping),
            "splits": self.splits.get(checkpoint.id),
            "verdicts": self.judged.get(checkpoint.id, [])[:VERDICTS],
            "verdicts_left": max(0, len(self.judged.get(checkpoint.id, [])) - VERDICTS),
            "again": self.again.lines(checkpoint, mine),
        }

    def _once(self, node: Node, write: Callable[[Node], Markup]) -> Markup:
        """A relative is drawn alike on the pages of its whole family."""
        if node.here or node.moved or not node.id:
            return write(node)
        if node.id not in self.nodes:
            self.nodes[node.id] = write(node)
        return self.nodes[node.id]

    def _place(self, entry: Entry) -> tuple[str, str, str]:
        return self.tasks[entry.exam.id], entry.run.started or "", entry.run.id

    def _edge(self, edge: Against | None) -> dict[str, Any] | None:
        if edge is None:
            return None
        found = collections.Counter(line.verdict for line in edge.lines.values())
        return {
            "word": edge.word.replace(" ", "_"),
            "parent": self.view.board.by_id[edge.parent].name,
            "href": self.view.where.checkpoints[edge.parent],
            "compare": self.view.where.compare(edge.parent, edge.child),
            "slug": self.view.where.slug(edge.parent),
            "many": len(edge.lines),
            "refused": len(edge.refused),
            **{word: found[word] for word in ("worse", "better", "alike")},
        }

    def _pairs(self, edge: Against) -> list[Both]:
        """Columns in which parent and child were asked alike."""
        found = []
        for key in edge.lines:
            cells = self.rows.heads[key].column.cells
            before, after = cells[edge.parent].entry, cells[edge.child].entry
            if before is not None and after is not None:
                found.append(Both(self.rows.heads[key], before, after))
        return found


def _contamination(lineage: Lineage | None, mine: Sequence[Entry]) -> list[dict[str, Any]]:
    """What the lineage itself tells: tasks whose scorer was the reward."""
    rewards = set(lineage.trained_on) if lineage else set()
    found = []
    for reward in sorted(rewards):
        graded = sorted({e.task.key for e in mine if e.task.scorer == reward or e.scorer == reward})
        found.append({"scorer": reward, "tasks": graded})
    return found


def _on_tests(lineage: Lineage | None, mine: Sequence[Entry]) -> list[dict[str, Any]]:
    """Tasks after whose own test set its training data is named, with those names."""
    asked = sorted({e.task.key for e in mine if "trained" in e.badges}) if lineage else []
    found = [(task, trained.on_test(lineage, task)) for task in asked] if lineage else []
    return [
        {"task": task, "names": names, "sure": bool(lineage and trained.admitted(lineage, task))}
        for task, names in found
        if names
    ]


def _overlaps(checkpoint: Checkpoint, mine: Sequence[Entry], overlapping: Overlapping) -> list[dict[str, Any]]:
    """Of each task that was looked for in its training data: how many questions stand there."""
    exams = {e.exam.id: e.exam for e in mine} if overlapping.any else {}
    found = [(exam.task.key, overlapping.of(checkpoint, exam)) for exam in exams.values()]
    return [{"task": task, "overlap": overlap} for task, overlap in sorted(found, key=lambda pair: pair[0]) if overlap]


def _judged(view: View) -> dict[str, list[dict[str, Any]]]:
    """Checkpoint id -> the verdicts of gates about it, the newest first."""
    of_run = {entry.run.id: entry.checkpoint.id for entry in view.board.entries}
    found: dict[str, list[dict[str, Any]]] = {}
    for at, runs, said in reversed(verdicts.history(view.store)):
        row = {
            "at": at[:16].replace("T", " "),
            "status": said["status"],
            "sentence": said["sentence"],
            "before": said["before"],
        }
        for checkpoint_id in dict.fromkeys(of_run[run] for run in runs if run in of_run):
            found.setdefault(checkpoint_id, []).append(row)
    return found
