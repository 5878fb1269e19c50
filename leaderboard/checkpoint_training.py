"""How a checkpoint was trained, as its page tells it: facts, data and what was dropped, loss, looks on the way, merge.

Example: looks at steps 100 … 900 become two small charts, the held-out score and the length of answers, over the same steps:
a score that stays while answers shrink to a third is the collapse that short-answer training brings.
Trap: a bench_lineage.json may be written by hand or by ill will, so each value is looked at before it becomes a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from harness.records import Lineage
from harness.verdicts import audit
from leaderboard import charts_lines
from leaderboard.words import DASH, Words, count, size, visible

LOOKS = 200
SAID = ("name", "read", "rows", "held_out", "dropped", "changed", "noticed", "sha")  # in columns of their own
REASONS = 12  # why rows were dropped, of one source
LARGEST = 1e15
BY_HEART = 0.25  # of trained rows recited beyond what is recited of held-out ones


def section(lineage: Lineage | None, t: Words) -> dict[str, Any] | None:
    if lineage is None:
        return None
    points = [(float(x), float(y)) for x, y in lineage.loss if math.isfinite(x) and math.isfinite(y)]
    return {
        "note": lineage.note or "",
        "ended": lineage.ended or "",
        "facts": [(key, value) for key, value in _facts(lineage) if value],
        "data": [_source(source, t) for source in lineage.data],
        "recipe": "\n".join(f"{k} = {v}" for k, v in sorted(_dotted(lineage.recipe or {}).items())),
        "curve": charts_lines.loss(points),
        "loss": _ends(points),
        "looks": _looks([look for look in lineage.looks if look.get("kind") != "memorised"]),
        "memorised": _memorised([look for look in lineage.looks if look.get("kind") == "memorised"]),
        "merge": _merge(lineage.merge),
    }


def _dotted(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """`lora.r = 8`, a line each, as the audit names them; as it is where somebody nested it a thousand times."""
    try:
        return audit.flat(recipe)
    except RecursionError:
        return recipe


def number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < LARGEST:
        return None
    return float(value)


def _facts(lineage: Lineage) -> Iterator[tuple[str, str | None]]:
    yield "method", lineage.method
    yield "seed", None if lineage.seed is None else str(lineage.seed)
    yield "steps", None if lineage.steps is None else f"{lineage.steps:,}"
    yield "c_epochs", None if (epochs := number(lineage.epochs)) is None else f"{epochs:.3g}"
    yield "train_tokens", None if lineage.tokens is None else f"{lineage.tokens:,}"
    yield "train_seconds", None if (seconds := number(lineage.seconds)) is None else duration(seconds)
    yield "peak", None if lineage.peak_bytes is None else size(lineage.peak_bytes)
    stops = lineage.stop_ids or {}
    if stops.get("before") != stops.get("after"):
        yield "c_stop_ids", f"{_ids(stops.get('before'))} → {_ids(stops.get('after'))}"
    yield "c_versions", ", ".join(f"{name} {version}" for name, version in sorted(lineage.versions.items()))


def duration(seconds: float) -> str:
    """`1 h 08 min`, `42 min`, `12 s`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60:02d} min"


def _ids(value: Any) -> str:
    members = value[:8] if isinstance(value, list | tuple) else ()
    return ", ".join(f"{n:.0f}" for one in members if (n := number(one)) is not None) or DASH


def _ends(points: Sequence[tuple[float, float]]) -> dict[str, str] | None:
    if not points:
        return None
    lowest = min(points, key=lambda p: (p[1], p[0]))
    return {
        "first": f"{points[0][1]:.4g}", "last": f"{points[-1][1]:.4g}", "last_step": f"{points[-1][0]:,.0f}",
        "lowest": f"{lowest[1]:.4g}", "lowest_step": f"{lowest[0]:,.0f}",
    }  # fmt: skip


# -- data ---------------------------------------------------------------------------------------------------------


def _source(source: Mapping[str, Any], t: Words) -> dict[str, Any]:
    """A data source: rows read, learnt from and dropped and why, its hash, and whatever else is told of it."""
    dropped = source.get("dropped")
    whole = sum(n for _, n in _reasons(dropped)) if isinstance(dropped, Mapping) else dropped
    rest = [_told(key, value, t) for key, value in sorted(source.items()) if key not in SAID and _single(value)]
    return {
        "name": str(source.get("name") if _single(source.get("name")) else "?"),
        "read": _counted(source.get("read")),
        "rows": _counted(source.get("rows")),
        "held_out": _counted(source.get("held_out")),
        "dropped": _counted(whole),
        "why": _listed(dropped, t),
        "changed": _listed(source.get("changed"), t),
        "sha": str(source["sha"])[:16] if _single(source.get("sha")) else "",
        "rest": Markup(" · ").join(rest[:REASONS]),
    }


