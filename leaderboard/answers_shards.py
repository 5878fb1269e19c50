"""Texts of answers and questions, cut into shards that a page can load in a moment: some 200 answers or 256 kB each.

Example: a run of 12,342 short answers lies in 62 shards of its own; 60 runs of 17 answers share six. A shard holds a
block of columns per run, as answers_blocks makes them: {"runs": {RUN: {"n": 17, "text": [ … ], …}}, "prompts": …}.
A text of more than 20,000 characters is [head, how many are left out, tail]; its span counts head and tail as one.
A prompt is [prefix or null, pieces]: question and options stand between the pieces and aren't stored a second time; the
solved examples before them lie once in data/prompts/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import Exam, Sample
from harness.store import texts
from harness.store.answers import Decoder
from harness.store.open import Store
from harness.store.prompts import PromptReader
from leaderboard.answers_blocks import READ, Block, Clipped, block, clip
from leaderboard.answers_runs import NOT_RIGHT, Asked
from leaderboard.pages import View
from leaderboard.words import CLIP_CHARACTERS

SHARD_ITEMS = 200
SHARD_BYTES = 256_000
REMEMBERED = 20_000  # prompts
LEAST = 10  # answers to a shard, however long they are
TOKEN_BYTES = 4  # about, of a token in any language


@dataclass(frozen=True)
class Shard:
    path: str
    runs: Sequence[Asked]
    first: int  # position
    last: int


def shards_of(view: View, slug: str, runs: Sequence[Asked]) -> Iterator[Shard]:
    """Long runs have shards of their own; short ones share, whole, in the order in which they were started."""
    if view.options.samples == "none":
        return
    shared: list[Asked] = []
    weight, number = 0.0, 0
    for run in runs:
        per = _per_shard(run)
        mine = run.entry.run.done / per
        if mine >= 0.5:
            step = max(1, per // max(run.entry.run.repeats, 1))
            for k, first in enumerate(range(0, len(run.entry.exam.samples), step)):
                yield Shard(f"data/answers/{run.entry.run.id}-{k}.js", (run,), first, first + step - 1)
            continue
        if shared and weight + mine > 1:
            yield _shared(slug, number, shared)
            shared, weight, number = [], 0.0, number + 1
        shared.append(run)
        weight += mine
    if shared:
        yield _shared(slug, number, shared)


def _shared(slug: str, number: int, runs: Sequence[Asked]) -> Shard:
    last = max(len(run.entry.exam.samples) for run in runs) - 1
    return Shard(f"data/answers/{slug}-{number}.js", tuple(runs), 0, last)


def _per_shard(run: Asked) -> int:
    """How many answers make a shard, by the mean length that the store already knows."""
    tokens = run.entry.value("answer_tokens") or 0.0
    characters = run.entry.value("answer_characters") or 0.0
    size = max(tokens * TOKEN_BYTES, characters * 2, 1.0)
    return int(max(LEAST, min(SHARD_ITEMS, SHARD_BYTES / size)))


# -- questions ------------------------------------------------------------------------------------------------


def wanted(view: View, asked: Mapping[str, Sequence[Asked]]) -> dict[str, Sequence[int]]:
    """Exam -> the positions whose questions are published: none, all, or those that a published answer needs."""
    found: dict[str, set[int]] = {}
    for run in (run for runs in asked.values() for run in runs):
        exam = run.entry.exam
        if view.options.samples == "all" and exam.id not in found:
            found[exam.id] = set(range(len(exam.samples)))
        elif view.options.samples == "wrong":
            missed = view.store.db.conn.execute(_MISSED, [run.scorer, run.row]).fetchall()
            found.setdefault(exam.id, set()).update(position for (position,) in missed)
    return {exam: sorted(positions) for exam, positions in found.items()}


_PUBLISHED = ", ".join(f"'{outcome}'" for outcome in NOT_RIGHT)
_MISSED = f"""SELECT s.position FROM responses p JOIN scores x ON x.response = p.id AND x.scorer = ?
        JOIN samples s ON s.id = p.sample
    WHERE p.run = ? AND x.outcome IN ({_PUBLISHED})"""


def items(exam: Exam, positions: Iterable[int]) -> list[dict[str, Any]]:
    samples = {sample.position: sample for sample in exam.samples}
    return [_item(samples[position]) for position in positions]


def _item(sample: Sample) -> dict[str, Any]:
    return {
        "position": sample.position,
        "subject": sample.subject,
        "question": clip(sample.question),
        "choices": [clip(choice) for choice in sample.choices],
        "target": None if sample.target is None else clip(sample.target),
        "language": sample.language,
    }


# -- answers --------------------------------------------------------------------------------------------------


# CROSS JOIN keeps the order of the tables: the exam's positions first, or each shard would walk the whole run
_ANSWERS = f"""SELECT {READ}
    FROM samples s CROSS JOIN responses p ON p.run = :run AND p.sample = s.id
        LEFT JOIN response_texts t ON t.response = p.id
        LEFT JOIN scores x ON x.response = p.id AND x.scorer = :scorer
    WHERE s.exam = (SELECT exam FROM runs WHERE id = :run) AND s.position BETWEEN :first AND :last{{}}
    ORDER BY s.position, p.repeat"""
_ONLY_PUBLISHED = f" AND x.outcome IN ({_PUBLISHED})"


class Reader:
    """Shards out of the store; one for a whole site, since checkpoints share their prompts."""

    def __init__(self, store: Store, narrowed: bool) -> None:
        self._store, self._sql = store, _ANSWERS.format(_ONLY_PUBLISHED if narrowed else "")
        self._decoder = Decoder(store)
        self._forms: dict[int, tuple[str, list[Any]]] = {}  # prompt -> (its form as a word, the form)
        self._shas: dict[int | None, str] = {}
        self._heads: dict[int, str] = {}

    def shard(self, shard: Shard) -> dict[str, Any]:
        """The published answers of a shard, one query per run."""
        forms: dict[str, int] = {}
        prompts: list[list[Any]] = []
        made = {run.entry.run.id: self._block(run, shard, forms, prompts) for run in shard.runs}
        return {"runs": made, "prompts": prompts}

    def _block(self, run: Asked, shard: Shard, forms: dict[str, int], prompts: list[list[Any]]) -> Block:
        values = {"run": run.row, "scorer": run.scorer, "first": shard.first, "last": shard.last}
        found = self._store.db.conn.execute(self._sql, values).fetchall()
        samples = run.entry.exam.samples
        asked = [None if row[-1] is None else self._number(row[-1], samples[row[0]], forms, prompts) for row in found]
        return block(found, self._decoder, asked)

    def _number(self, prompt: int, sample: Sample, forms: dict[str, int], prompts: list[list[Any]]) -> int:
        """The number of its form in this shard: prompts of one form differ in question and options only."""
        word, form = self._form(prompt, sample)
        if word not in forms:
            forms[word] = len(prompts)
            prompts.append(form)
        return forms[word]

    def _form(self, prompt: int, sample: Sample) -> tuple[str, list[Any]]:
        if prompt not in self._forms:
            prefix, tail = self._store.db.conn.execute(_PROMPT, [prompt]).fetchone()
            dictionary = b""
            if prefix is not None:
                dictionary = self._head(prefix).encode("utf-8", "surrogatepass")[-texts.DICTIONARY_BYTES :]
            form = [self._shas.get(prefix), pieces(texts.decode(texts.DEFLATED, tail, dictionary), sample)]
            if len(self._forms) > REMEMBERED:
                self._forms.clear()
            self._forms[prompt] = json.dumps(form), form
        return self._forms[prompt]

    def _head(self, number: int) -> str:
        if number not in self._heads:
            self._heads[number] = PromptReader(self._store.db.conn).read(number)
            (sha,) = self._store.db.conn.execute("SELECT sha FROM prompts WHERE id = ?", [number]).fetchone()
            self._shas[number] = sha[:16]
        return self._heads[number]


_PROMPT = "SELECT prefix, tail FROM prompts WHERE id = ?"


def pieces(tail: str, sample: Sample) -> list[Clipped]:
    """A prompt cut at question and options: "Q: ", "\\nA. ", … ; alone and whole where they don't stand in it."""
    if not sample.question or len(sample.question) > CLIP_CHARACTERS or sample.question not in tail:
        return [clip(tail)]
    before, _, rest = tail.partition(sample.question)
    found, behind = [before], rest
    for choice in sample.choices:
        if not choice or choice not in behind:
            return [clip(before), clip(rest)]
        between, _, behind = behind.partition(choice)
        found.append(between)
    return [clip(piece) for piece in [*found, behind]]


