"""One variable at a time: in how many settings two checkpoints differ, so whether one of them explains the change.

Example: "these two differ in 1 setting (LoRA rank 8 -> 16)" is an experiment; "in 3 settings (…)" proves nothing about any
of them. Trap: leaving out a data set also shortens the training, so its steps are a second, hidden variable.

Counted are the settings of both runs, what came with the checkpoint beside its weights, and how it was trained: the recipe
as dotted keys, parent, teacher, data by content, steps, tokens, template and versions. Shown but not counted: seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.records import Difference, Outcomes
from harness.verdicts._fields import flat
from harness.verdicts._variable_data import data, number
from harness.verdicts._variable_words import change, counted, one_word, plain, spoken
from harness.words import listed, say

Fingerprint = Mapping[str, Mapping[str, Any]]
Kind = Literal["replicate", "controlled", "confounded", "unknown"]

NEAR = 0.02  # steps and tokens this near to each other are the same length of training
LENGTH = ("epochs", "num_epochs", "num_train_epochs", "steps", "max_steps")  # keys that say how long to train
IDLE = (
    "name",
    "title",
    "note",
    "notes",
    "description",
    "comment",
    "tags",
    "report_to",
    "path",
    "run_name",
    "num_workers",
)
ROWS = ("data", "mix", "clean", "teacher", "teaching")  # keys that decide which rows there are
OF_METHODS = ("lora", "teacher", "teaching", "distil", "grpo")  # keys that some methods have and others don't
UNORDERED = ("target_modules", "targets", "modules_to_save")  # sets: peft writes them in any order
OUTWARD = (
    "dataloader",
    "out",
    "output",
    "log",
    "logging",
    "save",
    "wandb",
    "tracker",
)  # where it went and what was written down
GRADING = ("bench", "python", "driver", "lm-eval", "math-verify")  # of the software: asks nothing, answers nothing
TRAINER = "trainer"  # of a recipe that was read from another trainer's folder
NAMED = "parent_name"  # what such a folder calls its parent
TOLD = ("seed", "method", "parent", "teacher", "base", "model")  # of a recipe: the lineage says these itself


@dataclass(frozen=True, slots=True)
class Variables:
    """How two checkpoints differ; `differing` are the variables that count, `beside` those that are only told."""

    kind: Kind
    differing: tuple[Difference, ...]
    sentence: str
    beside: tuple[Difference, ...] = ()


def variables(before: Outcomes | Fingerprint, after: Outcomes | Fingerprint) -> Variables:
    """The audit of a pair, from their fingerprints; of Outcomes it also knows which is the parent of which."""
    sides = [side.fingerprint if isinstance(side, Outcomes) else side for side in (before, after)]
    names = [_name(side, word) for side, word in ((before, say("the first")), (after, say("the second")))]
    asked = [*_asked(*sides)]
    if isinstance(before, Outcomes) and isinstance(after, Outcomes):
        if before.checkpoint == after.checkpoint:
            return _judged(asked, (), say("the very same checkpoint"))
        for parent, child, way in ((before, after, "from"), (after, before, "into")):
            if _parent(child) in (parent.checkpoint, parent.name or parent.checkpoint):
                return _trained(asked, parent, child, way)
    recipes = [side.get("recipe") or {} for side in sides]
    own = [*_own(*sides)]
    silent = [name for name, recipe in zip(names, recipes, strict=True) if not _told(recipe)]
    if silent:
        template = "how {names} was trained is not recorded, so the cause is not known"
        if len(silent) > 1:
            template = "how {names} were trained is not recorded, so the cause is not known"
        both = [d for d in _training(*recipes) if d.before is not None and d.after is not None]
        known = [*asked, *own, *both]
        sentence = say(template, names=listed(silent, " and "))
        if known:
            sentence = say("{said}; known to differ: {settings}", said=sentence, settings=spoken(known))
        return Variables("unknown", tuple(known), sentence)
    trained = [*_training(*recipes)]
    seeds = tuple(_seeds(*recipes))
    return _judged([*asked, *_without_twins(own, trained), *trained], seeds, "")


# -- what differs -------------------------------------------------------------------------------------------------


def _asked(before: Fingerprint, after: Fingerprint) -> Iterator[Difference]:
    """Of the two runs: what must match, the engine, and the software as one variable."""
    left, right = (flat(side.get("must") or {}) for side in (before, after))
    found = [*_unequal(left, right, "must")]
    moved = {d.field for d in found}
    yield from (d for d in found if d.field != "key" or "exam" not in moved)  # other questions have other golds
    engines = [(side.get("should") or {}).get("engine") or {} for side in (before, after)]
    plain = [
        {k: v for k, v in flat(e).items() if k != "version" and not k.startswith("options.")} for e in engines
    ]  # another engine has other options
    yield from _unequal(plain[0], plain[1], "should", "engine.")
    whole = [{"version": e.get("version"), **flat(e.get("options") or {})} for e in engines]
    if plain[0].get("name") == plain[1].get("name"):
        yield from _unequal(whole[0], whole[1], "should", "engine.")
    software = [_software(side) for side in (before, after)]
    if (
        all(software) and plain[0] == plain[1]
    ):  # versions come and go together: one variable, spelt by its first difference
        yield from list(_unequal(software[0], software[1], "should", "environment."))[:1]


def _software(side: Fingerprint) -> dict[str, Any]:
    """What answers are made with; graders and the like have their own versions."""
    told = flat((side.get("should") or {}).get("environment") or {})
    return {name: version for name, version in told.items() if name not in GRADING}


def _own(before: Fingerprint, after: Fingerprint) -> Iterator[Difference]:
    """What came with the checkpoint, without its weights, which are the result, and without the adapter's config."""
    left, right = (flat(side.get("own") or {}) for side in (before, after))
    yield from (d for d in _unequal(left, right, "own") if d.field != "weights")


