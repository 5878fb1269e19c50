"""Training data: read in whatever shape they lie, cleaned and counted, mixed, and tokenised as `bench run` would ask."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tinies import full

from harness import words
from harness.errors import UserError
from harness.records import Prompt, Request, Settings
from trainers.data import prepare
from trainers.plan_text import _width, describe
from trainers.recipe import Clean, Grpo, Mix, Optim, Recipe, Source, Watched
from trainers.rows import Example, Prepared, Row

THINK = "<think>三加五等于八。</think>\n\n"
RECIPE = Recipe(parent="x", method="lora", data=(Source(path="rows.jsonl"),), watch=Watched(held_out=0))


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_checkpoint)


@pytest.fixture
def made(tmp_path: Path, tokenizer: Any) -> Callable[..., Prepared]:
    """made(rows, **recipe fields) -> Prepared of a file with these rows."""

    def make(rows: Sequence[Any], recipe: Recipe = RECIPE, reads_with: Any = None, **fields: Any) -> Prepared:
        write(tmp_path / "rows.jsonl", rows)
        return prepare(replace(recipe, **fields), tmp_path, reads_with or tokenizer)

    return make


def write(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def asked(question: Any = "3+5=?", reply: Any = "8", **more: Any) -> dict[str, Any]:
    return {"instruction": question, "input": "", "output": reply, **more}


def many(n: int, what: str = "问题", reply: str = "好") -> list[dict[str, Any]]:
    return [asked(f"{what} {i}", reply) for i in range(n)]


def rows_of(prepared: Prepared) -> list[Row]:
    return sorted(
        (e.row for phase in prepared.phases for e in phase), key=lambda row: (row.source, row.number, len(row.messages))
    )


def shown(prepared: Prepared) -> list[tuple[list[tuple[str, str]], str]]:
    return [([(turn["role"], turn["content"]) for turn in row.messages], row.reply) for row in rows_of(prepared)]


# -- shapes -------------------------------------------------------------------------------------------------------

ONE = ([("user", "3+5=?")], "8")
SYSTEM = ([("system", "Be brief."), ("user", "3+5=?")], "8")
TWO = [([("user", "3+5=?")], "8"), ([("user", "3+5=?"), ("assistant", "8"), ("user", "+1?")], "9")]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"instruction": "3+5=?", "input": None, "output": "8"}, [ONE]),
        ({"instruction": "3+5=?", "output": 8}, [ONE]),
        ({"instruction": "3+5", "input": "=?", "output": "8"}, [([("user", "3+5\n=?")], "8")]),
        ({"instruction": "", "input": "3+5=?", "output": "8", "system": "Be brief."}, [SYSTEM]),
        ({"instruction": "+1?", "input": "", "output": "9", "history": [["3+5=?", "8"]]}, TWO),
        ({"conversations": [{"from": "human", "value": "3+5=?"}, {"from": "gpt", "value": "8"}]}, [ONE]),
        ({"system": "Be brief.", "conversations": [{"from": "user", "value": "3+5=?"}, {"from": "assistant", "value": "8"}]}, [SYSTEM]),
        ({"conversations": [{"from": "human", "value": "3+5=?"}, {"from": "gpt", "value": "8"}, {"from": "human", "value": "+1?"}, {"from": "gpt", "value": "9"}]}, TWO),
        ({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "3+5=?"}, {"role": "assistant", "content": "8"}]}, [SYSTEM]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "3+5"}, {"type": "text", "text": "=?"}]}, {"role": "assistant", "content": "8"}]}, [ONE]),
        ({"prompt": [{"role": "user", "content": "3+5=?"}], "completion": [{"role": "assistant", "content": "8"}]}, [ONE]),
        ({"question": "3+5=?", "answer": "8"}, [ONE]),
        ({"prompt": "3+5=?", "completion": "8"}, [ONE]),
        ({"problem": "3+5=?", "solution": "8", "level": 3}, [ONE]),
        ({"Question": "3+5=?", "Complex_CoT": "three, then five", "Response": "8", "options": None}, [ONE]),
        ({"input": "3+5=?", "output": "8"}, [ONE]),
    ],
)  # fmt: skip
def test_rows_of_every_shape_become_the_same_conversations(made: Callable[..., Prepared], row: Any, found: Any) -> None:
    assert shown(made([row])) == found


@pytest.mark.parametrize("ending", ["json", "jsonl", "jsonl.gz", "csv", "parquet"])
def test_rows_are_the_same_out_of_every_kind_of_file(tmp_path: Path, tokenizer: Any, ending: str) -> None:
    rows = [
        {"instruction": '第一\n问，"x"', "input": "", "output": "8"},
        {"instruction": "Two?", "input": "", "output": "2"},
    ]
    path = tmp_path / f"rows.{ending}"
    if ending == "json":
        path.write_text("\ufeff" + json.dumps(rows, ensure_ascii=False), "utf-8")
    elif ending == "jsonl":
        write(path, rows)
    elif ending == "jsonl.gz":
        path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    else:
        import pandas

        frame = pandas.DataFrame(rows)
        frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    prepared = prepare(replace(RECIPE, data=(Source(path=path.name),)), tmp_path, tokenizer)
    assert shown(prepared) == [([("user", '第一\n问，"x"')], "8"), ([("user", "Two?")], "2")]
    assert [row.number for row in rows_of(prepared)] == [1, 2] and rows_of(prepared)[0].source == path.name


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"instruction": "3+5=?"}, "no 'output'"),
        ({"instruction": {"a": 1}, "output": "8"}, "'instruction' holds dict"),
        ({"instruction": "3+5=?", "output": True}, "'output' holds bool"),
        ({"instruction": "3+5=?", "output": float("nan")}, "'output' holds float"),
        ({"instruction": "3+5=?", "output": "8", "history": "x"}, "'history' is no list of pairs"),
        ({"instruction": "3+5=?", "output": "8", "history": [["x"]]}, "'history' is no list of pairs"),
        ({"conversations": "hello"}, "'conversations' is no list of turns"),
        ({"conversations": [{"from": "human", "value": "a"}, "b"]}, "'conversations' is no list of turns"),
        ({"conversations": [{"from": "observation", "value": "a"}]}, "'observation' speaks"),
        ({"conversations": [{"from": 7, "value": "a"}]}, "'7' speaks"),
        ({"conversations": [{"from": "human"}]}, "neither 'value' nor 'content'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "kind 'image_url'"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{}]}]}, "calls tools"),
        ({"messages": [{"role": "user", "content": "a"}] * 1001}, "a conversation of 1001 turns"),
        ({"question": "a", "chosen": "b", "rejected": "c"}, "a chosen and a rejected answer"),
        ({"question": "a", "A": "1", "B": "2", "answer": "A"}, "options beside it"),
        ({"question": "a", "choices": ["1", "2"], "answer": "A"}, "options beside it"),
        ({"text": "Once upon a time"}, "no conversation that is known here (fields: text)"),
        ({}, "fields: none"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_conversation_is_named(made: Callable[..., Prepared], row: Any, told: str) -> None:
    with pytest.raises(UserError, match=r"rows\.jsonl, row 2: ") as error:
        made([asked(), row])
    assert told in str(error.value) and "\n" not in str(error.value)


def test_hostile_files_end_in_a_sentence(tmp_path: Path, tokenizer: Any) -> None:
    for name, content, told in (
        ("deep.jsonl", '{"instruction": ' + "[" * 200_000 + "]" * 200_000 + "}", "nested too deep"),
        ("half.jsonl", '{"instruction": "a", "output"', "line 1: not JSON"),
        ("list.jsonl", "[1, 2]", "an object is expected"),
        ("empty.jsonl", "\n\n", "holds no rows"),
        ("huge.jsonl", '{"instruction": "a", "output": 1' + "0" * 5000 + "}", "line 1: not JSON"),
    ):
        (tmp_path / name).write_text(content, "utf-8")
        with pytest.raises(UserError, match=told):
            prepare(replace(RECIPE, data=(Source(path=name),)), tmp_path, tokenizer)
    for path, told in (("nowhere.jsonl", "does not exist"), (".", "is a folder")):
        with pytest.raises(UserError, match=told):
            prepare(replace(RECIPE, data=(Source(path=path),)), tmp_path, tokenizer)


def test_whatever_stands_in_a_row_it_is_prepared_or_refused_in_a_sentence(
    made: Callable[..., Prepared], tokenizer: Any
) -> None:
    texts = [
        "",
        "a",
        "好的",
        "<think>",
        "</think>x",
        "### Response:",
        "<|im_end|>",
        "{{name}}",
        "\ud800",
        "\x00",
        "\u202e",
        " \r\n",
    ]
    fields = [
        "instruction",
        "input",
        "output",
        "history",
        "conversations",
        "messages",
        "question",
        "answer",
        "chosen",
        "x\x1b\n",
    ]

    def value(draw: random.Random, depth: int = 0) -> Any:
        kind = draw.random()
        if kind < 0.5 or depth > 3:
            return draw.choice([*texts, None, True, 2.5, float("inf"), 10**30])
        if kind < 0.8:
            said = [
                {"from": draw.choice(["human", "gpt", "system"]), "value": value(draw, depth + 2)} for _ in range(3)
            ]
            return said if draw.random() < 0.8 else [value(draw, depth + 1)]
        return {draw.choice(["type", "text", "value"]): value(draw, depth + 1)}

    prepared = 0
    for seed in range(150):
        draw = random.Random(seed)
        rows = [{name: value(draw) for name in draw.sample(fields, 3)}]
        if seed % 2:
            rows = [{"instruction": draw.choice(texts), "output": draw.choice(texts)} for _ in range(9)]
        try:
            found = made(rows, clean=Clean(max_dropped=1.0, system="by_language"))
        except UserError as error:
            assert "\n" not in str(error) and "\x1b" not in str(error)
            continue
        prepared += 1
        assert all(e.ids[-1] == tokenizer.eos_token_id for phase in found.phases for e in phase)
        assert describe(found, RECIPE, tokenizer) and json.dumps([*found.sources, *found.dropped]).isprintable()
    assert 50 < prepared < 150


def test_chosen_answers_are_learnt_where_the_recipe_says_so(made: Callable[..., Prepared]) -> None:
    talk = {
        "conversations": [{"from": "human", "value": "3+5=?"}],
        "chosen": {"from": "gpt", "value": "8"},
        "rejected": "9",
    }
    for row, form in ((talk, "sharegpt"), ({"question": "3+5=?", "chosen": "8", "rejected": "9"}, "question")):
        assert shown(made([row], data=(Source(path="rows.jsonl", format=form),))) == [ONE]  # type: ignore[arg-type]


# -- cleaning -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "learnt"),
    [
        (THINK + "8", "8"),
        ("<thinking>hm</thinking>8", "8"),
        ("so it is 8</think>8", "8"),  # the template had opened it
        ("\n\n### Response:\n\n\n### Response:\n8", "8"),
        ("8\n\n### Instruction:", "8"),
        ("8<|im_end|>\n</s>", "8"),
        ("### 回答：8", "8"),
        ("### Answer\n8", "### Answer\n8"),  # somebody's heading
        ("a<b 8</s>", "a<b 8"),
        ("8\r\n九\r", "8\n九"),
    ],
)
def test_leftovers_around_a_reply_are_not_learnt(made: Callable[..., Prepared], reply: str, learnt: str) -> None:
    prepared = made([asked("\n\n### Instruction:\n3+5=?", reply)])
    assert shown(prepared) == [([("user", "3+5=?")], learnt)]
    assert prepared.sources[0]["changed"]["markers stripped"] >= 1
    assert prepared.sources[0]["changed"].get("line ends", 0) == ("\r" in reply)


def test_every_drop_is_counted_with_three_examples(made: Callable[..., Prepared]) -> None:
    rows = [
        *many(20),
        *(asked(f"leer {i}", reply) for i, reply in enumerate(["", " \n", None, "### Response:\n", THINK])),
        asked("unclosed?", "<think>and then"), asked("", "8"), asked("问题 ０", "another"), asked("half \ud800?", "8"),
        {"conversations": [{"from": "human", "value": "nobody answers"}]},
        {"conversations": [{"from": "gpt", "value": "I speak first"}, {"from": "human", "value": "who?"}, {"from": "gpt", "value": "I"}]},
        {"conversations": [{"from": "human", "value": "a?"}, {"from": "gpt", "value": ""}, {"from": "human", "value": "b?"}, {"from": "gpt", "value": "b"}]},
        asked("mark?", "so <|im_start|> it is"),
    ]  # fmt: skip
    prepared = made(rows)
    (source,) = prepared.sources
    assert source["dropped"] == {
        "empty reply": 6, "unclosed thinking": 1, "no question": 2, "duplicate": 1, "broken characters": 1, "no reply": 1,
        "after an unusable reply": 1, "a special token inside": 1,
    }  # fmt: skip
    assert source["read"] == source["rows"] + sum(source["dropped"].values()) == len(rows) + 2
    empty = [e for e in prepared.dropped if e["reason"] == "empty reply"]
    assert [e["number"] for e in empty] == [21, 22, 23] and empty[0]["source"] == "rows.jsonl"
    assert not any("nobody" in row.messages[0]["content"] for row in rows_of(prepared))


def test_cleaning_can_be_left_out(made: Callable[..., Prepared]) -> None:
    rows = [asked("a?", THINK + "8"), asked("a?", "### Response:\n8")]
    kept = made(rows, clean=Clean(strip_thinking=False, strip_markers=False, deduplicate=False))
    assert [reply for _, reply in shown(kept)] == [THINK + "8", "### Response:\n8"]


def test_turns_that_are_said_in_many_conversations_are_no_duplicates(made: Callable[..., Prepared]) -> None:
    def talk(first: str) -> dict[str, Any]:
        said = (("human", first), ("gpt", "好的"), ("human", "继续"), ("gpt", "再来"))
        return {"conversations": [{"from": who, "value": what} for who, what in said]}

    assert len(rows_of(made([talk("讲故事"), talk("写诗"), talk("讲　故事".replace("　", ""))]))) == 4


def test_the_system_prompt_follows_the_language_of_the_question(made: Callable[..., Prepared]) -> None:
    rows = [
        asked("What is 37 °C × 2 in °F?", "98.6"), asked("水的沸点是多少 °C？", "100"), asked("3+5=?", "8 个"), asked("3+6=?", "9"),
        asked("Who are you?", "A nurse.", system="You are a nurse."),
    ]  # fmt: skip
    rules = Clean(system="by_language", system_zh="用中文", system_en="in English")
    heads = [messages[0] for messages, _ in shown(made(rows, clean=rules))]
    assert [text for _, text in heads] == ["in English", "用中文", "用中文", "in English", "You are a nurse."]
    assert [row.language for row in rows_of(made(rows))] == ["en", "zh", "zh", "en", "en"]
    bare = [messages for messages, _ in shown(made(rows, clean=Clean(system="none")))]
    assert all([role for role, _ in messages] == ["user"] for messages in bare)
    own = [messages[0] for messages, _ in shown(made(rows, clean=Clean(system="Answer in one word.")))]
    assert [text for _, text in own] == ["Answer in one word."] * 4 + ["You are a nurse."]
    for typo in ("by-language", "Keep", ""):
        with pytest.raises(UserError, match=r"clean.system"):
            made(rows, clean=Clean(system=typo))


def test_places_to_be_filled_in_are_told_and_latex_is_none(made: Callable[..., Prepared]) -> None:
    told = made([asked("Who?", "I am {{name}} by {{ author }}."), *many(12)]).warnings
    assert len(told) == 1 and "1 texts hold a place to be filled in" in told[0] and "row 1" in told[0]
    assert not made([asked("x?", r"$\frac{{a}}{{b}} + x^{{n}}_{{i}} + {{x}}$")]).warnings


def test_rows_are_dropped_and_never_cut(made: Callable[..., Prepared], tokenizer: Any) -> None:
    rows = [asked(f"{n} 字？", "字" * n) for n in range(1, 60)]
    prepared = made(rows, clean=Clean(max_tokens=100, min_tokens=12, max_dropped=1.0))
    lengths = [len(e.ids) for phase in prepared.phases for e in phase]
    assert max(lengths) <= 100 and prepared.counts["longest"] == max(lengths)
    dropped = prepared.sources[0]["dropped"]
    assert set(dropped) == {"too long", "too short"} and len(lengths) + sum(dropped.values()) == len(rows)
    assert all(e.ids[-1] == tokenizer.eos_token_id for phase in prepared.phases for e in phase)
    whole = {row.reply for row in rows_of(prepared)}
    assert whole <= {row["output"] for row in rows}
    short = made([asked("long?", "x " * 500_000), *many(3)])
    assert short.sources[0]["dropped"] == {"too long": 1}


def test_a_source_that_loses_too_much_stops_the_training(made: Callable[..., Prepared]) -> None:
    rows = [*many(4), *(asked(f"leer {i}", "") for i in range(5))]
    with pytest.raises(
        UserError, match=r"5 of its 9 rows would be dropped \(empty reply 5; see row 5, 6, 7\).*max_dropped = 0.5"
    ):
        made(rows)
    assert len(rows_of(made(rows, clean=Clean(max_dropped=0.6)))) == 4
    with pytest.raises(UserError, match=r"clean.deduplicate = false"):
        made([asked("same?", str(i)) for i in range(4)])
    with pytest.raises(UserError, match="no rows are left"):
        made([asked("leer", "")], clean=Clean(max_dropped=1.0))


# -- what is taken, and in which order ----------------------------------------------------------------------------


def two(tmp_path: Path, domain: int, general: int, long: str = "好") -> Recipe:
    write(tmp_path / "medical.jsonl", many(domain, "症状"))
    write(tmp_path / "general.jsonl", many(general, "Question", long))
    sources = (Source(path="medical.jsonl"), Source(path="general.jsonl", role="general"))
    return replace(RECIPE, data=sources)


def ids_of(prepared: Prepared) -> list[tuple[str, int]]:
    return [(e.row.source, e.row.number) for phase in prepared.phases for e in phase]


def test_a_ratio_takes_what_the_scarcer_side_allows(tmp_path: Path, tokenizer: Any) -> None:
    recipe = replace(two(tmp_path, 70, 200), mix=Mix(ratio="7:3"))
    prepared = prepare(recipe, tmp_path, tokenizer)
    assert (prepared.counts["domain_rows"], prepared.counts["general_rows"]) == (70, 30)
    assert prepared.sources[1]["dropped"] == {"outside the mix": 170}
    assert ids_of(prepare(recipe, tmp_path, tokenizer)) == ids_of(prepared)
    other = prepare(replace(recipe, seed=1), tmp_path, tokenizer)
    assert set(ids_of(other)) != set(ids_of(prepared)) and other.counts["general_rows"] == 30
    scarce = prepare(replace(two(tmp_path, 700, 30), mix=Mix(ratio="7：3")), tmp_path, tokenizer)
    assert (scarce.counts["domain_rows"], scarce.counts["general_rows"]) == (70, 30)


def test_a_ratio_in_tokens_counts_tokens(tmp_path: Path, tokenizer: Any) -> None:
    recipe = replace(two(tmp_path, 100, 100, "好" * 40), mix=Mix(ratio="1:1", by="tokens"))
    counts = prepare(recipe, tmp_path, tokenizer).counts
    assert counts["domain_rows"] == 100 and counts["general_rows"] < 50
    assert 0.9 < counts["general_tokens"] / counts["domain_tokens"] <= 1


@pytest.mark.parametrize("text", ["7", "7:0", "0:3", "a:b", "7:3:1", "-7:3", "1e9:1", "nan:1"])
def test_what_is_no_ratio_is_said(made: Callable[..., Prepared], text: str) -> None:
    with pytest.raises(UserError, match="is no ratio of domain to general"):
        made(many(9), mix=Mix(ratio=text))


def test_a_ratio_that_the_data_cannot_give_names_the_numbers(tmp_path: Path, tokenizer: Any) -> None:
    with pytest.raises(UserError, match=r"7:3.*from 9 domain rows and 0 general rows"):
        write(tmp_path / "rows.jsonl", many(9))
        prepare(replace(RECIPE, mix=Mix(ratio="7:3")), tmp_path, tokenizer)
    with pytest.raises(UserError, match=r"99:1.*from 9 domain rows and 9 general rows"):
        prepare(replace(two(tmp_path, 9, 9), mix=Mix(ratio="99:1")), tmp_path, tokenizer)
    with pytest.raises(UserError, match=r"1 domain rows of \d+ tokens"):
        prepare(replace(two(tmp_path, 1, 1, "好" * 200), mix=Mix(ratio="1:9", by="tokens")), tmp_path, tokenizer)


def test_progressive_is_general_first(tmp_path: Path, tokenizer: Any) -> None:
    prepared = prepare(
        replace(two(tmp_path, 14, 40), mix=Mix(ratio="7:3", schedule="progressive")), tmp_path, tokenizer
    )
    assert [[e.row.role for e in phase] for phase in prepared.phases] == [["general"] * 6, ["domain"] * 14]
    with pytest.raises(UserError, match="no general ones"):
        write(tmp_path / "rows.jsonl", many(9))
        prepare(replace(RECIPE, mix=Mix(schedule="progressive")), tmp_path, tokenizer)


def test_limits_are_nested_and_hang_on_no_name(tmp_path: Path, tokenizer: Any) -> None:
    write(tmp_path / "a.jsonl", many(60))
    write(tmp_path / "b.jsonl", many(60))

    def taken(name: str, limit: int, seed: int = 0) -> list[int]:
        recipe = replace(RECIPE, data=(Source(path=name, limit=limit),), seed=seed)
        prepared = prepare(recipe, tmp_path, tokenizer)
        assert prepared.sources[0]["dropped"] == {"over the limit": 60 - limit}
        return [number for _, number in ids_of(prepared)]

    assert taken("a.jsonl", 10) == taken("b.jsonl", 10) and set(taken("a.jsonl", 10)) < set(taken("a.jsonl", 20))
    assert taken("a.jsonl", 10) != taken("a.jsonl", 10, seed=1)


def first_turns(examples: Sequence[Example]) -> set[str]:
    return {example.row.messages[0]["content"] for example in examples}


def test_the_held_out_slice_is_never_trained_on_and_never_was(tmp_path: Path, tokenizer: Any) -> None:
    def held(rows: list[dict[str, Any]], **fields: Any) -> tuple[set[str], set[str]]:
        write(tmp_path / "rows.jsonl", rows)
        prepared = prepare(replace(RECIPE, watch=Watched(held_out=20), **fields), tmp_path, tokenizer)
        trained = [example for phase in prepared.phases for example in phase]
        return first_turns(prepared.held_out), first_turns(trained)

    rows = many(300)
    before, trained = held(rows)
    assert len(before) == 20 and not before & trained and len(trained) == 280
    again, _ = held(rows[::-1], seed=5, data=(Source(path="rows.jsonl", limit=50),))
    assert again == before  # whatever the seed, the order and the limit
    after, _ = held(rows + many(300, "new"))
    assert not after & trained and len(after) == 20 and after & before
    twice, with_others = held(
        rows + [asked(row["instruction"], "anders") for row in rows], clean=Clean(deduplicate=False)
    )
    assert not twice & with_others


def test_a_conversation_is_held_out_whole(made: Callable[..., Prepared]) -> None:
    talks = [
        {"conversations": [{"from": who, "value": f"{i} {what}"} for who, what in (("human", "a"), ("gpt", "b"), ("human", "c"), ("gpt", "d"))]}
        for i in range(100)
    ]  # fmt: skip
    prepared = made(talks, watch=Watched(held_out=10))
    numbers = {e.row.number for e in prepared.held_out}
    assert len(prepared.held_out) == 10 and len(numbers) == 5
    assert not numbers & {row.number for row in rows_of(prepared)}


def test_both_sides_are_held_out_and_small_data_keep_their_rows(tmp_path: Path, tokenizer: Any) -> None:
    recipe = replace(two(tmp_path, 60, 600), watch=Watched(held_out=20))
    roles = [e.row.role for e in prepare(recipe, tmp_path, tokenizer).held_out]
    assert roles.count("domain") == roles.count("general") == 10
    small = prepare(replace(two(tmp_path, 15, 15), watch=Watched(held_out=20)), tmp_path, tokenizer)
    assert len(small.held_out) == 3 and any("at most a tenth" in warning for warning in small.warnings)


def test_files_of_one_name_stay_apart(tmp_path: Path, tokenizer: Any) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "rows.jsonl", [asked("same?", "8"), asked(f"{folder}?", "9")])
    recipe = replace(RECIPE, data=(Source(path="a/rows.jsonl"), Source(path="b/rows.jsonl")))
    first, second = prepare(recipe, tmp_path, tokenizer).sources
    assert (first["name"], second["name"]) == ("rows.jsonl", "rows.jsonl #2")
    assert (first["rows"], second["rows"], second["dropped"]) == (2, 1, {"duplicate": 1})
    assert first["sha"] != second["sha"] and str(tmp_path) not in json.dumps([first, second])


# -- tokens -------------------------------------------------------------------------------------------------------

CHATML = "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>{{ 'assistant\n' }}{% endif %}"
HYBRID = (  # thinking taken out of what was said before, an empty one put before the last answer
    "{% for m in messages %}<|im_start|>{{ m.role + '\n' }}{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content.split('</think>')[-1] }}<|im_end|>{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>{{ 'assistant\n' }}{% endif %}"
)
BRACKETS = "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% elif m.role == 'system' %}{{ raise_exception('no system') }}{% else %} {{ m.content }} <|im_end|>{% endif %}{% endfor %}"
TRIMMED = "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content | upper }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}"
OPENED = CHATML.replace("{{ 'assistant\n' }}", "{{ 'assistant\n<think>\n' }}")
ALWAYS = "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}"
TALK = {"system": "Be brief.", "conversations": [{"from": w, "value": v} for w, v in (("human", "三加五？"), ("gpt", THINK + "8"), ("human", "why?"), ("gpt", "因为 3+5=8"))]}  # fmt: skip


def with_template(tiny: Path, template: str | None) -> Any:
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(tiny)
    loaded.chat_template = template
    return loaded


@pytest.mark.parametrize("template", [CHATML, HYBRID, TRIMMED, ALWAYS, BRACKETS])
def test_the_prompt_is_what_bench_run_asks_and_the_rest_is_learnt(
    made: Callable[..., Prepared], tiny_checkpoint: Path, tmp_path: Path, start: Callable[..., Any], template: str
) -> None:
    """By the ids that the engine really hands to the model, whatever the template does."""
    import shutil

    reads = with_template(tiny_checkpoint, template)
    talk = TALK if template != BRACKETS else {**TALK, "system": ""}
    examples = [
        e for phase in made([talk, asked("第一行\n  第二行 {x}", "8\n\n九 ")], reads_with=reads).phases for e in phase
    ]
    assert len(examples) == 3
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "parent")
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    engine = start(full(folder))
    settings = Settings(chat=True, max_tokens=1)
    requests = [
        Request(
            "r",
            "m",
            str(i),
            0,
            Prompt(str(i), messages=tuple((t["role"], t["content"]) for t in e.row.messages)),
            settings,
        )
        for i, e in enumerate(examples)
    ]
    answers = {response.sample: response for response in engine.answer(requests)}
    for i, example in enumerate(examples):
        prompt, learnt = example.ids[: example.prompt], example.ids[example.prompt :]
        assert answers[str(i)].error is None
        assert reads.decode(prompt) == answers[str(i)].prompt and len(prompt) == answers[str(i)].prompt_tokens
        assert list(prompt) == reads(answers[str(i)].prompt, add_special_tokens=False)["input_ids"]
        assert reads.decode(learnt[:-1]).strip() == example.row.reply.strip() and learnt[-1] == reads.eos_token_id
        assert learnt.count(reads.eos_token_id) == 1


@pytest.mark.parametrize("template", [CHATML, None])
def test_rows_of_a_task_ask_the_very_ids_that_bench_run_asked(
    tiny_checkpoint: Path, tmp_path: Path, template: str | None
) -> None:
    """By the command itself and what it stored, with a chat template and without one."""
    import shutil

    from click.testing import CliRunner

    from harness.cli import cli
    from harness.store import answers, runs
    from harness.store.open import open_store

    folder = shutil.copytree(tiny_checkpoint, tmp_path / "parent")
    template_file = folder / "chat_template.jinja"
    template_file.write_text(template) if template else template_file.unlink()
    db = tmp_path / "bench.db"
    arguments = [
        "run",
        "--model",
        str(folder),
        "--tasks",
        "demo_math",
        "--engine",
        "hf",
        "--limit",
        "6",
        "--max-tokens",
        "2",
    ]
    result = CliRunner().invoke(cli, [*arguments, "--store", str(db)])
    assert result.exit_code == 0, result.output
    with open_store(db, "ro") as store:
        (run,) = runs.list_runs(store)
        asked = {response.prompt: response.prompt_tokens for response in answers.responses(store, run.id)}
    reads = with_template(folder, template)
    recipe = replace(RECIPE, data=(Source(task="demo_math", split="test"),), train_on_test=True)
    ((*examples,),) = prepare(recipe, tmp_path, reads).phases
    trained = {reads.decode(example.ids[: example.prompt]): example for example in examples}
    assert len(asked) == 6 and set(asked) <= set(trained)
    for prompt, tokens in asked.items():
        assert prompt is not None
        assert tokens == trained[prompt].prompt
        assert ("<|im_start|>assistant" in prompt) == (template is not None)


def test_the_rendered_conversation_cut_off_before_the_reply_is_the_prompt(
    made: Callable[..., Prepared], tokenizer: Any
) -> None:
    for phase in made([TALK, *many(5)]).phases:
        for example in phase:
            messages = [*map(dict, example.row.messages), {"role": "assistant", "content": example.row.reply}]
            whole = tokenizer.apply_chat_template(messages, tokenize=False)
            prompt = tokenizer.decode(example.ids[: example.prompt])
            assert whole.startswith(prompt) and whole == tokenizer.decode(example.ids) + "\n"


def test_end_of_turn_and_end_of_text_are_both_learnt(made: Callable[..., Prepared], tiny_checkpoint: Path) -> None:
    reads = with_template(tiny_checkpoint, CHATML)
    reads.eos_token = "<|endoftext|>"  # as of a base model whose template ends turns otherwise
    ((example,),) = made([asked()], reads_with=reads).phases
    assert reads.decode(example.ids[example.prompt :]) == "8<|im_end|><|endoftext|>"


def test_what_the_assistant_writes_before_each_answer_is_learnt_and_an_empty_thinking_is_not(
    made: Callable[..., Prepared], tiny_checkpoint: Path
) -> None:
    lead = "<|im_start|>final\n"  # as gpt-oss names its channel
    template = CHATML.replace(
        "{{ m.role + '\n' + m", "{{ m.role + '\n' + ('LEAD' if m.role == 'assistant' else '') + m"
    )
    for written, learnt in ((lead, f"{lead}8<|im_end|>"), ("<think>\n\n</think>\n\n", "8<|im_end|>")):
        reads = with_template(tiny_checkpoint, template.replace("LEAD", written.replace("\n", "\\n")))
        ((example,),) = made([asked()], reads_with=reads).phases
        assert reads.decode(example.ids[example.prompt :]) == learnt
        assert reads.decode(example.ids[: example.prompt]).endswith("<|im_start|>assistant\n")


def test_what_a_template_leaves_out_or_refuses_is_noticed(made: Callable[..., Prepared], tiny_checkpoint: Path) -> None:
    told = made([asked("abc?", "8"), *many(30)], reads_with=with_template(tiny_checkpoint, TRIMMED)).warnings
    assert len(told) == 1 and "of 1 rows the parent's chat template leaves something out" in told[0]
    kept = Clean(strip_thinking=False)
    assert any(
        "1 rows" in w for w in made([TALK], clean=kept, reads_with=with_template(tiny_checkpoint, HYBRID)).warnings
    )
    with pytest.raises(UserError, match="refused by the template 1") as error:
        made([asked(system="Be brief.")], reads_with=with_template(tiny_checkpoint, BRACKETS))
    assert "raises on such conversations" in str(error.value)
    with pytest.raises(UserError, match="template = FILE"):
        made([asked()], reads_with=with_template(tiny_checkpoint, "{{ raise_exception('never') }}"))
    with pytest.raises(UserError, match="no chat template"):
        made([asked()], reads_with=with_template(tiny_checkpoint, None))


def test_a_template_that_opens_the_thinking_needs_replies_that_close_it(
    made: Callable[..., Prepared], tiny_checkpoint: Path
) -> None:
    reads = with_template(tiny_checkpoint, OPENED)
    with pytest.raises(UserError, match=r"opened thinking 1.*opens <think> before each answer"):
        made([asked("a?", THINK + "8")], reads_with=reads)
    ((example,),) = made([asked("a?", THINK + "8")], clean=Clean(strip_thinking=False), reads_with=reads).phases
    assert reads.decode(example.ids).count("<think>") == 1


def test_a_tokenizer_without_an_end_is_refused(made: Callable[..., Prepared], tiny_checkpoint: Path) -> None:
    reads = with_template(tiny_checkpoint, CHATML)
    reads.eos_token = None
    with pytest.raises(UserError, match="no eos token"):
        made([asked()], reads_with=reads)


def test_a_tokenizer_that_marks_words_beginnings_writes_a_reply_as_behind_its_prompt(
    made: Callable[..., Prepared],
) -> None:
    """As SentencePiece's: "▁8" alone, and "8" behind a line's end."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    alphabet = sorted(set("Quser asitn:?0123456789A.\n好▁"))
    words.train_from_iterator(
        ["user: 3 assistant: 8"],
        trainers.BpeTrainer(vocab_size=60, special_tokens=["</s>"], initial_alphabet=alphabet, show_progress=False),
    )
    reads = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>")
    reads.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:\n{% endif %}"
    ((example,),) = made([asked("Q1?", "8")], reads_with=reads).phases
    whole = "user: Q1?\nassistant:\n8"
    assert list(example.ids) == [*reads(whole, add_special_tokens=False)["input_ids"], reads.eos_token_id]
    assert reads("8", add_special_tokens=False)["input_ids"] != list(
        example.ids[example.prompt : -1]
    )  # alone it differs


