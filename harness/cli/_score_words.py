"""A composite in words for the one who is scored: what was counted, over how many questions, by which rule, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.cli import _tables
from harness.verdicts import wording

if TYPE_CHECKING:
    from harness.cli._score import Entrant
    from harness.records import Overall, Part
    from harness.verdicts.profile import Plan, Profile

CAVEAT = (
    "The contest published its weights only, no formula and no judge: this score follows an open specification of ours, "
    "ranks your own variants, and doesn't predict its board."
)
CAVEAT_OTHER = "A composite of your own making: it ranks what was scored by the same profile, and nothing else."


TIES = "1= can't be told from the leader, 3-4 are the ranks in 95 % of draws of the questions."


def line(o: Overall) -> str:
    """One checkpoint under one profile in a line: `qwen-med: composite distill-v1 61.3 (59.8–62.7) = AS 57.1 …`"""
    parts = " · ".join(f"{part.name} {number(part.value)}" for part in o.parts)
    missing = next((part for part in o.parts if part.value is None), None)
    why = f"; {missing.name}: {missing.why}" if missing else f"; {o.why}" if o.why else ""
    return wording.printable(f"{o.name or o.checkpoint[:8]}: composite {o.profile} {spread(o)} = {parts}{why}")


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def spread(of: Overall | Part) -> str:
    """`61.3 (59.8–62.7)`; without an interval where there is none, "–" where nothing is."""
    if of.value is None or of.low is None or of.high is None:
        return number(of.value)
    return f"{number(of.value)} ({number(of.low)}–{number(of.high)})"


def caveat(wanted: Profile) -> str:
    """What the score can't say, before it says anything."""
    from harness.verdicts import profile

    return CAVEAT if wanted.name in profile.names() else CAVEAT_OTHER


def head(wanted: Profile, o: Overall, counted: str) -> list[str]:
    """Under which rules: profile, tasks, counter."""
    return [
        caveat(wanted),
        f"profile {wanted.name} ({o.profile_sha[:8]}): {wanted.title}",
        f"tasks: {', '.join(o.tasks)}; counted: {counted}",
        "",
    ]


# key of Overall.beside -> (head, factor, digits); the rest stands in --json
BESIDE = {
    "tokens_per_right_answer": ("tokens/right", 1.0, 0),
    "thinking_share": ("thinking %", 100.0, 1),
    "truncated_rate": ("cut off %", 100.0, 1),
}


def table(group: Sequence[Entrant], ranks: Mapping[str, str]) -> str:
    """Ranked ones first, best first; who can't be ranked has no rank."""
    names = [part.name for part in group[0].overall.parts]
    lines = [["rank", "checkpoint", "Overall", "95 % interval", *names, *(head for head, _, _ in BESIDE.values())]]
    for one in group:
        o = one.overall
        ends = "–" if o.low is None or o.high is None else f"{o.low:.1f} – {o.high:.1f}"
        values = [(o.beside.get(key), factor, digits) for key, (_, factor, digits) in BESIDE.items()]
        shown = [number(None if value is None else factor * value, digits) for value, factor, digits in values]
        parts = [number(part.value) for part in o.parts]
        lines.append([ranks.get(one.spec, "–"), one.name, number(o.value), ends, *parts, *shown])
    return _tables.table(lines)


# -- each part in words -------------------------------------------------------------------------------------


def explained(wanted: Profile, found: Sequence[Entrant]) -> Iterator[str]:
    """Per part: what it is, how it was counted, and each checkpoint's points with interval or the reason for none."""
    width = max(_tables.width(one.name) for one in found)
    for i, plan in enumerate(wanted.part):
        parts = [one.overall.parts[i] for one in found]
        yield ""
        yield f"{plan.name}, weight {plan.weight:g}: {plan.meaning or plan.kind}"
        for rule in _rules(wanted, plan, found):
            yield f"  {rule}"
        lacking: dict[str, list[str]] = {}
        for one, part in zip(found, parts, strict=True):
            if part.value is None:
                lacking.setdefault(part.why, []).append(one.name)
            else:
                said = _points(part) + (_lengths(one) if plan.kind == "tokens" else "")
                yield f"    {one.name}{' ' * (width - _tables.width(one.name))}  {said}"
        for why, names in lacking.items():
            yield f"    {', '.join(names)}: none, {why}"


def _points(part: Part) -> str:
    said = [f"{part.n:,} questions"] if part.n else []
    size_ = part.detail.get("bytes")
    if size_ is not None:
        said.append(
            f"{wording.size(size_)} {'as declared, nobody measured it' if part.detail.get('declared') else 'measured'}"
        )
    return f"{spread(part)}  {', '.join(said)}".rstrip()


