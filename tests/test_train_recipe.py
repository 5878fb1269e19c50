"""Recipes: what is read of a file and of --set, how lists become arms, what is refused, and how the audit reads two arms."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import identity
from harness.checkpoints import lineage
from harness.errors import UserError
from harness.records import Lineage
from harness.store import tables
from harness.verdicts import audit
from trainers import recipe_file
from trainers.recipe import Recipe, Teacher
from trainers.recipe_file import Planned, canonical

WHOLE = """
parent = "../base"
method = "lora"

[[data]]
path = "math.jsonl"

[[data]]
task = "demo_math"
role = "general"

[lora]
r = 8

[optim]
learning_rate = 8e-5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(WHOLE, "utf-8")
    return path


def names(planned: Sequence[Planned]) -> list[str]:
    return [one.name for one in planned]


# -- reading --------------------------------------------------------------------------------------------------------


def test_a_recipe_is_its_keys_and_the_defaults_of_the_rest(file: Path) -> None:
    (only,) = recipe_file.read(file)
    recipe = only.recipe
    assert (only.name, only.arm, only.folder, only.moved) == ("tiny", "tiny", file.parent, {})
    assert (recipe.parent, recipe.method, recipe.optim.learning_rate) == ("../base", "lora", 8e-5)
    assert (recipe.lora and recipe.lora.r, recipe.lora and recipe.lora.alpha, recipe.optim.epochs) == (8, 16.0, 3.0)
    assert [source.path or source.task for source in recipe.data] == ["math.jsonl", "demo_math"]


@pytest.mark.parametrize("name", sorted(recipe_file.shipped()))
def test_every_shipped_recipe_reads_and_says_what_it_is_for(name: str) -> None:
    path = recipe_file.find(name)
    (only,) = recipe_file.read(path)
    assert only.name == only.recipe.name and only.folder == Path.cwd()
    first = path.read_text("utf-8").splitlines()[0]
    assert re.fullmatch(r"# .{30,110}", first), "the line that `bench train --list` shows"
    uncommented = [line for line in path.read_text("utf-8").splitlines() if re.match(r"# *\w+ = ", line)]
    for line in uncommented:  # what is commented out must work as well
        recipe_file.read(path, [re.sub(r" +#.*", "", _keyed(path, line))])


def _keyed(path: Path, line: str) -> str:
    """`# rewards = ["number"]` as --set, under the table in which it stands."""
    before = path.read_text("utf-8").partition(line)[0]
    table = re.findall(r"^\[+([\w.]+)\]+", before, re.MULTILINE)
    key, _, value = line.lstrip("# ").partition(" = ")
    if table and table[-1] == "data":
        return f"data[1].{key}={value}"
    return f"{table[-1]}.{key}={value}" if table else f"{key}={value}"


def test_the_contests_and_the_clinics_values_are_shipped() -> None:
    (distil,) = recipe_file.read(recipe_file.find("distil_math"))
    lora = distil.recipe.lora
    assert lora is not None and (lora.r, lora.alpha, lora.dropout) == (8, 16.0, 0.1)
    assert (distil.recipe.optim.learning_rate, distil.recipe.optim.epochs) == (8e-5, 3.0)
    assert distil.recipe.clean.system == "by_language" and distil.recipe.clean.strip_thinking
    (medical,) = recipe_file.read(recipe_file.find("medical_mix"))
    recipe = medical.recipe
    assert (recipe.optim.learning_rate, recipe.optim.epochs, recipe.mix.ratio) == (1e-5, 10.0, "7:3")
    assert recipe.mix.schedule == "progressive" and recipe.export.each_epoch


def test_a_file_wins_over_a_shipped_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert recipe_file.find("lora") in recipe_file.shipped().values()
    (file.parent / "lora").write_text(WHOLE, "utf-8")
    assert recipe_file.find("lora") == Path("lora")
    with pytest.raises(UserError, match=r"no recipe 'lora_math'.*nearest: .*distil_math"):
        recipe_file.find("lora_math")


