"""Composite scores out of a store: what is missing is graded first, what is known is not computed again.

Example: `scored(store, runs_of(store, "qwen-med", profile), profile)` -> Overall 61.3, and the store keeps it.
Trap: a run that grew, corrected golds or a newer grader of chains make another score; its key names all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any, Protocol

from harness import identity, lookup, plugins, scoring
from harness.errors import NothingToCompare, UserError
from harness.plugins import nearest
from harness.records import Outcomes, Overall, Response, Run, Sample
from harness.store import read, rows
from harness.store.open import Store
from harness.store.write import Writer
from harness.verdicts import composite, profile
from harness.verdicts.profile import Profile

BESIDE = ("cot", "tokens")  # scorers that need no gold: their grades stand beside the score
NO_VOCABULARY = "no_vocabulary"  # a rule of `tokens`: not kept, since the vocabulary may be here tomorrow


class Progress(Protocol):
    """Whoever looks on: told how many answers there are to grade, then once per grade."""

    def planned(self, total: int) -> None: ...
    def graded(self) -> None: ...


class Silence:
    def planned(self, total: int) -> None:
        return

    def graded(self) -> None:
        return


# -- grades of chains and counts of tokens ------------------------------------------------------------------


def ensure(store: Store, runs: Sequence[Run], progress: Progress | None = None) -> int:
    """Grade the chains and count the tokens of generated answers that lack it; how many grades were added."""
    if store.readonly:
        return 0
    progress = progress or Silence()
    todo = list(_todo(store, runs))
    total = sum(count for _, _, count in todo)
    if not total:
        return 0
    progress.planned(total)
    with Writer(store) as writer, closing(scoring.score_each(_asked(store, todo))) as scored:
        for _, response, score in scored:
            progress.graded()
            if score.rule != NO_VOCABULARY:
                writer.put_score(response.run, response.sample, response.repeat, score, "")
    return total


def _todo(store: Store, runs: Sequence[Run]) -> Iterator[tuple[Run, str, int]]:
    """(run, scorer, answers that it has not graded) of tasks that generate; no tokens where there is no vocabulary."""
    for run in {run.id: run for run in runs}.values():
        if read.get_task(store, run.exam).ask != "generate":
            continue
        graded = {(name, version): count for name, version, key, count in read.state(store, run.id)[2] if key == ""}
        for name in BESIDE:
            module = plugins.find(scoring.SCORERS, name)
            count = read.response_count(store, run.id) - graded.get((name, module.VERSION), 0)
            if count and (
                name != "tokens" or module.score(_NOBODY, Response(run.id, "", 0, "1")).rule != NO_VOCABULARY
            ):
                yield run, name, count


_NOBODY = Sample("", 0, "")


def _asked(store: Store, todo: Sequence[tuple[Run, str, int]]) -> Iterator[tuple[str, Sample, Response]]:
    for run, name, _ in todo:
        samples = {s.id: s for s in read.get_exam(store, run.exam).samples}
        for response in read.unscored(store, run.id, name, plugins.find(scoring.SCORERS, name).VERSION, ""):
            yield name, samples[response.sample], response


# -- composites ---------------------------------------------------------------------------------------------


def runs_of(store: Store, spec: str, wanted: Profile, only: Sequence[str] = ()) -> list[Run]:
    """The newest run per task of the profile (or of `only`) that a spec names; NothingToCompare where there is none."""
    tasks = [task for task in wanted.task if not only or task in only]
    if strangers := [task for task in only if task not in wanted.task]:
        raise UserError(f"profile {wanted.name} knows no task '{strangers[0]}'; {nearest(strangers[0], wanted.task)}")
    found = [run for run in lookup.runs(store, spec) if read.get_task(store, run.exam).key in tasks]
    if not found:
        some = ", ".join(tasks[:6]) + (" …" if len(tasks) > 6 else "")
        raise NothingToCompare(
            f"'{spec}' has no run of a task that profile {wanted.name} is made of ({some}); "
            f"`bench run --tasks {tasks[0]}` asks one"
        )
    return found


def outcomes(store: Store, runs: Sequence[Run], wanted: Profile, cqs: str = "rule") -> list[Outcomes]:
    """What the profile is computed from: each task's headline, and the other metrics that a part of it names.

    The grades of a judge that is not usable are left out, so that no part is made of them.
    """
    found = [read.outcomes(store, run.id) for run in runs]
    for part in wanted.part:
        for run, headline in zip(runs, list(found), strict=False):
            if part.kind == "metric" and headline.task in part.tasks and part.metric != headline.metric:
                found.append(read.outcomes(store, run.id, part.metric))
    if not withheld(store, runs, cqs):
        return found
    judged = f"cot_{cqs}"
    return [replace(o, measures={k: v for k, v in o.measures.items() if k != judged}) for o in found]


def withheld(store: Store, runs: Sequence[Run], cqs: str) -> str:
    """Why a judge's grades of these runs must not be shown; "" where they may."""
    if cqs == "rule":
        return ""
    from harness import judge

    wanted = cqs.removeprefix("judge:")
    for key in dict.fromkeys(key for run in runs for key in read.judged_by(store, run.id) if key.startswith(wanted)):
        standing = judge.standing(store, key, [run.id for run in runs])
        if not standing.usable:
            return standing.why
    return ""


