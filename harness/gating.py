"""What a gate's words mean: candidate, baseline and anchor as pairs of runs, judged, and the verdict kept as history.

| baseline          | means                                                                                         |
|-------------------|-----------------------------------------------------------------------------------------------|
| `branch:main`     | the newest run of that branch whose own gate passed and whose commit the candidate builds upon |
| `model:REF`       | a run of that checkpoint, asked the same way; `model:parent` is what the candidate came from  |
| `file:`, `tag:`, `run:`, NAME, NAME@TAG | as everywhere, see lookup.py                                             |

Example: `judge(store, "ckpt", "branch:main", policy)` pairs each task in a prompt form that both sides have.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from harness import commits, lookup, pairs
from harness.errors import NotComparable, NothingToCompare, UserError
from harness.plugins import nearest
from harness.records import Outcomes, Run, Verdict
from harness.store import read, verdicts
from harness.store.open import Store
from harness.verdicts import audit, gate
from harness.verdicts.policy import CompositePolicy, Policy

VARIANT = "~"
TRIES = 5  # runs of a baseline that are looked at for one that was asked as the candidate was
COMMIT = "commit:"


@dataclass
class Sides:
    """What two specs mean; every task of the baseline is in `pairs`, `missing`, `refused` or named in `notes`."""

    pairs: list[tuple[Outcomes, Outcomes]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class NoBaseline(NothingToCompare):
    """The candidate is there, and nothing to hold it against: what `on_missing_baseline` is about."""


def judge(
    store: Store | None,
    candidate: str,
    baseline: str,
    policy: Policy,
    *,
    anchor: str = "",
    tasks: Sequence[str] = (),
    more: Sequence[str] = (),
    today: date | None = None,
) -> Verdict:
    """The verdict, against the anchor too where there is one; NothingToCompare where the candidate has no run."""
    if not anchor:
        return _against(store, candidate, baseline, policy, tasks, more, today)
    policy = policy.shared
    verdict = _against(store, candidate, baseline, policy, tasks, more, today)
    relative = {name: dataclasses.replace(task, min=None) for name, task in policy.task.items()}  # floors: said once
    composite: CompositePolicy | None = policy.composite and dataclasses.replace(policy.composite, min=None)
    fixed = dataclasses.replace(policy, task=relative, composite=composite)
    return gate.against_anchor(verdict, _against(store, candidate, anchor, fixed, tasks, more, today))


def _against(
    store: Store | None, candidate: str, baseline: str, policy: Policy,
    tasks: Sequence[str], more: Sequence[str], today: date | None,
) -> Verdict:  # fmt: skip
    try:
        sides = find(store, candidate, baseline, policy, tasks, more)
    except NoBaseline as error:
        return gate.alone(_outcomes(store, candidate, tasks), policy, str(error), today)
    known = {o.task for pair in sides.pairs for o in pair} | {*sides.missing, *sides.refused}
    for task in policy.task:  # a misspelt task would otherwise be gated by defaults, or not at all
        if task not in known and not tasks:
            raise UserError(f"[gate.task.{task}] is about a task that neither side has; {nearest(task, known)}")
    _check_waivers(policy, known, tasks, today)
    if tasks and policy.composite:
        policy = dataclasses.replace(policy, composite=None)
        sides.notes.append("the composite is left out: it is judged over all tasks only")
    verdict = gate.judge(sides.pairs, policy, sides.missing, today, sides.refused)
    return dataclasses.replace(verdict, notes=(*sides.notes, *verdict.notes))


def _check_waivers(policy: Policy, known: set[str], tasks: Sequence[str], today: date | None) -> None:
    """A misspelt waiver would be shown as one and waive nothing; one that has run out may outlive its task."""
    for waive in policy.waive:
        about = waive.task and not waive.task.startswith("composite") and waive.live(today)
        if about and not tasks and waive.task not in known:
            raise UserError(
                f"[[gate.waive]] has task = '{waive.task}', which neither side has; {nearest(waive.task, known)}; "
                "a guard is waived by guard = NAME"
            )


def of_outcomes(
    before: Sequence[Outcomes], after: Sequence[Outcomes], policy: Policy, today: date | None = None
) -> Verdict:
    """The verdict over outcomes that are at hand: the run to be blessed against the file that it replaces."""
    sides = Sides()
    old, new = ({o.task: o for o in side} for side in (before, after))
    for task in _asked(list(old), policy, (), sides):
        if task in new:
            sides.pairs.append((old[task], new[task]))
        else:
            _miss(sides, old[task])
    verdict = gate.judge(sides.pairs, policy, sides.missing, today)
    return dataclasses.replace(verdict, notes=(*sides.notes, *verdict.notes))


# -- sides --------------------------------------------------------------------------------------------------------


def find(
    store: Store | None,
    candidate: str,
    baseline: str,
    policy: Policy | None = None,
    tasks: Sequence[str] = (),
    more: Sequence[str] = (),
) -> Sides:
    """Every task of the baseline with what the candidate has of it."""
    policy = policy or Policy()
    packed = {o.task: o for o in lookup.outcomes(candidate, store)} if candidate.startswith("file:") else {}
    after = packed.keys() if candidate.startswith("file:") else _tasks(store, candidate)
    if not after:
        raise NothingToCompare(f"{candidate} holds no task")
    sides = Sides()
    if store is None or baseline.startswith("file:"):
        try:
            before = {o.task: o for o in lookup.outcomes(baseline, store, tasks=tasks)}
        except NothingToCompare as error:
            raise NoBaseline(str(error)) from None
        for task in _asked(list(before), policy, tasks, sides):
            if task not in after:
                _miss(sides, before[task])
            elif store is None:
                sides.pairs.append((before[task], packed[task]))
            else:
                _take(sides, task, [baseline], store, candidate, more)
        return sides
    spec, runs = _baseline_runs(store, candidate, baseline, tasks, sides)
    for task in _asked(list(runs), policy, tasks, sides):
        if task in after:
            _take(sides, task, [spec] if spec else [f"run:{run.id}" for run in runs[task]], store, candidate, more)
        else:
            _miss(sides, read.outcomes(store, runs[task][0].id))
    return sides


def _tasks(store: Store | None, spec: str) -> set[str]:
    if store is None:
        raise UserError(f"'{spec}' needs a store; pass --store FILE, or file:PATH for packed outcomes")
    return {read.get_task(store, run.exam).key for run in lookup.runs(store, spec)}


def _outcomes(store: Store | None, spec: str, tasks: Sequence[str]) -> list[Outcomes]:
    return [o for o in lookup.outcomes(spec, store) if not tasks or o.task in tasks]


def _asked(found: list[str], policy: Policy, tasks: Sequence[str], sides: Sides) -> list[str]:
    """The baseline's tasks that are gated: variants, the same questions once more, only where somebody names them."""
    named = {*tasks, *policy.task}
    left = [t for t in found if VARIANT in t and t not in named and not policy.include_variants]
    if left and len(left) < len(found):
        sides.notes.append(f"{', '.join(sorted(left))} left out: variants are gated where they are named")
        return sorted(set(found) - set(left))
    return sorted(found)


