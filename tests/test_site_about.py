"""The page of methods in a real browser: other weights move the order, and their state is in the address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import inside
from score_world import STORE, answered, bare, good

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("about")
    answered(folder, "strong", good, 4_000_000)
    answered(folder, "small", lambda i, row: bare(i, row) if i % 3 else "", 300_000)
    inside(folder, "score", "strong", "small", "--profile", "demo", *STORE)
    inside(folder, "leaderboard", *STORE, "--out", "site", "--samples", "none")
    return folder / "site"


def slide(page: Any, part: int, value: int) -> None:
    page.locator(f"input[data-part='{part}']").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
    )


def order(page: Any) -> list[str]:
    return list(page.locator(".trial tbody th").all_inner_texts())


def test_other_weights_give_another_order_and_come_back(site: Path, opened: Any) -> None:
    page = opened(site / "about.html")
    page.locator(".trial tbody tr").first.wait_for()
    assert order(page) == ["strong", "small"]
    for part, value in ((0, 0), (1, 0), (2, 0), (3, 100)):
        slide(page, part, value)
    assert order(page) == ["small", "strong"] and "w=" in page.url  # the smaller one, by bytes alone
    assert "2 / 2" in page.locator("[role=status]").inner_text()
    again = opened(site / "about.html", "#" + page.url.split("#")[1])
    again.locator(".trial tbody tr").first.wait_for()
    assert order(again) == ["small", "strong"]
    page.locator(".reset").click()
    assert order(page) == ["strong", "small"] and "w=" not in page.url


def test_it_reads_without_javascript_and_names_every_licence(site: Path, opened: Any) -> None:
    page = opened(site / "about.html", java_script_enabled=False)
    assert not page.locator(".trial").is_visible() and page.locator(".weights tbody tr").count() == 4
    assert page.locator("#sources tbody tr").count() == 1
    assert page.locator("a[href='board.csv']").is_visible()


def test_nothing_serious_for_axe_and_no_wider_than_a_phone(
    site: Path, opened: Any, faults: Callable[[Any], list[str]]
) -> None:
    for scheme in ("light", "dark"):
        page = opened(site / "about.html", color_scheme=scheme, viewport={"width": 360, "height": 800}, locale="zh-CN")
        page.locator(".trial tbody tr").first.wait_for()
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
