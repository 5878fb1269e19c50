"""Lineage as a tree: what a checkpoint was made from, what was made beside it and of it, and how each edge turned out.

Example: `Kin(view).tree(id)` -> base > lora (this one) > distilled, each with method, recipe and its verdict against its
parent; a teacher is a dashed edge. Trap: lineage is a file that anybody wrote, so a parent may be unknown, or its own
grandchild; a family may be 300 siblings, of which eight are shown and the others folded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.records import Checkpoint, Lineage
from harness.verdicts import audit
from harness.words import Said, dictionary
from leaderboard import parents
from leaderboard.pages import View
from leaderboard.words import LANGUAGES

SHOWN = 8  # children of one checkpoint before they are folded
FOLDED = 60  # then named; the others are counted
DEEP = 3  # generations after this one
AUDITED = 12  # siblings whose settings are held against this one's
FIRST = ("lr", "learning_rate", "rate", "r", "rank", "lora_r", "lora_rank", "epochs", "num_train_epochs", "temperature")
FACTS = 3  # of a recipe, on an edge
OF_ONE_METHOD = {"distil": "logitkd", "grpo": "grpo"}  # tables of a recipe that say nothing of the other methods
LONGEST = 40  # characters of a value


@dataclass(frozen=True, slots=True)
class Node:
    """A checkpoint in the tree of another one; an unknown one has no href."""

    id: str
    name: str
    href: str = ""
    kind: str = ""
    here: bool = False
    method: str = ""
    facts: str = ""
    edge: parents.Against | None = None
    moved: Mapping[str, str] | None = None  # language -> the one variable in which a sibling differs from this one
    teacher: Node | None = None
    children: Sequence[Node] = ()
    folded: Sequence[Node] = ()
    left: int = 0  # children that are not even folded


@dataclass
class Kin:
    """Who was made from whom, for all of a board; made once a site."""

    view: View
    parent: dict[str, str] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    pupils: dict[str, list[str]] = field(default_factory=dict)
    against: Mapping[str, parents.Against] = field(default_factory=dict)
    _plain: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        board = self.view.board
        self.against = self.view.against
        self.parent = {child: found.parent for child, found in self.against.items()}
        for checkpoint in sorted(board.by_id.values(), key=lambda c: (c.name, c.id)):
            if checkpoint.id in self.parent:
                self.children.setdefault(self.parent[checkpoint.id], []).append(checkpoint.id)
            teacher = checkpoint.lineage.teacher if checkpoint.lineage else None
            if teacher in board.by_id and teacher != checkpoint.id:
                self.pupils.setdefault(str(teacher), []).append(checkpoint.id)

    def ancestors(self, checkpoint_id: str) -> list[str]:
        """The oldest known first, without the checkpoint; a circle is cut where it closes."""
        found = [checkpoint_id]
        while (up := self.parent.get(found[-1])) is not None and up not in found:
            found.append(up)
        return found[:0:-1]

    def tree(self, checkpoint_id: str) -> Node:
        """From the oldest known ancestor down to this one's own descendants."""
        path = [*self.ancestors(checkpoint_id), checkpoint_id]
        node = self._down(checkpoint_id, frozenset(path), DEEP, here=True)
        if len(path) > 1:
            node = self._with_siblings(path[-2], node, frozenset(path))
        for up in path[-3::-1] if len(path) > 2 else ():
            node = self._node(up, children=(node,))
        return self._rooted(path[0], node)

    def taught(self, checkpoint_id: str) -> list[Node]:
        """Checkpoints that learnt from this one's answers and were made from another."""
        return [self._node(c) for c in self.pupils.get(checkpoint_id, ()) if self.parent.get(c) != checkpoint_id]

    def _rooted(self, root: str, node: Node) -> Node:
        """Under the name of a parent that isn't in this store, where the lineage tells of one."""
        checkpoint = self.view.board.by_id[root]
        told = (checkpoint.lineage.parent if checkpoint.lineage else None) or checkpoint.base
        if not told or root in self.parent or told in (root, checkpoint.name):
            return node
        return Node("", told[:8] if len(told) >= 16 else told, children=(node,))

    def _with_siblings(self, parent: str, node: Node, path: frozenset[str]) -> Node:
        others = [c for c in self.children[parent] if c not in path]
        mine = self.view.board.by_id[node.id].lineage
        made = []
        for number, other in enumerate(others[: SHOWN - 1 + FOLDED]):
            moved = self._moved(mine, other) if mine and number < AUDITED else None
            grand = len(self.children.get(other, ()))
            made.append(self._node(other, moved=moved, left=grand))
        shown = sorted([node, *made[: SHOWN - 1]], key=lambda n: (n.name, n.id))
        left = max(0, len(others) - (SHOWN - 1) - FOLDED)
        return self._node(parent, children=shown, folded=made[SHOWN - 1 :], left=left)

    def _down(self, checkpoint_id: str, seen: frozenset[str], deep: int, here: bool = False) -> Node:
        below = [c for c in self.children.get(checkpoint_id, ()) if c not in seen]
        if deep == 0:
            return self._node(checkpoint_id, left=len(below))
        nodes = [self._down(c, seen | {c}, deep - 1) for c in below[:SHOWN]]
        folded = [self._node(c, left=len(self.children.get(c, ()))) for c in below[SHOWN : SHOWN + FOLDED]]
        left = max(0, len(below) - SHOWN - FOLDED)
        return self._node(checkpoint_id, here=here, children=nodes, folded=folded, left=left)

    def _node(self, checkpoint_id: str, **place: Any) -> Node:
        if checkpoint_id not in self._plain:
            self._plain[checkpoint_id] = self._made(self.view.board.by_id[checkpoint_id])
        plain = self._plain[checkpoint_id]
        return Node(
            plain.id, plain.name, plain.href, plain.kind, place.get("here", False), plain.method, plain.facts, plain.edge,
            place.get("moved"), plain.teacher, place.get("children", ()), place.get("folded", ()), place.get("left", 0),
        )  # fmt: skip

    def _made(self, checkpoint: Checkpoint) -> Node:
        lineage = checkpoint.lineage
        teacher = None
        if lineage and lineage.teacher:
            known = self.view.board.by_id.get(lineage.teacher)
            href = self.view.where.checkpoints[known.id] if known else ""
            teacher = Node("", known.name if known else lineage.teacher[:LONGEST], href)
        return Node(
            checkpoint.id, checkpoint.name, self.view.where.checkpoints[checkpoint.id], checkpoint.kind,
            method=(lineage.method or "")[:LONGEST] if lineage else "", facts=headline(lineage),
            edge=self.against.get(checkpoint.id), teacher=teacher,
        )  # fmt: skip

    def _moved(self, mine: Lineage, other: str) -> Mapping[str, str] | None:
        theirs = self.view.board.by_id[other].lineage
        if theirs is None:
            return None
        found = audit.variables({"recipe": _had(mine)}, {"recipe": _had(theirs)})
        if found.kind not in ("controlled", "replicate") or not isinstance(found.sentence, Said):
            return None
        return {language: in_language(found.sentence, dictionary(language)) for language in LANGUAGES}


