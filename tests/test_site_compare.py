"""The compare page in a real browser: its numbers and its sentence against Python's own, and everything a reader can do there."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from site_world import HOSTILE, begun, checkpoint, task

from harness import identity, metrics, pairs
from harness.records import Checkpoint, Exam, Lineage, Response, Sample, Score, Settings
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer
from harness.verdicts import comparison
from leaderboard import compare_words
from leaderboard.entries import read_board
from leaderboard.places import of as places_of
from leaderboard.site import render

pytestmark = pytest.mark.browser
EVIL = "=1+1<b>\u202eevil's"
SIDES = (("base", "child"), (EVIL, "base"), ("twin", "child"))
RATES = {"base": 0.62, "child": 0.55, EVIL: 0.7, "twin": 0.62}


def exam(name: str, n: int, subjects: int = 1, cluster: int = 0, **card: Any) -> Exam:
    samples = tuple(
        Sample(
            f"{name}-{7919 * i % 99991:05d}", i, f"{name} 第 {i} 题 needle{i}" if i else HOSTILE,
            ("红", "黄", HOSTILE, "白") if card.get("ask") == "letters" else (), "B",
            subject=f"subject {min(i % (subjects + 2), subjects - 1)}" if subjects > 1 else "",
            cluster=f"case {i // cluster}" if cluster else "", language="zh",
        )
        for i in range(n)
    )  # fmt: skip
    made = task(name, **card)
    return Exam(identity.digest([made.key, n]), identity.digest(["B"] * n), made, samples)


EXAMS = (
    exam("ceval", 168, subjects=7, ask="letters", scorer="options", average="macro"),
    exam("gsm8k", 250),
    exam("steps", 120, subjects=3),  # graded in quarters
    exam("cases", 100, cluster=5),
    exam("drift", 90, metrics=("given_error(RMSE, mg/dl)",), chance=None),  # less is better
    exam("sampled", 60),  # four answers a question
    exam("holes", 150),  # some answers nothing could grade
    exam("f1only", 80, metrics=("f1(B)",)),
    exam("short", 100),  # half of it missing on one side
    exam("empty", 50),  # one side writes nothing
    exam("open", 20, scorer="text", chance=None),  # nothing to grade: only lengths
)


def values_of(name: str, who: str, i: int, repeats: int) -> Iterator[tuple[float | None, str]]:
    """(value, outcome) of every repeat: questions keep their luck, so that most answers agree."""
    right = RATES[who]
    for k in range(repeats):
        luck, dice = random.Random(f"{name}{i}").random(), random.Random(f"{name}{i}{who}{k}").random()
        hit = 0.8 * luck + 0.2 * dice < right
        if name == "open":
            yield None, "ungraded"
        elif name == "steps":
            yield (grade := min(4, int(4 * luck + 2 * dice * right)) / 4), "correct" if grade == 1 else "wrong"
        elif name == "drift":
            yield round(20 + 10 * luck + (2 - right) * dice, 3), "wrong"
        elif name == "holes" and dice > 0.985:
            yield None, "ungraded"
        elif name == "gsm8k" and dice > 0.9 and who == "child":
            yield 0.0, "truncated" if luck > 0.5 else "unparsed"
        elif name == "empty" and who == "child":
            yield 0.0, "empty"
        else:
            yield float(hit), "correct" if hit else "wrong"


def put(
    writer: Writer, store: Store, who: Checkpoint, asked: Exam, settings: Settings, upto: int | None = None
) -> None:
    repeats = 4 if asked.task.name == "sampled" else 1
    run = begun(writer, who, asked, settings, repeats)
    for sample in asked.samples[:upto]:
        for k, (value, outcome) in enumerate(values_of(asked.task.name, who.name, sample.position, repeats)):
            answer = None if outcome in ("unparsed", "truncated", "empty") else "B" if value == 1 else "C"
            text = "" if outcome == "empty" else f"{HOSTILE if sample.position == 3 else '推理'} 答案：{answer}"
            tokens = 20 + sample.position % 7 * (3 if who.name == "child" else 1)
            options = (-2.0, -0.5, -1.0, -3.0) if sample.choices else None
            writer.put(
                Response(run.id, sample.id, k, "" if options else text, output_tokens=None if options else tokens, logprobs=options)
            )  # fmt: skip
            score = Score(asked.task.scorer, 1, value, answer, "cue", cast("Any", outcome))
            writer.put_score(run.id, sample.id, k, score, asked.key)
    writer.finish_run(run.id, "done")
    writer.put_results(run.id, metrics.summarise(read.table(store, run.id), asked.task, run.id))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    base = checkpoint("base", kind="base")
    child = checkpoint("child", base=base.id, kind="adapter", lineage=Lineage("lora", {"lr": "8e-5"}, parent=base.id))
    people = (base, child, checkpoint(EVIL), checkpoint("twin"))
    raw, chat = Settings(shots=5), Settings(chat=True)
    with open_store(tmp_path_factory.mktemp("compare") / "bench.db") as made, Writer(made) as writer:
        for who in people:
            for asked in EXAMS[:4] if who.name == "twin" else EXAMS:
                upto = 50 if (who.name, asked.task.name) == ("child", "short") else None
                put(writer, made, who, asked, raw, upto)
        put(writer, made, child, EXAMS[1], chat)
        put(writer, made, people[3], EXAMS[1], chat)
        for name, settings in (("long", raw), ("longer", chat)):  # nothing in common, and one task that only one has
            RATES[name] = 0.5
            put(writer, made, checkpoint(name), EXAMS[1], settings)
        put(writer, made, checkpoint("long"), EXAMS[3], raw)
        writer.flush()
        yield made


@pytest.fixture(scope="module")
def site(world: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "site"
    render(world, folder)
    return folder


@pytest.fixture(scope="module")
def slugs(world: Store) -> dict[str, str]:
    board = read_board(world)
    where = places_of(board)
    return {c.name: where.slug(c.id) for c in board.checkpoints}


@pytest.fixture(scope="module")
def columns(world: Store) -> dict[str, str]:
    return {c.name: c.slug for c in reversed(read_board(world).columns) if not c.form.chat}


@pytest.fixture
def at(site: Path, slugs: dict[str, str], opened: Any) -> Any:
    """at("base", "child", "&f=lost") -> the page with its comparison on it."""

    def at(a: str, b: str, more: str = "", **options: Any) -> Any:
        page = opened(site / "compare.html", f"#a={slugs.get(a, a)}&b={slugs.get(b, b)}{more}", **options)
        page.wait_for_selector("#sentence:visible, #trouble:visible")
        return page

    return at


def seen(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(f"{selector}:visible").all_inner_texts()]


def row(page: Any, title: str) -> list[str]:
    cells = page.locator("#lines tbody tr", has_text=title).first.locator("> *:visible")
    return [re.sub(r"\s+", " ", text).strip() for text in cells.all_inner_texts()]


def until(page: Any, condition: str) -> None:
    """The page's policy forbids the polling that Playwright itself would put into it."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(condition)


