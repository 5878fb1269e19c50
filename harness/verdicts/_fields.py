"""Nested fields as dotted names, and values for a sentence.

Example: flat({"settings": {"stop": ["\\n"]}}) -> {"settings.stop": ("\\n",)}: a JSON round trip makes no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.words import say


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names; lists as tuples, so that a JSON round trip changes nothing."""
    out: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            out.update(flat(item, f"{prefix}{key}."))
        else:
            out[f"{prefix}{key}"] = _tuples(item)
    return out


def _tuples(item: Any) -> Any:
    return tuple(_tuples(i) for i in item) if isinstance(item, list | tuple) else item


def shown(value: Any) -> str:
    """A value for a sentence: short, and honest about absence."""
    if value is None:
        return say("not recorded")
    text = value if isinstance(value, str) else repr(value)
    text = text or "empty"
    return text if len(text) <= 60 else text[:57] + "…"
