r"""The option letter(s) that a generated Chinese or English reply settles on; several letters are an exact set.

Example: "A 项错误……选 C。不对，故选：B" -> "B" by rule "cue". Of several statements the last one wins; a letter that is
denied ("不选A", "A is wrong") is none; so are the article "A", "维生素C" and "A. 肝 B. 肾" retyped as a list.
Rules from strong to weak: boxed, cue | bare | verdict ("B项正确") | option_text | lone (flagged weak by its name).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from harness.records import Response, Sample, Score
from harness.scorers import Grader, before_next_question, reply
from harness.text import fold

VERSION = 1
ISOLATED = False

_GRADER = Grader("choice", VERSION)


class Found(NamedTuple):
    letters: str  # sorted, without repeats
    rule: str


def score(sample: Sample, response: Response) -> Score:
    unhealthy = _GRADER.unhealthy(sample, response)
    if unhealthy:
        return unhealthy
    found = extract(reply(response), sample)
    if found is None or (found.rule == "lone" and response.stop == "length"):
        return _GRADER.unanswered(sample, response)
    right = found.letters == "".join(sorted(set(sample.target or "")))
    return _GRADER.verdict(sample, right, found.letters, found.rule)


def extract(text: str, sample: Sample) -> Found | None:
    """The letters and the rule that found them, None where the reply settles on nothing."""
    head = before_next_question(text)
    patterns = _patterns(_alphabet(sample))
    found = _extract(_without_echo(_clean(head), sample).strip(), sample.choices, patterns)
    if found is None and head != text:
        found = _stated(_without_echo(_clean(text), sample), patterns)
    return found


def _extract(text: str, choices: Sequence[str], patterns: Patterns) -> Found | None:
    for rule in (_stated, _bare, _judged):
        found = rule(text, patterns)
        if found:
            return found
    return _option_text(text, choices, patterns) or _lone(text, patterns)


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


# -- the sentences that settle ------------------------------------------------------------------------------

_JOIN = r"\s*(?:[、,，/&+和与及;；]|and\b|以及)?\s*"
_WRONG = r"(?:不[对是正选能符]|错(?!误?答案)|有误|误(?!答案)|排除|(?:is|are|was)(?:\s+\w+)?\s+(?:wrong|incorrect|not|false|ruled)|isn't|(?:is|are)n't|cannot|can't)"
_OPEN = r"[\s\"'“‘「『（(\[【<$*:：]*"
_FILLER = r"(?:选项|选择|第|option|choice|letter|the\s+letter|显然|应该?|当然|probably|likely|most likely|clearly)?"
_CUES_ZH = (
    r"(?:答案|正解|选项(?=[是为:])|结论)(?:\s*[\])】}>」]|\s|应该?|应当|当然|显然|就|可能|只|最|选择?|的|[是为:：]|选项|序号|字母|如下){0,9}",
    r"(?:选择?)(?!项|出|取|题)(?:的?是|了|为|答案|选项|[:：\s])*(?:选项|第)?",
    r"(?:应该?[是为]|应当是|才是|改为|改选|而是|而应是)(?:选项)?",
    r"(?:故|因此|所以|综上)[,，]?(?:本题)?(?:为|是)(?:选项)?",
    r"(?:正确|错误|恰当|合适|准确|成立|可能|符合[^。\n]{0,16}|属于[^。\n]{0,8})的?(?:说法|选项|一?项|做法|表述|诊断)?应?(?:[是为有])[:：?？\s]*(?:选项)?",
)
_CUES_EN = (
    r"answers?(?:\s+(?:choice|option|letter))?(?:\s+(?:to|for)\s+(?:this|the)\s+question)?\s*(?:\s(?:is|are|was|would\s+be|should\s+be|must\s+be|will\s+be)|[:：=]|)\s*(?:therefore|thus|definitely|then)?\s*",
    r"(?:choose|pick|select|go\s+with|opt\s+for|choice\s+is|option\s+is|options\s+are|conclude\s+that\s+it\s+is)\s*[:：]?\s*",
    r"(?:it|that)\s+(?:must|should|has\s+to)\s+be\s+",
)
_DENIED_BEFORE = re.compile(
    r"(?:不|不能|不可|不应该?|不会|非|没有?|未|别|勿|无法|不是|排除|除了|除|误|错|例如|比如|形如|若|如果|假如|有人|(?:not|n't|never|cannot|if(?: you| we)?))[\s\[【(]*(?:正确|最终)?(?:答案)?[\s\]】]*(?:the\s+)?(?:correct\s+)?$",
    re.IGNORECASE,
)


class Patterns(NamedTuple):
    letters: str
    group: str
    stated: tuple[re.Pattern[str], ...]
    judged: re.Pattern[str]
    lone: re.Pattern[str]


@lru_cache(maxsize=32)
def _patterns(letters: str) -> Patterns:
    one = rf"[{letters}]"
    # an article ("A patient …") is no letter, a letter that begins a word or a quantity ("B12", "A级") neither
    after = r"(?![A-Za-z0-9'’²]|-[a-z0-9])"
    article = r"(?!(?<=A)\s+(?!because|since|as\b|which|and\b|or\b|is\b|are\b|for\b|due|based|with\b|here\b|in\b)[a-z])"
    denied = rf"(?!\s*[)\]】」”\"']*\s*(?:选项|项)?\s*(?:都|均|也|是)?{_WRONG})"
    opens_list = r"(?!(?<=A)\s*[.:、)][^\n]{0,200}?[\s;；。,，]B\s*[.:、)])(?!(?<=A)\s*[.:、)][^\n]*\n\s*B\s*[.:、)])"
    vitamin = r"(?<!维生素)(?<!维他命)(?<!itamin\s)(?<!ype\s)(?<!roup\s)"
    group = rf"{vitamin}(?P<letters>{one}(?:{_JOIN}{one})*){after}{article}{opens_list}"
    stated = [rf"(?:{cue}){_OPEN}{_FILLER}{_OPEN}{group}{denied}" for cue in _CUES_ZH]
    stated += [rf"(?i:\b(?:{cue}){_OPEN}{_FILLER}{_OPEN}){group}{denied}" for cue in _CUES_EN]
    judged = (
        rf"(?<![A-Za-z0-9\\]){group}\s*[)\]】」”\"']*\s*(?:选项|项)?[,，]?\s*(?:都|均|才)?(?:是|为)?"
        rf"(?:正确|对(?!应|于|比|照|称|抗)|最佳|最符合|最合适|最恰当|符合题意|(?:is|are)\s+(?:the\s+)?(?:most\s+likely\s+)?(?:correct|right|best|true|answer))"
    )
    lone = rf"{vitamin}(?<![A-Za-z0-9\u4e00-\u9fff\\^_{{+\-/]){one}(?![A-Za-z0-9\u4e00-\u9fff'’^_+\-/²]|\s*[.:、]\s*\w){article}{denied}"
    return Patterns(letters, group, tuple(map(re.compile, stated)), re.compile(judged), re.compile(lone))


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
            if cue.start("letters") > last and not _DENIED_BEFORE.search(text[max(0, cue.start() - 24) : cue.start()]):
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


def _judged(text: str, patterns: Patterns) -> Found | None:
    """The options that are called right, where no sentence names the answer; a change of mind keeps the last."""
    said = [
        found
        for found in patterns.judged.finditer(text)
        if not _DENIED_BEFORE.search(text[max(0, found.start() - 24) : found.start()])
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
    for line in _from_the_end(_without_analysis(text, patterns)):
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
    """Without the lines that take up option after option: the last of them is no conclusion."""
    opening = re.compile(rf"\W*(?:选项|[Oo]ption\s)?\s*([{patterns.letters}])\s*(?:选项|项)?\s*[.:、)(（，,]")
    openings = [opening.match(line) for line in text.splitlines()]
    if len({found[1] for found in openings if found}) < 3:
        return text
    return "\n".join(line for line, found in zip(text.splitlines(), openings, strict=True) if not found)


def _denies(line: str, choice: str) -> bool:
    at = line.rfind(choice)
    behind = line[at + len(choice) : at + len(choice) + 14]
    before = line[max(0, at - 4) : at]
    return bool(
        re.match(rf"\W*(?:是|都|均|is)?{_WRONG}", behind) or re.search(r"不是|不选|并非|排除|而非|not$", before)
    )


def _bare_text(text: str) -> str:
    return re.sub(r"[\s\"'“”‘’。.,，:：;；!！?？]+", "", fold(text)).casefold()


def _from_the_end(text: str) -> Iterator[str]:
    yield from (line for line in reversed(re.split(r"[\n。!！?？;；]+", text)) if line.strip())


def _lone(text: str, patterns: Patterns) -> Found | None:
    """The only letter on offer that stands by itself anywhere; two different ones settle nothing."""
    named = set(re.findall(rf"(?<![A-Za-z])[{patterns.letters}](?![A-Za-z])", text))
    found = patterns.lone.search(text) if len(named) == 1 else None
    if not found or _DENIED_BEFORE.search(text[max(0, found.start() - 24) : found.start()]):
        return None
    return Found(found[0], "lone")


def _sorted(letters: str, patterns: Patterns) -> str:
    return "".join(sorted({c for c in letters if c in patterns.letters}))
