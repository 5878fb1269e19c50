"""How often the place of an extracted answer is found in real replies, how often it is the right one, and how long it takes.

    python tests/benchmarks/spans.py ../shared/data [data set]

The truth is tests/span_oracle.py: the real scorers read every reply again with other signs at the marked place. The rules
were written on openai, tora, base, qwen, lawbench, pulse, gaokao and alpaca; math and gsm8k (worked solutions by people)
were looked at afterwards only. Of stock filters the truth is the filter's own pattern.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from span_oracle import confirmed, read

from harness.records import Sample
from harness.spans import Span, locate

Row = tuple[str, str, Sample, str]  # data set, scorer, sample, reply
LISTS = ("Lang_and_Usage", "Modern_Lit", "Fill_in", "Reading_Comp", "Geography", "Cloze")
FILTERS = {"strict-match": (r"#### (\-?[0-9\.\,]+)", 0), "flexible-extract": (r"(-?[$0-9.,]{2,})|(-?[0-9]+)", -1)}


def lines(path: Path) -> Iterator[Any]:
    packed = path.read_bytes()
    yield from map(json.loads, (gzip.decompress(packed) if path.suffix == ".gz" else packed).splitlines())


def whole(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


def sample(target: str, question: str = "", choices: tuple[str, ...] = ()) -> Sample:
    return Sample("s", 0, question, choices, target)


def numbers(data: Path) -> Iterator[Row]:
    for row in lines(data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz"):
        gold = row["ground_truth"].rsplit("A:", 1)[1].strip()
        for system in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            yield "openai", "number", sample(gold, row["question"]), row[system]["solution"]
    for path in sorted((data / "outputs_tora_gsm8k").glob("*.jsonl.gz")):
        for row in lines(path):
            yield "tora", "number", sample(row["gt"], row["question"]), row["code"][0]
    for path in sorted((data / "outputs_eval_gsm8k_base").glob("*.gz")):
        for row in whole(path)[:-1]:
            gold = sample(row["extracted_gold_answer"], row["question"])
            yield "base", "number", gold, row["model_answers_text"][0]
    for row in lines(data / "outputs_qwen_math_cot100" / "math_cot_100.jsonl.gz"):
        for said in row["response"][:2]:
            yield "qwen", "number", sample(str(row["gt"])), said
    for row in lines(data / "math" / "test.jsonl.gz"):
        yield "math (held out)", "number", sample("0"), row["solution"]
    for row in lines(data / "gsm8k" / "train.jsonl.gz"):
        yield "gsm8k (held out)", "number", sample("0", row["question"]), row["answer"]


def letters(data: Path) -> Iterator[Row]:
    law = data / "outputs_lawbench_jec"
    asked = {
        row["id"]: sample(re.findall("[A-D]", row["answer"])[0], f"{row['instruction']}\n{row['question']}")
        for row in lines(law / "questions.jsonl")
    }
    for row in lines(law / "predictions.jsonl.gz"):
        for scorer in ("choice", "one_letter"):
            yield "lawbench", scorer, asked[row["id"]], row["prediction"]
    for path in sorted((data / "outputs_pulse_medqa" / "predicted").iterdir()):
        for row in lines(path):
            options = tuple(re.findall(r"^[A-E][：:](.*)$", row["question"], re.MULTILINE))
            gold = sample(row["reference_answer"][0], row["question"], options)
            yield "pulse", "choice", gold, row["predict_answer"] or ""
    for path in sorted((data / "outputs_gaokao_gpt4").glob("20*.gz")):
        for row in whole(path)["example"]:
            gold = sample(" ".join(row["standard_answer"]), row["question"])
            several = any(part in path.name for part in LISTS)
            for scorer in ("choice_list",) if several else ("choice", "last_letter"):
                yield "gaokao", scorer, gold, row["model_output"]


def irrelevant(data: Path) -> Iterator[Row]:
    """Replies to what was no question of this kind: whatever a scorer reads there must not be marked wrongly either."""
    for path in sorted((data / "outputs_alpaca_eval").glob("*.gz")):
        for row in whole(path)[::8]:
            yield "alpaca", "yesno", sample("yes", row["instruction"]), row["output"]
            yield "alpaca", "number", sample("18", row["instruction"]), row["output"]
            yield "alpaca", "choice", sample("A", row["instruction"], ("a", "b", "c", "d")), row["output"]


def timed(asked: list[tuple[str, str, str]]) -> tuple[list[Span | None], float]:
    """The places, and microseconds of CPU for each, the best of three."""
    best, spans = float("inf"), []
    for _ in range(3):
        start = time.process_time()
        spans = [locate(*one) for one in asked]
        best = min(best, time.process_time() - start)
    return spans, 1e6 * best / len(asked)


def line(name: str, answered: int, told: Counter[str], microseconds: float, length: float) -> str:
    found = sum(told.values()) - told["none"]
    right = found - told["wrong"]
    share = f"{right / found:.1%}" if found else "–"
    how = f"{told['swapped']}/{told['changed']}/{told['again']}/{told['wrong']}"
    return f"| {name} | {answered:,} | {found / answered:.1%} | {share} | {how} | {microseconds:.1f} | {length:.0f} |"


def stock(data: Path) -> Iterator[tuple[str, int, Counter[str], float, float]]:
    """lm-eval's filters of gsm8k: the place is the match's own."""
    texts = [text for name, _, _, text in numbers(data) if name in ("openai", "base", "gsm8k (held out)")]
    for name, (pattern, which) in FILTERS.items():
        matches = [(text, list(re.finditer(pattern, text))) for text in texts]
        there = [(text, found[which]) for text, found in matches if found]
        spans, each = timed([(text, found[0].removeprefix("#### "), f"exact_match,{name}") for text, found in there])
        told: Counter[str] = Counter()
        for (_, found), span in zip(there, spans, strict=True):
            own = (found.end() - len(found[0].removeprefix("#### ")), found.end())
            told["none" if span is None else "swapped" if span == own else "wrong"] += 1
        yield f"gsm8k / lm-eval / {name}", len(there), told, each, sum(len(t) for t, _ in there) / len(there)


def main() -> None:
    data, only = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    answers: dict[str, list[tuple[str, Sample, str, str, str]]] = defaultdict(list)
    for part in (numbers, letters, irrelevant):
        for name, scorer, asked, text in part(data):
            answer, rule = read(scorer, asked, text) if only in name else (None, "")
            if answer is not None:
                answers[f"{name} / {scorer} / {rule}"].append((scorer, asked, text, answer, rule))
    print(
        "| data / scorer / rule | answers | located | of these right | swapped/changed/again/wrong | µs | characters |"
    )
    print("|---|---|---|---|---|---|---|")
    every: Counter[str] = Counter()
    spent = 0.0
    for name, rows in sorted(answers.items()):
        spans, each = timed([(text, answer, rule) for _, _, text, answer, rule in rows])
        told: Counter[str] = Counter()
        for (scorer, asked, text, _, _), span in zip(rows, spans, strict=True):
            told["none" if span is None else confirmed(scorer, asked, text, span) or "wrong"] += 1
        every += told
        spent += each * len(rows)
        print(line(name, len(rows), told, each, sum(len(row[2]) for row in rows) / len(rows)), flush=True)
    for found in stock(data) if not only else ():
        print(line(*found))
    total = every.total()
    print(line("all", total, every, spent / max(total, 1), 0))


if __name__ == "__main__":
    main()
