"""One verdict in five formats: what people and machines read out of it, with names as hostile as users make them."""

from __future__ import annotations

import json as stdlib_json
import unicodedata
from xml.etree import ElementTree

import pytest

from harness import plugins
from harness.records import Outcomes
from harness.reports import change as change_report
from harness.reports import github, json, junit, markdown, terminal
from harness.verdicts import comparison, gate
from harness.verdicts.policy import GuardPolicy, TaskPolicy

HOSTILE = "模型|<script>alert(1)</script>\n@everyone `x` [a](http://b)\x1b[31m"


def pair(task, n, lost, gained, names=("base", "med-r16"), tokens=(200, 200), **fields):
    rest = [i % 2 for i in range(n - lost - gained)]
    ends = ([1] * lost + [0] * gained + rest, [0] * lost + [1] * gained + rest)
    must = {"exam": "9f3c", "settings": {"max_tokens": 512}}
    return tuple(
        Outcomes(
            task=task,
            metric="accuracy",
            checkpoint="c0ffee",
            fingerprint={"must": must, "should": {"dtype": name}},
            samples=tuple(f"{i:016x}" for i in range(n)),
            values=tuple(values),
            name=name,
            measures={"answer_tokens": tuple(length + i % 9 for i in range(n))},
            **fields,
        )
        for values, name, length in zip(ends, names, tokens, strict=True)
    )


def mixed():
    """Regressed, undecided, refused and fine tasks, and a breached guard; names that break careless formats."""
    subjects = {"subjects": tuple(f"科目{i // 200}" for i in range(1346))}
    other = pair("other", 300, 5, 5)[1]
    refused = pair("other", 300, 5, 5)[0], Outcomes(**{f: getattr(other, f) for f in other.__slots__} | {
        "fingerprint": {"must": {"exam": "9f3c", "settings": {"max_tokens": 256}}, "should": {"dtype": "med-r16"}}
    })  # fmt: skip
    suite = [
        pair("ceval", 1346, 118, 76, **subjects),
        pair("mathcot", 250, 23, 21, tokens=(200, 60)),
        pair(HOSTILE, 400, 4, 4, names=(HOSTILE, "med-r16")),
        refused,
    ]
    policy = gate.Policy(
        task={"mathcot": TaskPolicy(tolerance="2pt")}, guard={"answer_tokens": GuardPolicy(min_ratio=0.7)}
    )
    return gate.judge(suite, policy)


def passing():
    return gate.judge([pair("ceval", 5000, 100, 100)])


def failing():
    return gate.judge([pair("ceval", 1346, 118, 76), pair("mathcot", 250, 23, 21)])


