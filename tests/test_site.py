"""The site from outside: a store written by the real Writer in, a folder of pages out, read as text."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from site_world import MATHCOT, checkpoint, exam_of, put_run, small_world, task

from harness.errors import UserError
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer
from leaderboard.site import Written, render
from leaderboard.words import dictionaries, points, slug


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with small_world(tmp_path_factory.mktemp("store") / "bench.db") as made:
        yield made


@pytest.fixture(scope="module")
def site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "site"
    written = render(store, out)
    files = [f for f in out.rglob("*") if f.is_file()]
    assert written == Written(out, len([*out.rglob("*.html")]), sum(f.stat().st_size for f in files), len(files))
    return out


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def cells(page: str) -> dict[tuple[str, str], str]:
    """(checkpoint, column title) -> the text of a board's cell, in English."""
    page = re.sub(r"<i lang=zh>.*?</i>", "", re.search(r'<table class="board.*?</table>', page, re.S)[0])  # type: ignore[index]
    heads = [re.sub(r"<[^>]+>", "", h).strip() for h in re.findall(r"<th scope=\"col\".*?<b>(.*?)</b>", page)]
    forms = re.findall(r"<th scope=\"col\".*?</th>", page, re.S)
    found = {}
    for row in re.findall(r"<tr role=\"row\"><th scope=\"row\".*?</tr>", page, re.S):
        name = re.search(r"<bdi>(.*?)</bdi>", row)[1]  # type: ignore[index]
        for head, form, cell in zip(heads[1:], forms[1:], re.findall(r"<td.*?</td>", row, re.S), strict=True):
            way = "chat" if ">chat<" in form else "elsewhere" if "elsewhere" in form else ""
            rank = re.search(r'<span class="rank[^>]*>([^<]*)', cell)  # its place on the page is the style's matter
            text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip()
            found[name, f"{head.removesuffix(' %')} {way}".strip()] = f"{rank[1]} {text}" if rank else text
    return found


def test_every_score_stands_with_rank_interval_n_form_and_health(store: Store, site: Path) -> None:
    found = cells((site / "index.html").read_text("utf-8"))
    for run in read.list_runs(store):
        exam, who = read.get_exam(store, run.exam), read.find_checkpoint(store, run.checkpoint)
        assert who is not None
        if who.name not in ("base", "good", "damaged") or run.settings.chat:
            continue
        shown = found[who.name, exam.task.name.upper()]
        head, *_ = [r for r in read.results(store, run.id) if r.metric == "accuracy" and r.slice == ""]
        assert head.value is not None and head.low is not None and head.high is not None
        small = f" {points(unparsed_of(store, run.id))} 0.0" if exam.task.ask != "letters" else ""
        assert f"{points(head.value)} {points(head.low)}–{points(head.high)} {head.n}{small}" in shown, shown
    page = (site / "index.html").read_text("utf-8")
    assert ">declared<" in page
    for name, average in (("CEVAL", "macro"), ("GSM8K", "micro")):  # what all of a column share stands in its head
        (head_of, *_) = [
            h for h in re.findall(r'<th scope="col" role="columnheader" class="score".*?</th>', page, re.S) if name in h
        ]
        assert average in head_of and ">5-shot<" in head_of and ">raw<" in head_of
        assert (">unparsed<" in head_of and ">cut off<" in head_of) == (name == "GSM8K")


def unparsed_of(store: Store, run: str) -> float | None:
    return next(r.value for r in read.results(store, run) if r.metric == "unparsed_rate" and r.slice == "")


def test_a_group_is_the_mean_of_members_and_only_where_all_are_there_in_one_form(site: Path) -> None:
    found = cells((site / "index.html").read_text("utf-8"))
    math = "Mathematics with chain of thought, school and exams"
    value = {k: re.search(r"\d+\.\d", v) for k, v in found.items()}
    for name in ("base", "good"):
        mean, *members = (float(value[name, key if key == math else key.upper()][0]) for key in (math, *MATHCOT))  # type: ignore[index]
        assert abs(mean - sum(members) / len(members)) <= 0.1
    assert found["模型 甲", math] == "–"  # one member partial, the other asked elsewhere
    assert found["模型 甲", "CMATH elsewhere"] != "–"
    assert found["good", "CEVAL chat"] != "–" and found["base", "CEVAL chat"] == "–"


