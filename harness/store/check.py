"""`bench store check`: is everything that is kept twice still equal, and is the file sound?

Example of a problem: "run 9f3c…: cached accuracy is 0.5, recomputed 0.52; `bench rescore` rebuilds it".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness import metrics
from harness.records import Result
from harness.store import runs, tables
from harness.store.open import Store

CLOSE = 1e-9


def check(store: Store) -> list[str]:
    """One sentence per problem; empty when all is well."""
    return [*_file(store), *_counters(store), *_results(store)]


def _file(store: Store) -> list[str]:
    found = [row["quick_check"] for row in runs.query(store, "PRAGMA quick_check")]
    problems = [f"the file is damaged: {line}" for line in found if line != "ok"]
    for row in runs.query(store, "PRAGMA foreign_key_check"):
        problems.append(f"{row['table']} row {row['rowid']} points to nothing in {row['parent']}")
    return problems


def _counters(store: Store) -> list[str]:
    """Counts kept beside runs, because boards read them by the thousand."""
    answers = runs.query(
        store,
        """SELECT r.uid, r.done, count(p.id) AS found FROM runs r LEFT JOIN responses p ON p.run = r.id
           GROUP BY r.id HAVING done != found""",
    )
    problems = [f"run {r['uid']}: {r['done']} answers are counted, {r['found']} are stored" for r in answers]
    grades = runs.query(
        store,
        """SELECT r.uid, coalesce(g.graded, 0) AS graded, coalesce(g.unparsed, 0) AS unparsed,
               coalesce(g.truncated, 0) AS truncated, a.found, a.lost, a.cut
           FROM (SELECT p.run, x.scorer, count(*) AS found, sum(x.outcome = 'unparsed') AS lost,
                     sum(x.outcome = 'truncated') AS cut
                 FROM scores x JOIN responses p ON p.id = x.response GROUP BY p.run, x.scorer) a
           JOIN runs r ON r.id = a.run LEFT JOIN run_scorers g ON g.run = a.run AND g.scorer = a.scorer
           WHERE (graded, unparsed, truncated) IS NOT (a.found, a.lost, a.cut)""",
    )
    problems += [
        f"run {r['uid']}: {r['graded']} grades ({r['unparsed']} unparsed, {r['truncated']} truncated) are counted, "
        f"{r['found']} ({r['lost']}, {r['cut']}) are stored"
        for r in grades
    ]
    return problems


def _results(store: Store) -> list[str]:
    problems = []
    for run in runs.list_runs(store):
        cached = runs.results(store, run.id)
        if cached:
            task = runs.get_task(store, run.exam)
            fresh = metrics.summarise(tables.table(store, run.id), task, run.id)
            problems += [f"run {run.id}: {line}; `bench rescore` rebuilds it" for line in _unequal(cached, fresh)]
    return problems


def _unequal(cached: Sequence[Result], fresh: Sequence[Result]) -> list[str]:
    old = {(r.metric, r.version, r.slice): r for r in cached}
    new = {(r.metric, r.version, r.slice): r for r in fresh}
    lines = [f"cached {_name(k)} is no longer computed" for k in sorted(old.keys() - new.keys())]
    lines += [f"{_name(k)} is missing in the cache" for k in sorted(new.keys() - old.keys())]
    for k in sorted(old.keys() & new.keys()):
        pairs = ((old[k].value, new[k].value), (old[k].low, new[k].low), (old[k].high, new[k].high))
        if old[k].n != new[k].n or not all(_close(a, b) for a, b in pairs):
            lines.append(f"cached {_name(k)} is {old[k].value}, recomputed {new[k].value}")
    return lines


def _name(key: tuple[str, int, str]) -> str:
    return f"{key[0]}@{key[1]}" + (f" of {key[2]}" if key[2] else "")


def _close(a: float | None, b: float | None) -> bool:
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return (a is None or not math.isfinite(a)) == (b is None or not math.isfinite(b))
    return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE)
