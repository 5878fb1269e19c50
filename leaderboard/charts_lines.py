"""Charts of one checkpoint and of families: before -> after, a loss curve with axes, a score over time.

Example: `loss(((1, 6.1), (90, 2.4)))` is a line with its lowest and last value marked. All are decoration for the eye:
the numbers stand beside them as text, so none is read aloud. Only numbers go in here, and a title that is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.charts import Scale

WIDE, TALL, LEFT, RIGHT, TOP, BOTTOM = 640, 200, 46, 14, 12, 26
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def moved(scale: Scale, before: float, after: float, factor: float = 100.0) -> Markup:
    """A hollow dot before, a full one after, a line between them; in the unit of the numbers beside it, as a whisker."""
    low, a, b = (f"{factor * value:.4g}" for value in (scale.low, before, after))
    way = "up" if after > before else "down" if after < before else "still"
    head = f'<svg class="whisker moved {way}" viewBox="{low} 0 {factor * (scale.high - scale.low):.4g} 14"'
    line = f'<path class="way" d="M{a} 7H{b}"/>' if a != b else ""
    dots = f'<path class="was" d="M{a} 7h0"/><path class="hole" d="M{a} 7h0"/><path class="dot" d="M{b} 7h0"/>'
    return Markup(f'{head} preserveAspectRatio="none" aria-hidden="true">{line}{dots}</svg>')


@dataclass(frozen=True)
class Frame:
    """Both axes with round ticks; x and y of a value on the page."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    @classmethod
    def around(cls, xs: Sequence[float], ys: Sequence[float]) -> Frame:
        step = ticks(min(ys), max(ys))[1]
        low, high = math.floor(min(ys) / step + 1e-9) * step, math.ceil(max(ys) / step - 1e-9) * step
        return cls(min(xs), max(xs), low, high if high > low else low + step)

    def x(self, value: float) -> float:
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1.0) if self.x_high > self.x_low else 0.5
        return round(LEFT + share * (WIDE - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(TALL - BOTTOM - (value - self.y_low) / (self.y_high - self.y_low) * (TALL - TOP - BOTTOM), 1)

    def drawn(self, x_marks: Sequence[tuple[float, str]], factor: float = 1.0) -> str:
        """Rules at the ticks of y, and the marks of x."""
        first, step = ticks(self.y_low, self.y_high)
        body, value = [], first
        while value <= self.y_high + step / 1e6:
            at = self.y(value)
            body.append(f'<path class="rule" d="M{LEFT} {at}H{WIDE - RIGHT}"/>')
            body.append(f'<text x="{LEFT - 7}" y="{at + 3.5}" text-anchor="end">{_plain(value * factor)}</text>')
            value += step
        for x, text in x_marks:
            at = self.x(x)
            anchor = "start" if at <= LEFT + 20 else "end" if at >= WIDE - RIGHT - 20 else "middle"
            body.append(f'<text x="{at}" y="{TALL - 7}" text-anchor="{anchor}">{escape(text)}</text>')
        return "".join(body)


def ticks(low: float, high: float) -> tuple[float, float]:
    """(first tick, step): three to six round numbers between the two."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(s * power for s in STEPS if s * power >= span / 4 * 0.999)
    return math.ceil(low / step - 1e-9) * step, step


def loss(points: Sequence[tuple[float, float]]) -> Markup:
    """A line through (step, loss) with the lowest and the last value; nothing of fewer than two points."""
    known = [(float(x), float(y)) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if len(known) < 2:
        return Markup("")
    frame = Frame.around([x for x, _ in known], [y for _, y in known])
    path = "M" + "L".join(f"{frame.x(x)} {frame.y(y)}" for x, y in known)
    body = frame.drawn(steps_marks(frame)) + f'<path class="line" d="{path}"/>'
    for kind, (x, y) in (("lowest", min(known, key=lambda p: (p[1], p[0]))), ("dot", known[-1])):
        body += f'<circle class="{kind}" cx="{frame.x(x)}" cy="{frame.y(y)}" r="3.5"/>'
    return framed(body, "loss")


def steps_marks(frame: Frame) -> list[tuple[float, str]]:
    first, step = ticks(frame.x_low, frame.x_high)
    count = int((frame.x_high - first) / step + 1e-9) + 1 if frame.x_high > frame.x_low else 0
    return [(first + i * step, _plain(first + i * step)) for i in range(count)] or [(frame.x_low, _plain(frame.x_low))]


def framed(body: str, name: str) -> Markup:
    return Markup(f'<svg class="plot {name}" viewBox="0 0 {WIDE} {TALL}" aria-hidden="true">{body}</svg>')


def _plain(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:,.4g}k"
    return f"{0.0 if abs(value) < 1e-12 else value:.4g}"
