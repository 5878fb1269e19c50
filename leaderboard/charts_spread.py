"""How the scores of a task are spread over its checkpoints: a histogram with guessing marked, as inline SVG.

Example: `histogram(Scale(0.2, 0.5), values, "C-Eval", chance=0.25)` draws up to twenty bars; each says its count.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from leaderboard.charts import Scale

WIDE, TALL, BASE = 480, 120, 96
BARS = 20


def histogram(
    scale: Scale, values: Sequence[float], label: str, factor: float = 100.0, chance: float | None = None
) -> Markup:
    """Equal steps over the scale that the ranking's whiskers use; fewer bars where there are few values."""
    if len(values) < 2:
        return Markup("")
    bars = max(4, min(BARS, round(len(values) ** 0.5) * 2))
    counts = [0] * bars
    for value in values:
        counts[min(bars - 1, max(0, int((value - scale.low) / (scale.high - scale.low) * bars)))] += 1
    step, most = WIDE / bars, max(counts)
    marks = []
    for i, n in enumerate(counts):
        if n:
            tall = round(n / most * (BASE - 14), 1)
            ends = (scale.low + (scale.high - scale.low) * (i + k) / bars for k in (0, 1))
            said = "{:.4g}–{:.4g}: {}".format(*(factor * end for end in ends), n)
            bar = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"><title>{}</title></rect>'
            marks.append(Markup(bar).format(i * step + 1, BASE - tall, step - 2, tall, said))
    if chance and scale.low <= chance <= scale.high:
        x = (chance - scale.low) / (scale.high - scale.low) * WIDE
        marks.append(Markup('<path class="chance" d="M{:.1f} 6V{}"/>').format(x, BASE))
    text = '<text x="{}" y="112" text-anchor="{}">{:.4g}</text>'
    marks.append(Markup('<path class="rule" d="M0 {}H{}"/>').format(BASE, WIDE))
    marks.append(Markup(text).format(0, "start", scale.low * factor))
    marks.append(Markup(text).format(WIDE, "end", scale.high * factor))
    svg = '<svg class="spread" viewBox="-4 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(svg).format(WIDE + 8, TALL, label, Markup("").join(marks))
