"""Conversations cleaned and taken apart: every assistant's turn becomes a row with all that was said before it.

Example: "<think>3+5…</think>8" is learnt as "8"; "\\n\\n### Response:\\n\\n\\n### Response:\\n是的" as "是的". LLaMA-Factory
learns all turns of a conversation too; here each is a row of its own, since templates write a turn differently once others
follow it (Qwen3 drops its thinking), and only what `bench run` would ask is worth answering.
Traps: "继续" is no question by itself, so rows are alike when all their user's turns are; one "°" makes no English
question Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.errors import UserError
from harness.plugins import nearest
from harness.text import fold, language, split_thinking
from trainers._data_count import Ledger
from trainers._data_read import Talk, Turn
from trainers.recipe import Clean
from trainers.rows import Row

SYSTEMS = ("keep", "none", "by_language")
EMPTY, PLACEHOLDER, SYSTEM_ADDED = "empty reply", "placeholder", "system prompt added"
LOOKED_AT = 400  # characters by which a text's language is told
_NAMES = (
    "instruction|input|output|response|answer|question|user|human|assistant|system|"
    "指令|输入|输出|回答|回复|答案|问题|用户|助手"
)
# with the colon: "### Answer" on a line of its own is a heading that somebody meant
_MARK = rf"(?:###[ \t]*(?:{_NAMES})[ \t]*[:：]|</?s>|<\|(?:im_end|endoftext|eot_id|end|im_start)\|>)"
_HEAD = re.compile(rf"\s*(?:{_MARK}\s*)+", re.IGNORECASE)
_TAIL = re.compile(rf"{_MARK}\s*$", re.IGNORECASE)
_THINKING = ("<", "[", "◁")  # nor any thinking, and the search for it is slow
_HINTS = ("###", "<|", "s>")  # a text without any of these has no mark
LONGEST_MARK, MARKS = 40, 8  # characters; how many are taken off the end of a text
# LaTeX writes \frac{{a}}{b} and x^{{n}}; those are no places to be filled in
_PLACEHOLDER = re.compile(r"(?<![\w}^\\{])\{\{\s*[A-Za-z_][\w. -]{1,40}\s*\}\}(?!\})")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


class Cleaner:
    """The recipe's rules for the rows of one source."""

    def __init__(self, rules: Clean, ledger: Ledger, role: str, replies: bool = True) -> None:
        """`replies`: a row without a reply is of no use; else it is a question."""
        self._rules, self._ledger, self._role, self._replies = rules, ledger, role, replies
        check_system(rules.system)

    def rows(self, talk: Talk) -> Iterator[Row]:
        """The rows of one conversation, their system prompt chosen."""
        try:
            turns, unusable = self._turns(talk)
        except UnicodeEncodeError:
            self._ledger.read += 1
            self._ledger.drop("broken characters", talk.number, ascii("".join(t.content for t in talk.turns)))
            return
        worst = min(unusable, default=len(turns) + 1)
        for row, index in self._taken_apart(turns, talk.number):
            self._ledger.read += 1
            asked = row.messages[-1]["content"] if row.messages else ""
            if index > worst:
                self._ledger.drop("after an unusable reply", talk.number, asked)
            elif not asked:
                self._ledger.drop("no question", talk.number, row.reply)
            elif index == worst and (self._replies or unusable[index] != EMPTY):
                self._ledger.drop(unusable[index], talk.number, talk.turns[index].content or asked)
            elif not row.reply and self._replies:
                self._ledger.drop("no reply", talk.number, asked)
            else:
                yield self._finished(row)

    def reply(self, row: Row) -> Row | None:
        """A reply that a teacher or a task gave, cleaned by the same rules; None when nothing is left of it."""
        text, wrong = self._assistant(row.reply, row.number)
        if wrong:
            self._ledger.drop(wrong, row.number, row.reply)
            return None
        return row if text == row.reply else replace(row, reply=text)

    # -- turns ------------------------------------------------------------------------------------------------

    def _turns(self, talk: Talk) -> tuple[list[Turn], dict[int, str]]:
        """The turns cleaned, and why which of the assistant's can't be learnt."""
        turns: list[Turn] = []
        unusable: dict[int, str] = {}
        for index, (role, content) in enumerate(talk.turns):
            content.encode()  # half a surrogate pair is text for Python and for no tokenizer
            if "\r" in content:
                content = content.replace("\r\n", "\n").replace("\r", "\n")
                self._ledger.change("line ends", talk.number, content)
            if role == "assistant":
                text, why = self._assistant(content, talk.number)
                if why:
                    unusable[index] = why
            else:
                text = self._marks_off(content, talk.number).strip()
            if "{{" in text and _PLACEHOLDER.search(text):
                self._ledger.notice(PLACEHOLDER, talk.number, text)
            turns.append(Turn(role, text))
        return turns, unusable

    def _assistant(self, content: str, number: int) -> tuple[str, str]:
        """The text to learn, or why there is none."""
        text = content
        if self._rules.strip_thinking and any(hint in text for hint in _THINKING):
            split = split_thinking(text)
            if not split.closed:
                return "", "unclosed thinking"
            if split.answer != text and split.answer != text.strip():
                self._ledger.change("thinking stripped", number, content)
            text = split.answer
        text = self._marks_off(text, number).strip()
        return text, "" if text else EMPTY

    def _marks_off(self, text: str, number: int) -> str:
        if not self._rules.strip_markers or not any(hint in text for hint in _HINTS):
            return text
        head = _HEAD.match(text)
        bare = text[head.end() :] if head else text
        for _ in range(MARKS):
            bare = bare.rstrip()
            if not (tail := _TAIL.search(bare, max(0, len(bare) - LONGEST_MARK))):
                break
            bare = bare[: tail.start()]
        if bare.strip() != text.strip():
            self._ledger.change("markers stripped", number, text)
        return bare

    # -- rows -------------------------------------------------------------------------------------------------

    def _taken_apart(self, turns: Sequence[Turn], number: int) -> Iterator[tuple[Row, int]]:
        before: list[Mapping[str, str]] = []
        for index, (role, content) in enumerate(turns):
            if role == "assistant":
                if not before or before[-1]["role"] == "system":  # it speaks first: nobody asked
                    self._ledger.read += 1
                    self._ledger.drop("no question", number, content)
                    continue
                if before[-1]["role"] == "user":
                    yield self._row(before, content, number), index
                else:
                    self._ledger.read += 1
                    self._ledger.drop("no question", number, content)
            before.append({"role": role, "content": content})
        if not before or before[-1]["role"] != "assistant":  # what nobody answered
            asked = [turn for turn in before if turn["role"] != "system"]
            yield self._row(before if asked else [], "", number), len(turns)

    def _row(self, before: Sequence[Mapping[str, str]], reply: str, number: int) -> Row:
        return Row(tuple(before), reply, self._ledger.name, number, self._role, "")

    def _finished(self, row: Row) -> Row:
        """With its language and the system prompt that the recipe wants."""
        question = row.messages[-1]["content"]
        spoken = spoken_in(question, row.reply)
        messages, rules = row.messages, self._rules
        has = any(turn["role"] == "system" for turn in messages)
        if rules.system == "none" and has:
            messages = tuple(turn for turn in messages if turn["role"] != "system")
            self._ledger.change("system prompt removed", row.number, question)
        elif rules.system not in ("keep", "none") and not has:
            text = rules.system
            if text == "by_language":
                text = rules.system_zh if spoken == "zh" else rules.system_en
            messages = ({"role": "system", "content": text}, *messages)
            self._ledger.change(SYSTEM_ADDED, row.number, question)
        return replace(row, messages=messages, language=spoken)