# -- questions for a teacher, and for rewards ---------------------------------------------------------------------


def test_a_teacher_answers_what_is_trained_on_and_its_replies_are_cleaned(tmp_path: Path, tokenizer: Any) -> None:
    write(tmp_path / "rows.jsonl", [{"instruction": f"q {i}"} for i in range(40)])
    recipe = replace(RECIPE, method="seqkd", watch=Watched(held_out=4))
    seen: list[Row] = []

    def answered(rows: Sequence[Row]) -> list[Row]:
        seen.extend(rows)
        given = [replace(row, reply=f"{THINK}a {row.number}") for row in rows[:30]]
        return [*given[:-1], replace(given[-1], reply="<think>and")]

    prepared = prepare(recipe, tmp_path, tokenizer, answered=answered)
    assert len(seen) == 36 and len(prepared.held_out) == 4
    assert not {row.number for row in seen} & {e.row.number for e in prepared.held_out}
    assert all(e.prompt == len(e.ids) for e in prepared.held_out)  # nobody has answered those
    assert all(row.reply == f"a {row.number}" for row in rows_of(prepared)) and len(rows_of(prepared)) == 29
    assert prepared.sources[0]["dropped"] == {"no answer of the teacher": 6, "unclosed thinking": 1}
    planned = prepare(recipe, tmp_path, tokenizer)  # of a dry run
    assert planned.counts["rows"] == 36 and planned.counts["learnt_tokens"] == 0


