"""The local preview: asked over real HTTP on loopback, beside a store that is written to, and ended by Ctrl-C."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import site_world

from harness.errors import UserError
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard import serve

BENCH = [sys.executable, "-c", "import sys; sys.argv[0] = 'bench'; from harness.cli import main; main()"]


def ask(
    port: int, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


@contextlib.contextmanager
def listening(
    folder: Path, fresh: Callable[[], None] = lambda: None, wait: Callable[[], None] = lambda: None
) -> Iterator[int]:
    with serve.bind(folder, 0, fresh, wait) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a site is made of, and beside it what nobody may read."""
    site = tmp_path / "site"
    (site / "static").mkdir(parents=True)
    (site / "data").mkdir()
    (site / "index.html").write_text("<!doctype html><title>板</title>", "utf-8")
    (site / "static" / "site.css").write_text("a{}", "utf-8")
    (site / "data" / "x.js").write_text('BENCH.put("x",1)', "utf-8")
    (site / "board.csv").write_text("a,b\n", "utf-8")
    (site / ".bench-site").write_text("{}", "utf-8")
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    (site / "away.html").symlink_to(tmp_path / "secret.html")
    return site


def test_files_come_with_their_kind_and_are_never_kept_by_a_browser(folder: Path) -> None:
    with listening(folder) as port:
        for path, kind in (
            ("/", "text/html; charset=utf-8"), ("/index.html?x=1", "text/html; charset=utf-8"),
            ("/static/site.css", "text/css; charset=utf-8"), ("/data/x.js", "text/javascript; charset=utf-8"),
            ("/board.csv", "text/csv; charset=utf-8"),
        ):  # fmt: skip
            status, headers, body = ask(port, path)
            assert (status, headers["Content-Type"]) == (200, kind), path
            assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"  # or any site could load the data scripts
            assert len(body) == int(headers["Content-Length"]) > 0
        assert ask(port, "/")[2].decode() == (folder / "index.html").read_text("utf-8")
        status, headers, body = ask(port, "/", "HEAD")
        assert status == 200 and body == b"" and int(headers["Content-Length"]) > 0


def test_nothing_but_the_site_is_served_and_no_folder_is_listed(folder: Path) -> None:
    with listening(folder) as port:
        for path in (
            "/static/", "/static", "/data/", "/.bench-site", "/../secret.html", "/%2e%2e/secret.html", "/static/../index.html",
            "/..%2fsecret.html", "/..%5csecret.html", "//etc/passwd", "/%00", "/away.html", "/none.html", "/%ff", "*",
        ):  # fmt: skip
            status, _, body = ask(port, path)
            assert status == 404 and b"secret" not in body, path
        assert ask(port, "/index.html", "POST")[0] == 501


def test_a_request_that_names_another_host_is_refused(folder: Path) -> None:
    """DNS rebinding: evil.example resolves to 127.0.0.1 in the reader's browser."""
    with listening(folder) as port:
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", f"127.0.0.1.evil.example:{port}", ""):
            status, _, body = ask(port, "/", host=host)
            assert status == 421 and "板".encode() not in body, host
        assert ask(port, "/", host=f"LOCALHOST:{port}")[0] == 200


def test_it_listens_on_this_machine_alone_and_says_which_port_is_taken(folder: Path) -> None:
    with serve.bind(folder, 0, lambda: None) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert server.address == f"http://127.0.0.1:{server.server_port}/"
        with pytest.raises(UserError, match=f"port {server.server_port} .*--port 0"):
            serve.bind(folder, server.server_port, lambda: None)


def test_a_page_is_made_anew_after_a_write_and_only_then(tmp_path: Path, folder: Path) -> None:
    path, built = tmp_path / "bench.db", []
    with site_world.small_world(path):
        pass
    fresh = serve.Fresh(path, lambda: built.append(time.monotonic()), lambda why: pytest.fail(why))
    with listening(folder, fresh, fresh.wait) as port:
        ask(port, "/")
        assert built == []  # nothing was written since the first look
        with open_store(path) as store, Writer(store) as writer:
            writer.add_checkpoint(site_world.checkpoint("newcomer"))
            writer.flush()
        wait_for(lambda: ask(port, "/index.html") and built)
        ask(port, "/")
        assert len(built) == 1
        ask(port, "/static/site.css")
    fresh.close()


def test_a_store_that_broke_leaves_the_old_site_and_is_told_once(tmp_path: Path, folder: Path) -> None:
    path, told, built = tmp_path / "bench.db", list[str](), []
    with site_world.small_world(path):
        pass
    whole = path.read_bytes()
    fresh = serve.Fresh(path, lambda: built.append(1), told.append)
    with listening(folder, fresh, fresh.wait) as port:
        path.unlink()
        path.write_bytes(b"no store at all, " * 100)
        wait_for(lambda: ask(port, "/")[0] == 200 and told)
        assert ask(port, "/")[2].decode() == (folder / "index.html").read_text("utf-8")
        assert len(told) == 1 and "is not a store" in told[0] and not built
        path.unlink()
        path.write_bytes(whole)  # another file by the same name
        wait_for(lambda: ask(port, "/")[0] == 200 and built)
    fresh.close()


def wait_for(happened: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_the_command_serves_what_it_wrote_follows_the_store_and_ends_quietly(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    with site_world.small_world(tmp_path / "made.db"):
        shutil.copy(tmp_path / "made.db", path)
    asked = [*BENCH, "leaderboard", "--store", str(path), "--serve", "--port", "0", "--json"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout and running.stderr
            lines = ""
            while not lines.endswith("}\n"):
                line = running.stdout.readline()
                assert line, running.stderr.read()
                lines += line
            port = int(json.loads(lines)["address"].rstrip("/").rpartition(":")[2])
            assert b"newcomer" not in ask(port, "/")[2]
            with open_store(path) as store, Writer(store) as writer:
                exam = site_world.exam_of(site_world.task("cmath", chance=0.0))
                site_world.put_run(writer, store, site_world.checkpoint("newcomer"), exam, 0.9)
                writer.flush()
            wait_for(lambda: b"newcomer" in ask(port, "/")[2])
            os.kill(running.pid, signal.SIGINT)
            rest, said = running.communicate(timeout=60)
            assert (running.returncode, rest, said) == (0, "", "")
        finally:
            running.kill()


def test_without_a_store_there_is_nothing_to_serve(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no store at .*bench\.db; run `bench run` first"):
        serve.Fresh(tmp_path / "bench.db", lambda: None, lambda why: None)


def test_a_port_without_a_server_is_a_mistake_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run([*BENCH, "leaderboard", "--port", "0"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr == "bench: --port is where --serve listens; pass both or neither\n"
