"""What is wrong with a fine-tuned checkpoint beside its parent, how one knows, and what fits it.

Example: "damaged: answers became shorter on demo_math (33 -> 8 tokens on average, 0.24x)" with the 69 points that fell with
it, its p after Holm over all tests of the report, the remedy, and what was looked at and is fine. Trap: thirty measures
of ten tasks cry wolf somewhere in every healthy pair, so nothing is said that its limit and the whole family don't prove.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness import stats
from harness.records import Level
from harness.verdicts import _diagnose_answers, _diagnose_scores, _diagnose_training, _diagnose_words, wording
from harness.verdicts._diagnose_facts import (
    ALPHA,
    Diagnosis,
    Facts,
    Pairs,
    Symptom,
    Test,
    Unchecked,
    WeightsMoved,
)
from harness.verdicts._diagnose_remedies import remedy
from harness.verdicts._diagnose_scores import Scored
from harness.words import say

__all__ = ["Diagnosis", "Facts", "Pairs", "Symptom", "Unchecked", "WeightsMoved", "diagnose"]

LEVELS: tuple[Level, ...] = ("refuse", "warn", "info")
MILD = {"long": "info", "refusal": "warn"}  # a fault by itself are the others
HARMLESS_ALONE = ("short", "cut")  # faults only where a score fell with them
CAUSES = ("letters", "empty", "run_on", "eos", "format", "language", "circles", "short", "cut", "refusal")
OF_SCORES = ("score", "lost", "forgetting", "saying", "binding")
ENDS = ("marks", "eos", "run_on", "cut")
SAID_BY = ("refusal", "language", "circles", "format", "eos", "marks")  # say what a text is that many answers share
NO_DOMAIN = say("neither --domain nor the lineage's data says what the training was for, and no group of tasks rose")
SAMPLES = 50  # named per finding
NEVER_STOPS = 50.0  # points of answers more that don't end: no longer answers, but a lost stop token


def diagnose(pairs: Pairs, facts: Facts) -> Diagnosis:
    """The report over (parent, child) pairs; a pure function of them."""
    pairs = sorted(pairs, key=lambda pair: pair[1].task)
    facts = replace(facts, parts_changed=facts.parts_changed or _diagnose_words.parts(pairs))
    by_task, refused = _diagnose_scores.scored(pairs)
    facts = _diagnose_scores.with_domain(facts, by_task)
    if len(by_task) > 1 and not facts.domain:
        refused.append(
            Unchecked(say("general tasks against the domain"), NO_DOMAIN, "bench diagnose … --domain TASK,…")
        )
    tests = [test for before, after in pairs for test in _diagnose_answers.tests(before, after)]
    tests += _diagnose_scores.tests(by_task, facts)
    adjusted = _adjusted(tests)
    proven = [(test, p) for test, p in zip(tests, adjusted, strict=True) if test.beyond and p <= ALPHA]
    shown = [*_diagnose_training.symptoms(pairs, facts), *_symptoms(proven, by_task, facts)]
    shown = _diagnose_training.with_parts(shown, facts)
    shown.sort(key=lambda s: (LEVELS.index(s.level), -s.size, s.kind, s.tasks))
    unproven = [
        say(
            "{what} (p {p} after correction for {family}, n {n:,})",
            what=test.what,
            p=wording.p_value(p),
            family=_family(tests, test),
            n=test.n,
        )
        for test, p in zip(tests, adjusted, strict=True)
        if test.beyond and p > ALPHA and test.kind != "long" and test.n >= _diagnose_answers.FEWEST
    ]
    unchecked = (*refused, *facts.unchecked, *_diagnose_scores.at_chance(by_task))
    fine = _diagnose_words.fine(tests, facts)
    return Diagnosis(
        _diagnose_words.sentence(shown, facts, pairs, by_task), tuple(shown), (*unproven, *_diagnose_words.changed(facts, shown)), fine, unchecked,
        tuple(one.change for one in by_task.values()),
        tuple(sorted(facts.domain)), facts.domain_from,
    )  # fmt: skip


def _adjusted(tests: Sequence[Test]) -> list[float]:
    """Holm in two families, as in the gate: what the scores did, and what the answers look like."""
    found = [0.0] * len(tests)
    for scores in (True, False):
        places = [i for i, test in enumerate(tests) if (test.kind in OF_SCORES) == scores]
        for i, p in zip(places, stats.holm([tests[i].p for i in places]), strict=True):
            found[i] = p
    return found


def _family(tests: Sequence[Test], test: Test) -> str:
    n = sum((other.kind in OF_SCORES) == (test.kind in OF_SCORES) for other in tests)
    return say("{n} tests", n=n) if n > 1 else say("1 test")


# -- tests become symptoms ------------------------------------------------------------------------------------------


def _symptoms(proven: Sequence[tuple[Test, float]], by_task: Mapping[str, Scored], facts: Facts) -> list[Symptom]:
    """One per kind of fault, its worst task first; falls of scores go to the fault that explains them."""
    kinds: dict[str, list[tuple[Test, float]]] = {}
    for test, p in proven:
        kinds.setdefault(test.kind, []).append((test, p))
    fell = {test.task: (test, p) for test, p in kinds.pop("score", [])}
    kinds = _own_texts(_ends(kinds, facts))
    found, explained, touched = [], set[str](), dict[str, set[str]]()
    for kind, members in kinds.items():
        members.sort(key=lambda member: (-member[0].size, member[0].task))
        tasks = [test.task for test, _ in members]
        if kind == "forgetting":
            tasks = [task for task in by_task if task not in facts.domain and task in fell] or tasks
        if kind in OF_SCORES:
            explained |= set(tasks)
        elif kind != "long":
            for test, _ in members:
                touched.setdefault(test.task, set()).update(test.samples)
        found.append(_symptom(kind, members, tasks, fell, by_task, facts))
    explained |= {
        task
        for task, samples in touched.items()
        if task in fell
        and 2 * _diagnose_scores.share(by_task[task], samples) >= 1
        and _diagnose_scores.linked(by_task[task], samples)
    }
    rest = [fell[task] for task in fell if task not in explained]
    if rest:
        rest.sort(key=lambda member: -member[0].size)
        found.append(_symptom("lost", rest, [test.task for test, _ in rest], fell, by_task, facts))
    return found


def _ends(kinds: dict[str, list[tuple[Test, float]]], facts: Facts) -> dict[str, list[tuple[Test, float]]]:
    """Answers that don't end are one fault, not three; without a sign of a lost stop token they ramble."""
    if not any(kind in kinds for kind in ("marks", "eos", "run_on")):
        return kinds
    members = [member for kind in ENDS for member in kinds.pop(kind, [])]
    tasks = {test.task for test, _ in members}
    longer = [member for member in kinds.pop("long", []) if member[0].task not in tasks]
    if longer:
        kinds["long"] = longer
    before, after = facts.stop_ids
    lost = any(test.kind == "run_on" or test.size >= NEVER_STOPS for test, _ in members) or set(before) - set(after)
    marks = any(test.kind == "marks" for test, _ in members)
    return {**kinds, "marks" if marks else "eos" if lost else "rambling": members}


