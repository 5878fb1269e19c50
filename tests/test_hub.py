"""Questions from a hub: a loopback server plays the Hugging Face hub and ModelScope, a closed port the dead one."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = '{"grade": 1, "input": "一加一？", "golden": "2"}\n'.encode()
SHA = hashlib.sha256(CONTENT).hexdigest()
FILE = {"hub": "someone/sums", "revision": COMMIT, "file": "part/sums.jsonl", "sha256": SHA}


@dataclass
class Hub:
    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Answers like a hub for one file; everything else is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            played.asked.append(f"{self.command} {self.path}")
            known = self.path in (
                f"/datasets/someone/sums/resolve/{COMMIT}/part/sums.jsonl",
                "/datasets/someone/sums/resolve/master/part/sums.jsonl",
            )
            self.send_response(200 if known else 404)
            if known:
                self.send_header("ETag", f'"{SHA}"')
                self.send_header("X-Repo-Commit", COMMIT)
            elif "/resolve/" in self.path:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(len(CONTENT) if known else 0))
            self.end_headers()
            if body and known:
                self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    played = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield played
    server.shutdown()
    server.server_close()


def locate(home: Path, card: dict[str, str], hub: str = "huggingface", **environment: str) -> dict[str, Any]:
    """`files.locate` in a process of its own, since huggingface_hub reads its environment on import."""
    code = (
        "import json, sys, time; from harness import errors, files; start = time.monotonic(); out = {}\n"
        "try: out['text'] = files.locate(json.loads(sys.argv[1]), None, 'sums', sys.argv[2]).read_text('utf-8')\n"
        "except errors.MissingData as error: out['error'] = str(error)\n"
        "print(json.dumps(out | {'seconds': time.monotonic() - start}))"
    )
    own = {
        "HF_HOME": str(home / "hf"),
        "MODELSCOPE_CACHE": str(home / "ms"),
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "MODELSCOPE_", "HUGGING"))}
    ran = subprocess.run(
        [sys.executable, "-c", code, json.dumps(card), hub],
        cwd=ROOT, env={**inherited, **own, **environment}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def closed_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_hugging_face_at_the_pinned_revision_then_from_the_cache(hub: Hub, tmp_path: Path) -> None:
    assert locate(tmp_path, FILE, HF_ENDPOINT=hub.url)["text"] == CONTENT.decode()
    assert f"GET /datasets/someone/sums/resolve/{COMMIT}/part/sums.jsonl" in hub.asked
    hub.asked.clear()
    assert locate(tmp_path, FILE, HF_ENDPOINT=hub.url)["text"] == CONTENT.decode()
    assert hub.asked == []
    assert locate(tmp_path, FILE, HF_ENDPOINT=closed_port())["text"] == CONTENT.decode()
    assert locate(tmp_path, FILE, HF_ENDPOINT=closed_port(), HF_HUB_OFFLINE="1")["text"] == CONTENT.decode()


def test_modelscope_then_from_the_cache(hub: Hub, tmp_path: Path) -> None:
    assert locate(tmp_path, FILE, "modelscope", MODELSCOPE_ENDPOINT=hub.url)["text"] == CONTENT.decode()
    assert "GET /datasets/someone/sums/resolve/master/part/sums.jsonl" in hub.asked
    hub.asked.clear()
    assert locate(tmp_path, FILE, "modelscope", MODELSCOPE_ENDPOINT=hub.url)["text"] == CONTENT.decode()
    assert hub.asked == []
    assert not list((tmp_path / "ms").rglob("*.part"))


@pytest.mark.parametrize("kind", ["huggingface", "modelscope"])
def test_a_file_with_other_content_is_refused(hub: Hub, tmp_path: Path, kind: str) -> None:
    said = locate(tmp_path, {**FILE, "sha256": "0" * 64}, kind, HF_ENDPOINT=hub.url, MODELSCOPE_ENDPOINT=hub.url)
    assert "part/sums.jsonl" in said["error"]
    assert "is not the file that task sums was made for" in said["error"]
    assert "--data DIR/sums/" in said["error"]


@pytest.mark.parametrize("kind", ["huggingface", "modelscope"])
def test_an_unreachable_hub_is_noticed_at_once_and_the_ways_out_named(tmp_path: Path, kind: str) -> None:
    dead = closed_port()
    said = locate(tmp_path, FILE, kind, HF_ENDPOINT=dead, MODELSCOPE_ENDPOINT=dead)
    assert f"task sums needs sums.jsonl and {dead} can't be reached" in said["error"]
    assert "put a copy at DIR/sums/sums.jsonl and pass --data DIR" in said["error"]
    if kind == "huggingface":
        assert "--hub modelscope" in said["error"]
        assert "HF_ENDPOINT=URL" in said["error"]


def test_a_hub_that_takes_the_call_but_never_answers(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = locate(tmp_path, FILE, HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "can't be reached" in said["error"]
    assert said["seconds"] < 30  # 5 s are promised; huggingface_hub on its own takes minutes


def test_offline_and_absent(hub: Hub, tmp_path: Path) -> None:
    said = locate(tmp_path, FILE, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set and the file is not in the local cache" in said["error"]
    assert hub.asked == []
    said = locate(tmp_path, {**FILE, "file": "gone.jsonl"}, HF_ENDPOINT=hub.url)
    assert f"has no gone.jsonl in data set someone/sums at revision {COMMIT}" in said["error"]
    said = locate(tmp_path, {**FILE, "file": "gone.jsonl"}, "modelscope", MODELSCOPE_ENDPOINT=hub.url)
    assert "answers 404" in said["error"]
