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
from harness.words import heads, say, told
from trainers._data_count import CHOSEN, spelt
from trainers.recipe import Recipe
from trainers.rows import Prepared

ROWS = 3  # shown
HEAD, TAIL = 280, 120  # characters of a prompt or a reply that are shown
EXAMPLE = 76


def describe(prepared: Prepared, recipe: Recipe, tokenizer: Any) -> list[str]:
    """Lines for a terminal, without colours, in the reader's language."""
    return [
        *_table(prepared),
        "",
        *_reasons(prepared),
        *_mix(prepared, recipe),
        *_steps(prepared, recipe),
        "",
        *_rows(prepared, recipe, tokenizer),
        *(say("warning: {said}", said=warning) for warning in prepared.warnings),
    ]


def _table(prepared: Prepared) -> Iterator[str]:
    lines = [heads("data", "role", "read", "dropped", "left out", "held out", "trained on", "tokens")]
    roles = {"domain": say("domain"), "general": say("general")}
    for source in prepared.sources:
        chosen = sum(n for reason, n in source["dropped"].items() if reason in CHOSEN)
        dirty = sum(source["dropped"].values()) - chosen
        numbers = (source["read"], dirty, chosen, source["held_out"], source["rows"], source["tokens"])
        role = roles.get(source["role"], str(source["role"]))
        lines.append([printable(str(source["name"])), role, *(f"{number:,}" for number in numbers)])
    shown = [[told(cell) for cell in line] for line in lines]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        cells = [
            cell + " " * (width - _width(cell)) if place < 2 else " " * (width - _width(cell)) + cell
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _reasons(prepared: Prepared) -> Iterator[str]:
    """Each source's steps, and the first row that each of them met."""
    found = False
    kinds = {"dropped": say("dropped"), "changed": say("changed"), "noticed": say("noticed")}
    for source in prepared.sources:
        for kind, word in kinds.items():
            for reason, n in source[kind].items():
                found = True
                met = [
                    example
                    for example in prepared.dropped
                    if (example["kind"], example["reason"], example["source"]) == (kind, reason, source["name"])
                ]
                what = say("left out") if reason in CHOSEN else word
                names = {"name": printable(str(source["name"])), "what": what, "n": n}
                yield say("{name}: {what} {n:,}, {reason}{met}", **names, reason=spelt(reason), met=_met(met))
    if found:
        yield ""


def _met(examples: Sequence[Mapping[str, Any]]) -> str:
    if not examples:
        return ""
    rows = ", ".join(str(example["number"]) for example in examples)
    return say(" (row {rows}: {text})", rows=rows, text=_short(str(examples[0]["text"]), EXAMPLE, 0))


def _mix(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    counts = prepared.counts
    units = {"rows": say("rows"), "tokens": say("tokens")}
    for unit, word in units.items():
        domain, general = counts[f"domain_{unit}"], counts[f"general_{unit}"]
        if domain and general:
            wanted = recipe.mix.ratio if recipe.mix.by == unit else None
            share = 10 * domain / (domain + general)
            yield say(
                "domain : general in {unit}: {domain:,} : {general:,} = {share:.1f} : {rest:.1f}{asked}",
                unit=word, domain=domain, general=general, share=share, rest=10 - share,
                asked=say(", asked {ratio}", ratio=wanted) if wanted else "",
            )  # fmt: skip
    if len(prepared.phases) > 1:
        first, then = map(len, prepared.phases[:2])
        template = "progressive: {first:,} general rows first, then {then:,} domain rows"
        yield say(template, first=first, then=then)


def _steps(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    counts, optim = prepared.counts, recipe.optim
    learnt = counts["learnt_tokens"]
    template = "{n:,} of them learnt" if learnt else "the replies are still to come"
    yield say(
        "{rows:,} rows of {tokens:,} tokens, {learnt}; the longest row has {longest:,}, {held_out:,} rows are held out",
        learnt=say(template, n=learnt), **{key: counts[key] for key in ("rows", "tokens", "longest", "held_out")},
    )  # fmt: skip
    batch = (
        max(1, optim.batch // recipe.grpo.generations) if recipe.method == "grpo" else optim.batch
    )  # rows, not answers
    each = " + ".join(f"{math.ceil(len(phase) / batch):,}" for phase in prepared.phases)
    template = "{each} steps of {rows} rows an epoch"
    if optim.packing:
        template = "{each} steps of {rows} rows an epoch at most, since rows are packed"
    yield say(template, each=each, rows=batch)


def _rows(prepared: Prepared, recipe: Recipe, tokenizer: Any) -> Iterator[str]:
    first = [example for phase in prepared.phases for example in phase[:ROWS]]
    for example in first:
        learnt = len(example.ids) - example.prompt
        names = {"name": printable(example.row.source), "row": example.row.number, "tokens": len(example.ids)}
        yield say("{name}, row {row}: {tokens:,} tokens, {n:,} of them learnt", **names, n=learnt)
        asked = _short(_decoded(tokenizer, example.ids[: example.prompt]), HEAD, TAIL)
        yield say("  asked   {text}", text=asked)
        if learnt:
            yield say("  learnt  {text}", text=_short(_decoded(tokenizer, example.ids[example.prompt :]), HEAD, TAIL))
        else:
            who = say("(the teacher answers)" if recipe.method == "seqkd" else "(the model itself answers, graded)")
            yield say("  learnt  {text}", text=who)


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _short(text: str, head: int, tail: int) -> str:
    if len(text) > head + tail:
        text = f"{text[:head]} … {text[len(text) - tail :]}" if tail else f"{text[:head]} …"
    return printable(text.replace("\r", "").replace("\n", "⏎").replace("\t", "→"))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
