"""Composite scores on the board: who may share a column, which are fresh, ranks from the same drawn questions.

One column holds scores of one profile (by its sha), the same tasks, questions and golds, one counter of tokens and one
grader of chains; scores by own tokens also one tokenizer. Example: distill-v1 on gsm8k by own tokens, chains by rule.
Trap: the store keeps what was scored once; a run that grew since then makes its score stale, and a stale one isn't shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from harness import composites, identity
from harness.errors import UserError
from harness.records import Overall
from harness.store import read
from harness.store.open import Store
from harness.verdicts import composite_ranks
from harness.verdicts.profile import Profile
from leaderboard.cells import Cell, Column, Composite, Entry, Form
from leaderboard.sides import Sides


def columns(store: Store, entries: Sequence[Entry], sides: Sides) -> tuple[list[Column], dict[str, tuple[str, ...]]]:
    """A column per kind of score, by profile and tasks, ranked; and whose score is stale: checkpoint id -> profiles."""
    by_run = {entry.run.id: entry for entry in entries}
    kept = _profiles(store)
    found: dict[str, dict[str, tuple[Overall, list[Entry]]]] = {}
    stale: dict[str, set[str]] = {}
    for overall, mine, fresh in _scores(store, by_run, kept):
        if not fresh:
            stale.setdefault(overall.checkpoint, set()).add(overall.profile)
            continue
        cells = found.setdefault(_alike(overall, mine, kept[overall.profile_sha]), {})
        other = cells.get(overall.checkpoint)
        if other is None or _newer(mine) > _newer(other[1]):
            cells[overall.checkpoint] = overall, mine
    for cells in found.values():
        for checkpoint, (overall, _) in cells.items():
            stale.get(checkpoint, set()).discard(overall.profile)
    made = [_column(key, cells, kept) for key, cells in found.items()]
    ranked = [_ranked(column, found[column.key], kept, sides) for column in _fair(made)]
    ordered = sorted(ranked, key=lambda c: (c.name, c.composite.tasks if c.composite else (), c.key))
    return ordered, {checkpoint: tuple(sorted(names)) for checkpoint, names in sorted(stale.items()) if names}


def _scores(
    store: Store, by_run: Mapping[str, Entry], kept: Mapping[str, Profile]
) -> Iterator[tuple[Overall, list[Entry], bool]]:
    """Every score with its runs, and whether it is fresh: no answer, grade or size came since."""
    known = []
    for (_, sha, key), overall in sorted(read.overalls(store).items()):
        mine = [by_run[run] for run in overall.runs if run in by_run]
        if len(mine) == len(overall.runs) and mine and sha in kept:
            known.append((key, overall, mine))
    keys = composites.keys_of(store, [([e.run for e in mine], o.counter, o.cqs) for _, o, mine in known])
    for (key, overall, mine), now in zip(known, keys, strict=True):
        yield overall, mine, key == now


def _profiles(store: Store) -> dict[str, Profile]:
    """By sha; one that another version wrote and this one can't read is left out, its scores with it."""
    kept = {}
    for sha, (_, text) in read.profiles(store).items():
        with suppress(UserError):
            profile = composites.read_text(text)
            if profile.sha == sha:
                kept[sha] = profile
    return kept


def _alike(overall: Overall, mine: Sequence[Entry], profile: Profile) -> str:
    kinds = {plan.kind for plan in profile.part}
    asked = _how_asked(mine)
    counted = [overall.counter if "tokens" in kinds else "", overall.cqs if "cot" in kinds else ""]
    if "tokens" in kinds and overall.counter == "own":
        counted += sorted({e.checkpoint.parts.get("tokenizer", "") for e in mine})
    return identity.digest([overall.profile_sha, asked, counted])