def headline(lineage: Lineage | None) -> str:
    """What a recipe says first, on one short line: `lr 8e-05 · r 16 · epochs 3`."""
    if lineage is None or not lineage.recipe:
        return ""
    foreign = {name for name, method in OF_ONE_METHOD.items() if lineage.method not in (None, method)}
    keys = audit.flat({name: value for name, value in lineage.recipe.items() if name not in foreign})
    short = {name.rpartition(".")[2]: (name, value) for name, value in sorted(keys.items(), reverse=True)}
    first = [name for name in FIRST if name in short]
    chosen = [*first, *(n for n in sorted(short) if n not in first and isinstance(short[n][1], int | float | str))][
        :FACTS
    ]
    told = {name: short[name][1] for name in chosen}
    if "epochs" in told and lineage.epochs is not None:  # as it came out: a recipe may count steps, or end early
        told["epochs"] = f"{lineage.epochs:.3g}"
    return " · ".join(f"{name[:LONGEST]} {str(value)[:LONGEST]}" for name, value in told.items())


def _had(lineage: Lineage) -> dict[str, Any]:
    """A training as harness.verdicts.audit reads it."""
    facts = ("method", "parent", "teacher", "seed", "steps", "tokens")
    had = {name: getattr(lineage, name) for name in facts} | {"versions": dict(lineage.versions) or None}
    had["template"] = lineage.template_sha
    had["data"] = {
        _source(s, i): str(s.get("sha") or s.get("rows") or _source(s, i)) for i, s in enumerate(lineage.data)
    }
    known = {name: value for name, value in had.items() if value or value == 0}  # 0 is a seed
    return known | {"recipe": lineage.recipe or {}}


def _source(source: Mapping[str, Any], number: int) -> str:
    return str(source.get("name") or source.get("source") or f"source {number + 1}")


def in_language(said: object, words: Mapping[str, str]) -> str:
    """A sentence of harness.verdicts with the templates of one language; names stay as they are."""
    if not isinstance(said, Said):
        return str(said)
    template = words.get(said.template, said.template)
    if isinstance(said.filled, tuple):
        return template.join(in_language(member, words) for member in said.filled)
    filled = {k: in_language(v, words) if isinstance(v, Said) else v for k, v in said.filled.items()}
    return template.format(**filled) if filled else template
