"""The wheel works: built, installed in a fresh environment, run from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def bench(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bench` in a fresh environment that borrows only the dependencies of this one, not this checkout."""
    home = tmp_path_factory.mktemp("fresh") / "env"
    venv.create(home, with_pip=False)
    site = next(home.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    borrowed = Path(sysconfig.get_paths()["purelib"])
    links = [p for p in borrowed.iterdir() if not p.name.startswith(("_ckpt_bench", "ckpt_bench", "__editable__"))]
    for path in links:
        if not (site / path.name).exists() and path.suffix != ".pth":
            (site / path.name).symlink_to(path)
    script = home / "bin" / "bench"
    script.write_text(f"#!{home / 'bin' / 'python'}\nfrom harness.cli import main\nmain()\n", "utf-8")
    script.chmod(0o755)
    return script


def run(bench: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run([bench, *arguments], cwd=cwd, capture_output=True, text=True, env=environment)


def test_the_wheel_ships_what_is_not_python(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for folder, suffix in (
        ("tasks", ".yaml"),
        ("leaderboard", ".j2"),
        ("leaderboard", ".css"),
        ("leaderboard", ".js"),
        ("harness", "py.typed"),
    ):
        assert any(name.startswith(f"{folder}/") and name.endswith(suffix) for name in names), (
            f"no {suffix} of {folder}"
        )
    assert not any(name.startswith(("tests/", "results/")) for name in names)


def test_it_runs_from_another_folder(bench: Path, tmp_path: Path) -> None:
    listed = run(bench, tmp_path, "tasks")
    assert listed.returncode == 0, listed.stderr
    assert "ceval" in listed.stdout


def test_a_file_in_the_way_is_named(bench: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("x = 1\n")
    python = bench.with_name("python")
    command = [python, "-c", "from harness.cli import main; main()", "tasks"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "another 'tasks'" in done.stderr


def test_an_unknown_task_names_the_nearest_and_exits_2(bench: Path, tmp_path: Path) -> None:
    done = run(bench, tmp_path, "tasks", "cevl")
    assert done.returncode == 2
    assert "ceval" in done.stderr
    assert "Traceback" not in done.stderr
