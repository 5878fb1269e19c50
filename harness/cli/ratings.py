"""`bench ratings`: sum up what people judged: means or strengths with intervals, and how far raters agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import heads, listed, say

if TYPE_CHECKING:
    from harness.ratings import Report


@click.command("ratings")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--scale", type=click.Choice(["ordinal", "interval", "nominal"]), default="ordinal", show_default=True,
    help="What scores are: an order, numbers with equal steps, or mere labels. For alpha.",
)  # fmt: skip
@_options.json_option
def command(file: Path, scale: str, as_json: bool) -> None:
    """Sum up what people judged.

    FILE is CSV, TSV, JSON or JSONL with a row per judgement. With the columns rater, item, score (and system): the
    mean score of each system. With rater, item, a, b, winner (a name, a, b or tie): Bradley-Terry strengths, as log-odds
    of beating an average system. Headers may be Chinese (评分者, 题目, 系统, 得分; 甲, 乙, 胜者). Intervals are of 95 %
    and resample items; Krippendorff's alpha says how far the raters agree.

    \b
    Example: bench ratings doctors.csv
             bench ratings pairs.jsonl --json
    """
    from dataclasses import asdict

    from harness import ratings

    found = ratings.report(ratings.read(file, scale), scale)  # type: ignore[arg-type]  # click has checked it
    if as_json:
        _options.print_json(asdict(found))
    else:
        echo(_shown(found))


def _shown(found: Report) -> str:
    from harness.cli import _tables

    pairs = found.kind == "pairs"
    own = heads("strength", "95 % interval", "won") if pairs else heads("mean")
    lines = [[say("system"), *own, *heads("95 % interval", "items", "judged")]]
    for s in found.systems:
        value = f"{_number(s.strength)}|{_ends(s.strength_low, s.strength_high)}".split("|") if pairs else []
        share = f"{100 * (s.value or 0):.1f} %" if pairs else _number(s.value)
        ends = f"{100 * (s.low or 0):.1f} – {100 * (s.high or 0):.1f} %" if pairs else _ends(s.low, s.high)
        lines.append([s.system or "–", *value, share, ends, str(s.items), str(s.ratings)])
    alpha = "–"
    if found.alpha is not None:
        alpha = f"{found.alpha:.3f}" + (
            f" ({_ends(found.alpha_low, found.alpha_high)})" if found.alpha_low is not None else ""
        )
    counts = {"raters": found.raters, "items": found.items, "scale": found.scale}
    said = say("{raters} raters, {items} items; Krippendorff's alpha ({scale}) {alpha}", **counts, alpha=alpha)
    if found.alpha is not None and found.alpha < 0.667:
        said = say("{said}; below 0.667 raters agree too little to conclude from", said=said)
    notes = [say("note: {note}", note=_tables.block(note)) for note in found.notes]
    return listed([_tables.table(lines), "", said, *notes], "\n")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _ends(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3g} – {high:.3g}"
