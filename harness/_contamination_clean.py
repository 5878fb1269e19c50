"""A training file without some of its rows, in the form it had: lines stay byte for byte, nothing is half-written.

Example: write(Path("sft.jsonl"), Path("sft.clean.jsonl"), {17, 812}) -> the 998 other lines of 1,000. Trap: a row of a CSV
runs over several lines, so a row is what lies between its first line and the next row's.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from collections.abc import Collection
from pathlib import Path

from harness import files
from harness.encodings import decoded
from harness.errors import UserError

LINES, TABLES = (".jsonl", ".ndjson"), (".csv", ".tsv")


def refuse(source: Path, out: Path) -> None:
    """Before anything is read: whether the one can be written as the other."""
    kind = _kind(source)
    if kind not in (*LINES, *TABLES, ".json"):
        raise UserError(
            f"--write-clean can't write files like {source.name}; it writes jsonl, json, csv, tsv and .gz of these"
        )
    if _kind(out) != kind:
        raise UserError(
            f"--write-clean {out}: the clean rows are written as they lie, so the name must end in {kind} or {kind}.gz"
        )
    if out.exists() and out.samefile(source):
        raise UserError(f"--write-clean {out} is the training file itself; give another name")
    if not out.resolve().parent.is_dir():
        raise UserError(f"--write-clean {out}: there is no folder {out.parent}")


def write(source: Path, out: Path, dropped: Collection[int]) -> int:
    """How many rows were written: all but those numbered in `dropped` (1-based)."""
    opener = gzip.open if source.suffix.lower() == ".gz" else open
    with opener(source, "rb") as file:
        text = decoded(file.read(files.MAX_MEMBER_BYTES), str(source))
    lines = [row.line for row in files.rows(source)]
    kept = _json(text, source, dropped) if _kind(source) == ".json" else None
    if kept is None:
        kept = _cut(text, lines, dropped, _kind(source) in TABLES)
    content = kept.encode("utf-8", "surrogatepass")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.write_bytes(gzip.compress(content, mtime=0) if out.suffix.lower() == ".gz" else content)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return len(lines) - len({number for number in dropped if 1 <= number <= len(lines)})


def _kind(path: Path) -> str:
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def _json(text: str, source: Path, dropped: Collection[int]) -> str | None:
    """The list less these items; None where the file is of lines after all."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, list):
        raise UserError(f"{source} is no list of rows, so none can be left out of it; save the rows as .jsonl")
    indent = re.match(r"\s*\[\s*?\n( *)", text)
    kept = [item for number, item in enumerate(value, 1) if number not in dropped]
    return json.dumps(kept, ensure_ascii=False, indent=len(indent[1]) if indent else None) + "\n"


def _cut(text: str, starts: list[int], dropped: Collection[int], table: bool) -> str:
    # as csv counts its lines, or as JSON lines do: a lone \r ends none of those
    lines = io.StringIO(text, newline="").readlines() if table else io.StringIO(text, newline="\n").readlines()
    ends = [*starts[1:], len(lines) + 1]
    gone = {
        line
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
        if number in dropped
        for line in range(start, end)
    }
    return "".join(line for number, line in enumerate(lines, 1) if number not in gone)
