"""Answers on the site: what is published and what is not, shards that a page can read, and the page in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from site_world import HOSTILE, begun, checkpoint, exam_of, put_run, task

from harness import metrics
from harness.records import Checkpoint, Exam, Lineage, Outcome, Response, Run, Score, Settings
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer
from leaderboard.answers_blocks import unfolded
from leaderboard.answers_packed import FIRST, script, unpacked
from leaderboard.answers_runs import unfolded as runs_unfolded
from leaderboard.pages import Samples
from leaderboard.site import render

SHOTS = "".join(f"Worked example {i}: two and two are four.\n" for i in range(20))
BASE = checkpoint("base", kind="base")
CHILD = checkpoint("child", kind="adapter", base=BASE.id, lineage=Lineage("lora", parent=BASE.id))
EVIL = checkpoint("=1+1<b>\u202eevil")


def gold(i: int) -> str:
    return f"70{i:02d}17"


def exam(name: str, n: int, first: int = 0) -> Exam:
    """Its golds are numbers that stand nowhere else."""
    made = exam_of(task(name, chance=0.0), n)
    return replace(
        made, samples=tuple(replace(sample, target=gold(first + sample.position)) for sample in made.samples)
    )


MATH = exam("gsm8k", 60)
LETTERS = exam_of(task("ceval", ask="letters", scorer="options", average="macro"), 40)
LONG = "start " + "x" * 1_000_000 + " 答案：B"


def put(writer: Writer, store: Store, who: Checkpoint, exam: Exam, repeats: int = 1, thinking: str = "") -> Run:
    """Every third answer wrong, every tenth unparsed; texts say whose they are and how they came out."""
    settings = Settings(shots=5, temperature=0.7 if repeats > 1 else 0.0)
    run = begun(writer, who, exam, settings, repeats)
    for i, sample in enumerate(exam.samples):
        for k in range(repeats):
            outcome: Outcome = "unparsed" if i % 10 == 9 else "wrong" if (i + k) % 3 == 2 else "correct"
            number = {"unparsed": None, "wrong": "9", "correct": sample.target}[outcome]
            text = f"SECRET-{who.name}-{outcome}-{i} 答案：{number or '?'}"
            prompt = f"{SHOTS}Question: {sample.question}\nAnswer:"
            writer.put(Response(run.id, sample.id, k, text, thinking, prompt, output_tokens=7))
            score = Score(
                exam.task.scorer, 1, float(outcome == "correct"), number, "cue" if number else "none", outcome
            )
            writer.put_score(run.id, sample.id, k, score, exam.key)
    writer.finish_run(run.id, "done")
    writer.put_results(run.id, metrics.summarise(read.table(store, run.id), exam.task, run.id))
    return run


@contextmanager
def world(path: Path) -> Iterator[tuple[Store, dict[str, Run]]]:
    with open_store(path) as store, Writer(store) as writer:
        made = {
            "base": put(writer, store, BASE, MATH),
            "child": put(writer, store, CHILD, MATH, thinking="THOUGHTS of it"),
            "eight": put(writer, store, CHILD, exam("cmath", 6, 90), repeats=3),
            "letters": put_run(writer, store, BASE, LETTERS, 0.5),
            "evil": put_run(writer, store, EVIL, MATH, 0.5, text=HOSTILE),
            "long": put_run(writer, store, EVIL, LETTERS, 0.9, text=LONG),
        }
        writer.flush()
        yield store, made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    with world(folder / "bench.db") as (store, _):
        for samples in get_args(Samples):
            render(store, folder / samples, samples)
    return folder


def payload(path: Path) -> Any:
    """What a data script hands over, unpacked where it is packed."""
    raw = path.read_bytes()
    text = raw.decode("utf-16") if raw[:2] == b"\xff\xfe" else raw.decode("ascii")
    found = re.fullmatch(r'BENCH\.put\("[^"]+",(.*)\)\n', text, re.S)
    assert found, path
    told = unpacked(found[1][1:-1]) if raw[:2] == b"\xff\xfe" else json.loads(found[1])
    return runs_unfolded(told) if path.parent.name == "runs" else told


def everything(site: Path) -> str:
    """All that a site says, packed or not."""
    told = []
    for path in sorted(site.rglob("*")):
        if path.is_file():
            told.append(path.read_bytes().decode("utf-8", "replace"))
            if path.is_relative_to(site / "data"):
                told.append(json.dumps(payload(path), ensure_ascii=False))
    return "\n".join(told)


def shard_of(site: Path, run: Run) -> dict[str, Any]:
    shards = (payload(path) for path in (site / "data" / "answers").glob("*.js"))
    (found,) = (shard for shard in shards if run.id in shard["runs"])
    block = found["runs"][run.id]
    return {column: unfolded(block, column) for column in block if column != "n"} | {"prompts": found["prompts"]}


ODD = [
    "x" * 1_000_000,
    "".join(chr(sign) for sign in range(1, 0x10000)),  # every sign, halves of pairs too
    "".join(chr(sign) for sign in range(0x1F300, 0x1F700)),
    "Привет мир, 한국어, 日本語。" * 50,
    "aaaa" + "b" * 259 + "\u3000",
    "",
]


@pytest.mark.parametrize("length", [0, 1, 5, 14, 15, 16, 100, 4001])
def test_packed_texts_come_back_whole_and_hold_no_sign_that_a_script_minds(length: int) -> None:
    said = {"text": "答" * length + "\ud83d\x00</script>\u2028", "more": [None, -0.5]}
    raw = script("answers/x", said).decode("utf-16")
    packed = raw.removeprefix('BENCH.put("answers/x","').removesuffix('")\n')
    assert all(FIRST <= ord(sign) < FIRST + (1 << 15) for sign in packed)
    assert unpacked(packed) == said


def test_marks_answers_spans_and_prompts_are_those_of_the_store(site: Path) -> None:
    with world(site / "again.db") as (store, made):
        rows = list(read.sample_rows(store, made["child"].id))
    (path,) = (site / "all" / "data" / "runs").glob("child-*.js")
    run = next(run for run in payload(path).values() if run["run"] == made["child"].id)
    glyphs = {"correct": "·", "wrong": "×", "unparsed": "?"}
    assert run["marks"] == "".join(glyphs[row["outcome"]] for row in rows)
    assert run["counts"] == {"correct": 36, "wrong": 18, "unparsed": 6} and run["values"] is None
    found = shard_of(site / "all", made["child"])
    assert found["text"] == [row["text"] for row in rows]
    assert found["thinking"] == [row["thinking"] for row in rows]
    for text, answer, span in zip(found["text"], found["answer"], found["span"], strict=True):
        assert (span and text[slice(*span)]) == answer
    assert all(span for span, answer in zip(found["span"], found["answer"], strict=True) if answer)
    assert found["position"] == [*range(60)] and found["rule"] == [row["rule"] for row in rows]
    assert set(found["outcome"]) == set(found["value"]) == {None}  # the marks tell
    assert len(found["prompts"]) <= 2  # one form for all questions; the first was asked before a beginning was shared
    for row, number in zip(rows, found["prompt"], strict=True):
        sha, pieces = found["prompts"][number]
        head = payload(site / "all" / "data" / "prompts" / f"{sha}.js") if sha else ""
        assert head + row["question"].join(pieces) == row["prompt"]


def test_repeats_stand_beside_each_other_and_their_means_are_derived(site: Path) -> None:
    (path,) = (site / "all" / "data" / "runs").glob("child-*.js")
    run = next(run for run in payload(path).values() if run["repeats"] == 3)
    assert run["marks"] == "··×·×·×····×·×·×··"
    assert run["values"] is None and run["tokens"] == [7] * 18


def test_where_the_column_is_no_share_of_right_answers_its_values_stand_beside_the_marks(tmp_path: Path) -> None:
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        put_run(writer, store, BASE, exam_of(task("ward", scorer="text", chance=None)), 0.5)
        writer.flush()
        render(store, tmp_path / "site")
    ((run),) = payload(next((tmp_path / "site" / "data" / "runs").glob("*.js"))).values()
    assert run["values"] == [7.0] * 40 and run["score"][0] == 7.0 and set(run["marks"]) == {"·", "×"}


def test_long_texts_keep_head_and_tail_and_say_how_much_is_missing(site: Path) -> None:
    shards = [payload(path) for path in (site / "all" / "data" / "answers").glob("1-1-b-evil-*.js")]
    blocks = [block for shard in shards for block in shard["runs"].values() if block["logprobs"]]
    ((head, left_out, tail),) = unfolded(blocks[0], "text")[:1]
    assert len(head) == 16_000 and len(tail) == 4_000 and left_out == len(LONG) - 20_000 and tail.endswith("答案：B")
    for span, answer in zip(blocks[0]["span"] or (), unfolded(blocks[0], "answer"), strict=False):
        assert span is None or (head + tail)[slice(*span)] == answer
    assert unfolded(blocks[0], "logprobs")[0] == [-2.0, -0.5, -1.0, -3.0]


def test_without_texts_no_answer_no_question_and_no_gold_leaves_the_store(site: Path) -> None:
    told = everything(site / "none")
    for planted in ("SECRET", "THOUGHTS", "Worked example", "gsm8k 问题", "ceval 问题"):
        assert planted not in told, planted
    assert not re.search(r"70\d\d17", told)  # golds
    assert not (site / "none" / "data" / "answers").exists() and not (site / "none" / "data" / "items").exists()
    (path,) = (site / "none" / "data" / "runs").glob("base-*.js")
    assert {run["texts"] for run in payload(path).values()} == {"none"}
    assert not any(run["shards"] for run in payload(path).values())
    assert {len(run["marks"]) for run in payload(path).values()} == {60, 40}


def test_only_wrong_ones_publishes_no_right_answer_and_no_question_that_none_of_them_needs(site: Path) -> None:
    told = everything(site / "wrong")
    assert "SECRET-base-wrong-2 " in told and "SECRET-child-unparsed-9 " in told
    assert "-correct-" not in told
    items = [item for path in (site / "wrong" / "data" / "items").glob("*.js") for item in payload(path)]
    questions = {item["question"] for item in items}
    needed = {"gsm8k 问题 2", "gsm8k 问题 9"}
    assert needed <= questions
    missed = [run for path in (site / "wrong" / "data" / "runs").glob("*.js") for run in payload(path).values()]
    for name, n in (("gsm8k", 60), ("ceval", 40)):
        marks = [run["marks"] for run in missed if run["n"] == n]
        wanted = {f"{name} 问题 {i}" for i in range(n) if any(mark[i] not in "·-" for mark in marks)}
        assert {question for question in questions if question.startswith(name)} == wanted
        if name == "gsm8k":
            golds = set(re.findall(r"70\d\d17", told))
            assert {g for g in golds if g < gold(90)} == {gold(int(question.split()[-1])) for question in wanted}
        assert len(wanted) < n  # some question was right everywhere, or this says nothing
    assert "THOUGHTS of it" in told


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    with world(tmp_path / "bench.db") as (store, _):
        first = render(store, tmp_path / "site")
        before = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*.js")}
        assert render(store, tmp_path / "site").rewritten == 0
        other = render(store, tmp_path / "other")
        assert other.bytes == first.bytes
        assert {
            path.relative_to(tmp_path / "other"): path.read_bytes() for path in (tmp_path / "other").rglob("*.js")
        } == {path.relative_to(tmp_path / "site"): content for path, content in before.items()}
        with Writer(store) as writer:
            put_run(writer, store, CHILD, LETTERS, 0.7)
            writer.flush()
        render(store, tmp_path / "site")
    after = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*.js")}
    changed = {path.relative_to(tmp_path / "site").as_posix() for path in after if after[path] != before.get(path)}
    answers = {path for path in changed if path.startswith(("data/answers", "data/items", "data/prompts", "data/exam"))}
    assert len(answers) == 1 and next(iter(answers)).startswith("data/answers/child-")
    assert {path for path in changed if path.startswith("data/runs")} == {
        path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site" / "data" / "runs").glob("child-*")
    }


# -- in a browser ---------------------------------------------------------------------------------------------


def ids(page: Any) -> list[str]:
    page.wait_for_selector("#list .reply")
    return [node.get_attribute("id") for node in page.locator("#list .sample").all()]


def said(page: Any, text: str) -> None:
    """Waits for a line above the list; a page that allows no eval can't be asked with wait_for_function."""
    page.locator("#place .e").filter(has_text=re.compile(f"^{re.escape(text)}$")).wait_for()


