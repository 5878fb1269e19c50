"""The engine for answers that exist already: `bench import`, and tests that must not load a model.

Example: load(info, [], {"label": "gsm8k-paper", "answers": {(checkpoint.id, sample.id, 0): Response(…)}}).
Trap: what was not recorded is not yielded, hence missing; it is never an empty answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.identity import engine_id
from harness.records import Checkpoint, EngineInfo, Request, Response

VERSION = "1"  # of replaying: an upgrade of bench must not make another run of the same file
Answers = Mapping[tuple[str, str, int], Response]  # (checkpoint id, sample id, repeat)


def describe(checkpoints: Sequence[Checkpoint], options: Mapping[str, Any]) -> EngineInfo:
    label = {"label": options["label"]} if options.get("label") else {}
    info = EngineInfo("", "recorded", VERSION, dtype="", device="none", options=label)
    return dataclasses.replace(info, id=engine_id(info))


def load(info: EngineInfo, checkpoints: Sequence[Checkpoint], options: Mapping[str, Any]) -> RecordedEngine:
    return RecordedEngine(info, options.get("answers") or {})


class RecordedEngine:
    def __init__(self, info: EngineInfo, answers: Answers) -> None:
        self.info = info
        self._answers = answers

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            found = self._answers.get((request.checkpoint, request.sample, request.repeat))
            if found is not None:
                yield dataclasses.replace(found, run=request.run, sample=request.sample, repeat=request.repeat)

    def close(self) -> None:
        self._answers = {}
