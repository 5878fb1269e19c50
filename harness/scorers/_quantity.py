r"""Reads one quantity as people write it, exactly: "1,200元", "$18.00", "5%", "3又1/2", "\frac{3}{4}", "2万", "1e-3".

Example: quantity("12.50 dollars") == Fraction(25, 2); structure("3:4") == (":", 3, 4). Trap: "12元5角", "9:30", "3:4"
and "2……1" begin with a number but are none: reading only their head would accept 12, 9, 3 and 2 as right.
"""

from __future__ import annotations

import re
from fractions import Fraction

from harness.text import NUMERAL, fold, numeral

LONGEST = 400  # characters; what is longer is no final answer, and reading it could take long
_DECIMAL = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_SCIENCE = r"(?:[eE][+-]?\d{1,3}(?![\d.])|\s*(?:[×x*]|\\times)\s*10\s*(?:\^|\*\*)\s*\{?[+-]?\d{1,3}\}?)"
_FRAC = r"\\[dtc]?frac\s*(?:\{\s*-?\d+(?:\.\d+)?\s*\}|\d)\s*(?:\{\s*\d+(?:\.\d+)?\s*\}|\d)"
_MYRIAD = r"[十百千万亿]{1,2}(?![十百千万亿])(?!(?<=千)[米克瓦卡赫焦帕伏升])"
# a quantity inside running text; mixed numbers before fractions before decimals
_NUMBER = (
    rf"\d+\s*{_FRAC}|{_FRAC}|\d+又\d+/\d+|\d+\s+\d+/\d+(?![\d/])|(?:{_DECIMAL})/(?:{_DECIMAL})(?![\d/])"
    rf"|(?:{_DECIMAL}){_SCIENCE}?"
)
_QUANTITY = rf"(?:[-+](?=[\d.$\\¥￥]))?(?:\\?[$¥￥€£]\s?)?(?:{_NUMBER})(?:{_MYRIAD})?(?:\s?\\?%)?"
# characters that only make a number together; alone, 一 and 两 are words more often than numbers
_CHINESE = rf"(?:百分之|[零一二两三四五六七八九十百千万\d]+分之|负(?=[零一二两三四五六七八九十\d])){NUMERAL}|[一二两三四五六七八九十百千万亿零点]{{2,}}|[二三四五六七八九十](?=\s*(?:[个只元角分块本岁天人年月日米克吨倍种支枝张页道题次名件条棵朵头辆颗箱袋瓶]|千克|[。.]?$))"
QUANTITY = re.compile(rf"{_CHINESE}|{_QUANTITY}")

_UNIT_WORD = (
    r"(?:[a-zA-Z]{3,}|cm|mm|km|kg|mg|mL|ml|dm|m|g|t|s|h|L|l|W|V|N|J|A|°|℃|°C|Hz|kW|am|pm|in|ft|lb|oz)"
    r"(?:\s*(?:\^\s*\{?[23]\}?|[²³]))?"
)
_UNITS = re.compile(
    rf"(?:\s*(?:\\?[°℃]|\^\s*\{{?\\circ\}}?|{_UNIT_WORD}|/)){{1,6}}\s*|\s*[\u4e00-\u9fff]{{1,8}}(?:/[\u4e00-\u9fff]{{1,3}})?\s*"
)
_FUNCTIONS = re.compile(
    r"sqrt|sin|cos|tan|log|ln|exp|pi|frac|sum|int|infty|theta|alpha|beta|mod|and|or|to", re.IGNORECASE
)
_SHELL = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mathit|operatorname|mbox|rm|bf)\s*\{([^{}]*)\}")


def undress(text: str) -> str:
    r"""The same expression without \text{}, $ $, \left, thin spaces, bold marks and a closing full stop."""
    text = fold(text).strip()
    text = _SHELL.sub(r"\1", text)
    text = re.sub(r"\\(?:left|right|displaystyle|,|;|!|:|quad|qquad)(?![a-zA-Z])|\\ |~", " ", text)
    text = text.replace("\\%", "%").replace("\\$", "$").replace("**", "").replace("{,}", ",")
    text = re.sub(r"(?<=\d),\s(?=\d{3}(?!\d))(?=\d{3}\b.*\\)", ",", text)
    text = re.sub(r"^\\[(\[]|\\[)\]]$", "", text.strip())
    if text.count("$") == 2 and text.startswith("$") and text.endswith("$"):
        text = text[1:-1]
    return text.strip().rstrip("。.,，;；！ ").strip()


