"""Checkpoint pages in a real browser: the tree, the tables beside the parent, empty states, hostile lineage, phones."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from family_world import EVIL, family
from site_world import checkpoint, exam_of, put_run, task

from harness.records import Lineage
from harness.store import read
from harness.store.open import open_store
from harness.store.write import Writer
from harness.verdicts import audit
from leaderboard import family as families
from leaderboard import places
from leaderboard.charts_lines import Frame, loss, ticks
from leaderboard.checkpoint_training import duration
from leaderboard.entries import read_board
from leaderboard.pages import View
from leaderboard.site import render

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    with family(folder / "bench.db") as store:
        render(store, folder / "site")
    return folder / "site"


def page_of(site: Path, name: str) -> Path:
    return next(site.glob(f"checkpoint/{name}-????????.html"))


def test_the_tree_leads_from_the_root_to_what_was_made_of_it(site: Path, opened: Any) -> None:
    page = opened(page_of(site, "pupil"))
    names = page.locator(".tree .name").all_inner_texts()
    assert names[:4] == ["base", "sft-400", "lora-r08", "pupil"] and len(names) == 5
    assert page.locator(".node.here .name").inner_text() == "pupil"
    assert page.locator(".node.here .teacher a").inner_text() == "teacher"
    assert "lr 1e-05" in page.locator(".node.here .facts").inner_text()
    assert page.locator(".node", has_text="sft-400").first.locator(".word").inner_text().endswith("better")
    page.locator(".tree a", has_text="sft-400").click()
    assert page.locator("h1").inner_text() == "sft-400"


def test_many_siblings_are_folded_and_one_variable_is_named(site: Path, opened: Any) -> None:
    page = opened(page_of(site, "lora-r08"))
    assert page.locator(".tree > li > ul > li > ul > li").count() == 9  # eight and the fold
    folded = page.locator(".fold details")
    assert folded.locator("summary").inner_text() == "2 more" and not folded.locator("a").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("a").count() == 2 and folded.locator("a").first.is_visible()
    other = page.locator(".node", has_text="lora-r10").first
    assert "differ in 1 setting (LoRA rank 8 -> 10)" in other.inner_text()
    page.locator("#language").click()
    assert "1 项设置" in other.inner_text()


def test_scores_stand_beside_the_parent_and_link_to_both(site: Path, opened: Any) -> None:
    page = opened(page_of(site, "pupil"))
    row = page.locator("#runs tbody tr", has_text="PLAIN")
    cells = [text.replace("\u2009", " ") for text in row.locator("td").all_inner_texts()]
    assert cells[1].startswith("6") and "better" in cells[4] and "+" in cells[4] and cells[5] == "400"
    assert "compare.html#a=lora-r08" in str(row.locator("a[href*=compare]").get_attribute("href"))
    assert "samples.html#c=pupil-" in str(row.locator("a[href*=samples]").get_attribute("href"))
    page.locator("#runs th button", has_text="Score").click()
    values = [float(x) for x in page.locator("#runs td:nth-child(3)").all_inner_texts()]
    assert values == sorted(values, reverse=True) and len(values) == 2
    subjects = page.locator("#subjects + p + details tbody tr td:nth-child(5)").all_inner_texts()
    changes = [float(text.replace("\u2212", "-")) for text in subjects]
    assert changes == sorted(changes) and len(changes) == 4


def test_guards_training_contamination_verdicts_and_the_command(site: Path, opened: Any) -> None:
    page = opened(page_of(site, "pupil"))
    text = page.locator("main").inner_text()
    guard = page.locator("tbody", has_text="tokens per answer").first.inner_text()
    assert "0.7× to 1.5×" in guard and "beyond the limit" in guard and "20.0" in guard and "60.0" in guard
    assert "Trained on the metric: number, which grades macro, plain" in text
    told = page.locator(".verdicts li").all_inner_texts()
    assert len(told) == 2 and "passed" in told[0] and "failed" in told[1]  # the newest first
    page = opened(page_of(site, "sft-300"))
    text = page.locator("main").inner_text()
    for piece in ("general mix", "12,000", "31", "1 h 08 min", "1,200,000", "7.0 GiB"):
        assert piece in text
    assert page.locator(".plot.loss .line").count() == 1 and "lowest 0.2976 at step 296" in text
    page = opened(page_of(site, "lora-r08"))
    line = page.locator("#again ~ .prompt").inner_text()
    assert shlex.split(line)[:6] == ["bench", "run", "--adapter", "lora-r8", "--base", "sft"]
    assert "/home/" not in page.content()  # where it lies is nobody's business


def test_empty_states_say_why(site: Path, opened: Any) -> None:
    text = opened(page_of(site, "base")).locator("main").inner_text()
    for said in ("Its parent is not known", "No training record", "Not checked", "No gate has"):
        assert text.count(said) == 1
    stranger = opened(page_of(site, "stranger"))
    assert "not in this store" in stranger.locator(".tree").inner_text()
    chinese = opened(page_of(site, "base"), locale="zh-CN").locator("main").inner_text()
    assert "没有训练记录" in chinese and "尚无门禁判定" in chinese


def test_hostile_names_and_recipes_are_text(site: Path, opened: Any) -> None:
    page = opened(next(site.glob("checkpoint/script-*.html")))
    assert page.locator("h1").inner_text() == EVIL.replace("\u202e", "U+202E")
    page.locator("summary", has_text="Recipe").click()
    assert "U+202E" in page.locator(".text.prompt").first.inner_text()
    for path in site.glob("checkpoint/*.html"):
        raw = path.read_text("utf-8")
        assert "\u202e" not in raw and "<script>" not in raw


def test_phones_dark_axe_and_no_javascript(site: Path, opened: Any, faults: Any) -> None:
    for name in ("lora-r08", "pupil", "base"):
        for scheme, language, width in (("light", "en-US", 1280), ("dark", "zh-CN", 360)):
            page = opened(
                page_of(site, name), color_scheme=scheme, locale=language, viewport={"width": width, "height": 800}
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert faults(page) == []
    page = opened(page_of(site, "pupil"), java_script_enabled=False)
    assert page.locator(".tree a").count() >= 3 and page.locator("#runs tbody tr").count() == 2
    page.locator(".tree a").first.click()
    assert page.locator("h1").inner_text() == "base"


def test_a_circle_in_a_lineage_is_cut_where_it_closes(tmp_path: Path) -> None:
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        one, two = checkpoint("one"), checkpoint("two")
        for who, parent in ((one, two), (two, one)):
            writer.add_checkpoint(checkpoint(who.name, lineage=Lineage("full", parent=parent.id)))
        writer.flush()
        board = read_board(store)
        kin = families.Kin(View(store, board, places.of(board)))
        tree = kin.tree(one.id)
    assert tree.name == "two" and [n.name for n in tree.children] == ["one"] and not tree.children[0].children


def test_a_store_of_one_checkpoint_without_runs_has_a_page(tmp_path: Path) -> None:
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        writer.add_checkpoint(checkpoint("alone"))
        writer.flush()
        assert len(read.checkpoints(store)) == 1
        render(store, tmp_path / "site")
    text = next((tmp_path / "site").glob("checkpoint/alone-*.html")).read_text("utf-8")
    assert "No runs of this checkpoint yet." in text and not (tmp_path / "site" / "history.html").exists()


def test_a_parent_with_nothing_in_common_is_no_verdict(tmp_path: Path) -> None:
    root = checkpoint("root", kind="base")
    child = checkpoint("child", lineage=Lineage("full", parent=root.id))
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        put_run(writer, store, root, exam_of(task("one"), 40), 0.5)
        put_run(writer, store, child, exam_of(task("other"), 40), 0.5)
        writer.flush()
        render(store, tmp_path / "site")
    text = next((tmp_path / "site").glob("checkpoint/child-*.html")).read_text("utf-8")
    assert "No score can be held against" in text and "of 0 scores" not in text and "没有可以比较的分数" in text


def test_answers_from_elsewhere_have_no_facts_that_nobody_can_know(tmp_path: Path) -> None:
    exam = exam_of(task("alone"), 40)
    with open_store(tmp_path / "bench.db") as store, Writer(store) as writer:
        put_run(writer, store, checkpoint("gpt", kind="outputs", bytes=1 << 30, bytes_declared=True), exam, 0.5)
        writer.flush()
        render(store, tmp_path / "site")
    (page,) = (tmp_path / "site" / "checkpoint").iterdir()
    text = page.read_text("utf-8")
    assert "Imported answers come without a training record" in text and "导入的回答不附带训练记录" in text
    assert "Architecture" not in text and "bench_lineage.json" not in text.split('id="training"')[1]


def test_axes_have_round_ticks_and_odd_losses_draw_nothing() -> None:
    assert [*ticks(0.17, 0.61)] == pytest.approx([0.2, 0.2]) and ticks(0, 0)[1] > 0
    frame = Frame.around([1.0, 400.0], [0.17, 0.61])
    assert frame.y_low <= 0.17 and frame.y_high >= 0.61 and frame.x(1.0) < frame.x(400.0)
    assert loss([(1, 2.0)]) == "" and loss([(1, float("nan")), (2, 1.0)]) == ""
    assert loss([(5, 1.0), (5, 1.0)]).count("<circle") == 2
    assert [duration(x) for x in (12.4, 2520.0, 4100.0)] == ["12 s", "42 min", "1 h 08 min"]


def test_a_line_of_a_recipe_tells_what_was_done_and_nothing_of_other_methods() -> None:
    recipe = {"optim": {"learning_rate": 1e-3, "epochs": 3.0, "steps": 6}, "grpo": {"temperature": 1.0}}
    assert (
        families.headline(Lineage(method="full", recipe=recipe, epochs=0.4))
        == "learning_rate 0.001 · epochs 0.4 · steps 6"
    )
    assert "temperature 1.0" in families.headline(Lineage(method="grpo", recipe=recipe))
    assert "epochs 3.0" in families.headline(Lineage(recipe=recipe))


def test_the_seed_0_is_a_seed() -> None:
    told = [Lineage("full", recipe={"lr": 0.1}, parent="p", seed=seed) for seed in (0, 1)]
    mine, theirs = ({"recipe": families._had(one)} for one in told)
    assert "the seed (0 -> 1)" in audit.variables(mine, theirs).sentence