def at(site: Path, who: str, what: str) -> str:
    (runs,) = (site / "data" / "runs").glob(f"{who}-*.js")
    column = next(slug for slug in payload(runs) if slug.startswith(what))
    return f"#c={runs.stem}&t={column}"


@pytest.mark.browser
def test_a_page_unpacks_what_was_packed_sign_for_sign(site: Path, opened: Any) -> None:
    (site / "all" / "data" / "prompts" / "odd.js").write_bytes(script("prompts/odd", ODD))
    page = opened(site / "all" / "samples.html", at(site / "all", "child", "gsm8k"))
    told = page.evaluate(
        "BENCH.answers.packed('prompts/odd').then(all => all.map(text => Array.from({length: text.length}, (_, i) => text.charCodeAt(i))))"
    )
    (site / "all" / "data" / "prompts" / "odd.js").unlink()
    units = [text.encode("utf-16-le", "surrogatepass") for text in ODD]
    assert [b"".join(unit.to_bytes(2, "little") for unit in text) for text in told] == units


@pytest.mark.browser
def test_filters_make_a_list_and_an_address_and_back_undoes_them(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", at(site / "all", "child", "gsm8k"))
    assert len(ids(page)) == 25 and page.locator("#place").inner_text() == "60 of 60"
    page.locator('#outcomes button[data-f="wrong"]').click()
    said(page, "18 of 60")
    assert "f=wrong" in page.url and ids(page)[:2] == ["s3", "s6"]
    page.locator("#subject").select_option("subject 1")
    said(page, "4 of 60")
    assert "subject=subject%201" in page.url
    page.go_back()
    said(page, "18 of 60")
    page.go_back()
    said(page, "60 of 60")
    page.locator("#more").click()
    assert len(ids(page)) == 50 and page.evaluate("document.activeElement.id") == "s26"
    page.locator("#language").click()
    assert page.locator("#subject option").first.text_content() == "全部学科"
    assert page.locator("#place").inner_text() == "60 / 60"


@pytest.mark.browser
def test_search_looks_into_questions_and_answers_shard_by_shard(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", at(site / "all", "base", "gsm8k"))
    ids(page)
    page.locator("#q").fill("wrong-5")
    said(page, "4 of 60 contain this text.")
    assert ids(page) == ["s6", "s51", "s54", "s57"] and "q=wrong-5" in page.url
    again = opened(site / "all" / "samples.html", "#" + page.url.split("#")[1])
    said(again, "4 of 60 contain this text.")
    assert ids(again) == ["s6", "s51", "s54", "s57"]
    again.locator("#q").fill("问题 7")
    said(again, "1 of 60 contain this text.")
    assert ids(again) == ["s8"]


@pytest.mark.browser
def test_an_answer_is_shown_with_its_question_its_span_and_its_prompt(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", at(site / "all", "child", "gsm8k") + "&s=33")
    page.wait_for_selector("#s33 .reply")
    assert page.evaluate("document.activeElement.id") == "s33"
    sample = page.locator("#s33")
    assert sample.locator(".question").inner_text() == "gsm8k 问题 32"
    assert sample.locator(".answer").inner_text() == "SECRET-child-wrong-32 答案：9"
    assert sample.locator("mark").all_inner_texts() == ["9"]
    assert sample.locator(".verdict").inner_text().split() == ["wrong", "extracted", "9", "gold", gold(32)]
    assert sample.locator(".number").get_attribute("href").endswith("&s=33&t=" + page.url.split("t=")[1])
    page.keyboard.press("e")
    sample.locator(".thought", has_text="THOUGHTS").wait_for()  # drawn when its fold has told that it is open
    assert sample.locator(".thought").inner_text() == "THOUGHTS of it"
    sample.locator(".prompt", has_text="问题 32").wait_for()
    assert sample.locator(".prompt").inner_text() == f"{SHOTS}Question: gsm8k 问题 32\nAnswer:"
    assert re.match(
        r"compare\.html#a=base-\w+&b=child-\w+&s=33&t=gsm8k", sample.locator(".parent").get_attribute("href")
    )
    sample.locator(".others summary").click()
    assert sorted(sample.locator(".others a").all_inner_texts()) == ["=1+1<b>U+202Eevil", "base"]
    sample.locator(".others a", has_text="base").click()
    page.locator("#s33 .answer", has_text="SECRET-base").wait_for()


@pytest.mark.browser
def test_j_and_k_walk_and_the_address_follows(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", at(site / "all", "child", "cmath") + "&s=2.2")
    page.wait_for_selector("#s2\\.2 .reply")
    walked = []
    for key in ("j", "j", "k", "J"):
        page.keyboard.press(key)
        walked.append(page.evaluate("document.activeElement.id"))
    assert walked == ["s2.3", "s3", "s2.3", "s3"] and "s=3" in page.url
    page.locator("#q").focus()
    page.keyboard.press("j")
    assert page.locator("#q").input_value() == "j" and page.evaluate("document.activeElement.id") == "q"
    page = opened(site / "all" / "samples.html", at(site / "all", "base", "gsm8k") + "&f=wrong&s=24")
    page.wait_for_selector("#s24 .reply")
    page.locator("#next").click()
    assert page.evaluate("document.activeElement.id") == "s27"
    assert page.locator("#earlier").is_visible()
    page.locator("#earlier").click()
    assert ids(page)[0] == "s3"


@pytest.mark.browser
def test_the_map_leads_to_an_answer_and_the_pickers_to_another_run(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", at(site / "all", "base", "gsm8k") + "&f=wrong")
    ids(page)
    page.locator("#map").click(position={"x": 5, "y": 5})
    page.locator("#s1:focus").wait_for()  # right, so the filter went
    assert page.locator("#place").inner_text() == "60 of 60"
    page.locator("#who").click()
    page.keyboard.type("chi")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("c=child"))
    page.locator("#what").click()
    page.keyboard.type("cmath")
    page.keyboard.press("Enter")
    said(page, "18 of 18")
    unknown = opened(site / "all" / "samples.html", "#c=nobody&t=nothing")
    unknown.locator("#trouble").wait_for()
    assert "nobody" in unknown.locator("#trouble").inner_text() and not unknown.locator("#found").is_visible()


@pytest.mark.browser
def test_hostile_answers_are_text(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", at(site / "all", "1-1-b-evil", "gsm8k"))
    ids(page)
    text = page.locator("#list .answer").first.inner_text()
    assert "<script>alert(1)</script></script><img src=x onerror=alert(1)>" in text
    for code in ("U+2028", "U+202E", "U+202C", "U+0000", "U+D83D"):
        assert code in text
    assert page.locator("#list img, #list script").count() == 0
    long = opened(site / "all" / "samples.html", at(site / "all", "1-1-b-evil", "ceval"))
    long.wait_for_selector("#list .cut")
    assert f"{len(LONG) - 20_000:,} characters left out" in long.locator("#list .cut").first.inner_text()
    assert long.locator("#list .answer").first.inner_text().endswith("答案：B")
    assert long.locator("#list .is-gold .option").first.inner_text() == "黄"


@pytest.mark.browser
@pytest.mark.parametrize("samples", ["all", "wrong", "none"])
def test_it_is_accessible_fits_a_phone_and_says_what_is_published(
    site: Path, opened: Any, faults: Any, samples: str
) -> None:
    place = at(site / samples, "child", "gsm8k")
    for width, scheme, language in ((1280, "light", "en-US"), (360, "dark", "zh-CN")):
        page = opened(
            site / samples / "samples.html", place, viewport={"width": width, "height": 800}, color_scheme=scheme,
            locale=language,
        )  # fmt: skip
        page.wait_for_selector("#found:not([hidden])")
        if samples != "none":
            ids(page)
            page.keyboard.press("j")
            page.keyboard.press("e")
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        other = ":is(i[lang=zh], .z):visible" if language == "en-US" else ":is(i[lang=en], .e):visible"
        assert page.locator(other).count() <= 1
    assert page.locator("#outcomes b").all_inner_texts() == ["60", "36", "18", "6"]
    lead = page.locator("h1 + .lead")
    assert (lead.inner_text() if samples != "all" else lead.count()) == {
        "all": 0, "wrong": "本站只公开已判定为不正确的回答文本。", "none": "本站未公开题目和回答的文本，只公开评判标记与计数。",
    }[samples]  # fmt: skip
    if samples == "wrong":
        assert page.locator("#s1 .instead:visible").all_inner_texts()[-1] == "此回答的文本未公开。"
        assert "SECRET" in page.locator("#s3 .answer").inner_text()
    if samples == "none":
        assert page.locator("#list .sample").count() == 0 and not page.locator("#q").is_visible()


@pytest.mark.browser
def test_without_javascript_a_table_says_who_answered_what(site: Path, opened: Any) -> None:
    page = opened(site / "all" / "samples.html", java_script_enabled=False)
    assert page.locator("main p").first.inner_text().startswith("Answers are loaded as you read")
    rows = [row.inner_text().split("\t") for row in page.locator("tbody tr").all()]
    heads = page.locator("thead th").all_inner_texts()
    assert dict(zip(heads, next(row for row in rows if row[0] == "child"), strict=True)) == {
        "Checkpoint": "child", "ceval": "–", "cmath": "18", "gsm8k": "60",
    }  # fmt: skip
    page.get_by_role("link", name="child").click()
    assert page.locator("h1").inner_text() == "child"
