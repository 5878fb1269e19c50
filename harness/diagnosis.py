"""From two names to a diagnosis: runs of both sides, what their texts and folders show beside the scores, examples.

Example: of(store, "damaged", "distilled") -> Diagnosed(diagnosis, examples of the worst finding with both answers). The
parent may be left out where the lineage or the adapter names one that is in the store. Nothing is asked of a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness import _diagnosis_facts, lookup, metrics, pairs
from harness.errors import NothingToCompare, UserError
from harness.metrics import _alike, _run_on
from harness.records import Checkpoint, Outcomes, Task
from harness.store import read
from harness.store.open import Store
from harness.verdicts import diagnose
from harness.verdicts._diagnose_answers import BREAKS_OFF, CUT, ENDED_BY_A_MARK, RUNS_ON, SAME
from harness.verdicts.diagnose import Diagnosis, Unchecked
from harness.words import say

EXAMPLES = 3


@dataclass(frozen=True)
class Example:
    """A question with both answers; `gold` None where there is none."""

    task: str
    sample: str
    subject: str
    question: str
    gold: str | None
    before: Mapping[str, Any]  # the row of the store
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Diagnosed:
    child: str
    parent: str
    diagnosis: Diagnosis
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class _Side:
    """One run's answers beside its Outcomes."""

    outcomes: Outcomes
    answers: Mapping[tuple[str, int], object]  # (sample, repeat) -> what was said
    categories: Mapping[str, tuple[str, ...]]


def of(
    store: Store,
    child: str,
    parent: str | None = None,
    *,
    domain: Sequence[str] = (),
    tasks: Sequence[str] = (),
    more: Sequence[str] = (),
) -> Diagnosed:
    """Diagnose a child beside its parent; UserError or NothingToCompare where nothing can be held against anything."""
    parent = parent or parent_of(store, child)
    found, refused = pairs.find(store, parent, child, tasks=tasks, more=more)
    if not found:
        raise NothingToCompare("; ".join(refused) or f"{child} and {parent} have no task in common")
    chosen = _one_form(found)
    sides = [(_side(store, pair.before), _side(store, pair.after)) for pair in chosen]
    both = [(before.outcomes, after.outcomes) for before, after in sides]
    cards = _cards(store, both)
    said = {after.outcomes.task: (before.answers, after.answers) for before, after in sides}
    categories = {after.outcomes.task: after.categories for _, after in sides}
    facts = _diagnosis_facts.of(store, both, said, categories, cards, domain)
    unchecked = [Unchecked("a task", why) for why in refused] + _forms(store, both, cards, more)
    facts = replace(facts, unchecked=(*facts.unchecked, *unchecked), more=tuple(more))
    diagnosis = diagnose.diagnose(both, facts)
    return Diagnosed(facts.child, facts.parent, diagnosis, tuple(_examples(store, both, diagnosis)))


def parent_of(store: Store, child: str) -> str:
    """The id of the parent that the adapter or the lineage names; UserError where none is known or stored."""
    checkpoint = _checkpoint(store, child)
    named = [p for p in (checkpoint.lineage.parent if checkpoint.lineage else None, checkpoint.base) if p]
    for one in named:
        if read.find_checkpoint(store, one):
            return one
    if named:
        raise UserError(
            f"{checkpoint.name}'s parent is {named[0]}, which has no run in {store.path}; run it too, or pass --parent NAME"
        )
    raise UserError(f"nothing says what {checkpoint.name} was trained from; pass --parent NAME")


def _checkpoint(store: Store, spec: str) -> Checkpoint:
    """Of a name, or of what any other spec of the grammar stands for."""
    runs = lookup.runs(store, spec)
    found = read.find_checkpoint(store, runs[0].checkpoint)
    assert found is not None  # a foreign key holds it
    return found


def _one_form(found: Sequence[pairs.Pair]) -> list[pairs.Pair]:
    """One comparison per task, the newest form: two forms of one task would be told twice."""
    first: dict[str, pairs.Pair] = {}
    for pair in found:
        first.setdefault(pair.after.task, pair)
    return list(first.values())


# -- the answers --------------------------------------------------------------------------------------------------------


