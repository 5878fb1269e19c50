"""Questions that became wrong or right, with both answers and in each what was read out of it.

Example: "before  → … 所以共有 ⟦18⟧ 只" and "after  → … 一共 ⟦81⟧ 只": what stands in the brackets is what was graded.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.cli._echo import echo

if TYPE_CHECKING:
    from harness.pairs import Pair
    from harness.store.open import Store

SHOWN = 600  # characters of one answer
REPEATED = 3  # times from which a line is a loop
NEAR = 20  # characters in which a word that announces an answer stands before it
CUE = re.compile(r"(?:答案|故选|boxed|answer|A:)[^。；;]{0,10}$", re.IGNORECASE)
AROUND = 200  # of them on either side of what was read


def moved(store: Store, pairs: Sequence[Pair], sign: int, count: int) -> list[dict[str, Any]]:
    """Per pair the questions whose value fell (sign -1) or rose (+1): how many, and the first of them whole."""
    found = []
    for pair in pairs:
        before, after = pair.before, pair.after
        if not before.run or not after.run:
            echo("answers can be listed only for runs in the store, not for baseline files", err=True)
            continue
        was = dict(zip(before.samples, before.values, strict=True))
        ids = [
            sample for sample, value in zip(after.samples, after.values, strict=True)
            if value is not None and (old := was.get(sample)) is not None and (value - old) * sign > 0
        ]  # fmt: skip
        found.append(
            {
                "task": after.task,
                "name": after.name,
                "kind": "lost" if sign < 0 else "gained",
                "n": len(ids),
                "questions": _questions(store, before.run, after.run, ids[:count]),
            }
        )
    return found


def _questions(store: Store, before: str, after: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    from harness.cli.show import question
    from harness.store import read

    rows: dict[str, dict[str, Any]] = {}
    wanted = set(ids)
    for side, run in (("before", before), ("after", after)):
        for row in read.sample_rows(store, run):
            if row["sample"] not in wanted:
                continue
            made = rows.setdefault(
                row["sample"],
                {
                    "sample": row["sample"],
                    "subject": row["subject"],
                    "question": question(row),
                    "gold": row["target"],
                    "before": [],
                    "after": [],
                },
            )
            made[side].append({key: row[key] for key in ("text", "answer", "rule", "outcome")} | {"shown": marked(row)})
    return [rows[sample] for sample in ids if sample in rows]


def show(found: Sequence[Mapping[str, Any]]) -> None:
    from harness.cli import _tables

    for part in found:
        many = len({p["name"] for p in found}) > 1
        echo(f"\n{part['task']}{', ' + part['name'] if many else ''}: {part['n']} {part['kind']}")
        for asked in part["questions"]:
            where = " ".join(word for word in (asked["subject"], asked["sample"][:8]) if word)
            echo(f"\n── {where}   gold {asked['gold']}\n{_tables.block(asked['question'])}")
            for side in ("before", "after"):
                for one in asked[side]:
                    read = repr(one["answer"]) if one["answer"] is not None else "nothing"
                    echo(f"{side} [{one['outcome']}, read {read} by {one['rule']}]\n{_tables.block(one['shown'])}")


def marked(row: Mapping[str, Any]) -> str:
    """The answer, shortened around what was read out of it, and that in ⟦brackets⟧; options as their log-probabilities."""
    from harness.cli.show import answer

    text = _without_loops(answer(row))
    read = row["answer"]
    if row["logprobs"] is not None:
        return re.sub(rf"(?:^|(?<=  )){re.escape(str(read))} -?\d\S*", r"⟦\g<0>⟧", text, count=1) if read else text
    start, stop = span(text, read)
    if start < 0:
        return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"
    head, inside, tail = text[:start], text[start:stop], text[stop:]
    if len(text) > SHOWN:
        first = SHOWN - 2 * AROUND
        head = head if len(head) <= first + AROUND else f"{head[:first]} … {head[-AROUND:]}"
        tail = tail if len(tail) <= AROUND else f"{tail[:AROUND]} …"
    return f"{head}⟦{inside}⟧{tail}"


def _without_loops(text: str) -> str:
    """A line that is said again and again, or three hundred empty ones, is shown once with its count."""
    lines: list[str] = []
    for line, group in itertools.groupby(part.rstrip() for part in text.split("\n")):
        many = sum(1 for _ in group)
        again = f"(… {many} empty lines)" if not line else f"{line} (×{many})"
        lines += [line] * many if many < REPEATED else [again]
    return "\n".join(lines)


def span(text: str, read: str | None) -> tuple[int, int]:
    """Where the text says what was read, the last time after a word such as 答案; (-1, -1): it says it in other words."""
    if not read:
        return -1, -1
    last = cued = (-1, -1)
    for found in re.finditer(re.escape(read), text):
        before, after = text[max(0, found.start() - 1) : found.start()], text[found.end() : found.end() + 1]
        if not (_joins(read[0], before) or _joins(read[-1], after)):
            last = found.span()
            cued = last if CUE.search(text[max(0, last[0] - NEAR) : last[0]]) else cued
    if last[0] < 0 and read.replace(".", "", 1).lstrip("-").isdecimal() and abs(float(read)) >= 1000:
        return span(text, f"{float(read):,.10g}" if "." in read else f"{int(read):,}")
    return cued if cued[0] >= 0 else last


def _joins(end: str, neighbour: str) -> bool:
    """Whether a neighbouring sign makes another word or number of it: the 8 of 18, the A of AND."""
    ascii_word = end.isascii() and end.isalnum()
    return ascii_word and neighbour.isascii() and neighbour.isalnum()
