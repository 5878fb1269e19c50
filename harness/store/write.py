"""The one writer: answers and scores are committed every 64 rows or 2 s, so that a kill loses one slice at most.

Example: `with Writer(store) as writer: writer.start_run(run, host, pid); writer.put(response); writer.put_score(…)`.
Every insert is idempotent on its address (run, sample, repeat): two processes on one run cost duplicate work, never
duplicate rows. Trap: `INSERT OR IGNORE` also swallows a broken CHECK; `ON CONFLICT (address) DO NOTHING` does not.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from harness.errors import UserError
from harness.records import (
    Checkpoint,
    EngineInfo,
    Exam,
    Overall,
    Response,
    Result,
    Run,
    Score,
    Status,
    Verdict,
)
from harness.store import register, rows, texts
from harness.store.open import Store
from harness.store.prompts import PromptWriter

ROWS = 64
SECONDS = 2.0


class Writer:
    """Buffers answers and scores for one store; leaving the `with` block writes the rest, also on Ctrl-C."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._responses: list[Response] = []
        self._scores: list[tuple[str, str, int, Score, str]] = []
        self._written = time.monotonic()
        self._runs: dict[str, _Place] = {}
        self._mine: set[int] = set()  # runs whose heartbeat is ours
        self._prompts = PromptWriter()
        self._scorers: dict[tuple[str, str, str], int] = {}

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.flush()
            return
        # the first error is the one to tell; a full disk fails here again
        with contextlib.suppress(Exception):
            self.flush()

    # -- what a run stands on, each in its own transaction --

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Insert, or refresh what may change under one id: name, path, lineage."""
        with self._store.transaction() as conn:
            register.checkpoint(conn, checkpoint)

    def add_exam(self, exam: Exam) -> bool:
        """True when the exam was known with other golds: its runs then want grading anew."""
        with self._store.transaction() as conn:
            return register.exam(conn, exam)

    def add_engine(self, info: EngineInfo) -> None:
        with self._store.transaction() as conn:
            register.engine(conn, info)

    def add_environment(self, versions: Mapping[str, str]) -> str:
        with self._store.transaction() as conn:
            return register.environment(conn, versions)

    def put_verdict(self, verdict: Verdict, before: Iterable[str], after: Iterable[str]) -> None:
        """History only; `before` and `after` are run ids."""
        judged = (
            verdict.status,
            verdict.exit_code,
            rows.dump([*before]),
            rows.dump([*after]),
            rows.dump(verdict),
        )
        with self._store.transaction() as conn:
            conn.execute(
                "INSERT INTO verdicts (at, status, exit_code, before, after, verdict) VALUES (?, ?, ?, ?, ?, ?)",
                [rows.now(), *judged],
            )

    # -- runs --

    def start_run(self, run: Run, host: str, pid: int) -> None:
        """Insert the run or take it over; UserError when another process is at work on it."""
        with self._store.transaction() as conn:
            if busy := register.at_work(conn, run.id, host, pid):
                raise UserError(
                    f"{busy} is at work on run {run.id}; wait for it, or stop it and give the same command again"
                )
            number = register.run(conn, run, host, pid, time.time())
        self._mine.add(number)
        self.tag_run(run.id, run.tags)

    def tag_run(self, run_id: str, tags: Iterable[str]) -> None:
        with self._store.transaction() as conn:
            number = self._place(conn, run_id).run
            conn.executemany(
                "INSERT INTO run_tags (run, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(number, texts.readable(t)) for t in tags],
            )

    def finish_run(self, run_id: str, status: Status, peak_bytes: int | None = None) -> None:
        """Set the status; `done` becomes `interrupted` where answers are lacking. Of several peaks the highest stays."""
        self.flush()
        with self._store.transaction() as conn:
            number = self._place(conn, run_id).run
            conn.execute(
                """UPDATE runs SET status = CASE WHEN :status = 'done' AND done < expected THEN 'interrupted'
                       ELSE :status END, finished = CASE WHEN :status = 'running' THEN NULL
                       ELSE coalesce(finished, :now) END, heartbeat = CASE WHEN :status = 'running'
                       THEN heartbeat END, peak_bytes = max(coalesce(peak_bytes, :peak), coalesce(:peak, peak_bytes))
                       WHERE id = :run""",
                {"status": status, "now": rows.now(), "run": number, "peak": peak_bytes},
            )
            if status != "running":
                self._mine.discard(number)

    def add_metrics(self, exam_id: str, specs: Sequence[str]) -> None:
        """Metrics to be counted of every run of an exam, beside its card's own."""
        with self._store.transaction() as conn:
            register.metrics(conn, exam_id, specs)

    def put_results(self, run_id: str, results: Sequence[Result]) -> None:
        """Replace the cached results of a run."""
        self.flush()
        with self._store.transaction() as conn:
            number = self._place(conn, run_id).run
            conn.execute("DELETE FROM results WHERE run = ?", [number])
            conn.executemany(
                "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number,
                        r.metric,
                        r.version,
                        texts.readable(r.slice),
                        *map(rows.number, (r.value, r.low, r.high)),
                        r.n,
                        r.method,
                    )
                    for r in results
                ],
            )

    def drop_results(self, run_id: str) -> None:
        self.flush()
        with self._store.transaction() as conn:
            conn.execute("DELETE FROM results WHERE run = ?", [self._place(conn, run_id).run])

    # -- composites --

    def put_overall(self, overall: Overall, key: str, text: str) -> None:
        """A composite score; `key` says what it was made of, `text` is its profile's. The same again replaces it."""
        with self._store.transaction() as conn:
            register.overall(conn, overall, key, text)

    def put_judge(self, sha: str, name: str, calibration: Mapping[str, Any]) -> None:
        """What is known of a judge of chains, by the digest that its scores carry; the later replaces the earlier."""
        with self._store.transaction() as conn:
            conn.execute(
                """INSERT INTO judges (sha, name, calibration) VALUES (?, ?, ?)
                   ON CONFLICT (sha) DO UPDATE SET name = excluded.name, calibration = excluded.calibration""",
                [sha, name, rows.dump(dict(calibration))],
            )

    # -- answers and scores --

    def put(self, response: Response) -> None:
        with self._lock:
            self._responses.append(response)
            self._flush_if_due()

    def put_score(self, run_id: str, sample_id: str, repeat: int, score: Score, key: str) -> None:
        """A grade of a stored (or buffered) answer under the golds `key`; under another it leaves results as they are."""
        with self._lock:
            self._scores.append((run_id, sample_id, repeat, score, key))
            self._flush_if_due()

    def flush(self) -> None:
        """Commit what is buffered and give a sign of life; answers first, scores in a commit of their own."""
        with self._lock:
            try:
                with self._store.transaction() as conn:
                    self._write_responses(conn)
                    if self._mine:
                        beat = [(time.time(), run) for run in self._mine]
                        conn.executemany("UPDATE runs SET heartbeat = ? WHERE id = ?", beat)
                self._responses.clear()
                if self._scores:
                    with self._store.transaction() as conn:
                        self._write_scores(conn)
                    self._scores.clear()
            except BaseException:
                self._prompts.forget()  # their rows went with the transaction
                self._scorers.clear()
                raise
            self._written = time.monotonic()

    def _flush_if_due(self) -> None:
        rows_waiting = max(len(self._responses), len(self._scores))
        if rows_waiting >= ROWS or time.monotonic() - self._written >= SECONDS:
            self.flush()

    def _write_responses(self, conn: sqlite3.Connection) -> None:
        added: Counter[int] = Counter()
        for response in self._responses:
            place = self._place(conn, response.run)
            prompt = None if response.prompt is None else self._prompts.put(conn, response.prompt)
            values = rows.response_values(place.run, place.samples[response.sample], prompt, response)
            inserted = conn.execute(_RESPONSE, values).fetchall()
            if not inserted:
                continue
            added[place.run] += 1
            if text := rows.text_values(inserted[0][0], response):
                conn.execute("INSERT INTO response_texts (response, enc, text, thinking) VALUES (?, ?, ?, ?)", text)
        for run, count in added.items():
            conn.execute("UPDATE runs SET done = done + ?, finished = NULL WHERE id = ?", [count, run])
            conn.execute("DELETE FROM results WHERE run = ?", [run])

    def _write_scores(self, conn: sqlite3.Connection) -> None:
        added: Counter[tuple[int, int]] = Counter()
        outcomes: Counter[tuple[int, int, str]] = Counter()
        for run_id, sample, repeat, score, key in self._scores:
            place = self._place(conn, run_id)
            address = [place.run, place.samples[sample], repeat]
            found = conn.execute(
                "SELECT id FROM responses WHERE run = ? AND sample = ? AND repeat = ?", address
            ).fetchone()
            if found is None:
                raise LookupError(f"a score for an answer that is not stored: run {run_id}, {sample}, {repeat}")
            scorer = self._scorer(conn, score, key)
            if conn.execute(_SCORE, rows.score_values(found[0], scorer, score)).rowcount == 1:
                added[place.run, scorer] += 1
                outcomes[place.run, scorer, score.outcome] += 1
        for (run, scorer), count in added.items():
            conn.execute(
                """INSERT INTO run_scorers (run, scorer, graded, unparsed, truncated) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (run, scorer) DO UPDATE SET graded = graded + excluded.graded,
                       unparsed = unparsed + excluded.unparsed, truncated = truncated + excluded.truncated""",
                [run, scorer, count, outcomes[run, scorer, "unparsed"], outcomes[run, scorer, "truncated"]],
            )
            conn.execute(_STALE, [run, scorer])

    def _scorer(self, conn: sqlite3.Connection, score: Score, key: str) -> int:
        address = (score.scorer, repr(score.version), key)
        if address not in self._scorers:
            self._scorers[address] = register.scorer(conn, score.scorer, score.version, key)
        return self._scorers[address]

    def _place(self, conn: sqlite3.Connection, run_id: str) -> _Place:
        if run_id not in self._runs:
            self._runs[run_id] = _Place(conn, run_id)
        return self._runs[run_id]


class _Place:
    """The integer keys behind a run's id and its samples' ids."""

    def __init__(self, conn: sqlite3.Connection, run_id: str) -> None:
        found = conn.execute("SELECT id, exam FROM runs WHERE uid = ?", [run_id]).fetchone()
        if found is None:
            raise LookupError(f"run {run_id} is not in the store: start_run comes first")
        self.run: int = found[0]
        samples = conn.execute("SELECT uid, id FROM samples WHERE exam = ?", [found[1]])
        self.samples: dict[str, int] = dict(samples.fetchall())


_RESPONSE = """INSERT INTO responses (run, sample, repeat, prompt, prompt_tokens, output_tokens, thinking_tokens, stop,
    seconds, logprobs, option_tokens, greedy, error, notes, first_token_seconds)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run, sample, repeat) DO NOTHING RETURNING id"""
# grades under other keys than the golds in force are in no result
_STALE = """DELETE FROM results WHERE run = ? AND EXISTS (SELECT 1 FROM scorers c, runs r JOIN exams e ON e.id = r.exam
    WHERE c.id = ? AND r.id = results.run AND c.params = e.key)"""
_SCORE = """INSERT INTO scores (response, scorer, value, answer, rule, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (response, scorer) DO NOTHING"""
