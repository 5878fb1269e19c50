"""A site made of the worst content in every field: it is text, it leaks nothing, and no hand-written address breaks a page."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from hostile_world import TEXTS, build
from site_world import checkpoint, exam_of, put_run, task
from test_site_samples import everything, payload

from harness.store.open import open_store
from harness.store.write import Writer
from leaderboard.pages import Samples
from leaderboard.site import render
from leaderboard.words import attribute, inline, seen, visible

POLICY = "default-src 'none'"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
WORST = ("__proto__", "constructor", "%", "%E0%A4%A", "<img src=x onerror=alert(1)>", "-1", "9" * 30, "../../x", "%00")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    build(folder / "bench.db")
    with open_store(folder / "bench.db", mode="ro") as store:
        for samples in get_args(Samples):
            render(store, folder / samples, samples, title=TEXTS[1] + TEXTS[9])
    return folder


class Tags(HTMLParser):
    """Everything on a page that could run, load or lead away."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.headings = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.headings += tag == "h1"
        self.found += [
            f"{tag} {name}" for name in facts if name.startswith("on") or name in ("style", "srcdoc", "action")
        ]
        if tag in ("img", "iframe", "object", "embed", "base", "style") or (tag == "script" and not facts.get("src")):
            self.found.append(tag)
        for name in ("src", "href"):
            place = facts.get(name) or ""
            if re.match(r"\s*(javascript|vbscript|https?|//)", place) or (
                place.startswith("data:") and place != "data:,"
            ):
                self.found.append(place)


def test_no_page_holds_anything_that_runs_and_nothing_that_cannot_be_seen(sites: Path) -> None:
    pages = sorted((sites / "all").rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text("utf-8")
        tags = Tags(text)
        assert tags.found == [] and tags.headings == 1, page.name
        assert text.index(POLICY) < text.index("<title>"), page.name  # before anything that it could stop
        assert not UNSEEN.search(text), page.name


def test_data_scripts_are_one_line_of_json(sites: Path) -> None:
    for path in (sites / "all" / "data").rglob("*.js"):
        payload(path)  # asserts its form
        if path.read_bytes()[:2] != b"\xff\xfe":
            assert b"<" not in path.read_bytes(), path.name


def test_without_texts_none_of_any_kind_leaves_the_store(sites: Path) -> None:
    assert set(re.findall(r"PLANTED-([A-Z])", everything(sites / "all"))) == set("QGPTHNEAS")
    assert re.findall(r"PLANTED-[A-Z]", everything(sites / "none")) == []


def test_with_wrong_ones_only_a_page_shows_no_question_that_the_data_hold_back(sites: Path) -> None:
    site = sites / "wrong"
    assert not re.search(r"PLANTED-[A-Z]-correct", everything(site))
    items = json.dumps([payload(path) for path in (site / "data" / "items").glob("*.js")])
    pages = "".join(path.read_text("utf-8") for path in site.rglob("*.html"))
    shown = set(re.findall(r"PLANTED-Q\d+\.\d+\.", pages))
    assert shown and shown <= set(re.findall(r"PLANTED-Q\d+\.\d+\.", items))


def test_signs_without_ink_are_told_and_piles_of_marks_are_cut() -> None:
    assert visible("tag\U000e0041") == 'tag<span class="code">U+E0041</span>'
    pile = "z" + "\u0301" * 10_000
    assert visible(pile) == "z" + "\u0301" * 8 + '<span class="code">U+0301 ×9992</span>'
    assert attribute("a\u202e") == seen("a\u202e") == "a[U+202E]"
    assert inline(" ") == "<bdi>–</bdi>"
    assert visible("नि é नी") == "नि é नी"  # what languages are written with stays


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False])
def test_every_kind_of_page_is_inert_and_no_wider_than_a_phone(sites: Path, opened: Any, javascript: bool) -> None:
    site = sites / "all"
    names = ("script-alert*", "460e*", "*z-*", "w" * 9 + "*", "proto-*")
    named = [path for name in names for path in sorted(site.glob(f"checkpoint/{name}.html"))[:1]]
    assert len(named) >= 4
    for path in [*site.glob("*.html"), *site.glob("task/*.html"), *named]:
        page = opened(path, java_script_enabled=javascript, viewport={"width": 360, "height": 800})
        assert page.locator("h1").count() == 1
        if javascript:
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path.name
            assert page.evaluate("document.querySelectorAll('img, iframe').length") == 0
        page.close()


