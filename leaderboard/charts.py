"""Charts as inline SVG: dots with whiskers on a shared scale, a loss curve; no script, printable, readable aloud.

Example: `whisker(Scale.around([(0.24, 0.29), (0.31, 0.36)]), 0.26, 0.24, 0.29, chance=0.25)` is one row of a forest
plot: all rows of a column share the scale, so the eye may compare them; a dotted line marks guessing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """The range that a column's rows share, ends on round numbers."""

    low: float
    high: float

    @classmethod
    def around(cls, spans: Iterable[tuple[float | None, float | None]], floor: float = 0.0) -> Scale:
        known = [x for span in spans for x in span if x is not None]
        if not known:
            return cls(0.0, 1.0)
        low, high = min(known), max(known)
        step = _round_step(max(high - low, 1e-9) / 3)
        start = max(floor, math.floor(low / step) * step) if low >= floor else math.floor(low / step) * step
        return cls(start, max(math.ceil(high / step) * step, start + step))


def whisker(
    scale: Scale, value: float | None, low: float | None, high: float | None, chance: float | None = None,
    factor: float = 100.0, hollow: bool = False,
) -> Markup:  # fmt: skip
    """One row: a line for the 95 % interval, a dot for the value. Decoration: the numbers stand beside it.

    Drawn in the numbers' own unit (the picture is stretched, lines and dots are not), so that the digits are those of the
    text beside it: on a board of thousands they compress to little.
    """
    if value is None:
        return Markup("")
    at = _places(factor)
    start, wide = at(scale.low), at(scale.high - scale.low)
    line = f'<path class="chance" d="M{at(chance)} 0v14"/>' if chance and scale.low <= chance <= scale.high else ""
    bar = f'<path class="bar" d="M{at(low)} 7H{at(high)}"/>' if low is not None and high is not None else ""
    dot = f'<path class="dot" d="M{at(value)} 7h0"/>'
    hole = f'<path class="hole" d="M{at(value)} 7h0"/>' if hollow else ""
    head = f'<svg class="whisker" viewBox="{start} 0 {wide} 14" preserveAspectRatio="none" aria-hidden="true">'
    return Markup(f"{head}{line}{bar}{dot}{hole}</svg>")


def _places(factor: float) -> Callable[[float], str]:
    """Points of 100 to one decimal, as the text has them; small measures to four digits."""
    if factor == 100:
        return lambda x: f"{100 * x:.1f}"
    return lambda x: f"{factor * x:.1f}" if abs(x) >= 10 else f"{factor * x:.4g}"


def axis(scale: Scale, factor: float = 100.0) -> Markup:
    """The ends of the scale, for the head of a column of whiskers."""
    ends = '<span class="axis" aria-hidden="true"><span>{}</span><span>{}</span></span>'
    return Markup(ends).format(_number(scale.low * factor), _number(scale.high * factor))


@dataclass(frozen=True)
class Dot:
    label: str
    x: float  # above 0, on a log scale
    y: float
    weight: float  # above 0: makes the dot larger
    full: bool  # else hollow


def scatter(dots: Sequence[Dot], label: str) -> Markup:
    """Dots with numbers, the axes' ends written out; small x is left and large y is up, where the better ones are."""
    if not dots:
        return Markup("")
    wide, tall, pad = 480, 260, 34
    xs, ys, sizes = (
        [math.log(max(d.x, 1.0)) for d in dots],
        [d.y for d in dots],
        [math.log(max(d.weight, 1.0)) for d in dots],
    )
    low, high = min(xs), max(xs)
    scale = Scale.around([(y, y) for y in ys])
    marks = [Markup('<path class="rule" d="M{} 8V{}H{}"/>').format(pad, tall - pad, wide - 8)]
    for dot, x, size in zip(dots, xs, sizes, strict=True):
        left = pad + 16 + (x - low) / ((high - low) or 1.0) * (wide - pad - 48)
        top = tall - pad - 10 - (dot.y - scale.low) / (scale.high - scale.low) * (tall - pad - 28)
        radius = 4 + 4 * (size - min(sizes)) / ((max(sizes) - min(sizes)) or 1.0)
        circle = '<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/><text x="{:.1f}" y="{:.1f}">{}</text>'
        name = "dot" if dot.full else "dot beaten"
        marks.append(Markup(circle).format(name, left, top, radius, left + radius + 2, top - radius + 2, dot.label))
    text = '<text x="{}" y="{}"{}>{}</text>'
    end = Markup(' text-anchor="end"')
    marks += [
        Markup(text).format(pad + 8, tall - pad + 16, "", f"{math.exp(low):,.0f}"),
        Markup(text).format(wide - 8, tall - pad + 16, end, f"{math.exp(high):,.0f}" if high > low else ""),
        Markup(text).format(pad - 5, tall - pad - 6, end, _number(scale.low)),
        Markup(text).format(pad - 5, 18, end, _number(scale.high)),
    ]
    return _svg(wide, tall, Markup("").join(marks), "scatter", label=label)


def stacked(parts: Sequence[tuple[str, int]]) -> Markup:
    """One bar of outcomes, class by class; the counts stand beside it as text."""
    total = sum(n for _, n in parts)
    if not total:
        return Markup("")
    marks, x = [], 0.0
    for name, n in parts:
        wide = 600 * n / total
        if n:
            mark = '<rect class="o-{}" x="{}" width="{}" height="10"/>'
            marks.append(Markup(mark).format(name, round(x, 2), round(max(wide - 1.5, 0.8), 2)))
        x += wide
    return _svg(600, 10, Markup("").join(marks), "stacked", stretch=True)


def curve(points: Sequence[tuple[float, float]], label: str = "") -> Markup:
    """A line through (step, loss), its first and last value written out."""
    points = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if len(points) < 2:
        return Markup("")
    wide, tall, pad = 480, 120, 18
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    dx, dy = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0
    places = [
        (
            round(pad + (x - min(xs)) / dx * (wide - 2 * pad), 1),
            round(tall - pad - (y - min(ys)) / dy * (tall - 2 * pad), 1),
        )
        for x, y in points
    ]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    (x0, y0), (x1, y1) = places[0], places[-1]
    text = '<text x="{}" y="{}"{}>{}</text>'
    body = (
        Markup('<path class="line" d="{}"/>').format(path),
        Markup(text).format(x0, max(y0 - 6, 10), "", f"{ys[0]:.3g}"),
        Markup(text).format(x1, max(y1 - 6, 10), Markup(' text-anchor="end"'), f"{ys[-1]:.3g}"),
    )
    return _svg(wide, tall, Markup("").join(body), "curve", label=label)


def _svg(width: int, height: int, body: Markup, name: str, stretch: bool = False, label: str = "") -> Markup:
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    ratio = Markup(' preserveAspectRatio="none"') if stretch else Markup("")
    return Markup('<svg class="{}" viewBox="0 0 {} {}" {}{}>{}</svg>').format(name, width, height, spoken, ratio, body)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(s * power for s in _STEPS if s * power >= rough * 0.999)


def _number(value: float) -> str:
    return f"{value:.4g}"
