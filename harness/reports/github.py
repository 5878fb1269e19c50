"""The verdict as GitHub annotations: one line per failing task or guard, on the line where its tolerance is written.

Example: ::error file=bench.toml,line=9,title=bench gate%3A ceval regressed::-3.1 points on ceval (90 %25 interval …
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.records import Verdict
from harness.verdicts import wording
from harness.verdicts.policy import OTHER_NAMES

HEADER = re.compile(r"\s*\[([^\[\]]+)\]")
STRICT_UNDECIDED = 6  # exit code
SUMMARY_BYTES = 1_000_000  # GitHub refuses a step's summary above 1 MiB, all of it


def render(verdict: Verdict, lines: Mapping[str, int] | None = None, file: str = "bench.toml") -> str:
    """`lines`: task -> line of its tolerance in `file`; tasks without one are annotated without a place."""
    lines = lines or {}
    out = _lines(verdict, lines, file, "bench gate")
    if verdict.anchor:
        out += _lines(verdict.anchor, lines, file, "bench gate, anchor")
    if not verdict.tasks and verdict.status == "nothing":
        kind = "error" if verdict.exit_code else "warning"
        out.append(_line(kind, "bench gate", verdict.sentence, file, lines.get("baseline")))
    if not out:
        kind = "notice" if verdict.exit_code == 0 else "error"
        out.append(_line(kind, f"bench gate: {verdict.status}", verdict.sentence, file, None))
    return "".join(line + "\n" for line in out)


def _lines(verdict: Verdict, lines: Mapping[str, int], file: str, lead: str) -> list[str]:
    """One line per task and guard that a reader must look at."""
    out = []
    for judged in verdict.tasks:
        if judged.judgement in ("regressed", "not_comparable", "inconclusive"):
            blocks = judged.judgement != "inconclusive" or verdict.exit_code == STRICT_UNDECIDED
            text = wording.moved_by(judged.change) if judged.change and judged.change.n else judged.why
            text += f"; waived {judged.waived}" if judged.waived else ""
            title = f"{lead}: {judged.task} {judged.judgement.replace('_', ' ')}"
            place = lines.get(judged.task) or lines.get(judged.task.partition(" ")[0])  # "composite AS"
            out.append(_line("error" if blocks and not judged.waived else "warning", title, text, file, place))
    for finding in verdict.guards:
        if finding.level != "info":
            kind = "error" if finding.level == "refuse" else "warning"
            place = lines.get(f"{finding.source}.{finding.task}") or lines.get(f"guard.{finding.source}")
            out.append(_line(kind, f"{lead}: {finding.source}", finding.what, file, place))
    return out


def places(toml: str) -> dict[str, int]:
    """Task -> line of its tolerance in bench.toml, `min.TASK` of its floor, `guard.NAME` of a guard, `baseline`."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(toml.splitlines(), 1):
        if header := HEADER.match(line):
            table = header[1]
            continue
        key = line.split("=", 1)[0].strip().strip("\"'")
        task = table.removeprefix("gate.").removeprefix("task.").strip("\"'")
        if (table.startswith("gate.task.") or table == "gate.composite") and key in ("tolerance", "min"):
            found[task if key == "tolerance" else f"min.{task}"] = number
        elif table == "gate.guard" and "=" in line:
            found[f"guard.{OTHER_NAMES.get(key, key)}"] = number
        elif table == "gate" and key == "baseline":
            found[key] = number
    return found


def _line(kind: str, title: str, text: str, file: str, line: int | None) -> str:
    place = f"file={_value(file)},line={line}," if line else ""
    return f"::{kind} {place}title={_value(title)}::{_data(text)}"


def _data(text: str) -> str:
    """GitHub's escapes; a line break in a name must not begin a command of its own."""
    return wording.printable(text).replace("%", "%25")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
