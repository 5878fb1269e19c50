"""Diagnose, what the training left: nothing learnt, trained on the metric or the test, faults of the folder.

Example: an adapter whose 48 B matrices are all zeros answers as its base does, whatever the loss curve showed: another
folder was trained than saved. Facts of files need no test; they are certain or not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.records import Level
from harness.verdicts import trained
from harness.verdicts._diagnose_facts import Facts, Pairs, Symptom
from harness.verdicts._diagnose_remedies import learn_more
from harness.words import listed, say

NOTHING = 1e-6  # relative change of the weights; float32's own rounding is 6e-8
LITTLE = 1e-4  # a step of SFT at 1e-5 moves more
ALIKE = 0.98
FIRST = 100.0  # before all that answers show: where nothing was learnt, nothing can have been forgotten
ENOUGH = 20  # equal answers that can be no accident


def symptoms(pairs: Pairs, facts: Facts) -> Iterator[Symptom]:
    yield from _nothing_learnt(pairs, facts)
    yield from _trained_on(pairs, facts)
    for found in facts.doctor:
        if found.level != "info":
            yield Symptom(
                "folder",
                found.level,
                say("the folder: {what}", what=found.what),
                (found.evidence,) if found.evidence else (),
                found.remedy,
            )


def _nothing_learnt(pairs: Pairs, facts: Facts) -> Iterator[Symptom]:
    same, of = (sum(counts[i] for counts in facts.same_answers.values()) for i in (0, 1))
    answers = say("{n:,} of {of:,} answers are the parent's, letter for letter", n=same, of=of) if of else ""
    loss = facts.lineage.loss if facts.lineage else ()
    more = [answers] if answers else []
    if len(loss) > 1:
        more.append(say("the training loss went from {a:.3g} to {b:.3g}", a=loss[0][1], b=loss[-1][1]))
    untouched = _untouched(pairs, facts)
    if untouched:
        what, remedy = untouched
        yield Symptom("learnt_nothing", "refuse", what, tuple(more), remedy, size=FIRST)
    elif (
        facts.weights
        and (moved := facts.weights.relative) is not None
        and moved < LITTLE
        and of >= ENOUGH
        and same >= ALIKE * of
    ):
        template = "{child} learnt next to nothing: its weights moved by {n:.2g} % of their norm"
        what = say(template, child=facts.child, n=100 * moved)
        yield Symptom("learnt_little", "warn", what, tuple(more), learn_more(facts))
    elif facts.weights is None and of >= ENOUGH and same == of:
        names = {"child": facts.child, "parent": facts.parent}
        what = say("{child} answers exactly as {parent} does, all {n:,} times", **names, n=of)
        remedy = say("see that the folder that was asked is the trained one, and that its adapter was loaded or merged")
        yield Symptom("learnt_nothing", "warn", what, tuple(more[1:]), remedy)


def _untouched(pairs: Pairs, facts: Facts) -> tuple[str, str] | None:
    """(what, remedy) where the weights are the parent's."""
    weights = facts.weights
    remedy = say("the training or the merge changed nothing: merge again, or look which folder was saved")
    names = {"child": facts.child, "parent": facts.parent}
    own = [(b.fingerprint.get("own", {}).get("weights"), a.fingerprint.get("own", {}).get("weights")) for b, a in pairs]
    if own and all(one is not None and one == other for one, other in own):
        return say("{child} learnt nothing: its weights are {parent}'s, byte for byte", **names), remedy
    if weights and weights.kind == "adapter" and weights.equal == weights.tensors:
        template = "{child} learnt nothing: all {n} B matrices of its adapter are zeros, as before training"
        remedy = say("save the adapter after its training; see that its parameters get a gradient and a learning rate")
        return say(template, child=facts.child, n=weights.tensors), remedy
    if weights is None or weights.kind != "full" or weights.other or weights.relative is None:
        return None
    if weights.equal < weights.tensors and weights.relative > NOTHING:
        return None
    template = "{child} learnt nothing: its {n} tensors are {parent}'s, byte for byte"
    if weights.sampled:
        template = "{child} learnt nothing: its {n} tensors are {parent}'s, as far as they were read"
    elif weights.rounding or weights.equal < weights.tensors:
        template = "{child} learnt nothing: its {n} tensors are {parent}'s, to within rounding"
    return say(template, **names, n=weights.tensors), remedy


def with_parts(shown: Sequence[Symptom], facts: Facts) -> list[Symptom]:
    """Where the template or tokenizer changed and the answers got worse: certain with equal weights, else a suspect.

    Example: a folder with its parent's weights and another chat template lost 66 points; no training mends that.
    """
    harmed = [symptom for symptom in shown if symptom.level == "refuse" and symptom.tasks]
    if not facts.parts_changed or not harmed:
        return list(shown)
    named = listed(facts.parts_changed, " and ")
    task = harmed[0].tasks[0]
    equal = next((symptom for symptom in shown if symptom.kind == "learnt_nothing"), None)
    if equal is None:
        template = "the {part} changed with the training, so what {task} lost may have come with it as well as with the weights"
        what = say(template, part=named, task=task)
        template = "run {task} from a copy of the folder with {parent}'s {part}: what comes back then was lost by it"
        remedy = say(template, task=task, parent=facts.parent, part=named)
        return [*shown, Symptom("parts", "warn", what, (), remedy)]
    names = {"child": facts.child, "parent": facts.parent}
    what = say("{child} has {parent}'s weights and another {part}, so all that moved came with it", **names, part=named)
    remedy = say("copy {parent}'s {part} back", parent=facts.parent, part=named)
    first = Symptom("parts", "refuse", what, equal.evidence, remedy, size=FIRST)
    rest = (
        replace(s, remedy=say("as above: the weights are the parent's")) if s in harmed and s.kind != "eos" else s
        for s in shown
        if s is not equal
    )
    return [first, *rest]


def _trained_on(pairs: Pairs, facts: Facts) -> Iterator[Symptom]:
    if facts.lineage is None:
        return
    rewarded = sorted(t for t, scorer in facts.scorers.items() if trained.on_metric(facts.lineage, scorer))
    if rewarded:
        named = listed(sorted(set(facts.lineage.trained_on)))
        template = "{child} was rewarded by the scorer that grades {tasks}"
        what = say(template, child=facts.child, tasks=listed(rewarded))
        yield _warned(
            "trained_on_metric",
            what,
            say("the lineage's trained_on: {names}", names=named),
            say("show it as trained on the metric, and judge it by a task with another scorer"),
            rewarded,
        )
    for task in sorted({after.task for _, after in pairs}):
        if held_out := trained.on_test(facts.lineage, task):
            what = say("{child} may have been trained on {task}'s own questions", child=facts.child, task=task)
            if trained.admitted(facts.lineage, task):
                what = say("{child} was trained on {task}'s own questions", child=facts.child, task=task)
            yield _warned(
                "trained_on_test",
                what,
                say("the lineage names data {name!r}", name=held_out[0][:80]),
                say("train without it, or rank by another task than {task}", task=task),
                [task],
            )


def _warned(kind: str, what: str, evidence: str, remedy: str, tasks: list[str]) -> Symptom:
    level: Level = "warn"
    return Symptom(kind, level, what, (evidence,), remedy, tuple(tasks))
