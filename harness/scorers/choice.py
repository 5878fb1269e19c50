r"""The option letter(s) that a generated Chinese or English reply settles on; several letters are an exact set.

Example: "A 项错误……选 C。不对，故选：B" -> "B" by rule "cue". Of several statements the last one wins; a letter that is
denied ("不选A", "A is wrong") is none; so are the article "A", "维生素C" and "A. 肝 B. 肾" retyped as a list.
Rules from strong to weak: boxed, cue | bare | verdict ("B项正确") | option_text | lone (flagged weak by its name).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.records import Response, Sample, Score
from harness.scorers import Grader, before_next_question, reply
from harness.scorers._conclusion import concluded
from harness.scorers._letters import DENIED_BEFORE, WRONG, Patterns
from harness.scorers._letters import patterns as letter_patterns
from harness.text import fold

VERSION = 1
ISOLATED = False

READ = 8000  # characters at either end of a reply; answers stand there

_GRADER = Grader("choice", VERSION)


class Found(NamedTuple):
    letters: str  # sorted, without repeats
    rule: str


def score(sample: Sample, response: Response) -> Score:
    unhealthy = _GRADER.unhealthy(sample, response)
    if unhealthy:
        return unhealthy
    found = extract(_bounded(reply(response)), sample)
    if found is None or (found.rule == "lone" and response.stop == "length"):
        return _GRADER.unanswered(sample, response)
    right = found.letters == "".join(sorted(set(sample.target or "")))
    return _GRADER.verdict(sample, right, found.letters, found.rule)


def _bounded(text: str) -> str:
    """A megabyte of one sign must not take minutes: long replies are read at both ends, long rows of signs cut."""
    ends = text if len(text) <= 2 * READ else f"{text[:READ]}\n{text[-READ:]}"
    return re.sub(r"([^\w\s])\1{8,}", r"\1" * 8, ends)


def extract(text: str, sample: Sample) -> Found | None:
    """The letters and the rule that found them, None where the reply settles on nothing."""
    head = before_next_question(text)
    patterns = letter_patterns(_alphabet(sample))
    found = _extract(_without_echo(_clean(head), sample).strip(), sample, patterns)
    if found is None and head != text:
        found = _stated(_without_echo(_clean(text), sample), patterns)
    return found


def gold(text: str) -> str | None:
    """The letters of a gold as files write it: "B", "BD", "(B)", "E：24小时内", "正确答案：B。", "['D']".

    None where it can't be read whole ("B超", "心", "A or B"): a gold half read would grade every answer wrong.
    """
    said = re.sub(r"\\boxed\b|[\s\[\]()（）【】{}\"'“”‘’$]+", " ", _clean(text)).strip(" 。.;；,，")
    found = _GOLD.fullmatch(said)
    if not found:
        return None
    letters = re.findall("[A-H]", (found["letters"] or found["one"]).upper())
    return "".join(sorted(letters)) if len(set(letters)) == len(letters) else None


_GOLD = re.compile(
    r"(?:(?:(?i:the\s+)?(?i:correct\s+)?(?i:answer|option|choice)|(?:正确|标准|参考|最终)?答案|正确选项)(?i:\s+is)?\s*[:是为选]*\s*)?(?:选项|故?选)?\s*"
    r"(?:(?P<letters>[A-H](?:[\s、,，;；&和]*[A-H])*)\s*(?:选项|项)?|(?P<one>(?<![A-Ha-h]\s)[A-Ha-h]))"
    r"(?:\s*(?::|[.、](?!\d))(?![^\n]*(?<![A-Za-z])[A-H]\s*[:.、])\s*\S.*)?"
)


def _extract(text: str, sample: Sample, patterns: Patterns) -> Found | None:
    return (
        _stated(text, patterns)
        or _bare(text, patterns)
        or _concluded(text, sample.question, patterns)
        or _judged(text, patterns)
        or _option_text(text, sample.choices, patterns)
        or _lone(text, patterns)
    )


def _clean(text: str) -> str:
    """Half width, without LaTeX dressing and special tokens, which hide the letter that they adorn."""
    text = re.sub(r"<\|[^|>]*\|>", "\n", fold(text))
    text = re.sub(r"\\(?:text|mathrm|mathbf|textbf|mathit|rm|bf)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"[*_`#]+(?=\s*[（(\[【]?[A-Z](?![a-z]))|(?<=[A-Z)\].:])[*_`]+", "", text)


def _without_echo(text: str, sample: Sample) -> str:
    """Without the question and the list of all options typed again: those letters are not the model's choice."""
    for line in _clean(sample.question).splitlines():
        if len(line.strip()) >= 12 and not re.match(r"\s*[A-H]\s*[.:、)]", line):
            text = text.replace(line.strip(), "\n")
    options = [_clean(choice).strip().rstrip("。.;；") for choice in sample.choices]
    marked = [rf"{chr(65 + i)}\s*[.:、)]\s*{re.escape(option)}[。.;；]?" for i, option in enumerate(options)]
    if len(options) > 2:
        text = re.sub(rf"(?<![A-Za-z])(?:(?:{'|'.join(marked)})\s*){{3,}}", "\n", text)
    return text


