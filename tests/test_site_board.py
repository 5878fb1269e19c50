"""The board in a real browser and by the byte: columns on demand, filters, pins, pairs, CSV, addresses, badges, budgets."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from site_world import checkpoint, exam_of, put_run, small_world, task

from harness.records import Lineage
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard.site import render

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
pytestmark = pytest.mark.browser
SCORES = "#board thead th.score:visible"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    with small_world(folder / "bench.db") as store:
        render(store, folder / "site", "none")
    return folder / "site"


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 checkpoints in chains of parents x 12 tasks: more columns than a board opens with, and than its page holds."""
    return made(tmp_path_factory.mktemp("wide"), 200, 12)


def made(folder: Path, checkpoints: int, tasks: int) -> Path:
    from _board_store import Shape, make

    with open_store(make(folder / "bench.db", Shape(checkpoints, tasks, 9, 60)), "ro") as store:
        render(store, folder / "site", "none")
    return folder / "site"


def names(page: Any) -> list[str]:
    return list(
        page.locator("#board tbody tr:visible .who").all_text_contents()
    )  # inner texts of rows out of sight are empty


def values(page: Any, place: int) -> list[str]:
    """What the column in this place shows, row by row."""
    return list(page.evaluate(
        "i => [...document.querySelectorAll('#board tbody tr')].filter(r => !r.hidden && r.cells.length > 1)"
        ".map(r => (r.cells[i].querySelector('.value') || r.cells[i]).textContent.trim())", place))  # fmt: skip


def until(page: Any, true: str) -> None:
    """Waits by asking: the page's own policy forbids what wait_for_function does."""
    for _ in range(400):
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never so: {true}")


def every(page: Any) -> int:
    """How many columns of scores the board has."""
    return int(page.locator("#picker .picks input:not([data-fact])").count())


def settled(page: Any, columns: int) -> None:
    until(page, f"document.querySelectorAll('#board thead th.score:not([hidden])').length === {columns}")


def again(opened: Any, site: Path, page: Any) -> Any:
    return opened(site / "index.html", "#" + page.url.partition("#")[2])


# -- columns -------------------------------------------------------------------------------------------------


def test_a_column_that_is_no_part_of_the_page_comes_when_it_is_picked_and_reads_like_the_others(
    wide: Path, opened: Any
) -> None:
    page = opened(wide / "index.html")
    settled(page, 10)
    page.locator("#pick").click()
    assert page.locator("#picker").is_visible()
    page.locator("#picker .picks input:not(:checked)").first.check()
    settled(page, 11)
    page.keyboard.press("Escape")
    assert not page.locator("#picker").is_visible()
    assert page.locator("#pick").inner_text() == f"Columns 11 / {every(page)}"
    head = page.locator(SCORES).last
    assert "unparsed" in head.inner_text() or "nothing to parse" in head.inner_text()
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    place = head.evaluate("th => th.cellIndex")
    shown = [float(v) for v in values(page, place) if v != "–"]
    assert len(shown) >= 199 and shown == sorted(shown, reverse=True)
    back = again(opened, wide, page)
    settled(back, 11)
    assert names(back) == names(page)
    assert back.locator("#board th[aria-sort]").count() == 1


def test_presets_and_hiding(wide: Path, opened: Any) -> None:
    page = opened(wide / "index.html")
    settled(page, 10)
    page.locator("#pick").click()
    page.locator("[data-preset=lead]").click()
    settled(page, 1)
    assert page.locator("#board thead th:visible").count() == 5  # name, score, parent, tokens, size
    page.locator('#picker input[value="size"]').uncheck()
    assert "cols=" in page.url and not page.locator('#board th[data-key="size"]').is_visible()
    page.locator("[data-preset=all]").click()
    settled(page, every(page))
    page.locator("[data-preset=usual]").click()
    settled(page, 10)
    assert "cols=" not in page.url


