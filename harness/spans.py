r"""Where in a reply its extracted answer stands, for a reader to see it marked; None rather than a wrong place.

Example: locate("A 项错误。故选：B。", "B", "cue") == (8, 9), in code points. A score holds only the answer and the rule that
found it, so the place is looked for again, from the end, by what the rule needs around it: much cheaper than grading.
Several letters ("AC") are one span from the first to the last where they stand together ("A、C"), else None. Trap: base
models write the next question and its answer as well, so "#### 18" may stand there twice; only the first counts.
Rules that name what the reply doesn't say itself (an option's text, ①③, "all of the above") have no place, nor have
log-probabilities.
"""

from __future__ import annotations

import re

from harness._spans_letters import LETTER_RULES, RAW_RULES
from harness._spans_numbers import NUMBER_RULES, filtered
from harness._spans_words import WORD_RULES, is_verdict
from harness.scorers import before_next_question
from harness.text import fold

Span = tuple[int, int]

LONGEST = 400  # characters of an answer; a longer one is the reply itself
READ = 8000  # characters at either end of a reply in which letters and words are looked for, as the scorers do
_LETTERS = re.compile("[A-R]{1,18}")
_CLOSED = ("</think>", "</thinking>", "</thought>", "[/THINK]", "◁/think▷", "<|END_THINKING|>")
# what every mark of a next question holds; most replies have nothing of it, and this is quicker to see
_TAGS = ("<|", "</s>", "<eoa>", "<human>", "<bot>")
_ASKS = ("Q", "Problem", "Exercise", "User", "Human", "Instruction", "问", "题", "例", "用户", "以下是", "回答")
_WIDE = re.compile("[０-９％]")
_KNOWN = frozenset((*LETTER_RULES, *NUMBER_RULES, *WORD_RULES))


def locate(text: str, answer: str | None, rule: str) -> Span | None:
    """(start, end) of the answer in the reply, in code points; None where it can't be told for sure."""
    if not answer or len(answer) > LONGEST or not text:
        return None
    if rule in RAW_RULES:  # these read a reply as it came
        return RAW_RULES[rule](text, answer)
    start = _behind_thinking(text)
    if start:
        found = locate(text[start:], answer, rule)
        return (found[0] + start, found[1] + start) if found else None
    if "," in rule:
        return filtered(text, answer, rule)
    if rule not in _KNOWN:
        return None
    head = before_next_question(text) if _may_ask(text) else text
    if _LETTERS.fullmatch(answer) and rule in LETTER_RULES:
        return _at_either_end(head, answer, rule)
    if rule in WORD_RULES and is_verdict(answer):
        return WORD_RULES[rule](head, answer) if len(head) <= 2 * READ else None
    if rule not in NUMBER_RULES:
        return None
    if not head.isascii() and _WIDE.search(head):  # "１２元" was read as "12元"
        folded = fold(head)
        head = folded if len(folded) == len(head) else head
    return NUMBER_RULES[rule](head, answer)


def _behind_thinking(text: str) -> int:
    """Where the answer begins, if thinking stands before it."""
    if "think" not in text and "THINK" not in text and "thought" not in text:
        return 0
    return max((text.rfind(mark) + len(mark) for mark in _CLOSED if mark in text), default=0)


def _may_ask(text: str) -> bool:
    if "<" in text and any(tag in text for tag in _TAGS):
        return True
    return "\n" in text and any(sign in text for sign in _ASKS)


def _at_either_end(text: str, answer: str, rule: str) -> Span | None:
    """Letters are read in the first and the last 8,000 characters."""
    if len(text) <= 2 * READ:
        return LETTER_RULES[rule](text, answer)
    found = LETTER_RULES[rule](f"{text[:READ]}\n{text[-READ:]}", answer)
    moved = len(text) - 2 * READ - 1 if found and found[0] > READ else 0
    return (found[0] + moved, found[1] + moved) if found else None