# -- --set ----------------------------------------------------------------------------------------------------------


def test_set_takes_toml_values_and_plain_words(file: Path) -> None:
    sets = [
        "optim.learning_rate=1e-4", "optim.steps=20", "clean.deduplicate=false", "note=longer answers", "mix.by='tokens'",
        "data[0].limit=10", "data.1.per_subject=3", "data[2].path=more.jsonl", "lora.targets=['q_proj']", "watch.every = 5",
    ]  # fmt: skip
    (only,) = recipe_file.read(file, sets)
    recipe = only.recipe
    assert (recipe.optim.learning_rate, recipe.optim.steps, recipe.clean.deduplicate) == (1e-4, 20, False)
    assert (recipe.note, recipe.mix.by, recipe.watch.every) == ("longer answers", "tokens", 5)
    assert [(s.path or s.task, s.limit, s.per_subject) for s in recipe.data] == [
        ("math.jsonl", 10, None),
        ("demo_math", None, 3),
        ("more.jsonl", None, None),
    ]
    assert recipe.lora and recipe.lora.targets == ("q_proj",)


def test_a_key_without_a_value_is_taken_out(file: Path) -> None:
    (only,) = recipe_file.read(file, ["lora.r=", "data[0].path=", "data[0].task=gsm8k"])
    assert only.recipe.lora is not None and only.recipe.lora.r == 8  # the default's
    assert (only.recipe.data[0].path, only.recipe.data[0].task) == (None, "gsm8k")
    (shorter,) = recipe_file.read(file, ["data[1]=", "lora="])
    assert len(shorter.recipe.data) == 1 and shorter.recipe.lora is None
    by_file = recipe_file.read(recipe_file.find("distil_math"), ["teacher.model=", "teacher.answers=a.jsonl"])
    assert by_file[0].recipe.teacher is not None and by_file[0].recipe.teacher.model is None


def test_what_is_typed_is_relative_to_where_one_types(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "own.jsonl").write_text("{}\n", "utf-8")
    monkeypatch.chdir(here)
    (only,) = recipe_file.read(file, ["data[0].path=own.jsonl", "parent=elsewhere"])
    assert only.recipe.data[0].path == str(here / "own.jsonl")
    assert only.recipe.parent == "elsewhere"  # nothing lies there: a hub id, or relative to the recipe


# -- what is refused ------------------------------------------------------------------------------------------------

