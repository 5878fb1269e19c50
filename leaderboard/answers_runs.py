"""Whose answers stand on the site, and one mark for each of them; numbers only, never a text.

Example: marks(store, run)["marks"] == "··×·?…" in exam order, one sign an answer, repeats beside each other; a space is
an answer that isn't there; its "tokens" == "323,74,null,…" are a text, which a page that asks for them cuts. Trap: "·" stands for an outcome, and graded scores have values between 0 and 1, so `values`
are there wherever the column's number can't be counted from the marks alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.store import read
from harness.store.open import Store
from leaderboard.cells import Column, Entry
from leaderboard.pages import View

GLYPHS = {
    "correct": "·",
    "wrong": "×",
    "unparsed": "?",
    "truncated": "…",
    "empty": "∅",
    "error": "!",
    "ungraded": "-",
    "none": "-",
}
NOT_RIGHT = ("wrong", "unparsed", "truncated", "empty", "error")
POINTS = {"·": 1.0, " ": None, "-": None}  # any other mark: 0


@dataclass(frozen=True, eq=False)
class Asked:
    """A run that fills a cell of the board."""

    entry: Entry
    column: Column
    row: int  # in the store
    scorer: int | None  # whose grades count for it
    state: Sequence[Any]  # changes when its answers or grades do
    ordered: bool = False  # its exam's questions lie in the store as they are asked
    graded: bool = False  # its metric is the mean of its grades


def asked_of(view: View) -> dict[str, list[Asked]]:
    """Checkpoint's slug -> its runs in the order they were started, so that a new one stands last."""
    heads = _heads(view.store)
    turned = {uid for (uid,) in view.store.db.conn.execute(_TURNED).fetchall()}
    graded = {metric: _is_grade(metric) for metric in {column.metric for column in view.board.columns if column.task}}
    found: dict[str, list[Asked]] = {c.id: [] for c in view.board.checkpoints}
    for column in view.board.columns:
        if column.task is None or column.exam is None:
            continue
        exam, slug, metric = column.exam.id, column.slug, column.metric  # what its runs share
        how = exam not in turned, graded[metric]
        for checkpoint, cell in column.cells.items():
            if cell.entry and cell.entry.run.done:
                run = cell.entry.run
                row, scorer, state = heads[run.id]
                full = [run.id, exam, slug, metric, run.repeats, *state]
                found[checkpoint].append(Asked(cell.entry, column, row, scorer, full, *how))
    for runs in found.values():
        runs.sort(key=lambda asked: (asked.entry.run.started or "", asked.entry.run.id))
    return {view.where.slug(checkpoint): runs for checkpoint, runs in found.items() if runs}


def _heads(store: Store) -> dict[str, tuple[int, int | None, list[Any]]]:
    """Run -> (row, row of the scorer that counts as in v_scoring, what its answers and grades can be told by)."""
    heads: dict[str, tuple[int, int | None, list[Any]]] = {}
    best: dict[str, tuple[Any, ...]] = {}
    for uid, row, done, key, scorer, *standing, facts in store.db.conn.execute(_HEADS).fetchall():
        if scorer is None:
            heads.setdefault(uid, (row, None, [done, key]))
        elif uid not in best or tuple(standing) > best[uid]:
            best[uid] = tuple(standing)
            heads[uid] = row, scorer, [done, key, facts]
    return heads


_HEADS = """SELECT r.uid, r.id, r.done, e.key, c.id, c.name = e.scorer, g.graded,
        CASE typeof(c.version) WHEN 'integer' THEN c.version ELSE 0 END, c.id,
        c.name || '@' || c.version || ' ' || g.graded || ' ' || g.unparsed || ' ' || g.truncated
    FROM runs r JOIN exams e ON e.id = r.exam LEFT JOIN (run_scorers g JOIN scorers c ON c.id = g.scorer)
        ON g.run = r.id AND c.params = e.key"""


_TURNED = """SELECT DISTINCT e.uid FROM (SELECT exam, id < lag(id) OVER (PARTITION BY exam ORDER BY position) AS back
    FROM samples) s JOIN exams e ON e.id = s.exam WHERE s.back"""


def marks(store: Store, asked: Asked) -> dict[str, Any]:
    """The marks of a run with values, counts and tokens, each in exam order."""
    return (_at_once(store, asked) if asked.ordered else None) or _one_by_one(store, asked)