def quantity(text: str) -> Fraction | None:
    """The exact value of a text that is one number with perhaps a unit; None where it is anything else."""
    if len(text) > LONGEST:
        return None
    text = re.sub(r"^(?:约|大约|共|一共|总共|≈|=|about|approximately|\\approx)\s*", "", undress(text))
    text = re.sub(r"^[a-zA-Z]\s*=\s*", "", text)
    text = re.sub(r"^(?:人民币|RMB|USD|US\$|Rs\.?)\s*", "", text)
    found = re.match(_QUANTITY, text)
    if found:
        rest = text[found.end() :]
        value = _value(found[0])
        if value is not None and _is_unit(rest):
            return value
    found = re.match(rf"(?:{NUMERAL})", text)
    if found and _is_unit(text[found.end() :]):
        return numeral(found[0])
    return None


def _is_unit(rest: str) -> bool:
    if not rest.strip():
        return True
    return (
        bool(_UNITS.fullmatch(rest))
        and not _FUNCTIONS.match(rest.strip(" \\"))
        and not re.match(r"\s*[又比点分余至到和或与]", rest)
    )


def _value(text: str) -> Fraction | None:
    """The value of a whole match of _QUANTITY."""
    text = re.sub(r"[,\s]*[$¥￥€£][\s]*", "", text).replace(",", "").replace("\\%", "%")
    percent = text.endswith("%")
    text = text.rstrip("% ")
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-").strip()
    scale = Fraction(1)
    while text and text[-1] in "十百千万亿":
        scale *= {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}[text[-1]]
        text = text[:-1]
    value = _unsigned(text)
    if value is None:
        return None
    return sign * value * scale / (100 if percent else 1)


def _unsigned(text: str) -> Fraction | None:
    latex = re.fullmatch(r"(\d+)?\s*\\[dtc]?frac\s*(?:\{\s*(-?[\d.]+)\s*\}|(\d))\s*(?:\{\s*([\d.]+)\s*\}|(\d))", text)
    if latex:
        share = _ratio(latex[2] or latex[3], latex[4] or latex[5])
        return None if share is None else share + int(latex[1] or 0)
    mixed = re.fullmatch(r"(\d+)(?:又|\s+)(\d+)/(\d+)", text)
    if mixed:
        share = _ratio(mixed[2], mixed[3])
        return None if share is None else share + int(mixed[1])
    science = re.fullmatch(r"([\d.]+)\s*(?:[×x*]|\\times)\s*10\s*(?:\^|\*\*)\s*\{?([+-]?\d+)\}?", text)
    if science:
        return Fraction(science[1]) * Fraction(10) ** int(science[2])
    above, slash, below = text.partition("/")
    try:
        return _ratio(above, below) if slash else Fraction(text)
    except ValueError:
        return None


def _ratio(above: str, below: str) -> Fraction | None:
    return Fraction(above) / Fraction(below) if Fraction(below) else None


# -- several numbers that mean something only together ------------------------------------------------------

_PLURAL = (
    ("r", re.compile(r"\s*(?:[.…]{2,}|⋯+|\\(?:cdots|ldots|dots)|余数?(?:是|为)?|remainder)\s*")),
    (":", re.compile(r"\s*(?::|比)\s*")),
    ("set", re.compile(r"\s*(?:和|与|或者?|、|及|,(?!\d{3}(?!\d))|，|;|；|\band\b|\bor\b)\s*")),
)

_PIECE = (
    r"(\d+(?:\.\d+)?)\s*(万?元|块|角|毛|分钟?|小时|时|秒|天|日|年|个?月|周|星期|岁|吨|千克|公斤|克|斤|两|千米|公里"
    r"|平方[分厘千]?米|[分厘毫]?米|公顷|亩|毫?升|度|hours?|h|minutes?|min|seconds?|s|feet|ft|inch(?:es)?|in"
    r"|dollars?|cents?|pounds?|lb|ounces?|oz|kg|g)"
)


def structure(text: str) -> tuple[str, tuple[object, ...]] | None:
    """A ratio or time, a quotient with remainder, a set, an ordered tuple, an amount like 12元5角; None if none of them."""
    if len(text) > LONGEST:
        return None
    text = undress(text)
    text = re.sub(r"\b[a-zA-Z](?:_\{?\d\}?)?\s*=\s*", "", text)
    ordered = re.fullmatch(r"\(([^()]*)\)", text)
    braces = re.fullmatch(r"\\?\{([^{}]*)\\?\}", text)
    if ordered:
        parts = [quantity(p) for p in re.split(r"[,，]\s*", ordered[1])]
        return ("tuple", tuple(parts)) if len(parts) > 1 and None not in parts else None
    text = braces[1].rstrip("\\") if braces else text
    for kind, separator in _PLURAL:
        parts = [quantity(p) for p in separator.split(text)]
        if len(parts) > 1 and None not in parts:
            return kind, tuple(sorted(set(parts), key=lambda v: v or 0)) if kind == "set" else tuple(parts)
    pieces = re.findall(_PIECE, text)
    if len(pieces) > 1 and re.fullmatch(rf"(?:{_PIECE}\s*)+", text):
        return "amount", tuple((Fraction(n), unit) for n, unit in pieces)
    return None