def _how_asked(mine: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(sorted(f"{e.task.key} {e.exam.id} {e.exam.key} {e.scorer}" for e in mine))


def _newer(mine: Sequence[Entry]) -> tuple[object, ...]:
    """Complete ones first, then those with more answers, then the newest."""
    runs = [entry.run for entry in mine]
    return (
        all(entry.complete for entry in mine),
        sum(entry.samples for entry in mine),
        max(run.attempt for run in runs),
        max(run.started or "" for run in runs),
        sorted(run.id for run in runs),
    )


def _column(key: str, cells: Mapping[str, tuple[Overall, list[Entry]]], kept: Mapping[str, Profile]) -> Column:
    first, runs = next(iter(cells.values()))
    profile = kept[first.profile_sha]
    full = max(_asked(mine) for _, mine in cells.values())
    counts = first.counter == "own" and len(cells) > 1 and any(plan.kind == "tokens" for plan in profile.part)
    made = Composite(profile, first.profile_sha, first.tasks, _how_asked(runs), first.counter, first.cqs)
    return Column(
        key, {"en": profile.name, "zh": profile.name}, profile.name, Form(False, (), "default", "here"), "Overall", "mean",
        "points", True, None, {c: _cell(overall, mine, full, counts) for c, (overall, mine) in cells.items()}, composite=made,
    )  # fmt: skip


def _fair(made: Sequence[Column]) -> list[Column]:
    """Own tokens within one tokenizer, neutral ones across: of the two kinds the one that holds all of the other's rows."""
    kept = []
    for column in made:
        rivals = [c for c in made if c is not column and _but_counter(c) == _but_counter(column)]
        mine = column.cells.keys()
        if column.composite and column.composite.counter == "own":
            beaten = any(mine < rival.cells.keys() for rival in rivals)
        else:
            beaten = any(mine <= rival.cells.keys() for rival in rivals)
        if not beaten:
            kept.append(column)
    return kept


def _but_counter(column: Column) -> tuple[object, ...]:
    how = column.composite
    return (how.sha, how.asked, how.cqs) if how else (column.key,)


def _asked(mine: Sequence[Entry]) -> int:
    return sum(entry.samples for entry in mine)


def _cell(overall: Overall, mine: Sequence[Entry], full: int, counts: bool) -> Cell:
    """`counts`: own tokens are held against those of others, which wants the same tokenizer to be known of all."""
    marks = ["uncounted"] if counts and not all("tokenizer" in entry.checkpoint.parts for entry in mine) else []
    if not all(entry.complete for entry in mine):
        marks.append("partial")
    elif _asked(mine) < full:
        marks.append("subset")
    if overall.status == "partial":
        marks.append("lacking")
    elif overall.status == "below_chance":
        marks.append("guessing")
    done, expected = (sum(getattr(entry.run, name) for entry in mine) for name in ("done", "expected"))
    health = [overall.beside.get(name) for name in ("unparsed_rate", "truncated_rate")]
    return Cell(
        overall.value, overall.low, overall.high, max((part.n for part in overall.parts), default=0), health[0], health[1],
        tuple(marks), None, done, expected, overall=overall,
    )  # fmt: skip


def _ranked(
    column: Column, cells: Mapping[str, tuple[Overall, list[Entry]]], kept: Mapping[str, Profile], sides: Sides
) -> Column:
    """Ranks of those that may have one, from the same draws; the rest keeps its marks."""
    placed = [c for c, cell in column.cells.items() if cell.ranked]
    if not placed or column.composite is None:
        return column
    profile, how = kept[column.composite.sha], column.composite
    found = sides.of({c: cells[c][1] for c in placed}, profile, how.counter, how.cqs)
    ranks = composite_ranks.rank(found, profile, how.counter, how.cqs)
    alone = sum(rank.tie_band for rank in ranks.values()) == 1
    changed = dict(column.cells)
    for c, place in ranks.items():
        tied = place.tie_band and not alone
        changed[c] = changed[c].at(1 if place.tie_band else place.rank, place.low, place.high, tied)
    return replace(column, cells=changed)