REFUSED = [
    ("lora.alpa=4", r"unknown key 'lora\.alpa'; nearest: alpha"),
    ("optim.lr=1", r"unknown key 'optim\.lr'"),
    ("lora.r=0", r"'lora\.r' is 0; it must be at least 1"),
    ("lora.r=8.5", r"'lora\.r' must be of type int, not 8\.5"),
    ("lora.dropout=1", r"'lora\.dropout' is 1; it must be less than 1"),
    ("lora.targets=[]", r"'lora\.targets' is empty"),
    ("optim.learning_rate=0", r"'optim\.learning_rate' is 0; it must be more than 0"),
    ("optim.learning_rate=nan", r"'optim\.learning_rate' is nan"),
    ("optim.learning_rate=8e-5x", r"'optim\.learning_rate' must be of type float, not '8e-5x'"),
    ("optim.epochs=inf", r"'optim\.epochs' is inf"),
    ("optim.batch=true", r"'optim\.batch' must be of type int, not True"),
    (f"optim.steps={10**30}", r"'optim\.steps' is 10+; give a number"),
    ("optim.per_device=5", r"'optim\.per_device' \(5\) must divide 'optim\.batch' \(16\)"),
    ("mix.ratio=7/3", r"'mix\.ratio' is '7/3'; write domain : general"),
    ("mix.ratio='7:0'", r"'mix\.ratio' is '7:0'"),
    ("data[1].role=domain", None),  # fine as long as nothing is mixed
    ("data=[]", r"'data' is empty"),
    ("data[0].task=gsm8k", r"'data\[0\]' has a path and a task"),
    ("data[2].role=domain", r"'data\[2\]' names no rows"),
    ("data[0].split=test", r"'data\[0\]\.split' is about a task's splits"),
    ("data[0].like=gsm8k", r"'data\[0\]\.like' needs 'data\[0\]\.keep'"),
    ("data[9].path=x", r"'data\[9\]\.path' can't be set, since 'data' has 2 of them"),
    ("parent.folder=x", r"'parent\.folder' can't be set, since 'parent' is no table"),
    ("parent=' '", r"'parent' is empty"),
    ("method=sft", r"'method' is 'sft'; one of 'lora', 'full'"),
    ("method=full", r"trains all weights; leave out \[lora\]"),
    ("method=seqkd", r"\"seqkd\", which needs a \[teacher\]"),
    ("method=grpo", r"'grpo\.rewards' is empty, and rows of a file have no scorer"),
    ("teacher.model=x", r"\[teacher\] is for seqkd and logitkd"),
    ("name=../up", r"'name' is '\.\./up', which can't be a folder's name"),
    ("seeds=0", r"'seeds' is 0"),
    ("seed=[0, 1]", r"'seed' holds several values; say seeds = 3"),
    ("clean.min_tokens=4000", r"'clean\.min_tokens' \(4000\) is above"),
    ("lora.r=[4, 4]", r"'lora\.r' holds 4 twice"),
    ("lora.r=[]", r"'lora\.r' is an empty list"),
    ("lora.r=[4, 0]", r"with lora\.r = 0: 'lora\.r' is 0"),
    ("lora.r=[4, 8", r"\[4, 8 is not valid TOML"),
    ("lora", r"is no key=value"),
    ("lora.rank=", r"'lora\.rank' does not stand in the recipe"),
    ("data[4].path=", r"'data\[4\]\.path' does not stand in the recipe"),
    ("[x]=1", r"'\[x\]' is no key"),
    (f"lora.r={list(range(1, 1200))}", r"'lora\.r' holds 1,199 values; nobody trains more than 1,000"),
    ("ablate.lora.r=3", r"'ablate\.lora\.r' must be a list"),
    ("ablate.data=[[0], [7]]", r"names source 7, and they go from 0 to 1"),
    ("ablate.data=[['mth']]", r"names 'mth', which is no source; nearest: math, "),
]


@pytest.mark.parametrize(("given", "told"), REFUSED)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(file: Path, given: str, told: str | None) -> None:
    if told is None:
        assert recipe_file.read(file, [given])
        return
    with pytest.raises(UserError, match=told) as caught:
        recipe_file.read(file, [given])
    sentence = str(caught.value)
    assert sentence.startswith((f"{file} with --set", f"--set {given}")) and "\n" not in sentence


PAIRS = [
    (["mix.ratio=7:3", "data[1].role=domain"], r"'mix\.ratio' needs data of both roles.*\"general\""),
    (["mix.schedule=progressive", "data[1].role=domain"], r"'mix\.schedule' needs data of both roles"),
    (["method=seqkd", "teacher.model=a", "teacher.endpoint=b"], r"needs one of model, endpoint and answers, and has model"),
    (["method=logitkd", "teacher.answers=a"], r"'teacher\.model' is needed: logit distillation reads"),
    (["method=seqkd", "teacher.endpoint=http://x/v1"], r"'teacher\.served_model' is missing"),
    (["method=seqkd", "teacher.model=a", "teacher.temperature=0"], r"'teacher\.samples' above 1 needs"),
    (["method=grpo", "grpo.rewards=['numbr']"], r"'numbr', which is no scorer; nearest: number"),
    (["method=grpo", "grpo.rewards=['number']", "grpo.weights=[1.0, 2.0]"], r"are 2 and 'grpo\.rewards' 1"),
    (["lora.r=[4, 8]", "seeds=900"], r"asks for 1,800 checkpoints; nobody trains more than 1,000"),
    (["lora.r=[4, 8]", "optim.epochs=[1, 2]"], r"lora\.r and optim\.epochs hold several values.*--grid for all 4"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), PAIRS)
