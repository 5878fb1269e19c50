"""Opening a store: pragmas in the one order that works, migrations under a lock, refusals in one sentence.

Example: `open_store(Path("results/bench.db"))` on a fresh machine makes folder, file and tables, also when three
processes do it at once. Traps: busy_timeout comes first, because setting WAL can itself answer "locked"; WAL on a
network file system corrupts, so there the rollback journal is used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

from sqlite_utils import Database

from harness import __version__
from harness.errors import UserError
from harness.store.migrations import MIGRATIONS

BUSY_MS = 30_000
APPLICATION_ID = 0x42454E43  # "BENC" in the file's header
NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "glusterfs",
        "afs",
        "9p",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.juicefs",
    ]
)


class StoreFailure(UserError):
    """The store cannot take more (disk full, input/output error); what was committed is kept, the command resumes."""

    exit_code = 1


class Store:
    """An open store. Read through `.db`; write only inside `transaction()`."""

    def __init__(self, path: Path, db: Database, readonly: bool, notes: tuple[str, ...] = ()) -> None:
        self.path = path
        self.db = db
        self.readonly = readonly
        self.notes = notes  # what the user should know, e.g. that WAL is off
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, the write lock taken first; inside another transaction it is part of that one."""
        if self.readonly:
            raise RuntimeError(f"{self.path} was opened to read")
        conn = self.db.conn
        with self._lock:
            if conn.in_transaction:
                yield conn
                return
            try:
                conn.execute("BEGIN IMMEDIATE")
                yield conn
                conn.execute("COMMIT")
            except BaseException as error:
                conn.rollback()
                if isinstance(error, sqlite3.Error) and (told := _told(self.path, error)):
                    raise told from error
                raise

    def close(self) -> None:
        self.db.conn.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(path: Path, mode: Literal["rw", "ro"] = "rw") -> Store:
    """The store at `path`; `rw` makes what is missing, `ro` never writes but a pending migration."""
    try:
        _examine(path, mode)
        conn = _connect(path, mode)
        try:
            return _prepare(path, conn, mode)
        except BaseException:
            conn.close()
            raise
    except sqlite3.Error as error:
        raise _told(path, error) or UserError(f"the store {path} can't be opened: {error}") from error
    except OSError as error:
        kind = StoreFailure if error.errno == errno.ENOSPC else UserError
        raise kind(f"the store {path} can't be opened: {error.strerror}; pass another --store") from error


def _examine(path: Path, mode: str) -> None:
    """Refuse by looking at the file alone, before SQLite touches it."""
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a store; pass --store {path / 'bench.db'}")
    if not path.exists() or path.stat().st_size == 0:
        if mode == "ro":
            raise UserError(f"no store at {path}; run `bench run` first, or pass --store")
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise UserError(f"{path} is not a store: it is no SQLite file; pass another --store")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = path.resolve().as_uri()
    conn = sqlite3.connect(
        f"{address}?mode={'ro' if mode == 'ro' else 'rwc'}",
        uri=True,
        timeout=BUSY_MS / 1000,
        isolation_level=None,  # transactions are ours alone: Python's own would be deferred ones
        check_same_thread=False,  # Store.transaction() holds a lock
    )
    conn.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    try:
        conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # a WAL store in a folder that we may not write to needs its -shm file; a published copy never changes
        if mode != "ro" or os.access(path.parent, os.W_OK):
            raise
        conn.close()
        conn = sqlite3.connect(f"{address}?immutable=1", uri=True, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA foreign_keys = ON")
    return conn


def _prepare(path: Path, conn: sqlite3.Connection, mode: str) -> Store:
    db = Database(conn, execute_plugins=False)
    pending = _pending(path, db)
    if mode == "ro":
        if pending:
            open_store(path, "rw").close()
        return Store(path, db, readonly=True)
    notes = _journal(path, conn)
    store = Store(path, db, readonly=False, notes=notes)
    if pending:
        with store.transaction():
            _migrate(path, db)
    return store


def _migrate(path: Path, db: Database) -> None:
    """Inside the write lock: of several processes on a fresh file one migrates, the others find nothing pending."""
    if not _pending(path, db):
        return
    MIGRATIONS.apply(db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("INSERT INTO meta VALUES ('uuid', ?) ON CONFLICT DO NOTHING", [str(uuid.uuid4())])
    for key, value in {"schema": _newest(), "written_by": __version__}.items():
        db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [key, value],
        )


def _pending(path: Path, db: Database) -> bool:
    """Is there something to migrate? UserError for a newer store and for a file of another program."""
    # asked first: seen full before its migrations are seen, the file would look like another program's
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    applied = {m.name for m in MIGRATIONS.applied(db)}
    known = {m.name for m in MIGRATIONS._migrations}
    if unknown := sorted(applied - known):
        writer = db.execute("SELECT value FROM meta WHERE key = 'written_by'").fetchone()
        raise UserError(
            f"the store {path} has schema {unknown[-1]} (bench {writer[0] if writer else '?'}), newer than "
            f"{_newest()} of this bench {__version__}; upgrade ckpt-bench, or pass another --store"
        )
    if not (applied or empty):
        raise UserError(f"{path} is an SQLite file of another program, not a store; pass another --store")
    return bool(known - applied)


def _newest() -> str:
    return MIGRATIONS._migrations[-1].name


def _journal(path: Path, conn: sqlite3.Connection) -> tuple[str, ...]:
    """WAL where it is safe, else the rollback journal and a note that says so."""
    kind = _file_system(path)
    wanted = "delete" if kind in NETWORK else "wal"
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            got = str(conn.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0])
            break
        except sqlite3.OperationalError as error:
            # the change of mode asks for the file alone and does not wait for busy_timeout
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if got == "wal":
        conn.execute("PRAGMA synchronous = NORMAL")
        conn.execute("PRAGMA journal_size_limit = 67108864")
        return ()
    conn.execute("PRAGMA synchronous = FULL")
    why = f"lies on a network file system ({kind})" if kind in NETWORK else "cannot use a write-ahead log"
    return (f"the store {path} {why}: slower commits, and only one machine at a time may write to it",)


def _file_system(path: Path) -> str:
    """The type of the file system under `path`, "" where the system does not tell."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    folder, best = path.resolve().parent, ("", "")
    for line in mounts:
        point, kind = line.split(" ")[1:3]
        point = point.replace("\\040", " ")
        if len(point) >= len(best[0]) and folder.is_relative_to(point):
            best = point, kind
    return best[1]


def _told(path: Path, error: sqlite3.Error) -> UserError | None:
    """An SQLite error as the user should read it; None for one that is our mistake."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return StoreFailure(f"no space left for the store {path}; free some, the same command then resumes")
    if name.startswith("SQLITE_IOERR"):
        return StoreFailure(f"the disk under the store {path} fails or is full ({name}); the same command resumes")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        seconds = BUSY_MS // 1000
        return StoreFailure(f"another program has locked the store {path} for {seconds} s; the same command resumes")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return UserError(f"the store {path} can't be written ({error}); check its permissions, or pass another --store")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return UserError(f"the store {path} is damaged ({error}); restore a copy, or pass another --store")
    return None
