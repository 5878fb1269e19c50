"""The words that the compare page's script fills in: the harness's own sentences, and the page's, in both languages.

Example: `carried()["worse"]` -> {"en": "Worse: {moved}", "zh": "更差：{moved}"}, the template of `bench compare`, so that
terminal and page can't come to say different things of one pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.words import dictionary
from leaderboard.words import LANGUAGES, dictionaries

OWN = "cmp_"  # keys of i18n/compare.*.json that the script fills
SENTENCES = {
    "and": ", ",
    "semicolon": "; ",
    "nothing": "Nothing could be compared.",
    "stop": "{parts}.",
    "moved": "{what} {unit} on {task} (90 % interval {low} to {high})",
    "points": "points",
    "mixed": "Mixed: {worst}, {best}",
    "worse": "Worse: {moved}",
    "better": "Better: {moved}",
    "also_worse": "also worse: {tasks}",
    "also_better": "also better: {tasks}",
    "same": "{tasks} the same within a point",
    "unread_fell": ", while unread answers fell from {before} to {after} %",
    "unread_rose": ", while unread answers rose from {before} to {after} %",
    "all_same": "The same within a point: {moved}{others}.",
    "all_others": ", and all {n} tasks",
    "one_other": ", and so is the other task",
    "unclear_one": "No clear difference: {moved}, {needs}.",
    "unclear": "No clear difference: {parts}",
    "open": "{task} not separable, {needs}",
    "more_open": "{n} more tasks not separable",
    "needs_one": "needs about 1 more question",
    "needs": "needs about {n:,} more questions",
    "unseen": "a change below {n} {unit} would often go unseen",
    "first_and": "{first} and {n} more",
    "verdict_worse": "worse",
    "verdict_better": "better",
    "verdict_alike": "alike",
    "verdict_not separable": "not separable",
}
_SPEC = re.compile(r"\{(\w+)[^}]*\}")  # numbers come spelt: {n:,} -> {n}


def carried() -> Mapping[str, Mapping[str, str]]:
    """Key -> language -> text with {slots}."""
    zh = dictionary("zh")
    said = {key: {"en": _plain(text), "zh": _plain(zh.get(text, text))} for key, text in SENTENCES.items()}
    texts = dictionaries()
    own = [key for key in texts["en"] if key.startswith(OWN)]
    kinds = [key for key in texts["en"] if key.startswith(("kind_", "o_"))]
    return said | {key: {language: texts[language][key] for language in LANGUAGES} for key in own + kinds}


def heading(language: str) -> str:
    return dictionaries()[language]["compare_title"]


def _plain(text: str) -> str:
    return _SPEC.sub(r"{\1}", text)
