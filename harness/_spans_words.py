r"""Where a yes, no or maybe stands in a reply; the answer is spelt in the gold's terms, the reply in its own.

Example: WORD_RULES["opening"]("是的，两者有关。", "yes") == (0, 2): 是的 and "yes" are one class. Trap: the "no" of "no significant
difference" and the 是 of 是否 are no answers, so a word counts only where its rule would read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Span = tuple[int, int]
Rule = Callable[[str, str], Span | None]

TAIL = 240  # characters at the end that are looked at first
BEFORE = 120  # characters before a word in which its cue is looked for
_YES = r"yes|true|affirmative|是的?|对的?|正确(?!的)|肯定的?|能够?|可以的?|会的?|有"
_NO = r"no|not|false|negative|否定?的?|不是的?|不对|不正确|错误?(?!的)|不能|不可以|不会|没有|不"
_MAYBE = (
    r"maybe|perhaps|possibly|uncertain|unclear|undetermined|unknown|inconclusive|not\s(?:certain|clear|sure)"
    r"|can(?:no|')t\sbe\sdetermined|不一定|不确定的?|(?:无法|不能|难以|尚不能)(?:确定|判断)|尚?不(?:清楚|明确)|也许|或许|未知|可能(?:是|会|有|的)?"
)
_CLASS = re.compile(
    rf"(?:(?P<maybe>{_MAYBE})|(?P<no>{_NO})|(?P<yes>{_YES}))(?![\w/%]|\s?(?:或者?|还是|or\b|/)\s?)", re.IGNORECASE
)
_ANSWER = re.compile(rf"(?:(?P<maybe>{_MAYBE})|(?P<no>{_NO})|(?P<yes>{_YES}))[.。]?", re.IGNORECASE)
_CUE = re.compile(
    r"(?:answer|decision|verdict|conclusion|result|prediction|output|label|response|\bsay|conclude|shows?|suggests?)(?:\s(?:to|of)\s[^.\n]{1,80}?|\s?\([^()\n]{1,40}\))?[\"']?\s?(?:is|be|that|[:=>—–-])?"
    r"|(?:答案|结论|回答|判断(?:结果)?)\s?[】\]]?(?:应该?|应当|就)?\s?[是为选:：]?|答\s?[:：]|我(?:认为|觉得)|[故应]选|更正|改为|应为|应该是|其实(?:应该)?是|不对[，,]"
    r"|\b(?:actually|wait|correction)|\bit(?:'s|\sis)|yes\s?/\s?no(?:\s?/\s?maybe)?\s?:",
    re.IGNORECASE,
)
_SUMS_UP = re.compile(
    r"\b(?:therefore|thus|hence|so|overall|indeed|certainly|of\scourse|taken\stogether|in\s(?:conclusion|summary|short)|to\s(?:conclude|sum\sup))\b"
    r"|因此|所以|综上(?:所述)?|总之|可见",
    re.IGNORECASE,
)
_GAP = re.compile(
    r"(?:[\s\"'“‘「『（(\[【:：$*_`,，{}\\]|text(?:bf)?|math(?:rm|bf)|most\slikely|likely|probably|definitely|clearly|应该?|应当|当然|显然|就|[A-C]\s?[.:、)]|an?\s)*",
    re.IGNORECASE,
)


def is_verdict(answer: str) -> bool:
    """Whether this answer is a yes, no or maybe."""
    return bool(_ANSWER.fullmatch(answer))


def _words(text: str, answer: str, begin: int = 0) -> list[Span]:
    """Where words of the answer's class stand, the last one first."""
    meant = _ANSWER.fullmatch(answer)
    if not meant:
        return []
    words = (found for found in _CLASS.finditer(text, begin) if found.lastgroup == meant.lastgroup)
    return [found.span() for found in words if not _inside(text, found)][::-1]


def _inside(text: str, found: re.Match[str]) -> bool:
    """Whether a Latin word began before it: the "no" of "piano"."""
    before = text[found.start() - 1 : found.start()]
    return before.isascii() and before.isalnum() and found[0].isascii()


def _cue(text: str, answer: str) -> Span | None:
    """Right behind a cue, the last one."""
    return _behind(_CUE, text, answer, max(0, len(text) - TAIL)) or (
        _behind(_CUE, text, answer, 0) if len(text) > TAIL else None
    )


def _behind(cue: re.Pattern[str], text: str, answer: str, begin: int) -> Span | None:
    for start, end in _words(text, answer, begin):
        for found in cue.finditer(text, max(0, start - BEFORE), start):
            gap = _GAP.match(text, found.end(), start)
            if gap and gap.end() == start:
                return start, end
    return None


def _first(text: str, answer: str) -> Span | None:
    """The first words of the reply."""
    spans = _words(text[:60], answer)
    if not spans:
        return None
    before = text[: spans[-1][0]].strip(" \n\t\"'“”‘’*_#()（）[]【】$:：.").lower()
    return spans[-1] if before in ("", "答", "most likely", "likely", "probably", "definitely", "certainly") else None


def _bare(text: str, answer: str) -> Span | None:
    """All of the last line, of its last sentence, or of the first line."""
    tail = text.rstrip()
    start = tail.rfind("\n") + 1
    sentence = max(tail.rfind(mark, start, len(tail) - 1) for mark in "。！？!?；;.") + 1 or start
    head = text.lstrip()
    first = len(text) - len(head)
    for begin, end in ((start, len(tail)), (max(start, sentence), len(tail)), (first, (text + "\n").find("\n", first))):
        for at, stop in _words(text[begin:end], answer):
            around = text[begin : begin + at] + text[begin + stop : end]
            if not re.sub(r"[A-C]\s?[.:、)]|[\W_]", "", around):
                return at + begin, stop + begin
    for at, stop in _words(tail[-20:], answer)[:1]:
        shift = max(0, len(tail) - 20)
        return (at + shift, stop + shift) if not re.search(r"\w", tail[stop + shift :]) else None
    return None


def _boxed(text: str, answer: str) -> Span | None:
    at = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if at < 0:
        return None
    spans = _words(text[at : at + 60], answer)
    return (spans[-1][0] + at, spans[-1][1] + at) if spans else None


def _only(text: str, answer: str) -> Span | None:
    """Where a word of its class stands once."""
    spans = _words(text, answer)
    return spans[0] if len(spans) == 1 else None


def _concluded(text: str, answer: str) -> Span | None:
    return _behind(_SUMS_UP, text, answer, 0)


WORD_RULES: dict[str, Rule] = {
    "boxed": _boxed,
    "cue": _cue,
    "bare": _bare,
    "opening": _first,
    "conclusion": _concluded,
    "marked": _only,
}
