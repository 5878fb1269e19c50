r"""Makes LaTeX, Chinese and typed arithmetic look alike, line by line, so that one reader can check it.

Example: plain_lines("\\[ \\frac{1}{2} \\times 6 &= 3 \\]")[0] reads "((1)/(2)) * 6 = 3". Traps: a line that begins with
"=" goes on the one before it; an x between two numbers multiplies, in "2x + 1" it doesn't; ** is a power in code and
bold print in a chat.
"""

from __future__ import annotations

import re

from harness.text import fold

LONGEST_LINE = 4000  # characters of a line that are read: nobody writes a longer sum
_ROUNDS = 5  # nested fractions and powers, from the inside out
_PLAIN_BRACES = r"\{([^{}]{0,300})\}"
_SHELL = re.compile(
    rf"\\(?:text(?:bf|it|rm)?|math(?:rm|bf|it|sf)|mbox|operatorname\*?|bm|boldsymbol|rm|bf|underline|cancel)\s*{_PLAIN_BRACES}"
)
_MIXED = re.compile(r"(?<![\d.^_)])(\d{1,4})\s*\\[dt]?frac\s*\{?(\d{1,4})\}?\s*\{?(\d{1,4})\}?")
_FRAC = re.compile(rf"\\[dtc]?frac\s*{_PLAIN_BRACES}\s*{_PLAIN_BRACES}")
_SHORT_FRAC = re.compile(r"\\[dtc]?frac\s*(\d)\s*(\d)|\\[dtc]?frac\s*(\d)\s*\{(\d+)\}|\\[dtc]?frac\s*\{(\d+)\}\s*(\d)")
_ROOT = re.compile(rf"\\sqrt\s*(?:{_PLAIN_BRACES}|(\d))")
_RAISED = re.compile(rf"([\^_])\s*{_PLAIN_BRACES}")
_DEGREES = re.compile(r"\^\s*\{\s*\\circ\s*\}|\^?\s*\\(?:circ|degree)(?![a-zA-Z])|°")
_SPELLINGS = [
    (re.compile(pattern), sign)
    for pattern, sign in (
        (r"\\\\(?:\[[^\]\n]{0,9}\])?|\\newline", "\n"),
        (r"\\(?:begin|end)\s*\{[^{}\n]{0,30}\}(?:\{[^{}\n]{0,9}\})?", "\n"),
        (r"\{,\}|,\\!|\\!", ","),
        (r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|limits|phantom\{[^{}]{0,99}\})(?![a-zA-Z])\.?", ""),
        (r"\\[&@]", "ƒ"),
        (r"&\s{0,9}(?=[=≈]|\\approx)|(?<==)\s{0,9}&|\\[,;: ]|~", " "),
        (r"\\q?quad(?![a-zA-Z])|&", "¦"),
        (r"\\(?:times|cdot|ast)(?![a-zA-Z])", "*"),
        (r"\\div(?![a-zA-Z])", "/"),
        (r"\\(?:approx|simeq|doteq|cong)(?![a-zA-Z])", "≈"),
        (r"\\(?:neq?|leq?|geq?|lt|gt|equiv|sim|mid|in|leqslant|geqslant)(?![a-zA-Z])", "≠"),
        (r"\\(?:pi)(?![a-zA-Z])", "π"),
        (r"\\(?:[lcd]?dots)(?![a-zA-Z])", "…"),
        (r"\\(?:implies|Rightarrow|Longrightarrow|rightarrow|to|therefore|because)(?![a-zA-Z])", "⇒"),
        (r"\\(?:boxed|fbox)(?![a-zA-Z])", ""),
        (r"\\([%$#])", r"\1"),
        (r"\\[()\[\]]", "$"),
        (r"\^(?=\d\d)", "^ƒ "),
        (r"\\[{}|]", "¦"),
        (r"\\[a-zA-Z]+", " ƒ"),
    )
]
_TYPED = [
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (r"<<[^<>\n]{0,300}>>", ""),
        (r"(?<=[\w)])\*\*(?=[\w(-])", "^"),
        (r"\*\*|__|`+|</?\w{1,10}>", ""),
        (r"(?<=[\d)])[ ]?(?:乘以?|乘上)[ ]?(?=[\d(])|[×✕✖⋅∙·•∗]", "*"),
        (r"(?<=[\d)])[ ]?除以[ ]?(?=[\d(])|÷", "/"),
        (r"(?<=[\d)])[ ]?加上?[ ]?(?=[\d(])", "+"),
        (r"(?<=[\d)])[ ]?减去?[ ]?(?=[\d(])", "-"),
        (r"(?<![小大不])(?:大?约)?等于|\b(?:is |are )?equals?(?: to)?\b|==", "="),
        (r"(?<=[\d)%]) (?:times|multiplied by) (?=[\d($])", "*"),
        (r"(?<=[\d)%]) plus (?=[\d($])", "+"),
        (r"(?<=[\d)%]) minus (?=[\d($])", "-"),
        (r"(?<=[\d)%]) divided by (?=[\d($])", "/"),
        (r"(?<=[\d)])²", "^2"),
        (r"(?<=[\d)])³", "^3"),
        (r"[–—]", "-"),
        (r"[≃≒≅∼]|~=|≈=", "≈"),
        (r"=>|<=|>=|!=|->|=\?|\?=|[<>]", "≠"),
    )
]
_BULLET = re.compile(
    r"^[ \t]{0,40}(?:[-*•][ \t]{1,9}|\(?\d{1,2}[.):、](?!\d)[ \t]{0,9}|step[ \t]*\d{1,2}[ \t]*[:.)])",
    re.IGNORECASE | re.MULTILINE,
)
_GOES_ON = re.compile(r"[ \t$]{0,20}\n\s{0,40}\$?[ \t]{0,9}(?=[=≈+*/])|(?<=[=≈+*/])[ \t$]{0,9}\n\s{0,40}(?=[\d($])")
_ALGEBRA_IN_X = re.compile(r"(?<![A-Za-z])[xX]\s{0,3}[-+=^)/*]|[-+=(*/]\s{0,3}[xX](?![A-Za-z])")
_X_BETWEEN = re.compile(r"(?<=[\d)%])[ \t]{0,2}[xX][ \t]{0,2}(?=\$?\.?\d)|(?<=[\d)%])[ \t]{1,2}[xX][ \t]{1,2}(?=\()")
_X_BEHIND_UNIT = re.compile(r"(?<=[a-z])\s[xX]\s(?=[\d$.])")


