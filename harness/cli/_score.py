"""What `bench score` does with a store: grades what is missing, scores every name, finds who may be ranked with whom."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.cli._echo import echo
from harness.cli._pace import Pace
from harness.errors import UserError
from harness.words import say, told

if TYPE_CHECKING:
    from harness.records import Outcomes, Overall, Run
    from harness.store.open import Store
    from harness.verdicts.profile import Profile


@dataclass(frozen=True)
class Asked:
    """What was asked for beside the names."""

    profile: Profile
    cqs: str
    counter: str  # auto | own | neutral
    tasks: Sequence[str] = ()  # only these of the profile's


@dataclass(frozen=True)
class Entrant:
    """One name as the user typed it: its runs of the profile's tasks, what was read of them, and the score."""

    spec: str
    runs: Sequence[Run]
    outcomes: Sequence[Outcomes]
    overall: Overall

    @property
    def name(self) -> str:
        return self.overall.name or self.spec

    @property
    def unfinished(self) -> list[Run]:
        """Runs that have not all their answers; a score of them is of the questions that came first."""
        return [run for run in self.runs if run.status != "done" or run.done < run.expected]

    @property
    def ranked(self) -> bool:
        return self.overall.status == "ok" and not self.unfinished


SOON = 2_000  # chains and lengths that take seconds only: not worth a line at the end of a run


class Grading:
    """Chains are graded at a few hundred a second: a bar where somebody looks, a line every ten seconds elsewhere."""

    def __init__(self, quiet: bool = False, fewest: int = 0) -> None:
        self._bar: Any = None
        self._quiet, self._fewest = quiet, fewest
        self._total = self._done = 0

    def planned(self, total: int) -> None:
        self._total, self._pace = total, Pace(total, say("read"))
        if self._quiet or total < self._fewest:
            return
        if not sys.stderr.isatty():
            echo(say("reading {n:,} chains and lengths of stored answers; once, then they are kept", n=total), err=True)
            return
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(told(say("reading chains")), total=total)
        self._bar.start()

    def graded(self) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
            if self._done == self._total:
                self._bar.stop()
        elif not self._quiet:
            self._pace.reached(self._done)


def entrants(store: Store, specs: Sequence[str], asked: Asked, quiet: bool) -> tuple[list[Entrant], str]:
    """Every name with its score, in the order given, and whose tokens were counted, in words."""
    from harness import composites, lookup
    from harness.verdicts import composite

    rules, cqs = asked.profile, asked.cqs
    specs = list(dict.fromkeys(specs))
    packed = {
        spec: [o for o in lookup.outcomes(spec, store) if not asked.tasks or o.task in asked.tasks]
        for spec in specs
        if spec.startswith("file:")
    }
    found = {spec: [] if spec in packed else composites.runs_of(store, spec, rules, asked.tasks) for spec in specs}
    composites.ensure(store, [run for runs in found.values() for run in runs], Grading(quiet))
    read = {spec: packed.get(spec) or composites.outcomes(store, runs, rules, cqs) for spec, runs in found.items()}
    counter = composite.counter(read, rules)
    name, why = (
        (counter.name, counter.why)
        if asked.counter == "auto"
        else (asked.counter, say("{counter} tokens", counter=asked.counter))
    )
    made = [
        Entrant(
            spec, runs, read[spec],
            composites.scored(store, runs, rules, name, cqs, read[spec]) if runs
            else composite.overall(read[spec], rules, counter=name, cqs=cqs),
        )
        for spec, runs in found.items()
    ]  # fmt: skip
    return made, why


def judge_of(store: Store, cqs: str) -> str:
    """`rule`, or `judge:` with the eight digits that a judge's grades are filed under; UserError where none fits."""
    from harness.store import read, secondary

    if cqs == "rule":
        return cqs
    kind, _, wanted = cqs.partition(":")
    if kind != "judge" or not wanted:
        raise UserError(f"--cqs {cqs} is neither 'rule' nor 'judge:ID'; `bench judge` prints the id of a judge")
    shas = {sha for run in read.list_runs(store) for sha in read.judged_by(store, run.id)} | set(read.judges(store))
    fitting = sorted(sha for sha in shas if sha.startswith(wanted))
    if len({sha[: secondary.DIGITS] for sha in fitting}) != 1:
        known = ", ".join(sorted(f"judge:{sha[: secondary.DIGITS]}" for sha in shas)) or "`bench judge` makes one"
        raise UserError(f"{'several judges fit' if fitting else 'no judge fits'} '{cqs}'; {known}")
    return f"judge:{fitting[0][: secondary.DIGITS]}"


def groups(found: Sequence[Entrant]) -> list[list[Entrant]]:
    """Those that may be ranked together, each group best first; the largest group first."""
    by_peers: dict[str, list[Entrant]] = {}
    for one in found:
        by_peers.setdefault(one.overall.peers, []).append(one)
    ordered = [sorted(group, key=_place) for group in by_peers.values()]
    return sorted(ordered, key=lambda group: (-len(group), found.index(group[0])))


def _place(one: Entrant) -> tuple[bool, float]:
    value = one.overall.value
    return not one.ranked, 0.0 if value is None else -value


def after(store: Store, runs: Sequence[Run], quiet: bool = False) -> None:
    """At the end of `bench run`: a line per checkpoint and profile that is marked `auto` and has a task among its runs."""
    from harness import composites
    from harness.cli import _score_words
    from harness.store import read
    from harness.verdicts import composite, profile

    tasks = {run.id: read.get_task(store, run.exam).key for run in runs}
    for name in profile.names():
        rules = profile.read(name)
        mine = [run for run in runs if tasks[run.id] in rules.task and run.done] if rules.auto else []
        for checkpoint in dict.fromkeys(run.checkpoint for run in mine):
            every = composites.runs_of(store, checkpoint, rules)
            composites.ensure(store, every, Grading(quiet, SOON))
            of = composites.outcomes(store, every, rules)
            counter = composite.counter({"": of}, rules).name
            made = composites.scored(store, every, rules, counter, of=of)
            if not quiet:
                echo(_score_words.line(made))
            if counter == "own" and any("neutral_tokens" in one.measures for one in of):
                composites.scored(store, every, rules, "neutral", of=of)  # for a board that crosses tokenizers
