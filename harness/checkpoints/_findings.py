"""How the doctor speaks: a Finding with what is wrong, how we know, what to do. Refusing ones stop `bench run`."""

from __future__ import annotations

from harness.records import Finding


def refuse(what: str, evidence: str, remedy: str) -> Finding:
    return Finding("doctor", "refuse", what, evidence, remedy)


def warn(what: str, evidence: str, remedy: str) -> Finding:
    return Finding("doctor", "warn", what, evidence, remedy)


def some(names: list[str] | tuple[str, ...], limit: int = 3) -> str:
    """`a, b, c and 4 more`: enough to recognise them by."""
    shown = ", ".join(names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
