"""The chart of a score as inline SVG: a dot with its whisker on a scale that the whole column shares; no script, printable.

Example: `whisker(Scale.around([(0.24, 0.29), (0.31, 0.36)]), 0.26, 0.24, 0.29, chance=0.25)` is one row of a forest
plot: all rows of a column share the scale, so the eye may compare them; a dotted line marks guessing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
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
    """One row: a line for the 95 % interval, a dot for the value. Decoration: the numbers stand beside it."""
    return Markup(Row(scale, chance, factor)(value, low, high, hollow))


class Row:
    """The whiskers of one column, its frame and the line of chance written once.

    Drawn in the numbers' own unit (the picture is stretched, lines and dots are not), so that the digits are those of the
    text beside it: on a board of thousands they compress to little.
    """

    def __init__(self, scale: Scale, chance: float | None, factor: float) -> None:
        self._at = at = _places(factor)
        start, wide = at(scale.low), at(scale.high - scale.low)
        line = f'<path class="chance" d="M{at(chance)} 0v14"/>' if chance and scale.low <= chance <= scale.high else ""
        head = f'<svg class="whisker" viewBox="{start} 0 {wide} 14" preserveAspectRatio="none" aria-hidden="true">'
        self._head = head + line

    def __call__(self, value: float | None, low: float | None, high: float | None, hollow: bool) -> str:
        if value is None:
            return ""
        if low is None or high is None:
            return self.drawn(self._at(value), "", "", hollow)
        return self.drawn(self._at(value), self._at(low), self._at(high), hollow)

    def drawn(self, value: str, low: str, high: str, hollow: bool) -> str:
        """From places that are written already."""
        bar = f'<path class="bar" d="M{low} 7H{high}"/>' if low else ""
        hole = f'<path class="hole" d="M{value} 7h0"/>' if hollow else ""
        return f'{self._head}{bar}<path class="dot" d="M{value} 7h0"/>{hole}</svg>'


class Pixels:
    """The same for the rows of long tables, in the pixels of its box: 50 bytes each, and style says what each line is."""

    WIDE = 120  # as site.css has it

    def __init__(self, scale: Scale, chance: float | None) -> None:
        self._low, self._step = scale.low, self.WIDE / (scale.high - scale.low)
        here = chance and scale.low <= chance <= scale.high
        self._head = f"<svg><path class=chance d=M{self._at(chance or 0.0)},0v14 />" if here else "<svg>"

    def _at(self, value: float) -> int:
        return round((value - self._low) * self._step)

    def __call__(self, value: float | None, low: float | None, high: float | None) -> str:
        if value is None:
            return ""
        base, step = self._low, self._step
        dot = f"<circle cx={(value - base) * step:.0f} /></svg>"
        if low is None or high is None:
            return self._head + dot
        return f"{self._head}<path d=M{(low - base) * step:.0f},7H{(high - base) * step:.0f} />{dot}"


def _places(factor: float) -> Callable[[float], str]:
    """Points of 100 to one decimal, as the text has them; small measures to four digits."""
    if factor == 100:
        return lambda x: f"{100 * x:.1f}"
    return lambda x: f"{factor * x:.1f}" if abs(x) >= 10 else f"{factor * x:.4g}"


def axis(scale: Scale, factor: float = 100.0) -> Markup:
    """The ends of the scale, for the head of a column of whiskers."""
    ends = '<span class="axis" aria-hidden="true"><span>{}</span><span>{}</span></span>'
    return Markup(ends).format(_number(scale.low * factor), _number(scale.high * factor))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(s * power for s in _STEPS if s * power >= rough * 0.999)


def _number(value: float) -> str:
    return f"{value:.4g}"