def test_partial_runs_are_marked_and_unranked_and_guessing_is_called_guessing(site: Path) -> None:
    found = cells((site / "index.html").read_text("utf-8"))
    assert found["模型 甲", "GSM8K"].startswith("– ") and "partial: 25 of 40" in found["模型 甲", "GSM8K"]
    assert "below chance" in found["damaged", "CEVAL"]
    assert "chance" not in found["good", "CEVAL"]
    assert 'class="flag"' in (site / "index.html").read_text("utf-8")  # damaged: 30 % unparsed


def test_checkpoints_that_cannot_be_told_from_the_leader_share_one_label(tmp_path: Path) -> None:
    exam = exam_of(task("gsm8k"), 200)
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for name, right in (("a", 0.80), ("b", 0.79), ("c", 0.2)):
            put_run(writer, made, checkpoint(name), exam, right)
        writer.flush()
        render(made, tmp_path / "site", "none")
    found = cells((tmp_path / "site" / "index.html").read_text("utf-8"))
    assert [found[name, "GSM8K"].split()[0] for name in "abc"] == ["1=", "1=", "3"]
    assert not (tmp_path / "site" / "samples").exists()


def test_answers_without_gold_show_their_length_and_are_not_ranked_by_it(tmp_path: Path) -> None:
    exam = exam_of(task("ward", scorer="text", chance=None))
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for name in ("a", "b"):
            put_run(writer, made, checkpoint(name), exam, 0.5)
        writer.flush()
        render(made, tmp_path / "site")
    found = cells((tmp_path / "site" / "index.html").read_text("utf-8"))
    assert found["a", "WARD"].startswith("– 7.00 ") and "no gold, length only" in found["a", "WARD"]


def test_a_variant_has_a_head_of_its_own_and_stands_behind_the_others(tmp_path: Path) -> None:
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for card in (task("ceval"), task("ceval", variant="circular"), task("ceval", variant="noise.3"), task("gsm8k")):
            put_run(writer, made, checkpoint("a"), exam_of(card), 0.5)
        writer.flush()
        render(made, tmp_path / "site")
    found = cells((tmp_path / "site" / "index.html").read_text("utf-8"))
    titles = [title for _, title in found if title.isupper() or "~" in title]
    assert titles == ["CEVAL", "GSM8K", "CEVAL ~circular", "CEVAL ~noise.3"]
    (page,) = (tmp_path / "site" / "task").glob("ceval-circular-*.html")
    head = re.search(r"<h1>(.*)</h1>", page.read_text("utf-8"))
    assert head and "CEVAL" in head[1] and re.sub(r"<[^>]+>", "", head[1]).endswith("~circular")


def test_a_chat_is_shown_by_the_headline_of_its_card(tmp_path: Path) -> None:
    exam = exam_of(task("talk", scorer="text", chance=None, ask="generate", metrics=("ends_itself", "answer_tokens")))
    with open_store(tmp_path / "bench.db") as made, Writer(made) as writer:
        for name in ("a", "b"):
            put_run(writer, made, checkpoint(name), exam, 0.5)
        writer.flush()
        render(made, tmp_path / "site")
    found = cells((tmp_path / "site" / "index.html").read_text("utf-8"))
    assert " 100.0 " in found["a", "TALK"] and "length only" not in found["a", "TALK"]
    (page,) = (tmp_path / "site" / "checkpoint").glob("a-*.html")
    assert "ends_itself" in page.read_text("utf-8")