def ready(page: Any) -> Any:
    page.wait_for_selector("#items article")
    return page


# -- the numbers --------------------------------------------------------------------------------------------------


def reckoned(page: Any, a: str, b: str) -> list[dict[str, Any]]:
    """What the page's own script finds, unrounded."""
    script = """async ([a, b]) => {
        const columns = await BENCH.answers.columns(), runs = [await BENCH.answers.runs(a), await BENCH.answers.runs(b)];
        const asked = [];
        for (const slug of Object.keys(columns)) if (runs[0][slug] && runs[1][slug])
            asked.push({slug, column: columns[slug], exam: await BENCH.answers.exam(columns[slug].exam), before: runs[0][slug],
                after: runs[1][slug], why: {f1only: 'cmp_why_no_mean', open: 'cmp_why_ungraded'}[columns[slug].name] || '',
                title: {en: columns[slug].name, zh: columns[slug].name}, short: {en: columns[slug].name, zh: columns[slug].name}});
        const lines = BENCH.pairs.lines(asked), there = lines.filter(l => l.change);
        return {lines: lines.map(l => ({task: l.column.name, form: l.column.form.en, why: l.why, change: l.change, verdict: l.verdict,
            worse: l.pWorse, better: l.pBetter, more: l.more, mde: l.mde, length: l.length})), said: BENCH.said.sentence(there)};
    }"""
    return cast("list[dict[str, Any]]", page.evaluate(script, [a, b]))


