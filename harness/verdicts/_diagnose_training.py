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
                f"the folder: {found.what}",
                (found.evidence,) if found.evidence else (),
                found.remedy,
            )


def _nothing_learnt(pairs: Pairs, facts: Facts) -> Iterator[Symptom]:
    same, of = (sum(counts[i] for counts in facts.same_answers.values()) for i in (0, 1))
    answers = f"{same:,} of {of:,} answers are the parent's, letter for letter" if of else ""
    loss = facts.lineage.loss if facts.lineage else ()
    more = [answers] if answers else []
    more += [f"the training loss went from {loss[0][1]:.3g} to {loss[-1][1]:.3g}"] if len(loss) > 1 else []
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
        what = f"{facts.child} learnt next to nothing: its weights moved by {100 * moved:.2g} % of their norm"
        yield Symptom("learnt_little", "warn", what, tuple(more), learn_more(facts))
    elif facts.weights is None and of >= ENOUGH and same == of:
        what = f"{facts.child} answers exactly as {facts.parent} does, all {of:,} times"
        remedy = "see that the folder that was asked is the trained one, and that its adapter was loaded or merged"
        yield Symptom("learnt_nothing", "warn", what, tuple(more[1:]), remedy)


def _untouched(pairs: Pairs, facts: Facts) -> tuple[str, str] | None:
    """(what, remedy) where the weights are the parent's."""
    weights = facts.weights
    remedy = "the training or the merge changed nothing: merge again, or look which folder was saved"
    own = [(b.fingerprint.get("own", {}).get("weights"), a.fingerprint.get("own", {}).get("weights")) for b, a in pairs]
    if own and all(one is not None and one == other for one, other in own):
        return f"{facts.child} learnt nothing: its weights are {facts.parent}'s, byte for byte", remedy
    if weights and weights.kind == "adapter" and weights.equal == weights.tensors:
        what = f"{facts.child} learnt nothing: all {weights.tensors} B matrices of its adapter are zeros, as before training"
        return what, "save the adapter after its training; see that its parameters get a gradient and a learning rate"
    if weights is None or weights.kind != "full" or weights.other or weights.relative is None:
        return None
    if weights.equal < weights.tensors and weights.relative > NOTHING:
        return None
    alike = (
        "as far as they were read" if weights.sampled else "to within rounding" if weights.rounding else "byte for byte"
    )
    if weights.equal < weights.tensors and not weights.sampled:
        alike = "to within rounding"
    return f"{facts.child} learnt nothing: its {weights.tensors} tensors are {facts.parent}'s, {alike}", remedy


def with_parts(shown: Sequence[Symptom], facts: Facts) -> list[Symptom]:
    """Where the template or tokenizer changed and the answers got worse: certain with equal weights, else a suspect.

    Example: a folder with its parent's weights and another chat template lost 66 points; no training mends that.
    """
    harmed = [symptom for symptom in shown if symptom.level == "refuse" and symptom.tasks]
    if not facts.parts_changed or not harmed:
        return list(shown)
    named = " and ".join(facts.parts_changed)
    task = harmed[0].tasks[0]
    equal = next((symptom for symptom in shown if symptom.kind == "learnt_nothing"), None)
    if equal is None:
        what = f"the {named} changed with the training, so what {task} lost may have come with it as well as with the weights"
        remedy = (
            f"run {task} from a copy of the folder with {facts.parent}'s {named}: what comes back then was lost by it"
        )
        return [*shown, Symptom("parts", "warn", what, (), remedy)]
    what = f"{facts.child} has {facts.parent}'s weights and another {named}, so all that moved came with it"
    first = Symptom("parts", "refuse", what, equal.evidence, f"copy {facts.parent}'s {named} back", size=FIRST)
    rest = (
        replace(s, remedy="as above: the weights are the parent's") if s in harmed and s.kind != "eos" else s
        for s in shown
        if s is not equal
    )
    return [first, *rest]


def _trained_on(pairs: Pairs, facts: Facts) -> Iterator[Symptom]:
    if facts.lineage is None:
        return
    rewarded = sorted(t for t, scorer in facts.scorers.items() if trained.on_metric(facts.lineage, scorer))
    if rewarded:
        named = ", ".join(sorted(set(facts.lineage.trained_on)))
        what = f"{facts.child} was rewarded by the scorer that grades {', '.join(rewarded)}"
        yield _warned(
            "trained_on_metric",
            what,
            f"the lineage's trained_on: {named}",
            "show it as trained on the metric, and judge it by a task with another scorer",
            rewarded,
        )
    for task in sorted({after.task for _, after in pairs}):
        if held_out := trained.on_test(facts.lineage, task):
            what = f"{facts.child} may have been trained on {task}'s own questions"
            yield _warned(
                "trained_on_test",
                what,
                f"the lineage names data {held_out[0][:80]!r}",
                f"train without it, or rank by another task than {task}",
                [task],
            )


def _warned(kind: str, what: str, evidence: str, remedy: str, tasks: list[str]) -> Symptom:
    level: Level = "warn"
    return Symptom(kind, level, what, (evidence,), remedy, tuple(tasks))