def test_links_lead_somewhere_and_nothing_is_asked_of_the_network(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        for target in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert not re.match(r"[a-z]+:|//", target) or target == "data:,", f"{path}: {target}"
            file, _, anchor = target.partition("#")
            anchor = anchor if "=" not in anchor else ""  # state of the page, not a place on it
            other = (path.parent / file).resolve() if file else path
            assert target == "data:," or other.is_file(), f"{path}: {target}"
            assert not anchor or f'id="{anchor}"' in other.read_text("utf-8"), f"{path}: {target}"
    for path in (site / "static").iterdir():
        banned = r"outerHTML|document\.write|fetch\(|import |eval\(|new Function|XMLHttp|https?:|url\(|@import"
        assert not re.search(banned, path.read_text("utf-8")), path


def test_hostile_text_is_text(site: Path) -> None:
    for path in site.rglob("*.html"):
        raw = path.read_bytes()
        text = raw.decode("utf-8")
        up = "../" * (len(path.relative_to(site).parts) - 1)
        ours = re.compile(rf'<script src="{up}static/[a-z_]+\.js"( defer)?></script>')
        assert re.findall(r"<script[^>]*>", ours.sub("", text)) == []
        assert "<img" not in text and "<b>\u202e" not in text
        assert not re.search("[\u2028\u2029\u202a-\u202e\x00]", text)
        assert len(raw) < 5_000_000


@pytest.mark.parametrize("name", ["../../etc/passwd", "<script>", "CON", "", "模型", "a" * 500, "x/y\\z:?*"])
def test_file_names_are_safe_for_any_name(name: str) -> None:
    assert re.fullmatch(r"([a-z0-9-]{1,40}-)?[0-9a-f]{8}", slug(name, "0123456789abcdef"))
    assert re.fullmatch(r"([a-z0-9-]{1,40}-)?[0-9a-f]{8}", slug(name, "../evil"))


def test_both_languages_are_complete(store: Store, tmp_path: Path) -> None:
    folder = Path(render.__code__.co_filename).parent
    found = dictionaries()
    en, zh = found["en"], found["zh"]
    assert en.keys() == zh.keys()
    for key in en:
        assert sorted(re.findall(r"\{\w+\}", en[key])) == sorted(re.findall(r"\{\w+\}", zh[key])), key
        assert not re.search("[\u4e00-\u9fff]", en[key]) and en[key] and zh[key], key
    used = "".join(p.read_text("utf-8") for p in (folder / "templates").glob("*.j2"))
    assert set(re.findall(r'\bt(?:\.plain)?\("(\w+)"[,)]', used)) <= en.keys()
    render(store, tmp_path / "zh", "none", title="榜 <1>", language="zh")
    page = (tmp_path / "zh" / "index.html").read_text("utf-8")
    assert '<html lang="zh"' in page and "榜 &lt;1&gt;" in page and zh["csv"] in page and en["csv"] in page


def test_the_same_store_gives_the_same_bytes_and_replaces_the_whole_folder(
    store: Store, site: Path, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    shutil.copytree(site, out)
    (out / "task" / "stale.html").write_text("of another store")
    render(store, out)
    old, new = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in (site, out))
    assert old == new
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_a_folder_of_somebody_else_is_refused_and_a_failure_leaves_the_old_site(
    store: Store, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="--out"):
        render(store, tmp_path / "home")
    out = tmp_path / "site"
    shutil.copytree(site, out)
    (out / "index.html").chmod(0o644)
    with pytest.raises(UserError, match="samples"):
        render(store, out, "some")  # type: ignore[arg-type]
    assert (out / "index.html").read_bytes() == (site / "index.html").read_bytes()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".site")]


def test_a_question_with_two_keys_is_told_on_its_tasks_page(tmp_path: Path) -> None:
    exam = exam_of(task("ceval", ask="letters", scorer="options"), 6)
    twin = replace(exam.samples[2], id="twin", position=6, target="D", fields={"where": "law_val.csv, line 9"})
    odd = replace(exam, samples=(*exam.samples, twin))
    with open_store(tmp_path / "b.db") as made, Writer(made) as writer:
        put_run(writer, made, checkpoint("base"), odd, 0.5)
        writer.flush()
        render(made, tmp_path / "site")
    page = one(tmp_path / "site", "task/*.html").read_text("utf-8")
    told = re.search(r"Questions with two different keys.*?</details>", page, re.S)
    assert told and exam.samples[2].question in told[0] and "B; D" in told[0] and "law_val.csv, line 9" in told[0]
