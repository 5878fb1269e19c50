"""Any two checkpoints of the board beside each other: what changed, how sure that is, and each question that flipped.

Example: `compare.html#a=base-9b256c19&b=damaged-e197c7ae` says in the browser what `bench compare base damaged` says in a
terminal, by the same words; without a pair in the address it shows every child against its parent.
Trap: the browser can't ask a metric whether it is a mean, so the page carries the columns where it must not reckon.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.verdicts.wording import number
from leaderboard import compare_words, parents, shown
from leaderboard.answers_runs import GLYPHS
from leaderboard.cells import Column
from leaderboard.pages import Page, View

NAV = (20, "compare")
PATH = "compare.html"
COLUMNS = 6  # tasks of the table of children; a board of 60 has the others one click away
GENERATED = "generate"  # the only way of asking that leaves a reply to be unparsed or cut off


def present(view: View) -> bool:
    """Two checkpoints make a pair."""
    return len(view.board.checkpoints) > 1


def pages(view: View) -> Iterator[Page]:
    singles = [column for column in view.board.columns if column.task]
    content = {
        "page": "compare",
        "heading": compare_words.heading(view.options.language),
        "outcomes": tuple(GLYPHS),
        "said": compare_words.carried(),
        "facts": {
            "no-mean": " ".join(c.slug for c in singles if not _is_mean(c)),
            "ungraded": " ".join(
                c.slug for c in singles if any(x.entry and x.entry.ungraded for x in c.cells.values())
            ),
            "unread": " ".join(c.slug for c in singles if c.task and c.task.ask != GENERATED),
        },
        **_children(view, singles),
    }
    yield Page(PATH, "compare.html.j2", content)


def _is_mean(column: Column) -> bool:
    """Whether a change can be reckoned from one value a question, on any machine."""
    from harness import metrics
    from harness.errors import UserError

    try:
        found = metrics.find(column.metric)
    except UserError:
        return False
    return bool(found.IS_MEAN) and not getattr(found, "HARDWARE", False)


@dataclass(frozen=True)
class Child:
    name: str
    parent: str
    href: str
    word: str
    lines: Sequence[Mapping[str, Any] | None]  # of the shown columns, spelt
    others: int  # lines in columns that are not shown


def _children(view: View, singles: Sequence[Column]) -> Mapping[str, Any]:
    """Every child against its parent, in the order of the board; first the columns that most of them have."""
    found = view.against
    counted = {c.key: sum(c.key in one.lines for one in found.values()) for c in singles}
    columns = sorted((c for c in singles if counted[c.key]), key=lambda c: -counted[c.key])[:COLUMNS]
    ordered = [c.id for c in view.board.checkpoints if c.id in found and found[c.id].lines]
    children = [_child(view, found[c], columns) for c in ordered]
    return {"columns": columns, "children": children, "others": any(child.others for child in children)}


def _child(view: View, one: parents.Against, columns: Sequence[Column]) -> Child:
    lines = [_spelt(one.lines.get(column.key), column) for column in columns]
    return Child(
        name=view.board.by_id[one.child].name,
        parent=shown.name(view.board, one.parent),
        href=view.where.compare(one.parent, one.child),
        word=one.word.replace(" ", "_"),
        lines=lines,
        others=len(one.lines) - sum(line is not None for line in lines),
    )


def _spelt(line: parents.Line | None, column: Column) -> Mapping[str, Any] | None:
    if line is None:
        return None
    points = column.unit == "share"
    ends = {name: number(getattr(line, name), points, signed=True) for name in ("change", "low", "high")}
    return {name: text.replace("-", "−") for name, text in ends.items()} | {
        "value": line.change,
        "verdict": line.verdict.replace(" ", "_"),
    }
