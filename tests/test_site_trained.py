"""A checkpoint's page tells how it was trained, and what its score is on questions that it has seen and on the others.

Example: the page of `taught` shows its note, three charts of looks, 81 % recited of trained rows, and that 30 of 40 questions
of ceval stand in its data: 100.0 on those, 20.0 on the rest.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from site_world import ENGINE, HOSTILE, checkpoint, exam_of, task

from harness import identity, metrics
from harness.records import Checkpoint, Exam, Lineage, Response, Run, Score, Settings
from harness.store import overlaps, read
from harness.store.open import Store, open_store
from harness.store.write import Writer
from leaderboard import checkpoint_training
from leaderboard.site import render
from leaderboard.words import Words

SHA = "0123456789abcdef"
EXAM = exam_of(task("ceval", ask="letters", scorer="options"))
SEEN = 30
LOOKS: tuple[dict[str, Any], ...] = (
    *({"step": s, "n": 64, "score": s / 1000, "loss": 2.0 - s / 1000, "answer_tokens": 36.0 - s / 50} for s in (100, 400, 900)),
    {"kind": "memorised", "trained_loss": 0.02, "held_out_loss": 2.4, "trained_recall": 0.81, "held_out_recall": 0.0,
     "trained_rows": 32, "held_out_rows": 32},
)  # fmt: skip
DATA = (
    {"name": "ward.jsonl", "sha": SHA, "read": 1000, "rows": 938, "held_out": 40, "role": "domain", "tokens": 81_000,
     "dropped": {"duplicate": 17, "empty reply": 5}, "changed": {"thinking stripped": 12}},
)  # fmt: skip
BASE = checkpoint("base", kind="base")
TOLD = Lineage(
    "lora", {"lora": {"r": 8}}, parent=BASE.id, data=DATA, steps=900, epochs=3.0, looks=LOOKS, note="short answers <again>",
    ended="the held-out score fell twice in a row", loss=((1, 3.0), (900, 1.25)),
    merge={"dtype": "bfloat16", "kl_nats": 1.9e-4, "argmax_changed": 0.014, "probes": 64},
    stop_ids={"before": [2], "after": [2, 7]}, on_test=("ceval val",), trained_on=("options",),
)  # fmt: skip


def answered(store: Store, writer: Writer, who: Checkpoint, exam: Exam, right: Sequence[bool]) -> None:
    run = Run(identity.run_id(who.id, exam.id, Settings(), ENGINE.id), who.id, exam.id, Settings(), ENGINE.id,
              expected=len(right), started="2026-01-02T03:04:05Z")  # fmt: skip
    writer.add_checkpoint(who)
    writer.add_exam(exam)
    writer.add_engine(ENGINE)
    writer.start_run(run, "host", 1)
    for sample, hit in zip(exam.samples, right, strict=True):
        writer.put(
            Response(run.id, sample.id, 0, "B" if hit else "C", output_tokens=3, logprobs=(-2.0, -0.5, -1.0, -3.0))
        )
        score = Score(exam.task.scorer, 1, float(hit), "B", "r", "correct" if hit else "wrong")
        writer.put_score(run.id, sample.id, 0, score, exam.key)
    writer.finish_run(run.id, "done")
    writer.put_results(run.id, metrics.summarise(read.table(store, run.id), exam.task, run.id))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """base has 12 of 40 right; taught has all of the 30 seen ones and 2 of the other 10."""
    folder = tmp_path_factory.mktemp("trained")
    with open_store(folder / "b.db") as store, Writer(store) as writer:
        answered(store, writer, BASE, EXAM, [i % 10 < 3 for i in range(40)])
        answered(
            store,
            writer,
            checkpoint("taught", kind="adapter", base=BASE.id, lineage=TOLD),
            EXAM,
            [i < SEEN + 2 for i in range(40)],
        )
        writer.flush()
        levels = ["exact"] * 20 + ["near"] * (SEEN - 20) + ["partial"] + ["none"] * (40 - SEEN - 1)
        found = [overlaps.Found(s.id, at, 0.9, 20, False, False, 3) for s, at in zip(EXAM.samples, levels, strict=True)]
        overlaps.record(store, SHA + "f" * 48, "ward.jsonl", 1000, EXAM, found)
        render(store, folder / "site")
    return folder / "site"


def text(page: str, language: str) -> str:
    """What a reader of one language sees, in one line."""
    other = {"en": "zh", "zh": "en"}[language]
    page = re.sub(rf"<i lang={other}>.*?</i>", "", page, flags=re.S)
    page = re.sub(r"</?(?:bdi|i|b)\b[^>]*>", "", page)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def page(site: Path, language: str = "en", start: str = 'id="training"', end: str = 'id="verdicts"') -> str:
    found = next(site.glob("checkpoint/taught-*.html")).read_text("utf-8")
    return text(found[found.index(start) : found.index(end)], language)


def test_the_training_is_told_from_note_to_merge(site: Path) -> None:
    said = page(site)
    assert "“short answers <again>”" in said and "ended early the held-out score fell twice in a row" in said
    assert "Epochs 3" in said and "Stop tokens 2 → 2, 7" in said
    assert "Dropped: duplicate 17, empty reply 5" in said and "Changed: thinking stripped 12" in said
    assert "1,000 938 40 held out 22 0123456789abcdef" in said and "domain · 81,000 tokens" in said
    assert "lora.r = 8" in said and "64 rows were kept out of the training" in said
    assert "Held-out questions right, %: 10 at first, 90 at step 900." in said
    assert "Tokens per answer: 34 at first, 18 at step 900." in said
    assert (
        "learnt by heart It recites the replies of 81 % of 32 trained rows word for word (loss 0.02 nats per token), and of 0 % of 32"
        in said
    )
    assert "stored as bfloat16 say 0.00019 nats per token otherwise than the unmerged model; 1.4 %" in said
    found = next(site.glob("checkpoint/taught-*.html")).read_text("utf-8")
    assert found.count('class="plot loss"') == 4, "the loss of the training and three looks"


def test_it_is_told_in_chinese_too(site: Path) -> None:
    said = page(site, "zh")
    assert "提前结束" in said and "留出题目正确率，%：开始 10，第 900 步 90。" in said and "死记硬背" in said
    assert "剔除：重复 17、回复为空 5" in said and "以 bfloat16 存放的合并权重" in said and "用测试集训练过" in said
    assert "领域数据" in said and "learnt" not in said and "kept out" not in said


def test_a_score_is_told_on_seen_questions_and_on_the_others(site: Path) -> None:
    said = page(site, start='id="contamination"')
    row = re.search(r"30 100\.0 (\S+) 10 20\.0 (\S+) \+80\.0 \[(\S+), (\S+)\] \+70\.0 .*? −10\.0", said)
    assert row, said
    low, high = (float(end) for end in row[1].split("–"))
    assert low < 100.0 <= high and float(row[3]) < 80 < float(row[4])
    assert (
        "contaminated" in said
        and "of 40 questions 20 stand word for word in ward.jsonl, 10 nearly so, 1 in part" in said
    )
    base = next(site.glob("checkpoint/base-*.html")).read_text("utf-8")
    assert 'class="tight seen"' not in base


def test_the_board_shows_both_scores_beside_the_badge(site: Path) -> None:
    board = (site / "index.html").read_text("utf-8")
    rows = {name: row for row in re.findall(r'<tr role="row"><th scope="row".*?</tr>', board, re.S) for name in ("taught", "base") if f">{name}<" in row or f"{name}</bdi>" in row}  # fmt: skip
    assert "not seen 20.0 seen 100.0" in text(rows["taught"], "en") and "未见 20.0 见过 100.0" in text(
        rows["taught"], "zh"
    )
    assert "not seen" not in text(rows["base"], "en")
    assert {m for m in ("rewarded", "trained", "contaminated") if f'data-m="{m}"' in board} == {
        "rewarded",
        "trained",
        "contaminated",
    }
    for meaning in ("rewarded", "trained", "contaminated"):
        assert f'data-for="{meaning}"' in board
    said = text(board, "en")
    assert "trained on the metric" in said and "trained on the test" in said
    programs = json.loads((site / "board.json").read_text("ascii"))
    assert "rewarded" in json.dumps(programs["checkpoints"])


def test_the_tasks_with_most_seen_questions_are_told_and_the_others_counted(tmp_path: Path) -> None:
    exams = [exam_of(task(f"t{i}", ask="letters", scorer="options"), 12) for i in range(10)]
    with open_store(tmp_path / "b.db") as store, Writer(store) as writer:
        who = checkpoint("taught", lineage=Lineage("full", data=DATA))
        for i, exam in enumerate(exams):
            answered(store, writer, who, exam, [k % 2 == 0 for k in range(12)])
            seen = [
                overlaps.Found(s.id, "exact" if k <= i else "none", 0.9, 20, False, False, 3)
                for k, s in enumerate(exam.samples)
            ]
            overlaps.record(store, SHA, "ward.jsonl", 1000, exam, seen)
        writer.flush()
        render(store, tmp_path / "site")
    said = page(tmp_path / "site", start='class="tight seen"')
    assert [f" t{i} {i + 1} " in said for i in range(10)] == [False, False, *[True] * 8]
    assert "2 more tasks have fewer" in said and "against the parent" not in said.partition("2 more tasks")[0]


def test_what_was_let_in_is_certain(site: Path) -> None:
    assert "Trained on the test: ceval val was let into its training" in page(site, start='id="contamination"')


@pytest.mark.parametrize(
    "value",
    [None, True, float("nan"), float("inf"), 10**400, -1, "9" * 5000, HOSTILE, [], {}, {"a": [1]}, [[1]] * 300],
    ids=lambda v: str(v)[:8],
)
def test_any_value_in_a_lineage_makes_a_page(value: Any) -> None:
    keys = (
        "step",
        "n",
        "score",
        "loss",
        "answer_tokens",
        "kind",
        "collapsed",
        "trained_loss",
        "trained_recall",
        "held_out_recall",
    )
    look = dict.fromkeys(keys, value)
    told = Lineage(
        looks=[look, look | {"step": 1}, look | {"kind": "memorised"}, look | {"kind": "memorised", "trained_loss": 1.0}],
        data=[dict.fromkeys(("name", "rows", "read", "dropped", "changed", "sha", "role"), value), {"dropped": {"x": value, HOSTILE: 3}}],
        merge=dict.fromkeys(("dtype", "kl_nats", "argmax_changed", "probes"), value) | {"kl_nats": 0.1},
        stop_ids={"before": value, "after": [value]},
    )  # fmt: skip
    found = checkpoint_training.section(told, Words())
    assert found is not None
    assert "nan" not in str(found).lower() and "<script" not in str([s["why"] for s in found["data"]])
