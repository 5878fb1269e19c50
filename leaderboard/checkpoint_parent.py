"""A checkpoint beside its parent: subject by subject, and the measures of health with the limits that the gate uses.

Example: `Health(view).guards(pairs)` -> [{"measure": "unparsed_rate", "limit": …, "rows": [the task that moved most]}].
Trap: these are means of stored results, to be looked at; the gate tests the same limits on paired answers, and takes the
typical ratio of two lengths, which one answer that runs away doesn't move.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
from leaderboard.checkpoint_rows import Head
from leaderboard.pages import View
from leaderboard.words import DASH, Words, alone, count, decimal, inline, points
from leaderboard.written import number, signed

TASKS = 8  # whose subjects are listed
SUBJECTS = 80  # of one task
BEYOND, BEYOND_LEAN = 3, 1  # tasks named of one measure
Row = tuple[float, str, int, float, float]  # change, subject, questions, before, after


class Both(NamedTuple):
    """A column with the runs of parent and child in it."""

    head: Head
    before: Entry
    after: Entry


Move = tuple[float, Both, float, float]  # how much of what is allowed was used up, where, before, after


class Health:
    """Subjects and rates of all checkpoints, each read once a site."""

    def __init__(self, view: View, t: Words) -> None:
        self._board, self._t, self._lean = view.board, t, view.lean
        self._name = functools.cache(inline)
        self._limits = _limits()
        self._store = view.store
        self._named: Mapping[str, tuple[Markup, Markup]] = {}
        self._spans: Mapping[str, slice] = {}  # child -> its pairs among all
        self._used = np.zeros((0, 0))  # [measure, pair]; -1 where a side lacks the measure
        self._before = self._after = self._used
        self._means: dict[str, tuple[tuple[str, ...], Mapping[str, int], Floats, Floats]] = {}

    def subjects(self, pairs: Sequence[Both]) -> tuple[list[dict[str, Any]], int]:
        """Per task its subjects by change, the largest fall first; and how many tasks with subjects are left out.

        Of a lean page only the two ends: the comparison has the others, reckoned from the answers.
        """
        divided = [both for both in pairs if len(self._of(both)[0]) > 1]
        write = self._line if self._lean else self._table
        found = [write(both, rows) for both in divided[:TASKS] if (rows := list(self._subjects(both)))]
        return found, max(0, len(divided) - TASKS)

    def _line(self, both: Both, rows: list[Row]) -> dict[str, Any]:
        told = self._counted(both, rows)
        ends = "".join(self._end(both, rows[at]) for at in (0, -1))
        return {"row": Markup(f"<tr>{both.head.first}<td>{len(rows)}<td>{told['fell']}<td>{told['rose']}{ends}")}

    def _end(self, both: Both, row: Row) -> str:
        change, name, n, before, after = row
        column = both.head.column
        said = f"{number(column, before)} → {number(column, after)} ({signed(column, change)})"
        return f"<td>{alone(name or DASH)}<td>{n:,}<td>{said}"

    def _counted(self, both: Both, rows: list[Row]) -> dict[str, int]:
        """Sorts the rows, the largest fall first; how many fell and rose."""
        column = both.head.column
        rows.sort(key=lambda row: (row[0] if column.better_high else -row[0], row[1]))
        fell = sum((row[0] < 0) == column.better_high for row in rows if row[0])
        return {"fell": fell, "rose": sum(1 for row in rows if row[0]) - fell}

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
        scale = Scale.around([(row[3], row[4]) for row in rows])
        return {
            **self._counted(both, rows),
            "title": both.head.title,
            "many": len(rows),
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

    def hold(self, families: Mapping[str, Sequence[Both]]) -> None:
        """Reckons, of all children at once, how much of each limit was used up task by task; `families`: child -> its pairs."""
        ends = np.cumsum([0, *(len(pairs) for pairs in families.values())]).tolist()
        self._spans = {child: slice(*ends[i : i + 2]) for i, child in enumerate(families)}
        every = [both for pairs in families.values() for both in pairs]
        runs = {entry.run.id: at for at, entry in enumerate(self._board.entries)}
        rates = health.whole(self._store, self._limits, runs)
        self._before = rates[:, [runs[both.before.run.id] for both in every]]
        self._after = rates[:, [runs[both.after.run.id] for both in every]]
        limits = zip(self._limits.values(), self._before, self._after, strict=True)
        self._used = np.array([_used(limit.policy, before, after) for limit, before, after in limits])
        self._named = {name: self._measure(name, limit) for name, limit in self._limits.items()}

    def guards(self, child: str, pairs: Sequence[Both]) -> list[dict[str, Any]]:
        """One entry a measure that both sides have: its limit, how many tasks have it, and the tasks that moved most."""
        found = []
        for row, (name, limit) in enumerate(self._limits.items() if pairs else ()):
            used = self._used[row, self._spans[child]]
            many = int((used >= 0).sum())
            if many:
                beyond = np.flatnonzero(used > 1).tolist()
                moves = [self._move(child, row, pairs, at) for at in beyond or [int(used.argmax())]]
                moves.sort(key=lambda move: (-move[0], move[1].head.column.key))
                shown = moves[: BEYOND_LEAN if self._lean else BEYOND]
                rows = [self._guard(name, move, limit, i == 0, len(shown), many) for i, move in enumerate(shown)]
                left = len(beyond) - len(shown)
                found.append({"rows": Markup("\n").join(rows), "beyond": len(beyond), "left": left})
        return sorted(found, key=lambda row: not row["beyond"])

    def _move(self, child: str, row: int, pairs: Sequence[Both], at: int) -> Move:
        place = row, self._spans[child].start + at
        return self._used.item(place), pairs[at], self._before.item(place), self._after.item(place)

    def _measure(self, name: str, limit: Limit) -> tuple[Markup, Markup]:
        """A measure and its limit in words."""
        key = f"c_g_{name}"
        measure = self._t(key) if self._t.has(key) else self._name(name)
        told = self._t("c_comma").join(self._t(key, **values) for key, values in limit.said)
        return measure + (" %" if limit.share else ""), told

    def _guard(self, name: str, move: Move, limit: Limit, leads: bool, rows: int, many: int) -> Markup:
        """A row of the table; the first of a measure names it, its limit and how it stands for all."""
        used, both, before, after = move
        written = points if limit.share else decimal
        first = state = ""
        if leads:
            measure, told = self._named[name]
            over = f" rowspan={rows}" if rows > 1 else ""
            beyond = f'<span class="mark odd">{self._t("c_beyond")}</span>'
            first = f"<th scope=rowgroup{over}>{measure}<td class=soft{over}>{told}"
            state = f"<td{over}>{beyond if used > 1 else self._t('c_within', n=many)}"
        return Markup(
            f'<tr>{first}<td>{both.head.link}<td class="num soft">{written(before)}'
            f'<td class="num{" flag" if used > 1 else ""}">{written(after)}{state}'
        )


class Limit(NamedTuple):
    """The limit of a measure that gate, diagnose and training share; the measure may be a share of answers."""

    policy: GuardPolicy
    share: bool
    said: Sequence[tuple[str, dict[str, str]]]  # keys of i18n with what is filled in


def _limits() -> dict[str, Limit]:
    found = {}
    for name in metrics.health():
        limit = gate.default_limit(name)
        if limit:  # what has none is judged by nobody
            share = str(metrics.find(name).UNIT) == "share"
            found[name] = Limit(limit, share, _limit(limit, share))
    return found


def _used(limit: GuardPolicy, before: Floats, after: Floats) -> Floats:
    """How much of what is allowed was used up, task by task: above 1 the limit is crossed; -1 where a side lacks the rate."""
    ratios = limit.min_ratio is not None or limit.max_ratio is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        if ratios:
            ratio = np.where(before > 0, after / before, 1.0)
            down = (1 - ratio) / (1 - limit.min_ratio) if limit.min_ratio is not None else np.zeros_like(ratio)
            up = (ratio - 1) / (limit.max_ratio - 1) if limit.max_ratio is not None else np.zeros_like(ratio)
            used = np.maximum(down, up)
        else:
            rise, top = plain(limit.max_increase), plain(limit.max)
            used = (after - before) / rise if rise else np.zeros_like(after)
            used = np.where(after > before, np.maximum(used, after / top), used) if top else used
        return np.where(np.isnan(before + after), -1.0, np.maximum(used, 0.0))


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
