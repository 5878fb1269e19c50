"""Rates of health of many runs at once: what pages hold against the limits of the gate.

Example: `whole(store, ["unparsed_rate", "repetition"])["repetition"]["9f3c…"]` -> 0.012. Sixty thousand runs have half a
million of them, so they are numbers by run and no records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from harness.store.open import Store

ROWS = 20_000  # fetched at once


def whole(store: Store, metrics: Iterable[str]) -> Mapping[str, Mapping[str, float]]:
    """Metric -> run -> its value over all answers; runs without one are left out."""
    found: dict[str, dict[str, float]] = {name: {} for name in metrics}
    uids = dict(store.db.conn.execute("SELECT id, uid FROM runs").fetchall())
    cursor = store.db.conn.execute(
        """SELECT metric, run, value FROM results
           WHERE slice = '' AND value IS NOT NULL AND metric IN (SELECT value FROM json_each(?))""",
        [json.dumps(list(found))],
    )
    for some in iter(lambda: cursor.fetchmany(ROWS), []):
        for metric, run, value in some:
            found[metric][uids[run]] = value
    return found
