"""Which examples are trained on, in which order: held out, limited, mixed by a ratio, one phase after the other.

Example: 700 domain rows and 5,000 general ones at "7:3" are all 700 and 300 of the others; with `by = "tokens"` as many
rows as hold three sevenths of the tokens of the 700. What is taken hangs on the seed and the question alone, so 200 rows
are 100 of the same and 100 more, and a renamed file changes nothing.
Trap: a held-out question that also stands elsewhere in the data with another answer is no held-out question.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Literal

from harness.errors import UserError
from harness.text import fold
from trainers.recipe import Mix
from trainers.rows import Example, Row

MOST_HELD_OUT = 10  # one row of so many
Side = Literal["domain", "general"]
SIDES: tuple[Side, ...] = ("domain", "general")
_RATIO = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*[:：]\s*(\d{1,6}(?:\.\d{1,6})?)\s*")


def held_out(examples: Sequence[Example], wanted: int) -> tuple[list[Example], list[Example]]:
    """(to train on, held out): the questions of the smallest hashes, whatever the seed; both sides of a mix alike.

    A conversation's rows stay together by its first question. More data may put a held-out question into the training,
    never the other way round. At most a tenth of the rows, so that small data stay data.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[_first_question(example.row)].append(example)
    ordered = sorted(groups, key=_hash)
    sides = [side for side in SIDES if any(example.row.role == side for example in examples)]
    total = min(wanted, len(examples) // MOST_HELD_OUT)
    chosen: set[str] = set()
    for number, side in enumerate(sides):
        room = total // len(sides) + (number < total % len(sides))
        for key in ordered:
            if room <= 0:
                break
            group = groups[key]
            if group[0].row.role == side and len(group) <= room and key not in chosen:
                chosen.add(key)
                room -= len(group)
    kept = [example for key, group in groups.items() if key not in chosen for example in group]
    return kept, [example for key in ordered if key in chosen for example in groups[key]]


def ordered(examples: Iterable[Example], seed: int) -> list[Example]:
    """Shuffled by the seed; the order of two rows never depends on the others."""
    return [
        example
        for _, _, example in sorted(
            (_hash(f"{seed}|{example.row.number}|{example.row.messages[-1]['content']}"), place, example)
            for place, example in enumerate(examples)
        )
    ]


def phases(examples: Sequence[Example], mix: Mix, seed: int) -> tuple[tuple[Example, ...], ...]:
    """The rows of the ratio as one phase, or as general first and then domain."""
    sides = {side: ordered((e for e in examples if e.row.role == side), seed) for side in SIDES}
    if mix.ratio is not None:
        shares = dict(zip(SIDES, ratio(mix.ratio), strict=True))
        sides = _by_tokens(sides, shares, mix.ratio) if mix.by == "tokens" else _by_rows(sides, shares, mix.ratio)
    if mix.schedule == "progressive":
        for side in SIDES:
            if not sides[side]:
                raise UserError(
                    f'mix.schedule = "progressive" trains on general rows first and on domain rows then, and there are no '
                    f'{side} ones; give a [[data]] role = "{side}", or leave the schedule out'
                )
        return tuple(sides["general"]), tuple(sides["domain"])
    return (tuple(ordered([*sides["domain"], *sides["general"]], seed)),)


def ratio(text: str) -> tuple[Fraction, Fraction]:
    """ "7:3" as two shares."""
    found = _RATIO.fullmatch(text)
    shares = (Fraction(found[1]), Fraction(found[2])) if found else (Fraction(0), Fraction(0))
    if not all(shares):
        raise UserError(f'mix.ratio = "{text}" is no ratio of domain to general rows such as "7:3", both above 0')
    return shares


def _by_rows(
    sides: dict[Side, list[Example]],
    shares: dict[Side, Fraction],
    text: str,
) -> dict[Side, list[Example]]:
    unit = min(len(sides[side]) / shares[side] for side in SIDES)
    taken = {side: sides[side][: int(unit * shares[side])] for side in SIDES}
    if not all(taken.values()):
        raise _impossible(text, {side: f"{len(sides[side]):,} {side} rows" for side in SIDES})
    return taken


def _by_tokens(
    sides: dict[Side, list[Example]],
    shares: dict[Side, Fraction],
    text: str,
) -> dict[Side, list[Example]]:
    """As many rows of each side, in order, as fit into its share of the tokens."""
    held = {side: sum(len(e.ids) for e in sides[side]) for side in SIDES}
    unit = min(held[side] / shares[side] for side in SIDES)
    taken: dict[Side, list[Example]] = {}
    for side in SIDES:
        room = int(unit * shares[side])
        taken[side] = []
        for example in sides[side]:
            if len(example.ids) > room:
                break
            room -= len(example.ids)
            taken[side].append(example)
    if not all(taken.values()):
        raise _impossible(text, {side: f"{len(sides[side]):,} {side} rows of {held[side]:,} tokens" for side in SIDES})
    return taken


def _impossible(text: str, held: dict[Side, str]) -> UserError:
    return UserError(
        f'mix.ratio = "{text}" (domain : general) can\'t be had from {held["domain"]} and {held["general"]}; give data of the '
        'missing side (role = "domain" or "general" in [[data]]), another ratio, or none'
    )


def _first_question(row: Row) -> str:
    if row.sample is not None:  # a task's first turn may be a solved example, the same in all of its rows
        text = row.sample.question
    else:
        text = next((turn["content"] for turn in row.messages if turn["role"] == "user"), "")
    return " ".join(fold(text).split())


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