def _own_texts(kinds: dict[str, list[tuple[Test, float]]]) -> dict[str, list[tuple[Test, float]]]:
    """One text for many questions is a fault of its own unless another one, such as refusing, says what the text is."""
    others = [m[0] for kind, members in kinds.items() if kind in SAID_BY for m in members]
    told = {(test.task, sample) for test in others for sample in test.samples}
    own = [
        m for m in kinds.pop("same", []) if 2 * sum((m[0].task, s) in told for s in m[0].samples) < len(m[0].samples)
    ]
    return {**kinds, "same": own} if own else kinds


def _symptom(
    kind: str,
    members: Sequence[tuple[Test, float]],
    tasks: Sequence[str],
    fell: Mapping[str, tuple[Test, float]],
    by_task: Mapping[str, Scored],
    facts: Facts,
) -> Symptom:
    worst, p = members[0]
    scores = kind in OF_SCORES
    drops = [task for task in dict.fromkeys([worst.task, *tasks]) if task in fell and kind not in MILD]
    shown = {test.task: test.samples for test, _ in reversed(members) if test.task in drops and not scores}
    shares = {task: _diagnose_scores.share(by_task[task], samples) for task, samples in shown.items()}
    apart = (
        [] if scores else [task for task in drops if not _diagnose_scores.linked(by_task[task], shown.get(task, ()))]
    )
    drops = [task for task in drops if task not in apart]
    template = "p {p} over {n:,} questions" if scores else "p {p} over {n:,} paired answers"
    evidence: list[str] = [say(template, p=wording.p_value(p), n=worst.n)]
    evidence += [worst.evidence] if worst.evidence else []
    evidence += _diagnose_words.with_training(facts) if kind in _diagnose_words.STOPS else []
    evidence += [say("also: {what}", what=test.what) for test, _ in members[1:4]] if kind != "lost" else []
    for task in drops[:4]:
        evidence.append(_diagnose_scores.fallen(by_task[task]))
        evidence += [_diagnose_scores.touched(by_task[task], shown[task])] if task in shown else []
    for task in [task for task in apart if task in shown][:2]:
        said = _diagnose_scores.touched(by_task[task], shown[task])
        evidence.append(say("{task} fell too, but {said}: it explains no fall", task=task, said=said))
    for task in drops[:2]:
        evidence += _made_of(kind, by_task[task], facts)
    if kind in ("short", "long", "format", "forgetting", "lost", "circles") and facts.data():
        evidence.append(say("trained on: {data}", data=facts.data()))
    size = max([shares.get(task, 1.0) * fell[task][0].size for task in drops], default=0.0)
    size = max(size, worst.size if kind in ("forgetting", "saying", "binding") else min(worst.size / 100, 1.0))
    return Symptom(
        kind, _level(kind, bool(drops), worst.task, by_task), _what(kind, worst, drops, by_task), tuple(evidence),
        remedy(kind, facts, worst.task, fell=bool(drops), placed=any("fell most" in line for line in evidence)), tuple(dict.fromkeys([worst.task, *tasks])), p,
        round(size, 6), _shown(worst, drops, by_task)[:SAMPLES],
    )  # fmt: skip


