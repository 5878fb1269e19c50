"""A composite in words for the one who is scored: what was counted, over how many questions, by which rule, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.cli import _tables
from harness.verdicts import wording
from harness.words import CHINESE, heads, language, listed, say

if TYPE_CHECKING:
    from harness.cli._score import Entrant
    from harness.records import Overall, Part
    from harness.verdicts.profile import Plan, Profile

CAVEAT = say(
    "The contest published its weights only, no formula and no judge: this score follows an open specification of ours, "
    "ranks your own variants, and doesn't predict its board."
)
CAVEAT_OTHER = say("A composite of your own making: it ranks what was scored by the same profile, and nothing else.")


MEANINGS = {  # a profile's own words are in one language
    "accuracy": say("right answers in a hundred"),
    "cot": say("health of the written steps"),
    "tokens": say("right answers, worth more the fewer tokens they took"),
    "bytes": say("bytes needed to serve"),
}
TIES = say("1= can't be told from the leader, 3-4 are the ranks in 95 % of draws of the questions.")


def line(o: Overall) -> str:
    """One checkpoint under one profile in a line: `qwen-med: composite distill-v1 61.3 (59.8–62.7) = AS 57.1 …`"""
    parts = " · ".join(f"{part.name} {number(part.value)}" for part in o.parts)
    missing = next((part for part in o.parts if part.value is None), None)
    why = f"; {missing.name}: {missing.why}" if missing else f"; {o.why}" if o.why else ""
    template = "{name}: composite {profile} {spread} = {parts}{why}"
    return say(template, name=o.name or o.checkpoint[:8], profile=o.profile, spread=spread(o), parts=parts, why=why)


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
        say("profile {name} ({sha}): {title}", name=wanted.name, sha=o.profile_sha[:8], title=wanted.title),
        say("tasks: {tasks}; counted: {counted}", tasks=listed(o.tasks), counted=counted),
        "",
    ]


# key of Overall.beside -> (head, factor, digits); the rest stands in --json
BESIDE = {
    "tokens_per_right_answer": (say("tokens/right"), 1.0, 0),
    "thinking_share": (say("thinking %"), 100.0, 1),
    "truncated_rate": (say("cut off %"), 100.0, 1),
}


def table(group: Sequence[Entrant], ranks: Mapping[str, str]) -> str:
    """Ranked ones first, best first; who can't be ranked has no rank."""
    names = [part.name for part in group[0].overall.parts]
    own = heads("rank", "checkpoint", "Overall", "95 % interval")
    lines = [[*own, *names, *(head for head, _, _ in BESIDE.values())]]
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
        meaning = MEANINGS[plan.kind] if language() == CHINESE and plan.kind in MEANINGS else plan.meaning or plan.kind
        yield say("{part}, weight {weight:g}: {meaning}", part=plan.name, weight=plan.weight, meaning=meaning)
        for rule in _rules(wanted, plan, found):
            yield say("  {said}", said=rule)
        lacking: dict[str, list[str]] = {}
        for one, part in zip(found, parts, strict=True):
            if part.value is None:
                lacking.setdefault(part.why, []).append(one.name)
            else:
                name = one.name + " " * (width - _tables.width(one.name))
                lengths = _lengths(one) if plan.kind == "tokens" else ""
                yield say("    {name}  {points}{lengths}", name=name, points=_points(part), lengths=lengths)
        for why, names in lacking.items():
            yield say("    {names}: none, {why}", names=listed(names), why=why)


def _points(part: Part) -> str:
    said = [say("{n:,} questions", n=part.n)] if part.n else []
    size_ = part.detail.get("bytes")
    if size_ is not None:
        template = "{size} as declared, nobody measured it" if part.detail.get("declared") else "{size} measured"
        said.append(say(template, size=wording.size(size_)))
    return listed([spread(part), listed(said)], "  ") if said else spread(part)


def _lengths(one: Entrant) -> str:
    """Both counts, whichever is ranked by: `; 33 own and 31 neutral tokens per answer`."""
    said: list[str] = []
    for name, word in (("answer_tokens", say("{n:,.0f} own")), ("neutral_tokens", say("{n:,.0f} neutral"))):
        found = [[v for v in o.measures[name] if v is not None] for o in one.outcomes if name in o.measures]
        means = [sum(values) / len(values) for values in found if values]
        said += [say(word.template, n=sum(means) / len(means))] if means else []
    return say("; {counts} tokens per answer", counts=listed(said, " and ")) if said else ""


