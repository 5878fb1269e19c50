r"""Where option letters stand in a reply, by the rule that read them: behind a cue, in a box, alone on a line.

Example: LETTER_RULES["cue"]("不选A，故选：**B**", "B") == (9, 10). Trap: "A" is an article, a part of "A、C" and of
"DNA"; such an A is no answer, and where two places are left over neither is marked.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator

Span = tuple[int, int]
Rule = Callable[[str, str], Span | None]

MOST = 60  # places of a letter that are looked at, from the end
LIST = 240  # characters behind an option in which the next one of a list begins
BEFORE = 40  # characters before a letter in which its cue is looked for
_SIGNS = " \t\r\n\u3000\"'“”‘’「」『』（）()[]【】<>《》$*_`#:：{}~\\"
_FILLERS = (
    "是", "为", "有", "应", "应该", "应当", "就", "选项", "选择", "的", "了", "显然", "当然", "可能", "最", "只", "第", "如下",
    "option", "choice", "letter", "the", "is", "are", "was", "be", "should", "would", "must", "therefore", "both", "then",
    "definitely", "probably", "likely", "clearly", "most", "text", "=", ",", "，", "本题", "question", "this", "to", "for",
)  # fmt: skip
_CUES = frozenset((
    "答案", "正解", "选", "选择", "选项是", "选项为", "选项有", "结论", "应为", "应该是", "应当是", "应是", "才是", "改为", "而是",
    "应填", "故填", "故为", "故是", "因此是", "因此为", "所以是", "所以为", "综上是", "的是", "的有", "的为", "项是", "项为",
    "说法是", "说法有", "做法是", "表述是", "诊断是", "诊断为", "正确是", "正确为", "答", "回答", "结果", "得出", "判断", "答题",
    "序号", "字母", "符合题意", "answer", "answers", "ans", "ans.", "choose", "chose", "choosing", "pick", "picked",
    "select", "selected", "going with", "go with", "opt for", "choice is", "option is", "options are", "response",
    "correct", "correct choice", "final choice", "best choice", "right choice", "correct one", "it must be", "it should be",
    "that must be", "conclude that it is", "prediction", "pred",
))  # fmt: skip
_LED_BY = {  # the longest first: "选项是" is a cue, its "是" alone only fills
    last: tuple(sorted((word for word in (*_CUES, *_FILLERS) if word[-1] == last), key=lambda word: (-len(word), word)))
    for last in sorted({word[-1] for word in (*_CUES, *_FILLERS)})
}
_DENIED = (
    "不",
    "别",
    "勿",
    "非",
    "不应",
    "不能",
    "不会",
    "没有",
    "无法",
    "未",
    "误",
    "错",
    "例如",
    "比如",
    "形如",
    "示例",
    "not",
    "if",
)
_SUMS_UP = re.compile(
    r"综上|因此|所以|故|总之|答案|正确的|therefore|thus|hence|\bso\b|conclusion|answer|overall|correct|based on",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[A-R](?:[ \t、,，&+;；和与及()（）*]{0,6}(?:(?:以及|and)\s{0,4})?[(（]?[A-R](?![a-z])){1,17}")
_ALSO = re.compile(r"[ \t]*(?:[、,，&+和与及]|and\b)[ \t]*[A-R](?![A-Za-z])")
_ALSO_BEGINS = frozenset(" \t、,，&+和与及a")
_LATIN = frozenset(string.ascii_letters)
_GOES_ON = _LATIN | frozenset(string.digits + "'")
_RIGHT = re.compile(
    r"[\s)）\]】」”\"'*]*(?:选项|项)?[,，.:：]?\s*(?:都|均|才)?(?:是|为)?"
    r"(?:正确|对|最佳|最符合|最合适|最恰当|符合题意|[√✓✔☑✅]|(?:is|are)\s+(?:the\s+)?(?:most\s+likely\s+)?(?:correct|right|best|true|answer))"
)


def _places(text: str, letter: str) -> Iterator[int]:
    """Where a letter stands that is no part of a word, the last one first."""
    at = len(text)
    for _ in range(MOST):
        at = text.rfind(letter, 0, at)
        if at < 0:
            return
        if text[at - 1 : at] not in _LATIN and text[at + 1 : at + 2] not in _GOES_ON:
            yield at


def _spans(text: str, answer: str) -> Iterator[Span]:
    """Where the letters stand, together and alone, the last place first."""
    if len(answer) == 1:
        wide = chr(ord(answer) + 0xFEE0)
        letter = answer if wide not in text or answer in text else wide
        for at in _places(text, letter):
            behind = text[at + 1 : at + 2]
            article = behind == " " and answer == "A" and "a" <= text[at + 2 : at + 3] <= "z"
            if not article and not (behind in _ALSO_BEGINS and _ALSO.match(text, at + 1)):
                yield at, at + 1
        return
    if len(answer) > 1 and answer[0] in text:
        for found in reversed(list(_JOINED.finditer(text))[-MOST:]):
            before, behind = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
            if (
                before not in _LATIN
                and behind not in _GOES_ON
                and "".join(sorted(set(re.findall("[A-R]", found[0])))) == answer
            ):
                yield found.span()


def _stated(text: str, at: int) -> bool:
    """Whether a cue stands before this place, and isn't denied."""
    before = text[max(0, at - BEFORE) : at].lower()
    for _ in range(6):
        before = before.rstrip(_SIGNS)
        for word in _LED_BY.get(before[-1:], ()):
            if before.endswith(word):
                break
        else:
            return False
        before = before[: -len(word)]
        if word in _CUES:
            return not before.rstrip(_SIGNS).removesuffix("正确").rstrip(_SIGNS).endswith(_DENIED)
    return False


