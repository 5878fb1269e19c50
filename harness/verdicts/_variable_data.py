"""Of two trainings, how their data differ: sets by content, the mix of those that both have, what was taken of each.

Example: {"med.jsonl": "d1"} and {"med.jsonl": "d1", "math.jsonl": "d2"} -> "data set added: math.jsonl"; the same file with
`limit` 100 and 1,000 -> "data.med.jsonl.limit 100 -> 1000".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.records import Difference
from harness.verdicts._variable_words import content, plain

WHAT = ("name", "sha", "source", "path", "weight")  # of a source: what it is, and its part of the mix


def data(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Data sets by content: each added or left out is a variable, one for another is one, and so is another mix.

    Weights are shares of what both have, so that adding a set isn't also a change of all the others' weights.
    """
    left, right = _sources(before), _sources(after)
    gone, new = [s for s in left if s not in right], [s for s in right if s not in left]
    found = []
    for i in range(max(len(gone), len(new))):
        a, b = (left[gone[i]][0] if i < len(gone) else None), (right[new[i]][0] if i < len(new) else None)
        if a == b and a is not None:
            a, b = f"{a} ({content(gone[i])})", f"{b} ({content(new[i])})"
        found.append(Difference("data", a, b, "recipe"))
    both = [s for s in left if s in right]
    shares = [_shares([side[s][1] for s in both]) for side in (left, right)]
    if any(not math.isclose(a, b, abs_tol=1e-3) for a, b in zip(*shares, strict=True)):
        mixes = [":".join(f"{10 * share:.3g}" for share in side) for side in shares]
        found.append(Difference("mix", mixes[0], mixes[1], "recipe"))
    taken = [_settings(side) for side in (before, after)]
    for name in [left[s][0] for s in both]:
        was, now = (side.get(name, {}) for side in taken)
        keys = sorted(key for key in was.keys() & now.keys() if plain(was[key]) != plain(now[key]))
        found += [Difference(f"data.{name}.{key}", was[key], now[key], "recipe") for key in keys]
    return found


def _settings(recipe: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a recipe says of its sources beside what they are: how many rows are taken, which, how often."""
    inner = recipe.get("recipe")
    rows = inner.get("data") if isinstance(inner, Mapping) else None
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []
    return {str(row.get("name")): {k: v for k, v in row.items() if k not in WHAT} for row in rows}


def _sources(recipe: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    """Content hash (else name) -> name, weight; from the lineage's own list and the weights in the recipe."""
    found: dict[str, tuple[str, float]] = {}
    told = recipe.get("data")
    if isinstance(told, Mapping):
        found = {str(sha): (str(name), 1.0) for name, sha in told.items()}
    elif isinstance(told, list | tuple):
        found = {str(sha): (str(sha), 1.0) for sha in told}
    inner = recipe.get("recipe")
    rows = inner.get("data") if isinstance(inner, Mapping) else None
    known = {name: sha for sha, (name, _) in found.items()}
    if isinstance(rows, Mapping):  # {"medical": 7, "general": 3}
        rows = [{"name": name, "weight": weight} for name, weight in rows.items()]
    for row in rows if isinstance(rows, list | tuple) else ():
        if not isinstance(row, Mapping):
            row = {"name": row}
        name = str(row.get("name") or row.get("source") or row.get("sha") or row.get("path") or "?")
        sha = str(row.get("sha") or known.get(name) or row.get("source") or name)
        weight = plain(row.get("weight", 1.0))
        found[sha] = (found.get(sha, (name,))[0], float(weight) if number(weight) else 1.0)
    return found


def _shares(weights: Sequence[float]) -> list[float]:
    whole = math.fsum(weights)
    return [w / whole for w in weights] if whole > 0 else [0.0 for _ in weights]


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
