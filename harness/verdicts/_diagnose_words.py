"""Diagnose, in words: the one sentence, what was looked at and is fine, and what came with the training.

Example: "damaged: answers became shorter on demo_math: 33 -> 8 tokens on average, 0.24x; 1 more finding."
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness import stats
from harness.verdicts import _diagnose_answers, _diagnose_training, wording
from harness.verdicts._diagnose_facts import ALPHA, Facts, Pairs, Symptom, Test
from harness.verdicts._diagnose_scores import Scored
from harness.words import listed, say

STOPS = ("eos", "marks", "rambling", "empty")  # what a lost stop token or another template explains
FINE = {
    "score": say("scores"), "forgetting": say("general tasks against the domain"), "saying": say("saying against knowing"),
    "binding": say("letters against option texts"),
}  # fmt: skip


def sentence(shown: Sequence[Symptom], facts: Facts, pairs: Pairs, by_task: Mapping[str, Scored]) -> str:
    tasks = len(pairs)
    answers = sum(len(after.samples) for _, after in pairs)
    if not shown:
        rises = _better(by_task)
        told = say("; better: {tasks}", tasks=listed(rises)) if rises else ""
        template = "No fault shows in {child} beside {parent}, over {n:,} answers on {of} tasks{told}."
        if tasks == 1:
            template = "No fault shows in {child} beside {parent}, over {n:,} answers on {of} task{told}."
        return say(template, child=facts.child, parent=facts.parent, n=answers, of=tasks, told=told)
    worst = shown[0]
    named = worst.what.startswith((facts.child, "the folder"))
    lead = worst.what if named else say("{name}: {said}", name=facts.child, said=worst.what)
    faults = sum(symptom.level != "info" for symptom in shown)
    better = _better(by_task)
    if worst.level == "info" and better:
        template = "{child} is better: {tasks}; {what}: a change, not a fault."
        return say(template, child=facts.child, tasks=listed(better), what=worst.what)
    if worst.level == "info":
        template = (
            "{lead}; that is a change, not a fault."
            if len(shown) == 1
            else "{lead}; that is a change, not a fault, and {n} more."
        )
        return say(template, lead=lead, n=len(shown) - 1)
    template = "; {n} more findings" if faults > 2 else "; {n} more finding"
    more = say(template, n=faults - 1) if faults > 1 else ""
    though = say(", though better: {moved}", moved=better[0]) if better else ""
    return say("{lead}{more}{though}.", lead=lead, more=more, though=though)


def _better(by_task: Mapping[str, Scored]) -> list[str]:
    """Proven rises, in their own Holm family."""
    ps = stats.holm([one.change.p_better if one.change.p_better is not None else 1.0 for one in by_task.values()])
    rows = [one for one, p in zip(by_task.values(), ps, strict=True) if p <= ALPHA]
    return [wording.moved_by(one.change) for one in sorted(rows, key=lambda one: one.drop)[:2]]


def fine(tests: Sequence[Test], facts: Facts) -> tuple[str, ...]:
    """What was looked at on some task and was beyond no limit on any."""
    seen = {_diagnose_answers.SAID.get(test.kind, test.kind) for test in tests}
    bad = {_diagnose_answers.SAID.get(test.kind, test.kind) for test in tests if test.beyond}
    fine: list[str] = [FINE.get(kind, kind) for kind in sorted(seen - bad)]
    if facts.weights and facts.weights.relative is not None and facts.weights.relative >= _diagnose_training.LITTLE:
        template = (
            "adapter moves them by {n:.2g} % of their norm"
            if facts.weights.kind == "adapter"
            else "weights moved by {n:.2g} % of their norm"
        )
        fine.append(say(template, n=100 * facts.weights.relative))
    if facts.doctor_looked and not any(found.level != "info" for found in facts.doctor):
        fine.append(say("the folder (nothing that the parent's hasn't)"))
    return tuple(fine)


PARTS = {"template": say("chat template"), "tokenizer": say("tokenizer"), "generation": say("generation config")}


def parts(pairs: Pairs) -> tuple[str, ...]:
    """Parts beside the weights that both sides have and that differ."""
    own = [(b.fingerprint.get("own", {}), a.fingerprint.get("own", {})) for b, a in pairs]
    return tuple(
        name for part, name in PARTS.items()
        if any(b.get(part) is not None and a.get(part) is not None and b[part] != a[part] for b, a in own)
    )  # fmt: skip


def with_training(facts: Facts) -> list[str]:
    before, after = facts.stop_ids
    said = (
        [say("stop tokens are {after}, the parent's {before}", after=list(after), before=list(before))]
        if before != after and before and after
        else []
    )
    return [*said, *(say("the {part} changed with the checkpoint", part=name) for name in facts.parts_changed)]


def changed(facts: Facts, shown: Sequence[Symptom]) -> tuple[str, ...]:
    """What came with the training, where no fault of the answers speaks against it."""
    if any(symptom.kind in (*STOPS, "parts") for symptom in shown):
        return ()
    return tuple(say("{what}; no answer shows harm by it", what=text) for text in with_training(facts))