def _told(key: str, value: Any, t: Words) -> Markup:
    if key == "role" and t.has(f"c_role_{value}"):
        return t(f"c_role_{value}")
    if key == "tokens" and (many := number(value)) is not None:
        return t("tokens_of", n=count(int(many)))
    return visible(f"{key} {value}"[:120])


def _reasons(value: Any) -> list[tuple[str, int]]:
    """{"duplicate": 12, "empty reply": 5} by count; nothing of what isn't such a table."""
    table = value if isinstance(value, Mapping) else {}
    counted = [(str(why), int(n)) for why, many in table.items() if (n := number(many)) is not None and n > 0]
    return sorted(counted, key=lambda pair: (-pair[1], pair[0]))


def _listed(value: Any, t: Words) -> Markup:
    """`duplicate 12, empty reply 5`, in words where there are some."""
    said = []
    for why, n in _reasons(value)[:REASONS]:
        key = "c_row_" + why.replace(" ", "_")
        said.append(Markup("{} {}").format(t(key) if t.has(key) else visible(why[:60]), count(n)))
    return t("c_comma").join(said)


def _single(value: Any) -> bool:
    """What can be told in a word."""
    return (isinstance(value, str) and bool(value)) or number(value) is not None


def _counted(value: Any) -> str:
    found = number(value)
    return count(int(found)) if found is not None else value[:40] if isinstance(value, str) and value else DASH


# -- on the way ---------------------------------------------------------------------------------------------------


def _looks(looks: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Charts of what was measured at two steps at least, and the first and the last look in numbers."""
    known = [(step, look) for look in looks[:LOOKS] if (step := number(look.get("step"))) is not None]
    if not known:
        return None
    charts = []
    for key, factor in (("score", 100.0), ("answer_tokens", 1.0), ("loss", 1.0)):
        points = [(step, factor * value) for step, look in known if (value := number(look.get(key))) is not None]
        if points:
            charts.append({"key": key, "chart": charts_lines.loss(points), "first": f"{points[0][1]:.4g}",
                           "last": f"{points[-1][1]:.4g}", "step": f"{points[-1][0]:,.0f}"})  # fmt: skip
    collapsed = next((one for _, look in known if isinstance(one := look.get("collapsed"), str) and one), "")
    rows = next((int(n) for _, look in known if (n := number(look.get("n"))) is not None), None)
    return {"charts": charts, "collapsed": collapsed, "n": rows} if charts else None


def _memorised(found: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Trained rows beside held-out ones: nats per token, and the share whose reply is recited."""
    if not found:
        return None
    told = {f"{side}_{what}": number(found[-1].get(f"{side}_{what}")) for side in ("trained", "held_out") for what in ("loss", "recall", "rows")}  # fmt: skip
    if told["trained_loss"] is None and told["trained_recall"] is None:
        return None
    trained, other = told["trained_recall"], told["held_out_recall"]
    by_heart = trained is not None and other is not None and trained - other > BY_HEART
    return {
        side: {
            "loss": DASH if (loss := told[f"{side}_loss"]) is None else f"{loss:.3g}",
            "recall": DASH if (recall := told[f"{side}_recall"]) is None else f"{100 * recall:.0f}",
            "rows": DASH if (rows := told[f"{side}_rows"]) is None else f"{rows:,.0f}",
        }
        for side in ("trained", "held_out")
    } | {"by_heart": by_heart}


def _merge(merge: Mapping[str, Any] | None) -> dict[str, str] | None:
    if not merge:
        return None
    nats, changed, probes = (number(merge.get(key)) for key in ("kl_nats", "argmax_changed", "probes"))
    if nats is None and changed is None:
        return None
    return {
        "dtype": merge["dtype"][:20] if isinstance(merge.get("dtype"), str) else "?",
        "nats": DASH if nats is None else f"{nats:.2g}",
        "changed": DASH if changed is None else f"{100 * changed:.2g}",
        "probes": DASH if probes is None else f"{probes:,.0f}",
    }