@pytest.mark.parametrize(("a", "b"), SIDES)
def test_the_browser_finds_what_bench_compare_finds(
    world: Store, slugs: dict[str, str], at: Any, a: str, b: str
) -> None:
    found = cast("dict[str, Any]", reckoned(at(a, b), slugs[a], slugs[b]))
    told, _ = pairs.find(world, a, b)
    expected = comparison.compare_all([(p.before, p.after) for p in told])
    theirs = {
        (line.change.task, p.before.fingerprint["must"]["settings"]["chat"]): line
        for p, line in zip(told, expected, strict=True)
        if isinstance(line, comparison.Line) and p.after.is_mean
    }
    mine = {(x["task"], "chat" in x["form"]): x for x in found["lines"] if x["change"]}
    assert mine.keys() == theirs.keys() and len(mine) >= 5
    drawn = 0
    for key, line in theirs.items():
        change, ours = line.change, mine[key]["change"]
        for name in ("before", "after", "change", "low", "high"):
            assert ours[name] == pytest.approx(getattr(change, name), abs=2e-6), (key, name)
        assert (ours["lost"], ours["gained"], ours["n"]) == (change.lost, change.gained, change.n), key
        loose = 0.02 if "sign flips" in change.method else 1e-9  # Python draws signs, the page inverts
        drawn += loose > 1e-3
        assert ours["p"] == pytest.approx(change.p, abs=loose), key
        assert ours["pBetter"] == pytest.approx(change.p_better, abs=loose), key
        assert mine[key]["verdict"] == line.verdict, key
        for name, p in (
            ("worse", line.p_worse),
            ("better", line.p_better),
        ):  # by what the browser can't test, never below
            assert mine[key][name] > p - len(expected) * loose, (key, name)
        assert mine[key]["mde"] == pytest.approx(change.mde and line.change.mde, abs=1e-6), key
        more = mine[key]["more"]
        assert (more is None) == (line.more is None) and abs((more or 0) - (line.more or 0)) <= 1, key  # a ceiling
        assert mine[key]["length"] == pytest.approx(line.length) if line.length else mine[key]["length"] is None, key
    assert drawn >= 3  # subjects, grades and clusters were among them
    told_lines = [theirs[x["task"], "chat" in x["form"]] for x in found["lines"] if x["change"]]
    said = [found["said"]["en"].replace("−", "-"), str(comparison.sentence(told_lines))]
    said = [re.sub(r"about [\d,]+ more", "about N more", text) for text in said]
    assert said[0] == said[1]


def test_what_the_page_shows_is_what_was_reckoned(at: Any, slugs: dict[str, str]) -> None:
    page = at("base", "child", "&t=unknown")  # the boldest one
    assert page.locator("#one-title").inner_text() == "EMPTY"
    gsm = next(
        x
        for x in cast("dict[str, Any]", reckoned(page, slugs["base"], slugs["child"]))["lines"]
        if x["task"] == "gsm8k"
    )
    cells = row(page, "GSM8K")
    change = gsm["change"]
    spelt = f"{100 * change['change']:+.1f} [{100 * change['low']:+.1f}, {100 * change['high']:+.1f}]".replace("-", "−")
    assert cells[1] == gsm["verdict"] and cells[4] == spelt
    assert cells[2:4] == [f"{100 * change['before']:.1f}", f"{100 * change['after']:.1f}"]
    assert cells[7:9] == [f"{change['lost']} / {change['gained']}", "250"]
    assert re.fullmatch(r"0\.0 → [1-9]\.\d", cells[9]) and re.fullmatch(r"0\.0 → [1-9]\.\d", cells[10])
    assert cells[-1] == f"{gsm['length']:.2f}×"
    assert (
        row(page, "CEVAL")[9:11] == ["–", "–"] and row(page, "STEPS")[9] == "0.0"
    )  # options were scored: nothing was written


def test_tasks_that_cannot_stand_side_by_side_say_why(at: Any) -> None:
    page = at("base", "child")
    apart = dict(zip(seen(page, "tr.pending th"), seen(page, "tr.pending td"), strict=True))
    assert "bench compare" in apart["F1ONLY"]
    assert apart["OPEN"].startswith("Nothing to score")
    assert "50 of the 100 questions answered before" in apart["SHORT"]
    other = at("long", "longer")
    assert other.locator("#sentence").inner_text() == "Nothing could be compared."
    apart = dict(zip(seen(other, "tr.pending th"), seen(other, "tr.pending td"), strict=True))
    assert apart == {
        "CASES": "Only the checkpoint before was asked.",
        "GSM8K": "Asked differently. Before: 5-shot · raw. After: 0-shot · chat.",
    }
    assert not other.locator("#one").is_visible()


