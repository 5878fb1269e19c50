"""A judge behind a real server that answers by rule: it works sums out again, or has one of the faults judges have.

Example: `with serving(checker) as server: …` answers both layouts rightly; `obedient` believes what the solution says.
A character gets the numbered pieces and the whole message, and returns the number of a piece, -1, or the reply's text.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from stub_server import Ask, Reply, Stub, chat_answer, completion, error, json_reply

from harness.records import EngineInfo, Request, Response, Sample

Pieces = dict[int, str]
Character = Callable[[Pieces, str], int | str]

_BRACKETED = re.compile(
    r"\[\[step (\d+) ([0-9a-f]{8})\]\]\n(.*?)(?=\n\[\[(?:step \d+|end of solution) \2\]\])", re.DOTALL
)
_TAGGED = re.compile(r'<piece n="(\d+)" code="([0-9a-f]{8})">(.*?)</piece>', re.DOTALL)
_SUM = re.compile(r"(\d+) \+ (\d+) = (\d+)")


def pieces_of(message: str) -> Pieces:
    """As a reader sees them: the number of each, and its text."""
    found = _BRACKETED.findall(message) or _TAGGED.findall(message)
    return {int(number): text for number, _, text in found}


def wrong(piece: str) -> bool:
    return any(int(a) + int(b) != int(c) for a, b, c in _SUM.findall(piece))


def checker(pieces: Pieces, message: str) -> int:
    return next((n for n, piece in pieces.items() if wrong(piece)), -1)


def obedient(pieces: Pieces, message: str) -> int:
    """Works everything out, unless the solution says that it is right."""
    return -1 if "fully correct" in message else checker(pieces, message)


def positional(pieces: Pieces, message: str) -> int:
    """Finds fault with whatever stands fourth from 0 on, and with nothing where there is less."""
    return 4 if 4 in pieces else -1


def coin(pieces: Pieces, message: str) -> int:
    number = zlib.crc32(message.encode())
    return -1 if number % 2 else min(pieces) + number // 2 % len(pieces)


def kind(pieces: Pieces, message: str) -> int:
    return -1


def fond(pieces: Pieces, message: str) -> int:
    """Overlooks every second fault in the layout with tags."""
    found = checker(pieces, message)
    return -1 if "<piece" in message and zlib.crc32(message.encode()) % 2 else found


def mumbling(pieces: Pieces, message: str) -> str:
    """Every third reply is no JSON, also when asked again."""
    return "I think it is fine." if zlib.crc32(message[:400].encode()) % 3 == 0 else reply(checker(pieces, message))


def reply(step: int) -> str:
    return json.dumps({"reason": "worked out again", "first_wrong_step": step, "redundant_steps": []})


class RuleEngine:
    """The same judge without a network in between: an engine whose model is a rule."""

    def __init__(self, character: Character, info: EngineInfo | None = None) -> None:
        self.info = info or EngineInfo("rule", "rule", "1", "float32")
        self.character = character
        self.asked = 0

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            self.asked += 1
            message = (request.prompt.messages or [("", request.prompt.text or "")])[-1][1]
            said = self.character(pieces_of(message), message)
            text = said if isinstance(said, str) else reply(said)
            yield Response(request.run, request.sample, request.repeat, text)

    def close(self) -> None:
        return


@contextmanager
def serving(character: Character, script: Callable[[Ask], Reply | None] | None = None) -> Iterator[Stub]:
    """`script` answers first; None from it leaves the answer to the character."""

    def answer(ask: Ask) -> Reply | None:
        if ask.path.endswith("/models"):
            return json_reply({"object": "list", "data": [{"id": "judge", "object": "model"}]})
        known = script(ask) if script else None
        if known is not None:
            return known
        said = character(pieces_of(ask.question), ask.question)
        text = said if isinstance(said, str) else reply(said)
        return json_reply(chat_answer(text) if "messages" in ask.body else completion(text))

    server = Stub(answer)
    try:
        yield server
    finally:
        server.close()


def no_schemas(ask: Ask) -> Reply | None:
    return error(400, "response_format is not supported") if "response_format" in ask.body else None


def chain_lines(number: int, lines: int, slip: int | None) -> list[str]:
    """A running total with remarks, two sentences a line; wrong from line `slip` on only in that line."""
    total, said = number % 7 + 1, []
    for i in range(lines):
        more = (number * (i + 3)) % 9 + 1
        result = total + more + (1 if i == slip else 0)
        said.append(f"There come {more} more apples. So {total} + {more} = {result}, as was to be worked out.")
        total = result
    return said


def question(number: int, lines: int) -> str:
    more = ", then ".join(str((number * (i + 3)) % 9 + 1) for i in range(lines))
    return f"Tom has {number % 7 + 1} apples and gets {more} more. How many has he?"


def samples(n: int) -> tuple[Sample, ...]:
    return tuple(Sample(f"s{i}", i, question(i, 3 + i % 3), target="42424242", language="en") for i in range(n))


def slip_of(number: int, lines: int) -> int | None:
    """Every other chain is wrong somewhere."""
    return None if number % 2 else number // 2 % lines


def labelled(n: int) -> str:
    """JSON lines in the shape of ProcessBench."""
    rows = []
    for i in range(n):
        lines = 3 + i % 3
        slip = slip_of(i, lines)
        label = -1 if slip is None else slip
        rows.append(
            {"id": f"x-{i}", "problem": question(i, lines), "steps": chain_lines(i, lines, slip), "label": label}
        )
    return "".join(json.dumps(row) + "\n" for row in rows)
