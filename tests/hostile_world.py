"""A store whose every text is hostile: what breaks out of HTML, of a script, of a line, of JSON, of a path, of a table.

Example: build(Path("bench.db")) writes 39 checkpoints named by TEXTS, four tasks named like members of Object.prototype, and
the words PLANTED-Q, -G, -P, -T … in every question, gold, prompt, answer, so that a leak can be grepped for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from site_world import ENGINE

from harness import identity, metrics
from harness.records import (
    Checkpoint,
    Exam,
    Finding,
    Lineage,
    Outcome,
    Response,
    Run,
    Sample,
    Score,
    Settings,
    Stop,
    Task,
    Verdict,
)
from harness.store import read
from harness.store.open import Store, open_store
from harness.store.write import Writer

TEXTS = (
    "<script>alert(1)</script>", "</script><script>alert(2)</script>", "<!--", "]]>", "\"onmouseover=alert(3) x=\"",
    "'`${alert(4)}`", "{{7*7}}{%raw%}{0}{name!r}", "javascript:alert(5)", "line\u2028sep\u2029para",
    "\u202egnorw\u202c\u2067\u200f", "nul\x00nul", "half\ud83d", "\udc00tail", "z" + "\u0301\u0489" * 5000, "__proto__",
    "constructor", "toString", "hasOwnProperty", '=HYPERLINK("http://evil.example/","x")', "../../../etc/passwd", "CON",
    "nul.html", "a/b\\c?d#e&f=g%zz", "<img src=x onerror=alert(6)>", "<svg/onload=alert(7)>", "$& $' $1 \\1", "W" * 400,
    "", " ", "\t\r\n", "-rf", "@user", "|cmd", "模型\u3000甲", "tag\U000e0041\U000e0042", "&lt;b&gt;&#x202e;",
    "</textarea></title></style></noscript></template><h1>out</h1>",
)  # fmt: skip
KINDS = ("base", "full", "adapter", "merged", "endpoint", "outputs", "<script>alert(8)</script>", "__proto__")
TASKS = ("__proto__", "constructor", "<script>alert(9)<_script>", "toString")
OUTCOMES: list[Outcome] = [outcome for outcome in get_args(Outcome) if outcome != "ungraded"]
STOPS: tuple[Stop, ...] = get_args(Stop)
Texts = Iterator[str]


def build(path: Path, questions: int = 12) -> None:
    texts = itertools.cycle(TEXTS)
    checkpoints = list(_checkpoints(texts))
    exams = [_exam(name, k, questions if k else 1, texts) for k, name in enumerate(TASKS)]
    with open_store(path) as store, Writer(store) as writer:
        writer.add_engine(ENGINE)
        runs = []
        for i, checkpoint in enumerate(checkpoints):
            writer.add_checkpoint(checkpoint)
            for k, exam in enumerate(exams):
                if i < 5 or (k in (i % 4, 1) and i < len(TEXTS)):
                    runs.append(_run(store, writer, checkpoint, exam, (i, k), texts))
        finding = Finding(next(texts), "warn", next(texts), next(texts), next(texts))
        for status in ("pass", "fail"):
            judged = Verdict(status, 3, next(texts), (), (finding,), before=next(texts), after=next(texts))
            writer.put_verdict(judged, [runs[0].id], [runs[len(TASKS)].id])
        writer.flush()


def _checkpoints(texts: Texts) -> Iterator[Checkpoint]:
    ids = [identity.digest(["hostile", i]) for i in range(len(TEXTS) + 2)]
    for i, name in enumerate([*TEXTS, TEXTS[0], "no runs"]):  # two of one name, one that was never asked
        lineage = None
        if i % 2:
            lineage = Lineage(
                next(texts), {next(texts): next(texts), "__proto__": float("inf")}, parent=ids[i - 1] if i % 3 else next(texts),
                teacher=next(texts), data=({"name": next(texts), "rows": next(texts), next(texts): 1},), steps=i * 100,
                seconds=1e12, loss=((1, 3.0), (2, 1.0)), versions={next(texts): next(texts)}, trained_on=(next(texts), "number"),
            )  # fmt: skip
        yield Checkpoint(
            ids[i], name, KINDS[i % len(KINDS)], path="/home/private/x", base=ids[i - 1] if i % 4 == 2 else None,
            parts={"weights": next(texts)}, bytes=1 << (20 + i % 12), dtype=next(texts), quantization=next(texts),
            architecture=next(texts), lineage=lineage,
        )  # fmt: skip


def _exam(name: str, k: int, n: int, texts: Texts) -> Exam:
    title = {"en": next(texts), "zh": next(texts)} if k % 2 else {}
    letters = k == 0
    card = Task(
        name, version=f'{k}"<b>', title=title, source=next(texts), split=next(texts), licence=TEXTS[k - 3], languages=("zh",),
        ask="letters" if letters else "generate", scorer="options" if letters else "number", variant="labels" if k == 2 else "",
        average="macro" if letters else "micro", chance=0.25 if letters else None,
    )  # fmt: skip
    samples = tuple(
        Sample(
            identity.digest([name, i]), i, f"{next(texts)} PLANTED-Q{k}.{i}.", tuple(f"{j} {next(texts)}" for j in range(4 * letters)),
            "B" if letters else f"PLANTED-G{k}.{i}.", TEXTS[i % 9], (next(texts),), next(texts),
        )
        for i in range(n)
    )  # fmt: skip
    return Exam(identity.digest([card.key, "hostile"]), identity.digest(["golds", k]), card, samples)


def _run(store: Store, writer: Writer, who: Checkpoint, exam: Exam, at: tuple[int, int], texts: Texts) -> Run:
    i, k = at
    settings = Settings(
        chat=bool(i % 2 and k == 3), system="PLANTED-S" if i % 7 == 0 else "",
        asked="here" if i % 5 else f"elsewhere:{TEXTS[i % len(TEXTS)]}",
    )  # fmt: skip
    run = Run(
        identity.run_id(who.id, exam.id, settings, ENGINE.id), who.id, exam.id, settings, ENGINE.id, expected=len(exam.samples),
        started="2026-01-02T03:04:05Z", tags=(next(texts), next(texts)),
    )  # fmt: skip
    writer.add_exam(exam)
    writer.start_run(run, "host", 1)
    partial = i % 6 == 5 and len(exam.samples) > 1
    for sample in exam.samples[: 5 if partial else None]:
        outcome: Outcome = OUTCOMES[(sample.position * 5 + i) % len(OUTCOMES)] if sample.position % 3 else "correct"
        mine = f"{outcome}-{i}-{k}-{sample.position}"
        text = f"{next(texts)} PLANTED-T-{mine} {next(texts)}" + "y" * (1_000_000 if at == (2, 1) else 0)
        writer.put(
            Response(
                run.id, sample.id, 0, text, f"PLANTED-H-{mine}{next(texts)}", f"PLANTED-P-{mine} {next(texts)}{sample.question}",
                output_tokens=1_000_000 if i == 3 else 7, stop=STOPS[i % 3], notes=(f"PLANTED-N-{mine}", next(texts)),
                error=f"PLANTED-E-{mine}{next(texts)}" if outcome == "error" else None,
                logprobs=(-1.0, float("-inf"), -2.0, -3.0) if sample.choices else None,
            )
        )  # fmt: skip
        answer = None if outcome in ("empty", "error", "unparsed") else f"PLANTED-A-{mine}{next(texts)}"
        score = Score(
            exam.task.scorer, 1, float(outcome == "correct"), answer, next(texts), outcome, {"why": next(texts)}
        )
        writer.put_score(run.id, sample.id, 0, score, exam.key)
    if not partial:
        writer.finish_run(run.id, "done")
        writer.put_results(run.id, metrics.summarise(read.table(store, run.id), exam.task, run.id))
    return run
