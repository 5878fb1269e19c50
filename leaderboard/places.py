"""Where everything of a site lies: file names and addresses that are safe for hostile names.

Example: `places.of(board, "all").sample(checkpoint_id, column, 12)` -> "samples.html#c=good-1f2a3b4c&t=ceval-0a1b2c3d&s=12".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness import identity
from leaderboard.cells import Column
from leaderboard.entries import Board
from leaderboard.words import slug


@dataclass(frozen=True)
class Places:
    """A slug is a readable piece of the name and a piece of the id; addresses are relative to the site's root."""

    checkpoints: Mapping[str, str]  # checkpoint id -> checkpoint/SLUG.html
    tasks: Mapping[str, str]  # task key -> task/SLUG.html

    def slug(self, checkpoint_id: str) -> str:
        return self.checkpoints[checkpoint_id].removeprefix("checkpoint/").removesuffix(".html")

    def answers(self, checkpoint_id: str, column: Column, **narrowed: str) -> str:
        """The answers of a checkpoint in a column; `narrowed` is state of that page: f="wrong", subject="law"."""
        state = {"c": self.slug(checkpoint_id), "t": column.slug} | narrowed
        return "samples.html#" + "&".join(f"{key}={_quoted(value)}" for key, value in state.items())

    def sample(self, checkpoint_id: str, column: Column, number: int, repeat: int = 0) -> str:
        """One answer: `number` is the question's 1-based place in its exam."""
        return self.answers(checkpoint_id, column, s=f"{number}.{repeat + 1}" if repeat else str(number))

    def compare(self, before: str, after: str, column: Column | None = None) -> str:
        tail = f"&t={column.slug}" if column else ""
        return f"compare.html#a={self.slug(before)}&b={self.slug(after)}{tail}"


def of(board: Board) -> Places:
    keys = {e.task.key for e in board.entries}
    return Places(
        {c.id: f"checkpoint/{slug(c.name, c.id)}.html" for c in board.by_id.values()},
        {key: f"task/{slug(key, identity.digest(['task', key]))}.html" for key in keys},
    )


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
