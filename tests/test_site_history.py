"""The history page: what is joined to what, the gate's line, the charts behind the pickers, phones and no JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from family_world import EVIL, answered, drawn, family
from site_world import checkpoint, exam_of, task

from harness.records import Lineage
from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard import family as families
from leaderboard import history_series, places
from leaderboard.entries import read_board
from leaderboard.pages import View
from leaderboard.site import render

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    with family(folder / "bench.db") as store:
        render(store, folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven families on two tasks: fourteen charts, two more than stand in the page."""
    folder = tmp_path_factory.mktemp("many")
    tasks = [exam_of(task(name, chance=0.0), 40) for name in ("first", "second")]
    with open_store(folder / "bench.db") as store, Writer(store) as writer:
        for number in range(7):
            root = checkpoint(f"root{number}" + (f" {EVIL}" if number == 6 else ""), kind="base")
            child = checkpoint(f"child{number} {EVIL}", lineage=Lineage("full", {"lr": 1e-5}, parent=root.id, steps=10))
            for place, exam in enumerate(tasks):
                answered(writer, store, root, exam, drawn(f"{number}", 40, 0.9), f"2026-01-0{1 + place}T08:00:00Z")
                answered(writer, store, child, exam, drawn(f"{number} child", 40, 0.2), "2026-02-01T08:00:00Z")
        writer.flush()
        render(store, folder / "site")
    return folder / "site"


def test_points_stand_by_steps_and_are_joined_along_the_lineage(tmp_path: Path) -> None:
    with family(tmp_path / "bench.db") as store:
        board = read_board(store)
        kin = families.Kin(View(store, board, places.of(board)))
        found = {one.column.name: one for one in history_series.series(kin)}
    one = found["plain"]
    at = {point.checkpoint.name: (i, point.label) for i, point in enumerate(one.points)}
    assert one.root.name == "base" and one.by == "steps" and "teacher" not in at and "stranger" not in at
    assert [at[name][1] for name in ("base", "sft-100", "sft-400", "lora-r08", "pupil")] == [
        "0",
        "100",
        "400",
        "490",
        "610",
    ]
    assert EVIL not in at  # nobody knows its steps
    for before, after in (("base", "sft-100"), ("sft-100", "sft-200"), ("sft-400", "lora-r08"), ("lora-r08", "pupil")):
        assert (at[before][0], at[after][0]) in one.edges
    assert (at["base"][0], at["sft-400"][0]) not in one.edges
    start = one.start
    assert start is not None and one.threshold == start.value - one.tolerance and one.tolerance > 0.01


def test_of_a_thousand_questions_the_gate_minds_one_point(tmp_path: Path) -> None:
    exam = exam_of(task("large", chance=0.0), 1000)
    root, child = (
        checkpoint("root", kind="base"),
        checkpoint("child", lineage=Lineage("full", parent=checkpoint("root").id)),
    )
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        answered(writer, store, root, exam, drawn("root", 1000, 0.5), "2026-01-01T00:00:00Z")
        answered(writer, store, child, exam, drawn("child", 1000, 0.4), "not a date")
        writer.flush()
        board = read_board(store)
        kin = families.Kin(View(store, board, places.of(board)))
        assert list(history_series.series(kin)) == []  # when the child was run isn't known: one point is no line
        (column,) = board.columns
        point = history_series.Point(root, column.cells[root.id], 0.0, "", 0.5)
    assert history_series.tolerance(column, point) == 0.01


