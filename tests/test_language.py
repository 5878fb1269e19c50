"""Terminal words in Chinese: none is missing, none is left over, tables stay aligned, and nothing that a program reads moves."""

from __future__ import annotations

import copy
import json
import pickle
import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
import site_world
import words_in_code
from click.testing import CliRunner, Result

from harness import words
from harness.cli import _tables, cli, show
from harness.records import Judgement
from harness.reports import change, terminal
from harness.verdicts import comparison, gate
from harness.verdicts.wording import printable

ZH = {"BENCH_LANG": "zh"}
EN = {"BENCH_LANG": "en"}
TABLES = (
    ["runs"], ["show", "good", "-n", "1"], ["compare", "base", "good", "damaged"], ["gate", "damaged", "--baseline", "base"],
    ["gate", "good", "--baseline", "base"], ["pick", "base", "good", "damaged", "--on", "ceval,gsm8k"], ["store", "check"],
    ["compare", "base", "good", "--tasks", "ceval"], ["diagnose", "damaged", "--parent", "base"],
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("language") / "bench.db"
    with site_world.small_world(path):
        pass
    return path


def run(arguments: list[str], store: Path | None = None, env: Mapping[str, str] = ZH) -> Result:
    more = ["--store", str(store)] if store else []
    return CliRunner(env=dict(env)).invoke(cli, [*arguments, *more], standalone_mode=False)


# -- the dictionary ---------------------------------------------------------------------------------------------


def test_every_template_in_the_code_has_chinese_words_and_no_chinese_is_left_over() -> None:
    said, known = words_in_code.templates(), words.dictionary("zh")
    assert not [f"{where}: {text}" for text, where in said.items() if text not in known], "without Chinese"
    assert not [text for text in known if text not in said], "of nothing that is said"
    assert len(said) > 300  # else the source was not read


@pytest.mark.parametrize("english", sorted(words.dictionary("zh")))
def test_a_translation_fills_in_the_same_values_and_uses_chinese_punctuation(english: str) -> None:
    chinese = words.dictionary("zh")[english]
    assert _fields(chinese) == _fields(english)
    assert not re.search(r"[\u4e00-\u9fff] ?[,;!?]", chinese), "half-width punctuation after a Chinese character"
    assert not re.search(r"\([^)]*[\u4e00-\u9fff]", chinese), "half-width brackets around Chinese"


def _fields(template: str) -> set[str]:
    return {f"{name}{spec}" for _, name, spec, _ in string.Formatter().parse(template) if name is not None}


def test_no_key_stands_twice() -> None:
    """The later one would win in silence."""
    seen: list[str] = []
    text = (words_in_code.ROOT / "harness" / "i18n" / "zh.json").read_text("utf-8")
    json.loads(text, object_pairs_hook=lambda pairs: seen.extend(key for key, _ in pairs))
    assert len(seen) == len(set(seen)) == len(words.dictionary("zh"))


def test_every_verdict_has_its_word() -> None:
    known = words.dictionary("zh")
    for of, words_of in (
        (Judgement, terminal.WORDS), (gate.Status, terminal.STATUS), (comparison.Verdict, change.VERDICTS),
    ):  # fmt: skip
        assert set(words_of) == set(get_args(of))
        assert all(isinstance(word, words.Said) and known[word] != word for word in words_of.values())
    assert all(known[word] for word in (*show.STATUS.values(), *show.OUTCOMES.values()))


# -- what language ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "zh_TW"}, "zh"), ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"), ({"LANG": "C"}, "en"), ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"), ({"LC_MESSAGES": "zh_CN", "LANG": "en_US"}, "zh"),
        ({"BENCH_LANG": "en", "LC_ALL": "zh_CN.UTF-8"}, "en"), ({"BENCH_LANG": "zh", "LC_ALL": "C"}, "zh"),
        ({"BENCH_LANG": "ZH"}, "zh"),
    ],
)  # fmt: skip
def test_the_locale_decides_in_the_usual_order(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], language: str
) -> None:
    for name in ("BENCH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert words.language() == language


# -- said and told -------------------------------------------------------------------------------------------------


def test_what_is_said_is_plain_english_for_files_and_whole_sentences_for_a_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BENCH_LANG", "zh")
    moved = words.say("{what} {unit} on {task} (90 % interval {low} to {high})", what="-3.1", unit=words.say("points"),
                      task="ceval", low="-4.8", high="-1.4")  # fmt: skip
    said = words.say("Worse: {worst}{also}{count}.", worst=moved, also="", count=words.say("; {n} of {of} tasks regressed", n=1, of=2))  # fmt: skip
    english = "Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4); 1 of 2 tasks regressed."
    assert said == english and json.loads(json.dumps({"sentence": said})) == {"sentence": english}
    chinese = "更差：ceval -3.1 分（90% 区间 -4.8 至 -1.4）；2 个任务中 1 个退步。"
    for one in (said, copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert words.told(one) == chinese
    assert words.told(words.listed(["a", words.say("worse"), "worse"])) == "a、更差、worse"


def test_names_from_outside_are_never_taken_for_words_or_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_LANG", "zh")
    for name in ("worse", "{task}", "{0.__class__}", "points", "%s"):
        assert words.told(name) == name
        assert words.told(words.say("{name}: {said}", name=name, said=words.say("better"))) == f"{name}：更好"


# -- commands ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
def test_tables_in_chinese_stay_aligned_and_within_their_width(store: Path, arguments: list[str]) -> None:
    english, chinese = run(arguments, store, EN), run(arguments, store)
    assert (english.exception, english.exit_code) == (None, chinese.exit_code), chinese.output
    assert re.search("[\u4e00-\u9fff]{2}", chinese.stdout) and chinese.stdout != english.stdout
    for head, row in _tables_in(chinese.stdout):
        assert _starts(row)[:2] == _starts(head)[:2], f"{head}\n{row}"  # the first columns are texts, to the left
    if arguments[0] not in ("runs", "show", "diagnose"):  # those have as many columns as they have facts
        lines = [line for line in chinese.stdout.splitlines() if "bench compare run:" not in line]  # to be copied whole
        assert [line for line in lines if _tables.width(line) > 100] == []


def _tables_in(text: str) -> list[tuple[str, str]]:
    """(head, row) of each table with a rule under its head."""
    lines, found = text.splitlines(), []
    for i, line in enumerate(lines):
        if line.startswith("──") and not line.strip("─") and i:
            found += [(lines[i - 1], row) for row in lines[i + 1 : i + 4] if "  " in row]
    return found


def _starts(line: str) -> list[int]:
    """Where columns begin, counted in what a terminal shows."""
    return [_tables.width(line[: match.start()]) for match in re.finditer(r"(?<!\S)\S+(?: \S+)*", line)]


def test_a_chinese_reader_sees_the_verdict_first(store: Path) -> None:
    told = run(["gate", "damaged", "--baseline", "base"], store).stdout
    assert re.search(r"更差：\w+ -\d+\.\d 分（90% 区间 -\d+\.\d\s+至\s+-\d+\.\d）", told)
    assert "退步" in told and told.rstrip().splitlines()[-1].startswith("查看：bench compare run:")
    assert "不通过  退出码 3" in told
    left = run(["compare", "base", "good", "--tasks", "ceval"], store).stdout
    assert left.startswith("更好：ceval +") and "之前：base   之后：good" in left


def test_programs_read_the_same_in_every_language(store: Path, tmp_path: Path) -> None:
    for arguments in (*TABLES[:-4], *TABLES[-2:]):
        asked = [*arguments, "--json"]
        english, chinese = run(asked, store, EN), run(asked, store)
        assert english.stdout == chinese.stdout and english.exit_code == chinese.exit_code
    for env, name in ((EN, "en"), (ZH, "zh")):
        files = ["--md", str(tmp_path / f"{name}.md"), "--junit", str(tmp_path / f"{name}.xml")]
        code = run(["gate", "damaged", "--baseline", "base", *files], store, env).return_value
        assert code == 3
    for kind in ("md", "xml"):
        assert (tmp_path / f"en.{kind}").read_bytes() == (tmp_path / f"zh.{kind}").read_bytes()


def test_mistakes_and_help_stay_english(store: Path) -> None:
    for env in (EN, ZH):
        assert str(run(["compare", "base", "nobody"], store, env).exception).startswith("no run in ")
        assert run(["gate", "--help"], None, env).stdout.startswith("Usage: ")
    assert run(["gate", "--help"], None, EN).stdout == run(["gate", "--help"]).stdout


@pytest.mark.parametrize("env", [EN, ZH], ids=["en", "zh"])
@pytest.mark.parametrize("arguments", [["tasks"], ["tasks", "--metrics"]], ids=" ".join)
def test_lists_of_what_can_be_asked_fit_100_columns(arguments: list[str], env: Mapping[str, str]) -> None:
    told = run(arguments, None, env)
    assert told.exception is None and len(told.stdout.splitlines()) > 30
    assert [line for line in told.stdout.splitlines() if _tables.width(line) > 100] == []


def test_folded_lines_hold_every_word_and_no_line_begins_with_a_full_stop() -> None:
    for text in (
        "一二三四五，六七八九十。甲乙丙（丁）戊己庚辛壬癸",
        "a quick brown fox",
        "supercalifragilistic 长词",
        "",
        "  ",
    ):
        lines = _tables.folded(text, 9)
        assert all(_tables.width(line) <= 9 + 2 * line.endswith(tuple("，。）")) for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())
        assert not any(line.startswith(tuple("，。）")) for line in lines)


def test_a_hostile_name_cannot_steer_the_terminal_in_chinese_either(store: Path) -> None:
    told = run(["runs"], store).stdout
    assert printable(told.replace("\n", "")) == told.replace("\n", "") and "\u202e" not in told
