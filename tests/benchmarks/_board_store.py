"""A store of any size, made fast: checkpoints in chains base -> LoRA -> distilled, tasks, graded answers, cached results.

Example: `make(path, Shape(checkpoints=1000, tasks=60, answers=17))` is 1,020,000 answers of about 1,033 bytes in a
minute and a half, the same bytes of text at every call. Texts are spliced from real answers where they are at hand,
because made sentences would compress too well. Trap: rows go in by the thousand, beside the Writer, and look like its
own, but only headlines, rates and lengths of the cached results are each run's (with rough intervals), the rest is the
first checkpoint's; `bench store check` says so of every run.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _board_composites import score_all
from _spliced import Texts

from harness import identity, metrics, stats
from harness.records import Checkpoint, EngineInfo, Exam, Lineage, Run, Sample, Settings, Task
from harness.store import read, register
from harness.store.open import Store, open_store
from harness.store.prompts import PromptWriter

ENGINE = EngineInfo("e" * 16, "vllm", "0.24.0", "bfloat16", device="cuda")
SETTINGS = Settings(shots=0, chat=True)
LETTERS = ("A", "B", "C", "D")
SUBJECTS = 4
DAY = "2026-03-{:02d}T{:02d}:{:02d}:{:02d}.000Z"


@dataclass(frozen=True)
class Shape:
    checkpoints: int = 1000
    tasks: int = 60
    answers: int = 17  # per run
    bytes: int = 1033  # of a generated answer, mean
    seed: int = 0


def make(path: Path, shape: Shape) -> Path:
    """A fresh store at `path`."""
    for old in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        old.unlink(missing_ok=True)
    exams = [_exam(number, shape.answers) for number in range(shape.tasks)]
    with open_store(path) as store:
        for pragma in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -65536"):
            store.db.conn.execute(f"PRAGMA {pragma}")
        with store.transaction() as conn:
            for exam in exams:
                register.exam(conn, exam)
            register.engine(conn, ENGINE)
            register.environment(conn, {"vllm": "0.24.0"})
        _Filler(store, exams, shape).fill()
        score_all(store)
        store.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


# -- tasks and checkpoints ----------------------------------------------------------------------------------


def _exam(number: int, n: int) -> Exam:
    """Every tenth asks for a letter by log-probability, every sixth counts by subjects, every tenth has cases."""
    letters, name = number % 10 == 9, f"task{number:02d}"
    card = Task(
        name,
        version="1",
        title={"en": f"Made task {number}", "zh": f"自制任务 {number}"},
        n=n,
        split="test",
        languages=("zh",) if number % 2 else ("en",),
        licence="MIT",
        ask="letters" if letters else "generate",
        scorer="options" if letters else "number",
        average="macro" if number % 6 == 4 else "micro",
        chance=0.25 if letters else 0.0,
    )
    samples = tuple(
        Sample(
            identity.digest([name, i])[:16],
            i,
            f"Question {i + 1} of {name}: a shop sells {i + 3} boxes of {number + 2} pens; how many pens are that?",
            LETTERS if letters else (),
            LETTERS[(i * 7 + number) % 4] if letters else str((i + 3) * (number + 2)),
            subject=f"subject {i % SUBJECTS}" if number % 3 == 1 else "",
            cluster=f"case {i // 3}" if number % 10 == 7 else "",
            language=card.languages[0],
        )
        for i in range(n)
    )
    return Exam(identity.digest([name, n]), identity.digest([s.target for s in samples]), card, samples)


KINDS = (("base", "pretrain"), ("adapter", "lora"), ("full", "seqkd"), ("adapter", "lora"), ("full", "full"))


def _checkpoints(many: int) -> Iterator[tuple[Checkpoint, int | None]]:
    """With the number of its parent: families of five, each made from the one before; the odd one saw a test set."""
    ids: list[str] = []
    for number in range(many):
        place = number % len(KINDS)
        (kind, method), parent = KINDS[place], None if place == 0 else number - 1
        name = f"family{number // len(KINDS):03d}-{method}{place}"
        data = [{"name": "general mix", "sha": f"{number:016x}", "rows": 12_000}]
        if number % 97 == 4:
            data.append({"name": "task03 test", "sha": "b" * 16, "rows": 200})
        loss = tuple((step * 10, round(2.5 / (1 + step / 8) + 0.3, 4)) for step in range(1, 40))
        lineage = Lineage(
            method,
            {"lr": "8e-5", "epochs": 3, "r": 8},
            parent=None if parent is None else ids[parent],
            data=data,
            seed=1,
            steps=390,
            seconds=4100.0,
            loss=() if parent is None else loss,
            trained_on=("number",) if number % 89 == 3 else (),
        )
        ids.append(identity.digest(["made", name]))
        size = int(1e9 * (0.5 + (number // len(KINDS)) % 14))
        base = ids[parent] if parent is not None and kind == "adapter" else None
        parts = {"weights": identity.digest(name), "tokenizer": "t" * 16}
        yield (
            Checkpoint(ids[-1], name, kind, base=base, parts=parts, bytes=size, parameters=size // 2, lineage=lineage),
            parent,
        )


# -- rows ---------------------------------------------------------------------------------------------------


@cache
def _wilson(right: float, n: int) -> tuple[float, float]:
    return stats.wilson(right, n)


class _Filler:
    """Answers, grades and results of every run; the first checkpoint's results are counted for real, as patterns."""

    def __init__(self, store: Store, exams: Sequence[Exam], shape: Shape) -> None:
        self.store, self.exams, self.shape = store, exams, shape
        self.rng = np.random.default_rng(shape.seed)
        self.texts = Texts(shape.bytes, self.rng)
        self.conn: sqlite3.Connection = store.db.conn
        self.numbers = {uid: (i, key) for i, uid, key in self.conn.execute("SELECT id, uid, key FROM exams")}
        self.patterns: dict[str, list[Any]] = {}
        self.response, self.run = 0, 0
        with store.transaction() as conn:
            prompts = PromptWriter()
            versions = {name: metrics_version(name) for name in ("number", "options")}
            self.scorers = [
                register.scorer(conn, e.task.scorer, versions[e.task.scorer], self.numbers[e.id][1]) for e in exams
            ]
            self.samples = [
                [i for (i,) in conn.execute("SELECT id FROM samples WHERE exam = ? ORDER BY position", [self._of(e)])]
                for e in exams
            ]
            self.prompts = [
                [prompts.put(conn, f"<|user|>\n{s.question}\n<|assistant|>\n") for s in e.samples] for e in exams
            ]

    def _of(self, exam: Exam) -> int:
        return int(self.numbers[exam.id][0])

    def fill(self) -> None:
        tasks, n = len(self.exams), self.shape.answers
        hardness, bent = self.rng.normal(0, 1.2, (tasks, n)), self.rng.normal(0, 0.5, tasks)
        strengths: list[float] = []
        for number, (checkpoint, parent) in enumerate(_checkpoints(self.shape.checkpoints)):
            start = self.rng.normal(0.2, 0.8) if parent is None else strengths[parent] + self.rng.normal(0.05, 0.25)
            strengths.append(float(start))
            ability = start + bent + self.rng.normal(0, 0.3, tasks)
            right = self.rng.random((tasks, n)) < 1 / (1 + np.exp(hardness - ability[:, None]))
            broken = self.rng.random((tasks, n))
            with self.store.transaction() as conn:
                register.checkpoint(conn, checkpoint)
                for task in range(tasks):
                    partial = number % 100 == 99 and task == tasks - 1
                    self._run(conn, checkpoint, number, task, right[task], broken[task], n // 2 if partial else n)
            if number == 0:
                self._learn()

    def _run(
        self, conn: sqlite3.Connection, who: Checkpoint, number: int, task: int, right: Any, broken: Any, done: int
    ) -> None:
        exam, n = self.exams[task], self.shape.answers
        self.run += 1
        run = Run(
            identity.run_id(who.id, exam.id, SETTINGS, ENGINE.id), who.id, exam.id, SETTINGS, ENGINE.id, expected=n
        )
        started = DAY.format(1 + number // 60 % 28, number % 24, number % 60, task % 60)
        if number == 0:
            register.run(conn, replace(run, started=started), "host", 1, 0.0)
            conn.execute(
                "UPDATE runs SET status = 'done', done = ?, heartbeat = NULL, finished = started WHERE id = ?",
                [n, self.run],
            )
        else:
            conn.execute(
                _RUN, [run.id, number + 1, done, "done" if done == n else "interrupted", started, started, task + 1]
            )
        letters, first = exam.task.ask == "letters", self.response + 1
        ids = range(first, first + done)
        self.response += done
        odd = [
            0 if letters or right[i] else 1 if broken[i] < 0.06 else 2 if broken[i] < 0.09 else 0 for i in range(done)
        ]
        texts = [""] * done if letters else self.texts.some(done)
        answers = [_answer(s, bool(right[i]), odd[i], i + number) for i, s in enumerate(exam.samples[:done])]
        tokens = [1 if letters else max(1, len(text) // 2) for text in texts]
        prompts, samples, scorer = self.prompts[task], self.samples[task], self.scorers[task]
        logprobs = "[-2.25,-0.5,-1.75,-3.5]" if letters else None
        conn.executemany(
            _RESPONSE,
            [
                (i, self.run, samples[k], prompts[k], 60, tokens[k], "length" if odd[k] == 2 else "end", 1.5, logprobs)
                for k, i in enumerate(ids)
            ],
        )
        if not letters:
            full = [
                text if answer is None else f"{text}\n答案：{answer}"
                for text, answer in zip(texts, answers, strict=True)
            ]
            conn.executemany("INSERT INTO response_texts VALUES (?, 0, NULL, ?, '')", zip(ids, full, strict=True))
        outcomes = [
            "truncated" if odd[k] == 2 else "unparsed" if odd[k] else "correct" if right[k] else "wrong"
            for k in range(done)
        ]
        rule = "logprob" if letters else "cue"
        conn.executemany(
            "INSERT INTO scores VALUES (?, ?, ?, ?, ?, NULL, ?)",
            [
                (i, scorer, float(right[k]), answers[k], rule if answers[k] is not None else "none", outcomes[k])
                for k, i in enumerate(ids)
            ],
        )
        counts = [outcomes.count("unparsed"), outcomes.count("truncated")]
        conn.execute("INSERT INTO run_scorers VALUES (?, ?, ?, ?, ?)", [self.run, scorer, done, *counts])
        if number and done == n:
            values = np.asarray(right, float)
            conn.executemany(_RESULT, self._results(exam, values, outcomes, tokens))

    def _learn(self) -> None:
        """Results of the first checkpoint as the real code counts them."""
        with self.store.transaction() as conn:
            for number, exam in enumerate(self.exams, 1):
                (run,) = conn.execute("SELECT uid FROM runs WHERE id = ?", [number]).fetchone()
                found = metrics.summarise(read.table(self.store, run), exam.task, run)
                self.patterns[exam.id] = found
                rows = [(number, r.metric, r.version, r.slice, r.value, r.low, r.high, r.n, r.method) for r in found]
                conn.executemany(_RESULT, rows)

    def _results(
        self, exam: Exam, values: Any, outcomes: Sequence[str], tokens: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        """The first checkpoint's rows with this run's numbers: shares by Wilson, lengths by their spread."""
        subjects = np.array([s.subject for s in exam.samples])
        golds = np.array([s.target for s in exam.samples])
        n = len(values)
        macro = float(np.mean([values[subjects == s].mean() for s in dict.fromkeys(subjects.tolist())]))
        rates = {"unparsed_rate": "unparsed", "truncated_rate": "truncated"}
        for r in self.patterns[exam.id]:
            value, low, high, many = r.value, r.low, r.high, r.n
            if r.metric == exam.task.metrics[0]:
                kind, _, label = r.slice.partition(":")
                some = (
                    values[subjects == label]
                    if kind == "subject"
                    else values[golds == label]
                    if kind == "gold"
                    else values
                )
                value, many = float(some.mean()), len(some)
                if kind == "macro" or (not kind and exam.task.average == "macro"):
                    value = macro
                low, high = _wilson(round(value * many, 6), many)
            elif r.metric in rates:
                value = outcomes.count(rates[r.metric]) / n
                low, high = _wilson(round(value * n, 6), n)
            elif r.metric == "answer_tokens":
                value, half = float(np.mean(tokens)), 2.0 * float(np.std(tokens)) / math.sqrt(n)
                low, high = value - half, value + half
            yield self.run, r.metric, r.version, r.slice, value, low, high, many, r.method


def metrics_version(scorer: str) -> int:
    from harness import plugins

    return int(plugins.find("harness.scorers", scorer).VERSION)


def _answer(sample: Sample, right: bool, odd: int, turn: int) -> str | None:
    if right:
        return sample.target
    if odd:
        return None
    if sample.choices:
        return LETTERS[(LETTERS.index(sample.target or "A") + 1 + turn % 3) % 4]
    return str(int(sample.target or 0) + 1 + turn % 9)


_RUN = """INSERT INTO runs (uid, checkpoint, exam, engine, environment, settings, settings_sha, form, shots, attempt,
    repeats, expected, done, status, started, finished)
    SELECT ?1, ?2, exam, engine, environment, settings, settings_sha, form, shots, attempt, repeats, expected, ?3, ?4, ?5,
    ?6 FROM runs WHERE id = ?7"""
_RESPONSE = """INSERT INTO responses (id, run, sample, repeat, prompt, prompt_tokens, output_tokens, stop, seconds,
    logprobs) VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?)"""
_RESULT = "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
