"""The store under force: killed writers, several processes at once. Real processes, real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness
from harness.records import Checkpoint, EngineInfo, Exam, Response, Run, Sample, Score, Settings, Task
from harness.store import read
from harness.store.check import check
from harness.store.open import open_store
from harness.store.write import Writer

N = 3_000

# A process as `bench run` is one: it opens the store, starts its run and puts answers and grades as they come.
# Every flush is acknowledged on stdout with the number of answers that must be there from then on.
WRITING = f"""
import os, socket, sys, time
from pathlib import Path
from harness.records import *
from harness.store import read
from harness.store.open import open_store
from harness.store.write import Writer

path, run_id, slow = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
samples = tuple(Sample(f"s{{i}}", i, f"question {{i}}", target=str(i)) for i in range({N}))
exam = Exam("exam", "key", Task("quiz"), samples)
run = Run(run_id, "ckpt", "exam", Settings(), "engine", expected={N})
class Telling(Writer):
    def flush(self):
        waiting = len(self._responses)
        super().flush()
        self.told = getattr(self, "told", 0) + waiting
        print(self.told, flush=True)
with open_store(path) as store, Telling(store) as writer:
    writer.add_checkpoint(Checkpoint("ckpt", "ckpt", "full"))
    writer.add_exam(exam)
    writer.add_engine(EngineInfo("engine", "hf", "1", "float32"))
    print("open", flush=True)
    writer.start_run(run, sys.argv[4], os.getpid())
    for sample, repeat in read.missing(store, run_id, samples, 1):
        writer.put(Response(run_id, sample, repeat, "the answer is " * 20, prompt="solved examples\\n" * 20 + sample))
        writer.put_score(run_id, sample, repeat, Score("number", 1, 1.0, "1", "rule", "correct"), "key")
        time.sleep(slow)
    writer.finish_run(run_id, "done")
"""


def start(path: Path, run: str, slow: float = 0.0, host: str = socket.gethostname()) -> subprocess.Popen[str]:
    here = str(Path(harness.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", WRITING, str(path), run, str(slow), host],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": here},
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.mark.parametrize("acknowledged", [1, 5, 12])
def test_kill_9_loses_nothing_that_was_committed_and_the_same_command_resumes(
    tmp_path: Path, acknowledged: int
) -> None:
    path = tmp_path / "bench.db"
    process = start(path, "run", slow=0.001)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(1 + acknowledged)]
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    promised = int((lines[-1:] + out.split())[-1])
    with open_store(path) as store:
        stored = read.response_count(store, "run")
        assert promised <= stored <= promised + 64
        assert 0 < stored < N
        assert check(store) == []
        samples = read.get_exam(store, "exam").samples
        answered = {r.sample for r in read.responses(store, "run")}
        missing = read.missing(store, "run", samples, 1)
        assert [s for s, _ in missing] == [s.id for s in samples if s.id not in answered]
        assert len(missing) == N - stored
        assert read.get_run(store, "run").status == "running"
        # what was answered but not graded is graded on resume, without asking again
        with Writer(store) as writer:
            for response in read.unscored(store, "run", "number", 1, "key"):
                writer.put_score("run", response.sample, 0, Score("number", 1, 1.0, "1", "rule", "correct"), "key")
    finish(start(path, "run"))
    with open_store(path) as store:
        run = read.get_run(store, "run")
        assert (run.status, run.done) == ("done", N)
        assert read.table(store, "run").value.sum() == N
        assert check(store) == []


def test_processes_writing_at_once_never_see_a_lock_error(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    writers = [start(path, "a"), start(path, "b"), start(path, "c")]
    for writer in writers:
        finish(writer)
    with open_store(path) as store:
        assert {run.id: (run.status, run.done) for run in read.list_runs(store)} == dict.fromkeys("abc", ("done", N))
        assert check(store) == []


def test_a_race_on_one_run_costs_work_but_no_rows(tmp_path: Path) -> None:
    """Two connections, as of two machines that missed each other's heartbeat."""
    path = tmp_path / "bench.db"
    with open_store(path) as store, open_store(path) as other, Writer(store) as one, Writer(other) as two:
        samples = tuple(Sample(f"s{i}", i, f"question {i}") for i in range(200))
        for writer in (one, two):
            writer.add_checkpoint(Checkpoint("ckpt", "ckpt", "full"))
            writer.add_exam(Exam("exam", "key", Task("quiz"), samples))
            writer.add_engine(EngineInfo("engine", "hf", "1", "float32"))
        one.start_run(Run("run", "ckpt", "exam", Settings(), "engine", expected=200), "node1", 1)
        for sample in samples:
            for writer in (one, two):
                writer.put(Response("run", sample.id, 0, "text"))
                writer.put_score("run", sample.id, 0, Score("number", 1, 1.0, "1", "rule", "correct"), "key")
        one.finish_run("run", "done")
        two.finish_run("run", "done")
        assert read.get_run(store, "run").done == 200
        assert check(store) == []


def test_a_second_command_on_a_live_run_is_told_who_is_at_work(tmp_path: Path) -> None:
    path = tmp_path / "bench.db"
    first = start(path, "run", slow=0.01)
    assert first.stdout is not None
    for _ in range(2):  # "open", then the first batch: the run is its own by now
        first.stdout.readline()
    second = start(path, "run")
    _, err = second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode != 0
    assert f"process {first.pid} on {socket.gethostname()}" in err and "is at work on run run" in err


def test_fresh_stores_are_opened_by_three_processes_at_once(tmp_path: Path) -> None:
    opening = (
        "import sys, time; from pathlib import Path; from harness.store.open import open_store\n"
        "time.sleep(max(0, float(sys.argv[1]) - time.time()))\n"
        "for i in range(20): open_store(Path(sys.argv[2]) / f'{i}.db').close()"
    )
    env = os.environ | {"PYTHONPATH": str(Path(harness.__file__).parents[1])}
    together = str(time.time() + 1.5)
    processes = [
        subprocess.Popen([sys.executable, "-c", opening, together, str(tmp_path)], env=env, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    for path in tmp_path.glob("*.db"):
        with open_store(path) as store:
            assert check(store) == []