def scored(
    store: Store, runs: Sequence[Run], wanted: Profile, counter: str = "own", cqs: str = "rule",
    of: Sequence[Outcomes] | None = None,
) -> Overall:  # fmt: skip
    """The composite of one checkpoint's runs, from the store where it is known, and kept there where it is not."""
    key = key_of(store, runs, counter, cqs)
    known = read.overall(store, runs[0].checkpoint, wanted.sha, key)
    if known is not None:
        return known
    made = composite.overall(of or outcomes(store, runs, wanted, cqs), wanted, counter=counter, cqs=cqs)
    if why := withheld(store, runs, cqs):
        made = _told(made, wanted, why)
    if not store.readonly:
        with Writer(store) as writer:
            writer.put_overall(made, key, text(wanted))
    return made


def _told(made: Overall, wanted: Profile, why: str) -> Overall:
    """A part that is missing because its judge is not usable says so."""
    chains = {plan.name for plan in wanted.part if plan.kind == "cot"}
    parts = tuple(replace(p, why=why) if p.name in chains and p.value is None else p for p in made.parts)
    missing = "; ".join(f"{part.name}: {part.why}" for part in parts if part.value is None)
    return replace(made, parts=parts, why=missing or made.why)


def key_of(store: Store, runs: Sequence[Run], counter: str, cqs: str) -> str:
    """What a composite was made of; anything that changes it changes this."""
    return keys_of(store, [(runs, counter, cqs)])[0]


def keys_of(store: Store, wanted: Sequence[tuple[Sequence[Run], str, str]]) -> list[str]:
    """The same of many: runs of one checkpoint, counter, cqs."""
    states = read.states(store, list({run.id for runs, _, _ in wanted for run in runs}))
    sizes: dict[str, list[Any]] = {}
    for uid in {runs[0].checkpoint for runs, _, _ in wanted}:
        checkpoint = read.find_checkpoint(store, uid)
        assert checkpoint is not None  # a foreign key holds it
        sizes[uid] = [checkpoint.bytes, checkpoint.bytes_declared]
    return [
        identity.digest(
            [
                sorted((states[run.id] for run in runs), key=lambda state: str(state[0])),
                sizes[runs[0].checkpoint], counter, cqs, withheld(store, runs, cqs),
            ]
        )
        for runs, counter, cqs in wanted
    ]  # fmt: skip


def text(wanted: Profile) -> str:
    """A profile as the store keeps it."""
    return rows.dump(_filled(asdict(wanted)))


def read_text(kept: str) -> Profile:
    """The profile in a store, which may be nobody's file any more."""
    return profile.of(json.loads(kept), "a profile in the store")


def _filled(value: Any) -> Any:
    """Without what is not set: TOML knows no null."""
    if isinstance(value, dict):
        return {k: _filled(v) for k, v in value.items() if v is not None}
    return [_filled(v) for v in value] if isinstance(value, list | tuple) else value