def test_charts_link_tell_and_stay_text(site: Path, opened: Any, faults: Any) -> None:
    page = opened(site / "history.html")
    figures = page.locator("figure.story")
    assert figures.count() == 2 and page.locator("#picker").count() == 0
    figure = figures.last
    assert "PLAIN" in figure.inner_text() and "by training steps" in figure.inner_text()
    assert figure.locator("svg .gate").count() == 1 and figure.locator("svg circle.dot").count() == 16
    shown = figure.locator("svg text.e").inner_html()
    assert (
        re.fullmatch(r"gate’s line \d+\.\d", shown) and shown.split()[-1] in figure.locator("figcaption").inner_text()
    )
    figure.locator("summary").click()
    assert figure.locator("tbody tr").count() == 16
    figure.locator("tbody a", has_text="sft-200").click()
    assert page.locator("h1").inner_text() == "sft-200"
    for scheme, language, width in (("light", "en-US", 1280), ("dark", "zh-CN", 360)):
        page = opened(
            site / "history.html", color_scheme=scheme, locale=language, viewport={"width": width, "height": 800}
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults(page) == []
    assert "门禁线" in page.locator("main").inner_text()


def test_a_chart_that_is_not_in_the_page_is_drawn_when_it_is_chosen(many: Path, opened: Any, faults: Any) -> None:
    page = opened(many / "history.html")
    assert page.locator(".stories figure").count() == 12 and page.locator("#picker").is_visible()
    page.locator("#family").select_option(index=6)
    figure = page.locator("#chosen figure")
    figure.wait_for()
    assert figure.locator("h2").inner_text() == f"root6 {EVIL}".replace("\u202e", "[U+202E]")
    assert figure.locator("circle.dot").count() == 2 and figure.locator("circle.below").count() == 1
    rows = figure.locator("tbody tr").all_inner_texts()
    assert len(rows) == 2 and rows[0].startswith("2026-01-01 08:00") and "below" in rows[1] and "below" not in rows[0]
    assert "U+202E" in rows[1] and "<script>" in rows[1]  # as text
    page.locator("#column").select_option(index=1)
    page.wait_for_function("document.querySelector('#chosen tbody td').textContent.startsWith('2026-01-02')")
    assert faults(page) == []
    fragment = "#" + page.url.split("#")[1]
    assert "f=root6" in fragment and "t=second" in fragment
    again = opened(many / "history.html", fragment)
    again.locator("#chosen figure").wait_for()
    assert again.locator("#chosen tbody td").first.inner_text().startswith("2026-01-02")
    options = "select => Array.from(select.options).map(option => option.textContent)"
    assert again.locator("#column").evaluate(options) == ["FIRST", "SECOND"]
    again.locator("#language").click()
    assert again.locator("#column").evaluate(options) == ["任务 first", "任务 second"]
    assert again.locator("#chosen .what").inner_text().startswith("任务 second")
    drawn_now, built = again.locator("#chosen svg"), again.locator(".stories svg").first
    assert drawn_now.get_attribute("viewBox") == built.get_attribute("viewBox")
    again.locator("#chosen tbody a").first.click()
    assert again.locator("h1").inner_text().startswith("root6")


def test_the_script_draws_the_numbers_that_the_build_draws(many: Path, opened: Any) -> None:
    page = opened(many / "history.html", "#f=" + Path(next(many.glob("data/history/root0-*.js"))).stem)
    page.locator("#chosen figure").wait_for()
    spots = "svg => Array.from(svg.querySelectorAll('circle.dot')).map(c => [Number(c.getAttribute('cx')), Number(c.getAttribute('cy'))])"
    ours = page.locator("#chosen svg").evaluate(spots)
    built = page.locator(".stories figure", has_text="root0").first.locator("svg").evaluate(spots)
    assert ours == [pytest.approx(spot, abs=0.11) for spot in built] and len(ours) == 2
    words = "svg => Array.from(svg.querySelectorAll('text')).map(t => t.textContent)"
    first = page.locator(".stories figure", has_text="root0").first.locator("svg").evaluate(words)
    assert page.locator("#chosen svg").evaluate(words) == first


def test_without_javascript_the_charts_stand_and_the_picker_does_not(many: Path, opened: Any) -> None:
    page = opened(many / "history.html", java_script_enabled=False)
    assert page.locator(".stories figure svg").count() == 12 and not page.locator("#picker").is_visible()
    assert "allow JavaScript" in page.locator("main").inner_text()


def test_two_strangers_have_an_empty_history(tmp_path: Path) -> None:
    exam = exam_of(task("lone", chance=0.0), 40)
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for name in ("one", "two"):
            answered(writer, store, checkpoint(name), exam, drawn(name, 40, 0.5))
        writer.flush()
        render(store, tmp_path / "site")
    text = (tmp_path / "site" / "history.html").read_text("utf-8")
    assert "Nothing has two points yet" in text and "尚无两点可连" in text


def test_runs_of_one_minute_stand_in_order_of_descent(tmp_path: Path, opened: Any) -> None:
    exam = exam_of(task("imported", chance=0.0), 40)
    root = checkpoint("zz root", kind="base")
    child = checkpoint("aa child", lineage=Lineage("full", parent=root.id))
    people = [root, child, checkpoint("mm grandchild", lineage=Lineage("full", parent=child.id))]
    people += [checkpoint(f"other{n}", lineage=Lineage("full", parent=root.id)) for n in range(12)]
    tasks = [exam, exam_of(task("second", chance=0.0), 40)]
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for one in tasks:
            for place, who in enumerate(sorted(people, key=lambda c: c.name)):  # as an import does
                answered(writer, store, who, one, drawn(who.name, 40, 0.5), f"2026-01-01T00:00:{place:02}Z")
        writer.flush()
        board = read_board(store)
        kin = families.Kin(View(store, board, places.of(board)))
        found = list(history_series.series(kin))
        render(store, tmp_path / "site")
    assert [one.by for one in found] == ["made", "made"]
    points = found[0].points
    assert [points[0].checkpoint.name, points[1].checkpoint.name, points[-1].checkpoint.name] == [
        "zz root",
        "aa child",
        "mm grandchild",
    ]
    assert [(p.x, p.label) for p in points[:3]] == [(0.0, "0"), (1.0, "1"), (2.0, "1")] and points[-1].label == "2"
    assert all(points[a].x < points[b].x for a, b in found[0].edges) and len(found[0].edges) == 14
    page = opened(tmp_path / "site" / "history.html")
    assert "by generation" in page.locator("figure").first.inner_text()
    marks = "svg => Array.from(svg.querySelectorAll('text')).map(t => t.textContent).slice(-5)"
    assert {"0", "1", "2"} <= set(page.locator("figure svg").first.evaluate(marks))
