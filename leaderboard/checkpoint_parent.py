"""A checkpoint beside its parent: subject by subject, and the measures of health with the limits that the gate uses.

Example: `Health(view).guards(pairs)` -> [{"measure": "unparsed_rate", "limit": …, "rows": [the task that moved most]}].
Trap: these are means of stored results, to be looked at; the gate tests the same limits on paired answers, and takes the
typical ratio of two lengths, which one answer that runs away doesn't move.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from harness import metrics
from harness.stats.intervals import Floats
from harness.store import health
from harness.verdicts import guards as gate
from harness.verdicts.policy import GuardPolicy, plain
from leaderboard import charts_lines
from leaderboard.cells import Entry
from leaderboard.charts import Scale
from leaderboard.checkpoint_rows import Head, signed
from leaderboard.pages import View
from leaderboard.words import DASH, Words, count, decimal, inline, points
from leaderboard.written import number

TASKS = 8  # whose subjects are listed
SUBJECTS = 80  # of one task
BEYOND = 3  # tasks named of one measure
Row = tuple[float, str, int, float, float]  # change, subject, questions, before, after


@dataclass(frozen=True)
class Both:
    """A column with the runs of parent and child in it."""

    head: Head
    before: Entry
    after: Entry


Move = tuple[float, Both, float, float]  # how much of what is allowed was used up, where, before, after


class Health:
    """Subjects and rates of all checkpoints, each read once a site."""

    def __init__(self, view: View, t: Words) -> None:
        self._board, self._t = view.board, t
        self._name = functools.cache(inline)
        self._limits = _limits()
        self._rates = health.whole(view.store, self._limits)
        self._means: dict[str, tuple[tuple[str, ...], Mapping[str, int], Floats, Floats]] = {}

    def subjects(self, pairs: Sequence[Both]) -> tuple[list[dict[str, Any]], int]:
        """Per task its subjects by change, the largest fall first; and how many tasks with subjects are left out."""
        divided = [both for both in pairs if len(self._of(both)[0]) > 1]
        found = [self._table(both, rows) for both in divided[:TASKS] if (rows := list(self._subjects(both)))]
        return found, max(0, len(divided) - TASKS)

    def _subjects(self, both: Both) -> Iterator[Row]:
        names, places, means, counts = self._of(both)
        before, after = (places[entry.checkpoint.id] for entry in (both.before, both.after))
        for i, name in enumerate(names):
            if counts[before, i] and counts[after, i]:
                a, b = float(means[before, i]), float(means[after, i])
                yield b - a, name, int(counts[after, i]), a, b

    def _of(self, both: Both) -> tuple[tuple[str, ...], Mapping[str, int], Floats, Floats]:
        """Subjects, the row of each checkpoint, mean and number of values [checkpoint, subject]."""
        key = both.head.column.key
        if key not in self._means:
            values = self._board.values(key) if both.head.divided else None
            if values is None or not values.is_mean:
                empty = np.zeros((0, 0))
                self._means[key] = (), {}, empty, empty
            else:
                names = tuple(sorted(set(values.subjects)))
                asked, known = np.array(values.subjects, dtype=object), np.array(names, dtype=object)
                of = asked[:, None] == known[None, :]
                there = ~np.isnan(values.matrix)
                counts = there.astype(float) @ of.astype(float)
                sums = np.nan_to_num(values.matrix) @ of.astype(float)
                self._means[key] = names, values.places, sums / np.maximum(counts, 1), counts
        return self._means[key]

    def _table(self, both: Both, rows: list[Row]) -> dict[str, Any]:
        column = both.head.column
        rows.sort(key=lambda row: (row[0] if column.better_high else -row[0], row[1]))
        scale = Scale.around([(row[3], row[4]) for row in rows])
        fell = sum((row[0] < 0) == column.better_high for row in rows if row[0])
        return {
            "title": both.head.title,
            "many": len(rows),
            "fell": fell,
            "rose": sum(1 for row in rows if row[0]) - fell,
            "left": max(0, len(rows) - SUBJECTS),
            "scale": scale,
            "factor": both.head.factor,
            "rows": Markup("\n".join([self._subject(both, scale, row) for row in _ends(rows)])),
        }

    def _subject(self, both: Both, scale: Scale, row: Row) -> str:
        change, name, n, before, after = row
        column = both.head.column
        chart = charts_lines.moved(scale, before, after, both.head.factor)
        return (
            f'<tr><th scope="row">{self._name(name or DASH)}</th><td class="num">{count(n)}</td><td class="num soft">{number(column, before)}</td>'
            f'<td class="num">{number(column, after)}</td><td class="num">{signed(column, change)}</td><td>{chart}</td></tr>'
        )

    def guards(self, pairs: Sequence[Both]) -> list[dict[str, Any]]:
        """One entry a measure that both sides have: its limit, how many tasks have it, and the tasks that moved most."""
        found = []
        for name, (limit, share, said) in self._limits.items():
            moves, many = self._moves(pairs, name, limit)
            if not many:
                continue
            moves.sort(key=lambda move: (-move[0], move[1].head.column.key))
            beyond = [move for move in moves if move[0] > 1]
            shown = (beyond or moves[:1])[:BEYOND]
            rows = [
                self._guard(name, move, share, said if i == 0 else None, len(shown), many)
                for i, move in enumerate(shown)
            ]
            found.append({"rows": Markup("\n").join(rows), "beyond": len(beyond), "left": len(beyond) - len(shown)})
        return sorted(found, key=lambda row: not row["beyond"])

    def _guard(
        self,
        name: str,
        move: Move,
        share: bool,
        said: Sequence[tuple[str, dict[str, str]]] | None,
        rows: int,
        many: int,
    ) -> Markup:
        """A row of the table; the first of a measure names it and its limit for all."""
        used, both, before, after = move
        written = points if share else decimal
        first = ""
        if said is not None:
            key, unit = f"c_g_{name}", " %" if share else ""
            limit = self._t("c_comma").join(self._t(key, **values) for key, values in said)
            measure = self._t(key) if self._t.has(key) else self._name(name)
            first = f'<th scope="rowgroup" rowspan="{rows}">{measure}{unit}</th><td class="soft" rowspan="{rows}">{limit}</td>'
        beyond = f'<span class="mark odd">{self._t("c_beyond")}</span>'
        state = beyond if used > 1 else self._t("c_within", n=many)
        return Markup(
            f'<tr>{first}<td>{both.head.link}</td><td class="num soft">{written(before)}</td>'
            f'<td class="num{" flag" if used > 1 else ""}">{written(after)}</td><td>{state}</td></tr>'
        )

    def _moves(self, pairs: Sequence[Both], name: str, limit: GuardPolicy) -> tuple[list[Move], int]:
        """The tasks that moved towards the limit (above 1 it is crossed), the first where none did; and how many there are."""
        rates, falls = self._rates[name], limit.min_ratio is not None
        moved: list[Move] = []
        still: list[Move] = []
        many = 0
        for both in pairs:
            before, after = rates.get(both.before.run.id), rates.get(both.after.run.id)
            if before is None or after is None:
                continue
            many += 1
            if after > before or falls:
                moved.append((_used(limit, before, after), both, before, after))
            elif not still:
                still.append((0.0, both, before, after))
        return moved or still, many


def _limits() -> dict[str, tuple[GuardPolicy, bool, list[tuple[str, dict[str, str]]]]]:
    """Measure of health -> the limit that gate, diagnose and training share, whether it is a share, the limit in words."""
    found = {}
    for name in metrics.health():
        limit = gate.default_limit(name)
        if limit:  # what has none is judged by nobody
            share = str(metrics.find(name).UNIT) == "share"
            found[name] = limit, share, _limit(limit, share)
    return found


def _used(limit: GuardPolicy, before: float, after: float) -> float:
    if limit.min_ratio is not None or limit.max_ratio is not None:
        ratio = after / before if before > 0 else 1.0
        down = (1 - ratio) / (1 - limit.min_ratio) if limit.min_ratio is not None else 0.0
        up = (ratio - 1) / (limit.max_ratio - 1) if limit.max_ratio is not None else 0.0
        return max(down, up, 0.0)
    rise, top, used = plain(limit.max_increase), plain(limit.max), 0.0
    if rise:
        used = (after - before) / rise
    if top and after > before:
        used = max(used, after / top)
    return max(used, 0.0)


def _limit(limit: GuardPolicy, share: bool) -> list[tuple[str, dict[str, str]]]:
    """Keys of i18n with what is filled in: ("c_limit_rise", {"n": "2.0"})."""
    found: list[tuple[str, dict[str, str]]] = []
    if limit.min_ratio is not None and limit.max_ratio is not None:
        return [("c_limit_ratio", {"low": f"{limit.min_ratio:g}", "high": f"{limit.max_ratio:g}"})]
    rise, top = plain(limit.max_increase), plain(limit.max)
    if top is not None:
        found.append(("c_limit_share", {"n": f"{100 * top:g}"}) if share else ("c_limit_max", {"n": f"{top:g}"}))
    if rise is not None:
        found.append(("c_limit_rise", {"n": f"{100 * rise:g}" if share else f"{rise:g}"}))
    return found


def _ends(rows: Sequence[Row]) -> Sequence[Row]:
    """Of too many the two ends, which are what a reader looks for."""
    return rows if len(rows) <= SUBJECTS else [*rows[: SUBJECTS // 2], *rows[-SUBJECTS // 2 :]]
