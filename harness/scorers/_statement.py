r"""Where a worked solution states its result: boxes, named answers, conclusions, and at last the last number.

Example: "3天看了36页，所以还剩12页。\n答：还剩12页。检查：36+12=48" -> ("12",) by rule "cue". Trap: the last number of a reply is
often a check, an aside in brackets, a calculator mark (<<2+3=5>>) or part of the next question that a base model asks.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from harness.scorers import before_next_question
from harness.scorers._quantity import LONGEST, QUANTITY, quantity, structure, undress
from harness.text import fold


class Found(NamedTuple):
    candidates: tuple[str, ...]  # more than one only for different boxes
    rule: str


BOXES, BOX = 100, 2000  # so many of the last ones, and characters of each, are looked at
CUES = 30  # of the last ones are looked at, and so many characters behind each
CLAUSE = 1000
_NAMED = re.compile(
    r"(?:(?:最终|正确|最后)?(?:答案|得数)(?:\s*(?:应该?|就|便|即|分别|约|就?是|为|[:：=】\]*]))*"
    r"|(?:^|[\n。；;，,])\s*答\s*[:：]|\bfinal\s+answer\s*(?:is|[:：=])?\s*[:：]?|\banswers?\s*(?:is|are|was|[:：=])\s*[:：]?"
    r"|####|(?:^|\n)\s*A\s*[:：])",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(
    r"(?:(?:计算)?结果(?:是|为|[:：=])|所以|因此|综上|故|总共|一共|therefore|thus|hence|\bso\b|in\s+total|result\s+is)[,，:：\s]*",
    re.IGNORECASE,
)
# "Answer:\n1. First …" opens a list, "A: 3\nB: 4" a choice; neither says what the answer is
_LISTED = re.compile(r"\s*\d{1,2}[.)、](?!\d)\s*\S|[^\n]*\n\s*\(?B\s*[:：.)]")
_CHECKED = re.compile(r"\W*(?:检[查验]|验[算证]|注意?|说明|check|verif|note)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[。！？；\n]|[.!?](?=\s|$)(?<!\d\.\d)|\.(?=\s+[A-Z])")


def extract(text: str, finished: bool = True) -> Found | None:
    """The candidate answer(s) and the rule that found them; `finished` False: the reply was cut at its token limit."""
    head = before_next_question(text)
    finished = finished or head != text
    boxes = _boxes(head) or ([] if head == text or len(_boxes(text)) != 1 else _boxes(text))
    if boxes:
        return Found(tuple(dict.fromkeys(boxes)), "boxed")
    head = _plain_marks(head)
    named = _cued(head, _NAMED, finished, last=False) or _cued(head, _CONCLUDED, finished, last=True)
    if named:
        return Found((named,), "cue")
    weak = _last_number(head) if finished else None
    if weak:
        return Found((weak,), "last_number")
    if head.strip() != _plain_marks(text).strip():
        named = _cued(_plain_marks(text), _NAMED, finished, last=False)
        return Found((named,), "cue") if named else None
    return None


def _boxes(text: str) -> list[str]:
    r"""Contents of all non-empty \boxed{}, nested braces kept whole; a box that never closes is none."""
    found = []
    for start in list(re.finditer(r"\\(?:boxed|fbox)\s*", text))[-BOXES:]:
        at = start.end()
        if at < len(text) and text[at] == "{":
            depth = 0
            for i in range(at, min(len(text), at + BOX)):
                depth += (text[i] == "{") - (text[i] == "}")
                if depth == 0:
                    found.append(text[at + 1 : i].strip())
                    break
        else:
            bare = re.match(r"-?\d[\d.,]*\d|\d", text[at:])
            found.append(bare[0] if bare else "")
    return [f for f in found if undress(re.sub(r"\\[hv]?phantom\s*\{[^{}]*\}|[?？]", "", f))]  # a blank to fill in


def _plain_marks(text: str) -> str:
    """Half width, without calculator marks (<<2+3=5>>) and the tool's code, which hold numbers nobody answered."""
    text = re.sub(r"<<[^<>\n]*>>", "", fold(text))
    text = re.sub(r"```(?!output).*?```", "\n", text, flags=re.DOTALL)
    return re.sub(r"\*\*|__|</?\w{1,10}>", "", text)


