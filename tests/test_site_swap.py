"""The site is replaced whole or not at all: killed in the middle, two at once, a full disk, and what others keep there."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from site_world import small_world

from harness.errors import UserError
from harness.store.open import open_store
from leaderboard.site import render
from leaderboard.swap import MARKER, aside

# makes a site of the store and stops for good where it has written so many files, or between the two renames
STOPS = """
import sys, time
from pathlib import Path
from harness.store.open import open_store
from leaderboard.site import render
store, out, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def wait():
    print("here", flush=True)
    time.sleep(60)
def audit(event, args):
    if at == "swap" and event == "os.rename" and str(args[1]) == str(out) and not out.exists():
        wait()
sys.addaudithook(audit)
with open_store(store, mode="ro") as opened:
    render(opened, out, title="new", watch=lambda path, done: wait() if at == str(done) else None)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("swap") / "bench.db"
    with small_world(path):
        pass
    return path


def make(store: Path, out: Path, title: str = "") -> None:
    with open_store(store, mode="ro") as opened:
        render(opened, out, title=title)


def files(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def killed(store: Path, out: Path, at: str) -> None:
    with subprocess.Popen([sys.executable, "-c", STOPS, store, out, at], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGKILL)


def test_a_process_that_is_killed_leaves_the_old_site_and_the_next_one_tidies_up(store: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "site", tmp_path / "whole"
    make(store, out, "old")
    make(store, whole, "new")
    before = files(out)
    for at in ("1", "9"):
        killed(store, out, at)
        assert files(out) == before
    killed(store, out, "swap")
    assert not out.exists()  # the only moment without a site
    with pytest.raises(ZeroDivisionError), aside(out):
        assert files(out) == before  # there again before anything else is done
        raise ZeroDivisionError
    assert files(out) == before
    make(store, out, "new")
    assert files(out) == files(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "whole"]


def test_two_at_once_do_not_mix(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    with subprocess.Popen([sys.executable, "-c", STOPS, store, out, "3"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(UserError, match="another bench leaderboard"):
            make(store, out)
        assert list((tmp_path / ".site.making").iterdir())  # it goes on
        process.kill()
    make(store, out)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_others_keep_at_the_top_of_a_site_stays(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    make(store, out)
    fresh = files(out)
    (out / ".git").mkdir()
    (out / ".git" / "HEAD").write_text("ref: refs/heads/pages")
    (out / "CNAME").write_text("board.example.org")
    (out / "task" / "stale.html").write_text("of another store")
    make(store, out)
    assert files(out) == fresh | {".git/HEAD": b"ref: refs/heads/pages", "CNAME": b"board.example.org"}


def test_a_site_of_an_earlier_version_is_replaced_cleanly(store: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "site", tmp_path / "whole"
    (out / "sample").mkdir(parents=True)
    (out / "sample" / "1.html").write_text("a page that there is no more")
    (out / "index.html").write_text("the board of long ago")
    (out / MARKER).write_text("made by bench leaderboard\n")
    make(store, out)
    make(store, whole)
    assert files(out) == files(whole)


@pytest.mark.parametrize("told", ["", "[]", '{"keys": 1, "own": 2}', '{"keys": {"data/columns.js": 1}}', "\x00"])
def test_a_broken_marker_is_no_trouble(store: Path, tmp_path: Path, told: str) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / MARKER).write_text(told)
    with aside(out) as folder:
        (folder / "a").write_text("1")
    assert [path.name for path in out.iterdir()] == ["a"]


def test_a_folder_that_can_not_be_is_a_mistake_in_one_sentence(store: Path, tmp_path: Path) -> None:
    for out in (tmp_path / ("x" * 300), tmp_path / "a file" / "site"):
        (tmp_path / "a file").touch()
        with pytest.raises(UserError, match="nothing was changed"):
            make(store, out)


def test_a_workshop_that_is_a_link_elsewhere_is_not_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "new").mkdir(parents=True)
    (tmp_path / ".site.making").symlink_to(elsewhere)
    with pytest.raises(OSError), aside(tmp_path / "site"):
        pass
    assert (elsewhere / "new").is_dir()


def test_the_lock_is_the_operating_systems(tmp_path: Path) -> None:
    with aside(tmp_path / "site") as folder:
        held = os.open(folder.parent, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(held)
