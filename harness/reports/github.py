"""The verdict as GitHub annotations: one line per failing task or guard, on the line where its tolerance is written.

Example: ::error file=bench.toml,line=9,title=bench gate%3A ceval regressed::-3.1 points on ceval (90 %25 interval …
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.records import Verdict
from harness.verdicts import wording

HEADER = re.compile(r"\s*\[([^\[\]]+)\]")
STRICT_UNDECIDED = 6  # exit code


def render(verdict: Verdict, lines: Mapping[str, int] | None = None, file: str = "bench.toml") -> str:
    """`lines`: task -> line of its tolerance in `file`; tasks without one are annotated without a place."""
    lines = lines or {}
    out = []
    for judged in verdict.tasks:
        if judged.judgement in ("regressed", "not_comparable", "inconclusive"):
            blocks = judged.judgement != "inconclusive" or verdict.exit_code == STRICT_UNDECIDED
            text = wording.moved_by(judged.change) if judged.change and judged.change.n else judged.why
            title = f"bench gate: {judged.task} {judged.judgement.replace('_', ' ')}"
            out.append(_line("error" if blocks else "warning", title, text, file, lines.get(judged.task)))
    for finding in verdict.guards:
        if finding.level != "info":
            kind = "error" if finding.level == "refuse" else "warning"
            place = lines.get(f"guard.{finding.source}")
            out.append(_line(kind, f"bench gate: {finding.source}", finding.what, file, place))
    if not verdict.tasks and verdict.status == "nothing":
        out.append(_line("error", "bench gate", verdict.sentence, file, None))
    kind = "notice" if verdict.exit_code == 0 else "error"
    if not out:
        out.append(_line(kind, f"bench gate: {verdict.status}", verdict.sentence, file, None))
    return "".join(line + "\n" for line in out)


def places(toml: str) -> dict[str, int]:
    """Task -> line of its tolerance in bench.toml, `guard.NAME` -> line of that guard: for `lines` above."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(toml.splitlines(), 1):
        if header := HEADER.match(line):
            table = header[1]
            continue
        key = line.split("=", 1)[0].strip().strip("\"'")
        if table.startswith("gate.task.") and key == "tolerance":
            found[table.removeprefix("gate.task.").strip("\"'")] = number
        elif table == "gate.guard" and "=" in line:
            found[f"guard.{key}"] = number
    return found


def _line(kind: str, title: str, text: str, file: str, line: int | None) -> str:
    place = f"file={_value(file)},line={line}," if line else ""
    return f"::{kind} {place}title={_value(title)}::{_data(text)}"


def _data(text: str) -> str:
    """GitHub's escapes; a line break in a name must not begin a command of its own."""
    return wording.printable(text).replace("%", "%25")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
