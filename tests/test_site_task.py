"""Pages of tasks and the Pareto front in a real browser: what they say, without JavaScript too."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import inside
from score_world import STORE, answered, bare, good, rows, twin
from site_world import HOSTILE, checkpoint, exam_of, put_run, small_world, task

from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard import charts_plane
from leaderboard.site import render

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with small_world(folder / "bench.db") as store:
        render(store, folder / "site")
        render(store, folder / "quiet", "none")
    return folder / "site"


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pareto")
    answered(folder, "strong", good, 4_000_000)
    answered(folder, "<b>small", lambda i, row: bare(i, row) if i % 3 else "", 300_000)
    answered(folder, "worse", lambda i, row: twin(i, row) if i % 2 else "?" * len(twin(i, row)), 5_000_000)
    inside(folder, "leaderboard", *STORE, "--out", "site", "--samples", "none")
    assert sum(1 for _ in rows()) == 200
    return folder / "site"


def test_the_hardest_questions_are_counted_and_lead_to_answers(site: Path, opened: Any) -> None:
    page = opened(next(site.glob("task/ceval-*.html")), java_script_enabled=False)
    raw = page.locator("section", has_text="5-shot").first
    said = raw.locator("h3 + p").inner_text()
    asked, apart, right, none = (int(n) for n in re.findall(r"\d+", said)[:4])
    assert asked == 240 == apart + right + none
    first = raw.locator("table").nth(1).locator("tbody tr").first
    assert first.locator("td.value").inner_text() == "0.0"
    assert re.match(r"\.\./samples\.html#c=good-\w+&t=ceval-\w+&s=\d+$", first.locator("a").get_attribute("href"))
    assert raw.locator("a", has_text="vs first").first.get_attribute("href").startswith("../compare.html#a=good-")


def test_no_question_leaves_the_store_where_no_answer_is_published(site: Path) -> None:
    for path in (site.parent / "quiet" / "task").iterdir():
        assert "问题" not in path.read_text("utf-8")
    assert any("问题" in path.read_text("utf-8") for path in (site / "task").iterdir())


def test_many_scores_are_drawn_as_a_histogram(tmp_path: Path, opened: Any) -> None:
    exam = exam_of(task("ceval", ask="letters", scorer="options", chance=0.25), 40)
    with open_store(tmp_path / "b.db") as store, Writer(store) as writer:
        for i in range(12):
            put_run(writer, store, checkpoint(f"{HOSTILE[:30]} {i}"), exam, 0.2 + i / 20)
        writer.flush()
        render(store, tmp_path / "site")
    page = opened(next(tmp_path.glob("site/task/*.html")))
    titles = page.locator(".spread rect title").all_text_contents()
    assert sum(int(title.rpartition(": ")[2]) for title in titles) == 12
    assert page.locator(".spread .chance").count() == 1


def test_who_is_beaten_in_all_three_is_hollow_and_says_by_whom(planes: Path, opened: Any) -> None:
    page = opened(planes / "pareto.html", java_script_enabled=False)
    lines = {row.split("\t")[0]: row for row in page.locator("tbody tr").all_inner_texts()}
    assert lines.keys() == {"strong", "<b>small", "worse"}
    assert "dominated by <b>small" in lines["worse"] and "on the front" in lines["<b>small"]
    assert page.locator(".planes svg").count() == 2
    for plane in page.locator(".planes svg").all():
        assert plane.locator("circle").count() == 3 and plane.locator("circle.beaten").count() == 1
        assert plane.locator("path.bar").count() == 3


def test_nothing_serious_for_axe_and_no_wider_than_a_phone(
    site: Path, planes: Path, opened: Any, faults: Callable[[Any], list[str]]
) -> None:
    for path in (next(site.glob("task/ceval-*.html")), planes / "pareto.html"):
        for scheme in ("light", "dark"):
            page = opened(path, color_scheme=scheme, viewport={"width": 360, "height": 800}, locale="zh-CN")
            assert faults(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_axis_of_costs_has_two_figures_at_least() -> None:
    for costs in ((97.0, 185.0), (33.4, 33.4), (1.0, 1e6), (100.0, 100.5)):
        for kind in ("tokens", "bytes"):
            points = [charts_plane.Point("a", "", cost, 50.0, None, None, True) for cost in costs]
            text = charts_plane.plane(points, kind, "label")
            figures = re.findall(r'text-anchor="middle">([^<]+)<', text)
            assert 2 <= len(set(figures)) <= 5 and len(set(figures)) == len(figures), (costs, kind, figures)
