"""Diagnose, what to do: one remedy per kind of fault, fitted to what the lineage and the folder say.

Example: "short" on a checkpoint whose training loss ended at 0.004 -> longer targets, and fewer epochs because it knows
them by heart. Trap: a remedy that nothing speaks for costs a week of somebody's GPU, so what is not known is not advised:
no lineage, no number of epochs.
"""

from __future__ import annotations

import shlex

from harness.verdicts._diagnose_facts import Facts

BY_HEART = 0.1  # nats per token; training loss below it is recital
HIGH_LR = {
    "lora": 5e-4,
    "full": 5e-5,
}  # above these, forgetting is usual; reports: 5e-5 x 6 epochs cost Llama-3.1-8B 45 points of MMLU
MANY_EPOCHS = 4
MIX = "mix general data into the training (domain : general 7:3 or 8:2)"


def remedy(kind: str, facts: Facts, task: str = "", *, fell: bool = True, placed: bool = False) -> str:
    """What fits this kind of symptom; `fell`: a score fell with it, `placed`: in subjects that are named. "" where nothing needs to be done."""
    if kind == "long" or (kind in ("short", "cut") and not fell):
        return PLAIN_UNHARMED[kind]
    text = PLAIN.get(kind, "")
    if kind == "lost":
        line = shlex.join(["bench", "compare", facts.parent, facts.child, "--tasks", task, "--lost", *facts.more])
        text = f"read them: `{line}`"
        text += "; check the training data's answers on these subjects" if placed else ""
    if kind == "lost" and facts.domain and task not in facts.domain:
        text = f"the training wasn't for {task}: {MIX}"
    if kind in ("eos", "run_on", "marks"):
        text = _stop(facts, kind)
    if kind in ("forgetting", "lost", "short", "circles", "language"):
        text = "; ".join([text, *_overdone(facts)])
    return text


PLAIN_UNHARMED = {
    "long": "none needed by itself; judge quality at equal length before calling it better, since judges prefer long answers",
    "short": "none if shorter was the aim: no fall of a score goes with it; else look at the length of the training's targets",
    "cut": "ask both sides again with a larger --max-tokens to see whether the answer comes",
}
PLAIN = {
    "short": f"train on targets with the steps that you want back, or {MIX}; watch answer_tokens while it trains",
    "cut": "ask both sides again with a larger --max-tokens to see whether the answer comes; if it does not, shorten the training's targets",
    "rambling": "ask both sides again with a larger --max-tokens; if it still doesn't end, look whether max_length cut the end token off the training's targets",
    "empty": "train and ask through one chat template, and drop training rows with an empty target",
    "format": "keep rows in the asked form among the training data; a few hundred are enough",
    "circles": "look for repeated rows in the training data and for targets without an end token",
    "language": "give the training rows in the language of these questions, or answer in the question's language in the targets",
    "refusal": "take targets that decline to answer out of the training data",
    "letters": "shuffle the options of multiple-choice rows so that each letter is right equally often",
    "binding": "train on rows that end in the letter, options shuffled; the option texts are known",
    "saying": "keep rows in the asked form among the training data; what is known by log-probability is still there",
    "forgetting": MIX,
    "same": "look for one target that many training rows share, and for a training that broke the model: read the answers",
    "marks": "the end mark is written, so the training taught it; nothing stops there: put its id into eos_token_id of generation_config.json and ask again",
}  # fmt: skip


def _stop(facts: Facts, kind: str) -> str:
    before, after = facts.stop_ids
    gone = [i for i in before if i not in after]
    if gone:
        return f"put the parent's stop tokens back: generation_config.json needs eos_token_id {list(before)}, it has {list(after)}"
    if kind == "marks":
        return PLAIN["marks"]
    return "append the end token to the training's targets (or let the chat template end the turn), and see that max_length doesn't cut it off"


def _overdone(facts: Facts) -> list[str]:
    """What the lineage says of too much training."""
    lineage = facts.lineage
    if lineage is None:
        return []
    found = []
    loss, epochs, rate = facts.last_loss(), facts.epochs(), facts.learning_rate()
    if loss is not None and loss < BY_HEART:
        found.append(f"fewer steps or epochs: the training loss ended at {loss:.2g}, its rows are known by heart")
    elif epochs is not None and epochs >= MANY_EPOCHS:
        found.append(f"fewer epochs than {epochs:g}")
    high = HIGH_LR.get(lineage.method or "")
    if rate is not None and high is not None and rate >= high:
        found.append(f"a learning rate below {rate:g}")
    if lineage.method == "full":
        found.append("or a LoRA instead of all weights, which forgets less")
    return found


def learn_more(facts: Facts) -> str:
    """For a training that moved almost nothing: what its recipe leaves to turn up."""
    rate, rank, epochs = facts.learning_rate(), facts.rank(), facts.epochs()
    known = [f"the learning rate ({rate:g})"] if rate is not None else []
    known += [f"the rank ({rank:g} -> {2 * rank:g} or {4 * rank:g})"] if rank is not None else []
    known += [f"the epochs ({epochs:g})"] if epochs is not None else []
    return (
        f"raise {' or '.join(known)}, one at a time"
        if known
        else "raise the learning rate, the rank or the epochs, one at a time"
    )