def _listed(text: str, span: Span) -> bool:
    """Whether it opens an option of a list that goes on: "的是?A:甲;B:乙", but not "答案：A. 甲"."""
    sign = text[span[1] : span[1] + 1]
    return bool(sign) and sign in ":：.、．" and chr(ord(text[span[0]]) + 1) + sign in text[span[1] : span[1] + LIST]


def _only(text: str, answer: str) -> Span | None:
    spans = list(_spans(text, answer))
    return spans[0] if len(spans) == 1 else None


def _cue(text: str, answer: str) -> Span | None:
    for span in _spans(text, answer):
        if _stated(text, span[0]) and not _listed(text, span):
            return span
    found = _only(text, answer) or _small(text, answer)
    return None if found is None or _listed(text, found) else found


def _small(text: str, answer: str) -> Span | None:
    """ "answer: (b)": a small letter right behind a cue, or as all that is said."""
    for at in _places(text, answer.lower()) if answer not in text else ():
        if _stated(text, at) or len(text.strip()) <= 3:
            return at, at + 1
    return None


def _concluded(text: str, answer: str) -> Span | None:
    """Where it stands once, else in the last sentence that sums up, if no other place could have been meant."""
    spans = list(_spans(text, answer))
    if len(spans) < 2:
        return spans[0] if spans else None
    begins = [max(text.rfind(end, 0, start) for end in ("。", "\n", ". ")) + 1 for start, _ in spans]
    summed = [i for i, (start, _) in enumerate(spans) if _SUMS_UP.search(text, begins[i], start)]
    told = [i for i, (start, _) in enumerate(spans) if text[:start].rstrip(_SIGNS).endswith(("是", "为", "is"))]
    return spans[summed[0]] if summed and told in ([], summed[:1]) else None


def _boxed(text: str, answer: str) -> Span | None:
    at = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    inside = next((span for span in reversed(list(_spans(text[at : at + 200], answer)))), None) if at >= 0 else None
    return (inside[0] + at, inside[1] + at) if inside else None


def _bare(text: str, answer: str) -> Span | None:
    """Alone on the last line, alone on the first one, or first on either."""
    head, tail = text.lstrip(), text.rstrip()
    first = (len(text) - len(head), (text + "\n").find("\n", len(text) - len(head)))
    last = (tail.rfind("\n") + 1, len(tail))
    for (start, end), whole in ((last, True), (first, True), (first, False), (last, False)):
        line = text[start:end]
        span = next(reversed(list(_spans(line, answer))), None)
        if span and _leads(line, span, whole):
            found = span[0] + start, span[1] + start
            return None if _listed(text, found) and not whole else found
    return _small(text, answer)


def _leads(line: str, span: Span, whole: bool) -> bool:
    """Whether nothing but signs stand before the letters, and behind them too if it is the whole line."""
    before = line[: span[0]].strip(_SIGNS + "-•>.").lower()
    behind = line[span[1] : span[1] + 40]
    return before in ("", "option", "choice", "选", "选项") and (
        not whole or not behind.strip(_SIGNS + "。.、,，;；!！").removeprefix("选项").removeprefix("项").strip(".。")
    )


def _judged(text: str, answer: str) -> Span | None:
    spans = [span for span in _spans(text, answer) if _RIGHT.match(text, span[1])]
    return spans[0] if spans else None


LETTER_RULES: dict[str, Rule] = {
    "json": _cue,
    "boxed": _boxed,
    "cue": _cue,
    "bare": _bare,
    "conclusion": _concluded,
    "verdict": _judged,
    "lone": _only,
}


# -- published rules, which read a reply as it came ------------------------------------------------------------------


def _last_letter(text: str, answer: str) -> Span | None:
    at = text.rfind(answer)
    return (at, at + 1) if at >= 0 else None


def _one_letter(text: str, answer: str) -> Span | None:
    """Repeats count once, so of two none is the answer's place."""
    at = text.find(answer)
    return (at, at + 1) if at >= 0 and text.find(answer, at + 1) < 0 else None


def _several(text: str, answer: str) -> Span | None:
    """All of the letters where they stand together and nowhere else."""
    start, end = min(map(text.find, answer)), max(map(text.rfind, answer)) + 1
    return (start, end) if start >= 0 and end - start <= 4 * len(answer) else None


def _list(text: str, answer: str) -> Span | None:
    """The answers to several questions where they are one row of letters."""
    letters = "".join(re.findall("[A-R]", answer))
    for said in (letters, answer):
        at = text.find(said)
        if len(letters) > 1 and at >= 0 and "-" not in answer and text.find(said, at + 1) < 0:
            return at, at + len(said)
    return None


RAW_RULES: dict[str, Rule] = {
    "last_letter": _last_letter,
    "one_letter": _one_letter,
    "several_letters": _several,
    "answers": _list,
}
