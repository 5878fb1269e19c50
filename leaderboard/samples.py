"""The pages on which people read answers: a hundred to a page, every one with prompt, gold and the rule that graded it.

Example: `sample_pages(rows, outline(…), "all")` yields pages one by one; a run of 12,342 answers is never whole in
memory. Only the outline is (outcome and place of every answer, two words each): from it come the jumps from one wrong
answer to the next, which also work without JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.store.open import Store

PER_PAGE = 100
OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "empty", "error", "ungraded", "none")
NOT_WRONG = ("correct", "ungraded")  # ungraded: no gold to be wrong against
GLYPHS = {
    "correct": "·",
    "wrong": "×",
    "unparsed": "?",
    "truncated": "…",
    "empty": "∅",
    "error": "!",
    "ungraded": "-",
    "none": "-",
}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHOWN = ("all", "wrong", "none")
MAP_LIMIT = 20_000  # marks on the overview; a page of more is no overview


@dataclass(frozen=True)
class Place:
    """Where an answer stands: `3.html#s212`, or `#s212.1` for its second repeat."""

    anchor: str
    page: int
    outcome: str

    @property
    def href(self) -> str:
        return f"{self.page}.html#{self.anchor}"

    @property
    def glyph(self) -> str:
        return GLYPHS.get(self.outcome, "-")

    @property
    def label(self) -> str:
        return f"{self.anchor[1:]} {self.outcome}"


def outline(store: Store, run_id: str, samples: str) -> tuple[list[Place], int]:
    """(the place of every answer that is shown, how many the run has)."""
    found = store.db.execute(
        "SELECT position, repeat, outcome FROM v_samples WHERE run = ? ORDER BY position, repeat",
        [run_id],
    ).fetchall()
    places: list[Place] = []
    for position, repeat, outcome in found:
        if samples == "all" or outcome not in NOT_WRONG:
            places.append(Place(anchor(position, repeat), len(places) // PER_PAGE + 1, outcome or "none"))
    return places, len(found)


def anchor(position: int, repeat: int) -> str:
    return f"s{position + 1}" + (f".{repeat + 1}" if repeat else "")


def sample_pages(
    rows: Iterable[Mapping[str, Any]], places: Sequence[Place]
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """(page number, its answers), for the answers that have a place, in their order."""
    wrong = [i for i, place in enumerate(places) if place.outcome not in NOT_WRONG]
    before, after = _neighbours(wrong, len(places))
    page: list[dict[str, Any]] = []
    i = 0
    for row in rows:
        if i == len(places):
            break
        if anchor(row["position"], row["repeat"]) != places[i].anchor:
            continue
        shown = _answer(row, places[i])
        shown["before"] = places[before[i]].href if before[i] is not None else ""
        shown["after"] = places[after[i]].href if after[i] is not None else ""
        page.append(shown)
        i += 1
        if len(page) == PER_PAGE or i == len(places):
            yield places[i - 1].page, page
            page = []


def _neighbours(wrong: Sequence[int], n: int) -> tuple[list[Any], list[Any]]:
    """For each place the index of the last not-right one before it and of the first one after it."""
    before: list[int | None] = [None] * n
    after: list[int | None] = [None] * n
    marked, last = set(wrong), None
    for i in range(n):
        before[i] = last
        last = i if i in marked else last
    last = None
    for i in reversed(range(n)):
        after[i] = last
        last = i if i in marked else last
    return before, after


def _answer(row: Mapping[str, Any], place: Place) -> dict[str, Any]:
    logprobs = row["logprobs"]
    choices = [
        {
            "letter": LETTERS[k] if k < len(LETTERS) else str(k + 1),
            "text": text,
            "logprob": logprobs[k] if logprobs and k < len(logprobs) else None,
            "gold": _is(row["target"], k),
            "chosen": _is(row["answer"], k),
        }
        for k, text in enumerate(row["choices"])
    ]
    kept = ("subject", "question", "text", "thinking", "prompt", "answer", "target", "rule", "stop", "output_tokens",
            "error", "notes", "repeat", "logprobs")  # fmt: skip
    shown = {name: row[name] for name in kept}
    return shown | {
        "anchor": place.anchor, "position": row["position"] + 1, "outcome": place.outcome, "choices": choices,
    }  # fmt: skip


def _is(letters: str | None, k: int) -> bool:
    """Does an answer or gold name option k: `B`, or one of several in `AC`."""
    return bool(letters) and len(letters or "") <= 26 and k < len(LETTERS) and LETTERS[k] in (letters or "")


def count_outcomes(places: Sequence[Place]) -> list[tuple[str, int]]:
    counts = dict.fromkeys(OUTCOMES, 0)
    for place in places:
        counts[place.outcome] = counts.get(place.outcome, 0) + 1
    return [(name, n) for name, n in counts.items() if n]
