"""What every test may use: the real data where it is, and tiny real checkpoints made once per session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real questions and outputs; BENCH_TEST_DATA, else shared/data beside the checkout."""
    folder = Path(os.environ.get("BENCH_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real data is not here; set BENCH_TEST_DATA")
    return folder