@pytest.mark.browser
def test_no_address_breaks_a_page(sites: Path, opened: Any) -> None:
    site = sites / "all"
    (one, two) = [path.stem for path in sorted(site.glob("checkpoint/*.html"))[3:5]]
    forms = {
        "compare.html": ("#a={0}&b={0}x", f"#a={one}&b={{0}}", f"#a={one}&b={two}&t={{0}}&f={{0}}&subject={{0}}&s={{0}}"),
        "samples.html": ("#c={0}&t={0}", f"#c={one}&f={{0}}&subject={{0}}&s={{0}}", "#__proto__={0}&{0}=1&{0}"),
        "index.html": ("#sort={0}&cols={0}&pins={0}&pair={0},{0}", "#kind={0}&base={0}&min={0}&max={0}&since={0}&lang={0}"),
        "history.html": ("#f={0}&t={0}",),
        "about.html": ("#w={0}", "#w={0}:{0}"),
    }  # fmt: skip
    for name, addresses in forms.items():
        page = opened(site / name, viewport={"width": 360, "height": 800})
        for address in addresses:
            for worst in WORST:
                page.evaluate("address => { location.hash = address; }", address.format(worst))
            page.reload()
            page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        assert page.evaluate("Object.keys(Object.prototype).length + Object.keys(Function.prototype).length") == 0
        page.close()
    page = opened(site / "compare.html", "#a=__proto__&b=constructor")
    page.locator("#trouble:visible").wait_for()
    assert "__proto__" in page.locator("#trouble").inner_text()


@pytest.mark.browser
def test_the_browser_shows_what_python_shows(sites: Path, opened: Any) -> None:
    page = opened(sites / "all" / "about.html")
    drawn = page.evaluate(
        "texts => texts.map(text => BENCH.visible(document.createElement('p'), text).innerHTML)", list(TEXTS)
    )
    for text, html in zip(TEXTS, drawn, strict=True):
        wanted = str(visible(text)).replace("&#34;", '"').replace("&#39;", "'")
        assert html == wanted, sys.getsizeof(text)


@pytest.mark.browser
def test_the_keyboards_focus_is_never_lost(tmp_path: Path, opened: Any) -> None:
    exam = exam_of(task("gsm8k", chance=0.0), 90)
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        for name, right in (("one", 0.2), ("two", 0.9), ("three", 0.5)):
            put_run(writer, store, checkpoint(name), exam, right)
        writer.flush()
        render(store, tmp_path / "site")
    slugs = [next((tmp_path / "site" / "checkpoint").glob(f"{name}-*.html")).stem for name in ("one", "two")]

    def pressed(page: Any, what: str) -> None:
        page.locator(what).last.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement !== document.body")
        page.wait_for_timeout(200)  # time enough to lose it
        assert page.evaluate("document.activeElement !== document.body"), what

    page = opened(tmp_path / "site" / "index.html")
    pressed(page, "#board .pin")
    assert page.evaluate("document.activeElement.className") == "pin"  # its row has moved to the top
    page = opened(tmp_path / "site" / "samples.html", f"#c={slugs[0]}&s=40")
    page.locator(".sample.at").wait_for()
    while page.locator("#earlier").is_visible():
        pressed(page, "#earlier")
    page = opened(tmp_path / "site" / "compare.html", f"#a={slugs[0]}&b={slugs[1]}&f=gained")
    page.locator("#items article").first.wait_for()
    assert page.locator("#more").is_visible()
    while page.locator("#more").is_visible():
        pressed(page, "#more")
