r"""Where a number or formula stands in a worked solution, by the rule that read it: in a box, behind a cue, last of all.

Example: NUMBER_RULES["cue"]("3+15=18，所以是18元。\n答：18元", "18元") == (17, 20). Trap: the same number stands in the steps, in
calculator marks (<<9*2=18>>) and in code; none of these was read as the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.scorers._quantity import undress

Span = tuple[int, int]
Rule = Callable[[str, str], Span | None]

MOST = 40  # places that are looked at, from the end
CLAUSE = 120  # characters before a number in which its cue is looked for
BOX = 2000
_NAMED = re.compile(
    r"答案|得数|(?:^|[\n。；;，,])\s{0,20}答\s{0,9}[:：]|\banswers?\s*(?:is|are|was|[:：=])|\bfinal\s+answer|####|(?:^|\n)\s{0,20}A\s{0,9}[:：]",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(
    r"结果(?:是|为|[:：=])|所以|因此|综上|故|总共|一共|(?:解集?|取值范围|方程|坐标|解析式)[是为]|therefore|thus|hence|\bso\b|in\s+total|result\s+is",
    re.IGNORECASE,
)
_NAMES = ("answer", "答", "得数", "####", "a:", "a：")  # what every match of _NAMED holds
_AT_ONCE = ("####", "answer is", "answer", "答案", "答案是", "答案为", "\na", "\n答", "得数是", "得数")
_SIGNS = " \t:：$*￥¥(（\\[【】]"
_MARK = re.compile(r"[^\w\n]{0,4}\d{1,2}[.)、](?!\d)(?=[ \t]*[^\s])")
_SENTENCE_END = re.compile(r"[。！？；\n]|[.!?](?=\s)")


def _places(text: str, answer: str) -> Iterator[int]:
    """Where the answer stands as a number of its own, outside marks and code, the last place first."""
    marks, code, at = "<<" in text, "```" in text, len(text)
    for _ in range(MOST):
        at = text.rfind(answer, 0, at)
        if at < 0:
            return
        if _whole(text, at, at + len(answer)):
            if marks and text.rfind("<<", 0, at) > text.rfind(">>", 0, at):
                continue
            if code and text.count("```", 0, at) % 2:
                continue
            yield at


def _whole(text: str, start: int, end: int) -> bool:
    """Whether the digits at both ends are not parts of longer numbers."""
    if text[start].isdigit() and start:
        before = text[start - 1]
        if before.isdigit() or (before in ".," and text[start - 2 : start - 1].isdigit()):
            return False
    if text[end - 1].isdigit():
        behind = text[end : end + 2]
        return not (behind[:1].isdigit() or (behind[:1] in (".", ",") and behind[1:].isdigit()))
    return True


def _cue(text: str, answer: str) -> Span | None:
    """Behind the last cue that names the answer, else the last one of a clause that concludes, else where it stands once."""
    places = []
    for at in _places(text, answer):
        if text[max(0, at - 24) : at].rstrip(_SIGNS).lower().endswith(_AT_ONCE):
            return at, at + len(answer)
        places.append(at)
    said = text.lower()
    for at in places if any(name in said for name in _NAMES) else ():
        cue = _behind(_NAMED, text, at)
        if cue >= 0:
            first = min(p for p in places if p >= cue)
            return first, first + len(answer)
    for at in places:
        if _behind(_CONCLUDED, text, at) >= 0:
            return at, at + len(answer)
    return (places[0], places[0] + len(answer)) if len(places) == 1 else None


def _behind(cue: re.Pattern[str], text: str, at: int) -> int:
    """Where the cue ends in whose clause this place stands, -1 where it stands in none."""
    start = max(0, at - CLAUSE)
    end = -1
    for found in cue.finditer(text, start, at):
        end = found.end()
    if end < 0 or _SENTENCE_END.search(text[end:at].lstrip(" \n\t:：")):
        return -1
    return end


def _last(text: str, answer: str) -> Span | None:
    """The last place in a line that doesn't ask and isn't numbered by it."""
    for at in _places(text, answer):
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        line = text[start : end if end >= 0 else len(text)].rstrip()
        mark = _MARK.match(text, start)
        if not line.endswith(("?", "？", ":", "：")) and not (mark and mark.end() > at):
            return at, at + len(answer)
    return None


def _boxed(text: str, answer: str) -> Span | None:
    at = len(text)
    for _ in range(MOST):
        at = max(text.rfind("\\boxed", 0, at), text.rfind("\\fbox", 0, at))
        if at < 0:
            return None
        inside = _inside(text, at)
        if inside is None:
            continue
        said = text[inside[0] : inside[1]]
        if said == answer or undress(said) == answer:
            return inside
    return None


def _inside(text: str, at: int) -> Span | None:
    """What the braces of a box hold, spaces left out; None where they never close."""
    start = text.find("{", at, at + 20) + 1
    if not start:
        return None
    depth, end = 1, start
    stop = min(len(text), start + BOX)
    while end < stop:
        depth += (text[end] == "{") - (text[end] == "}")
        if not depth:
            break
        end += 1
    if depth:
        return None
    said = text[start:end]
    return start + len(said) - len(said.lstrip()), end - len(said) + len(said.rstrip())


def _field(text: str, answer: str) -> Span | None:
    key = text.lower().rfind('answer"')
    at = text.find(answer, key) if key >= 0 else -1
    return (at, at + len(answer)) if at >= 0 else None


def _all(text: str, answer: str) -> Span | None:
    at = text.find(answer)
    return (at, at + len(answer)) if at >= 0 else None


NUMBER_RULES: dict[str, Rule] = {
    "boxed": _boxed,
    "field": _field,
    "cue": _cue,
    "last_number": _last,
    "whole": _all,
}


def filtered(text: str, answer: str, rule: str) -> Span | None:
    """What a stock task's filter left of a reply ("exact_match,strict-match"), where its place is sure.

    gsm8k's flexible-extract takes the last number, strict-match the first one behind "####"; of another filter only its
    name is known, so what it left must stand there once, and be less than the whole reply.
    """
    if answer.strip() == text.strip():
        return None
    kind = rule.rsplit(",", 1)[1]
    if kind == "flexible-extract":
        at = text.rfind(answer)
        return (at, at + len(answer)) if at >= 0 else None
    places = [at for at in _places(text, answer) if not _in_a_word(text, at, at + len(answer))]
    if kind == "strict-match":
        places = [at for at in places if text[max(0, at - 24) : at].rstrip(_SIGNS).lower().endswith(_AT_ONCE)][-1:]
    return (places[0], places[0] + len(answer)) if len(places) == 1 else None


def _in_a_word(text: str, start: int, end: int) -> bool:
    before, behind = text[start - 1 : start], text[end : end + 1]
    left = before.isascii() and before.isalpha() and text[start].isalpha()
    return left or (behind.isascii() and behind.isalpha() and text[end - 1].isalpha())