def _cued(text: str, cue: re.Pattern[str], finished: bool, last: bool) -> str | None:
    """What stands behind the last cue that a number follows: a formula, the first number, or (`last`) the last one."""
    for found in reversed(list(cue.finditer(text))[-CUES:]):
        start = found.end()
        rest = text[start : start + CLAUSE]
        if _LISTED.match(rest):
            continue
        lead = len(rest) - len(rest.lstrip(" \n\t:：")) if not last else 0
        end = _SENTENCE_END.search(rest, lead)
        clause = rest[: end.start() if end else len(rest)]
        sentence = last or ("答" in found[0] and "答案" not in found[0])
        answer = _in_clause(clause, sentence)
        cut = not finished and start + len(clause) >= len(text.rstrip()) and clause.rstrip().endswith(answer or "\0")
        overruled = last and _goes_on(rest[len(clause) :])
        if answer and not cut and not overruled:
            return answer
    return None


def _goes_on(rest: str) -> bool:
    """Whether the solution counts on after a "so …": then that was a step, not the conclusion."""
    return not _CHECKED.match(rest) and any(quantity(n[0]) is not None for n in QUANTITY.finditer(rest))


def _in_clause(clause: str, sentence: bool) -> str | None:
    """The answer in what follows a cue; `sentence`: it may open with another number ("答：3天后还剩12页")."""
    clause = clause[:LONGEST].strip().strip(":：是为 \n")
    assigned = re.sub(r"^[^=]*[a-zA-Z)\d\u4e00-\u9fff]\s*=\s*(?=[^=]*$)", "", clause)
    for candidate in (clause, assigned, re.split(r"，|,\s", clause)[0]):
        if quantity(candidate) is not None or structure(candidate) is not None:
            return candidate
    if re.fullmatch(r"[\d\s.,+\-*/^()\[\]{}|π√°\\a-z]{1,60}", clause) and re.search(r"[π√^]", clause):
        return clause
    formulas = [f[0] or f[1] or f[2] for f in _FORMULA.findall(clause)]
    if formulas and re.search(r"[\\^=_a-z]", "".join(formulas)):
        return formulas[-1 if sentence else 0].rsplit("=", 1)[-1].strip() or None
    if "=" in clause:
        return _number_in(clause.rsplit("=", 1)[1], last=False)
    opens = QUANTITY.match(clause.lstrip("$ "))
    if opens and not sentence:
        return _number_in(clause, last=False)
    parts = _VERB.split(clause)
    return _number_in(parts[-1], last=False) or _number_in(clause, last=True)


_FORMULA = re.compile(r"\$([^$\d]?[^$]*?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]")
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|equals|gets?|makes?|needs?)\b|[是为有剩共需要等于得花用]+")


def _number_in(text: str, last: bool) -> str | None:
    """The first or last number of a clause; an aside in brackets only where there is no other."""
    outside = re.sub(r"\([^()]*\)|（[^（）]*）", " ", text)
    for part in (outside, text):
        numbers = [n for n in QUANTITY.finditer(part) if quantity(n[0]) is not None]
        if numbers:
            chosen = numbers[-1 if last else 0]
            unit = re.match(r"\s?[\u4e00-\u9fff]{1,3}\d", part[chosen.end() :])
            compound = (
                part[chosen.start() :] if unit or re.match(r"\s?(?:[:：]|[.…]{2,})\s?\d", part[chosen.end() :]) else ""
            )
            return compound.strip() if compound and structure(compound) else chosen[0].strip()
    return None


def _last_number(text: str) -> str | None:
    for line in reversed(text.splitlines()[-200:]):
        line = line[-CLAUSE:]
        number = _number_in(line.rsplit("=", 1)[-1], last=True) or _number_in(line, last=True)
        if number:
            return number
    return None