def test_rows_for_rewards_only_ask_and_know_their_gold(tmp_path: Path, tokenizer: Any) -> None:
    write(
        tmp_path / "rows.jsonl",
        [
            *(
                {"question": f"{i}+1=?", "answer": f"{i} and 1 #### {i + 1}" if i % 2 else str(i + 1)}
                for i in range(12)
            ),
            {"question": "?!", "answer": ""},
        ],
    )
    recipe = replace(RECIPE, method="grpo", grpo=Grpo(rewards=("number",)), watch=Watched(held_out=1))
    prepared = prepare(recipe, tmp_path, tokenizer)
    for row in rows_of(prepared):
        assert row.reply == "" and row.scorer == "number" and row.sample is not None
        assert row.sample.target == str(row.number) and row.sample.question == row.messages[-1]["content"]
    assert len({row.sample.id for row in rows_of(prepared) if row.sample}) == 11 and len(prepared.held_out) == 1
    assert prepared.sources[0]["dropped"] == {"no answer to grade against": 1}
    with pytest.raises(UserError, match=r"grpo.rewards"):
        prepare(replace(recipe, grpo=Grpo()), tmp_path, tokenizer)


def test_rows_of_a_task_are_asked_as_the_task_asks_them(tmp_path: Path, tokenizer: Any, tiny_checkpoint: Path) -> None:
    task = replace(RECIPE, data=(Source(task="demo_facts", split="train", limit=20),), watch=Watched(held_out=5))
    prepared = prepare(replace(task, clean=Clean(system="by_language")), tmp_path, tokenizer)
    assert prepared.counts["rows"] == 20 and len(prepared.held_out) == 5
    assert all([t["role"] for t in row.messages] == ["user"] and row.sample and row.scorer for row in rows_of(prepared))
    raw = prepare(task, tmp_path, with_template(tiny_checkpoint, None))
    ((first, *_),) = raw.phases
    text = tokenizer.decode(first.ids)
    assert "<|im_start|>" not in text and text.startswith(first.row.messages[0]["content"]) and first.row.reply in text


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (Source(), "needs either a path or a task"),
        (Source(path="a", task="b"), "needs either a path or a task"),
        (Source(path="a", limit=0), "limit = 0"),
        (Source(task="demo_math", format="alpaca"), "format is of files"),
    ],
)
def test_a_source_that_makes_no_sense_is_said(tmp_path: Path, tokenizer: Any, source: Source, told: str) -> None:
    with pytest.raises(UserError, match=told):
        prepare(replace(RECIPE, data=(source,)), tmp_path, tokenizer)