def test_keys_that_need_or_exclude_each_other(file: Path, given: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        recipe_file.read(file, given)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('method = "lora"', r"'parent' is missing"),
        ("parent = 3\nmethod = 'lora'\ndata = [{path = 'x'}]", r"'parent' must be of type str, not 3"),
        ("parent = ", r"is not valid TOML"),
        ("data = " + "[" * 5000 + "]" * 5000, r"is nested too deeply"),
        (WHOLE + "\n[ablate]\ndata = 'leave-two-out'", r"'ablate\.data' must be lists of sources"),
        (WHOLE.replace("[[data]]", "[data]", 1).partition("[[data]]")[0], r"'data' must be a list"),
    ],
)
def test_a_broken_file_is_told_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=told) as caught:
        recipe_file.read(path)
    assert str(path) in str(caught.value)


# -- ablations ------------------------------------------------------------------------------------------------------


def test_a_list_makes_one_checkpoint_per_value_and_seeds_make_replicates(file: Path) -> None:
    planned = recipe_file.read(file, ["lora.r=[4, 8, 16]", "seeds=2", "seed=5"])
    assert names(planned) == ["tiny-r4-s5", "tiny-r4-s6", "tiny-r8-s5", "tiny-r8-s6", "tiny-r16-s5", "tiny-r16-s6"]
    assert [p.recipe.seed for p in planned[:2]] == [5, 6] and {p.recipe.seeds for p in planned} == {1}
    assert [p.moved for p in planned[::2]] == [{"lora.r": 4}, {"lora.r": 8}, {"lora.r": 16}]
    assert [p.arm for p in planned[::2]] == ["tiny-r4", "tiny-r8", "tiny-r16"]
    assert [p.recipe.lora and p.recipe.lora.r for p in planned[::2]] == [4, 8, 16]


@pytest.mark.parametrize(
    "table", ['[ablate]\n"lora.r" = [4, 8]', "[ablate]\nlora.r = [4, 8]", "[ablate.lora]\nr = [4, 8]"]
)
def test_the_ablate_table_says_the_same(file: Path, table: str) -> None:
    file.write_text(WHOLE + table, "utf-8")
    inline = file.with_name("inline.toml")
    inline.write_text(WHOLE.replace("r = 8", "r = [4, 8]"), "utf-8")
    by_table, by_list = recipe_file.read(file), recipe_file.read(inline)
    assert names(by_table) == ["tiny-r4", "tiny-r8"] and names(by_list) == ["inline-r4", "inline-r8"]
    assert [replace(p.recipe, name=None) for p in by_table] == [replace(p.recipe, name=None) for p in by_list]


def test_a_grid_has_all_combinations(file: Path) -> None:
    sets = ["lora.r=[4, 8]", "optim.learning_rate=[1e-4, 0.05]", "clean.deduplicate=[true, false]"]
    planned = recipe_file.read(file, sets, grid=True)
    assert len(planned) == 8 and len(set(names(planned))) == 8
    assert {"tiny-r4-lr1e-4-deduplicate-on", "tiny-r8-lr0.05-deduplicate-off"} < set(names(planned))


def test_parts_of_the_data_by_number_by_name_and_one_left_out(file: Path) -> None:
    for asked in ("[[0], [0, 1]]", "[['math'], ['math.jsonl', 'demo_math']]"):
        planned = recipe_file.read(file, [f"ablate.data={asked}"])
        assert names(planned) == ["tiny-data-math", "tiny-data-math+demo_math"]
        assert planned[1].moved == {"data": ("math.jsonl", "demo_math")}
        assert [len(p.recipe.data) for p in planned] == [1, 2]
    out = recipe_file.read(file, ["data[2].path=more.jsonl", "ablate.data=leave-one-out"])
    assert [p.moved["data"] for p in out] == [
        ("math.jsonl", "demo_math", "more.jsonl"),
        ("demo_math", "more.jsonl"),
        ("math.jsonl", "more.jsonl"),
        ("math.jsonl", "demo_math"),
    ]


