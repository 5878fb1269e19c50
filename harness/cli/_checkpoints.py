"""From what the user typed to examined checkpoints, and the promise that they stay what was hashed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from harness.errors import EngineFailure, UserError

if TYPE_CHECKING:
    from harness.records import Checkpoint
    from harness.store.open import Store


@dataclass(frozen=True)
class Asked:
    """The checkpoints of one command in its order; `base` is that of --vs, asked along but compared against."""

    checkpoints: tuple[Checkpoint, ...]
    base: Checkpoint | None
    confirm: Callable[[Checkpoint], None]


def gather(given: dict[str, Any]) -> Asked:
    """Read and examine them; what the doctor refuses is refused here."""
    from harness import config, identity
    from harness.checkpoints import doctor, read

    if not given["models"] and not given["adapters"]:
        raise UserError("nothing to run: pass --model CKPT or --adapter DIR")
    place = config.cache() / "files.json"
    cache = identity.load_cache(place)

    def found(patterns: Sequence[str]) -> list[Checkpoint]:
        paths = [path for pattern in patterns for path in read.expand(pattern)]
        return [read.read(path, base=given["base"], cache=cache) for path in paths]

    asked = {checkpoint.id: checkpoint for checkpoint in found([*given["models"], *given["adapters"]])}
    base = _one(found([given["vs"]]), "--vs") if given["vs"] else None
    identity.save_cache(place, cache)
    for checkpoint in [*asked.values(), *([base] if base else [])]:
        for finding in doctor.examine(checkpoint):
            if finding.level == "refuse":
                raise UserError(f"{checkpoint.name}: {finding.what}; {finding.remedy}")
            if finding.level == "warn":
                click.echo(f"note: {checkpoint.name}: {finding.what}; {finding.remedy}", err=True)
    if base and list(asked) == [base.id]:
        raise UserError(f"--vs {given['vs']} is the same checkpoint as --model: there is nothing to compare")

    def confirm(checkpoint: Checkpoint) -> None:
        if checkpoint.path is None:
            return
        now = read.read(checkpoint.path, base=checkpoint.base_path, cache=dict(cache))
        if now.id != checkpoint.id:
            raise EngineFailure(
                f"{checkpoint.path} changed after it was examined (is a training still writing it?); "
                "nothing of it was stored; run the same command again"
            )

    return Asked(tuple(asked.values()), base, confirm)


def named(asked: Asked, name: str | None, store: Store) -> list[Checkpoint]:
    """With the name the user gives now, else the one that the store knows them by; the base comes last."""
    from harness.store import read

    if name is not None and (len(asked.checkpoints) != 1 or not name.strip() or not name.isprintable()):
        raise UserError(
            f"--name {name!r} can't name {len(asked.checkpoints)} checkpoints; give one of them a plain name"
        )
    members = [c for c in asked.checkpoints if asked.base is None or c.id != asked.base.id]
    if asked.base is not None:
        members.append(asked.base)
    result = []
    for checkpoint in members:
        known = read.find_checkpoint(store, checkpoint.id)
        if name is not None and checkpoint.id == asked.checkpoints[0].id:
            checkpoint = replace(checkpoint, name=name)
        elif known is not None:
            checkpoint = replace(checkpoint, name=known.name)
        result.append(checkpoint)
    return result


def _one(found: list[Checkpoint], option: str) -> Checkpoint:
    if len(found) != 1:
        raise UserError(f"{option} names {len(found)} checkpoints; give one")
    return found[0]
