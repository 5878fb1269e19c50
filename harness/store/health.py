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

ROWS = 5_000  # fetched at once


def whole(store: Store, metrics: Iterable[str], runs: Mapping[str, int]) -> Floats:
    """[metric, place] of the values over all answers, NaN where a run has none; `runs`: run -> its place."""
    names = list(metrics)
    found = np.full((len(names), len(runs)), np.nan)
    rows = store.db.conn.execute("SELECT id, uid FROM runs").fetchall()
    places = np.full(max((row for row, _ in rows), default=0) + 1, -1)
    for row, uid in rows:
        places[row] = runs.get(uid, -1)
    numbers = {name: number for number, name in enumerate(names)}
    cursor = store.db.conn.execute(
        """SELECT metric, run, value FROM results
           WHERE slice = '' AND value IS NOT NULL AND metric IN (SELECT value FROM json_each(?))""",
        [json.dumps(names)],
    )
    for some in iter(lambda: cursor.fetchmany(ROWS), []):
        told, asked, values = zip(*some, strict=True)
        which, at = np.array(list(map(numbers.__getitem__, told))), places[np.array(asked)]
        found[which[at >= 0], at[at >= 0]] = np.array(values)[at >= 0]
    return found
