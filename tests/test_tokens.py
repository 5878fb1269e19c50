"""Neutral token counts: there where the vocabulary is, absent at once where it isn't, never by another counter."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from harness.records import Response, Sample, Score
from harness.scorers import tokens

SAMPLE = Sample("s", 0, "q")


def counted(text: str, **how: Any) -> Score:
    return tokens.score(SAMPLE, Response("r", "s", 0, text=text, **how))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def vocabulary() -> None:
    """The real one, where somebody has put it; a made-up one could not stand for it."""
    if counted("x").rule != tokens.ENCODING:
        pytest.skip("o200k_base is not in tiktoken's cache; see harness.scorers.tokens.REMEDY")


@pytest.mark.usefixtures("offline")
def test_without_its_vocabulary_nothing_is_counted_and_nobody_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for _ in range(1000):
        score = counted("some words")
    assert (score.value, score.rule, score.outcome, score.detail) == (None, "no_vocabulary", "ungraded", {})
    assert "TIKTOKEN_CACHE_DIR" in tokens.REMEDY


@pytest.mark.usefixtures("offline")
def test_a_damaged_vocabulary_is_none_and_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    damaged = tmp_path / tokens.FILE
    damaged.write_bytes(b"IQ== 0\n")
    assert counted("some words").rule == "no_vocabulary"
    assert damaged.read_bytes() == b"IQ== 0\n"


def test_no_length_where_nothing_was_generated() -> None:
    assert counted("", stop="error").outcome == "error"
    assert counted("", logprobs=(-1.0,)).rule == "not_generated"


@pytest.mark.usefixtures("vocabulary", "offline")
def test_thinking_counts_and_special_marks_are_text() -> None:
    plain = counted("So the answer is 18.").detail["neutral"]
    assert plain == 7
    assert counted("So the answer is 18.", thinking="So the answer is 18.").detail["neutral"] == 2 * plain
    assert counted("<|endoftext|>").detail["neutral"] > 1
    assert counted("").detail["neutral"] == 0
    assert counted("答案是十八").detail["neutral"] < 7


@pytest.mark.usefixtures("vocabulary")
@pytest.mark.parametrize("sign", ["a", " ", "中", "=", "\n", "😀"])
def test_a_megabyte_of_one_sign_is_counted(sign: str) -> None:
    assert counted(sign * 1_000_000).detail["neutral"] > 1000
