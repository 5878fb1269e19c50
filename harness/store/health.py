"""Rates of health of many runs at once: what pages hold against the limits of the gate.

Example: `whole(store, ["unparsed_rate", "repetition"], {"9f3c…": 0})[1, 0]` -> 0.012. Sixty thousand runs have half a million
of them, so they are a matrix of numbers and no records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import numpy as np

from harness.stats.intervals import Floats
from harness.store.open import Store


def whole(store: Store, metrics: Iterable[str], runs: Mapping[str, int]) -> Floats:
    """[metric, place] of the values over all answers, NaN where a run has none; `runs`: run -> its place."""
    names = list(metrics)
    found = np.full((len(names), len(runs)), np.nan)
    rows = store.db.conn.execute("SELECT id, uid FROM runs").fetchall()
    places = np.full(max((row for row, _ in rows), default=0) + 1, -1)
    for row, uid in rows:
        places[row] = runs.get(uid, -1)
    if not names:
        return found
    cases = " ".join(f"WHEN ? THEN {number}" for number in range(len(names)))
    told = store.db.conn.execute(  # as three texts, which take half the time of half a million rows
        f"""SELECT json_group_array(CASE metric {cases} END), json_group_array(run), json_group_array(value) FROM results
            WHERE slice = '' AND value BETWEEN -1e300 AND 1e300 AND metric IN ({", ".join("?" * len(names))})""",
        [*names, *names],
    ).fetchone()
    which, asked, values = (np.array(json.loads(column)) for column in told)
    if asked.size:
        at = places[asked]
        found[which[at >= 0], at[at >= 0]] = values[at >= 0]
    return found