def check_system(system: str) -> None:
    """`by-language` would else be said to the model before each question."""
    if system not in SYSTEMS and (not system.strip() or (system.isascii() and not system.strip().count(" "))):
        raise UserError(
            f"clean.system = {system!r} is neither a sentence to put before each question nor one of "
            f"{', '.join(SYSTEMS)}; {nearest(system, SYSTEMS)}"
        )


def spoken_in(question: str, reply: str = "") -> str:
    """zh or en: by the question, else the reply, else whether there is any Chinese at all."""
    for text in (question, reply):
        if found := language(text[:LOOKED_AT]):
            return found
    return "zh" if _CHINESE.search(question[:LOOKED_AT]) else "en"


def question(row: Row) -> str:
    """What two rows share when they ask the same: all that the user said, whatever its width and spaces."""
    return " ".join(fold("\x1f".join(t["content"] for t in row.messages if t["role"] == "user")).split())


def distinct(rows: Iterable[Row], seen: set[str], ledgers: Mapping[str, Ledger]) -> Iterator[Row]:
    """The first row of each question; `seen` remembers them across sources."""
    for row in rows:
        key = question(row)
        if key in seen:
            ledgers[row.source].drop("duplicate", row.number, row.messages[-1]["content"])
        else:
            seen.add(key)
            yield row
