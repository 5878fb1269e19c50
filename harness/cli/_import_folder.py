"""`bench import DIR`: a whole result folder of lm-eval, OpenCompass or evalscope.

Trap: nothing is fetched; a task of ours is found only where its questions are on this machine (--data, or the cache).
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import folders, foreign, imports, published
from harness.cli import _import_runs, _import_systems, _options, _report, _tables
from harness.cli._echo import echo
from harness.errors import MissingData, UserError
from harness.folders import Dataset
from harness.foreign import Adopted
from harness.published import Beside
from harness.questions import catalogue, load
from harness.records import Exam, Run, Score, Task
from harness.store import read
from harness.store.open import Store, open_store
from harness.words import heads, say


@dataclass(frozen=True)
class Part:
    """All data sets of one system that belong to one exam: what becomes a run."""

    name: str
    system: str
    exam: Exam
    label: str
    members: tuple[Adopted, ...]


def run(folder: Path, given: Mapping[str, Any]) -> None:
    """Read, place, import, and say how our grades compare with the published ones."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before anything reads it: a folder is imported without a network
    format_ = folders.named(given["format_"]) if given["format_"] else folders.detect(folder)
    datasets: list[Dataset] = []
    skipped: list[str] = []
    for one in folders.read(folder, format_):
        if isinstance(one, str):
            skipped.append(one)
            echo(f"left out: {one}", err=True)
        else:
            datasets.append(one)
    datasets = _chosen(datasets, given["systems"])
    if not datasets:
        raise UserError(f"{folder}: nothing in it can be imported as results of {format_}")
    names = foreign.names(list(dict.fromkeys(d.system for d in datasets)))
    names = {**names, **{system: name for name, system in given["systems"].items()}}
    parts = _parts(datasets, names, format_, given, skipped)
    if given["dry_run"]:
        _plan(parts, skipped, given["as_json"])
        return
    _import(parts, skipped, given)


def _chosen(datasets: list[Dataset], systems: Mapping[str, str]) -> list[Dataset]:
    """--run NAME=SYSTEM keeps these systems only."""
    known = {dataset.system for dataset in datasets}
    if twice := [system for system, count in Counter(systems.values()).items() if count > 1]:
        raise UserError(f"--run gives '{twice[0]}' two names; one system has one name")
    for system in systems.values():
        if system not in known:
            raise UserError(f"the folder has no system '{system}'; it has {', '.join(sorted(known))}")
    return [dataset for dataset in datasets if not systems or dataset.system in systems.values()]


def _parts(
    datasets: Sequence[Dataset], names: Mapping[str, str], format_: str, given: Mapping[str, Any], skipped: list[str]
) -> list[Part]:
    cards = catalogue.find(_options.names(given["task"])) if given["task"] else None
    here = _Here(_options.data_path(given["data"]), given["hub"])
    found: list[Part] = []
    for system, name in names.items():
        mine = [dataset for dataset in datasets if dataset.system == system]
        by_exam: dict[tuple[str, str], list[Adopted]] = {}
        adopted, refused = foreign.adopt(mine, format_, cards, here.load)
        for line in refused:
            skipped.append(line)
            echo(f"left out: {line}", err=True)
        for one in adopted:
            if cards is not None and not one.ours:
                echo(f"left out: {one.dataset.name} has other questions than {given['task']}", err=True)
                continue
            label = given["label"] or ", ".join([format_.replace("_", "-"), *one.dataset.asked])
            by_exam.setdefault((one.exam.id, label), []).append(one)
        found += [Part(name, system, m[0].exam, label, tuple(m)) for (_, label), m in by_exam.items()]
    if any(not member.ours for part in found for member in part.members):
        for why in here.lacking.values():
            echo(f"not looked in: {why}", err=True)
    if not found:
        raise UserError(
            f"nothing in the folder has the questions of {given['task']}; leave out --task to import it all the same"
        )
    return found


class _Here:
    """Exams whose questions are on this machine, each loaded once; what is odd about their data is said elsewhere."""

    def __init__(self, data: Path | None, hub: str) -> None:
        self.data, self.hub = data, hub
        self.lacking: dict[str, str] = {}
        self._loaded: dict[tuple[str, str], Exam | None] = {}

    def load(self, card: Task) -> Exam | None:
        key = card.key, card.version
        if key not in self._loaded:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    self._loaded[key] = load.load(card, self.data, hub=self.hub)
                except MissingData:
                    self._loaded[key] = None
                    self.lacking[card.key] = (
                        f"the questions of {card.key} are not on this machine; --data DIR names a copy"
                    )
                except UserError as error:
                    self._loaded[key] = None
                    self.lacking[card.key] = str(error)
        return self._loaded[key]


# -- importing ------------------------------------------------------------------------------------------------------