def columns(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_every_format_renders_every_kind_of_verdict():
    verdicts = [mixed(), passing(), failing(), gate.judge([]), gate.judge([], missing=["mathcot"])]
    for name in set(plugins.names("harness.reports")) - {"change", "choice"}:  # no verdicts
        for verdict in verdicts:
            text = plugins.find("harness.reports", name).render(verdict)
            assert text.endswith("\n") and len(text) > 40


def test_terminal_says_the_sentence_first_then_the_table():
    verdict = failing()
    lines = terminal.render(verdict).splitlines()
    assert lines[0] == "bench gate  med-r16  vs  base"
    assert lines[1].startswith("Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4)")
    row = next(line for line in lines if line.startswith("ceval"))
    assert row.split() == [
        "ceval",
        "1,346",
        "51.6",
        "48.4",
        "-3.1",
        "[-4.8,",
        "-1.4]",
        "118/76",
        ".004",
        "3.1",
        "REGRESSED",
    ]
    assert "FAIL  exit 3" in lines[-1]


@pytest.mark.parametrize("verdict", [mixed(), failing(), passing()])
def test_terminal_is_plain_and_fits_100_columns(verdict):
    text = terminal.render(verdict)
    assert max(map(columns, text.splitlines())) <= 100
    assert "\x1b" not in text
    assert "\x1b[" in terminal.render(verdict, colour=True)
    for task in verdict.tasks:
        assert task.task[:4] in text


def compared(before, after):
    return change_report.render("base", comparison.compare_all([(before, after)]))


def test_comparison_says_better_or_worse_and_where_it_moved():
    subjects = tuple("病理学" if i < 118 else f"科目{i // 400}" for i in range(1346))
    text = compared(*pair("ceval", 1346, 118, 76, ("base", "checkpoint-" * 4), subjects=subjects))
    lines = text.splitlines()
    assert lines[0] == "Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4)."
    assert "118/76" in text and "1,346" in text
    assert "ceval: where it moved: 2 of 5 subjects moved (q at most 0.10); to look at, never judged" in text
    assert text.index("病理学") < text.index("科目0") and "-100.0" in text
    assert "checkpoint-checkpoint" in text and "dtype (should match): base -> checkpoint-" in text
    assert max(map(columns, lines)) <= 100
    vague = compared(*pair("ceval", 100, 4, 3))
    assert vague.startswith("No clear difference: -1.0 points") and "would often go unseen" in vague


def test_json_is_the_contract():
    verdict = mixed()
    text = json.render(verdict)
    assert text == json.render(mixed())
    body = stdlib_json.loads(text)
    assert (body["schema_version"], body["status"], body["exit_code"], body["alpha"]) == (
        1,
        "not_comparable",
        4,
        0.05,
    )
    by_task = {t["task"]: t for t in body["tasks"]}
    assert set(by_task) == {"ceval", "mathcot", "other", HOSTILE}
    assert by_task["ceval"]["judgement"] == "regressed" and by_task["ceval"]["change"]["lost"] == 118
    (refused,) = [d for d in by_task["other"]["change"]["differences"] if d["class"] == "must"]
    assert (refused["field"], refused["before"], refused["after"]) == ("settings.max_tokens", 512, 256)
    assert body["guards"][0]["level"] in ("refuse", "warn", "info") and body["policy_sha"]


def test_junit_counts_failures_errors_and_skips():
    root = ElementTree.fromstring(junit.render(mixed()))
    tasks, guards = root.findall("testsuite")
    assert {k: tasks.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    assert "max_tokens is 512 before and 256 after" in tasks.find(".//error").get("message")
    assert guards.get("failures") == "1" and "shrank to 0.31x" in guards.find(".//failure").get("message")
    nothing = ElementTree.fromstring(junit.render(gate.judge([])))
    assert nothing.find(".//error").get("message").startswith("Nothing to compare")


def test_markdown_has_the_alert_the_table_and_no_way_to_break_out():
    text = markdown.render(mixed())
    assert "> [!CAUTION]" in text and "**regressed** (tolerance 1.0)" in text and "needs n ≈" in text
    assert "<script>" not in text and "@everyone" not in text and "](http" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    table = [line.replace("\\|", "") for line in rows[: 2 + len(mixed().tasks)]]
    assert {line.count("|") for line in table[:5]} == {12}
    assert "> [!NOTE]" in markdown.render(passing()) and "(exit 0)" in markdown.render(passing())


def test_annotations_stand_on_the_line_of_the_tolerance():
    toml = '[gate]\nalpha = 0.05\n[gate.task."mathcot"]\ntolerance = "2pt"\n[gate.task.ceval]\n# why\n\nmetric = "accuracy"\n'
    toml += 'tolerance = "1.5pt"\n[gate.guard]\nempty_rate = { max = "1%" }\n'
    assert github.places(toml) == {"mathcot": 4, "ceval": 9, "guard.empty_rate": 11}
    text = github.render(failing(), github.places(toml))
    first = text.splitlines()[0]
    assert first.startswith(
        "::error file=bench.toml,line=9,title=bench gate%3A ceval regressed::-3.1 points on ceval (90 %25"
    )
    lines = github.render(mixed()).splitlines()
    assert len(lines) == 4 and all(line.startswith(("::error ", "::warning ")) for line in lines)
    assert sum(line.startswith("::warning ") for line in lines) == 1  # undecided is no error unless strict
    assert github.render(passing()).startswith("::notice title=bench gate%3A pass::Not worse")
