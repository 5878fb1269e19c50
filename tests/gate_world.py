"""Stored runs with known numbers of right answers: what the tests of the gate's command judge.

Example: stored(store, "base", 180) -> a finished run of the checkpoint `base` with 180 of 240 questions right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from store_world import CHECKPOINT, ENGINE, TASK, answer, exam, grade

from harness import identity
from harness.cli import cli
from harness.records import Run, Settings
from harness.store.open import Store, open_store
from harness.store.write import Writer

N = 240
SETTINGS = Settings(stop=("\n\n",))


def stored(
    store: Store,
    name: str,
    right: int | None = 180,
    *,
    task: str = "quiz",
    variant: str = "",
    asked: Settings = SETTINGS,
    tags: Sequence[str] = (),
    day: int = 1,
    n: int = N,
    attempt: int = 0,
    **checkpoint: Any,
) -> str:
    """The id of a finished run; `right` of the first questions answered rightly, None: no answer was graded."""
    full = exam(N)
    full = replace(full, id=f"exam-{task}{variant}", task=replace(TASK, name=task, variant=variant, average="micro"))
    made = replace(CHECKPOINT, **{"id": f"id-{name}", "name": name, **checkpoint})
    run = Run(identity.run_id(made.id, full.id, asked, ENGINE.id, attempt), made.id, full.id, asked, ENGINE.id, attempt,
              expected=n, started=f"2026-11-{day:02d}T10:00:00", tags=tuple(tags))  # fmt: skip
    with Writer(store) as writer:
        writer.add_checkpoint(made)
        writer.add_exam(full)
        writer.add_engine(ENGINE)
        writer.start_run(run, "here", 1)
        for i in range(n):
            writer.put(replace(answer(i), run=run.id))
            if right is not None:
                writer.put_score(run.id, f"s{i}", 0, grade(i, 1.0 if i < right else 0.0), "key0")
        writer.finish_run(run.id, "done")
    return run.id


def three_runs(folder: Path) -> dict[str, str]:
    """A store in `folder` with runs of base (180 right), good (186) and bad (120): name -> run id."""
    with open_store(folder / "results" / "bench.db") as store:
        return {name: stored(store, name, right) for name, right in (("base", 180), ("good", 186), ("bad", 120))}


def bench(*words: object, **how: Any) -> Any:
    """The command in this process; `exit_code` as the shell would see it, but for crashes."""
    done = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False, **how)
    done.exit_code = (
        done.return_value if isinstance(done.return_value, int) else getattr(done.exception, "exit_code", 0)
    )
    return done
