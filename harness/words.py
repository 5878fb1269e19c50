"""Words for people: the code says everything in English, and what prints it takes the reader's language.

Example: `say("{what} on {task}", what="-3.1 points", task="ceval")` is the text "-3.1 points on ceval" for every file,
script and store; `told` of it is "ceval：-3.1 points" where `LANG` is Chinese, by the line of i18n/zh.json for its template.
Trap: a checkpoint may be called "worse". Only what went through `say` is a word of ours; any other text stays as it is.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Mapping

VARIABLES = ("BENCH_LANG", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides
ENGLISH, CHINESE = "en", "zh"


class Said(str):
    """A plain English text that still knows its template and what was filled in: values by name, or members of a list."""

    __slots__ = ("filled", "template")
    template: str
    filled: Mapping[str, object] | tuple[str, ...]


def say(template: str, /, **values: object) -> Said:
    """A word or a sentence of ours; values may have been said themselves."""
    return _made(template.format(**values) if values else template, template, values)


def heads(*names: str) -> list[str]:
    """Words of ours in a row, such as the head of a table."""
    return [say(name) for name in names]


def listed(items: Iterable[str], glue: str = ", ") -> Said:
    """Several texts with a comma, or with another word of ours, between them."""
    members = tuple(items)
    return _made(glue.join(members), glue, members)


def told(text: str) -> str:
    """The text in the reader's language; English where nobody wrote another."""
    return _told(text, dictionary(language())) if isinstance(text, Said) else text


def language() -> str:
    """`zh` for zh_CN.UTF-8 and its kin, else English, in which `C` and an empty variable are too."""
    chosen = next((value for name in VARIABLES if (value := os.environ.get(name))), "")
    return CHINESE if chosen.lower().startswith(CHINESE) else ENGLISH


@functools.cache
def dictionary(language: str) -> Mapping[str, str]:
    """English template -> template of that language; nothing to look up for English itself."""
    if language == ENGLISH:
        return {}
    from importlib.resources import files  # `bench --help` needs none

    found: dict[str, str] = json.loads((files("harness") / "i18n" / f"{language}.json").read_text("utf-8"))
    return found


def _made(text: str, template: str, filled: Mapping[str, object] | tuple[str, ...]) -> Said:
    made = Said(text)
    made.template, made.filled = template, filled
    return made


def _told(said: object, words: Mapping[str, str]) -> str:
    assert isinstance(said, str)
    if not isinstance(said, Said):
        return said
    template = words.get(said.template, said.template)
    if isinstance(said.filled, tuple):
        return template.join(_told(member, words) for member in said.filled)
    if not said.filled:
        return template
    return template.format(**{k: _told(v, words) if isinstance(v, Said) else v for k, v in said.filled.items()})