# -- what is told -------------------------------------------------------------------------------------------------


def test_a_plan_shows_counts_the_mix_and_rows_as_the_model_sees_them(tmp_path: Path, tokenizer: Any) -> None:
    recipe = replace(two(tmp_path, 70, 200), mix=Mix(ratio="7:3"), optim=Optim(batch=8, epochs=2.0))
    write(tmp_path / "medical.jsonl", [asked("\x1b[2J 危险", THINK + "8"), asked("leer", ""), *many(69, "症状")])
    prepared = prepare(recipe, tmp_path, tokenizer)
    text = "\n".join(describe(prepared, recipe, tokenizer))
    assert "domain : general in rows: 70 : 30 = 7.0 : 3.0, asked 7:3" in text
    assert "13 steps of 8 rows an epoch" in text
    assert "medical.jsonl: dropped 1, empty reply (row 2: leer)" in text
    assert "medical.jsonl: changed 1, thinking stripped (row 1" in text
    assert "  asked   <|im_start|>user⏎" in text and "<|im_end|>⏎<|im_start|>assistant⏎" in text
    assert "  learnt  好<|im_end|>" in text and "\x1b" not in text
    heads = text.splitlines()[:3]
    assert heads[0].split() == [
        "data",
        "role",
        "read",
        "dropped",
        "left",
        "out",
        "held",
        "out",
        "trained",
        "on",
        "tokens",
    ]
    assert heads[2].split()[:7] == ["general.jsonl", "general", "200", "0", "170", "0", "30"]
    assert "general.jsonl: left out 170, outside the mix" in text
    assert len({len(line) for line in heads}) == 1  # aligned