def plain_lines(text: str) -> list[str]:
    """The text's lines with one spelling for each sign; the number of lines may differ from the text's."""
    text = fold(text)
    if "\\" in text:
        text = _from_latex(text)
    for pattern, sign in _TYPED:
        text = pattern.sub(sign, text)
    text = _GOES_ON.sub(" ", _BULLET.sub("", text))
    text = _X_BETWEEN.sub("*", text)
    if not _ALGEBRA_IN_X.search(text):
        text = _X_BEHIND_UNIT.sub(" * ", text)
    return [line[:LONGEST_LINE] for line in text.translate(_BRACKETS).split("\n") if line.strip()]


_BRACKETS = {ord("{"): "(", ord("}"): ")", ord("["): "(", ord("]"): ")"}


def _from_latex(text: str) -> str:
    text = _DEGREES.sub(" ", _SHELL.sub(r" \1 ", text))
    for _ in range(_ROUNDS):
        before = text
        text = _RAISED.sub(r"\1(\2)", text)
        text = _MIXED.sub(_mixed, text)
        text = _SHORT_FRAC.sub(lambda m: "({}/{})".format(*(g for g in m.groups() if g)), text)
        text = _FRAC.sub(r"((\1)/(\2))", _ROOT.sub(lambda m: f"√({m[1] or m[2]})", text))
        if text == before:
            break
    for pattern, sign in _SPELLINGS:
        text = pattern.sub(sign, text)
    return text


def _mixed(found: re.Match[str]) -> str:
    """3\\frac12 is three and a half; 2\\frac{8}{3} multiplies."""
    whole, above, below = found.groups()
    return f"({whole}+{above}/{below})" if int(above) < int(below) else f"{whole}(({above})/({below}))"
