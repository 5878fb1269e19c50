"""What the code says, read out of its source: every template given to `say`, `heads` and `listed`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def templates() -> dict[str, str]:
    """English template -> the file in which it stands."""
    found: dict[str, str] = {}
    for path in sorted(p for folder in ("harness", "trainers") for p in (ROOT / folder).rglob("*.py")):
        source, where = path.read_text("utf-8"), str(path.relative_to(ROOT))
        if "from harness.words import" in source:
            for template in _of(ast.parse(source), where):
                found.setdefault(template, where)
    return found


def _of(tree: ast.AST, where: str) -> Iterator[str]:
    """A template is a literal where it is said, or is put into a variable called `template` just before."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "template" for t in node.targets):
            yield from _literals(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "say":
                first = node.args[0]
                named = getattr(first, "id", getattr(first, "attr", "")) == "template"  # or of what was said before
                texts = list(_literals(first))
                assert named or texts, f"{where}:{node.lineno}: nobody can translate a template that isn't written here"
                yield from texts
            elif node.func.id == "heads":
                for argument in node.args:
                    yield from _literals(argument)
            elif node.func.id in ("listed", "joined"):
                yield from _literals(node.args[1]) if len(node.args) > 1 else [", "]


def _literals(node: ast.expr) -> Iterator[str]:
    """The texts an expression may be: a literal, or one of the two of `a if c else b`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
