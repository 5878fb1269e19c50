"""What became of the rows of one source: counts per step and reason, and up to three examples of each.

Example: after `ledger.drop("empty reply", 17, "…")` the source's lineage says {"dropped": {"empty reply": 1}} and row 17 can
be shown. Trap: rows that somebody chose to leave out (a limit, a ratio, a selection) are no sign of dirty data, so only what
cleaning drops counts against clean.max_dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.errors import UserError
from harness.words import listed, say

EXAMPLES = 3
SHOWN = 160  # characters of an example
CHOSEN = ("not selected", "over the limit", "outside the mix", "no answer of the teacher")  # not dirt
HINTS = {
    "duplicate": "clean.deduplicate = false keeps several answers to one question",
    "too long": "clean.max_tokens says how many tokens a row may have, and the parent's tokenizer how many it reads",
    "too short": "clean.min_tokens says how many tokens a reply needs",
    "opened thinking": "the parent's template opens <think> before each answer and these answers never close it; give a "
    "template that doesn't (template = FILE), or answers that think and clean.strip_thinking = false",
    "refused by the template": "the parent's chat template raises on such conversations",
}
# in the reader's language; a lineage keeps the English words
TOLD = (
    say("not selected"), say("over the limit"), say("outside the mix"), say("no answer of the teacher"),
    say("duplicate"), say("too long"), say("too short"), say("empty reply"), say("no reply"), say("no question"),
    say("broken characters"), say("after an unusable reply"), say("unclosed thinking"), say("opened thinking"),
    say("a special token inside"), say("refused by the template"), say("no answer to grade against"),
    say("line ends"), say("thinking stripped"), say("markers stripped"), say("system prompt removed"),
    say("system prompt added"), say("placeholder"), say("rewritten by the template"),
)  # fmt: skip
_TOLD = {str(text): text for text in TOLD}
Kind = Literal["dropped", "changed", "noticed"]


@dataclass
class Ledger:
    """One source's book."""

    name: str
    read: int = 0  # replies met, and questions without one
    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {"dropped": Counter(), "changed": Counter(), "noticed": Counter()}
    )
    examples: list[Mapping[str, Any]] = field(default_factory=list)
    _met: dict[tuple[str, str], set[int]] = field(default_factory=dict)  # rows that stand among the examples

    def drop(self, reason: str, number: int, text: str, n: int = 1) -> None:
        self._note("dropped", reason, number, text, n)

    def change(self, step: str, number: int, text: str) -> None:
        self._note("changed", step, number, text)

    def notice(self, what: str, number: int, text: str) -> None:
        self._note("noticed", what, number, text)

    def _note(self, kind: Kind, reason: str, number: int, text: str, n: int = 1) -> None:
        self.counts[kind][reason] += n
        met = self._met.setdefault((kind, reason), set())
        if len(met) < EXAMPLES and number not in met:
            met.add(number)
            shown = text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
            self.examples.append({"kind": kind, "reason": reason, "source": self.name, "number": number, "text": shown})

    @property
    def dropped(self) -> dict[str, int]:
        return dict(self.counts["dropped"].most_common())

    @property
    def dirty(self) -> dict[str, int]:
        """What was dropped for what it is, not by choice."""
        return {reason: n for reason, n in self.dropped.items() if reason not in CHOSEN}

    def check(self, most: float) -> None:
        """Refuses a source of which cleaning leaves too little."""
        lost = sum(self.dirty.values())
        if lost > most * self.read:
            hints = [f"{HINTS[reason]}" for reason in self.dirty if reason in HINTS]
            worst = next(iter(self.dirty))
            rows = [str(e["number"]) for e in self.examples if e["kind"] == "dropped" and e["reason"] == worst]
            raise UserError(
                f"{self.name}: {lost:,} of its {self.read:,} rows would be dropped ({listing(self.dirty)}; see row "
                f"{', '.join(rows)}), more than clean.max_dropped = {most:g} allows" + "".join(f"; {h}" for h in hints)
            )


def spelt(reason: str) -> str:
    """Why a row was dropped or changed, as a word of ours."""
    return _TOLD.get(reason, reason)


def listing(counts: Mapping[str, int]) -> str:
    """`empty reply 12, duplicate 3`."""
    return listed(say("{reason} {n:,}", reason=spelt(reason), n=n) for reason, n in counts.items())
