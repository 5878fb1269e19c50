"""Columns of numbers, names and sample ids as short text, and back without losing a bit.

Example: C-Eval test's 12,342 outcomes are 1,543 bytes of bits; its ids, eight random bytes each, would be 99 kB more.
An exam's id fixes its questions and their order, so a digest of that order and a position say as much as an id, and
only where the order isn't known are ids written out. Nothing is quantised: a verdict from a file is the one from a store.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.identity import digest

WHOLE = ("u1", "<u2", "<i4")
MAX_BYTES = 1 << 28  # unpacked; nobody's baseline, but a bomb's
MAX_SAMPLES = 1 << 22
PLACE = "#"  # between an order's digest and a position; ids of ours are hex digits


def squeeze(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 9)).decode("ascii")


def unsqueeze(text: str) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
    if not unpacker.eof:
        raise ValueError("packed data is cut off")
    return raw


def pack(values: Sequence[float | None]) -> dict[str, str]:
    """Bits for 0/1, else the shortest of numbers that come back exactly; a mask where some are missing."""
    present = np.array([v is not None for v in values], bool)
    numbers = np.array([v for v in values if v is not None], "<f8")
    packed = {} if present.all() else {"present": squeeze(np.packbits(present).tobytes())}
    if np.isin(numbers, (0.0, 1.0)).all():
        return {**packed, "kind": "bits", "data": squeeze(np.packbits(numbers.astype(bool)).tobytes())}
    with np.errstate(invalid="ignore", over="ignore"):
        kind = next((k for k in (*WHOLE, "<f4") if (numbers.astype(k).astype(float) == numbers).all()), "<f8")
    plain = {"kind": kind, "data": squeeze(numbers.astype(kind).tobytes())}
    few = _table(numbers)
    return {**packed, **(few if few and sum(map(len, few.values())) < sum(map(len, plain.values())) else plain)}


def _table(numbers: NDArray[np.float64]) -> dict[str, str] | None:
    """The distinct numbers once, then which of them: thirds of three repeats, grades of a few steps."""
    distinct, which = np.unique(numbers.view("<i8"), return_inverse=True)  # by their bits
    if distinct.size > 1 << 16:
        return None
    kind = "u1" if distinct.size <= 1 << 8 else "<u2"
    return {"kind": "table", "table": squeeze(distinct.tobytes()), "data": squeeze(which.astype(kind).tobytes())}


def unpack(packed: Mapping[str, str], n: int) -> tuple[float | None, ...]:
    if not 0 <= n <= MAX_SAMPLES:
        raise ValueError(f"{n} samples")
    present = bits(packed["present"], n) if "present" in packed else np.ones(n, bool)
    count, raw = int(present.sum()), packed["data"]
    if packed["kind"] == "bits":
        numbers = bits(raw, count).astype(float)
    elif packed["kind"] == "table":
        distinct = np.frombuffer(unsqueeze(packed["table"]), "<f8")
        which = np.frombuffer(unsqueeze(raw), "u1" if distinct.size <= 1 << 8 else "<u2")
        if which.size and int(which.max()) >= distinct.size:
            raise ValueError("a value beyond its table")
        numbers = distinct[which]
    elif packed["kind"] in (*WHOLE, "<f4", "<f8"):
        numbers = np.frombuffer(unsqueeze(raw), packed["kind"]).astype(float)
    else:
        raise ValueError(f"unknown packing {packed['kind']!r}")
    if numbers.size != count or not np.isfinite(numbers).all():
        raise ValueError(f"{numbers.size} values where {count} finite ones belong")
    follow = iter(numbers.tolist())
    return tuple(next(follow) if there else None for there in present.tolist())


def pack_measures(measures: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    """By name; the parts of one measure (`choice_skew:A`, `:B` …) as the distinct rows of all of them, where shorter."""
    groups: dict[str, list[str]] = {}
    for name in sorted(measures):
        groups.setdefault(name.partition(":")[0], []).append(name)
    packed: dict[str, Any] = {}
    for head, names in groups.items():
        plain = {name: pack(measures[name]) for name in names}
        joint = _joint([measures[name] for name in names]) if len(names) > 1 else None
        if joint and len(str(joint)) < len(str(plain)):
            packed[f"{head}:"] = {"parts": [name.partition(":")[2] for name in names], **joint}
        else:
            packed |= plain
    return packed


def _joint(columns: Sequence[Sequence[float | None]]) -> dict[str, Any] | None:
    distinct = list(dict.fromkeys(zip(*columns, strict=True)))
    if len(distinct) > 1 << 8:
        return None
    where = {row: float(i) for i, row in enumerate(distinct)}
    each = pack([where[row] for row in zip(*columns, strict=True)])
    return {"rows": [pack(column) for column in zip(*distinct, strict=True)], "of": len(distinct), "each": each}


def unpack_measures(packed: Mapping[str, Any], n: int) -> dict[str, tuple[float | None, ...]]:
    found: dict[str, tuple[float | None, ...]] = {}
    for name, one in packed.items():
        if "parts" not in one:
            found[name] = unpack(one, n)
            continue
        each = [int(i or 0) for i in unpack(one["each"], n)]
        for part, column in zip(one["parts"], one["rows"], strict=True):
            distinct = unpack(column, int(one["of"]))
            found[f"{name}{part}"] = tuple(distinct[i] for i in each)
    return found


def bits(text: str, n: int) -> NDArray[np.bool_]:
    raw = np.frombuffer(unsqueeze(text), np.uint8)
    if raw.size != -(-n // 8):
        raise ValueError(f"{raw.size} bytes where {n} bits belong")
    return np.unpackbits(raw)[:n].astype(bool)


def pack_names(names: Sequence[str]) -> dict[str, Any] | None:
    """Subjects or clusters: the distinct names once, then how many of each in a row, or a number per sample."""
    if not any(names):
        return None
    distinct = list(dict.fromkeys(names))
    runs = [(name, len(list(row))) for name, row in groupby(names)]
    if len(runs) == len(distinct):
        return {"names": distinct, "runs": " ".join(str(length) for _, length in runs)}
    where = {name: float(i) for i, name in enumerate(distinct)}
    return {"names": distinct, "each": pack([where[name] for name in names])}


def unpack_names(packed: Mapping[str, Any] | None, n: int) -> tuple[str, ...]:
    if packed is None:
        return ()
    names = [str(name) for name in packed["names"]]
    if "runs" in packed:
        lengths = [int(length) for length in packed["runs"].split()]
        if min(lengths, default=0) < 0 or sum(lengths) != n:
            raise ValueError(f"{sum(lengths)} names where {n} belong")
        return tuple(name for name, length in zip(names, lengths, strict=True) for _ in range(length))
    return tuple(names[int(i or 0)] for i in unpack(packed["each"], n))


def pack_ids(ids: Sequence[str], order: Sequence[str] | None) -> dict[str, Any] | list[str]:
    """By the exam's order where it is known and holds all of them in that order; else 8 bytes each; else as they are."""
    if order is not None and (asked := _asked(ids, order)) is not None:
        packed: dict[str, Any] = {"order": digest(list(order)), "of": len(order)}
        return packed if asked.all() else {**packed, "asked": squeeze(np.packbits(asked).tobytes())}
    if all(len(i) == 16 and i == i.lower() and set(i) <= set("0123456789abcdef") for i in ids):
        return {"hex8": base64.b64encode(bytes.fromhex("".join(ids))).decode("ascii")}  # hashes don't deflate
    return list(ids)


def _asked(ids: Sequence[str], order: Sequence[str]) -> NDArray[np.bool_] | None:
    wanted = set(ids)
    asked = np.array([i in wanted for i in order], bool)
    kept = [i for i, there in zip(order, asked.tolist(), strict=True) if there]
    return asked if kept == list(ids) else None


def unpack_ids(packed: Mapping[str, Any] | list[str]) -> tuple[str, ...]:
    """Ids, or for an order's digest and positions in it: equal only for the same question of the same order."""
    if isinstance(packed, list):
        return tuple(str(i) for i in packed)
    if "order" in packed:
        n = int(packed["of"])
        if not 0 <= n <= MAX_SAMPLES:
            raise ValueError(f"an order of {n} questions")
        asked = bits(packed["asked"], n) if "asked" in packed else np.ones(n, bool)
        return tuple(f"{packed['order']}{PLACE}{i}" for i in np.flatnonzero(asked).tolist())
    text = base64.b64decode(packed["hex8"], validate=True).hex()
    return tuple(text[i : i + 16] for i in range(0, len(text), 16))
