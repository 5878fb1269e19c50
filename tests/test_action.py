"""CI for users: the action's own steps on two packed files, and the few packages that judging them takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pairs import pair

from harness.verdicts import baseline

ACTION = Path(__file__).resolve().parents[1] / ".github" / "actions" / "bench-gate"
HEAVY = ("torch", "transformers", "lm_eval", "pandas", "sklearn", "datasets", "openai", "peft", "nltk", "sacrebleu",
         "huggingface_hub", "tiktoken", "math_verify", "vllm")  # fmt: skip


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """What a CI job has checked out: a blessed file, three candidates, a bench.toml, and no store."""
    suites = {"same": pair("ceval", 1346, 90, 90), "worse": pair("ceval", 1346, 160, 60)}
    other = pair("ceval", 1346, 90, 90, must={"exam": "9f3c", "key": "another"})[1]
    candidates = {name: after for name, (_, after) in suites.items()} | {"other": other}
    (tmp_path / "main.json").write_text(baseline.dump([suites["same"][0]], "main", "v1", "t", "w"), "utf-8")
    worse_base = suites["worse"][0]
    (tmp_path / "high.json").write_text(baseline.dump([worse_base], "high", "v1", "t", "w"), "utf-8")
    for name, after in candidates.items():
        (tmp_path / f"{name}.json").write_text(baseline.dump([after], name, "", "", ""), "utf-8")
    (tmp_path / "bench.toml").write_text('[gate]\n[gate.task.ceval]\ntolerance = "1.5pt"\n', "utf-8")
    return tmp_path


def step(folder: Path, candidate: str, against: str = "file:main.json", args: str = "") -> tuple[int, str, str, str]:
    """(exit code, log, job summary, outputs) of the action's step that judges."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "BENCH_CANDIDATE": candidate,
           "BENCH_BASELINE": against, "BENCH_CONFIG": "", "BENCH_STORE": "", "BENCH_ARGS": args,
           "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_OUTPUT": str(folder / "outputs")}  # fmt: skip
    done = subprocess.run(
        ["bash", str(ACTION / "gate.sh")], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    read = [
        (folder / name).read_text("utf-8") if (folder / name).exists() else "" for name in ("summary.md", "outputs")
    ]
    for name in ("summary.md", "outputs"):
        (folder / name).unlink(missing_ok=True)
    return done.returncode, done.stdout + done.stderr, read[0], read[1]


def test_a_job_is_green_or_red_by_the_verdict_alone(runner: Path) -> None:
    code, _, summary, outputs = step(runner, "file:same.json", args="--junit gate.xml")
    assert (code, outputs) == (0, "exit-code=0\n") and "No clear" not in summary and "against base" in summary
    assert (runner / "gate.xml").exists() and not (runner / "results").exists()
    code, log, summary, outputs = step(runner, "file:worse.json", "file:high.json")
    assert (code, outputs) == (3, "exit-code=3\n") and "Worse: -7.4 points on ceval" in summary
    assert "::error file=" in log and "line=3" in log  # on the tolerance that the user wrote


@pytest.mark.parametrize(
    ("candidate", "code", "why"),
    [("file:other.json", 4, "key"), ("file:nothing.json", 5, "nothing to compare"), ("file:bench.toml", 2, "mistake")],
)
def test_no_verdict_is_told_from_a_worse_checkpoint(runner: Path, candidate: str, code: int, why: str) -> None:
    found, log, summary, outputs = step(runner, candidate)
    assert (found, outputs) == (code, f"exit-code={code}\n")
    assert why in summary and "::error" in log and "Worse" not in summary


def test_an_input_is_never_a_part_of_a_script(runner: Path) -> None:
    code, _, _, _ = step(runner, "file:$(touch hacked).json; touch hacked")
    assert code == 5 and not (runner / "hacked").exists()
    text = (ACTION / "action.yml").read_text("utf-8")
    action = yaml.safe_load(text)
    for one in action["runs"]["steps"]:
        assert "${{" not in one["run"]  # inputs go through the environment
    used = "".join(str(one.get("env", "")) for one in action["runs"]["steps"])
    assert all(f"inputs.{name} " in used for name in action["inputs"])


def test_judging_files_takes_seven_small_packages(runner: Path) -> None:
    """What install.sh leaves out can't be needed: these imports fail here, and the gate still judges."""
    block = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); from harness.cli import main; main()"
    words = ["gate", "file:worse.json", "--baseline", "file:high.json", "--md", "v.md", "--junit", "v.xml"]
    done = subprocess.run(
        [sys.executable, "-c", block, *words], cwd=runner, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "Worse: -7.4 points" in done.stdout


def test_our_own_ci_gates_the_demo() -> None:
    root = ACTION.parents[2]
    blessed = baseline.load((root / "results" / "baselines" / "demo.json").read_text("utf-8"))
    assert {o.task for o in blessed.outcomes} == {"demo_math", "demo_facts"} and {o.name for o in blessed.outcomes} == {
        "base"
    }
    script = (root / ".ci" / "run").read_text("utf-8")
    assert "gate distilled 0" in script and "gate damaged 3" in script
    assert subprocess.run(["bash", "-n", str(root / ".ci" / "run")], check=False).returncode == 0


def test_the_committed_baseline_was_asked_what_is_asked_now() -> None:
    """A changed demo task or scorer would make CI's gate refuse (exit 4): the file must then be blessed anew."""
    from harness import plugins
    from harness.questions import catalogue, load

    text = (ACTION.parents[2] / "results" / "baselines" / "demo.json").read_text("utf-8")
    for o in baseline.load(text).outcomes:
        exam = load.load(catalogue.find([o.task])[0], None)
        must = o.fingerprint["must"]
        assert (must["exam"], must["key"]) == (exam.id, exam.key)
        scorer, _, version = must["scorer"].partition("@")
        assert int(version) == plugins.find("harness.scorers", scorer).VERSION