def _miss(sides: Sides, before: Outcomes) -> None:
    """A task that vanished is not a pass; one that had nothing to lose is nothing."""
    if before.labelled or any(v is not None for v in before.values):
        sides.missing.append(before.task)


def _take(sides: Sides, task: str, specs: Sequence[str], store: Store, candidate: str, more: Sequence[str]) -> None:
    """The first of the baseline's runs that was asked as the candidate was, else the first that can be named."""
    taken, why, place = None, "", 0
    for i, spec in enumerate(specs[:TRIES]):
        found, refused = pairs.find(store, spec, candidate, tasks=[task], more=more)
        fits = bool(found) and not any(d.class_ == "must" for d in audit.of(found[0].before, found[0].after))
        if fits or (found and not taken):
            taken, place = found, i
        if fits:
            break
        why = why or "; ".join(refused)
    if not taken:
        sides.refused[task] = why
        return
    first, *others = taken
    sides.pairs.append((first.before, first.after))
    if first.note or others or place:
        words = [first.note or f"{task}: both {first.form}"]
        words += [f"not the newest run of {first.before.name}, which was asked otherwise"] if place else []
        words += [f"`bench compare` shows {', '.join(str(p.form) for p in others)} too"] if others else []
        sides.notes.append("; ".join(words))


# -- which run is the baseline --------------------------------------------------------------------------------------


