"""The columns of the board: which runs may stand in one, how a cell is read from a run, the means of groups.

One column holds only runs that were asked and graded alike: task and version, questions, golds, prompt form, shots,
every setting that can change an answer. Example: `ceval` asked raw and through a chat template is two columns, and a
group's mean stands beside its members for the checkpoints that have all of them in one form.
Trap: GSM8K asked with 8 examples and CMATH with none are one form all the same, because shots are each task's own.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness import identity, stats
from harness.errors import UserError
from harness.records import Group, Task
from harness.store.shelf import Numbers
from leaderboard.cells import MARKED_SHARE, Cell, Column, Entry, Form

OPTION_ASKS = ("letters", "texts", "rolling")  # nothing is generated: length and sampling settings change nothing


def columns(entries: Iterable[Entry], place: Mapping[str, str], groups: Sequence[Group]) -> list[Column]:
    """All columns, not ranked yet; groups first, each followed by its members, then other tasks by name, variants last.

    `place`: run id -> key of its column, as `places` has it.
    """
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(place[entry.run.id], []).append(entry)
    singles = _told_apart({key: _column(key, members) for key, members in by_key.items()}, by_key)
    ordered: dict[str, Column] = {}
    for group in groups:
        for mean in _group_columns(group, list(singles.values())):
            ordered[mean.key] = mean
            ordered.update((key, singles[key]) for key in mean.members)
    rest = sorted(singles.values(), key=lambda c: ("~" in c.name, c.name, c.form.chat, c.form.shots, c.key))
    ordered.update((c.key, c) for c in rest if c.key not in ordered)
    return list(ordered.values())


def places(entries: Iterable[Entry]) -> dict[str, str]:
    """Run id -> the id of its column; what many runs share is hashed once."""
    known: dict[tuple[object, ...], str] = {}
    found = {}
    for entry in entries:
        run = entry.run
        asked = (id(entry.exam), id(run.settings), entry.metric, entry.scorer)
        if asked not in known:
            known[asked] = alike(entry)
        found[run.id] = known[asked]
    return found


def alike(entry: Entry) -> str:
    """The id of the column an entry belongs to."""
    settings = _settings(entry)
    task = entry.task
    return identity.digest(
        [task.key, task.version, entry.exam.id, entry.exam.key, settings, entry.metric, task.average, entry.scorer]
    )


def _settings(entry: Entry) -> dict[str, object]:
    fields = dict(identity.settings_fields(entry.run.settings))
    if entry.task.ask in OPTION_ASKS:
        for name in ("max_tokens", "stop", "temperature", "top_p", "top_k", "seed", "think"):
            fields.pop(name, None)
    return fields


def latest(entries: Sequence[Entry]) -> Entry:
    """Of several runs of a checkpoint in one column: a complete one, then the last attempt, then the newest."""
    if len(entries) == 1:
        return entries[0]
    return max(entries, key=lambda e: (e.complete, e.samples, e.run.attempt, e.run.started or "", e.run.id))


def _column(key: str, entries: list[Entry]) -> Column:
    task, settings = entries[0].task, entries[0].run.settings
    metric = entries[0].metric
    unit, better_high = _measure(metric)
    by_checkpoint: dict[str, list[Entry]] = {}
    for entry in entries:
        by_checkpoint.setdefault(entry.checkpoint.id, []).append(entry)
    chosen = [latest(runs) for runs in by_checkpoint.values()]
    heads = [e.results.numbers((metric, "")) for e in chosen]
    full = max((head[3] for e, head in zip(chosen, heads, strict=True) if e.complete), default=0)
    cells = {e.checkpoint.id: _cell(e, head, full, better_high) for e, head in zip(chosen, heads, strict=True)}
    form = Form(settings.chat, (settings.shots,), settings.think, settings.asked)
    average = "macro" if task.average == "macro" else "micro"
    return Column(
        key, _title(task), task.key, form, metric, average, unit, better_high, task.chance, cells, task,
        exam=entries[0].exam,
    )  # fmt: skip


def _title(task: Task) -> dict[str, str]:
    """A card's title with its variant, which the card does not speak of: "C-Eval (val) ~noise.3"."""
    return {language: f"{title} ~{task.variant}" if task.variant else title for language, title in task.title.items()}


