"""A baseline as a small JSON file that is committed and reviewed like a lock file; a candidate may travel as one too.

Example: `bench baseline bless RUN --name med --reason "release 3"` writes results/baselines/med.json: fingerprints in
plain sight, per-sample outcomes packed without loss (see _packing), a hash over each task. Trap: questions stand in it
as places in their exam's order, so what was read is given its ids back by `named`, from that very exam or not at all.
"""

from __future__ import annotations

import binascii
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.errors import UserError
from harness.identity import SHOWN, digest
from harness.records import Baseline, Outcomes
from harness.verdicts import _packing

SCHEMA = 1
PLACED = re.compile(rf"[0-9a-f]{{{SHOWN}}}{_packing.PLACE}\d{{1,8}}")  # an id of somebody else's may hold the sign too
PLAIN = (
    "task",
    "metric",
    "checkpoint",
    "fingerprint",
    "repeats",
    "average",
    "higher_is_better",
    "name",
    "run",
)
UNSAID = {"unit": "", "labelled": True, "chance": None, "bytes": None, "bytes_declared": False}  # left out when so
KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("task", "metric", "checkpoint", "name", "run", "unit"), str),
    **dict.fromkeys(("higher_is_better", "labelled", "bytes_declared"), bool),
    "fingerprint": dict, "repeats": int, "chance": (int, float, type(None)), "bytes": (int, type(None)),
}  # fmt: skip


def dump(
    outcomes: Sequence[Outcomes],
    name: str,
    reason: str,
    blessed_at: str,
    blessed_by: str,
    accepted: str = "",
    orders: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The file's text; the same outcomes give the same text whatever the order of the tasks.

    `orders`: exam id -> the ids of all its questions in order; an exam that is not in it has its ids written out.
    """
    known = orders or {}
    tasks = [_pack(o, known.get(exam_of(o))) for o in sorted(outcomes, key=lambda o: o.task)]
    return _text(name, reason, blessed_at, blessed_by, accepted, tasks)


def _text(name: str, reason: str, at: str, by: str, accepted: str, tasks: Sequence[Mapping[str, Any]]) -> str:
    head = {"schema_version": SCHEMA, "name": name, "reason": reason, "blessed_at": at, "blessed_by": by}
    whole = {**head, **({"accepted": accepted} if accepted else {}), "outcomes": tasks}
    whole["sha"] = _sha(whole)
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _sha(whole: Mapping[str, Any]) -> str:
    """Of the head and of which tasks there are: one that is taken out by hand would be gated by nobody."""
    rest = {key: value for key, value in whole.items() if key not in ("sha", "outcomes")}
    return digest([rest, [task["sha"] for task in whole["outcomes"]]])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that stands there twice would show a reviewer one value and a gate the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def load(text: str, where: str = "the baseline file") -> Baseline:
    """The Baseline in a file's text; UserError for one that is corrupt, edited by hand or from a newer version."""
    try:
        whole = json.loads(text, object_pairs_hook=_once)
        version = whole["schema_version"]
        if version != SCHEMA:
            raise UserError(f"{where} has schema {version}, this bench reads {SCHEMA}; update bench")
        outcomes = tuple(_unpack(task) for task in whole["outcomes"])
        if whole["sha"] != _sha(whole):
            raise ValueError("its hash does not fit its head and its tasks")
        if len({o.task for o in outcomes}) < len(outcomes):
            raise ValueError("one task twice")
        name, reason, at, by = (str(whole[key]) for key in ("name", "reason", "blessed_at", "blessed_by"))
        accepted = str(whole.get("accepted", ""))
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, binascii.Error, zlib.error,
    ) as error:  # fmt: skip
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise UserError(f"{where} is damaged ({why}); restore it from git or bless the run again") from None
    return Baseline(name, reason, at, by, outcomes, accepted)


def blessed(text: str, tasks: Sequence[str], name: str, reason: str, at: str, by: str, accepted: str = "") -> str:
    """An export as a baseline: the same packed tasks (those of `tasks`) under another head; no store is needed."""
    kept = [task for task in json.loads(text)["outcomes"] if task["task"] in tasks]
    return _text(name, reason, at, by, accepted, kept)


def exam_of(outcomes: Outcomes) -> str:
    return str(outcomes.fingerprint.get("must", {}).get("exam", ""))


def anonymous(outcomes: Outcomes) -> bool:
    """Whether its questions are places in their exam's order, and no ids yet."""
    return bool(outcomes.samples) and all(PLACED.fullmatch(i) for i in outcomes.samples)


def named(outcomes: Outcomes, order: Sequence[str]) -> Outcomes:
    """The same with the ids of its questions, where `order` is the one it was packed by; unchanged where it isn't.

    What keeps its places pairs with nothing but another file of the same order.
    """
    if not anonymous(outcomes):
        return outcomes
    places = [i.split(_packing.PLACE) for i in outcomes.samples]
    if {sha for sha, _ in places} != {digest(list(order))} or any(int(i) >= len(order) for _, i in places):
        return outcomes
    return replace(outcomes, samples=tuple(order[int(place)] for _, place in places))


def _pack(o: Outcomes, order: Sequence[str] | None) -> dict[str, Any]:
    known = [v for v in o.values if v is not None]
    packed: dict[str, Any] = {key: getattr(o, key) for key in PLAIN}
    packed["n"] = len(o.samples)
    packed["mean"] = round(sum(known) / len(known), 6) if known else None  # for the reviewer's eye
    packed["samples"] = _packing.pack_ids(o.samples, order)
    packed["values"] = _packing.pack(o.values)
    packed["subjects"] = _packing.pack_names(o.subjects)
    packed["clusters"] = _packing.pack_names(o.clusters)
    if not o.is_mean:
        packed["is_mean"] = False
        packed["statistics"] = {key: _packing.pack(o.statistics[key]) for key in sorted(o.statistics)}
    packed |= {key: getattr(o, key) for key, silent in UNSAID.items() if getattr(o, key) != silent}
    packed["measures"] = _packing.pack_measures(o.measures)
    packed = json.loads(json.dumps(packed, allow_nan=False, default=list))
    packed["sha"] = digest(packed)
    return packed


def _unpack(packed: Mapping[str, Any]) -> Outcomes:
    body = {k: v for k, v in packed.items() if k != "sha"}
    if digest(body) != packed["sha"]:
        raise ValueError(f"the hash of {packed.get('task')} does not fit its content")
    n = int(body["n"])
    made = Outcomes(
        **{key: body[key] for key in PLAIN},
        **{key: body.get(key, silent) for key, silent in UNSAID.items()},
        samples=_packing.unpack_ids(body["samples"]),
        values=_packing.unpack(body["values"], n),
        subjects=_packing.unpack_names(body["subjects"], n),
        clusters=_packing.unpack_names(body["clusters"], n),
        measures=_packing.unpack_measures(body["measures"], n),
        is_mean=bool(body.get("is_mean", True)),
        statistics={key: _packing.unpack(value, n) for key, value in body.get("statistics", {}).items()},
    )
    wrong = next((key for key, kind in KINDS.items() if not isinstance(getattr(made, key), kind)), None)
    if wrong or made.average not in ("micro", "macro"):
        raise ValueError(f"{wrong or 'average'} is {getattr(made, wrong or 'average')!r}")
    if len(made.samples) != n or len(set(made.samples)) != n:
        raise ValueError("another number of samples than it says")
    return made
