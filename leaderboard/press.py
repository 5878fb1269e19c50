"""Prints pages, data scripts and files into one folder; what has not changed since the last site is linked, not rewritten.

Example: `press.data(Data("data/runs/good-1f2a3b4c.js", key, make))` links the old file where it was made of the same key, so
a run that was added to a board of a million answers costs the files of that run.
Trap: a page can't fetch() from file://, so data are classic scripts of one line, `BENCH.put("id", …)`, that a page injects;
a name with `</script>` in it must not end one, nor U+2028 a line.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from harness import __version__
from leaderboard.pages import Copy, Data, File, Page
from leaderboard.swap import MARKER, told
from leaderboard.words import seen


@dataclass
class Press:
    folder: Path
    environment: jinja2.Environment
    old: Path | None = None  # the site that this one will replace
    pages: int = 0
    size: int = 0
    rewritten: int = 0  # files whose bytes are new
    _keys: dict[str, str] = field(default_factory=dict)
    _old_keys: Mapping[str, str] = field(default_factory=dict)
    _templates: dict[str, jinja2.Template] = field(default_factory=dict)
    _folders: set[Path] = field(default_factory=set)
    _own: set[str] = field(default_factory=set)  # files and folders at the top

    def __post_init__(self) -> None:
        self._old_keys = _keys_of(self.old) if self.old else {}

    def put(self, item: Page | Data | File | Copy) -> None:
        if isinstance(item, Page):
            self.page(item)
        elif isinstance(item, Data):
            self._data(item)
        elif isinstance(item, File):
            self._write(item.path, item.content)
        else:
            self._copy(item)

    def page(self, page: Page) -> None:
        if page.template not in self._templates:
            self._templates[page.template] = self.environment.get_template(page.template)
        plain = {"page": "", "heading": self.environment.globals["site"], "root": "../" * page.path.count("/")}
        text = self._templates[page.template].render(plain | dict(page.content))
        self._write(page.path, text.encode("utf-8", "backslashreplace"))  # half a character has no UTF-8
        self.pages += 1

    def static(self) -> None:
        for source in sorted((files("leaderboard") / "static").iterdir(), key=lambda source: source.name):
            self._write(f"static/{source.name}", source.read_bytes())

    def finish(self) -> None:
        said = "bench leaderboard; the next one replaces what is named here"
        about = {"made_by": said, "own": sorted({*self._own, MARKER}), "keys": self._keys}
        self._write(MARKER, (json.dumps(about, indent=0, sort_keys=True) + "\n").encode())

    def _data(self, item: Data) -> None:
        key = f"{__version__} {item.key}"
        self._keys[item.path] = key
        if self.old and self._old_keys.get(item.path) == key and (self.old / item.path).is_file():
            self._link(item.path, (self.old / item.path).stat().st_size)
        else:
            self._write(item.path, script(*item.make()))

    def _write(self, path: str, content: bytes) -> None:
        before = self.old / path if self.old else None
        if before and before.is_file() and before.stat().st_size == len(content) and before.read_bytes() == content:
            self._link(path, len(content))
            return
        self._place(path).write_bytes(content)
        self.rewritten += 1
        self.size += len(content)

    def _copy(self, item: Copy) -> None:
        target = self._place(item.path)
        item.write(target)
        before = self.old / item.path if self.old else None
        if before and before.is_file() and filecmp.cmp(before, target, shallow=False):
            target.unlink()
            self._link(item.path, before.stat().st_size)
        else:
            self.rewritten += 1
            self.size += target.stat().st_size

    def _link(self, path: str, size: int) -> None:
        assert self.old is not None
        target = self._place(path)
        try:
            os.link(self.old / path, target)
        except OSError:  # a file system without hard links
            shutil.copy2(self.old / path, target)
        self.size += size

    def _place(self, path: str) -> Path:
        target = self.folder / path
        if target.parent not in self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(target.parent)
        self._own.add(path.partition("/")[0])
        return target


def script(name: str, payload: Any) -> bytes:
    """The one line of a data script; nothing in it can end the script or the line, whatever a store holds.

    Bytes are a script already: answers_packed writes its own, smaller than any ASCII.
    """
    if isinstance(payload, bytes):
        return payload
    return f"BENCH.put({_json(name)},{_json(payload)})\n".encode("ascii")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _keys_of(site: Path) -> dict[str, str]:
    keys = told(site).get("keys")
    return {str(k): str(v) for k, v in keys.items()} if isinstance(keys, dict) else {}


class _Worded(jinja2.PackageLoader):
    """Templates with what they say by a fixed key filled in before they are compiled: a thousand pages need not look it up."""

    def __init__(self, t: Callable[[str], str]) -> None:
        super().__init__("leaderboard")
        self._t = t

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        source, name, unchanged = super().get_source(environment, template)
        return re.sub(r'\{\{ t\("(\w+)"\) \}\}', lambda found: str(self._t(found[1])), source), name, unchanged


def of_templates(site: str, globals_: Mapping[str, Any], filters: Mapping[str, Any]) -> jinja2.Environment:
    """Strict and escaping: a hole in a page is an error, a model's answer is text."""
    environment = jinja2.Environment(
        loader=_Worded(globals_["t"]), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=seen,
    )  # fmt: skip
    environment.filters.update(filters)
    environment.globals.update(globals_)
    environment.globals["site"] = site
    return environment