def _level(kind: str, fell: bool, task: str, by_task: Mapping[str, Scored]) -> Level:
    if kind in MILD:
        return "info" if MILD[kind] == "info" else "warn"
    if kind in HARMLESS_ALONE and not fell:
        one = by_task.get(task)
        return "info" if one and (one.change.p_better or 1.0) <= ALPHA else "warn"
    return "refuse"


def _what(kind: str, worst: Test, drops: Sequence[str], by_task: Mapping[str, Scored]) -> str:
    if kind == "lost":
        one = by_task[worst.task]
        template = "right answers became wrong: {moved}"
        if len(drops) > 1:
            template = "right answers became wrong on {n} tasks, most: {moved}"
        return say(template, n=len(drops), moved=wording.moved_by(one.change))
    return worst.what


def _made_of(kind: str, one: Scored, facts: Facts) -> list[str]:
    """Whether a fall is of format or of knowledge, and where it happened."""
    said = []
    found = _diagnose_scores.unread(one)
    if found and found[0] and wording.in_points(one.change):
        unread, lost, read = found
        template = (
            "{n:,} of {of:,} lost questions can't be read now; those read on both sides moved by {moved:+.1f} points"
        )
        said.append(say(template, n=unread, of=lost, moved=100 * read))
    elif found and kind == "lost":
        said.append(say("all lost questions are read well: the answers are wrong, not their form"))
    place = _diagnose_scores.where(one, facts.categories.get(one.after.task, {}))
    return [*said, *([place] if place and kind in ("lost", "forgetting", "short") else [])]


def _shown(worst: Test, drops: Sequence[str], by_task: Mapping[str, Scored]) -> tuple[str, ...]:
    """Samples of the worst task: those where the fault and the loss meet come first."""
    if worst.task not in drops:
        return worst.samples
    lost = set(_diagnose_scores.lost(by_task[worst.task]))
    return tuple(sorted(worst.samples, key=lambda sample: sample not in lost))