def test_keys_that_take_lists_are_arms_only_as_lists_of_lists(file: Path) -> None:
    (one,) = recipe_file.read(file, ["lora.targets=['q_proj', 'v_proj']"])
    assert one.recipe.lora and one.recipe.lora.targets == ("q_proj", "v_proj")
    two = recipe_file.read(file, ["lora.targets=['all-linear', ['q_proj', 'v_proj']]"])
    assert names(two) == ["tiny-targets-all-linear", "tiny-targets-q_proj+v_proj"]
    rows = recipe_file.read(file, ["data=[[{path='a/x.jsonl'}], [{path='a/x.jsonl'}, {path='y.jsonl'}]]"])
    assert names(rows) == ["tiny-data-x", "tiny-data-x+y"]
    assert names(recipe_file.read(file, ["data[0].limit=[10, 20]"])) == ["tiny-limit10", "tiny-limit20"]


def test_values_that_are_spelt_alike_still_have_names_of_their_own(file: Path) -> None:
    planned = recipe_file.read(file, ["parent=['a/base', 'b/base']", "seeds=2"])
    assert len(set(names(planned))) == 4 and len({p.arm for p in planned}) == 2


def test_method_may_be_the_variable_although_only_some_take_a_lora(file: Path) -> None:
    planned = recipe_file.read(file, ["method=['lora', 'full']"])
    assert [p.recipe.lora is None for p in planned] == [False, True]


# -- the canonical recipe and the audit -----------------------------------------------------------------------------

SOURCES = ({"name": "math.jsonl", "sha": "aa11"}, {"name": "demo_math train", "sha": "bb22"})


def made(recipe: Recipe, folder: Path, steps: int = 60, tokens: int = 9000, sources: Any = SOURCES) -> dict[str, Any]:
    """A fingerprint's recipe as the store makes it of the lineage in a checkpoint's folder."""
    folder.mkdir(exist_ok=True)
    told = canonical(recipe, sources, parent="ba5e")
    lineage.write(
        folder,
        Lineage(
            method=recipe.method, recipe=told, recipe_sha=identity.digest(told), parent="ba5e", data=sources,
            seed=recipe.seed, steps=steps, tokens=tokens, versions={"trl": "1.16.0"},
        ),
    )  # fmt: skip
    read = lineage.read(folder)
    assert read is not None
    return {"recipe": tables.recipe(read)}


def judged(file: Path, sets: list[str], **second: Any) -> audit.Variables:
    one, two = recipe_file.read(file, sets)
    sides = [made(one.recipe, file.parent / "one"), made(two.recipe, file.parent / "two", **second)]
    return audit.variables(*sides)


def test_replicates_share_one_hash_and_no_path_is_in_it(file: Path) -> None:
    planned = recipe_file.read(file, ["seeds=3", "note=a", f"data[0].path={file.parent}/math.jsonl"])
    elsewhere = replace(planned[0].recipe, name="x", note=None, train_on_test=True)
    shas = {identity.digest(canonical(p, SOURCES)) for p in (*(p.recipe for p in planned), elsewhere)}
    assert len(shas) == 1
    text = json.dumps(canonical(planned[0].recipe, SOURCES, parent="ba5e"))
    assert str(file.parent) not in text and "../base" not in text and "aa11" in text
    assert json.loads(text) == canonical(planned[0].recipe, SOURCES, parent="ba5e")  # nothing is lost on the way


