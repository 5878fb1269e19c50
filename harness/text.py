"""Text as text: width folding, 中文 numerals, thinking split off, language, n-grams; nothing here knows answers.

Example: fold("答案：１８％") == "答案:18%"; numeral("一千二百三十四") == 1234; split_thinking("2+2</think>4").answer
== "4", since chat templates open the <think> that the model only closes. Trap: plain NFKC turns 10² into 102 and
the Chinese comma, which separates, into the English one, which also groups thousands.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, cast


class Split(NamedTuple):
    thinking: str
    answer: str
    closed: bool  # False: the thinking never ended, so there is no answer


# <think>, <thinking>, <thought>, <seed:think>, [THINK], ◁think▷, <|START_THINKING|>; the group is set in closing marks
_TAG = re.compile(
    r"<(/?)(?:seed:)?(?:think(?:ing)?|thought)\s*>|\[(/?)THINK\]|◁(/?)think▷|<\|(?:START|(END))_THINKING\|>",
    re.IGNORECASE,
)


def split_thinking(text: str, opened: bool = False) -> Split:
    """Thinking and answer of a reply; `opened`: the prompt already ended in <think>.

    Unclosed thinking swallows the whole reply: what stood before it was not yet the answer.
    """
    tags = list(_TAG.finditer(text))
    if not tags:
        return Split(text, "", False) if opened else Split("", text, True)
    parts: dict[bool, list[str]] = {True: [], False: []}
    for inside, start, end in _stretches(tags, len(text), opened):
        parts[inside].append(text[start:end])
    if not _closes(tags[-1]):
        return Split(_TAG.sub("", text).strip(), "", False)
    return Split("\n".join(p.strip() for p in parts[True]).strip(), "".join(parts[False]).strip(), True)


def is_thinking_mark(text: str) -> bool:
    """Whether this is the beginning or the end of thinking, as a token of its own."""
    return bool(_TAG.fullmatch(text))


def opens_thinking(prompt: str) -> bool:
    """Whether a prompt ends in the mark that begins thinking, so that the answer starts inside."""
    tail = prompt[-80:].rstrip()
    last = next((tag for tag in _TAG.finditer(tail) if tag.end() == len(tail)), None)
    return last is not None and not _closes(last)


def cut_answer(text: str, stop: Sequence[str], opened: bool = False) -> tuple[str, bool]:
    """The text up to the first stop string that stands in the answer; was there one?

    Thinking is full of "\\n\\n" and of "Question:" said again: there no stop string counts, nor in the space between
    the end of thinking and the answer's first word. Several are applied one after the other, as lm-eval does.
    """
    terms = [term for term in stop if term]
    if not terms:
        return text, False
    tags = list(_TAG.finditer(text))
    for inside, start, end in _stretches(tags, len(text), opened):
        if inside:
            continue
        part = text[start:end]
        skipped = len(part) - len(part.lstrip()) if start else 0
        shorter = part[skipped:]
        for term in terms:
            shorter = shorter.split(term, 1)[0]
        if len(shorter) < len(part) - skipped:
            return text[: start + skipped + len(shorter)], True
    return text, False


def _stretches(tags: Sequence[re.Match[str]], length: int, opened: bool) -> Iterator[tuple[bool, int, int]]:
    """(inside thinking?, start, end) of the text between the marks."""
    # a first mark that closes means that the template opened the block
    inside, at = opened or bool(tags and _closes(tags[0])), 0
    for tag in tags:
        yield inside, at, tag.start()
        inside, at = not _closes(tag), tag.end()
    yield inside, at, length


def _closes(tag: re.Match[str]) -> bool:
    return any(tag.groups())


# -- folding ------------------------------------------------------------------------------------------------

_KEPT_WIDE = "，；！？"  # separators in Chinese; their ASCII forms mean other things between digits
_FOLDED = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in _KEPT_WIDE}
_FOLDED |= {ord(c): "-" for c in "−﹣⁻"} | {ord(c): " " for c in "\u3000\u00a0\u2002\u2003\u2009\u202f"}
_FOLDED |= {ord(c): "" for c in "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"}
_FOLDED |= {ord("∶"): ":", ord("﹕"): ":", ord("∕"): "/", ord("⁄"): "/", ord("﹪"): "%", ord("﹒"): "."}
_FOLDED |= {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x1D400, 0x1D800)}  # 𝐀 𝟏
_WIDE_THOUSANDS = re.compile(r"(?<=[０-９])，(?=[０-９]{3}(?![０-９]))")
_VULGAR = re.compile("(?:(\\d)\\s?)?([¼½¾⅐-⅞])")


def fold(text: str) -> str:
    """Full-width letters, digits and signs to half width, odd spaces and minus signs to plain ones.

    Kept: ， ； ！ ？ 。 、 and superscripts.
    """
    if text.isascii():
        return text
    text = _WIDE_THOUSANDS.sub(",", text).translate(_FOLDED)
    return _VULGAR.sub(_spell_fraction, text)


def _spell_fraction(found: re.Match[str]) -> str:
    share = unicodedata.normalize("NFKC", found[2]).replace("⁄", "/")
    return f"{found[1]} {share}" if found[1] else share


# -- Chinese numerals ---------------------------------------------------------------------------------------

_DIGITS = {
    c: i
    for i, row in enumerate(("零〇", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for c in row
}
_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8}
_ARABIC = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
# atomic: what follows a part is never of it, and 30,000 digits would else be split up in every way
_PART = rf"(?>(?:{_ARABIC}|[{''.join(_DIGITS)}{''.join(_UNITS)}{''.join(_MYRIADS)}点])+)"
# one number written with at least one Chinese character: 负三 · 百分之五 · 三又二分之一 · 2万 · 一千二百三十四
NUMERAL = rf"(?:负|-)?(?:百分之{_PART}|(?:{_PART}又)?{_PART}分之{_PART}|{_PART}又\d+/\d+|{_PART})"
_WHOLE = re.compile(
    rf"(?P<sign>负|-)?(?:百分之(?P<percent>{_PART})|(?:(?P<whole>{_PART})又)?(?:(?P<below>{_PART})分之(?P<above>{_PART})"
    rf"|(?P<over>\d+)/(?P<under>\d+))|(?P<plain>{_PART}))"
)


def numeral(text: str) -> Fraction | None:
    """The value of a number in Chinese or mixed writing ("2万", "3又1/2", "百分之五"), None where it is none."""
    found = _WHOLE.fullmatch(fold(text).replace(" ", ""))
    if not found:
        return None
    if found["percent"]:
        value = _over(_plain(found["percent"]), Fraction(100))
    elif found["below"]:
        value = _over(_plain(found["above"]), _plain(found["below"]))
    elif found["under"]:
        value = _over(Fraction(found["over"]), Fraction(found["under"]))
    else:
        value = _plain(found["plain"])
    if found["whole"]:
        whole = _plain(found["whole"])
        value = None if whole is None or value is None else whole + value
    return -value if value is not None and found["sign"] else value


def _over(above: Fraction | None, below: Fraction | None) -> Fraction | None:
    return above / below if above is not None and below else None


def _plain(text: str) -> Fraction | None:
    """一千二百三十四, 二零二四, 三点一四, 1万2千, 1.5亿; no sign, no fraction."""
    whole, point, decimals = text.partition("点")
    if point:
        if not whole or not decimals or any(c not in _DIGITS for c in decimals):
            return None
        head = _plain(whole)
        tail = Fraction(int("".join(str(_DIGITS[c]) for c in decimals)), 10 ** len(decimals))
        return None if head is None else head + tail
    if len(text) > 1 and all(c in _DIGITS for c in text):
        return Fraction("".join(str(_DIGITS[c]) for c in text))
    return _sections(re.findall(rf"{_ARABIC}|.", text))


def _sections(tokens: list[str]) -> Fraction | None:
    """Sum of sections of four digits: 一亿二千万 = 1·10⁸ + 2000·10⁴; 一百五 is 150, 一百零五 is 105."""
    total, section, pending = Fraction(0), Fraction(0), cast("Fraction | None", None)
    unit, zero = 1, False
    for token in tokens:
        if token in _UNITS:
            unit = _UNITS[token]
            section += (Fraction(1) if pending is None else pending) * unit
            pending, zero = None, False
        elif token in _MYRIADS:
            unit = _MYRIADS[token]
            if pending is None and not section and not total:
                return None  # a bare 万 or 亿 counts nothing
            amount = section + (pending or 0)
            total = (total + amount) * unit if unit == 10**8 else total + amount * unit
            section, pending, zero = Fraction(0), None, False
        elif pending is not None:
            return None  # two digits in a row among units
        elif token in ("零", "〇") and len(tokens) > 1:
            zero = True
        else:
            value = _DIGITS.get(token)
            pending = Fraction(token.replace(",", "")) if value is None else Fraction(value)
    if pending is not None:
        section += pending * unit / 10 if unit >= 100 and not zero and pending < 10 else pending
    return total + section


# -- language and n-grams -----------------------------------------------------------------------------------

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0002ffff]")
_LATIN = re.compile(r"[A-Za-z]")
_NOT_PROSE = re.compile(r"```.*?```|\$[^$]*\$|\\[a-zA-Z]+|https?://\S+|<[^>\s]{1,30}>", re.DOTALL)
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[\u3040-\u30ff\u3400-\u9fff\U00020000-\U0002ffff]|[^\W\d_\u3040-\u9fff]+")


def language(text: str) -> str:
    """ "zh", "en", or "" where it is neither or too mixed to say; formulas and code don't count."""
    prose = _NOT_PROSE.sub(" ", fold(text))
    han, latin = len(_HAN.findall(prose)), len(_LATIN.findall(prose))
    if not han + latin:
        return ""
    share = han / (han + latin)  # a Chinese character weighs some three letters, hence the low bar
    if share >= 0.25:
        return "zh"
    return "en" if share <= 0.1 and latin >= 0.5 * sum(c.isalpha() for c in prose) else ""