def _at_once(store: Store, asked: Asked) -> dict[str, Any] | None:
    """The same as SQLite joins it, for a whole run whose marks say all; None for any other. A million answers: 1 s for 5."""
    done, beside, signs, known, tokens = store.db.conn.execute(_JOINED, [asked.row, asked.scorer]).fetchone()
    entry = asked.entry
    if beside or not asked.graded or done != len(entry.exam.samples) * max(entry.run.repeats, 1):
        return None
    counts = {outcome: many for outcome, sign in _SIGNS.items() if (many := signs.count(sign))}
    marks = signs.replace(_SIGNS["none"], GLYPHS["none"])
    return {"marks": marks, "counts": counts, "tokens": tokens if known else None, "values": None}


_SIGNS = {**GLYPHS, "none": "n"}  # no grade is counted apart from an answer that can't be graded
_SAID = " ".join(f"WHEN '{outcome}' THEN '{sign}'" for outcome, sign in _SIGNS.items())
_JOINED = f"""SELECT count(*), sum(x.value IS NOT
        CASE WHEN x.outcome = 'correct' THEN 1.0 WHEN coalesce(x.outcome, 'ungraded') <> 'ungraded' THEN 0.0 END),
        group_concat(CASE coalesce(x.outcome, 'none') {_SAID} END, ''), count(p.output_tokens),
        group_concat(coalesce(p.output_tokens, 'null'))
    FROM (SELECT id, output_tokens FROM responses WHERE run = ? ORDER BY sample, repeat) p
        LEFT JOIN scores x ON x.response = p.id AND x.scorer = ?"""


def _one_by_one(store: Store, asked: Asked) -> dict[str, Any]:
    entry = asked.entry
    repeats, n = max(entry.run.repeats, 1), len(entry.exam.samples)
    signs, tokens = [" "] * (n * repeats), [None] * (n * repeats)
    counts: dict[str, int] = {}
    grades: dict[int, list[float | None]] = {}
    for position, repeat, outcome, value, output in store.db.conn.execute(_MARKS, [asked.scorer, asked.row]).fetchall():
        at = position * repeats + repeat
        outcome = outcome or "none"
        signs[at], tokens[at] = GLYPHS[outcome], output
        counts[outcome] = counts.get(outcome, 0) + 1
        grades.setdefault(position, []).append(value)
    values = _values(store, entry, signs, grades, repeats)
    known = any(output is not None for output in tokens)
    told = ",".join("null" if output is None else str(output) for output in tokens) if known else None
    return {"marks": "".join(signs), "counts": counts, "tokens": told, "values": values}


_MARKS = """SELECT s.position, p.repeat, x.outcome, x.value, p.output_tokens
    FROM responses p JOIN samples s ON s.id = p.sample LEFT JOIN scores x ON x.response = p.id AND x.scorer = ?
    WHERE p.run = ?"""


def _values(
    store: Store, entry: Entry, signs: Sequence[str], grades: Mapping[int, Sequence[float | None]], repeats: int
) -> list[float | None] | None:
    """The mean over repeats per question; None where the marks say it all."""
    n = len(entry.exam.samples)
    if not _is_grade(entry.metric):
        found = read.outcomes(store, entry.run.id, entry.metric)
        values = dict(zip(found.samples, found.values, strict=True))
        return [_short(values.get(sample.id)) for sample in entry.exam.samples]
    means = [_mean(grades.get(position, ())) for position in range(n)]
    if means == [_mean(points(signs[i * repeats : (i + 1) * repeats])) for i in range(n)]:
        return None
    return [_short(mean) for mean in means]


def unfolded(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each run of a script of data/runs/ with all that is said of it, as a page reads them."""
    found = {}
    for slug, run in told["runs"].items():
        whole = told["same"] | run | {"texts": told["texts"]}
        whole["shards"] = [told["shards"][place] for place in whole["shards"]]
        whole["tokens"] = json.loads(f"[{whole['tokens']}]") if whole["tokens"] else None
        found[slug] = whole
    return found


def points(signs: Sequence[str]) -> list[float | None]:
    return [POINTS.get(sign, 0.0) for sign in signs]


def _is_grade(metric: str) -> bool:
    """Is its value per answer the grade itself: of accuracy, not of F1 or of a length."""
    from harness import metrics

    return not metrics.known(metric) or tuple(metrics.find(metric).NEEDS) == ("value",)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