def test_unanswered_questions_are_told(at: Any) -> None:
    assert re.search(
        r"HOLES: \d+ questions without a graded answer before and \d+ after count as wrong",
        at("base", "child").locator("#notes").inner_text(),
    )


def test_the_words_are_those_of_bench_compare_in_both_languages() -> None:
    from harness.words import dictionary

    zh = dictionary("zh")
    for key, template in compare_words.SENTENCES.items():
        assert template in zh, key
    said = compare_words.carried()
    slots = re.compile(r"\{\w+\}")
    for key, texts in said.items():
        assert sorted(slots.findall(texts["en"])) == sorted(slots.findall(texts["zh"])), key


# -- reading ------------------------------------------------------------------------------------------------------


def test_the_square_filters_and_the_address_keeps_it(at: Any, columns: dict[str, str]) -> None:
    page = ready(at("base", "child", f"&t={columns['cases']}"))
    counts = {b.get_attribute("data-f"): int(b.locator("b").inner_text()) for b in page.locator("#square button").all()}
    assert sum(counts.values()) == int(page.locator("#lines tr.chosen td").nth(7).inner_text())
    for kind, n in counts.items():
        page.locator(f"#square [data-f={kind}]").click()
        until(page, f"document.querySelector('#list-title').innerText.endsWith(': {n}')")
        assert f"f={kind}" in page.url
        assert page.locator("#square [aria-pressed=true]").get_attribute("data-f") == kind
        until(page, f"document.querySelectorAll('#items article').length === {min(n, 20)}")
        assert set(seen(page, "#items .kind")) <= {{"both": "both right", "neither": "both wrong"}.get(kind, kind)}
    page.go_back()
    until(page, "document.querySelector('#square [aria-pressed=true]').dataset.f === 'gained'")
    page.go_forward()
    until(page, "document.querySelector('#square [aria-pressed=true]').dataset.f === 'neither'")
    while page.locator("#more").is_visible():
        before = page.locator("#items article").count()
        page.locator("#more").click()
        until(page, f"document.querySelectorAll('#items article').length > {before}")
    assert page.locator("#items article").count() == counts["neither"]


def test_subjects_and_search_narrow_the_list(at: Any, columns: dict[str, str]) -> None:
    page = ready(at("base", "child", f"&t={columns['ceval']}"))
    table = page.locator("#subjects-table tbody tr")
    assert table.count() == 7
    changes = [float(text.replace("−", "-")) for text in seen(page, "#subjects-table tbody td:nth-child(5)")]
    assert changes == sorted(changes) and sum(map(int, seen(page, "#subjects-table tbody td:nth-child(2)"))) == 168
    name = table.first.locator("a").inner_text()
    table.first.locator("a").click()
    until(page, "document.querySelector('#subject').value !== ''")
    assert page.locator("#subject").input_value() == name and "subject=" in page.url
    ready(page)
    assert set(seen(page, "#items [data-slot=subject]")) == {name}
    total = sum(int(text) for text in seen(page, "#square b"))
    assert total == int(table.first.locator("td").first.inner_text())
    every = page.locator("#subject option").first
    assert every.inner_text() == "All subjects"
    page.locator("#language").click()
    assert every.inner_text() == "全部学科" and page.locator("#list-title").inner_text().endswith(" 题")
    page.locator("#language").click()
    page.locator("#subject").select_option("")
    until(page, "!location.hash.includes('subject')")
    page.locator("#square [data-f=both]").click()
    until(page, "document.querySelector('#square [aria-pressed=true]').dataset.f === 'both'")
    number = ready(page).locator("#items article").last.locator(".number").inner_text()[1:]
    page.locator("#q").fill(f"NEEDLE{int(number) - 1}")
    until(page, "/of .* contain this text/.test(document.querySelector('#found').innerText)")
    assert number in [text[1:] for text in seen(page, "#items .number")] and "q=NEEDLE" in page.url
    page.locator("#q").fill("no such text anywhere")
    until(page, "document.querySelector('#found').innerText.startsWith('0 of')")
    assert page.locator("#items article").count() == 0


