"""The data scripts of a site: who answered what, every mark, the questions, and the answers themselves in packed shards.

Example: `data(view, asked_of(view))` yields data/checkpoints.js, data/columns.js, data/exam/1f2a3b4c.js, data/items/1f2a3b4c-0.js,
data/runs/good-5d6e7f80.js, data/answers/good-5d6e7f80-0.js …; the id of each is its path without "data/" and ".js".
Marks, values and counts of every answer are always there. `--samples` decides over texts alone: "wrong" publishes the
answers that are known not to be right, with their questions; "none" publishes no answer, no question and no gold.
Positions are 0-based here; addresses of the site count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from harness import identity
from harness.records import Exam, Settings
from leaderboard.answers_packed import script
from leaderboard.answers_runs import Asked, marks
from leaderboard.answers_shards import SHARD_ITEMS, Reader, Shard, items, prefix, prefixes, shards_of, wanted
from leaderboard.cells import Form
from leaderboard.pages import Data, View
from leaderboard.words import Words

FORMAT = 5  # of the scripts; another one makes them all anew


def data(view: View, asked: Mapping[str, Sequence[Asked]]) -> Iterator[Data]:
    """Everything that answers are read by, as scripts that are made only where something changed."""
    yield _data("checkpoints", _checkpoints(view, asked))
    yield _data("columns", _columns(view, asked))
    exams = {run.entry.exam.id: run.entry.exam for runs in asked.values() for run in runs}
    shown = wanted(view, asked)
    for exam in exams.values():
        published = shown.get(exam.id, ())
        yield _exam(exam, published)
        yield from _items(exam, published)
    for row, sha in prefixes(view, asked):
        yield Data(f"data/prompts/{sha}.js", _key(sha), partial(_prefix, view, row, sha))
    reader = Reader(view.store, view.options.samples == "wrong")
    for slug, runs in asked.items():
        shards = list(shards_of(view, slug, runs))
        yield _runs(view, slug, runs, shards)
        for shard in shards:
            yield _answers(view, reader, shard)


def _data(name: str, payload: Any) -> Data:
    return Data(f"data/{name}.js", _key(payload), lambda: (name, payload))


def _prefix(view: View, row: int, sha: str) -> tuple[str, Any]:
    return f"prompts/{sha}", prefix(view.store, row)


def _key(*parts: Any) -> str:
    return identity.digest([FORMAT, *parts])


def _checkpoints(view: View, asked: Mapping[str, Sequence[Asked]]) -> dict[str, Any]:
    """For the pickers. Most checkpoints have the same tasks, so each names a set of them, by their numbers."""
    board, where = view.board, view.where
    columns = [c.slug for c in board.columns if c.task]
    number = {slug: i for i, slug in enumerate(columns)}
    sets: dict[tuple[int, ...], int] = {}
    found = []
    for checkpoint in board.checkpoints:
        slug = where.slug(checkpoint.id)
        tasks = tuple(sorted(number[run.column.slug] for run in asked.get(slug, ())))
        lineage = checkpoint.lineage
        parent = next((p for p in (lineage and lineage.parent, checkpoint.base) if p in board.by_id), None)
        found.append(
            {
                "slug": slug,
                "name": checkpoint.name if checkpoint.name.strip() else slug,
                "kind": checkpoint.kind,
                "parent": where.slug(parent) if parent else None,
                "set": sets.setdefault(tasks, len(sets)),
            }
        )
    return {"samples": view.options.samples, "columns": columns, "sets": [list(s) for s in sets], "list": found}


def _columns(view: View, asked: Mapping[str, Sequence[Asked]]) -> dict[str, Any]:
    t = Words()
    exams = {run.column.key: run.entry.exam for runs in asked.values() for run in runs}
    return {
        column.slug: {
            "title": dict(column.title),
            "name": column.name,
            "form": {language: _form(t, column.form, language) for language in ("en", "zh")},
            "metric": column.metric,
            "average": column.average,
            "unit": column.unit,
            "better_high": column.better_high,
            "percent": column.percent,
            "chance": column.chance,
            "exam": exams[column.key].id[:8],
            "href": view.where.tasks[column.name],
        }
        for column in view.board.columns
        if column.key in exams
    }


def _form(t: Words, form: Form, language: str) -> str:
    """How it was asked, in plain words: "5-shot · chat"."""
    if form.asked != "here":
        parts = [t.plain("elsewhere", language), form.elsewhere]
    else:
        parts = [", ".join(t.plain("shots", language).format(n=n) for n in form.shots)]
        parts.append(t.plain("chat" if form.chat else "raw", language))
        parts += [t.plain(f"think_{form.think}", language)] if form.think != "default" else []
    return " · ".join([*parts, *form.extras])


def _exam(exam: Exam, published: Sequence[int]) -> Data:
    name, shards = f"exam/{exam.id[:8]}", sorted({position // SHARD_ITEMS for position in published})
    return Data(f"data/{name}.js", _key(exam.id, exam.key, shards), lambda: (name, _facts(exam, shards)))


def _facts(exam: Exam, shards: Sequence[int]) -> dict[str, Any]:
    subjects = {s: i for i, s in enumerate(dict.fromkeys(sample.subject for sample in exam.samples))}
    clusters = {s: i for i, s in enumerate(dict.fromkeys(sample.cluster for sample in exam.samples if sample.cluster))}
    return {
        "n": len(exam.samples),
        "shard": SHARD_ITEMS,
        "items": shards,
        "subjects": list(subjects),
        "subject": [subjects[sample.subject] for sample in exam.samples],
        "clusters": [clusters.get(sample.cluster) for sample in exam.samples] if clusters else None,
    }


def _items(exam: Exam, positions: Sequence[int]) -> Iterator[Data]:
    by_shard: dict[int, list[int]] = {}
    for position in positions:
        by_shard.setdefault(position // SHARD_ITEMS, []).append(position)
    for number, mine in sorted(by_shard.items()):
        yield _packed(
            f"data/items/{exam.id[:8]}-{number}.js", _key(exam.id, exam.key, mine), partial(items, exam, mine)
        )


def _runs(view: View, slug: str, runs: Sequence[Asked], shards: Sequence[Shard]) -> Data:
    """What a checkpoint made of every task: a mark per answer, and where the texts lie."""
    texts = view.options.samples
    scores = [_score(run) for run in runs]
    key = _key(
        texts,
        [(run.state, score) for run, score in zip(runs, scores, strict=True)],
        [(s.path, s.first, s.last, len(s.runs)) for s in shards],
    )

    def make() -> dict[str, Any]:
        made = {}
        for run, score in zip(runs, scores, strict=True):
            facts = {"run": run.entry.run.id, "n": len(run.entry.exam.samples), "repeats": run.entry.run.repeats}
            facts |= _asked(run.entry.run.settings) | marks(view.store, run)
            made[run.column.slug] = facts | {"shards": places.get(run.row, []), "score": score}
        first = next(iter(made.values()))
        same = {name: first[name] for name in first if all(run[name] == first[name] for run in made.values())}
        told = {slug: {name: run[name] for name in run if name not in same} for slug, run in made.items()}
        return {"texts": texts, "shards": [[s.path, s.first, s.last] for s in shards], "same": same, "runs": told}

    places: dict[int, list[int]] = {}
    for place, shard in enumerate(shards):
        for run in shard.runs:
            places.setdefault(run.row, []).append(place)
    return _packed(f"data/runs/{slug}.js", key, make)


@lru_cache(maxsize=1024)
def _asked(settings: Settings) -> dict[str, Any]:
    """What two runs must share to be compared: a column overlooks settings that change no option's score."""
    drawn = bool(settings.temperature) and settings.asked == "here"
    return {"asked": identity.digest(identity.settings_fields(settings))[:8], "drawn": drawn}


def _score(run: Asked) -> list[float | None] | None:
    """Value, low, high and n, to as many digits as anyone reads."""
    value, low, high, n = run.entry.results.numbers((run.column.metric, ""))
    known = [None if number is None else round(number, 6) for number in (value, low, high)]
    return [*known, n] if n or known != [None, None, None] else None


def _answers(view: View, reader: Reader, shard: Shard) -> Data:
    key = _key(view.options.samples, [run.state for run in shard.runs], shard.first, shard.last)
    return _packed(shard.path, key, partial(reader.shard, shard))


def _packed(path: str, key: str, make: Callable[[], Any]) -> Data:
    name = path.removeprefix("data/").removesuffix(".js")
    return Data(path, key, lambda: (name, script(name, make())))