def _rules(wanted: Profile, plan: Plan, found: Sequence[Entrant]) -> list[str]:
    if plan.kind == "accuracy":
        return [say("Every question counts: an answer that is empty, cut off or unreadable is wrong.")]
    if plan.kind == "cot":
        return _chain_rules(plan, found[0].overall.cqs)
    if plan.kind == "tokens":
        return _token_rules(wanted, plan, found)
    if plan.kind == "bytes":
        low, high = plan.bytes_low or 1.0, plan.bytes_high or 1.0
        return [
            say(
                "100 points at {low} or less, none at {high} or more, every halving worth the same.",
                low=wording.size(low), high=wording.size(high),
            ),
            say("Counted: one weight format, an adapter with its base, quantised weights at their real size."),
        ]  # fmt: skip
    template = "{metric}: {low:g} is worth nothing, {high:g} all 100 points, {scale} in between."
    return [say(template, metric=plan.metric, low=plan.low, high=plan.high, scale=plan.scale)]


def _chain_rules(plan: Plan, cqs: str) -> list[str]:
    if cqs != "rule":
        rules = [
            say(
                "Read by {judge}, which was not shown the gold: a sound chain is worth 1, a faulty one half the share of steps",
                judge=cqs,
            ),
            say("before its first wrong one."),
        ]
    else:
        rules = [
            say(
                "A health check by rules, no judge of logic: are the equations true, do their numbers come from the question"
            ),
            say(
                "or an earlier step, does the answer follow from the last step, is anything repeated, cut off or in another"
            ),
            say("language. It sees chains that broke down, not a problem that was misunderstood."),
        ]
    whom = (
        say("Counted only where the answer is right.")
        if plan.only_right
        else say("Counted for right and wrong answers alike.")
    )
    return [*rules, whom]


def _token_rules(wanted: Profile, plan: Plan, found: Sequence[Entrant]) -> list[str]:
    tasks = dict.fromkeys(task for one in found for task in plan.tasks or one.overall.tasks)
    ends: dict[tuple[float, float], list[str]] = {}
    for task in tasks:
        anchors = wanted.task[task]
        if anchors.tokens_low is not None and anchors.tokens_high is not None:
            ends.setdefault((anchors.tokens_low, anchors.tokens_high), []).append(task)
    rules: list[str] = [
        say(
            "All tokens written after the prompt, thinking included, over all answers; a wrong answer is worth nothing, however"
        ),
        say("short. Log-likelihood tasks write nothing and stay out."),
    ]
    template = "Full points at {low:,.0f} tokens or less, none at {high:,.0f} or more ({tasks})."
    for (low, high), some in ends.items():
        shown = listed([*some[:4], *(["…"] if len(some) > 4 else [])])
        rules.append(say(template, low=low, high=high, tasks=shown))
    return rules


# -- who may be ranked, who may not -------------------------------------------------------------------------


def unranked(group: Sequence[Entrant]) -> Iterator[str]:
    """Who has no rank, and in a word why; the remedies stand with the parts."""
    for one in group:
        o = one.overall
        for run in one.unfinished:
            template = "{name} is not ranked: run {run} has {done:,} of {of:,} answers; finish it"
            yield say(template, name=one.name, run=run.id[:8], done=run.done, of=run.expected)
        if o.status == "below_chance":
            yield say("{name} is not ranked: {why}", name=one.name, why=o.why)
        elif o.status != "ok":
            names = listed((part.name for part in o.parts if part.value is None), " and ")
            points, weight = o.beside.get("points_of_known_parts"), o.beside.get("weight_of_known_parts")
            known: str = ""
            if points and weight:
                known = say("; the others bring {n:.1f} of {of:.0f} points", n=points, of=100 * weight)
            template = "{name} has no Overall: {parts} can't be had (why and what to do: below){known}"
            yield say(template, name=one.name, parts=names, known=known)


def apart(first: Sequence[Entrant], other: Sequence[Entrant]) -> str:
    """Why two groups don't share a ranking."""
    a, b = first[0].overall, other[0].overall
    names = listed(one.name for one in other)
    if a.tasks != b.tasks:
        common = [task for task in a.tasks if task in b.tasks]
        why = say("other tasks ({tasks})", tasks=listed(b.tasks))
        if common:
            why = say("{why}; --tasks {tasks} takes what they share", why=why, tasks=",".join(common))
    elif a.counter != b.counter:
        why = say("another counter of tokens ({counter})", counter=b.counter)
    elif a.cqs != b.cqs:
        why = say("other graders of chains ({cqs})", cqs=b.cqs)
    else:
        why = say("other questions or golds, so their points are no measure of each other")
    return say("not ranked with {first}: {names}, scored on {why}", first=first[0].name, names=names, why=why)