def test_an_address_with_names_that_are_not_there_opens_the_board_as_it_is(wide: Path, opened: Any) -> None:
    plain = opened(wide / "index.html")
    page = opened(wide / "index.html", "#cols=nothing,%22&sort=%22%5D&dir=up&pins=x&kind=%3Cb%3E,full&q=%E0%A4%A")
    settled(page, 10)
    assert page.locator("#board th[aria-sort]").count() == 1
    assert names(page) and set(names(page)) <= set(names(plain))
    page.evaluate("location.hash = '#q=lora1'")
    until(page, "document.getElementById('filter').value === 'lora1'")
    assert all("lora1" in name for name in names(page)) and len(names(page)) < 200


def test_a_column_whose_file_is_gone_is_told(wide: Path, browser: Any, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(wide, tmp_path / "site")
    shutil.rmtree(tmp_path / "site" / "data" / "columns")
    page = browser.new_page(locale="en-US")
    page.goto((tmp_path / "site" / "index.html").as_uri())
    page.locator("#pick").click()
    page.locator("[data-preset=all]").click()
    until(page, "document.getElementById('status').innerText.includes('be loaded')")
    assert page.locator(SCORES).count() >= 4
    page.close()


# -- rows ----------------------------------------------------------------------------------------------------


def test_filters_speak_of_what_differs_and_live_in_the_address(wide: Path, opened: Any) -> None:
    page = opened(wide / "index.html")
    page.locator("#narrow").click()
    kinds = page.locator('fieldset[data-facet="kind"] input')
    assert kinds.count() >= 2
    page.locator('fieldset[data-facet="kind"] input[value="adapter"]').uncheck()
    left = len(names(page))
    assert 0 < left < 200 and f"{left} of 200" in page.locator("#status").inner_text()
    page.locator('[data-facet="max"]').fill("4")
    page.locator('[data-facet="max"]').press("Tab")
    fewer = names(page)
    assert 0 < len(fewer) < left and "max=4" in page.url and "(2)" in page.locator("#narrow").inner_text()
    back = again(opened, wide, page)
    until(back, f"document.getElementById('status').innerText.includes('{len(fewer)} of 200')")
    assert names(back) == fewer and back.locator("#facets").is_visible()
    back.locator("#facets button[type=reset]").click()
    assert len(names(back)) == 200 and "max" not in back.url
    base = back.locator('select[data-facet="base"]')
    base.select_option(index=1)
    wanted = base.input_value()
    assert 0 < len(names(back)) < 200 and wanted.partition("-")[0] in names(back)[0]


def test_pinned_rows_stay_on_top_and_two_chosen_lead_to_their_comparison(wide: Path, opened: Any) -> None:
    page = opened(wide / "index.html")
    settled(page, 10)
    last = names(page)[-1]
    row = page.locator("#board tbody tr").last
    row.locator(".pin").focus()
    page.keyboard.press("Enter")
    assert names(page)[0] == last
    assert page.locator("#board tbody tr .pin").first.get_attribute("aria-pressed") == "true"
    page.locator("#filter").fill("no such name")
    assert names(page) == [last]
    page.locator("#filter").fill("")
    page.locator("#board thead th button").first.click()
    assert names(page)[0] == last and names(page)[1:] == sorted(names(page)[1:])
    boxes = page.locator("#board .choose")
    for i in (2, 1, 3):  # a third pushes out the first
        boxes.nth(i).focus()
        page.keyboard.press("Space")
    chosen = [page.locator("#board .who").nth(i).text_content() for i in (1, 3)]
    link = page.locator("#compare")
    assert all(name in link.inner_text() for name in chosen)
    slugs = [Path(page.locator("#board .who").nth(i).get_attribute("href")).stem for i in (1, 3)]
    assert link.get_attribute("href").endswith(f"compare.html#a={slugs[0]}&b={slugs[1]}")
    assert names(again(opened, wide, page)) == names(page)


def test_unranked_rows_stand_under_the_line_whichever_way_a_column_is_sorted(small: Path, opened: Any) -> None:
    page = opened(small / "index.html")
    assert names(page)[-1] == "模型 甲" and page.locator("tr.apart").is_visible()
    head = page.locator(SCORES).first
    for _ in range(2):
        head.locator("button").click()
        order = page.locator("#board tbody tr:visible").evaluate_all("rows => rows.map(r => r.className)")
        assert names(page)[-1] == "模型 甲" and order.index("apart") == len(order) - 2
    page.locator('#board th[data-key="size"] button').click()
    assert names(page)[0] == "base" and not page.locator("tr.apart").is_visible()
    page.locator("#narrow").click()
    head.locator("button").click()
    page.locator('[data-facet="ranked"]').check()
    assert "模型 甲" not in names(page) and "ranked=1" in page.url


def test_the_csv_holds_what_is_seen_with_intervals_ranks_and_n(small: Path, opened: Any) -> None:
    page = opened(small / "index.html")
    page.locator("#filter").fill("good")
    with page.expect_download() as download:
        page.locator("#csv").click()
    head, line = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    row = dict(zip(next(csv_of(head)), next(csv_of(line)), strict=True))
    lead = next(key for key in row if key.startswith("GSM8K % · accuracy"))
    shown = page.locator("#board tbody tr:visible .cell").first
    assert row[lead] == shown.locator(".value").text_content()
    assert row[f"{lead} · n"] == "40" and row[f"{lead} · unparsed"] == "0.0" and row[f"{lead} · Rank"] == "1"
    low, high = shown.locator(".interval").text_content().split("–")
    assert (row[f"{lead} · 95 % low"], row[f"{lead} · 95 % high"]) == (low, high)
    assert row["Against its parent"] == "better" and row["Size"] == str(3 << 29) and row[f"{lead} · Marks"] == ""
    page.locator("#filter").fill("模型")
    with page.expect_download() as download:
        page.locator("#csv").click()
    _, line = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert "partial: 25 of 40" in next(csv_of(line))


def csv_of(line: str) -> Iterator[list[str]]:
    import csv

    return csv.reader([line])


# -- what a cell says ------------------------------------------------------------------------------------------


def test_a_verdict_names_parent_change_and_task_and_leads_to_the_answers(small: Path) -> None:
    page = (small / "index.html").read_text("utf-8")
    cell = re.search(r'<td role="cell" class="said" data-v="4">.*?</td>', page, re.S)
    assert cell and 'class="stand better"' in cell[0] and "base" in cell[0]
    assert re.search(r"<b>\+\d+\.\d</b> \[\+\d+\.\d, \+\d+\.\d\]", cell[0])
    assert re.search(r'href="compare.html#a=base-\w+&amp;b=good-\w+"', cell[0])


def test_badges_have_a_meaning_below_and_contamination_says_that_it_was_not_checked(
    small: Path, opened: Any, tmp_path: Path
) -> None:
    page = opened(small / "index.html")
    until(page, "!!window.BENCH.board")
    for badge in page.locator("#board .mark[data-m]").all():
        key = badge.get_attribute("data-m")
        meaning = page.locator(f'.badges [data-for="{key}"]')
        assert meaning.count() == 1 and meaning.inner_text(), key
    partial = page.locator('#board .mark[data-m="partial"]')
    partial.hover()
    assert "not ranked" in partial.get_attribute("title")
    assert "Not checked" in page.locator(".badges").inner_text()
    exam = exam_of(task("gsm8k"), 40)
    with open_store(tmp_path / "b.db") as store, Writer(store) as writer:
        for name, rewarded in (("plain", ()), ("taught", (exam.task.scorer,))):
            lineage = Lineage("grpo", trained_on=rewarded)
            put_run(writer, store, checkpoint(name, lineage=lineage), exam, 0.6)
        writer.flush()
        render(store, tmp_path / "site", "none")
    rows = re.findall(r'<tr role="row"><th scope="row".*?</tr>', (tmp_path / "site" / "index.html").read_text(), re.S)
    assert {("taught" in row, 'data-m="rewarded"' in row) for row in rows} == {(True, True), (False, False)}


def test_tokens_are_counted_on_the_same_tasks_for_every_row(tmp_path: Path) -> None:
    first, second = (exam_of(task(name), 30) for name in ("gsm8k", "cmath"))
    with open_store(tmp_path / "b.db") as store, Writer(store) as writer:
        for name, exams in (("both", (first, second)), ("other", (first,)), ("third", (first,))):
            for exam in exams:
                put_run(writer, store, checkpoint(name), exam, 0.6)
        put_run(writer, store, checkpoint("late"), second, 0.6)
        writer.flush()
        render(store, tmp_path / "site", "none")
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    said = {
        re.search(r"<bdi>(.*?)</bdi>", row)[1]: re.search(r'data-v="7"', row) is not None  # type: ignore[index]
        for row in re.findall(r'<tr role="row"><th scope="row" role="rowheader"><a.*?</tr>', page, re.S)
    }
    assert said == {"both": True, "other": True, "third": True, "late": False}


# -- for everybody ---------------------------------------------------------------------------------------------


def test_without_a_script_the_page_holds_scores_verdicts_and_links_and_no_dead_control(wide: Path, opened: Any) -> None:
    page = opened(wide / "index.html", java_script_enabled=False)
    shown = page.locator(SCORES).count()
    assert len(names(page)) == 200 and shown >= 4
    for control in page.locator("main button, main input, main select").all():
        assert not control.is_visible()
    assert page.locator("#board .whisker path.bar").count() >= 3 * 200
    assert f"{shown} of {every(page)} columns" in page.locator("main").inner_text()
    assert page.locator("main a[href^='task/']").count() == 12


def test_axe_finds_nothing_serious_in_light_and_dark_with_everything_open(
    small: Path, opened: Any, faults: Any
) -> None:
    for scheme, language in (("light", "en-US"), ("dark", "zh-CN")):
        page = opened(small / "index.html", color_scheme=scheme, locale=language)
        page.locator("#narrow").click()
        page.locator(".pin").nth(1).focus()
        page.keyboard.press("Enter")
        assert faults(page) == []
        page.locator("#pick").click()
        assert faults(page) == []


def test_a_phone_sees_name_and_leading_score_without_scrolling_sideways(wide: Path, opened: Any) -> None:
    page = opened(wide / "index.html", viewport={"width": 360, "height": 740})
    page.locator("#narrow").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    row = page.locator("#board tbody tr").first
    for part in (".who", ".value", ".interval", ".whisker"):
        box = row.locator(part).first.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360, part
    page.locator("#box").evaluate("box => { box.scrollLeft = 600; }")
    box = row.locator(".who").bounding_box()
    assert box and 0 <= box["x"] < 200  # the name stays


def test_the_pages_bytes_keep_their_budget(wide: Path) -> None:
    page = (wide / "index.html").read_bytes()
    named = re.findall(rb'(?:href|src)="(static/[^"]+)"', page)
    size = sum(len(gzip.compress(part, 6)) for part in [page, *((wide / n.decode()).read_bytes() for n in named)])
    assert size <= 60_000, size
    heads = re.findall(rb'role="columnheader" class="score"', page)
    columns = sorted(p.name for p in (wide / "data" / "columns").iterdir())
    assert len(heads) >= 4 and len(heads) + len(columns) >= 12
    text = (wide / "data" / "columns" / columns[0]).read_text("ascii")
    payload = json.loads("[" + text.partition("(")[2].rpartition(")")[0] + "]")[1]
    assert len(payload["cells"]) == 200 and payload["head"].count("<th ") == 1
    assert all(shape.count("<td ") == 1 for shape in payload["shapes"]) and len(payload["shapes"]) < 40


def test_rows_of_a_big_site_say_all_without_javascript_and_lead_on_with_it(
    wide: Path, opened: Any, faults: Any
) -> None:
    child = next(
        path for path in sorted(wide.glob("checkpoint/*.html")) if 'data-to="compare"' in path.read_text("utf-8")
    )
    plain = opened(child, java_script_enabled=False)
    rows = plain.locator("#runs tbody tr")
    assert rows.count() == 12 and plain.locator("#runs svg circle").count() == 12
    for text in rows.all_inner_texts():  # rank, score, interval, change with its interval, n
        assert re.search(
            r"\t(1=|\d+(–\d+)?)( / \d+)?\t\d+\.\d\t\d+\.\d–\d+\.\d\t\s*\t[+−]?\d+\.\d [↓↑=~] \[.*\]\t9\t", text
        ), text
    page = opened(child)
    first = page.locator("#runs tbody tr").first
    slug = first.get_attribute("id")
    to = [link.get_attribute("href") for link in first.locator("td a").all()]
    parent = page.locator("#runs").get_attribute("data-a")
    assert [re.sub(".*/", "", str(href)) for href in to] == [
        f"compare.html#a={parent}&b={child.stem}&t={slug}",
        f"samples.html#c={child.stem}&t={slug}",
    ]
    page.locator("#runs th button", has_text="Score").click()
    shown = [float(x) for x in page.locator("#runs td:nth-child(3)").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    assert faults(page) == []
    assert child.stat().st_size < 30_000


def test_a_long_ranking_leads_to_answers_and_sorts_as_it_is_shown(wide: Path, opened: Any, faults: Any) -> None:
    page = opened(sorted(wide.glob("task/*.html"))[0], viewport={"width": 360, "height": 800}, color_scheme="dark")
    table = page.locator("table.ranking")
    best = str(table.get_attribute("data-a"))
    rows = table.locator("tbody tr:not(.apart)")
    assert rows.count() == 200 and best in str(rows.first.locator("th a").get_attribute("href"))
    second = [str(link.get_attribute("href")) for link in rows.nth(1).locator("td a").all()]
    assert f"a={best}&b=" in second[0] and "samples.html#c=" in second[1]
    assert rows.first.locator("td a").count() == 1  # nothing to compare the first with
    page.locator("th button", has_text="Checkpoint").click()
    names_ = table.locator("tbody th a").all_inner_texts()
    assert names_ == sorted(names_, key=lambda name: [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", name)])
    page.locator("th button", has_text="Rank").click()
    page.locator("th button", has_text="Rank").click()
    ranks = [
        int(re.split("[=–]", text)[0]) for text in table.locator("td:first-child").all_inner_texts() if text != "–"
    ]
    assert ranks == sorted(ranks)
    assert faults(page) == [] and page.evaluate("document.documentElement.scrollWidth") <= 360


def test_hostile_names_are_inert_in_lazy_columns(tmp_path: Path, opened: Any) -> None:
    evil = '"><img src=x onerror=alert(1)></script>'
    with open_store(tmp_path / "b.db") as store, Writer(store) as writer:
        parent = checkpoint(f"p{evil}", bytes=1 << 30)
        child = checkpoint(f"c{evil}", bytes=1 << 31, kind=f"k{evil}", lineage=Lineage(f"m{evil}", parent=parent.id))
        for i in range(12):
            card = replace(task(f"task{i:02d}"), title={"en": f"T{i} {evil}", "zh": f"题{i} {evil}"})
            for who in (parent, child):
                put_run(writer, store, who, exam_of(card, 12), 0.6)
        writer.flush()
        render(store, tmp_path / "site", "none")
    page = opened(tmp_path / "site" / "index.html")
    page.locator("#pick").click()
    page.locator("[data-preset=all]").click()
    settled(page, 12)
    page.keyboard.press("Escape")
    page.locator("#narrow").click()
    page.locator('fieldset[data-facet="kind"] input').first.uncheck()
    assert page.locator("main img").count() == 0 and len(names(page)) == 1
    assert evil in page.locator(SCORES).last.text_content()
