"""TOML into dataclasses, with an error that names the nearest key: bench.toml, profiles, recipes.

TOML and not YAML, because YAML reads `8e-5` as a string and `no` as False.
Example: read(Path("bench.toml"), Bench) with `[paths] inclde = []` -> UserError: bench.toml: unknown key
'paths.inclde'; nearest: include
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import UserError
from harness.plugins import nearest

T = TypeVar("T")


def read(path: Path, into: type[T]) -> T:
    """Parse the TOML file at `path` into the dataclass `into` (nested dataclasses are tables)."""
    return fill(into, table(path), str(path))


def table(path: Path) -> dict[str, Any]:
    """What a TOML file holds, as it stands there."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None


def fill(into: type[T], given: dict[str, Any], where: str, prefix: str = "") -> T:
    """A dataclass from a mapping; unknown keys, missing keys and wrong types are UserErrors naming `where`."""
    hints = typing.get_type_hints(into)
    fields = {f.name: f for f in dataclasses.fields(into)}  # type: ignore[arg-type]  # T is a dataclass by contract
    for key in given:
        if key not in fields:
            raise UserError(f"{where}: unknown key '{prefix}{key}'; {nearest(key, fields)}")
    values = {k: _convert(hints[k], v, where, prefix + k) for k, v in given.items()}
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise UserError(f"{where}: '{prefix}{name}' is missing")
    return into(**values)


def _convert(hint: Any, value: Any, where: str, key: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        tables = [option for option in args if dataclasses.is_dataclass(option)]
        if tables and isinstance(value, dict):  # the error inside says more than that it is none of these
            return _convert(tables[0], value, where, key)
        for option in args:
            if option is type(None):
                continue
            try:
                return _convert(option, value, where, key)
            except UserError:
                continue
        raise UserError(f"{where}: '{key}' can't be {value!r}")
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise UserError(f"{where}: '{key}' must be a table")
        return fill(typing.cast(type[Any], hint), value, where, key + ".")
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise UserError(f"{where}: '{key}' must be a list")
        items = [_convert(args[0], v, where, f"{key}[{i}]") for i, v in enumerate(value)]
        return items if origin is list else tuple(items)
    if origin is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where}: '{key}' must be a table")
        return {k: _convert(args[1], v, where, f"{key}.{k}") for k, v in value.items()}
    if origin is typing.Literal:
        if value not in args:
            raise UserError(f"{where}: '{key}' is {value!r}; one of {', '.join(map(repr, args))}")
        return value
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UserError(f"{where}: '{key}' must be of type {hint.__name__}, not {value!r}")
    return value


@dataclasses.dataclass(frozen=True)
class Paths:
    data: str | None = None  # local copies of the questions, like --data
    store: str | None = None  # like --store
    include: tuple[str, ...] = ()  # folders with own tasks, scorers, metrics


@dataclasses.dataclass(frozen=True)
class Bench:
    """bench.toml as a whole; `gate` is read by the gate, which knows its own keys."""

    paths: Paths = dataclasses.field(default_factory=Paths)
    gate: dict[str, Any] = dataclasses.field(default_factory=dict)


def root(start: Path | None = None) -> Path:
    """The folder of the nearest bench.toml at or above `start`, else `start` (default: the current folder)."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "bench.toml").is_file():
            return folder
    return start


def cache() -> Path:
    """The user's cache folder of this project: file hashes, indexes; whatever is in it can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ckpt-bench"


def bench(start: Path | None = None) -> Bench:
    """The nearest bench.toml, or its defaults where there is none."""
    path = root(start) / "bench.toml"
    return read(path, Bench) if path.is_file() else Bench()
