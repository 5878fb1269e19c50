r"""Patterns in which a reply names an option letter: the cues before it, what may follow, what denies it.

Example: patterns("ABCD").stated finds "故选：B", not "不选A" and not the article in "The answer is a matter of taste".
Trap: "\s" spans lines, so that "A\neoa" once read as an article with its noun.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_JOIN = r"\s*(?:[、,，/&+和与及;；]|and\b|以及)?\s*"
WRONG = r"(?:不[对是正选能符]|错(?!误?答案)|有误|误(?!答案)|排除|(?:is|are|was)(?:\s+\w+)?\s+(?:wrong|incorrect|not|false|ruled)|isn't|(?:is|are)n't|cannot|can't)"
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
DENIED_BEFORE = re.compile(
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
def patterns(letters: str) -> Patterns:
    one = rf"[{letters}]"
    # an article ("A patient …") is no letter, a letter that begins a word or a quantity ("B12", "A级") neither
    after = r"(?![A-Za-z0-9'’²]|-[a-z0-9])"
    article = (
        r"(?!(?<=A)[ \t]+(?!because|since|as\b|which|and\b|or\b|is\b|are\b|for\b|due|based|with\b|here\b|in\b)[a-z])"
    )
    denied = rf"(?!\s*[)\]】」”\"']*\s*(?:选项|项)?\s*(?:都|均|也|是)?{WRONG})"
    denied += rf"(?!\s*[)\]】」”\"']*\s*(?:选项|项)?\s*(?:或者?|还是|or)\s*(?:选项|option)?\s*[(（]?{one}(?![A-Za-z]))"
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
