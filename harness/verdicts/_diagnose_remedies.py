"""Diagnose, what to do: one remedy per kind of fault, fitted to what the lineage and the folder say.

Example: "short" on a checkpoint whose training loss ended at 0.004 -> longer targets, and fewer epochs because it knows
them by heart. Trap: a remedy that nothing speaks for costs a week of somebody's GPU, so what is not known is not advised:
no lineage, no number of epochs.
"""

from __future__ import annotations

import shlex

from harness.verdicts._diagnose_facts import Facts
from harness.words import listed, say

BY_HEART = 0.1  # nats per token; training loss below it is recital
HIGH_LR = {
    "lora": 5e-4,
    "full": 5e-5,
}  # above these, forgetting is usual; reports: 5e-5 x 6 epochs cost Llama-3.1-8B 45 points of MMLU
MANY_EPOCHS = 4
MIX = say("mix general data into the training (domain : general 7:3 or 8:2)")


def remedy(kind: str, facts: Facts, task: str = "", *, fell: bool = True, placed: bool = False) -> str:
    """What fits this kind of symptom; `fell`: a score fell with it, `placed`: in subjects that are named. "" where nothing needs to be done."""
    if kind == "long" or (kind in ("short", "cut") and not fell):
        return PLAIN_UNHARMED[kind]
    text = PLAIN.get(kind, "")
    if kind == "lost":
        line = shlex.join(["bench", "compare", facts.parent, facts.child, "--tasks", task, "--lost", *facts.more])
        text = say("read them: `{command}`", command=line)
        if placed:
            text = say("{text}; check the training data's answers on these subjects", text=text)
    if kind == "lost" and facts.domain and task not in facts.domain:
        text = say("the training wasn't for {task}: {mix}", task=task, mix=MIX)
    if kind in ("eos", "run_on", "marks"):
        text = _stop(facts, kind)
    if kind in ("forgetting", "lost", "short", "circles", "language"):
        text = listed([text, *_overdone(facts)], "; ")
    return text


PLAIN_UNHARMED = {
    "long": say(
        "none needed by itself; judge quality at equal length before calling it better, since judges prefer long answers"
    ),
    "short": say(
        "none if shorter was the aim: no fall of a score goes with it; else look at the length of the training's targets"
    ),
    "cut": say("ask both sides again with a larger --max-tokens to see whether the answer comes"),
}
PLAIN = {
    "short": say("train on targets with the steps that you want back, or {mix}; watch answer_tokens while it trains", mix=MIX),
    "cut": say("ask both sides again with a larger --max-tokens to see whether the answer comes; if it does not, shorten the training's targets"),
    "rambling": say("ask both sides again with a larger --max-tokens; if it still doesn't end, look whether max_length cut the end token off the training's targets"),
    "empty": say("train and ask through one chat template, and drop training rows with an empty target"),
    "format": say("keep rows in the asked form among the training data; a few hundred are enough"),
    "circles": say("look for repeated rows in the training data and for targets without an end token"),
    "language": say("give the training rows in the language of these questions, or answer in the question's language in the targets"),
    "refusal": say("take targets that decline to answer out of the training data"),
    "letters": say("shuffle the options of multiple-choice rows so that each letter is right equally often"),
    "binding": say("train on rows that end in the letter, options shuffled; the option texts are known"),
    "saying": say("keep rows in the asked form among the training data; what is known by log-probability is still there"),
    "forgetting": MIX,
    "same": say("look for one target that many training rows share, and for a training that broke the model: read the answers"),
    "marks": say("the end mark is written, so the training taught it; nothing stops there: put its id into eos_token_id of generation_config.json and ask again"),
}  # fmt: skip


def _stop(facts: Facts, kind: str) -> str:
    before, after = facts.stop_ids
    gone = [i for i in before if i not in after]
    if gone:
        template = (
            "put the parent's stop tokens back: generation_config.json needs eos_token_id {before}, it has {after}"
        )
        return say(template, before=list(before), after=list(after))
    if kind == "marks":
        return PLAIN["marks"]
    return say(
        "append the end token to the training's targets (or let the chat template end the turn), and see that max_length doesn't cut it off"
    )


def _overdone(facts: Facts) -> list[str]:
    """What the lineage says of too much training."""
    lineage = facts.lineage
    if lineage is None:
        return []
    found: list[str] = []
    loss, epochs, rate = facts.last_loss(), facts.epochs(), facts.learning_rate()
    if loss is not None and loss < BY_HEART:
        template = "fewer steps or epochs: the training loss ended at {loss:.2g}, its rows are known by heart"
        found.append(say(template, loss=loss))
    elif epochs is not None and epochs >= MANY_EPOCHS:
        found.append(say("fewer epochs than {n:g}", n=epochs))
    high = HIGH_LR.get(lineage.method or "")
    if rate is not None and high is not None and rate >= high:
        found.append(say("a learning rate below {n:g}", n=rate))
    if lineage.method == "full":
        found.append(say("or a LoRA instead of all weights, which forgets less"))
    return found


def learn_more(facts: Facts) -> str:
    """For a training that moved almost nothing: what its recipe leaves to turn up."""
    rate, rank, epochs = facts.learning_rate(), facts.rank(), facts.epochs()
    known = [say("the learning rate ({n:g})", n=rate)] if rate is not None else []
    known += [say("the rank ({n:g} -> {a:g} or {b:g})", n=rank, a=2 * rank, b=4 * rank)] if rank is not None else []
    known += [say("the epochs ({n:g})", n=epochs)] if epochs is not None else []
    if not known:
        return say("raise the learning rate, the rank or the epochs, one at a time")
    return say("raise {what}, one at a time", what=listed(known, " or "))