def _without_twins(own: Sequence[Difference], trained: Sequence[Difference]) -> list[Difference]:
    """Without what the training's own record says already: a config follows from the recipe, a template is one template."""
    said = {d.field for d in trained}
    return [d for d in own if d.field != "config" and not (d.field == "template" and "template" in said)]


def _training(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Of two trainings: recipe keys, what they started from, data, and the length where no key asked for another."""
    left, right = (_keys(side) for side in (before, after))
    if left.get(TRAINER) != right.get(TRAINER):  # what only one of two trainers tells comes with that trainer
        both = (left.keys() & right.keys()) | {TRAINER}
        left, right = ({name: value for name, value in side.items() if name in both} for side in (left, right))
    if before.get("parent") and after.get("parent"):
        left, right = ({name: v for name, v in side.items() if name != NAMED} for side in (left, right))
    found = [*one_word(_unequal(left, right, "recipe"))]
    for name in ("method", "parent", "teacher", "template"):
        found += _unequal({name: before.get(name)}, {name: after.get(name)}, "recipe")
    if any(d.field == "method" for d in found):  # what only one of two methods has comes with the method
        found = [d for d in found if None not in (d.before, d.after) or d.field.partition(".")[0] not in OF_METHODS]
    found += data(before, after)
    if not any(d.field.rpartition(".")[2] in LENGTH for d in found):
        for name in ("steps", "tokens"):
            a, b = before.get(name), after.get(name)
            if a != b and not _near(a, b):
                found.append(Difference(name, a, b, "recipe"))
                break  # steps and tokens are one length of training
            drawn = before.get("seed") != after.get("seed") or any(d.field.partition(".")[0] in ROWS for d in found)
            if a is not None and b is not None and drawn:
                break  # as many steps: other rows are as long as they are
    versions = [flat(side.get("versions") or {}) for side in (before, after)]
    if all(versions):
        found += list(_unequal(versions[0], versions[1], "recipe", "trained with "))[:1]
    return found


def _keys(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a recipe that can change a checkpoint, by dotted name; data and seeds are looked at by themselves."""
    inner = recipe.get("recipe")
    found = {}
    for name, value in flat(inner if isinstance(inner, Mapping) else {}).items():
        parts = name.split(".")
        outward = any(p.partition("_")[0] in OUTWARD for p in parts) or parts[-1] in IDLE
        if not outward and parts[0] != "data" and name not in TOLD and not _is_seed(parts[-1]):
            listed = parts[-1] in UNORDERED and isinstance(value, list | tuple)
            found[name] = tuple(sorted(map(str, value))) if listed else value
    return found


def _seeds(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    sides = []
    for recipe in (before, after):
        inner = recipe.get("recipe")
        keys = flat(inner if isinstance(inner, Mapping) else {})
        sides.append({k: v for k, v in keys.items() if _is_seed(k.rpartition(".")[2]) and k != "seed"})
        own = recipe.get("seed", keys.get("seed"))
        sides[-1] |= {} if own is None else {"seed": own}
    yield from _unequal(sides[0], sides[1], "recipe")


def _is_seed(name: str) -> bool:
    return name == "seed" or name.endswith("_seed")


def _unequal(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    class_: Literal["must", "should", "own", "recipe"],
    prefix: str = "",
) -> Iterator[Difference]:
    for name in sorted(left.keys() | right.keys()):
        a, b = left.get(name), right.get(name)
        if plain(a) != plain(b):
            yield Difference(f"{prefix}{name}", a, b, class_)


def _near(a: Any, b: Any) -> bool:
    return number(a) and number(b) and bool(abs(a - b) <= NEAR * max(abs(a), abs(b)))


# -- what follows -------------------------------------------------------------------------------------------------


def _told(recipe: Mapping[str, Any]) -> bool:
    """Whether it is known how a checkpoint was trained: a recipe, not only the steps that some trainer left behind."""
    inner = recipe.get("recipe")
    if isinstance(inner, Mapping) and TRAINER in inner:  # the files of other trainers may have told only a part
        return "optim.learning_rate" in flat(inner) and bool(recipe.get("data"))
    return bool(inner) or recipe.get("method") == "pretrain"


def _parent(side: Outcomes) -> Any:
    return (side.fingerprint.get("recipe") or {}).get("parent")


def _name(side: Outcomes | Fingerprint, word: str) -> str:
    return (side.name or word) if isinstance(side, Outcomes) else word


def _trained(asked: Sequence[Difference], parent: Outcomes, child: Outcomes, way: str) -> Variables:
    """A checkpoint and what it was trained from: the training as a whole is the one variable."""
    method = (child.fingerprint.get("recipe") or {}).get("method")
    training = Difference("training", None, method, "recipe")
    names = {"child": child.name or say("the second"), "parent": parent.name or say("the first")}
    lead = say("{child} was trained from {parent}", **names)
    lead = say("{lead} ({method})", lead=lead, method=method) if method else lead
    if not asked:
        whole = say("{lead}: what differs is that training as a whole", lead=lead)
        return Variables("controlled", (training,), whole)
    template = "{lead}, and they also differ in {settings}: the effect can't be attributed to the training"
    return Variables("confounded", (training, *asked), say(template, lead=lead, settings=counted(asked)))


def _judged(found: Sequence[Difference], seeds: Sequence[Difference], same: str) -> Variables:
    seeded = say("the seed ({change})", change=change(seeds[0])) if seeds else ""
    if same and not found:
        return Variables("replicate", (), say("these two are {same}", same=same))
    if not found and not seeded:
        return Variables("replicate", (), say("these two differ in nothing that is recorded"))
    if not found:
        return Variables("replicate", (), say("these two differ in none but {seed}", seed=seeded), tuple(seeds))
    settings = say("{settings}, and {seed}", settings=counted(found), seed=seeded) if seeded else counted(found)
    sentence = say("these two differ in {settings}", settings=settings)
    if same:
        sentence = say("these two are {same} and differ in {settings}", same=same, settings=settings)
    if len(found) == 1:
        return Variables("controlled", tuple(found), sentence, tuple(seeds))
    sentence = say("{said}: the effect can't be attributed", said=sentence)
    return Variables("confounded", tuple(found), sentence, tuple(seeds))
