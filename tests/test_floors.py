"""The house stands: imports point to their own floor or below, no circles, one door per heavy library.

Reads the source with `ast`, so an import hidden inside a function counts as well.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "tasks", "leaderboard", "trainers")

FLOORS = {  # the longest prefix wins
    "harness": 0, "harness.records": 0, "harness.errors": 0,
    "harness.config": 1, "harness.identity": 1, "harness.files": 1, "harness.text": 1, "harness.stats": 1,
    "harness.plugins": 1, "harness.dialect": 1, "harness.ratings": 1, "harness.environment": 1, "harness.hub": 1, "harness.commits": 1,
    "harness.scorers": 2, "harness.metrics": 2, "harness.verdicts": 2, "harness.folders": 2, "tasks": 2,
    "harness.spans": 2, "harness._spans_letters": 2, "harness._spans_numbers": 2, "harness._spans_words": 2,
    "harness.questions": 3, "harness.checkpoints": 3, "harness.engines": 3, "harness.store": 3,
    "harness.scoring": 4, "harness.composites": 4, "harness._grades": 4, "harness.evaluate": 4, "harness.lookup": 4, "harness.pairs": 4, "harness.gating": 4, "harness._commands": 4, "harness.replicates": 4, "harness.imports": 4, "harness.matching": 4, "harness.foreign": 4, "harness.published": 4, "harness.estimate": 4, "harness.variations": 4,
    "harness.diagnosis": 4, "harness._diagnosis_facts": 4,
    "harness.experiments": 4, "harness.noise": 4, "harness.judge": 4, "harness.contamination": 4,
    "harness._contamination_tokens": 2, "harness._contamination_index": 2, "harness._contamination_rows": 2,
    "harness._contamination_clean": 2, "harness._contamination_split": 2,
    "harness.reports": 5, "leaderboard": 5, "trainers": 5,
    "harness.cli": 6,
}  # fmt: skip

DOORS = {  # library -> the only files that may import it
    "lm_eval": {"harness.questions.lmeval"},
    "vllm": {
        "harness.engines._vllm_adapters",
        "harness.engines._vllm_answers",
        "harness.engines._vllm_reload",
        "harness.engines._vllm_start",
        "harness.engines._vllm_stream",
    },
    "trl": {"trainers._fit_sft", "trainers._fit_distil", "trainers._fit_grpo"},
    "ray": {"harness.engines.ray"},
    "math_verify": {"harness.scorers.number"},
    "tiktoken": {"harness.scorers.tokens"},
    "sqlite_utils": {"harness.store"},
    "datasets": {"harness.dialect", "harness.questions.lmeval", "trainers._fit_sft", "trainers._fit_grpo"},
    "jinja2": {
        "leaderboard",
        "harness.reports.markdown",
        "harness.checkpoints.template",
    },  # the last renders a chat template
    "rich": {"harness.cli", "harness.reports.terminal", "harness.reports._plain", "harness.reports.change"},
    "click": {"harness.cli"},
    "pandas": {"harness.store", "harness.metrics", "harness.files"},
    "torch": {"harness.engines", "harness.checkpoints", "trainers"},
    "transformers": {"harness.engines", "harness.checkpoints", "trainers"},
    "peft": {"harness.engines", "trainers"},
    "openai": {"harness.engines._openai_server"},
    "sklearn": {"harness.metrics", "trainers._selection_nearness"},
    "sacrebleu": {"harness.metrics"},
    "rouge_score": {"harness.metrics"},
    "nltk": {"harness.metrics"},
}


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@functools.cache
def imports(path: Path) -> list[tuple[str, bool]]:
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(dotted name, only for type checkers)"""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(node) for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in MODULES else node.module), id(node) in typing_only


def floor(module: str) -> int:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = FLOORS.get(".".join(parts[:length]))
        if known is not None:
            return known
    raise AssertionError(f"{module} has no floor")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_to_the_same_floor_or_below(module: str) -> None:
    for name, _ in imports(MODULES[module]):
        if name.split(".")[0] in PACKAGES:
            assert floor(name) <= floor(module), (
                f"{module} (floor {floor(module)}) imports {name} (floor {floor(name)})"
            )


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module: {name for name, typing_only in imports(path) if name in MODULES and not typing_only and name != module}
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for name in graph[module]:
                visit(name, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_heavy_library_has_one_door(library: str) -> None:
    for module, path in MODULES.items():
        if any(name.split(".")[0] == library for name, _ in imports(path)):
            doors = DOORS[library]
            assert any(module == door or module.startswith(door + ".") for door in doors), f"{module} imports {library}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_and_functions_are_short_and_say_what_they_are_for(module: str) -> None:
    source = MODULES[module].read_text("utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), f"{module} doesn't say what it is for"
    if module != "harness.records":  # the vocabulary stays in one place
        assert source.count("\n") <= 300, f"{module} has {source.count(chr(10))} lines"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{module}.{node.name} has {length} lines"
        assert not isinstance(node, ast.Global), f"{module} has a global"
