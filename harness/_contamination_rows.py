"""Rows of training files as text: what was asked and what was to be replied, in whatever shape they lie.

Example: texts({"instruction": "算一算", "input": "3+5", "output": "8"}) -> Text("算一算\\n3+5", "8"). Alpaca, ShareGPT
`conversations`, `messages`, question/answer, prompt/chosen/rejected, plain `text`. All texts of a row are read, also those
in fields that nobody foresaw: what is not looked at can't be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness import files
from harness.errors import UserError

ASKED = ("instruction", "question", "query", "prompt", "problem", "input", "text", "content", "document")
TALKS = ("messages", "conversations", "conversation", "dialog", "turns")
REPLIES = (
    "output", "answer", "response", "completion", "solution", "reply", "target", "label", "chosen", "rejected",
    "rationale", "cot", "reasoning", "explanation",
)  # fmt: skip
SPEAKERS = ("assistant", "gpt", "model", "bot", "chatgpt", "function_call")
DEEPEST = 12


class Text(NamedTuple):
    asked: str
    reply: str


class TrainingRow(NamedTuple):
    number: int  # 1-based, of rows
    line: int  # where it stands in the file, as error messages say
    text: Text


def read(path: Path) -> Iterator[TrainingRow]:
    """The rows of a training file one by one; a file without any is a mistake."""
    number = 0
    for number, row in enumerate(files.rows(path), 1):
        yield TrainingRow(number, row.line, texts(row))
    if not number:
        raise UserError(f"--train {path} holds no rows")


def texts(row: files.Row) -> Text:
    """All text of a row, or a UserError that names the row."""
    lowered = {str(key).lower().strip(): value for key, value in row.items()}
    talks = [key for key in TALKS if lowered.get(key) is not None]
    known = talks or [key for key in ASKED if key in lowered]
    if not known:
        fields = ", ".join(map(str, list(row)[:8])) or "none"
        raise UserError(
            f"{row.where}: no text to train on that is known here (fields: {fields}); rows have instruction and output, "
            "messages, conversations, question and answer, or text"
        )
    for key in talks:
        if not isinstance(lowered[key], list) or not all(isinstance(turn, dict) for turn in lowered[key]):
            raise UserError(f"{row.where}: '{key}' is not a list of turns, each with who speaks and what")
    for key in known if not talks else ():
        if isinstance(lowered[key], bool | int | float) and key != "input":
            raise UserError(f"{row.where}: '{key}' is {type(lowered[key]).__name__} {lowered[key]!r}, not a text")
    parts: tuple[list[str], list[str]] = ([], [])
    for key, value in lowered.items():
        _gather(value, key in REPLIES, parts, row, 0)
    return Text("\n".join(parts[0]), "\n".join(parts[1]))


def _gather(value: Any, reply: bool, parts: tuple[list[str], list[str]], row: files.Row, depth: int) -> None:
    if depth > DEEPEST:
        raise UserError(f"{row.where}: more than {DEEPEST} lists or objects inside each other")
    if isinstance(value, str):
        if value.strip():
            parts[reply].append(value)
    elif isinstance(value, Mapping):
        speaker = value.get("role", value.get("from"))
        said = reply or (isinstance(speaker, str) and speaker.lower() in SPEAKERS)
        for key, inner in value.items():
            if key not in ("role", "from", "type"):
                _gather(inner, said or str(key).lower() in REPLIES, parts, row, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _gather(inner, reply, parts, row, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        parts[reply].append(str(value))