def _alphabet(sample: Sample) -> str:
    """The letters on offer; where the options stand inside the question, those that open one there."""
    count = len(sample.choices)
    if not count:
        opened = set(re.findall(r"(?:^|[\s。；;?？)(（）,，])([A-H])\s*[.:、)]", fold(sample.question)))
        while count < 8 and chr(ord("A") + count) in opened:
            count += 1
    return "".join(chr(ord("A") + i) for i in range(count if count > 1 else 5))


_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")


def _stated(text: str, patterns: Patterns) -> Found | None:
    """The last box or cue of the text; only what was said last counts, so a later change of mind wins."""
    last, found = -1, None
    for box in _BOX.finditer(text):
        letters = re.fullmatch(rf"\s*[(\[]?\s*{patterns.group}[\s)\].:、．]*.*", box[1], re.DOTALL)
        if letters and box.start() > last:
            last, found = box.start(), Found(_sorted(letters["letters"], patterns), "boxed")
    for pattern in patterns.stated:
        for cue in pattern.finditer(text):
            if cue.start("letters") > last and not DENIED_BEFORE.search(text[max(0, cue.start() - 24) : cue.start()]):
                last, found = cue.start("letters"), Found(_sorted(cue["letters"], patterns), "cue")
    return found


def _bare(text: str, patterns: Patterns) -> Found | None:
    """The reply, its first or its last line is nothing but the letter, or the letter and its option."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    whole = re.compile(rf"[\s\"'“（(\[【<$:：]*{patterns.group}[\s\"'”）)\]】>$.:：。、,，;；!！]*(?:选项|项)?[.。]?")
    opening = re.compile(rf"[\s\"'“（(\[【]*{patterns.group}\s*[)）\]】]*\s*(?:[.:：。、,，)]|$)(?!\d)")
    for line in dict.fromkeys((lines[-1], lines[0])) if lines else ():
        found = whole.fullmatch(line)
        if found:
            return Found(_sorted(found["letters"], patterns), "bare")
    # a list of all options retyped begins with "A." too; it settles nothing
    openers = [found for line in lines if (found := opening.match(line))]
    if lines and len({o["letters"] for o in openers}) == 1:
        edge = opening.match(lines[0]) or opening.match(lines[-1])
        if edge and len(re.findall(rf"(?<![A-Za-z])[{patterns.letters}]\s*[.:：、)]", lines[0])) <= 1:
            return Found(_sorted(edge["letters"], patterns), "bare")
    return None


def _concluded(text: str, question: str, patterns: Patterns) -> Found | None:
    letters = concluded(text, patterns.letters, fold(question))
    return Found(_sorted(letters, patterns), "conclusion") if letters else None


def _judged(text: str, patterns: Patterns) -> Found | None:
    """The options that are called right, where no sentence names the answer; a change of mind keeps the last."""
    said = [
        found
        for found in patterns.judged.finditer(text)
        if not DENIED_BEFORE.search(text[max(0, found.start() - 24) : found.start()])
    ]
    if not said:
        return None
    changed = _CORRECTION.search(text, said[0].end(), said[-1].start()) if len(said) > 1 else None
    letters = said[-1]["letters"] if changed else "".join(found["letters"] for found in said)
    return Found(_sorted(letters, patterns), "verdict")


_CORRECTION = re.compile(r"wait|actually|\bno\b|however|更正|不对|其实|重新|等等|应该是", re.IGNORECASE)


def _option_text(text: str, choices: Sequence[str], patterns: Patterns) -> Found | None:
    """The one option whose text the reply repeats: in its last line that has one, the longest where one holds another."""
    folded = [_bare_text(c) for c in choices]
    if _DECLINED.search(text[-160:]):
        return None
    marked = set(re.findall(rf"(?<![A-Za-z])[{patterns.letters}](?=\s*[.:、)])", text))
    for line in _from_the_end(_without_analysis(text, patterns)):
        if len(marked) != 1 and re.search(r"哪[一个项种些类]", line):
            continue  # the question again: "下列哪种发明…" holds the option 发明
        bare = _bare_text(line)
        hits = [(bare.rfind(c), i) for i, c in enumerate(folded) if len(c) > 1 and c in bare and not _denies(bare, c)]
        if bare in folded:  # a one-character option counts only as the whole line
            hits = [(0, folded.index(bare))]
        kept = [i for _, i in hits if not any(folded[i] in folded[j] and i != j for _, j in hits)]
        if len(kept) == 1:
            return Found(patterns.letters[kept[0]], "option_text")
        if kept:
            return None
    return None


_DECLINED = re.compile(
    r"无法(?:直接)?(?:确定|给出|判断|得出|回答)|不能确定|没有(?:一个|任何)?(?:选项|正确)|(?:所有|四个|五个)的?选项都|(?:can(?:no|')t|unable to) (?:determine|answer|provide)|none of the",
    re.IGNORECASE,
)


def _without_analysis(text: str, patterns: Patterns) -> str:
    """Without the options taken up one after the other, each on a line or all on one: the last of them is no conclusion."""
    one = rf"(?<![A-Za-z])([{patterns.letters}])\s*[.:、)]"
    lines = []
    for line in text.splitlines():
        marks = list(re.finditer(one, line))
        if len({mark[1] for mark in marks}) >= 3:
            line = line[: marks[0].start()] + re.sub(r"^[^。;；]*", "", line[marks[-1].end() :])
        lines.append(line)
    opening = re.compile(rf"\W*(?:选项|[Oo]ption\s)?\s*([{patterns.letters}])\s*(?:选项|项)?\s*[.:、)(（，,]")
    openings = [opening.match(line) for line in lines]
    if len({found[1] for found in openings if found}) < 3:
        return "\n".join(lines)
    return "\n".join(line for line, found in zip(lines, openings, strict=True) if not found)


def _denies(line: str, choice: str) -> bool:
    at = line.rfind(choice)
    behind = line[at + len(choice) : at + len(choice) + 14]
    before = line[max(0, at - 4) : at]
    return bool(re.match(rf"\W*(?:是|都|均|is)?{WRONG}", behind) or re.search(r"不是|不选|并非|排除|而非|not$", before))


def _bare_text(text: str) -> str:
    return re.sub(r"[\s\"'“”‘’。.,，:：;；!！?？]+", "", fold(text)).casefold()


def _from_the_end(text: str) -> Iterator[str]:
    yield from (line for line in reversed(re.split(r"[\n。!！?？;；]+", text)) if line.strip())


def _lone(text: str, patterns: Patterns) -> Found | None:
    """The only letter on offer that stands by itself anywhere; two different ones settle nothing."""
    named = set(re.findall(rf"(?<![A-Za-z])[{patterns.letters}](?![A-Za-z])", text))
    found = patterns.lone.search(text) if len(named) == 1 else None
    if not found or DENIED_BEFORE.search(text[max(0, found.start() - 24) : found.start()]):
        return None
    return Found(found[0], "lone")


def _sorted(letters: str, patterns: Patterns) -> str:
    return "".join(sorted({c for c in letters if c in patterns.letters}))
