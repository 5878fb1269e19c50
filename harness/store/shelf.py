"""The cached results of every run of a store: what a board asks of each lies at hand, the rest is read when it is asked for.

Example: `Shelf(store).of(run.id)["accuracy", ""].value` costs a microsecond, `["accuracy", "subject:law"]` a query. Trap:
sixty thousand runs have more than a million results, and as many records would take ten times a board's memory; so what
lies at hand is kept as plain numbers, and a Result is made when it is looked at.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from harness.records import Result
from harness.store import runs
from harness.store.open import Store

Key = tuple[str, str]  # metric and slice
Numbers = tuple[float | None, float | None, float | None, int]  # value, low, high, n
SLICES = ("", "micro", "macro")  # of headlines
BESIDE = ("unparsed_rate", "truncated_rate", "empty_rate", "answer_tokens", "answer_characters")
KEPT = 256  # runs whose other results are remembered
ROWS = 1_000  # fetched at once


class Shelf:
    """Results by run; as of the moment it was made for what lies at hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[str, int] = dict(store.db.conn.execute("SELECT uid, id FROM runs ORDER BY id").fetchall())
        most = max(self._rows.values(), default=0) + 1
        self._start, self._end = array("Q", bytes(8 * most)), array("Q", bytes(8 * most))  # by a run's row
        self._made: dict[str, dict[Key, Result]] = {}
        heads = [row["metric"] for row in runs.query(store, "SELECT DISTINCT metric FROM exams ORDER BY metric")]
        keys = [(metric, slice_) for metric in heads for slice_ in SLICES] + [(m, "") for m in BESIDE if m not in heads]
        self._numbers = {key: chr(number) for number, key in enumerate(keys)}
        self._letters = ""  # of each row, for its metric and slice
        self._value, self._low, self._high = array("d"), array("d"), array("d")  # NaN: none
        self._rest = array("I")  # which of `_facts`: what few rows differ in
        self._facts: list[tuple[str, str, str, int, int]] = []  # metric, slice, method, version, n
        self._fill(heads)
        self.read = lru_cache(maxsize=KEPT)(self._read)

    def _fill(self, heads: list[str]) -> None:
        cursor = self._store.db.conn.execute(
            f"""SELECT run, json_array(metric, slice, method, version, n), value, low, high FROM results
                WHERE slice IN ('', 'micro', 'macro') AND (metric IN ({", ".join("?" * len(heads))})
                    OR (slice = '' AND metric IN ({", ".join("?" * len(BESIDE))}))) ORDER BY run""",
            [*heads, *BESIDE],
        )
        known: dict[str, int] = {}
        letters: list[str] = []
        for some in iter(lambda: cursor.fetchmany(ROWS), []):
            run, rest, *numbers = zip(*some, strict=True)
            for new in dict.fromkeys(rest):
                if new not in known:
                    known[new] = len(known)
                    self._facts.append(tuple(json.loads(new)))
                    letters.append(self._numbers[self._facts[-1][:2]])
            for kept, found in zip((self._value, self._low, self._high), numbers, strict=True):
                kept.frombytes(np.array(found, dtype=float).tobytes())
            start = len(self._rest)
            self._rest.extend(map(known.__getitem__, rest))
            self._span(run, start)
        self._letters = "".join(map(letters.__getitem__, self._rest))

    def _span(self, of: Sequence[int], start: int) -> None:
        """Where the rows of each run begin and end; a run may have begun in the part that was fetched before."""
        numbers = np.array(of)
        begins = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(begins[1:], numbers.size) + start
        for run, begin, end in zip(numbers[begins].tolist(), (begins + start).tolist(), ends.tolist(), strict=True):
            self._start[run] = self._start[run] if self._end[run] else begin
            self._end[run] = end

    def of(self, run_id: str) -> Results:
        return Results(self, run_id)

    def lacking(self) -> list[str]:
        """Runs with answers and without results: killed in the middle, or not counted since."""
        sql = "SELECT uid FROM runs r WHERE done AND NOT EXISTS (SELECT 1 FROM results WHERE run = r.id) ORDER BY id"
        return [uid for (uid,) in self._store.db.conn.execute(sql).fetchall()]

    def put(self, run_id: str, results: Iterable[Result]) -> None:
        """Results that were counted now, of a run whose cache is empty."""
        self._made[run_id] = {(result.metric, result.slice): result for result in results}

    def get(self, run_id: str, key: Key) -> Result | None:
        at = self._at(run_id, key)
        if at is None:
            return self.all(run_id).get(key)
        if at < 0:
            return None
        metric, slice_, method, version, _ = self._facts[self._rest[at]]
        value, low, high, n = self.numbers(run_id, key)
        return Result(run_id, metric, version, slice_, value, low, high, n, method)

    def value(self, run_id: str, key: Key) -> float | None:
        at = self._at(run_id, key)
        if at is None:
            return self.numbers(run_id, key)[0]
        value = self._value[at] if at >= 0 else math.nan
        return value if value == value else None

    def numbers(self, run_id: str, key: Key) -> Numbers:
        """Value, low, high and n without the rest of the record; n is 0 where there is no result."""
        at = self._at(run_id, key)
        if at is None:
            found = self.all(run_id).get(key)
            return (found.value, found.low, found.high, found.n) if found else (None, None, None, 0)
        if at < 0:
            return None, None, None, 0
        value, low, high = self._value[at], self._low[at], self._high[at]
        return (
            value if value == value else None, low if low == low else None, high if high == high else None,
            self._facts[self._rest[at]][4],
        )  # fmt: skip

    def _at(self, run_id: str, key: Key) -> int | None:
        """Its row at hand, -1 where the run has none; None for what is not kept at hand."""
        letter = self._numbers.get(key)
        if letter is None or run_id in self._made:
            return None
        row = self._rows.get(run_id, 0)
        return self._letters.find(letter, self._start[row], self._end[row])

    def all(self, run_id: str) -> Mapping[Key, Result]:
        """Every result of a run: the headline with its slices first."""
        return self._made[run_id] if run_id in self._made else self.read(run_id)

    def _read(self, run_id: str) -> dict[Key, Result]:
        return {(result.metric, result.slice): result for result in runs.results(self._store, run_id)}


class Results(Mapping[Key, Result]):
    """The results of one run by (metric, slice)."""

    __slots__ = ("_run", "_shelf")

    def __init__(self, shelf: Shelf, run_id: str) -> None:
        self._shelf, self._run = shelf, run_id

    def __getitem__(self, key: Key) -> Result:
        found = self._shelf.get(self._run, key)
        if found is None:
            raise KeyError(key)
        return found

    def get(self, key: Key, default: Any = None) -> Any:
        found = self._shelf.get(self._run, key)
        return default if found is None else found

    def value(self, key: Key) -> float | None:
        return self._shelf.value(self._run, key)

    def numbers(self, key: Key) -> Numbers:
        return self._shelf.numbers(self._run, key)

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._shelf.all(self._run))

    def __len__(self) -> int:
        return len(self._shelf.all(self._run))