def _measure(metric: str) -> tuple[str, bool]:
    """(unit, higher is better) of a metric; a metric that this version lacks is taken for a share."""
    from harness import metrics

    try:
        found = metrics.find(metric)
    except UserError:
        return "share", True
    return str(found.UNIT), bool(found.HIGHER_IS_BETTER)


def cell_of(entry: Entry, column: Column) -> Cell:
    """The cell of a run that a later one has superseded in its column."""
    full = max((c.entry.samples for c in column.cells.values() if c.entry and c.entry.complete), default=0)
    return _cell(entry, entry.results.numbers((column.metric, "")), full, column.better_high)


def _cell(entry: Entry, head: Numbers, full: int, better_high: bool) -> Cell:
    value, low, high, n = head
    chance = entry.exam.task.chance
    unparsed, truncated = entry.value("unparsed_rate"), entry.value("truncated_rate")
    marks = []
    if not entry.complete:
        marks.append("partial")
    elif n < full:
        marks.append("subset")
    if entry.ungraded:
        marks.append("ungraded")
    if better_high:
        marks += _by_luck(value, low, high, chance)
    marks += ["unparsed"] if (unparsed or 0) > MARKED_SHARE else []
    marks += ["truncated"] if (truncated or 0) > MARKED_SHARE else []
    marks += ["empty"] if (entry.value("empty_rate") or 0) > MARKED_SHARE else []
    return Cell(
        value, low, high, n, unparsed, truncated, tuple(marks), entry, entry.run.done, entry.run.expected,
        badges=entry.badges,
    )  # fmt: skip


def _by_luck(value: float | None, low: float | None, high: float | None, chance: float | None) -> list[str]:
    """Whether guessing does as well or better."""
    if value is None or chance is None:
        return []
    bottom, top = value if low is None else low, value if high is None else high
    return ["below"] if top < chance else ["chance"] if bottom <= chance else []


def _told_apart(found: dict[str, Column], by_key: Mapping[str, list[Entry]]) -> dict[str, Column]:
    """Columns whose heads would read alike get what differs between them into their form."""
    alike: dict[tuple[str, Form], list[str]] = {}
    for key, column in found.items():
        alike.setdefault((column.name, column.form), []).append(key)
    for keys in alike.values():
        if len(keys) > 1:
            facts = {key: _facts(by_key[key][0]) for key in keys}
            differing = [name for name in facts[keys[0]] if len({facts[key][name] for key in keys}) > 1]
            for key in keys:
                extras = tuple(f"{name} {facts[key][name]}" for name in differing)
                found[key] = replace(found[key], form=replace(found[key].form, extras=extras))
    return found


def _facts(entry: Entry) -> dict[str, str]:
    settings = entry.run.settings
    facts = {
        "version": entry.task.version,
        "max_tokens": str(settings.max_tokens),
        "temperature": f"{settings.temperature:g}",
    }
    facts["system"] = identity.digest(settings.system)[:4] if settings.system else "–"
    facts["stop"] = identity.digest(settings.stop)[:4] if settings.stop else "–"
    facts |= {"top_p": f"{settings.top_p:g}", "top_k": str(settings.top_k), "seed": str(settings.seed)}
    return facts | {"questions": entry.exam.id[:4], "golds": entry.exam.key[:4]}


def _group_columns(group: Group, singles: Sequence[Column]) -> list[Column]:
    """The mean of a group, once per form in which some checkpoint has every member; `medqa:texts` has one of its own."""
    found = []
    by_name: dict[str, list[Column]] = {}
    for column in singles:
        by_name.setdefault(column.name, []).append(column)
    first = group.members[0] if group.members else ""
    asked = sorted(
        name.removeprefix(first) for name in by_name if re.fullmatch(re.escape(first) + r"(:[^~@:]+)?", name)
    )
    for suffix, way in itertools.product(asked, dict.fromkeys(_way(c.form) for c in singles)):
        choices = [[c for c in by_name.get(member + suffix, ()) if _way(c.form) == way] for member in group.members]
        for chosen in _combined(choices):
            have = [c for c in chosen[0].cells if all(c in column.cells for column in chosen)]
            if have:
                found.append(_mean(group, suffix, chosen, have))
    return found