def test_a_link_leads_to_its_question_and_j_and_k_walk_on(at: Any, columns: dict[str, str]) -> None:
    gsm = columns["gsm8k"]
    page = ready(at("base", "child", f"&t={gsm}&f=both"))
    numbers = seen(page, "#items .number")
    wanted = numbers[-1][1:]
    page = ready(at("base", "child", f"&t={gsm}&s={wanted}"))  # no filter: the question's own
    assert page.locator("#square [aria-pressed=true]").get_attribute("data-f") == "both"
    assert page.locator("#items article.at .number").inner_text() == f"#{wanted}"
    assert page.evaluate("document.activeElement.classList.contains('flip')")
    page.keyboard.press("j")
    until(page, f"!location.hash.includes('s={wanted}')")
    following = page.locator("#items article.at .number").inner_text()[1:]
    assert int(following) > int(wanted) and f"s={following}" in page.url
    page.keyboard.press("k")
    page.keyboard.press("k")  # before the first that is drawn: those before it are fetched
    until(page, f"document.querySelector('#items article.at .number').innerText === '{numbers[-2]}'")
    read_ = page.locator("#items article.at [data-slot=read]").first.get_attribute("href")
    assert re.fullmatch(rf"samples\.html#c=base-\w+&s={numbers[-2][1:]}&t={gsm}", read_)
    assert page.locator("#items article.at mark").count() == 2  # the extracted answer of both sides


def test_the_pickers_find_by_keyboard_and_swap_turns_the_comparison_round(at: Any, slugs: dict[str, str]) -> None:
    page = ready(at("base", "child", "&f=lost"))
    lost, change = page.locator("#square [data-f=lost] b").inner_text(), row(page, "STEPS")[4]
    page.locator("#swap").click()
    until(page, f"location.hash.includes('a={slugs['child']}')")
    until(page, "document.querySelector('#square [aria-pressed=true]').dataset.f === 'gained'")
    assert page.locator("#square [data-f=gained] b").inner_text() == lost
    assert row(page, "STEPS")[4].split()[0].strip("+−") == change.split()[0].strip("+−")
    task_link = page.locator("#lines tbody a", has_text="GSM8K")
    task_link.focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#one-title').innerText.startsWith('GSM8K')")
    assert page.evaluate("document.activeElement.innerText") == "GSM8K"  # where the reader was
    page.go_back()
    box = page.locator("#side-b")
    box.focus()
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-expanded") == "true"
    page.keyboard.type("tw")
    assert [text.split("\n")[0] for text in seen(page, "#list-b li")] == ["twin"]
    assert page.locator(f"#{box.get_attribute('aria-activedescendant')}").is_visible()
    page.keyboard.press("Escape")
    assert box.input_value() == "base" and not page.locator("#list-b").is_visible()
    page.keyboard.type("twi")
    page.keyboard.press("Enter")
    until(page, f"location.hash.includes('b={slugs['twin']}')")
    assert box.input_value() == "twin"
    page.go_back()
    until(page, "document.querySelector('#side-b').value === 'base'")


def test_one_side_alone_stands_against_its_parent_or_its_child(site: Path, slugs: dict[str, str], opened: Any) -> None:
    for fragment in (f"#b={slugs['child']}", f"#a={slugs['base']}"):
        page = opened(site / "compare.html", fragment)
        page.wait_for_selector("#sentence:visible")
        assert (page.locator("#side-a").input_value(), page.locator("#side-b").input_value()) == ("base", "child")


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("base", "base", "Both sides are the same checkpoint"),
        ("base", "no-such", "This board has no checkpoint “no-such”"),
        ("twin", "", "Choose the checkpoint of the other side"),
    ],
)
def test_a_pair_that_is_none_gets_one_sentence(at: Any, a: str, b: str, said: str) -> None:
    page = at(a, b)
    assert page.locator("#trouble").inner_text().startswith(said)
    assert not page.locator("#result").is_visible()


def test_a_missing_data_file_is_told(site: Path, slugs: dict[str, str], browser: Any, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / "data" / "runs" / f"{slugs['child']}.js").unlink()
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto((tmp_path / "site" / "compare.html").as_uri() + f"#a={slugs['base']}&b={slugs['child']}")
    page.wait_for_selector("#trouble:visible")
    assert (
        page.locator("#trouble").inner_text()
        == f"data/runs/{slugs['child']}.js can't be loaded; the site was not copied whole."
    )
    context.close()