def _side(store: Store, outcomes: Outcomes) -> _Side:
    """Outcomes with the measures that diagnose alone takes; of a packed file as they are."""
    if not _stored(store, outcomes.run):
        return _Side(outcomes, {}, {})
    table = read.table(store, outcomes.run)
    if not len(table):
        return _Side(outcomes, {}, {})
    ended = metrics.find("ends_itself").per_sample(table)
    seen = {
        CUT: 1.0 - ended, RUNS_ON: _run_on.per_sample(table), ENDED_BY_A_MARK: _run_on.end_marks(table),
        BREAKS_OFF: _alike.breaks_off(table), SAME: _alike.same_as_others(table),
    }  # fmt: skip
    extra = {name: _averaged(table, values) for name, values in seen.items()}
    measures = {**outcomes.measures, **{k: v for k, v in extra.items() if any(x is not None for x in v)}}
    whole = {name: column for name, column in measures.items() if len(column) == len(outcomes.samples)}
    rows = zip(*(table[c].tolist() for c in ("sample", "repeat", "text", "thinking", "logprobs", "stop")), strict=True)
    answers = {
        (sample, repeat): logprobs or (thinking, text)
        for sample, repeat, text, thinking, logprobs, stop in rows if stop != "error"
    }  # fmt: skip
    categories = dict(zip(table["sample"].tolist(), map(tuple, table["categories"].tolist()), strict=True))
    return _Side(replace(outcomes, measures=whole), answers, categories)


def _averaged(table: Any, values: Any) -> tuple[float | None, ...]:
    """Per sample in exam order, over its repeats that have a value."""
    sums: dict[int, list[float]] = {}
    for position, value in zip(table["position"].tolist(), values.tolist(), strict=True):
        sums.setdefault(position, []).extend([value] if value == value else [])
    return tuple(sum(v) / len(v) if (v := sums[position]) else None for position in sorted(sums))


def _cards(store: Store, both: diagnose.Pairs) -> dict[str, Task]:
    found = {}
    for before, after in both:
        run = next((side.run for side in (after, before) if _stored(store, side.run)), "")
        if run:
            found[after.task] = read.get_task(store, read.get_run(store, run).exam)
    return found


def _stored(store: Store, run: str) -> bool:
    """A packed file names the run that it was made of, which may lie in another store."""
    return bool(run) and bool(read.list_runs(store, run=run))


def _forms(store: Store, both: diagnose.Pairs, cards: Mapping[str, Task], more: Sequence[str]) -> list[Unchecked]:
    """Tasks of options that only one form of was run: what was lost, the knowledge or the way to say it, stays open."""
    keys = {after.task for _, after in both}
    found = []
    for _, after in both:
        card = cards.get(after.task)
        if card is None or card.kind != "ours" or card.form or card.variant or card.ask not in ("letters", "texts"):
            continue
        said = [f"{after.task}:{form}" for form in ("generate", "cot")]
        if any(key in keys for key in said) or not _stored(store, after.run):
            continue
        command = pairs.again(store, read.get_run(store, after.run), [said[0]], more)
        found.append(
            Unchecked(
                say("saying against knowing on {task}", task=after.task),
                say("{task} was not run on both sides", task=said[0]),
                command,
            )
        )
    return found


# -- examples --------------------------------------------------------------------------------------------------------


def _examples(store: Store, both: diagnose.Pairs, diagnosis: Diagnosis) -> list[Example]:
    """The plainest samples of the worst finding that has some."""
    worst = next((s for s in diagnosis.symptoms if s.samples and s.tasks), None)
    sides = next(
        (
            (b, a)
            for b, a in both
            if worst and a.task == worst.tasks[0] and _stored(store, b.run) and _stored(store, a.run)
        ),
        None,
    )
    if worst is None or sides is None:
        return []
    wanted = worst.samples[:EXAMPLES]
    rows = [
        {row["sample"]: row for row in reversed(list(_rows(store, side.run, set(wanted))))} for side in sides
    ]  # of repeats the first
    return [
        Example(worst.tasks[0], s, rows[1][s]["subject"], rows[1][s]["question"], rows[1][s]["target"], rows[0][s], rows[1][s])
        for s in wanted if s in rows[0] and s in rows[1]
    ]  # fmt: skip


def _rows(store: Store, run: str, wanted: set[str]) -> Sequence[dict[str, Any]]:
    return [row for row in read.sample_rows(store, run) if row["sample"] in wanted]