def test_a_plan_in_chinese_is_chinese_throughout_and_aligned(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(two(tmp_path, 70, 200), mix=Mix(ratio="7:3"), clean=Clean(system="by_language"))
    write(tmp_path / "medical.jsonl", [asked("一", THINK + "8"), asked("二", ""), *many(69, "症状")])
    prepared = prepare(recipe, tmp_path, tokenizer)
    monkeypatch.setenv("BENCH_LANG", "zh")
    lines = [words.told(line) for line in describe(prepared, recipe, tokenizer)]
    ours = r"[a-z]+\.jsonl|<.?think>|`bench run`|--system|watch\.held_out|token|Question 0"
    told = [re.sub(ours, "", line) for line in lines if not line.startswith("  ")]  # those are rows, as they are
    assert [line for line in told if re.search("[a-z]{2,}", line)] == []
    assert "medical.jsonl：丢弃 1 行，回答为空（第 2 行：二）" in lines
    assert any(line.startswith("领域 : 通用（按行数）：") and line.endswith("，要求 7:3") for line in lines)
    assert len({_width(line) for line in lines[:3]}) == 1
    dropped = [reason for source in prepared.sources for reason in source["dropped"]]
    assert "empty reply" in dropped  # a lineage stays as it was


# -- real files ---------------------------------------------------------------------------------------------------

REAL = {  # name -> replies read, dropped and why
    "alpaca_en_demo.json.gz": (999, {"duplicate": 14}),
    "alpaca_zh_demo.json.gz": (1000, {"duplicate": 8}),
    "grpo_medical_sample.jsonl.gz": (32, {}),
    "huatuo_llama_data.jsonl.gz": (8658, {"duplicate": 7}),
    "identity.json.gz": (91, {"duplicate": 2}),
    "medical_sft_1K_sharegpt.jsonl.gz": (1000, {}),
    "sharegpt_zh_1K.jsonl.gz": (4379, {"no question": 17, "duplicate": 7, "no reply": 7}),
    "tigerbot_medical_qa_6000.jsonl.gz": (6000, {"duplicate": 34}),
}
LONG = (
    "alpaca_en_demo.json.gz", "huatuo_llama_data.jsonl.gz", "medical_sft_1K_sharegpt.jsonl.gz", "sharegpt_zh_1K.jsonl.gz",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in sorted(REAL) if name not in LONG])