def words(text: str) -> list[str]:
    """Each Chinese character, Latin word and number is one token; whitespace n-grams are blind for Chinese."""
    return _TOKEN.findall(fold(text).lower())


def grams(text: str, n: int, mask_numbers: bool = False) -> Iterator[int]:
    """64-bit hashes of the n-grams over `words`, the same on every machine; `mask_numbers` reads all numbers as one."""
    tokens = words(text)
    if mask_numbers:
        tokens = ["0" if t[0].isdigit() else t for t in tokens]
    for i in range(len(tokens) - n + 1):
        joined = "\x1f".join(tokens[i : i + n]).encode()
        yield int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "big")


_MINUS = str.maketrans("−–—－", "----")


def normalised(question: str) -> str:
    """What makes a question that question: letters and digits of any script in one width and case, and mathematics.

    Copies of a data set differ in quotes, spaces and widths; `3+5` and `3-5`, `2.5` and `25` are different questions.
    """
    folded = unicodedata.normalize("NFKC", question).casefold().translate(_MINUS)
    around = zip(" " + folded, folded, folded[1:] + " ", strict=False)
    return "".join(
        c for before, c, after in around
        if c.isalnum() or unicodedata.category(c) == "Sm"
        or (c in "-/%*^" and (before.isdigit() or after.isdigit()))
        or (c == "." and before.isdigit() and after.isdigit())
    )  # fmt: skip
