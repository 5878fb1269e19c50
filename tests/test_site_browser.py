"""The site in a real browser, from file://, with and without JavaScript; skipped where no Chromium is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from site_world import small_world

from leaderboard.site import render

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    with small_world(folder / "bench.db") as store:
        render(store, folder / "site")
    return folder / "site"


def names(page: Any) -> list[str]:
    return list(page.locator("#board tbody tr:visible th a").all_text_contents())


def kinds(site: Path) -> list[Path]:
    """One page of every kind, the hostile ones among them."""
    return [
        site / "index.html", site / "about.html", next(site.glob("task/gsm8k-*.html")), next(site.glob("task/ceval-*.html")),
        next(site.glob("checkpoint/good-*.html")), next(site.glob("checkpoint/1-1-b-evil-*.html")),
        *sorted(site.glob("*.html")),
    ]  # fmt: skip


def test_every_kind_of_page_opens_in_both_languages_without_error_and_fits_a_phone(site: Path, opened: Any) -> None:
    for path in kinds(site):
        for width, scheme, language in ((1280, "light", "en-US"), (360, "dark", "zh-CN")):
            page = opened(path, viewport={"width": width, "height": 800}, color_scheme=scheme, locale=language)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.evaluate("document.documentElement.lang") == language[:2]
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
            assert dark == (scheme == "dark")
            other = ":is(i[lang=en], .e):visible" if language == "zh-CN" else ":is(i[lang=zh], .z):visible"
            assert page.locator(other).count() <= 1  # the switch itself


def test_without_javascript_the_board_reads_in_the_build_language(site: Path, opened: Any) -> None:
    page = opened(site / "index.html", java_script_enabled=False, locale="zh-CN")
    assert names(page)[0] == "good"
    assert not page.locator("#filter").is_visible() and not page.locator("#language").is_visible()
    assert page.locator("h1").inner_text() == "Checkpoint leaderboard"
    page.locator("#board tbody a").first.click()
    assert page.locator("h1").inner_text() == "good"


def test_sorting_is_kept_in_the_address_and_leaves_missing_scores_last(site: Path, opened: Any) -> None:
    page = opened(site / "index.html")
    head = page.locator("#board thead th", has_text="CEVAL").first
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page)[:3] == ["good", "base", "damaged"]
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page)[:3] == ["damaged", "base", "good"] and len(names(page)) == 5
    assert "dir=asc" in page.url
    again = opened(site / "index.html", "#" + page.url.split("#")[1])
    assert names(again) == names(page)
    assert again.locator("#board th[aria-sort]").count() == 1


def test_filter_csv_and_language(site: Path, opened: Any) -> None:
    page = opened(site / "index.html")
    page.locator("#filter").fill("EVIL")
    assert len(names(page)) == 1 and "q=EVIL" in page.url
    with page.expect_download() as download:
        page.locator("#csv").click()
    table = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(table) == 2 and table[0].startswith("Checkpoint,")
    assert table[1].startswith("'=1+1<b>U+202Eevil,")  # a formula for no spreadsheet
    page.locator("#filter").fill("")
    page.locator("#language").click()
    assert page.locator("h1").inner_text() == "检查点排行榜"
    assert page.locator("#filter").get_attribute("placeholder") == "按名称筛选"
    page.locator("nav a").last.click()
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.lang") == "zh"  # remembered on the next page
