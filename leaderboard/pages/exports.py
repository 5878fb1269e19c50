"""Files for other programs: board.csv, board.json with its schema and, where asked for, the whole store as results.db."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from harness.store.board import uuid
from leaderboard import exports
from leaderboard.pages import Copy, File, View


def pages(view: View) -> Iterator[File | Copy]:
    told = exports.scores(view.board)
    yield File("board.csv", exports.table(view.board, told).encode("utf-8", "backslashreplace"))
    records = exports.records(view.board, view.where, told, view.options.title, uuid(view.store))
    yield File("board.json", (json.dumps(records, separators=(",", ":"), allow_nan=False) + "\n").encode("ascii"))
    yield File("board.schema.json", (files("leaderboard") / "board.schema.json").read_bytes())
    if view.options.database:
        yield Copy("results.db", lambda target: _database(view, target))


def _database(view: View, target: Path) -> None:
    """A compact copy that is whole even while a run writes: `datasette results.db` and pandas open it."""
    with closing(view.store.db.execute("VACUUM INTO ?", [str(target)])):
        pass
