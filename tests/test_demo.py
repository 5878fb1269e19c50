"""The demo from the outside: its own commands, its own checkpoints, and the story that must come out of the stored answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.checkpoints import doctor, lineage, read

pytestmark = pytest.mark.engine
NAMES = {"teacher", "base", "sft", "base-lora", "distilled", "damaged"}


def demo(out: Path, seed: int) -> str:
    """What `bench demo` prints; it exits 0 only where teacher > distilled > base and the damage is found."""
    code = "import sys; from harness.cli import main; sys.exit(main())"
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "COLUMNS": "100"}
    command = [sys.executable, "-c", code, "demo", "--out", str(out), "--seed", str(seed)]
    done = subprocess.run(command, env=environment, cwd=out, text=True, capture_output=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_demo_tells_its_story_whole(tmp_path: Path) -> None:
    said = demo(tmp_path, 0)
    assert "$ bench train tiny_distil" in said
    assert "FAIL  exit 3" in said
    assert "answers became shorter on demo_math" in said
    folders = {path.name: path for path in (tmp_path / "checkpoints").iterdir() if path.is_dir()}
    assert set(folders) == NAMES, "nothing is left of the work"
    found = {name: read.read(folder) for name, folder in folders.items()}
    assert {name: doctor.examine(c, deep=True) for name, c in found.items()} == {name: [] for name in NAMES}
    history = {name: lineage.read(folder) for name, folder in folders.items()}
    parents = {name: h.parent for name, h in history.items() if h}
    base, distilled = found["base"].id, found["distilled"].id
    assert parents == {
        "teacher": None,
        "base": None,
        "sft": base,
        "base-lora": base,
        "distilled": base,
        "damaged": distilled,
    }
    student = history["distilled"]
    assert student is not None
    assert (student.method, student.teacher) == ("seqkd", found["teacher"].id)
    assert found["base-lora"].kind == "adapter"
    assert found["base-lora"].base == base
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.soak
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_ranking_holds_over_seeds(tmp_path: Path, seed: int) -> None:
    demo(tmp_path, seed)
    assert "reusing" in demo(tmp_path, seed), "a second call trains nothing"