def _baseline_runs(
    store: Store, candidate: str, baseline: str, tasks: Sequence[str], sides: Sides
) -> tuple[str, dict[str, list[Run]]]:
    """Task -> runs that may stand for the baseline, the best first; never the very run that is judged.

    And the spec that means just them; "" where only their ids do.
    """
    own = set() if candidate.startswith("file:") else {run.id for run in lookup.runs(store, candidate)}
    kind, _, name = baseline.partition(":")
    try:
        spec = _model(store, candidate, name) if kind == "model" and name else baseline
        best = lookup.runs(store, spec, tasks=tasks, without=own)
    except NotComparable:
        raise
    except NothingToCompare as error:
        raise NoBaseline(str(error)) from None
    found: dict[str, list[Run]] = {read.get_task(store, run.exam).key: [run] for run in best}
    every = lookup.matching(store, spec)
    for run in every:
        runs = found.get(read.get_task(store, run.exam).key, [])
        done = run.status == "done" or (runs and runs[0].status != "done")
        if runs and run.id not in own and done and run.id not in {r.id for r in runs}:
            runs.append(run)
    if kind == "branch":
        judged, ours = verdicts.standing(store), _commit(store, candidate)
        before = functools.cache(lambda sha: commits.ancestor(sha, ours, Path.cwd()))  # git, once per commit
        builds = functools.partial(_builds_upon, before=before) if ours else lambda run: None
        return "", {task: _passed(task, runs, baseline, sides, judged, builds) for task, runs in found.items()}
    return "" if own & {run.id for run in every} else spec, found


def _passed(
    task: str, runs: list[Run], baseline: str, sides: Sides,
    judged: Mapping[str, int], builds: Callable[[Run], bool | None],
) -> list[Run]:  # fmt: skip
    """The branch's runs that passed their own gate and that the candidate builds upon."""
    passed = [run for run in runs if judged.get(run.id) == 0]
    fresh = [run for run in runs if run.id not in judged]
    if not passed and not fresh:
        raise NoBaseline(f"every run of {task} on {baseline} failed its own gate; name a baseline by file: or run:")
    if not passed:
        sides.notes.append(f"{task}: no run on {baseline} was ever gated, so its newest one is the baseline")
    known = {run.id: builds(run) for run in passed or fresh}
    fit = [run for run in passed or fresh if known[run.id] is not False]
    if not fit:
        raise NoBaseline(f"no run of {task} on {baseline} is of a commit that the candidate builds upon")
    if known[fit[0].id] is None:
        sides.notes.append(f"{task}: whether the candidate builds upon run {fit[0].id[:8]} of {baseline} is not known")
    return fit


def _commit(store: Store, candidate: str) -> str:
    """Of the candidate's run, else what is checked out here."""
    runs = [] if candidate.startswith("file:") else lookup.runs(store, candidate)
    said = [tag.removeprefix(COMMIT) for run in runs for tag in run.tags if tag.startswith(COMMIT)]
    return said[0] if said else commits.head(Path.cwd())


def _builds_upon(run: Run, before: Callable[[str], bool | None]) -> bool | None:
    answers = [before(tag.removeprefix(COMMIT)) for tag in run.tags if tag.startswith(COMMIT)]
    return True if True in answers else None if None in answers or not answers else False


def _model(store: Store, candidate: str, name: str) -> str:
    """The checkpoint that is meant, by id; `parent` is the one that the candidate was trained from."""
    if name != "parent":
        return lookup.checkpoint(store, name).id
    if candidate.startswith("file:"):
        raise NothingToCompare("packed outcomes don't say what they were trained from; name the model")
    child = read.find_checkpoint(store, lookup.runs(store, candidate)[0].checkpoint)
    parent = child and ((child.lineage and child.lineage.parent) or child.base)
    if not parent:
        raise NothingToCompare(f"what {candidate} was trained from is not recorded; name it: model:NAME")
    return lookup.checkpoint(store, parent).id


# -- history --------------------------------------------------------------------------------------------------------


def record(store: Store, verdict: Verdict) -> bool:
    """Keep what was said of the candidate's runs; whether there was anything to keep."""
    both = [[side[end]["run"] for side in verdict.sides.values()] for end in ("before", "after")]
    after = sorted({run for run in both[1] if run and read.list_runs(store, run=run)})
    return bool(after) and verdicts.record(store, verdict, sorted({run for run in both[0] if run}), after)