def _combined(choices: Sequence[Sequence[Column]]) -> list[tuple[Column, ...]]:
    """Of members that stand in several columns those that one checkpoint was asked alike: three limits of length times
    four members are three means and not eighty-one.

    Alike: with the same options beside what the cards themselves say. Of two versions so asked a checkpoint's newer run counts.
    """
    if all(len(columns) == 1 for columns in choices):
        return [tuple(columns[0] for columns in choices)]
    unusual = {column.key: _unusual(column) for columns in choices for column in columns}
    found: dict[tuple[str, ...], tuple[Column, ...]] = {}
    for checkpoint in dict.fromkeys(c for column in choices[0] for c in column.cells):
        mine = [[column for column in columns if checkpoint in column.cells] for columns in choices]
        for options in dict.fromkeys(unusual[column.key] for columns in mine for column in columns):
            fit = [[c for c in cs if unusual[c.key] == options] or (cs if len(cs) == 1 else []) for cs in mine]
            if all(fit):
                chosen = tuple(max(columns, key=lambda c: _when(c, checkpoint)) for columns in fit)
                found[tuple(column.key for column in chosen)] = chosen
    return [found[key] for key in sorted(found)]


def _when(column: Column, checkpoint: str) -> tuple[str, str]:
    entry = column.cells[checkpoint].entry
    return (entry.run.started or "", entry.run.id) if entry else ("", "")


def _unusual(column: Column) -> tuple[str, ...]:
    """The options of its runs that their card does not say."""
    from harness import _commands

    entry = next(cell.entry for cell in column.cells.values() if cell.entry)
    settings = entry.run.settings
    form = _commands.Form(settings.chat, settings.system, settings.think, settings.asked)
    given = {name: getattr(settings, name) for name in _commands.FLAGS}
    try:
        return tuple(_commands.options(entry.task, form, given))
    except UserError:  # a card with settings that this version doesn't know
        return tuple(f"{name} {value}" for name, value in given.items())


def _way(form: Form) -> tuple[object, ...]:
    """What all members of a group must share; shots are each member's own."""
    return form.chat, form.asked, form.think


def _mean(group: Group, suffix: str, members: Sequence[Column], have: Sequence[str]) -> Column:
    chances = [column.chance for column in members if column.better_high]
    known = [c for c in chances if c is not None]
    chance = sum(known) / len(members) if len(known) == len(members) else None
    cells = {c: _mean_cell([column.cells[c] for column in members], chance) for c in have}
    form = replace(members[0].form, shots=tuple(dict.fromkeys(s for m in members for s in m.form.shots)),
                   extras=tuple(dict.fromkeys(x for m in members for x in m.form.extras)))  # fmt: skip
    key = identity.digest([group.name, group.version, [m.key for m in members]])
    title = {language: f"{text} {suffix}".rstrip() for language, text in group.title.items()}
    first = members[0]
    return Column(
        key, title, group.name + suffix, form, first.metric, "mean", first.unit, first.better_high, chance, cells,
        members=tuple(m.key for m in members),
    )  # fmt: skip


def _mean_cell(cells: Sequence[Cell], chance: float | None) -> Cell:
    """Members are different questions, so their errors are independent: MOVER joins their intervals."""
    n = sum(c.n for c in cells)
    values, lows, highs = [c.value for c in cells], [c.low for c in cells], [c.high for c in cells]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    if all(v is not None for v in values):
        known = [v for v in values if v is not None]
        value = sum(known) / len(known)
        if all(x is not None for x in [*lows, *highs]):
            low, high = stats.mover(known, [x for x in lows if x is not None], [x for x in highs if x is not None])
    marks = tuple(m for m in ("partial", "subset", "ungraded", "empty") if any(m in c.marks for c in cells))
    marks += tuple(_by_luck(value, low, high, chance))  # its own: a good mean may have a member that is guessed
    shares = [_weighted([(getattr(c, name), c.n) for c in cells]) for name in ("unparsed", "truncated")]
    done, expected = sum(c.done for c in cells), sum(c.expected for c in cells)
    badges = tuple(b for b in ("stale", "rewarded", "trained", "contaminated") if any(b in c.badges for c in cells))
    return Cell(value, low, high, n, shares[0], shares[1], marks, None, done, expected, badges=badges)


def _weighted(shares: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(s, n) for s, n in shares if s is not None and n]
    return sum(s * n for s, n in known) / sum(n for _, n in known) if known else None