def prefixes(view: View, asked: Mapping[str, Sequence[Asked]]) -> list[tuple[int, str]]:
    """(row, name) of the solved examples before the prompts of published answers."""
    if view.options.samples == "none":
        return []
    conn = view.store.db.conn
    runs = json.dumps([run.row for mine in asked.values() for run in mine])
    if view.options.samples == "all":
        return [(row, sha[:16]) for row, sha in conn.execute(_PREFIXES, [runs]).fetchall()]
    found: dict[int, str] = {}
    for run in (run for mine in asked.values() for run in mine):
        found.update(conn.execute(_PREFIXES_OF, [run.scorer, run.row]).fetchall())
    return sorted((row, sha[:16]) for row, sha in found.items())


_PREFIXES = """SELECT id, sha FROM prompts WHERE id IN (
    SELECT q.prefix FROM responses p JOIN prompts q ON q.id = p.prompt WHERE p.run IN (SELECT value FROM json_each(?)))
    ORDER BY id"""
_PREFIXES_OF = f"""SELECT DISTINCT h.id, h.sha FROM responses p JOIN scores x ON x.response = p.id AND x.scorer = ?
        JOIN prompts q ON q.id = p.prompt JOIN prompts h ON h.id = q.prefix
    WHERE p.run = ? AND x.outcome IN ({_PUBLISHED})"""


def prefix(store: Store, row: int) -> Clipped:
    return clip(PromptReader(store.db.conn).read(row))