def test_every_setting_and_every_source_has_a_hash_of_its_own(file: Path) -> None:
    sets = [
        "lora.r=4",
        "optim.epochs=2",
        "clean.system=none",
        "data[0].limit=9",
        "watch.held_out=3",
        "export.merge=true",
    ]
    recipes = [recipe_file.read(file, one)[0].recipe for one in [[], *([s] for s in sets)]]
    other = ({"name": "math.jsonl", "sha": "cc33"}, SOURCES[1])
    shas = [identity.digest(canonical(r, SOURCES)) for r in recipes]
    shas += [identity.digest(canonical(recipes[0], other)), identity.digest(canonical(recipes[0], SOURCES, parent="x"))]
    assert len(set(shas)) == len(shas) == 9


def test_a_teacher_is_who_it_is_and_how_it_is_asked_apart(file: Path) -> None:
    (only,) = recipe_file.read(file, ["method=seqkd", "teacher.model=big"])
    told = canonical(only.recipe, SOURCES, teacher="7eac")
    assert told["teacher"] == "7eac" and told["teaching"]["samples"] == Teacher().samples
    assert not {"model", "endpoint", "served_model", "answers"} & told["teaching"].keys()


@pytest.mark.parametrize(
    ("sets", "second", "spoken"),
    [
        (["lora.r=[4, 8]"], {}, "1 setting (LoRA rank 4 -> 8)"),
        (["optim.learning_rate=[8e-5, 1e-4]"], {}, "1 setting (learning rate 8e-5 -> 0.0001)"),
        (["optim.epochs=[1, 3]"], {"steps": 180, "tokens": 27000}, "1 setting (epochs 1 -> 3)"),
        (["mix.ratio=['7:3', '8:2']"], {"tokens": 9900}, "1 setting (mix.ratio 7:3 -> 8:2)"),
        (["clean.system=['none', 'by_language']"], {"tokens": 9900}, "1 setting (clean.system none -> by_language)"),
        (["data[0].limit=[10, 20]"], {"tokens": 9900}, "1 setting (limit of math.jsonl 10 -> 20)"),
        (
            ["ablate.data=[[0], [0, 1]]"],
            {"steps": 120, "tokens": 18000},
            "2 settings (data set added: demo_math train, optimiser steps 60 -> 120)",
        ),
        (["method=['lora', 'full']"], {}, "1 setting (training method lora -> full)"),
        (  # with optim.steps all arms take the same, and only the data moves
            ["ablate.data=[[0], [0, 1]]", "optim.steps=60"],
            {"tokens": 12000},
            "1 setting (data set added: demo_math train)",
        ),
    ],
)
def test_the_audit_sees_what_moved_between_two_arms(
    file: Path, sets: list[str], second: dict[str, Any], spoken: str
) -> None:
    one, two = recipe_file.read(file, sets)
    data = [SOURCES[: len(p.recipe.data)] for p in (one, two)]
    found = audit.variables(
        made(one.recipe, file.parent / "one", sources=data[0]),
        made(two.recipe, file.parent / "two", sources=data[1], **second),
    )
    assert spoken in found.sentence
    assert found.kind == ("controlled" if spoken.startswith("1 ") else "confounded")


def test_what_a_teacher_answered_is_no_data_set_beside_its_questions(file: Path) -> None:
    sets = ["method=seqkd", "teacher.model=big", "teacher.samples=[1, 4]", "optim.steps=60"]
    one, two = recipe_file.read(file, sets)
    sources = [(*SOURCES, {"name": "answers of big", "role": "teacher", "rows": rows}) for rows in (40, 55)]
    found = audit.variables(
        made(one.recipe, file.parent / "one", sources=sources[0]),
        made(two.recipe, file.parent / "two", sources=sources[1], tokens=9900),
    )
    assert "1 setting (teaching.samples 1 -> 4)" in found.sentence


def test_seeds_are_replicates_to_the_audit(file: Path) -> None:
    found = judged(file, ["seeds=2"])
    assert found.kind == "replicate" and "the seed (0 -> 1)" in found.sentence
