"""Whether two sides of an equation say the same, as people write: rounded, in per cent, in another unit.

Example: 10/3 = 3.33 holds, 2/3 = 67% holds, 120 minutes = 2 hours holds, 10/4 = 3 holds only where the line speaks of
rounding. Trap: 33.33 * 3 = 100 was rounded on the way in.
"""

from __future__ import annotations

from fractions import Fraction

from harness.scorers._arithmetic import Side
from harness.scorers._arithmetic_tokens import Token
from harness.scorers._exact import Value, number

_FAMILIES: tuple[dict[str, str], ...] = (
    {"second": "1", "minute": "60", "hour": "3600", "day": "86400", "week": "604800", "sec": "1", "min": "60", "hr": "3600",
     "秒": "1", "分": "60", "分钟": "60", "小时": "3600", "时": "3600", "天": "86400", "日": "86400", "周": "604800"},
    {"month": "1", "year": "12", "decade": "120", "century": "1200", "个月": "1", "月": "1", "年": "12"},
    {"week": "1", "year": "52"}, {"day": "1", "year": "365", "month": "30", "week": "7"},
    {"cent": "1", "dollar": "100", "dime": "10", "nickel": "5", "quarter": "25", "penny": "1", "pennie": "1", "$": "100"},
    {"分": "1", "角": "10", "元": "100", "块": "100"},
    {"inch": "1", "inche": "1", "foot": "12", "feet": "12", "yard": "36", "mile": "63360", "ft": "12", "in": "1"},
    {"mm": "1", "cm": "10", "dm": "100", "m": "1000", "km": "1000000", "meter": "1000", "metre": "1000", "kilometer": "1000000",
     "centimeter": "10", "millimeter": "1", "毫米": "1", "厘米": "10", "分米": "100", "米": "1000", "千米": "1000000", "公里": "1000000"},
    {"g": "1", "kg": "1000", "gram": "1", "kilogram": "1000", "ton": "1000000", "克": "1", "千克": "1000", "公斤": "1000", "吨": "1000000", "斤": "500"},
    {"ounce": "1", "pound": "16", "ton": "32000", "oz": "1", "lb": "16"},
    {"ml": "1", "l": "1000", "liter": "1000", "litre": "1000", "milliliter": "1", "毫升": "1", "升": "1000"},
    {"ounce": "1", "cup": "8", "pint": "16", "quart": "32", "gallon": "128"},
    {"dozen": "12", "egg": "1", "": "1"}, {"平方厘米": "1", "平方分米": "100", "平方米": "10000"},
    {"平方米": "1", "公顷": "10000", "平方千米": "1000000"}, {"万": "10000", "": "1"},
)  # fmt: skip


def agree(left: Side, right: Side, loose: bool) -> bool:
    """`loose`: the line speaks of rounding."""
    a, b = left.value, right.value
    if a is None or b is None or a == b:
        return True
    slack = _slack(left, a) + _slack(right, b)
    if loose:
        place = max(_round(left), _round(right))
        whole = place <= 1 and not isinstance(a, float) and not isinstance(b, float) and (a - b).denominator == 1
        slack += max(0.0 if whole else place, 0.005 * abs(float(b)))  # nobody rounds 9 to 8
    if _near(a, b, slack):
        return True
    hundredfold = left.percent or right.percent
    if hundredfold and (_near(a * 100, b, slack * 100) or _near(a, b * 100, slack * 100)):
        return True
    return a != 0 and b != 0 and abs(Fraction(a) / Fraction(b)) in _conversions(left, right)


def _conversions(left: Side, right: Side) -> set[Fraction]:
    """How many of one unit named here make another that is named here: minutes and hours, cents and a dollar sign."""
    sides = [{word.removesuffix("s") for unit in one.units for word in unit.split()} for one in (left, right)]
    if sides[0] == sides[1]:
        return set()
    found: set[Fraction] = set()
    for family in _FAMILIES:
        sizes = [Fraction(family[word]) for word in sides[0] | sides[1] if word in family]
        found |= {one / other for one in sizes for other in sizes if one != other}
    return found


def _near(a: Value, b: Value, slack: float) -> bool:
    off = abs(float(a) - float(b))
    inexact = isinstance(a, float) or isinstance(b, float)
    return off <= max(slack * 1.0001, 1e-9 * max(abs(float(a)), abs(float(b))) if inexact else 0.0)


def _slack(one: Side, value: Value) -> float:
    """How far rounding may have moved a side: by a stated number's last place, or by its operands' last places."""
    if not one.operators:
        places = _places(one.operands[-1]) if one.operands else 0
        cut = 1.0 if places > 1 else 0.5  # 2/3 = 0.66
        if places > 8:  # a machine wrote 0.7000000000000001
            return 1e-9 * max(1.0, abs(float(value)))
        return 0.0 if places == 0 and not one.percent else cut * 10.0 ** -(places + 2 * one.percent)
    share = 0.0
    for operand in one.operands:
        places = _places(operand)
        # .25 and 1.50 are meant as they stand, 33.33 is not
        size = abs(float(number(operand.text))) if places >= 2 and operand.text[-1] not in "05" else 0.0
        share += 0.5 * 10.0**-places / size if size else 0.0
    return share * abs(float(value))


def _round(one: Side) -> float:
    """The last place that a stated number gives: 100 for "about 1,200", 1 for "16 full boxes"."""
    if one.operators or not one.operands:
        return 0.0
    digits = one.operands[-1].text.replace(",", "")
    zeros = 0 if "." in digits else len(digits) - len(digits.rstrip("0"))
    return 10.0 ** (min(zeros, 12) - _places(one.operands[-1])) / (100 if one.percent else 1)


def _places(token: Token) -> int:
    return len(token.text.partition(".")[2])
