"""What `bench train --dry-run` tells of the data: what was dropped where, the mix as it came out, rows as the model sees them.

Example: "  learnt  8<|im_end|>" under "  asked   <|im_start|>user⏎3+5=?<|im_end|>⏎<|im_start|>assistant⏎": decoded from the very
ids that will be trained on, so a mark that is missing here is missing there.
Trap: rows come from files that nobody has read; what could move the terminal's cursor is shown and not obeyed.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.verdicts.wording import printable
from trainers._data_count import CHOSEN
from trainers.recipe import Recipe
from trainers.rows import Prepared

ROWS = 3  # shown
HEAD, TAIL = 280, 120  # characters of a prompt or a reply that are shown
EXAMPLE = 76


def describe(prepared: Prepared, recipe: Recipe, tokenizer: Any) -> list[str]:
    """Lines for a terminal, without colours."""
    return [
        *_table(prepared),
        "",
        *_reasons(prepared),
        *_mix(prepared, recipe),
        *_steps(prepared, recipe),
        "",
        *_rows(prepared, recipe, tokenizer),
        *(f"warning: {warning}" for warning in prepared.warnings),
    ]


def _table(prepared: Prepared) -> Iterator[str]:
    lines = [["data", "role", "read", "dropped", "left out", "held out", "trained on", "tokens"]]
    for source in prepared.sources:
        chosen = sum(n for reason, n in source["dropped"].items() if reason in CHOSEN)
        dirty = sum(source["dropped"].values()) - chosen
        numbers = (source["read"], dirty, chosen, source["held_out"], source["rows"], source["tokens"])
        lines.append([printable(str(source["name"])), str(source["role"]), *(f"{number:,}" for number in numbers)])
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell + " " * (width - _width(cell)) if place < 2 else " " * (width - _width(cell)) + cell
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _reasons(prepared: Prepared) -> Iterator[str]:
    """Each source's steps, and the first row that each of them met."""
    found = False
    for source in prepared.sources:
        for kind in ("dropped", "changed", "noticed"):
            for reason, n in source[kind].items():
                found = True
                met = [
                    example
                    for example in prepared.dropped
                    if (example["kind"], example["reason"], example["source"]) == (kind, reason, source["name"])
                ]
                what = "left out" if reason in CHOSEN else kind
                yield f"{printable(str(source['name']))}: {what} {n:,}, {reason}{_met(met)}"
    if found:
        yield ""


def _met(examples: Sequence[Mapping[str, Any]]) -> str:
    if not examples:
        return ""
    rows = ", ".join(str(example["number"]) for example in examples)
    return f" (row {rows}: {_short(str(examples[0]['text']), EXAMPLE, 0)})"


def _mix(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    counts = prepared.counts
    for unit in ("rows", "tokens"):
        domain, general = counts[f"domain_{unit}"], counts[f"general_{unit}"]
        if domain and general:
            asked = f", asked {recipe.mix.ratio}" if recipe.mix.ratio and recipe.mix.by == unit else ""
            share = 10 * domain / (domain + general)
            yield f"domain : general in {unit}: {domain:,} : {general:,} = {share:.1f} : {10 - share:.1f}{asked}"
    if len(prepared.phases) > 1:
        yield f"progressive: {len(prepared.phases[0]):,} general rows first, then {len(prepared.phases[1]):,} domain rows"


def _steps(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    counts, optim = prepared.counts, recipe.optim
    learnt = counts["learnt_tokens"]
    told = f"{learnt:,} of them learnt" if learnt else "the replies are still to come"
    yield (
        f"{counts['rows']:,} rows of {counts['tokens']:,} tokens, {told}; the longest row has {counts['longest']:,}, "
        f"{counts['held_out']:,} rows are held out"
    )
    batch = (
        max(1, optim.batch // recipe.grpo.generations) if recipe.method == "grpo" else optim.batch
    )  # rows, not answers
    each = " + ".join(f"{math.ceil(len(phase) / batch):,}" for phase in prepared.phases)
    yield f"{each} steps of {batch} rows an epoch" + (" at most, since rows are packed" if optim.packing else "")


def _rows(prepared: Prepared, recipe: Recipe, tokenizer: Any) -> Iterator[str]:
    first = [example for phase in prepared.phases for example in phase[:ROWS]]
    for example in first:
        learnt = len(example.ids) - example.prompt
        yield (
            f"{printable(example.row.source)}, row {example.row.number}: {len(example.ids):,} tokens, {learnt:,} of them learnt"
        )
        yield f"  asked   {_short(_decoded(tokenizer, example.ids[: example.prompt]), HEAD, TAIL)}"
        if learnt:
            yield f"  learnt  {_short(_decoded(tokenizer, example.ids[example.prompt :]), HEAD, TAIL)}"
        else:
            who = "the teacher" if recipe.method == "seqkd" else "the model itself, graded"
            yield f"  learnt  ({who} answers)"


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _short(text: str, head: int, tail: int) -> str:
    if len(text) > head + tail:
        text = f"{text[:head]} … {text[len(text) - tail :]}" if tail else f"{text[:head]} …"
    return printable(text.replace("\r", "").replace("\n", "⏎").replace("\t", "→"))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