def test_the_command_of_record_survives_hostile_names(at: Any, slugs: dict[str, str]) -> None:
    words = at("base", "child").locator("#command").inner_text().split()
    assert words[:5] == ["bench", "compare", "base", "child", "--tasks"]
    assert {"ceval", "gsm8k"} <= set(words[5].split(",")) and "f1only" not in words[5]
    command = at("base", EVIL).locator("#command").inner_text()
    assert command.split()[3] == slugs[EVIL][-8:]  # a name that nobody could type is its id


def test_without_published_answers_counts_and_tests_are_still_there(
    world: Store, slugs: dict[str, str], opened: Any, tmp_path: Path
) -> None:
    render(world, tmp_path / "site", samples="none")
    page = opened(tmp_path / "site" / "compare.html", f"#a={slugs['base']}&b={slugs['child']}&f=lost")
    ready(page)
    assert page.locator("#square [data-f=lost] b").inner_text() != "0" and not page.locator("#q").is_visible()
    assert seen(page, "#items .asked p")[0] == "The question is not published."
    assert "not published" in page.locator("#items .reply").first.inner_text()


# -- for everybody ------------------------------------------------------------------------------------------------


def test_hostile_names_questions_and_answers_stay_text(at: Any, columns: dict[str, str]) -> None:
    steps = columns["steps"]
    for number in (1, 4):
        page = ready(at("base", EVIL, f"&t={steps}&s={number}"))
        item = page.locator("#items article.at")
        assert "<script>alert(1)</script>" in item.inner_text() and "U+202E" in item.inner_text()
        assert page.locator("main script, main img, main b b").count() == 0
    page.locator("#side-b").click()
    assert "U+202E" in page.locator("#list-b").inner_text() and "\u202e" not in page.locator("#side-b").input_value()
    page = ready(at(EVIL, "base", f"&t={columns['ceval']}&s=1"))
    assert "alert(1)" in page.locator("#items article.at .choices").inner_text()


def test_both_themes_and_languages_are_sound_for_assistive_technology_and_fit_a_phone(
    at: Any, faults: Any, columns: dict[str, str]
) -> None:
    gsm = columns["gsm8k"]
    for width, scheme, language in ((1280, "light", "en-US"), (360, "dark", "zh-CN")):
        page = ready(
            at(
                "base",
                "child",
                f"&t={gsm}&f=gained",
                viewport={"width": width, "height": 800},
                color_scheme=scheme,
                locale=language,
            )
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#side-a").click()
        assert faults(page) == []
        other = "main :is(i[lang=en], .e):visible" if language == "zh-CN" else "main :is(i[lang=zh], .z):visible"
        assert page.locator(other).count() == 0
    assert page.locator("#sentence").inner_text().startswith(("更差：", "有得有失："))
    stacked = [
        section.bounding_box()["x"]
        for section in page.locator("#items article").first.locator(".answers > section").all()
    ]
    assert stacked[0] == stacked[1]


def test_without_javascript_every_child_stands_against_its_parent(site: Path, opened: Any, faults: Any) -> None:
    page = opened(site / "compare.html", java_script_enabled=False)
    assert "needs JavaScript" in page.locator("noscript").inner_text() and not page.locator("#compare").is_visible()
    line = page.locator("#children tbody tr")
    assert line.count() == 1 and "from base" in line.inner_text()
    href = line.locator("a").get_attribute("href")
    with_script = opened(site / "compare.html")
    assert faults(with_script) == []
    assert with_script.locator("#children tbody a").get_attribute("href") == href
    with_script.locator("#children tbody a").click()
    with_script.wait_for_selector("#sentence:visible")
    assert not with_script.locator("#entry").is_visible()
    with_script.go_back()
    with_script.wait_for_selector("#children:visible")


def test_the_table_of_children_says_what_the_page_says(site: Path, at: Any, opened: Any) -> None:
    cells = seen(opened(site / "compare.html"), "#children tbody td")
    page = at("base", "child")
    shown = {re.sub(r"\s+", " ", text).strip() for text in seen(page, "#lines tbody td:nth-child(5)")}
    told = [re.sub(r"\s+", " ", text).strip() for text in cells if "[" in text]
    assert len(told) == 6 and len(set(told) & shown) == 5  # and F1, which the browser doesn't reckon
