"""Opening a store: made where there is none, refused where it is not ours, whole after a full disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_world import (
    answer,
    begin,
    exam,
    fill,
    plain,
)

from harness.errors import UserError
from harness.store import read
from harness.store.check import check
from harness.store.migrations import MIGRATIONS
from harness.store.open import Store, StoreFailure, open_store
from harness.store.write import Writer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "results" / "bench.db") as opened:
        yield opened


def test_a_fresh_store_is_made_with_its_folder_and_marked_as_ours(tmp_path: Path) -> None:
    with open_store(tmp_path / "a" / "b" / "bench.db") as store:
        assert plain(store, "pragma journal_mode") == [("wal",)]
        assert plain(store, "pragma application_id") != [(0,)]
        uuid = plain(store, "select value from meta where key = 'uuid'")
    with open_store(tmp_path / "a" / "b" / "bench.db") as store:
        assert plain(store, "select value from meta where key = 'uuid'") == uuid


def test_where_a_write_ahead_log_is_not_safe_the_journal_is_plain_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    monkeypatch.setattr("harness.store.open.NETWORK", frozenset(kinds))  # as if every disk here were a network one
    with open_store(tmp_path / "bench.db") as store:
        fill(store)
        assert plain(store, "pragma journal_mode") == [("delete",)]
        assert "network file system" in store.notes[0]
    monkeypatch.undo()
    with open_store(tmp_path / "bench.db") as store:
        assert store.notes == () and read.get_run(store, "5a0e").done == 12


def test_reading_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no store at .*run `bench run` first"):
        open_store(tmp_path / "bench.db", "ro")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(store: Store) -> None:
    fill(store)
    with open_store(store.path, "ro") as reader:
        assert read.get_run(reader, "5a0e").done == 12
        with pytest.raises(RuntimeError, match="opened to read"), Writer(reader) as writer:
            writer.drop_results("5a0e")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.db.conn.execute("DELETE FROM results")


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    open_store(path).close()
    conn = sqlite3.connect(path)
    conn.execute(
        "insert into _sqlite_migrations (migration_set, name, applied_at) values ('bench', 'm900_future', 'x')"
    )
    conn.execute("update meta set value = '9.9' where key = 'written_by'")
    conn.commit()
    conn.close()
    before = path.read_bytes()
    newest = list(MIGRATIONS.pending(_empty()))[-1].name
    for mode in ("rw", "ro"):
        with pytest.raises(UserError, match=rf"m900_future \(bench 9\.9\), newer than {newest}") as refused:
            open_store(path, mode)  # type: ignore[arg-type]
        assert refused.value.exit_code == 2
    assert path.read_bytes() == before


def _empty() -> object:
    from sqlite_utils import Database

    return Database(memory=True)


def test_files_that_are_no_stores_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database " * 100)
    conn = sqlite3.connect(other)
    conn.execute("create table cake (flour)")
    conn.commit()
    conn.close()
    for path, why in ((text, "no SQLite file"), (other, "another program"), (tmp_path, "a folder")):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(UserError, match=why) as refused:
            open_store(path)
        assert refused.value.exit_code == 2
        assert (path.read_bytes() if path.is_file() else b"") == before
    (tmp_path / "cut.db").write_bytes(b"SQLite format 3\0 and then nothing of the kind")
    with pytest.raises(UserError, match="damaged"):
        open_store(tmp_path / "cut.db")
    with pytest.raises(UserError, match="can't be opened"):
        open_store(text / "bench.db")


def test_a_full_disk_is_one_sentence_and_no_half_written_batch(store: Store) -> None:
    with Writer(store) as writer:
        begin(store, writer)
        for i in range(3):
            writer.put(answer(i))
    pages = store.db.conn.execute("PRAGMA page_count").fetchone()[0]
    store.db.conn.execute(f"PRAGMA max_page_count = {pages + 4}")  # SQLite's own SQLITE_FULL, as from a full disk
    with pytest.raises(StoreFailure, match="no space left for the store") as full, Writer(store) as writer:
        for i in range(3, 12):
            writer.put(answer(i, "long " * 2_000))
    assert full.value.exit_code == 1
    store.db.conn.execute("PRAGMA max_page_count = 1000000")
    assert [s for s, _ in read.missing(store, "5a0e", exam().samples, 1)] == [f"s{i}" for i in range(3, 12)]
    assert check(store) == []


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as conn:
        conn.execute("INSERT INTO meta VALUES ('a', 'b')")
        with store.transaction():
            1 / 0  # noqa: B018  (the error is the point)
    assert plain(store, "select * from meta where key = 'a'") == []