def _lengths(one: Entrant) -> str:
    """Both counts, whichever is ranked by: `; 33 own and 31 neutral tokens per answer`."""
    said = []
    for name, word in (("answer_tokens", "own"), ("neutral_tokens", "neutral")):
        found = [[v for v in o.measures[name] if v is not None] for o in one.outcomes if name in o.measures]
        means = [sum(values) / len(values) for values in found if values]
        said += [f"{sum(means) / len(means):,.0f} {word}"] if means else []
    return f"; {' and '.join(said)} tokens per answer" if said else ""


def _rules(wanted: Profile, plan: Plan, found: Sequence[Entrant]) -> list[str]:
    if plan.kind == "accuracy":
        return ["Every question counts: an answer that is empty, cut off or unreadable is wrong."]
    if plan.kind == "cot":
        return _chain_rules(plan, found[0].overall.cqs)
    if plan.kind == "tokens":
        return _token_rules(wanted, plan, found)
    if plan.kind == "bytes":
        low, high = plan.bytes_low or 1.0, plan.bytes_high or 1.0
        return [
            f"100 points at {wording.size(low)} or less, none at {wording.size(high)} or more, every halving worth the same.",
            "Counted: one weight format, an adapter with its base, quantised weights at their real size.",
        ]
    return [f"{plan.metric}: {plan.low:g} is worth nothing, {plan.high:g} all 100 points, {plan.scale} in between."]


def _chain_rules(plan: Plan, cqs: str) -> list[str]:
    if cqs != "rule":
        rules = [
            f"Read by {cqs}, which was not shown the gold: a sound chain is worth 1, a faulty one half the share of steps",
            "before its first wrong one.",
        ]
    else:
        rules = [
            "A health check by rules, no judge of logic: are the equations true, do their numbers come from the question",
            "or an earlier step, does the answer follow from the last step, is anything repeated, cut off or in another",
            "language. It sees chains that broke down, not a problem that was misunderstood.",
        ]
    whom = (
        "Counted only where the answer is right." if plan.only_right else "Counted for right and wrong answers alike."
    )
    return [*rules, whom]


def _token_rules(wanted: Profile, plan: Plan, found: Sequence[Entrant]) -> list[str]:
    tasks = dict.fromkeys(task for one in found for task in plan.tasks or one.overall.tasks)
    ends: dict[tuple[float, float], list[str]] = {}
    for task in tasks:
        anchors = wanted.task[task]
        if anchors.tokens_low is not None and anchors.tokens_high is not None:
            ends.setdefault((anchors.tokens_low, anchors.tokens_high), []).append(task)
    rules = [
        "All tokens written after the prompt, thinking included, over all answers; a wrong answer is worth nothing, however",
        "short. Log-likelihood tasks write nothing and stay out.",
    ]
    return rules + [
        f"Full points at {low:,.0f} tokens or less, none at {high:,.0f} or more ({', '.join(some[:4])}{' …' * (len(some) > 4)})."
        for (low, high), some in ends.items()
    ]


# -- who may be ranked, who may not -------------------------------------------------------------------------


def unranked(group: Sequence[Entrant]) -> Iterator[str]:
    """Who has no rank, and in a word why; the remedies stand with the parts."""
    for one in group:
        o = one.overall
        for run in one.unfinished:
            yield f"{one.name} is not ranked: run {run.id[:8]} has {run.done:,} of {run.expected:,} answers; finish it"
        if o.status == "below_chance":
            yield f"{one.name} is not ranked: {o.why}"
        elif o.status != "ok":
            names = " and ".join(part.name for part in o.parts if part.value is None)
            points, weight = o.beside.get("points_of_known_parts"), o.beside.get("weight_of_known_parts")
            known = f"; the others bring {points:.1f} of {100 * weight:.0f} points" if points and weight else ""
            yield f"{one.name} has no Overall: {names} can't be had (why and what to do: below){known}"


def apart(first: Sequence[Entrant], other: Sequence[Entrant]) -> str:
    """Why two groups don't share a ranking."""
    a, b = first[0].overall, other[0].overall
    names = ", ".join(one.name for one in other)
    if a.tasks != b.tasks:
        common = [task for task in a.tasks if task in b.tasks]
        why = f"other tasks ({', '.join(b.tasks)})" + (
            f"; --tasks {','.join(common)} takes what they share" if common else ""
        )
    elif a.counter != b.counter:
        why = f"another counter of tokens ({b.counter})"
    elif a.cqs != b.cqs:
        why = f"other graders of chains ({b.cqs})"
    else:
        why = "other questions or golds, so their points are no measure of each other"
    return f"not ranked with {first[0].name}: {names}, scored on {why}"
