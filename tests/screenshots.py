"""The pictures of README.md, taken of the demo's site by headless Chromium: the board, and two checkpoints compared.

Example: `python tests/screenshots.py --out leaderboard/screenshots` trains and runs the demo first; `--site DIR` takes
a site that is there. The same site gives the same pictures: fixed window, no animation, no cursor.
Trap: pictures are public for good, so only the demo is taken, whose questions were written for this project.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEMO = {"base", "base-lora", "damaged", "distilled", "sft", "teacher"}
PAIR, TASK = ("base", "distilled"), "demo_math"
WIDTH, SCALE, LIMIT_BYTES = 1280, 1.5, 200_000
ENDS = {"board": "#board", "compare": "article.at"}  # below it the picture is cut
QUIET = "() => new Promise(done => { let last; const look = () => { const now = document.body.innerHTML.length;" \
        " if (now === last) done(true); else { last = now; setTimeout(look, 400); } }; look(); })"  # fmt: skip
# a column cut in two by the edge is left to the column picker: the keys of those that fit, "" where all do
FITTING = """() => {
  const heads = Array.from(document.querySelectorAll("#board th[data-key]")).filter(head => !head.hidden);
  const edge = document.getElementById("board").parentElement.getBoundingClientRect().right + 1;
  const fit = heads.filter(head => head.getBoundingClientRect().right <= edge);
  return fit.length < heads.length ? fit.map(head => head.dataset.key).join() : "";
}"""
# the first question in English that the one got wrong and the other right; in exam order, from 1
FLIPPED = """async ([before, after, task]) => {
  const read = BENCH.answers, list = (await BENCH.load("data/checkpoints.js", "checkpoints")).list;
  const [a, b] = [before, after].map(name => list.find(one => one.name === name).slug), columns = await read.columns();
  const column = Object.keys(columns).find(key => columns[key].name === task);
  const [was, is] = (await Promise.all([read.runs(a), read.runs(b)])).map(runs => runs[column]);
  let at = 0;
  const right = run => read.mark(run, at) === "·", item = () => read.item(columns[column].exam, at);
  while (right(was) || !right(is) || (await item()).language !== "en") at++;
  return "#a=" + a + "&b=" + b + "&f=gained&s=" + (at + 1) + "&t=" + column;
}"""


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--site", type=Path, help="The demo's site; made where none is given.")
    asked.add_argument("--out", type=Path, default=Path("leaderboard/screenshots"))
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as made:
        site = given.site or demo(Path(made))
        given.out.mkdir(parents=True, exist_ok=True)
        for path, size in taken(site, given.out):
            print(f"{path}: {size / 1000:.0f} kB")
            if size > LIMIT_BYTES:
                raise SystemExit(
                    f"{path} is larger than {LIMIT_BYTES / 1000:.0f} kB; install Pillow, or show less of it"
                )
    return 0


def demo(folder: Path) -> Path:
    code = "from harness.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, "demo", "--out", str(folder)], stdout=subprocess.DEVNULL, check=True)
    return folder / "site"


def taken(site: Path, out: Path) -> list[tuple[Path, int]]:
    from playwright.sync_api import sync_playwright

    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    chromium = next((path for path in found if path), None)  # None: Playwright's own, where it was installed
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = opened(browser)
        page.goto((site / "index.html").resolve().as_uri())
        strange = checkpoints(page) - DEMO
        if strange:
            raise SystemExit(
                f"{site} shows {sorted(strange)[0]}, which is none of the demo's; pictures are of the demo only"
            )
        if keys := page.evaluate(FITTING):
            page.evaluate("keys => { location.hash = 'cols=' + keys; }", keys)
        written = [picture(page, out / "board.png")]
        compare = f"{site.resolve().as_uri()}/compare.html"
        page.goto(compare)
        state = page.evaluate(FLIPPED, [*PAIR, TASK])
        page.goto("about:blank")  # a change of the state alone would load nothing
        page.goto(compare + state)
        written.append(picture(page, out / "compare.png"))
        browser.close()
    return written


def opened(browser: Browser) -> Page:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": 900}, device_scale_factor=SCALE, color_scheme="light", locale="en-GB",
        reduced_motion="reduce", timezone_id="UTC",
    )  # fmt: skip
    return context.new_page()


def checkpoints(page: Page) -> set[str]:
    found = page.evaluate('BENCH.load("data/checkpoints.js", "checkpoints").then(all => all.list.map(one => one.name))')
    return set(found)


def picture(page: Page, path: Path) -> tuple[Path, int]:
    """As much of the page as a README can show; the file's size."""
    page.evaluate(QUIET)
    page.evaluate("document.activeElement.blur()")
    bottom = page.evaluate(
        "end => document.querySelector(end).getBoundingClientRect().bottom + window.scrollY", ENDS[path.stem]
    )
    height = round(bottom) + 16
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.evaluate("window.scrollTo(0, 0)")
    page.evaluate(QUIET)
    path.write_bytes(squeezed(page.screenshot(animations="disabled", caret="hide")))
    return path, path.stat().st_size


def squeezed(png: bytes) -> bytes:
    """In 256 colours, which text and lines don't lack, where Pillow is at hand."""
    try:
        from PIL import Image
    except ImportError:
        return png
    small = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        paletted = image.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        paletted.save(small, "PNG", optimize=True)
    return min(png, small.getvalue(), key=len)


if __name__ == "__main__":
    sys.exit(main())
