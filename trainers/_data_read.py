"""Training files as conversations: Alpaca, ShareGPT, messages, question and answer; by the fields of each row.

Example: {"instruction": "算一算", "input": "3+5", "output": "8"} is a user's turn "算一算\\n3+5" and an assistant's "8";
`system` and `history` (pairs of question and answer) of LLaMA-Factory are turns before these.
Traps: the same file writes "human" here and "user" there, `input` is null or a number, an answer is 42 without quotes. What
can't be a conversation is a mistake with its row's number; what is one but has nothing to learn is left to cleaning.
Files of preferences (`chosen`, `rejected`) are refused, since no method here learns from pairs; with `format` set by hand
their chosen answers are read as replies, and the others left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness import files
from harness.errors import UserError
from harness.verdicts.wording import printable

SPEAKERS = {
    "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "system": "system", "developer": "system",
}  # fmt: skip
TALKS = ("conversations", "conversation", "messages")
QUESTIONS = ("question", "problem", "query", "prompt")
ANSWERS = ("answer", "response", "solution", "output", "completion", "reply")
OPTIONS = ("options", "choices")
PAIRS = ("chosen", "rejected")
MOST_TURNS = 1_000  # each reply is a row of its own with all turns before it


class Turn(NamedTuple):
    role: str  # system | user | assistant
    content: str


class Talk(NamedTuple):
    number: int  # 1-based row of the file
    turns: tuple[Turn, ...]


def read(path: Path, form: str = "auto", replies: bool = True) -> Iterator[Talk]:
    """The rows of a file one by one. `replies`: a row without a field for its answer is a mistake."""
    number = 0
    try:
        for number, row in enumerate(files.rows(path), 1):
            yield Talk(number, tuple(_Reader(row, number, form, replies).turns()))
    except RecursionError:
        raise UserError(f"{path}: after row {number} come lists or objects nested too deep to be read") from None
    if not number:
        raise UserError(f"{path} holds no rows")


class _Reader:
    """One row; every complaint names it."""

    def __init__(self, row: files.Row, number: int, form: str, replies: bool) -> None:
        self._row = {str(key).strip().lower(): value for key, value in row.items()}  # some write "Question"
        self._form, self._replies = form, replies
        self.where = f"{row.file}, row {number}" + (f" (line {row.line})" if row.line != number else "")

    def turns(self) -> Iterator[Turn]:
        form = self._form if self._form != "auto" else self._guess()
        if form in ("sharegpt", "messages"):
            yield from self._talk(form)
        elif form == "alpaca":
            yield from self._alpaca()
        else:
            yield from self._question()

    def _guess(self) -> str:
        row = self._row
        if any(row.get(key) for key in PAIRS):
            raise UserError(
                f"{self.where}: a chosen and a rejected answer; no method here learns from such pairs, and to learn from "
                'the chosen ones alone say so with format = "sharegpt" (or alpaca, messages, question) in its [[data]]'
            )
        if isinstance(row.get("prompt"), list):
            return "messages"
        talk = next((key for key in TALKS if row.get(key) is not None), None)
        if talk:
            return "messages" if talk == "messages" else "sharegpt"
        if row.get("instruction") is not None or {"input", "output"} <= set(row):
            return "alpaca"
        if any(row.get(key) is not None for key in QUESTIONS):
            return "question"
        raise UserError(
            f"{self.where}: no conversation that is known here ({self._fields()}); rows have instruction and output, "
            "conversations, messages, or question and answer"
        )

    def _fields(self) -> str:
        return "fields: " + (", ".join(printable(str(key)[:40]) for key in list(self._row)[:8]) or "none")

    # -- the four shapes ----------------------------------------------------------------------------------------

    def _alpaca(self) -> Iterator[Turn]:
        yield from self._system()
        history = self._row.get("history") or ()
        if not isinstance(history, Sequence) or isinstance(history, str) or len(history) > MOST_TURNS:
            raise UserError(f"{self.where}: 'history' is no list of pairs of a question and its answer")
        for pair in history:
            if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
                raise UserError(f"{self.where}: 'history' is no list of pairs of a question and its answer")
            yield Turn("user", self._text(pair[0], "history"))
            yield Turn("assistant", self._text(pair[1], "history"))
        if not {"instruction", "input"} & set(self._row):
            raise UserError(f"{self.where}: no 'instruction' ({self._fields()})")
        parts = [self._text(self._row.get(key), key).strip() for key in ("instruction", "input")]
        yield Turn("user", "\n".join(part for part in parts if part))
        yield from self._answer(("output", *ANSWERS))

    def _question(self) -> Iterator[Turn]:
        yield from self._system()
        key = next((key for key in QUESTIONS if self._row.get(key) is not None), None)
        if key is None:
            raise UserError(f"{self.where}: no question ({', '.join(QUESTIONS)})")
        if any(self._row.get(name) for name in OPTIONS) or (self._row.get("a") and self._row.get("b")):
            raise UserError(
                f"{self.where}: a question with its options beside it, which nobody would be shown; write them into the "
                "question, or train on the task itself (task = NAME)"
            )
        yield Turn("user", self._text(self._row[key], key))
        yield from self._answer(ANSWERS)

    def _talk(self, form: str) -> Iterator[Turn]:
        row = self._row
        if form == "messages" and isinstance(row.get("prompt"), list):
            rest = row.get("completion") or row.get("chosen") or []
            turns = self._turns(row["prompt"], "prompt") + self._turns(rest, "completion")
        else:
            key = next((key for key in TALKS if row.get(key) is not None), None)
            if key is None:
                raise UserError(f"{self.where}: no 'conversations' or 'messages' ({self._fields()})")
            turns = self._turns(row.get(key), key)
            if turns and turns[-1].role == "user" and row.get("chosen") is not None:
                chosen = row["chosen"]
                turns += self._turns(chosen, "chosen") if isinstance(chosen, list) else [self._chosen(chosen)]
        if not any(turn.role == "system" for turn in turns):
            yield from self._system()
        yield from turns

    # -- parts --------------------------------------------------------------------------------------------------

    def _system(self) -> Iterator[Turn]:
        system = self._text(self._row.get("system"), "system")
        if system.strip():
            yield Turn("system", system)

    def _answer(self, keys: Sequence[str]) -> Iterator[Turn]:
        found = next((key for key in keys if self._row.get(key) is not None), None)
        if found is None and self._form != "auto" and self._row.get("chosen") is not None:
            yield self._chosen(self._row["chosen"])
        elif found is not None:
            yield Turn("assistant", self._text(self._row[found], found))
        elif any(key in self._row for key in keys):  # null: dirty, not wrong
            yield Turn("assistant", "")
        elif self._replies:
            raise UserError(f"{self.where}: nothing to learn, no '{keys[0]}' ({self._fields()})")

    def _chosen(self, value: Any) -> Turn:
        if isinstance(value, Mapping):
            value = value.get("value", value.get("content"))
        return Turn("assistant", self._text(value, "chosen"))

    def _turns(self, value: Any, key: str) -> list[Turn]:
        if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
            raise UserError(f"{self.where}: '{key}' is no list of turns, each with who speaks and what")
        if len(value) > MOST_TURNS:
            raise UserError(f"{self.where}: a conversation of {len(value)} turns; {MOST_TURNS} are the most")
        found = []
        for turn in value:
            speaker = turn.get("from", turn.get("role"))
            role = SPEAKERS.get(speaker.lower().strip()) if isinstance(speaker, str) else None
            if role is None:
                raise UserError(
                    f"{self.where}: somebody called {str(speaker)[:40]!r} speaks in '{key}'; user (human), assistant (gpt) and "
                    "system can be learnt from here, tools and functions can't"
                )
            if "value" not in turn and "content" not in turn:
                raise UserError(f"{self.where}: a turn in '{key}' has neither 'value' nor 'content'")
            if turn.get("tool_calls"):
                raise UserError(f"{self.where}: a turn in '{key}' calls tools, which can't be learnt here")
            found.append(Turn(role, self._text(turn.get("value", turn.get("content")), key)))
        return found

    def _text(self, value: Any, key: str) -> str:
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return str(value)
        if isinstance(value, list):
            return "".join(self._part(part, key) for part in value)
        raise UserError(
            f"{self.where}: '{key}' holds {type(value).__name__} {str(value)[:40]!r} where a text is expected"
        )

    def _part(self, part: Any, key: str) -> str:
        """Of a content in parts; pictures and sounds are none that a text model learns from."""
        if isinstance(part, str):
            return part
        if isinstance(part, Mapping) and part.get("type", "text") == "text" and isinstance(part.get("text"), str):
            return str(part["text"])
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        raise UserError(f"{self.where}: '{key}' has a part of kind {str(kind)[:40]!r}; only text can be learnt here")