def test_real_files_load(data: Path, tokenizer: Any, name: str) -> None:
    real(data, tokenizer, name)


@pytest.mark.soak
@pytest.mark.parametrize("name", LONG)
def test_long_real_files_load(data: Path, tokenizer: Any, name: str) -> None:
    real(data, tokenizer, name)


def real(data: Path, tokenizer: Any, name: str) -> None:
    read, dropped = REAL[name]
    reads = tokenizer.__class__.from_pretrained(tokenizer.name_or_path)
    reads.model_max_length = 1_000_000  # a tiny vocabulary needs many tokens
    recipe = replace(RECIPE, data=(Source(path=str(data / "sft" / name)),), clean=Clean(max_tokens=200_000))
    prepared = prepare(recipe, Path(), reads)
    (source,) = prepared.sources
    assert (source["read"], source["dropped"]) == (read, dropped) and source["rows"] == read - sum(dropped.values())
    assert all(e.ids[-1] == reads.eos_token_id for phase in prepared.phases for e in phase)
    assert not any("###" in row.reply[:20] or row.reply != row.reply.strip() for row in rows_of(prepared))
    if name.startswith("identity"):
        assert "85 texts hold a place to be filled in" in prepared.warnings[0]
    if name.startswith("tigerbot"):
        assert source["changed"] == {"markers stripped": 12_000}


def test_a_real_file_of_preferences_is_refused_with_its_row(data: Path, tokenizer: Any) -> None:
    path = str(data / "sft" / "dpo_zh_500.jsonl.gz")
    with pytest.raises(UserError, match="row 1: a chosen and a rejected answer"):
        prepare(replace(RECIPE, data=(Source(path=path),)), Path(), tokenizer)
    taken = replace(RECIPE, data=(Source(path=path, format="sharegpt"),), clean=Clean(max_tokens=4000))
    assert prepare(taken, Path(), tokenizer).counts["read"] == 500