def _import(parts: Sequence[Part], skipped: Sequence[str], given: Mapping[str, Any]) -> None:
    path = _options.store_path(given["store"])
    sizes = given["sizes"]
    bases = _import_systems.bases(given["bases"], list(dict.fromkeys(part.name for part in parts)), path)
    pairs = []
    for part in parts:
        answers = {address: r for member in part.members for address, r in foreign.answers(member.placed).items()}
        checkpoint = imports.checkpoint(part.name, sizes.get(part.name, sizes.get("")), bases.get(part.name))
        pairs.append((_import_runs.job(checkpoint, part.exam, answers, part.label, given["tags"]), answers))
    with open_store(path) as opened:
        done = _import_runs.bring(opened, pairs, given["as_json"], lambda line: echo(line, err=True), bases)
        told = [_told(opened, part, run) for part, run in zip(parts, done, strict=True)]
        if given["as_json"]:
            runs = [
                {key: read.board_row(opened, run.id)[key] for key in _report.JSON} | _report.remarks(opened, run.id)
                for run in done
            ]
            listed = [one for each in told for one in each]
            _options.print_json({"runs": runs, "datasets": listed, "left_out": list(skipped)})
            return
        _report.report(opened, done, False, path)
    for part, each in zip(parts, told, strict=True):
        for line in _lines(part, each):
            echo(line)


def _told(store: Store, part: Part, run: Run) -> list[dict[str, Any]]:
    """Per data set: ours, theirs, what differs."""
    grades: dict[str, list[Score]] = {}
    for row in read.sample_rows(store, run.id):
        score = Score("", 0, row["value"], row["answer"], row["rule"] or "", row["outcome"] or "error")
        grades.setdefault(row["sample"], []).append(score)
    return [_object(part, member, published.beside(member.placed, grades)) for member in part.members]


def _object(part: Part, member: Adopted, found: Beside | None) -> dict[str, Any]:
    dataset = member.dataset
    shown = {
        "system": part.system, "name": part.name, "dataset": dataset.name, "task": part.exam.task.key,
        "label": part.label, "rows": len(dataset.rows), "unmatched": len(member.placed.unmatched),
        "scored_by": "log-probabilities" if dataset.rows[0].logprobs is not None else "text",
        "repeats": max(len(row.texts) for row in dataset.rows) or 1,
        "published": dict(dataset.scores), "groups": {k: dict(v) for k, v in dataset.groups.items()}, "file": dataset.path,
    }  # fmt: skip
    return shown if found is None else {**shown, "beside": asdict(found)}


def _lines(part: Part, told: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per data set; of many that became one run only those that differ, and the whole."""
    lines = [f"\n{part.name} × {part.exam.task.key}, beside what the folder says:"]
    if part.exam.task.average == "macro":
        lines.append("  (the score above is the mean over subjects, these are over questions)")
    many = len(told) > 3
    for one in told:
        found = one["beside"]
        if many and not found["differ"] and not found["golds"]:
            continue
        lines += _line(one, found)
    if many:
        same = sum(not one["beside"]["differ"] for one in told)
        mains = [next(iter(one["published"].values())) for one in told if one["published"]]
        mean = f"; the plain mean of what it published is {_tables.percent(sum(mains) / len(mains))}" if mains else ""
        lines.append(f"  {same} of {len(told)} data sets are graded alike, answer by answer{mean}")
    for group, scores in {g: s for one in told for g, s in one["groups"].items()}.items():
        lines.append(f"  published for {group}: {_scores(scores)}")
    return lines


def _line(one: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    said = _scores(one["published"]) or "nothing"
    ours = "not graded" if found["ours"] is None else _tables.percent(found["ours"])
    head = f"  {one['dataset']}, {found['n']} questions: ours {ours}, published {said}"
    lines = []
    if found["ours"] is None:
        lines.append(head)
    elif not found["metric"]:
        lines.append(f"{head}; it shows no grade per answer" if one["published"] else head)
    elif not found["differ"]:
        lines.append(f"{head}: the same grade for every answer ({found['metric']})")
    else:
        why = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
        lines += [
            f"{head}; {found['differ']} graded otherwise than by {found['metric']}: {why}",
            f"    {found['first']}",
        ]
    if found["first_only"]:
        lines.append("    it grades the first of several answers, ours is the mean of all")
    if found["golds"]:
        lines.append(f"    {found['golds']} golds of the folder are not those of {one['task']}")
    if one["unmatched"]:
        lines.append(f"    {one['unmatched']} of {one['rows']} rows are no question of {one['task']} and are left out")
    return lines


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{_tables.percent(value)} ({name})" for name, value in list(scores.items())[:4])


# -- dry run --------------------------------------------------------------------------------------------------------


def _plan(parts: Sequence[Part], skipped: Sequence[str], as_json: bool) -> None:
    shown = [_object(part, member, None) for part in parts for member in part.members]
    if as_json:
        _options.print_json({"datasets": shown, "left_out": list(skipped)})
        return
    head = heads("system", "data set", "task", "rows", "scored by", "answers each", "published", "asked")
    rows = [
        [one["name"], one["dataset"], one["task"], str(one["rows"]), one["scored_by"], str(one["repeats"]),
         _scores(one["published"]) or "–", one["label"]]
        for one in shown
    ]  # fmt: skip
    echo(_tables.table([head, *rows]))
    echo(say("nothing was written; without --dry-run these become runs"))
