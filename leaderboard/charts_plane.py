"""A plane of right answers against what they cost, as inline SVG: whiskers for the error, a step for the front.

Example: `plane(points, "tokens", label)` puts the checkpoints that nobody beats on a line, hollow dots beside it.
The cost is on a log axis, cheap on the left, so that the better ones are up and left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from leaderboard.charts import Scale
from leaderboard.words import attribute, size

WIDE, TALL = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 40, 96, 14, 34  # names of the front stand to the right of their dots
STEPS = (
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0),
    tuple(1 + i / 10 for i in range(90)),
)  # within a power of 10
BYTE_STEPS = (1.0,), (1.0, 1.5), tuple(1 + i / 16 for i in range(16))  # of 2
_LETTER = 6.2  # units that a letter takes, about; a wide one twice


@dataclass(frozen=True)
class Point:
    name: str
    href: str
    cost: float  # above 0
    right: float  # points of 100
    low: float | None
    high: float | None
    front: bool  # nobody is better in all that is compared


def plane(points: Sequence[Point], kind: str, label: str) -> Markup:
    """`kind` tokens | bytes decides how the axis is written; every dot says its numbers when pointed at."""
    if not points:
        return Markup("")
    ys = Scale.around(
        [(p.low if p.low is not None else p.right, p.high if p.high is not None else p.right) for p in points]
    )
    xs = _Log([p.cost for p in points])
    marks = [*_frame(xs, ys, kind), _step(points, xs, ys)]
    taken: list[tuple[float, float, float]] = []
    for p in sorted(points, key=lambda p: (not p.front, -p.right, p.cost, p.name)):
        marks.append(_dot(p, xs.at(p.cost), _y(ys, p.right), ys, kind))
        marks.append(_name(p, xs.at(p.cost), _y(ys, p.right), taken))
    svg = '<svg class="plane" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>'
    return Markup(svg).format(WIDE, TALL, label, Markup("").join(marks))


class _Log:
    def __init__(self, costs: Sequence[float]) -> None:
        low, high = math.log(min(costs)), math.log(max(costs))
        room = max((high - low) * 0.06, 0.05)
        self.low, self.high = low - room, high + room

    def at(self, cost: float) -> float:
        share = (math.log(cost) - self.low) / (self.high - self.low)
        return round(LEFT + share * (WIDE - LEFT - RIGHT), 1)

    def ticks(self, kind: str) -> list[float]:
        """Round numbers inside the axis, two to five; binary ones for bytes; on a narrow axis less round ones."""
        base = 2.0 if kind == "bytes" else 10.0
        start, end = math.floor(self.low / math.log(base)), math.ceil(self.high / math.log(base))
        inside: list[float] = []
        for steps in BYTE_STEPS if kind == "bytes" else STEPS:
            found = [step * base**power for power in range(start, end + 1) for step in steps]
            inside = [x for x in found if self.low <= math.log(x) <= self.high]
            if len(inside) > 1:
                break
        return inside[:: max(1, -(-len(inside) // 5))] or [math.exp((self.low + self.high) / 2)]


def _y(ys: Scale, value: float) -> float:
    return round(TALL - BOTTOM - (value - ys.low) / (ys.high - ys.low) * (TALL - TOP - BOTTOM), 1)


def _frame(xs: _Log, ys: Scale, kind: str) -> list[Markup]:
    line, text = Markup('<path class="grid" d="M{} {}H{}"/>'), Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
    marks = []
    for i in range(5):
        value = ys.low + (ys.high - ys.low) * i / 4
        y = _y(ys, value)
        marks += [line.format(LEFT, y, WIDE - RIGHT + 8), text.format(LEFT - 6, y + 4, "end", f"{value:.4g}")]
    for cost in xs.ticks(kind):
        x = xs.at(cost)
        marks.append(Markup('<path class="rule" d="M{} {}v5"/>').format(x, TALL - BOTTOM))
        marks.append(
            text.format(x, TALL - BOTTOM + 18, "middle", size(int(cost)) if kind == "bytes" else f"{cost:,.4g}")
        )
    marks.append(Markup('<path class="rule" d="M{} {}H{}"/>').format(LEFT, TALL - BOTTOM, WIDE - RIGHT + 8))
    return marks


def _step(points: Sequence[Point], xs: _Log, ys: Scale) -> Markup:
    """What is to be had for a cost, in this plane alone."""
    path, best = "", -math.inf
    for p in sorted(points, key=lambda p: (p.cost, -p.right)):
        if p.right > best:
            x, y = xs.at(p.cost), _y(ys, p.right)
            path += f"M{x} {y}" if not path else f"H{x}V{y}"
            best = p.right
    return Markup('<path class="front" d="{}H{}"/>').format(path, WIDE - RIGHT + 8)


def _dot(p: Point, x: float, y: float, ys: Scale, kind: str) -> Markup:
    cost = size(int(p.cost)) if kind == "bytes" else f"{p.cost:,.4g}"
    said = f"{attribute(p.name)}: {p.right:.1f}, {cost}"
    whisker = Markup("")
    if p.low is not None and p.high is not None:
        whisker = Markup('<path class="bar" d="M{} {}V{}"/>').format(x, _y(ys, p.low), _y(ys, p.high))
    circle = Markup('<circle class="{}" cx="{}" cy="{}" r="4.5"><title>{}</title></circle>')
    dot = circle.format("dot" if p.front else "dot beaten", x, y, said)
    return Markup('<a href="{}" aria-label="{}">{}{}</a>').format(p.href, said, whisker, dot)


def _name(p: Point, x: float, y: float, taken: list[tuple[float, float, float]]) -> Markup:
    """The name right of its dot where there is room; a name that would lie on another is left to the table."""
    text = attribute(p.name)
    text = text if len(text) <= 18 else text[:17] + "…"
    wide = _LETTER * sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
    for up in (4.0, -8.0, 15.0):
        place = (x + 8, x + 8 + wide, y + up)
        clear = all(place[1] < left or place[0] > right or abs(place[2] - line) > 11 for left, right, line in taken)
        if clear and place[1] <= WIDE + 6:
            taken.append(place)
            name = '<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>'
            return Markup(name).format("who" if p.front else "", place[0], place[2], text)
    return Markup("")
