"""Names into cards: `ceval`, `ceval:test`, `mathcot`, `ceval@1`, `my/task.yaml`, `lm-eval:arc_easy`.

Only YAML headers are read (`!function` is skipped), so listing costs no data and no heavy import. tasks/ and every
folder added with --include are walked. A YAML with `metadata.ask` is a card of ours, one with `group` and without
`output_type` is a group, any other is a stock lm-eval task.
Trap: importing lm_eval's own index parses 14,000 files (12 CPU s); the catalogue never does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from harness import plugins
from harness.errors import UserError
from harness.records import Group, Task

STOCK = "lm-eval:"


def tasks() -> list[Task]:
    """Every card, by name; of several versions the newest."""
    newest = {}
    for task in sorted(_cards(), key=_order):
        newest[task.key] = task
    return [newest[key] for key in sorted(newest)]


def groups() -> list[Group]:
    return sorted(_groups(), key=lambda group: group.name)


def find(names: Sequence[str]) -> list[Task]:
    """The tasks behind what a user typed, groups opened, each once, in the order asked for."""
    found: dict[str, Task] = {}
    for name in names:
        for task in _find(name.strip()):
            found.setdefault(f"{task.kind}|{task.key}@{task.version}", task)
    if not found:
        raise UserError("no task named; see `bench tasks`")
    return list(found.values())


def _find(name: str) -> list[Task]:
    if name.startswith(STOCK):
        return [_stock(name)]
    if name.endswith((".yaml", ".yml")):
        return [_from_path(Path(name))]
    plain, _, version = name.partition("@")
    cards = [task for task in _cards() if task.key == plain]
    if cards and not version:
        return [max(cards, key=_order)]
    if cards:
        for task in cards:
            if task.version == version:
                return [task]
        known = ", ".join(task.version for task in sorted(cards, key=_order))
        raise UserError(f"task {plain} has no version '{version}'; known: {known}")
    for group in _groups():
        if group.name == plain:
            if version and group.version != version:
                raise UserError(f"group {plain} has no version '{version}'; known: {group.version}")
            return [task for member in group.members for task in _find(member)]
    known_names = {task.key for task in _cards()} | {group.name for group in _groups()}
    if "~" in plain:
        base, _, variant = plain.partition("~")
        if base in known_names:
            raise UserError(f"task {base} has no variant '{variant}'; variants are not there yet")
    raise UserError(f"no task '{name}'; {plugins.nearest(plain, known_names)}")


def _order(task: Task) -> tuple[str, list[tuple[int, str]]]:
    """By key, then by version with numbers as numbers: 9 before 10."""
    return task.key, [(int(p) if p.isdigit() else -1, p) for p in task.version.split(".")]


# -- reading cards ------------------------------------------------------------------------------------------------


class _Header(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]  # chosen by build
    """YAML without its functions: `!function a.b` is the text a.b."""


_Header.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def _headers() -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in importlib.import_module("tasks").__path__:
        for path in sorted(Path(folder).glob("*.yaml")):
            yield path, header(path)


def header(path: Path) -> dict[str, Any]:
    """The YAML as plain data, nothing imported."""
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=_Header)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict) or not ({"task", "group"} & set(content)):
        raise UserError(f"{path} is not a task: it has neither 'task' nor 'group'")
    return content


def _cards() -> Iterator[Task]:
    for path, content in _headers():
        if not _is_group(content):
            yield _card(path, content)


def _groups() -> Iterator[Group]:
    for path, content in _headers():
        if _is_group(content):
            meta = content.get("metadata") or {}
            members = tuple(m if isinstance(m, str) else str(m.get("task")) for m in content["task"])
            title = _title(meta, str(content["group"]))
            yield Group(str(content["group"]), str(meta.get("version", 0)), title, members, str(path))


def _is_group(content: Mapping[str, Any]) -> bool:
    return "group" in content and "output_type" not in content and isinstance(content.get("task"), list)


def _title(meta: Mapping[str, Any], name: str) -> dict[str, str]:
    title = meta.get("title", name)
    return {k: str(v) for k, v in title.items()} if isinstance(title, dict) else {"en": str(title)}


def _card(path: Path, content: Mapping[str, Any]) -> Task:
    meta = content.get("metadata") or {}
    name = str(meta.get("name") or content.get("task"))
    if "ask" not in meta:
        return _stock_card(path, name, content)
    for key, allowed in (
        ("ask", ("letters", "texts", "generate", "rolling")),
        ("average", ("micro", "macro")),
    ):
        if meta.get(key, allowed[0]) not in allowed:
            raise UserError(f"{path}: metadata.{key} is {meta[key]!r}; one of {', '.join(allowed)}")
    for key in ("version", "split", "scorer"):
        if key not in meta:
            raise UserError(f"{path}: metadata.{key} is missing")
    return Task(
        name=name,
        form=str(meta.get("form", "")),
        version=str(meta["version"]),
        title=_title(meta, name),
        source=str(meta.get("source", "")),
        files={r: {k: str(v) for k, v in file.items()} for r, file in (meta.get("files") or {}).items()},
        split=str(meta["split"]),
        shots_split=str(meta.get("shots_split") or ""),
        n=meta.get("n"),
        languages=tuple(meta.get("languages") or ()),
        licence=str(meta.get("licence", "")),
        ask=meta["ask"],
        scorer=str(meta["scorer"]),
        metrics=tuple(meta.get("metrics") or ("accuracy",)),
        average=meta.get("average", "micro"),
        chance=meta.get("chance"),
        settings=dict(meta.get("settings") or {}),
        path=str(path),
        module=str(meta.get("module", "")),
    )


# -- tasks of stock lm-eval ---------------------------------------------------------------------------------------


def _stock_card(path: Path, name: str, content: Mapping[str, Any]) -> Task:
    meta = content.get("metadata") or {}
    kinds = {"multiple_choice": "texts", "loglikelihood_rolling": "rolling", "loglikelihood": "texts"}
    ask: Any = kinds.get(str(content.get("output_type", "")), "generate")
    return Task(
        name=name, version=str(meta.get("version", 0)), title={"en": f"{name} (lm-eval)"}, ask=ask,
        scorer="lm_eval", metrics=("lm_eval",), path=str(path), kind="stock",
    )  # fmt: skip


def _from_path(path: Path) -> Task:
    content = header(path)
    if _is_group(content):
        raise UserError(f"{path} is a group; add its folder with --include and use its name")
    return _card(path, content)


def _stock(name: str) -> Task:
    from harness.questions import lmeval

    plain, _, version = name.removeprefix(STOCK).partition("@")
    path = lmeval.locate(plain)
    task = replace(_card(path, header(path)), name=name.partition("@")[0], kind="stock")
    if version and task.version != version:
        raise UserError(f"{name}: this lm-eval holds version {task.version}")
    return task
