"""Words and numbers on a page: both languages at once, numbers to one decimal, hostile text made harmless.

A page holds every short text twice, `<i lang=en>Rank</i><i lang=zh>名次</i>`, and CSS shows the one of `<html lang>`:
switching needs no reload, and works the same from file://. The tags are short because a page has hundreds of them.
Trap: autoescaping stops `<script>`, but not U+202E, which turns the rest of a line around so that a wrong answer
reads like a right one; `visible` prints such characters as their code.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from harness.identity import digest

LANGUAGES = ("en", "zh")
CLIP_CHARACTERS = 20_000  # of a text on a page; the store keeps all of it
CLIP_TAIL_CHARACTERS = 4_000  # the answer stands at the end
DASH = "–"

# controls, bidi marks and overrides, separators, signs without ink, lone surrogates, byte order mark; and of a pile of
# combining marks, which would be painted over the lines around it, all but the first eight
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
    f"|{_MARKS}(?<={_MARKS}{{9}}){_MARKS}*"
)


def dictionaries() -> dict[str, dict[str, str]]:
    """Language -> key -> text, from every i18n/PAGE.LANGUAGE.json; a key that two pages define is an error."""
    found: dict[str, dict[str, str]] = {lang: {} for lang in LANGUAGES}
    for source in sorted((files("leaderboard") / "i18n").iterdir(), key=lambda source: source.name):
        _, language, _ = source.name.split(".")
        texts = json.loads(source.read_text("utf-8"))
        twice = found[language].keys() & texts.keys()
        if twice:
            raise ValueError(f"{source.name} defines {', '.join(sorted(twice))} a second time")
        found[language] |= texts
    return found


class Words:
    """`t("shots", n=5)` in a template; an unknown key is a KeyError at build time, not a hole on the page.

    What is said with no value, or with numbers alone, is remembered: a thousand pages say the same hundred things.
    """

    def __init__(self) -> None:
        self._texts = dictionaries()
        self._said: dict[Any, Markup] = {}

    def __call__(self, key: str, /, **values: Any) -> Markup:
        """The text of a key in both languages; a value that is no number is made visible first."""
        if any(type(value) is not int for value in values.values()):
            return self._new(key, values)
        said = (key, *values.items()) if values else key
        if said not in self._said:
            self._said[said] = self._new(key, values)
        return self._said[said]

    def _new(self, key: str, values: Mapping[str, Any]) -> Markup:
        shown = {name: value if type(value) in (int, float) else str(visible(value)) for name, value in values.items()}
        return self.pair({lang: Markup(texts[key].format(**shown)) for lang, texts in self._texts.items()})

    def plain(self, key: str, language: str) -> str:
        """For attributes and <title>, which cannot hold two."""
        return self._texts[language][key]

    def has(self, key: str) -> bool:
        return key in self._texts[LANGUAGES[0]]

    def attributes(self, name: str, key: str) -> Markup:
        """`aria-label="…"` with both languages beside it for the switch; the script moves the right one over."""
        parts = [f'data-{name}-{lang}="{escape(texts[key])}"' for lang, texts in self._texts.items()]
        return Markup(" ".join(parts))

    @staticmethod
    def pair(texts: Mapping[str, Any]) -> Markup:
        """A mapping language -> text (a card's title) in both; one of them for both where the other is absent."""
        known = [text for text in texts.values() if text]
        en, zh = (texts.get(lang) or (known[0] if known else "") for lang in LANGUAGES)
        if en == zh:
            return visible(en)
        return Markup(f"<i lang=en>{visible(en)}</i><i lang=zh>{visible(zh)}</i>")


def visible(text: Any) -> Markup:
    """Escaped, with the characters nobody can see (and everybody can be fooled by) as their code."""
    if isinstance(text, Markup):
        return text
    raw = str(text)
    if raw.isascii() and raw.isprintable() and len(raw) <= CLIP_CHARACTERS:  # most names
        return escape(raw)
    raw = raw.replace("\r\n", "\n")
    if len(raw) > CLIP_CHARACTERS:
        cut = len(raw) - CLIP_CHARACTERS
        head, tail = raw[: CLIP_CHARACTERS - CLIP_TAIL_CHARACTERS], raw[-CLIP_TAIL_CHARACTERS:]
        return visible(head) + Markup('<span class="cut"> … {:,} … </span>').format(cut) + visible(tail)
    pieces, start = [], 0
    for match in _UNSEEN.finditer(raw):
        pieces += [escape(raw[start : match.start()]), Markup('<span class="code">{}</span>').format(_code(match))]
        start = match.end()
    return Markup("").join([*pieces, escape(raw[start:])])


def inline(text: Any) -> Markup:
    """A name inside a line: visible and isolated, so that right-to-left letters do not move its neighbours."""
    if type(text) is str and text.isascii() and text.isprintable() and text.strip() and len(text) <= CLIP_CHARACTERS:
        return Markup(f"<bdi>{escape(text)}</bdi>")  # most names
    shown = visible(text)
    return Markup(f"<bdi>{shown if shown.strip() else DASH}</bdi>")  # a link without a text can't be found


def alone(text: Any) -> Markup:
    """A name that fills a cell of a long table: isolated where some letter of it could need that."""
    name = str(text)
    plain = name.isascii() and name.isprintable() and name.strip() and len(name) <= CLIP_CHARACTERS
    return escape(name) if plain else inline(name)


def attribute(text: Any) -> str:
    """Plain text for an attribute or <title>, unseen characters as their code; the template escapes it."""
    return _UNSEEN.sub(_bracketed, str(text))[:300]


def seen(value: Any) -> Any:
    """What a template prints without a filter goes through here, so that nothing unseen depends on a filter's being there."""
    return _UNSEEN.sub(_bracketed, value) if type(value) is str else value


def _bracketed(found: re.Match[str]) -> str:
    return f"[{_code(found)}]"


def _code(found: re.Match[str]) -> str:
    """`U+202E`; of a pile `U+0301 ×9992`."""
    signs = found[0]
    return f"U+{ord(signs[0]):04X}" + (f" ×{len(signs)}" if len(signs) > 1 else "")


def slug(name: str, identifier: str) -> str:
    """A file name that any file system and URL takes: `qwen3-0-6b-lora-3fa2b1c0`, also for `../..` and `<script>`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    short = identifier[:8] if re.fullmatch(r"[0-9a-f]{8,64}", identifier) else digest(identifier)[:8]
    return f"{stem}-{short}" if stem else short


def points(value: float | None) -> str:
    """A share as percent without the sign: 0.7239 -> 72.4."""
    return DASH if value is None else f"{100 * value:.1f}"


def decimal(value: float | None) -> str:
    """Any other measure: few digits, thousands apart."""
    if value is None:
        return DASH
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def tenth(value: float | None) -> str:
    """Points of 100 to one decimal."""
    return DASH if value is None else f"{value:.1f}"


def count(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def size(value: int | None) -> str:
    """Bytes in binary units, the ones a disk quota speaks."""
    if value is None:
        return DASH
    amount = float(value)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def parameters(value: int | None) -> str:
    if value is None:
        return DASH
    for unit, factor in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return str(value)
