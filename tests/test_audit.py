"""The one-variable audit: how many settings two checkpoints differ in, counted as a careful person would count them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checkpoints import lineage
from harness.records import Lineage, Outcomes
from harness.store import tables
from harness.verdicts import audit

RECIPE = {
    "method": "lora",
    "parent": "ba5e" * 4,
    "seed": 0,
    "steps": 400,
    "tokens": 1_000_000,
    "template": "7e3p",
    "versions": {"trl": "1.16.0", "peft": "0.21.2"},
    "data": {"medical": "d1", "general": "d2"},
    "recipe": {
        "lora": {"r": 8, "alpha": 16, "targets": ["q_proj", "v_proj"]},
        "optim": {"lr": 8e-5, "epochs": 3},
        "data": [{"name": "medical", "weight": 7}, {"name": "general", "weight": 3}],
        "export": {"output_dir": "out/a"},
        "logging_steps": 10,
    },
}
MUST = {"exam": "9f3c", "key": "aa01", "settings": {"shots": 5, "max_tokens": 512}, "scorer": "number@1"}
ENGINE = {"name": "vllm", "version": "0.32", "dtype": "bfloat16", "device": "NVIDIA H100", "options": {"eager": True}}


def side(changes: dict[str, Any] | None = None, recipe: dict[str, Any] | None = RECIPE) -> dict[str, dict[str, Any]]:
    """A fingerprint; `changes` are dotted: {"recipe.recipe.lora.r": 16}."""
    made: dict[str, Any] = {
        "must": copy.deepcopy(MUST),
        "should": {"engine": dict(ENGINE), "environment": {"bench": "0.1", "torch": "2.13.0"}},
        "own": {"weights": "aa", "config": "bb", "template": "tt"},
        "recipe": copy.deepcopy(recipe or {}),
    }
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        at = made
        for name in parents:
            at = at[name]
        at[last] = value
    return made


def found(changes: dict[str, Any]) -> audit.Variables:
    return audit.variables(side(), side({"own.weights": "cc", **changes}))


@pytest.mark.parametrize(
    ("changes", "spoken"),
    [
        ({"recipe.recipe.lora.r": 16}, "LoRA rank 8 -> 16"),
        ({"recipe.recipe.optim.lr": 1e-4}, "learning rate 8e-5 -> 0.0001"),
        ({"recipe.recipe.optim.epochs": 6, "recipe.steps": 800, "recipe.tokens": 2_000_000}, "epochs 3 -> 6"),
        ({"recipe.steps": 800, "recipe.tokens": 2_000_000}, "optimiser steps 400 -> 800"),
        ({"recipe.tokens": 1_500_000}, "tokens trained on 1,000,000 -> 1,500,000"),
        ({"recipe.method": "full"}, "training method lora -> full"),
        ({"recipe.template": "other", "own.template": "uu"}, "chat template 7e3p -> other"),
        ({"own.generation": "gg"}, "generation config not recorded -> gg"),
        ({"recipe.versions": {"trl": "1.17.0", "peft": "0.22.0"}}, "trained with peft 0.21.2 -> 0.22.0"),
        ({"recipe.data": {"medical": "d9", "general": "d2"}}, "data set medical (d1) -> medical (d9)"),
        ({"should.engine": {**ENGINE, "dtype": "float16"}}, "dtype bfloat16 -> float16"),
        (
            {"should.engine": {**ENGINE, "name": "hf", "version": "5.19", "options": {"attention": "eager"}}},
            "engine vllm -> hf",
        ),
        ({"should.environment": {"bench": "0.2", "torch": "2.14.0"}}, "torch 2.13.0 -> 2.14.0"),
        ({"must.exam": "other", "must.key": "other"}, "questions 9f3c -> other"),
    ],
)
def test_one_setting_is_a_controlled_experiment(changes: dict[str, Any], spoken: str) -> None:
    judged = found(changes)
    assert (judged.kind, judged.sentence) == ("controlled", f"these two differ in 1 setting ({spoken})")


def test_adding_a_data_set_is_one_variable_although_every_share_moved() -> None:
    more = [*RECIPE["recipe"]["data"], {"name": "math", "weight": 5}]  # type: ignore[index]
    judged = found({"recipe.data": {"medical": "d1", "general": "d2", "math": "d3"}, "recipe.recipe.data": more})
    assert judged.sentence == "these two differ in 1 setting (data set added: math)"
    thinner = [{"name": "medical", "weight": 0.8}, {"name": "general", "weight": 0.2}]
    assert found({"recipe.recipe.data": thinner}).sentence.endswith("(data mix 7:3 -> 8:2)")
    doubled = [{"name": "medical", "weight": 14}, {"name": "general", "weight": 6}]
    assert found({"recipe.recipe.data": doubled}).kind == "replicate"


def test_lineages_as_people_write_them(tmp_path: Path) -> None:
    """Without hashes, with mixes as an object and numbers as text: 700 rows against 7,000 were told as a replicate."""

    def judged(one: dict[str, Any], other: dict[str, Any]) -> str:
        told = []
        for i, raw in enumerate((one, other)):
            (tmp_path / str(i)).mkdir(exist_ok=True)
            (tmp_path / str(i) / "bench_lineage.json").write_text(json.dumps({"method": "lora", **raw}), "utf-8")
            found = lineage.read(tmp_path / str(i))
            assert found is not None
            told.append({"recipe": tables.recipe(found)})
        return audit.variables(*told).sentence

    r = {"recipe": {"lora": {"r": 8}}}
    rows = [{**r, "data": [{"name": "med", "rows": n}]} for n in (700, 7000)]
    assert judged(*rows).endswith("1 setting (data set med (700 rows) -> med (7000 rows))")
    paths = [{**r, "data": [{"path": f"/data/{name}.jsonl"}]} for name in ("old", "new")]
    assert judged(*paths).endswith("1 setting (data set old.jsonl -> new.jsonl)")
    mixes = [{"recipe": {"data": {"med": a, "gen": b}}} for a, b in ((7, 3), ("5", "5"))]
    assert judged(*mixes).endswith("1 setting (data mix 7:3 -> 5:5)")
    same = "these two differ in nothing that is recorded"
    assert (
        judged(
            {"recipe": {"lora": {"r": 8}, "optim": {"lr": "1e-4"}}}, {"recipe": {"lora_rank": 8, "learning_rate": 1e-4}}
        )
        == same
    )
    assert judged({"recipe": {"target_modules": ["q", "v"]}}, {"recipe": {"target_modules": ["v", "q"]}}) == same
    assert judged({"recipe": {"r": 8}}, {"recipe": {"lora": {"r": 16}}}).endswith("1 setting (LoRA rank 8 -> 16)")


def test_leaving_out_a_data_set_hides_a_second_variable() -> None:
    judged = found({"recipe.data": {"medical": "d1"}, "recipe.recipe.data": [{"name": "medical"}], "recipe.steps": 300})
    assert judged.kind == "confounded"
    assert judged.sentence == (
        "these two differ in 2 settings (data set left out: general, optimiser steps 400 -> 300): "
        "the effect can't be attributed"
    )
    assert [d.field for d in judged.differing] == ["data", "steps"]


def test_seeds_are_shown_and_not_counted() -> None:
    replicate = found({"recipe.seed": 1})
    assert (replicate.kind, replicate.differing) == ("replicate", ())
    assert replicate.sentence == "these two differ in none but the seed (0 -> 1)"
    assert [d.field for d in replicate.beside] == ["seed"]
    seeded = found({"recipe.seed": 1, "recipe.recipe.lora.r": 16})
    assert (seeded.kind, len(seeded.differing)) == ("controlled", 1)
    assert seeded.sentence == "these two differ in 1 setting (LoRA rank 8 -> 16), and the seed (0 -> 1)"


def test_names_outputs_and_logging_are_no_variables() -> None:
    idle = {"recipe.recipe.export.output_dir": "out/b", "recipe.recipe.logging_steps": 1, "recipe.recipe.name": "b"}
    assert found(idle).sentence == "these two differ in nothing that is recorded"
    assert found({"recipe.recipe.optim.lr": "8e-5"}).kind == "replicate"  # as a person writes it
    assert found({"recipe.steps": 401, "recipe.tokens": 1_003_000}).kind == "replicate"
    assert found({"recipe.seed": 18, "recipe.tokens": 1_070_000}).kind == "replicate"  # as many rows, drawn by the seed
    assert found({"recipe.seed": 18, "recipe.steps": 800}).kind == "controlled"
    assert found({"should.environment": {"bench": "0.2", "torch": "2.13.0"}}).kind == "replicate"


def test_three_settings_prove_nothing_about_any_of_them() -> None:
    judged = found({"recipe.recipe.lora.r": 16, "recipe.recipe.lora.alpha": 32, "must.settings.max_tokens": 256})
    assert judged.sentence == (
        "these two differ in 3 settings (max tokens 512 -> 256, LoRA alpha 16 -> 32, LoRA rank 8 -> 16): "
        "the effect can't be attributed"
    )


def test_an_unknown_training_is_said_to_be_unknown() -> None:
    judged = audit.variables(side(), side({"should.engine": {**ENGINE, "dtype": "float16"}}, recipe={"steps": 400}))
    assert judged.kind == "unknown"
    assert judged.sentence == (
        "how the second was trained is not recorded, so the cause is not known; "
        "known to differ: dtype bfloat16 -> float16"
    )
    assert "the first and the second" in audit.variables(side(recipe=None), side(recipe=None)).sentence


def named(name: str, checkpoint: str, fingerprint: dict[str, dict[str, Any]]) -> Outcomes:
    return Outcomes("quiz", "accuracy", checkpoint, fingerprint, ("s0", "s1"), (1.0, 0.0), name=name)


def test_a_parent_and_its_child_differ_by_the_training() -> None:
    base, child = named("base", "ba5e" * 4, side(recipe=None)), named("med", "c41d", side())
    there, back = audit.variables(base, child), audit.variables(child, base)
    assert there.kind == back.kind == "controlled"
    assert there.sentence == "med was trained from base (lora): what differs is that training as a whole"
    assert back.sentence == there.sentence
    other = replace(child, fingerprint=side({"should.engine": {**ENGINE, "dtype": "float16"}}))
    assert audit.variables(base, other).kind == "confounded"


def test_the_same_checkpoint_asked_twice_says_so() -> None:
    twice = audit.variables(named("a", "aa", side(recipe=None)), named("a", "aa", side(recipe=None)))
    assert (twice.kind, twice.sentence) == ("replicate", "these two are the very same checkpoint")
    halved = side({"should.engine": {**ENGINE, "dtype": "float16"}}, recipe=None)
    judged = audit.variables(named("a", "aa", side(recipe=None)), named("a", "aa", halved))
    assert judged.kind == "controlled" and judged.sentence.startswith("these two are the very same checkpoint and")


def test_a_json_round_trip_changes_nothing() -> None:
    packed = json.loads(json.dumps(side()))
    assert audit.variables(side(), packed).kind == "replicate"


def test_hostile_recipes_are_read_and_never_crash(tmp_path: Path) -> None:
    weird: dict[str, Any] = {
        "data": [3, None, {"weight": "many"}],
        "lora": {"r": [8, [16]]},
        "": {"": None},
        "x" * 9999: "y" * 9999,
    }
    lineage.write(tmp_path, Lineage(method="lora", recipe=weird, data=({"rows": 1},)))
    read = lineage.read(tmp_path)
    assert read is not None
    recipe = {"method": read.method, "recipe": read.recipe, "data": {"None": None}}
    judged = audit.variables(side(), side(recipe=recipe))
    assert judged.kind == "confounded" and len(judged.sentence) < 600
