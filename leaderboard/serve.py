"""A local preview of the site: what `file://` shows, at an address of this machine, made anew when the store has changed.

Example: `bind(Path("results/site"), 0, lambda: None)` listens at 127.0.0.1 on a free port; `.address` is what to open.
Trap: any page in the reader's browser can ask 127.0.0.1. So a request that names another host is refused (DNS rebinding),
and no other site may load the data scripts, which would hand it every answer.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import time
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import BinaryIO

from harness.errors import UserError
from harness.store.open import Store, open_store

LOOPBACK = "127.0.0.1"
CHECK_SECONDS = 1.0  # at least between two looks at the store
REST = 4.0  # times as long as a build took nothing is built again: a run that goes on writes all the time
SILENT_SECONDS = 30.0  # a connection that says nothing is closed
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".db": "application/vnd.sqlite3",
}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Fresh:
    """Calls `build` when the store at `path` has changed since the last look; `tell` hears why it could not.

    The first look is taken here, so that what changes during a build that follows is not missed.
    """

    def __init__(self, path: Path, build: Callable[[], object], tell: Callable[[str], None]) -> None:
        self._path, self._build, self._tell = path, build, tell
        self._lock = threading.Lock()
        self._store: Store | None = None  # held open, since the version that SQLite counts is one connection's
        self._file: tuple[int, int] | None = None
        self._version: int | None = None
        self._next = 0.0
        self._told = ""
        with self._lock:
            self._changed()

    def __call__(self) -> None:
        """One thread builds; what the others ask for meanwhile is answered from the site that is there."""
        if time.monotonic() < self._next or not self._lock.acquire(blocking=False):
            return
        began = time.monotonic()
        try:
            if self._changed():
                self._build()
            self._told = ""
        except Exception as error:  # whatever it is, the site that is there can still be read
            self._version = None  # so that the next look tries again
            self._say(str(error) or type(error).__name__)
        finally:
            now = time.monotonic()
            self._next = now + max(CHECK_SECONDS, REST * (now - began))
            self._lock.release()

    def wait(self) -> None:
        """Until no build is under way."""
        with self._lock:
            pass

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _changed(self) -> bool:
        if not self._path.is_file():
            open_store(self._path, mode="ro")  # which says in a sentence what is wrong
        stat = self._path.stat()
        if self._store is None or self._file != (stat.st_dev, stat.st_ino):  # another file by the same name
            self.close()
            self._store, self._file = open_store(self._path, mode="ro"), (stat.st_dev, stat.st_ino)
        before, self._version = self._version, _version(self._store)
        return before != self._version

    def _say(self, why: str) -> None:
        if why != self._told:
            self._told = why
            self._tell(why)


def _version(store: Store) -> int:
    """Another number after every transaction of any other process."""
    try:
        (found,) = store.db.execute("PRAGMA data_version").fetchone()
    except sqlite3.Error as error:
        raise UserError(f"the store {store.path} can't be read: {error}") from error
    return int(found)


class Server(ThreadingHTTPServer):
    """Serves one folder to this machine; `fresh` is called before a page is."""

    daemon_threads = True  # a page that is still being sent must not hold up Ctrl-C

    def __init__(self, folder: Path, port: int, fresh: Callable[[], None], wait: Callable[[], None]) -> None:
        self.folder, self.fresh, self.wait = folder, fresh, wait
        super().__init__((LOOPBACK, port), Handler)
        port = self.server_port
        self.hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")} | ({LOOPBACK} if port == 80 else set())

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's own asks a name server who 127.0.0.1 is
        self.server_name, self.server_port = LOOPBACK, self.socket.getsockname()[1]

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader who went away is no error of ours, and a traceback on the terminal helps nobody."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SILENT_SECONDS
    server: Server

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, body)
            return
        path = self._path()
        if path is not None and path.suffix == ".html":
            self.server.fresh()
        file = _opened(path) if path else None
        if path and file is None:  # the moment in which one site takes the other's place
            self.server.wait()
            file = _opened(path)
        if path is None or file is None:
            self._refuse(HTTPStatus.NOT_FOUND, body)
            return
        with file:
            self._head(HTTPStatus.OK, KINDS.get(path.suffix, "application/octet-stream"), _size(file))
            if body:
                shutil.copyfileobj(file, self.wfile)

    def _path(self) -> Path | None:
        """The file an address means; None for a folder, a hidden file, and whatever tries to leave the site."""
        plain = urllib.parse.unquote(self.path.partition("?")[0].partition("#")[0], errors="surrogateescape")
        parts = plain.removeprefix("/").split("/")
        if parts == [""]:
            parts = ["index.html"]
        if any(not part or part.startswith(".") or "\0" in part or "\\" in part for part in parts):
            return None
        root = self.server.folder.resolve()
        with contextlib.suppress(OSError, ValueError):
            path = root.joinpath(*parts).resolve()
            return path if path.is_relative_to(root) else None
        return None

    def _refuse(self, status: HTTPStatus, body: bool) -> None:
        text = f"{status.value} {status.phrase}\n".encode("ascii")
        self._head(status, KINDS[".txt"], len(text))
        if body:
            self.wfile.write(text)

    def _head(self, status: HTTPStatus, kind: str, size: int) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(size)}.items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        return "bench"

    def log_message(self, format: str, *args: object) -> None:
        """Requests are nothing to read."""


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:  # not there, or a folder
        return None


def _size(file: BinaryIO) -> int:
    end = file.seek(0, 2)
    file.seek(0)
    return end


def bind(folder: Path, port: int, fresh: Callable[[], None], wait: Callable[[], None] = lambda: None) -> Server:
    """Listens already when it returns; port 0 takes a free one. UserError where the port is taken."""
    try:
        return Server(folder, port, fresh, wait)
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} of {LOOPBACK} can't be had ({error}); --port 0 takes a free one") from error
