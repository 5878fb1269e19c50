"""The report of `bench score`, as lines for people and as one object for scripts; both say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.cli import _score, _score_more, _score_words
from harness.errors import NotComparable, NothingToCompare
from harness.words import say

if TYPE_CHECKING:
    from harness.cli._score import Asked, Entrant
    from harness.records import Change, Dominated
    from harness.store.open import Store
    from harness.verdicts.composite import Flip, WhatIf
    from harness.verdicts.ranking import RankInterval

FAULTY = "faults"


def _label(rank: RankInterval) -> str:
    """As on the board: `1=` can't be told from the leader, `3-4` the ranks in 95 % of the draws."""
    if rank.tie_band and rank.high > 1:
        return "1="
    return str(rank.low) if rank.low == rank.high else f"{rank.low}-{rank.high}"


@dataclass(frozen=True)
class Report:
    store: Store
    asked: Asked
    found: Sequence[Entrant]
    counted: str  # whose tokens, in words
    base: Entrant | None  # what the others are held against
    count: int  # of faults and costly answers to list

    # -- for people --

    def lines(self, pareto: bool, what_if: bool, faults: bool) -> Iterator[str]:
        groups = _score.groups(self.found)
        yield from _score_words.head(self.asked.profile, self.found[0].overall, self.counted)
        for group in groups:
            labels = {spec: _label(rank) for spec, rank in self.ranks(group).items()}
            yield _score_words.table(group, labels)
            if any(not label.isdigit() for label in labels.values()):
                yield _score_words.TIES
            yield from _score_words.unranked(group)
            if group is not groups[0]:
                yield _score_words.apart(groups[0], group)
        yield from _score_words.explained(self.asked.profile, self.found)
        yield from _score_more.spread_of(self.explained())
        for other in self.others():
            yield ""
            yield from self._versus(other)
        if pareto:
            yield ""
            yield from self._front(groups[0])
        for one in self.found if what_if else ():
            yield ""
            yield from _score_more.what_if(one.name, self.what_if(one), self.places(one), self.count)
        for one in self.found if faults else ():
            yield ""
            yield from _score_more.faults(one.name, self.faults(one), self.count)

    def _versus(self, other: Entrant) -> Iterator[str]:
        assert self.base is not None
        try:
            yield from _score_more.changes(self.changes(other), (self.base.name, other.name))
            yield from _score_more.flips(self.flips(other), self.base.name, other.name)
        except (NotComparable, NothingToCompare) as error:
            yield say("{after} against {before}: {why}", after=other.name, before=self.base.name, why=str(error))

    def _front(self, group: Sequence[Entrant]) -> Iterator[str]:
        found, left_out = self.front(group)
        if found:
            yield from _score_more.dominated(found)
            yield from _score_more.picture([(d.name, d.point[0], d.point[1], not d.by) for d in found])
        for name, why in left_out.items():
            yield say("{name} is on no front: {why}", name=name, why=why)

    # -- what is concluded --

    def others(self) -> list[Entrant]:
        return [one for one in self.found if self.base is not None and one is not self.base]

    def ranks(self, group: Sequence[Entrant]) -> dict[str, RankInterval]:
        """By name as typed, of those of a group that may be ranked."""
        from harness.verdicts import composite_ranks

        sides = {one.spec: one.outcomes for one in group if one.ranked}
        return composite_ranks.rank(sides, self.asked.profile, group[0].overall.counter, self.asked.cqs)

    def explained(self) -> dict[str, float]:
        from harness.verdicts import composite

        return composite.explained([one.overall for one in self.found])

    def changes(self, other: Entrant) -> list[Change]:
        from harness.verdicts import composite

        assert self.base is not None
        counter = self.base.overall.counter
        return composite.change(
            self.base.outcomes, other.outcomes, self.asked.profile, counter=counter, cqs=self.asked.cqs
        )

    def flips(self, other: Entrant) -> list[Flip]:
        """At which weight the order would be another; none where a side has no Overall."""
        from harness.verdicts import composite

        assert self.base is not None
        if self.base.overall.value is None or other.overall.value is None:
            return []
        return composite.sensitivity(self.base.overall, other.overall)

    def front(self, group: Sequence[Entrant]) -> tuple[list[Dominated], dict[str, str]]:
        """Who is dominated in accuracy x tokens x bytes, and who lacks one of the three."""
        from harness.verdicts import ranking

        points, lacking = {}, {}
        kinds = {plan.name: plan.kind for plan in self.asked.profile.part}
        for one in group:
            right = next((p.value for p in one.overall.parts if kinds[p.name] == "accuracy"), None)
            tokens, size = one.overall.beside.get("tokens_per_answer"), one.outcomes[0].bytes
            missing = [
                what
                for what, value in (("right answers", right), ("token count", tokens), ("size", size))
                if value is None
            ]
            if missing or right is None or tokens is None or size is None:
                lacking[one.name] = f"no {' and no '.join(missing)} is known"
            else:
                points[one.name] = (right, tokens, float(size))
        return ranking.pareto(points, (True, False, False)) if points else [], lacking

    def what_if(self, one: Entrant) -> WhatIf:
        from harness.verdicts import composite

        return composite.what_if(one.outcomes, self.asked.profile, counter=one.overall.counter, cqs=one.overall.cqs)

    def places(self, one: Entrant) -> dict[tuple[str, str], int]:
        """(task, sample) -> the question's number in its exam, from 1."""
        from harness.store import read

        exams = [read.get_exam(self.store, run.exam) for run in one.runs]
        return {(exam.task.key, sample.id): sample.position + 1 for exam in exams for sample in exam.samples}

    def faults(self, one: Entrant) -> dict[str, Any]:
        """Lines of chains that don't hold: how many chains have one, which kinds come often, and the first of them."""
        from harness.store import read

        places = self.places(one)
        chains = faulty = 0
        lines: list[dict[str, Any]] = []
        for run in one.runs:
            task = read.get_task(self.store, run.exam).key
            for (sample, _), score in read.grades(self.store, run.id, "cot").items():
                chains += score.value is not None
                found = score.detail.get(FAULTY) or ()
                faulty += bool(found)
                lines += [
                    {
                        "task": task,
                        "sample": sample,
                        "question": places[task, sample],
                        "line": f["line"],
                        "what": f["what"],
                    }
                    for f in found
                ]
        often = Counter(line["what"] for line in lines).most_common(self.count)
        return {"chains": chains, "faulty": faulty, "lines": lines, "often": [[what, n] for what, n in often if n > 1]}

    # -- for scripts --

    def plain(self, pareto: bool, what_if: bool, faults: bool) -> dict[str, Any]:
        groups = _score.groups(self.found)
        made: dict[str, Any] = {
            "note": _score_words.caveat(self.asked.profile),
            "profile": self.asked.profile.name,
            "profile_sha": self.asked.profile.sha,
            "counted": self.counted,
            "overalls": [asdict(one.overall) for one in self.found],
            "ranked": [[one.name for one in group if one.ranked] for group in groups],
            "ranks": {n: asdict(r) for group in groups for n, r in self.ranks(group).items()},
            "explained": self.explained(),
        }
        if self.base is not None:
            made["changes"] = [self._plain_change(other) for other in self.others()]
        if pareto:
            found, left_out = self.front(groups[0])
            made["pareto"] = {"front": [asdict(point) for point in found], "left_out": left_out}
        if what_if:
            made["what_if"] = {one.name: asdict(self.what_if(one)) for one in self.found}
        if faults:
            every = {one.name: self.faults(one) for one in self.found}
            made["faults"] = {name: some | {"lines": some["lines"][: self.count]} for name, some in every.items()}
        return made

    def _plain_change(self, other: Entrant) -> dict[str, Any]:
        assert self.base is not None
        head = {"before": self.base.name, "after": other.name}
        try:
            changes, flips = self.changes(other), self.flips(other)
        except (NotComparable, NothingToCompare) as error:
            return {**head, "why": str(error), "changes": [], "flips": []}
        return {**head, "why": "", "changes": [asdict(c) for c in changes], "flips": [asdict(f) for f in flips]}
