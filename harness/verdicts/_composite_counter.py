"""Which tokens a ranking counts: the model's own where all entrants share one tokenizer, else one neutral vocabulary.

Example: a base and its adapters share tokenizer files, so their own ids are compared; Qwen beside Llama is counted in
o200k_base. Trap: who adds long merges to a vocabulary writes fewer ids for the same text, and has another tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.records import Outcomes
from harness.verdicts._composite_worth import writes
from harness.verdicts.profile import Profile
from harness.words import say


@dataclass(frozen=True)
class Counter:
    name: Literal["own", "neutral"]
    why: str


def counter(entrants: Mapping[str, Sequence[Outcomes]], profile: Profile) -> Counter:
    """Whose tokens a ranking of these entrants counts: their own where all have one tokenizer, else neutral ones."""
    if profile.counter != "auto":
        return Counter(
            profile.counter, say("profile {name} counts {counter} tokens", name=profile.name, counter=profile.counter)
        )
    uncounted = sorted(
        name
        for name, outcomes in entrants.items()
        if any(
            one.measures and "answer_tokens" not in one.measures and writes(one)
            for one in outcomes
            if one.task in profile.task
        )
    )
    if uncounted:
        return Counter(
            "neutral", say("neutral tokens (o200k_base), {name} came without a count of its own", name=uncounted[0])
        )
    own = {
        name: {one.fingerprint.get("own", {}).get("tokenizer") for one in outcomes if one.task in profile.task}
        for name, outcomes in entrants.items()
    }
    if len(own) <= 1:
        return Counter("own", say("own tokens, there is one entrant"))
    unknown = sorted(name for name, found in own.items() if not found or None in found)
    if unknown:
        names = say("{name} and {n} more", name=unknown[0], n=len(unknown) - 1) if len(unknown) > 1 else unknown[0]
        return Counter(
            "neutral", say("neutral tokens (o200k_base), the tokenizer of {names} is not known", names=names)
        )
    several = len(set().union(*own.values()))
    if several > 1:
        return Counter("neutral", say("neutral tokens (o200k_base), the entrants have {n} tokenizers", n=several))
    return Counter("own", say("own tokens, all entrants have the same tokenizer"))
